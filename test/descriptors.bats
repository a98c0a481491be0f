#!/usr/bin/env bats
# Runs on: ferryd
#
# What a worker process holds: its own client's connection, the root directory and 0 to 2. It is
# born with everything the server has open, and a connection that it kept would not end for a
# client that leaves the queue. (What the server itself holds after many clients: load.bats.)
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# descriptors PID: what each of them leads to, one a line, sorted; sockets without their number
descriptors() {
    fds_of "$1" | sed 's/socket:.*/socket/'
}

setup() {
    look_inside
}

# holds_its_own PID [WHAT]: besides 0 to 2, one connection, the root, and WHAT
holds_its_own() {
    assert_eq "$(descriptors "$1" | sed -E '/^[012] /d; s/^[0-9]+ //' | sort)" \
        "$(printf '%s\n' "$ROOT" socket ${2:+"$2"} | sort)" "descriptors of worker $1" || return
    assert_eq "$(descriptors "$1" | grep -c '^[012] ')" 3 "standard descriptors of worker $1"
}

@test "a worker that is started while others wait holds no connection but its own" {
    local -a pids
    local pid
    start_server -- 2
    # When c's and d's workers start, the others are in the queue.
    hold a b c d e f g h i j k l
    held a b
    release a b
    held c d
    mapfile -t pids < <(workers)
    assert_eq "${#pids[@]}" 2 workers
    for pid in "${pids[@]}"; do
        holds_its_own "$pid"
    done
}

# The server has some places for the connections of those who run, and puts them there where many
# wait (architecture.md).

# in_bays: the clients of all workers are in bays, so the server has their connections, too
in_bays() {
    local pid connection theirs
    theirs=$(fds_of "$SERVER_PID")
    for pid in $(workers); do
        connection=$(fds_of "$pid" | grep socket:)
        grep -qxF "$connection" <<<"$theirs" ||
            fail "not in a bay: $connection" "the server has" "$theirs" || return
    done
}

descriptors_are() {
    [ "$(fd_count "$SERVER_PID")" -eq "$1" ]
}

@test "a worker that is started while hundreds wait holds no connection but its own, either" {
    local pid before line
    [ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 1024 ] ||
        skip "where there are fewer descriptors there are no bays"
    # The bays go around what the server's own parent left open, and no further.
    echo secret >"$BATS_TEST_TMPDIR/secret"
    # shellcheck disable=SC2016 # for the inner shell
    SERVER_PREFIX=(bash -c 'exec 10<"$0" 200<"$0" && exec "$@"' "$BATS_TEST_TMPDIR/secret")
    start_server -v -- 2
    before=$(fd_count "$SERVER_PID")
    hold a b
    held a b
    for pid in c d; do
        client $pid say connected expect READY say ready timeout 20000 gone say gone
        says $pid connected
    done
    mkfifo "$BATS_TEST_TMPDIR/go"
    "$BIN/test/waiters" "$PORT" 300 2 <>"$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/line" 2>&1 3>&- 4>&- &
    line=$!
    track "$line"
    wait_for_line "$SERVER_OUT" '^server connected to client' 304
    release a b
    says c ready
    says d ready
    workers_are 2
    in_bays
    for pid in $(workers); do
        holds_its_own "$pid"
        [ "$(descriptors "$pid" | awk '/socket/ { print $1 }')" -lt 100 ] ||
            fail "the bays are high" "$(descriptors "$pid")"
    done
    assert_eq "$(descriptors "$SERVER_PID" | grep -c secret)" 2 "what the server was started with"
    # Killed, it has no time for shutdown(2): the connection ends when the last copy is closed.
    for pid in $(workers); do
        kill -KILL "$pid"
    done
    says c gone
    says d gone
    kill "$line"
    wait_until "$WAIT_SECONDS" descriptors_are "$before"
    # The server goes on as if nothing had been.
    hold e f
    held e f
}

@test "in the middle of a GET it holds that file besides, and nothing else" {
    local pid
    start_server -- 1
    truncate -s 100M "$ROOT/file"
    hold a
    client b say connected expect READY send 'GET file\n' expect OK send READY learn-size \
        send OK skip 1000 say moving wait
    says b connected
    hold c d
    release a
    says b moving
    pid=$(workers)
    holds_its_own "$pid" "$ROOT/file"
}

@test "a waiter that gives up is let go of, though workers born meanwhile live on" {
    start_server -- 2
    hold a b
    held a b
    hold c
    client waiter say connected wait shut say gave-up eof
    says waiter connected
    release a
    held c
    tell waiter
    says waiter gave-up
    # The server drops the waiter when its turn comes; only then can its connection end.
    release b
    succeeds waiter
    is_served c
    workers_are 1
}

@test "a client whose worker dies sees the end, though workers born meanwhile live on" {
    local worker
    start_server -- 2
    client served expect READY say ready timeout 20000 gone
    says served ready
    worker=$(workers)
    hold a
    held a
    # Killed, it has no time for shutdown(2): the connection ends when the last copy is closed.
    kill -KILL "$worker"
    succeeds served
    is_served a
    # Not yet reaped, the dead one still counts.
    wait_until "$WAIT_SECONDS" workers_are 1
}

@test "what the server's own parent left open does not reach a worker" {
    local pid
    echo secret >"$BATS_TEST_TMPDIR/secret"
    # shellcheck disable=SC2016 # for the inner shell
    SERVER_PREFIX=(bash -c 'exec 5<"$0" 9<"$0" 77<"$0" && exec "$@"' "$BATS_TEST_TMPDIR/secret")
    start_server
    hold a
    held a
    assert_eq "$(descriptors "$SERVER_PID" | grep -c secret)" 3 "leaked descriptors in the server"
    pid=$(workers)
    holds_its_own "$pid"
}

# unnamed PID: the memory of no file, a piece a line: its addresses, and its bytes
unnamed() {
    local from to rest
    while read -r from to rest; do
        [[ $rest == *' 00:00 0' ]] && echo "$from-$to $((16#$to - 16#$from))"
    done < <(sed 's/-/ /; s/ *$//' "/proc/$1/maps")
}

# large_pieces PID: the addresses of those of a megabyte and more
large_pieces() {
    unnamed "$1" | awk '$2 >= 1000000 { print $1 }'
}

@test "a worker has in its memory neither queue nor set, nor who else is there" {
    local bytes
    [ -z "$SANITIZED" ] || skip "a sanitizer has much memory of its own"
    # The queue and the set have more than a hundred bytes for each place, the board two thousand,
    # the counts by source at least ten.
    start_server --sandbox=off --queue 100000 --per-source 9000 --board "$BATS_TEST_TMPDIR/board" \
        -- 10000
    hold a b
    held a b
    bytes=$(unnamed "$SERVER_PID" | awk '$2 >= 1000000 { sum += $2 } END { print sum }')
    [ "$bytes" -gt $((10000000 + 1000000 + 20000000 + 1000000)) ] ||
        fail "queue, set, board and counts are not found in the server: $bytes bytes" || return
    for pid in $(workers); do
        assert_eq "$(large_pieces "$pid")" "" "large pieces of memory in worker $pid" || return
    done
}
