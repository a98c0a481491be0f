#!/usr/bin/env bats
# Runs on: ferryd
#
# Whoever has pages of another size than 4 KiB, and a worker that cannot let go of memory: it must
# not meet a client. (test/pages is the server with pages of 64 KiB.)

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

BOARD=$BATS_TEST_TMPDIR/board

setup() {
    FERRYD=$BIN/test/ferryd-pages
}

@test "with pages of 64 KiB, files go both ways beside each other" {
    local name
    start_server
    hold other
    held other
    random_file "$BATS_TEST_TMPDIR/file" 3000000
    for name in a b; do
        wire_put "$BATS_TEST_TMPDIR/file" "$name"
        wire_get "$name" "$BATS_TEST_TMPDIR/got"
        assert_file_eq "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/file"
    done
}

# shared PID: its shared memory, one piece a line: bytes and inode
shared() {
    local from to mode inode name
    while read -r from to mode _ _ inode name; do
        [[ $mode != *s ]] || [ "$name" != '/dev/zero (deleted)' ] ||
            echo "$((16#$to - 16#$from)) $inode"
    done < <(sed 's/-/ /' "/proc/$1/maps")
}

# claims_bytes PID: how many of the claims' pages, the server's largest piece, are mapped there
claims_bytes() {
    local claims
    claims=$(shared "$SERVER_PID" | sort -n | awk 'END { print $2 }')
    [ -n "$claims" ] || fail "the server has no shared memory" || return
    shared "$1" | awk -v claims="$claims" '$2 == claims { total += $1 } END { print total + 0 }'
}

one_gets() {
    [ "$("$BIN/ferrytop" --once "$BOARD" | grep -c 'GET.*file')" -eq 1 ]
}

@test "with pages of 64 KiB, a worker keeps those of its own claims, and ferrytop finds all of them" {
    local pid
    # Otherwise nobody but root may see what is mapped.
    start_server --board "$BOARD" --sandbox=off -- 3
    assert_eq "$(claims_bytes "$SERVER_PID")" $((3 * 65536)) "bytes of claims in the server"
    hold a b c
    held a b c
    for pid in $(workers); do
        assert_eq "$(claims_bytes "$pid")" 65536 "bytes of claims in worker $pid"
    done
    random_file "$ROOT/file" 1000
    release b
    client get expect READY send 'GET file\n' expect OK send READY learn-size say asked wait
    says get asked
    wait_until 5 one_gets # the file may be a little behind
    tell get
}

@test "a worker that cannot let go of others' claims ends unread, and the next one serves nobody either" {
    local last
    # The two workers that are tried take one call each, and so do those of the first two clients:
    # they have the slots at either end. The third client's takes two.
    for last in 5 6; do
        SERVER_PREFIX=(env "FAIL_UNMAP=$last")
        start_server -vv --sandbox=off
        random_file "$ROOT/file" 1000
        hold first second
        held first second
        for client in 3 4; do
            "$WIRE" "$PORT" send 'GET file\n' eof || true # it may be told by a reset
            wait_for_line "$SERVER_OUT" " client $client ended, .*, sandbox after "
        done
        is_alive "$SERVER_PID"
        refute grep -F 'server receiving request' "$SERVER_OUT"
        kill_server
    done
}

@test "a server whose workers cannot let go of memory says so at once, and ends" {
    [ -z "$SANITIZED" ] || skip "a sanitizer unmaps memory of its own before"
    FERRYD=$BIN/$SERVER
    mkdir -p "$ROOT"
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    # Of each process the first; the server's own is ld.so's, if any, which does not mind.
    run timeout "$WAIT_SECONDS" env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null \
        -e trace=munmap -e "inject=munmap:error=ENOMEM:when=1" \
        "$FERRYD" --sandbox=off -d "$ROOT" 0
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "$SERVER: a worker cannot let go of the memory of others"
}
