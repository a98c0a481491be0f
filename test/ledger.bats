#!/usr/bin/env bats
# The ledger: one line of JSON for every client, when its stay is over, whatever ended it; truthful
# where the worker was killed, harmless where it cannot be written. docs/ledger.md is the schema.

load lib

LEDGER=$BATS_TEST_TMPDIR/ledger

# Runs the server with a ledger: start [OPTION...] [-- MAX]
start() {
    start_server --ledger "$LEDGER" "$@"
}

# each EXPRESSION: for every line, read as JSON, what the Python expression makes of the client `c`
each() {
    python3 -c '
import json, re, sys
for line in open(sys.argv[1], encoding="utf-8", newline="\n"):
    assert line.endswith("\n"), "no whole line: " + line
    c = json.loads(line)
    print(eval(sys.argv[2]))' "$LEDGER" "$1"
}

# has_lines N: to wait for
has_lines() {
    [ "$(wc -l <"$LEDGER")" -ge "$1" ]
}

# ends N EXPRESSION WANT: once there are N lines, EXPRESSION of the last one is WANT
ends() {
    wait_until "$WAIT_SECONDS" has_lines "$1"
    assert_eq "$(wc -l <"$LEDGER")" "$1" "lines"
    each "$2" >"$BATS_TEST_TMPDIR/each" || fail "no ledger: $(<"$LEDGER")"
    assert_eq "$(tail -n 1 "$BATS_TEST_TMPDIR/each")" "$3" "$2"
}

# ---- what a line says ----

FIELDS='server cap client service peer accepted accepted_ns started started_ns first_byte first_byte_ns'
FIELDS+=' last_byte last_byte_ns reaped reaped_ns wait_ns worker running kind place verb name status size'
FIELDS+=' bytes error reason signal outcome'

@test "a line has the fields of docs/ledger.md, and no others, in that order" {
    local documented
    start
    wire_put "$BATS_TEST_FILENAME" f
    ends 1 '" ".join(c)' "$FIELDS"
    # shellcheck disable=SC2016 # the backquotes are the page's
    documented=$(sed -nE '/^## Fields/,/^## Outcomes/s/^\| (`.*`) \|.*\|.*\|$/\1/p' \
        "$PROJECT/docs/ledger.md" | tr -d '`,' | xargs)
    # The page groups what belongs together; its order within a line is not promised there.
    assert_eq "$(tr ' ' '\n' <<<"$documented" | sort | xargs)" \
        "$(tr ' ' '\n' <<<"$FIELDS" | sort | xargs)" "the documented fields"
}

@test "GET, PUT and DEL have their lines: verb, name, size, bytes, outcome" {
    local what='c["client"], c["verb"], c["name"], c["size"], c["bytes"], c["error"], c["outcome"], c["reason"]'
    start
    random_file "$BATS_TEST_TMPDIR/new" 70000
    wire_put "$BATS_TEST_TMPDIR/new" f
    ends 1 "$what" "(1, 'PUT', 'f', 70000, 70000, None, 'done', None)"
    wire_get f "$BATS_TEST_TMPDIR/got"
    ends 2 "$what" "(2, 'GET', 'f', 70000, 70000, None, 'done', None)"
    "$WIRE" "$PORT" expect READY send 'DEL f\n' expect DONE eof
    ends 3 "$what" "(3, 'DEL', 'f', 0, 0, None, 'done', None)"
    "$WIRE" "$PORT" expect READY send 'GET f\n' expect 'ERROR: f does not exist' eof
    ends 4 "$what" "(4, 'GET', 'f', 0, 0, 'f does not exist', 'refused', 'ENOENT')"
    "$WIRE" "$PORT" expect READY send 'HELLO\n' expect 'ERROR: bad request' eof
    ends 5 "$what" "(5, None, None, 0, 0, 'bad request', 'refused', 'EBADMSG')"
}

@test "its times are in order, and say the same by both clocks" {
    start
    random_file "$ROOT/f" 3000000
    wire_get f "$BATS_TEST_TMPDIR/got"
    ends 1 '0 < c["accepted_ns"] <= c["started_ns"] <= c["first_byte_ns"] <= c["last_byte_ns"] <= c["reaped_ns"]' True
    ends 1 'c["wait_ns"] == c["started_ns"] - c["accepted_ns"]' True
    # RFC 3339, UTC, microseconds; each is as far from accepted as its _ns is.
    run python3 -c '
import datetime, json, sys
c = json.loads(open(sys.argv[1]).read())
when = {k: datetime.datetime.strptime(c[k], "%Y-%m-%dT%H:%M:%S.%fZ")
        for k in ("accepted", "started", "first_byte", "last_byte", "reaped")}
for k in when:
    wall = (when[k] - when["accepted"]) / datetime.timedelta(microseconds=1)
    assert abs(wall - (c[k + "_ns"] - c["accepted_ns"]) / 1000) < 1.1, (k, wall)
now = datetime.datetime.utcnow()
assert abs((now - when["accepted"]).total_seconds()) < 60, (now, when["accepted"])
' "$LEDGER"
    assert_eq "$status $output" "0 " "the clocks"
}

@test "who waited, for how long, in which place, and beside how many it then ran" {
    start -- 2
    hold a b c d
    held a b
    release a
    held c
    release b c
    held d
    release d
    wait_until "$WAIT_SECONDS" has_lines 4
    run each '(c["client"], c["running"], c["place"], c["wait_ns"] > 1000000)'
    # c and d came while two ran, and ran when one had left.
    assert_contains "$output" "(1, 1, 0, "
    assert_contains "$output" "(2, 2, 0, "
    assert_contains "$output" "(3, 2, 0, True)"
    assert_contains "$output" "(4, "
    assert_eq "$(each 'c["place"] if c["client"] == 4 else ""' | xargs)" 1 "the fourth's place"
}

@test "it names the worker that ran, and what kind it is" {
    start -vv
    hold a
    held a
    local kind=pid
    is_threads && kind=thread
    [[ $(grep -oE "client 1 started, $kind [0-9]+" "$SERVER_OUT") =~ ([0-9]+)$ ]]
    release a
    ends 1 'c["kind"], c["worker"], c["peer"][:10]' "('$kind', ${BASH_REMATCH[1]}, '127.0.0.1:')"
}

# ---- the outcomes ----

@test "outcome client-gone: it left in the middle, and the bytes that had come are counted" {
    start
    "$WIRE" "$PORT" expect READY send 'PUT f\n' expect OK size 5000 expect OK send 12345 close
    ends 1 'c["outcome"], c["verb"], c["size"], c["bytes"]' "('client-gone', 'PUT', 5000, 5)"
}

@test "outcomes timeout and broken" {
    start -t 1 --request-timeout 1
    hold silent
    ends 1 'c["outcome"], c["verb"], c["first_byte"], c["bytes"]' "('timeout', None, None, 0)"
    release silent
    printf x >"$ROOT/f"
    "$WIRE" "$PORT" expect READY send 'GET f\n' expect OK send 'WHAT?' eof
    ends 2 'c["outcome"], c["reason"]' "('broken', 'EPROTO')"
}

@test "outcome abandoned-in-queue: it never ran, and its wait is all of its stay" {
    start -- 1
    hold a b
    held a
    release b a
    wait_until "$WAIT_SECONDS" has_lines 2
    run each '(c["outcome"], c["started"], c["worker"], c["running"], c["wait_ns"] == c["reaped_ns"] - c["accepted_ns"]) if c["client"] == 2 else ""'
    assert_contains "$output" "('abandoned-in-queue', None, None, None, True)"
}

@test "outcome shutdown: those who wait, and those who run too long" {
    start --grace 0 -- 1
    hold a b
    held a
    stop_server
    assert_eq "$(each '(c["client"], c["outcome"])' | sort | xargs)" \
        "(1, shutdown) (2, shutdown)" "the two lines"
}

# (too-slow takes ten seconds of data, and sandbox a call that fails: limits.bats and sandbox.bats
# look into the ledger for those.)

# A client that has been sent some of a file and takes no more: stuck NAME
stuck() {
    "$WIRE" "$PORT" expect READY send "GET $1\n" expect OK send READY learn-size send OK \
        skip 100000 say stuck timeout 600000 wait close <>"$BATS_TEST_TMPDIR/stuck.in" \
        >"$BATS_TEST_TMPDIR/stuck" 2>&1 3>&- 4>&- &
    track "$!"
    wait_for_line "$BATS_TEST_TMPDIR/stuck" '^stuck$'
}

@test "a worker killed in the middle of a transfer has its truthful line" {
    processes_only
    local worker
    mkfifo "$BATS_TEST_TMPDIR/stuck.in"
    # shellcheck disable=SC2034 # read by clean_up
    EXPECT_CRASH=yes
    start
    truncate -s 1G "$ROOT/large"
    stuck large
    worker=$(workers)
    kill -KILL "$worker"
    ends 1 'c["outcome"], c["signal"], c["verb"], c["name"], c["size"], c["worker"]' \
        "('signal', 9, 'GET', 'large', 1073741824, $worker)"
    # What its client has had, and what is on its way; not the file.
    ends 1 '100000 <= c["bytes"] < 1073741824 // 2' True
    ends 1 'c["started_ns"] <= c["first_byte_ns"] <= c["last_byte_ns"] <= c["reaped_ns"]' True
}

# ---- names ----

@test "any name comes back as it was, and none breaks a line" {
    local name names=('quo"te' 'back\slash' $'tab\tbell\a' $'\x1b[31mred' 'ünïcödé' $'\xff\xfe'
        '","outcome":"forged' '{}[],:' $'del\x7f' $'\u2028line'
        $'\u2029next' $'c1\u0080\u0085\u009b31m\u009f')
    start
    for name in "${names[@]}"; do
        "$WIRE" "$PORT" expect READY send "GET ${name//\\/\\\\}\n" rest >/dev/null
    done
    wait_until "$WAIT_SECONDS" has_lines "${#names[@]}"
    refute grep -q $'[\x01-\x09\x0b-\x1f\x7f]' "$LEDGER"
    # C1 controls, and what ends a line for some readers.
    refute env LC_ALL=C grep -q $'\xc2[\x80-\x9f]\|\xe2\x80[\xa8\xa9]' "$LEDGER"
    # By the client's number: the lines are in the order of the ends.
    python3 -c '
import json, os, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8", newline="\n")]
for c in sorted(lines, key=lambda c: c["client"]):
    sys.stdout.buffer.write((c["name"] or c["error"]).encode("utf-8", "surrogateescape") + b"\0")
' "$LEDGER" >"$BATS_TEST_TMPDIR/names"
    printf '%s\0' "${names[@]}" >"$BATS_TEST_TMPDIR/wanted"
    assert_file_eq "$BATS_TEST_TMPDIR/names" "$BATS_TEST_TMPDIR/wanted"
}

# ---- writing ----

@test "each line is one write, in append mode" {
    needs_strace
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -y -o "$BATS_TEST_TMPDIR/trace" -e "trace=openat,write")
    start --sandbox=off
    printf x >"$ROOT/f"
    for _ in 1 2 3; do
        wire_get f "$BATS_TEST_TMPDIR/got"
    done
    wait_until "$WAIT_SECONDS" has_lines 3
    stop_server
    assert_eq "$(grep -c "write([0-9]*<$LEDGER>" "$BATS_TEST_TMPDIR/trace")" 3 "writes"
    grep -q 'openat(.*"ledger", .*O_APPEND' "$BATS_TEST_TMPDIR/trace" ||
        fail "not opened to append" "$(grep openat "$BATS_TEST_TMPDIR/trace" | grep ledger)"
}

@test "five hundred clients at once have five hundred whole lines, each its own" {
    start -- 10
    printf x >"$ROOT/f"
    "$SWARM" -c 50 -n 500 "$PORT" GET f
    wait_until "$WAIT_SECONDS" has_lines 500
    assert_eq "$(each 'c["client"] if c["outcome"] == "done" else c' | sort -n | xargs)" \
        "$(seq 500 | xargs)" "the clients"
}

@test "an older ledger is kept, and continued" {
    echo '{"client":0}' >"$LEDGER"
    start
    hold a
    release a
    ends 2 'c["client"]' 1
    assert_eq "$(head -n 1 "$LEDGER")" '{"client":0}'
}

# ---- trouble ----

@test "a ledger that cannot be opened at the start is an error that names it" {
    for file in "$BATS_TEST_TMPDIR/missing/ledger" "$BATS_TEST_TMPDIR"; do
        run timeout 10 "$FERRYD" --root "$BATS_TEST_TMPDIR" --ledger "$file" 0
        assert_eq "$status" 1 "exit status"
        assert_contains "$output" "$SERVER: cannot write the ledger $file: "
        assert_eq "${#lines[@]}" 1 "lines"
    done
}

@test "a ledger that takes no more is complained about once, and disturbs nobody" {
    ln -s /dev/full "$LEDGER"
    start
    printf x >"$ROOT/f"
    for _ in 1 2 3; do
        wire_get f "$BATS_TEST_TMPDIR/got"
    done
    stop_server
    assert_eq "$(grep -c 'cannot write the ledger' "$SERVER_ERR")" 1 "complaints"
    assert_contains "$(<"$SERVER_ERR")" \
        "$SERVER: cannot write the ledger $LEDGER: No space left on device; serving goes on"
}

@test "a ledger that is a pipe nobody reads holds nobody up" {
    local reader
    mkfifo "$LEDGER"
    exec {reader}<>"$LEDGER"
    start -- 8
    printf x >"$ROOT/f"
    # More lines than a pipe has room for (64 KiB).
    "$SWARM" -c 8 -n 400 "$PORT" GET f
    assert_contains "$(<"$SERVER_ERR")" 'cannot write the ledger'
    exec {reader}<&-
    # And then without any reader: no SIGPIPE.
    "$SWARM" -c 8 -n 10 "$PORT" GET f
    stop_server
}

@test "a line that a full disk cut short does not spoil the next one" {
    # shellcheck disable=SC2016,SC2034 # for the inner shell; read by start_server
    SERVER_PREFIX=(bash -c 'ulimit -f 1; exec "$@"' limited)
    printf '%01000d\n' 0 >"$LEDGER" # 23 bytes of the one KiB are left
    start
    hold a
    release a
    wait_for_line "$SERVER_ERR" 'cannot write the ledger'
    # Room again, as after somebody has cleaned up.
    tail -c 23 "$LEDGER" >"$BATS_TEST_TMPDIR/half"
    cat "$BATS_TEST_TMPDIR/half" >"$LEDGER"
    hold b
    held b
    release b
    wait_until "$WAIT_SECONDS" has_lines 2
    assert_eq "$(head -n 1 "$LEDGER")" "$(<"$BATS_TEST_TMPDIR/half")" "the half line"
    sed -i 1d "$LEDGER"
    ends 1 'c["client"], c["outcome"]' "(2, 'client-gone')"
}

@test "nor does one that a server before this one left" {
    printf '{"client":1,"pe' >"$LEDGER"
    start
    hold a
    release a
    wait_until "$WAIT_SECONDS" has_lines 2
    assert_eq "$(head -n 1 "$LEDGER")" '{"client":1,"pe' "the half line"
    sed -i 1d "$LEDGER"
    ends 1 'c["client"]' 1
}

# ---- rotating ----

@test "SIGHUP opens the ledger again, from inside the sandbox, and nobody is lost" {
    start -vv
    printf x >"$ROOT/f"
    wire_get f "$BATS_TEST_TMPDIR/got"
    wait_until "$WAIT_SECONDS" has_lines 1
    mv "$LEDGER" "$LEDGER.1"
    wire_get f "$BATS_TEST_TMPDIR/got"
    LEDGER=$LEDGER.1 ends 2 'c["client"]' 2
    kill -HUP "$SERVER_PID"
    wait_for_line "$SERVER_OUT" 'reopening the ledger'
    wire_get f "$BATS_TEST_TMPDIR/got"
    wait_until "$WAIT_SECONDS" test -s "$LEDGER"
    ends 1 'c["client"]' 3
    assert_eq "$(wc -l <"$LEDGER.1")" 2 "lines in the old one"
    assert_eq "$(grep -v root "$SERVER_ERR")" "" "complaints"
}

@test "SIGHUP to every process of the server disturbs none of its clients" {
    start -vv -- 2
    hold a
    held a
    # What pkill -HUP ferryd does.
    for pid in "$SERVER_PID" $(is_threads || workers); do
        kill -HUP "$pid"
    done
    wait_for_line "$SERVER_OUT" 'reopening the ledger'
    hold b
    held b
    release a b
    wait_until "$WAIT_SECONDS" has_lines 2
    assert_eq "$(each 'c["outcome"]' | sort -u)" client-gone "outcomes"
}

@test "a ledger that cannot be opened again goes on in the file there was" {
    start
    mkdir "$BATS_TEST_TMPDIR/gone"
    mv "$LEDGER" "$BATS_TEST_TMPDIR/gone/ledger"
    mkdir "$LEDGER"
    kill -HUP "$SERVER_PID"
    wait_for_line "$SERVER_ERR" "cannot open the ledger $LEDGER again: Is a directory; keeping"
    hold a
    release a
    LEDGER=$BATS_TEST_TMPDIR/gone/ledger ends 1 'c["client"]' 1
}

@test "without a ledger SIGHUP ends the server, as it does any program" {
    start_server
    kill -HUP "$SERVER_PID"
    wait_server
    assert_eq "$SERVER_STATUS" 129 "exit status"
}
