#!/usr/bin/env bats
#
# A worker tells of its client in memory that the server and ferrytop read. One that has been taken
# over (the hostile build, test/hostile/lies.c) can lie there about its own client, within reason,
# and does no other harm.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

LEDGER=$BATS_TEST_TMPDIR/ledger
BOARD=$BATS_TEST_TMPDIR/board

setup() {
    # shellcheck disable=SC2153 # SERVER is lib.bash's
    FERRYD=$BIN/test/$SERVER-hostile
}

# look: ferrytop shows the board, whatever is there, in lines of text
look() {
    "$BIN/ferrytop" --once "$BOARD" >"$BATS_TEST_TMPDIR/frame" || fail "ferrytop ended with $?" || return
    refute grep -n $'[\x01-\x09\x0b-\x1f\x7f]' "$BATS_TEST_TMPDIR/frame"
}

lies() {
    "$WIRE" "$PORT" expect READY send 'LIES\n' rest
}

has_lines() {
    [ "$(wc -l <"$LEDGER")" -ge "$1" ]
}

# is_within_reason COUNT: the ledger has so many lines, and each says what a client's line can say
is_within_reason() {
    wait_until "$WAIT_SECONDS" has_lines "$1" || return
    python3 -c '
import json, re, sys
lines = open(sys.argv[1], "rb").read().split(b"\n")
assert lines.pop() == b"", "a line without an end"
assert len(lines) == int(sys.argv[2]), len(lines)
for line in lines:
    assert len(line) < 16384 and min(line) >= 0x20 and 0x7f not in line, line
    c = json.loads(line.decode())
    assert c["outcome"] in ("done", "refused", "client-gone", "timeout", "too-slow", "broken",
                            "unknown"), c["outcome"]
    assert c["verb"] in (None, "GET", "PUT", "DEL", "HEAD", "DELETE", "OPTIONS", "MKCOL",
                         "LIST"), c["verb"]
    assert c["service"] == "hostile", c["service"]
    assert c["status"] is None or 100 <= c["status"] <= 599, c["status"]
    assert 0 <= c["bytes"] <= c["size"] < 1 << 63, (c["bytes"], c["size"])
    assert c["reason"] is None or re.fullmatch("E[A-Z0-9]+|errno [0-9]{1,4}", c["reason"]), c["reason"]
    for words in c["name"], c["error"]:
        assert words is None or len(words.encode("utf-8", "surrogateescape")) < 1024 + 64, words
    assert c["name"] is None or len(c["name"].encode("utf-8", "surrogateescape")) <= 1024, c["name"]
    times = [c[k] for k in ("accepted_ns", "started_ns", "first_byte_ns", "last_byte_ns",
                            "reaped_ns") if c[k] is not None]
    assert times == sorted(times) and times[0] > 0, times
' "$LEDGER" "$1"
}

@test "whatever a worker says of its client, the server lives and writes down what can be" {
    local count i steps=()
    start_server -v --ledger "$LEDGER" --board "$BOARD"
    count=$(lies)
    [ "$count" -gt 40 ]
    for ((i = 0; i < count; i++)); do
        steps+=(expect READY send "LIE $i\n" expect 'lied\n' reconnect)
    done
    "$WIRE" "$PORT" "${steps[@]}" expect READY close
    is_within_reason $((count + 2))
    look
}

# has_changed: the server has written the board again since it was copied
has_changed() {
    ! cmp -s "$BOARD" "$BATS_TEST_TMPDIR/seen"
}

shows_two() {
    look && [ "$(grep -cE '^( *[0-9]+){3} 127\.0\.0\.1:' "$BATS_TEST_TMPDIR/frame")" -eq 2 ]
}

@test "a worker that changes its story all the time does no harm to who looks at it" {
    local id
    start_server --ledger "$LEDGER" --board "$BOARD"
    for id in a b; do
        client "$id" expect READY send 'WAVER\n' expect 'wavering\n' say wavering wait send enough eof
        says "$id" wavering
    done
    wait_until "$WAIT_SECONDS" shows_two
    for _ in {1..10}; do
        cp "$BOARD" "$BATS_TEST_TMPDIR/seen"
        wait_until "$WAIT_SECONDS" has_changed
        look
        assert_eq "$(grep -cE '^( *[0-9]+){3} 127\.0\.0\.1:' "$BATS_TEST_TMPDIR/frame")" 2 \
            "clients on the screen"
    done
    for id in a b; do
        tell "$id"
        succeeds "$id"
    done
    is_within_reason 2
}

@test "nor does one whose child goes on changing it while the server reads it" {
    local i count=40 steps=()
    processes_only
    start_server --sandbox=off --ledger "$LEDGER"
    # The pause is for the server to read in; it need not be long enough.
    for ((i = 0; i < count; i++)); do
        steps+=(expect READY send 'BEQUEATH\n' pause 20 reconnect)
    done
    "$WIRE" "$PORT" "${steps[@]}" expect READY close
    is_within_reason $((count + 1))
}
