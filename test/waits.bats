#!/usr/bin/env bats
#
# What ends a wait is the clock or a byte, and nothing that a peer or poll(2) says: urgent data, a
# descriptor that is called ready and is not, and bytes that come faster than they are thrown away
# neither hold a slot nor keep a processor busy.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

BOUND_S=8 # far more than a few times --timeout 1

# file_around BYTE BEFORE AFTER: `want` is so many random bytes with that one among them. (Zeros
# would never be spliced: they are not even written.)
file_around() {
    random_file "$BATS_TEST_TMPDIR/before" "$2"
    random_file "$BATS_TEST_TMPDIR/after" "$3"
    {
        cat "$BATS_TEST_TMPDIR/before"
        printf '%s' "$1"
        cat "$BATS_TEST_TMPDIR/after"
    } >"$BATS_TEST_TMPDIR/want"
}

# ---- urgent data ----

# urgent_upload BEFORE AFTER: arrives, with the urgent byte where it was sent
urgent_upload() {
    file_around U "$1" "$2"
    client "$1" expect READY send 'PUT new\n' expect OK size "$(($1 + 1 + $2))" expect OK \
        sendfile "$BATS_TEST_TMPDIR/before" urgent U sendfile "$BATS_TEST_TMPDIR/after" \
        expect DONE eof
    succeeds "$1" || return
    assert_file_eq "$ROOT/new" "$BATS_TEST_TMPDIR/want"
}

@test "a byte sent as urgent is a byte like any other, in an upload of any size" {
    start_server --timeout 3
    urgent_upload 5 5
    urgent_upload 0 1
    urgent_upload 200000 100000
    # From 1 MiB on, splice(2) does it, which stops at such a byte.
    urgent_upload 3000000 2000000
    urgent_upload 20000000 1
}

@test "urgent bytes one after the other are all there" {
    local -a steps=()
    for _ in {1..50}; do
        steps+=(urgent U sendfile "$BATS_TEST_TMPDIR/some")
    done
    head -c 100000 /dev/zero | tr '\0' x >"$BATS_TEST_TMPDIR/some"
    start_server --timeout 3
    client urgent expect READY send 'PUT new\n' expect OK size 5000050 expect OK "${steps[@]}" \
        expect DONE eof
    succeeds urgent
    assert_eq "$(tr -d x <"$ROOT/new" | wc -c)" 50 "urgent bytes"
    assert_eq "$(stat -c %s "$ROOT/new")" 5000050 "bytes"
}

@test "whoever sends an urgent byte and falls silent loses the slot after --timeout" {
    random_file "$BATS_TEST_TMPDIR/some" 2000000
    start_server -vv --timeout 1 -- 2
    client large expect READY send 'PUT new\n' expect OK size 9000000 expect OK \
        sendfile "$BATS_TEST_TMPDIR/some" urgent U zeros 1000 say stuck wait
    client small expect READY send 'PUT new\n' expect OK size 1000 expect OK zeros 10 urgent U zeros 10 \
        say stuck wait
    says large stuck
    says small stuck
    wait_until "$BOUND_S" grep -q ' client 1 ended, .* timeout after ' "$SERVER_OUT"
    wait_until "$BOUND_S" grep -q ' client 2 ended, .* timeout after ' "$SERVER_OUT"
    [ ! -e "$ROOT/new" ]
}

@test "ferry takes an urgent byte from a server like any other, and does not spin" {
    local steps=(send READY expect $'GET f\n' send OK expect READY size 4000001 expect OK
        bytes 2000000 urgent U bytes 2000000 send DONE drain)
    {
        head -c 2000000 /dev/zero
        printf U
        head -c 2000000 /dev/zero
    } | tr '\0' x >"$BATS_TEST_TMPDIR/want"
    mkfifo "$BATS_TEST_TMPDIR/told"
    "$BIN/test/fakeserver" "${steps[@]}" >"$BATS_TEST_TMPDIR/told" 3>&- 4>&- &
    track "$!"
    {
        read -r PORT
        timeout 20 "$FERRY" 127.0.0.1 "$PORT" GET f -o "$BATS_TEST_TMPDIR/got"
    } <"$BATS_TEST_TMPDIR/told"
    assert_file_eq "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/want"
}

# ---- ready, and yet not ----

# in_vain CALLS: from now on these system calls of the server find nothing, whatever poll(2) says
in_vain() {
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    # The sandbox refuses what a tracer needs. A leak checker traces, and so cannot be traced.
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$BATS_TEST_TMPDIR/trace"
        -e "trace=$1" -e "inject=$1:error=EAGAIN$2")
    SERVER_OPTIONS=(--sandbox=off)
}

# is_ended_calmly OUTCOME: client 1 is, after some dozens of such calls, where there can be thousands
is_ended_calmly() {
    local calls
    wait_until "$BOUND_S" grep -q " client 1 ended, .* $1 after " "$SERVER_OUT" || return
    calls=$(grep -c '(INJECTED)$' "$BATS_TEST_TMPDIR/trace")
    ((calls > 1 && calls < 500)) || fail "$calls calls in vain"
}

@test "a download whose socket is called ready for nothing ends in time, and does not spin" {
    in_vain sendfile
    start_server -vv --timeout 1
    echo hello >"$ROOT/f"
    client get expect READY send 'GET f\n' expect OK send READY expect-size 6 send OK wait
    is_ended_calmly timeout
}

@test "an upload whose socket is called ready for nothing ends in time, and does not spin" {
    # The first block goes through the buffer: a read or two for each of request, size and that.
    in_vain splice
    random_file "$BATS_TEST_TMPDIR/some" 3000000
    start_server -vv --timeout 1
    client put expect READY send 'PUT new\n' expect OK size 9000000 expect OK \
        sendfile "$BATS_TEST_TMPDIR/some" wait
    wait_until "$BOUND_S" grep -q ' client 1 ended, .* timeout after ' "$SERVER_OUT"
    kill_server
    in_vain recvfrom :when=20+
    start_server -vv --timeout 1
    client small expect READY send 'PUT new\n' expect OK size 1000 expect OK drip 40 20 wait
    is_ended_calmly timeout
}

@test "a word whose socket is called ready for nothing is given up in time, and nobody spins" {
    in_vain recvfrom
    start_server -vv --timeout 1
    client get expect READY send 'GET f\n' wait
    is_ended_calmly timeout
}

# ---- more than can be thrown away ----

@test "a flood of line ends where a word should come is ended at the deadline" {
    local i ms
    start_server -vv --request-timeout 2 -- 4
    echo hello >"$ROOT/f"
    for i in 1 2 3 4; do
        client "$i" timeout 60000 expect READY send 'GET f\n' expect OK flood '\n'
    done
    for i in 1 2 3 4; do
        wait_for_line "$SERVER_OUT" " client $i ended, .* timeout after "
        ms=$(sed -nE "s/.* client $i ended, .* timeout after ([0-9]+) ms .*/\1/p" "$SERVER_OUT")
        # The rest of the second that a client has to close is theirs, too.
        ((ms >= 2000 && ms < 2000 + 1000 + 500)) || fail "client $i was ended after $ms ms"
    done
}
