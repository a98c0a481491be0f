#!/usr/bin/env bats
#
# The helpers themselves can fail: a test that leans on one of them is worth something.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib
load http

# ---- asserting ----

@test "refute fails when the command succeeds, and when it cannot be run" {
    refute false
    run refute true
    [ "$status" -eq 1 ]
    run refute "$BATS_TEST_TMPDIR/no-such-program"
    [ "$status" -eq 1 ]
    assert_contains "$output" "could not be run"
}

@test "assert_eq fails on different values, and shows both" {
    assert_eq same same
    run assert_eq one two
    [ "$status" -eq 1 ]
    assert_contains "$output" "got:  one"
    assert_contains "$output" "want: two"
}

@test "assert_contains fails when the part is missing, and takes it literally" {
    assert_contains "a [b] c" "[b]"
    run assert_contains "abc" "a*c"
    [ "$status" -eq 1 ]
}

@test "assert_file_eq fails when one byte differs, and when a file is missing" {
    cd "$BATS_TEST_TMPDIR"
    printf 'same' >a
    printf 'same' >b
    printf 'some' >c
    assert_file_eq a b
    run assert_file_eq a c
    [ "$status" -eq 1 ]
    assert_contains "$output" "differ"
    run assert_file_eq a missing
    [ "$status" -eq 1 ]
}

@test "tree_sum sees a change of content, name, mode, type and hidden files" {
    local tree=$BATS_TEST_TMPDIR/tree changes sum change
    mkdir -p "$tree/deep"
    echo content >"$tree/deep/file"
    sum=$(tree_sum "$tree")
    assert_eq "$(tree_sum "$tree")" "$sum"
    changes=('echo other >deep/file' 'mv deep/file deep/elif' 'chmod 600 deep/file'
        'ln -s deep link' 'touch .hidden')
    for change in "${changes[@]}"; do
        cp -a "$tree" "$tree.new"
        (cd "$tree.new" && chmod 644 deep/file && eval "$change")
        [ "$(tree_sum "$tree.new")" != "$sum" ] || fail "not seen: $change"
        rm -r "$tree.new"
    done
}

# ---- waiting ----

@test "wait_until gives up, and names what it waited for" {
    run wait_until 1 test -e "$BATS_TEST_TMPDIR/never"
    [ "$status" -eq 1 ]
    assert_contains "$output" "not within 1 s: test -e $BATS_TEST_TMPDIR/never"
}

@test "wait_for_line counts lines, and shows the file when they do not come" {
    WAIT_SECONDS=1
    printf 'hit 1\nmiss\nhit 2\n' >"$BATS_TEST_TMPDIR/log"
    wait_for_line "$BATS_TEST_TMPDIR/log" '^hit [0-9]$' 2
    run wait_for_line "$BATS_TEST_TMPDIR/log" '^hit' 3
    [ "$status" -eq 1 ]
    assert_contains "$output" miss
    run wait_for_line "$BATS_TEST_TMPDIR/missing" .
    [ "$status" -eq 1 ]
}

# ---- processes ----

@test "a process that nobody reaped is a zombie, and not alive" {
    processes_only
    local fifo=$BATS_TEST_TMPDIR/fifo
    mkfifo "$fifo"
    # The shell starts a child and becomes a program that never waits for it.
    bash -c 'read -r _ <"$0" & exec sleep 1000' "$fifo" 3>&- 4>&- &
    SERVER_PID=$!
    track "$SERVER_PID"
    _has_execed() {
        grep -qx sleep "/proc/$SERVER_PID/comm"
    }
    _has_zombie() {
        [ -n "$(zombies)" ]
    }
    wait_until 5 _has_execed
    workers_are 1
    assert_eq "$(workers live)" "$(workers)"
    refute _has_zombie
    echo >"$fifo"
    wait_until 5 _has_zombie
    workers_are 1
    assert_eq "$(workers)" "$(zombies)"
    assert_eq "$(workers live)" ""
    is_gone "$(zombies)"
    is_alive "$SERVER_PID"
}

@test "what a test tracks is killed, with all it started" {
    bash -c 'sleep 1000 & echo $!; wait' >"$BATS_TEST_TMPDIR/child" 3>&- 4>&- &
    local parent=$! child
    track "$parent"
    wait_for_line "$BATS_TEST_TMPDIR/child" '^[0-9]+$'
    child=$(<"$BATS_TEST_TMPDIR/child")
    is_alive "$child"
    _kill_tracked
    is_gone "$parent"
    is_gone "$child"
}

@test "a tracked pid that is not our descendant is left alone" {
    local orphan
    orphan=$(bash -c 'sleep 1000 >/dev/null 2>&1 3>&- 4>&- & echo $!')
    track "$orphan"
    _kill_tracked
    is_alive "$orphan"
    kill "$orphan"
}

# ---- the server ----

@test "start_server fails, and says why, when the server does not start" {
    run start_server --no-such-option
    [ "$status" -eq 1 ]
    assert_contains "$output" "did not get ready"
    assert_contains "$output" no-such-option
}

@test "start_server passes options and MAX" {
    start_server -v -- 1
    wait_for_line "$SERVER_OUT" "^server waiting on port $PORT\$"
    hold first second
    held first
    refute is_served second
}

# served_with OPTION...: "yes" where the server was started with these options, or "no"
served_with() {
    if tr '\0' ' ' <"/proc/$SERVER_PID/cmdline" | grep -qF -- " $* "; then echo yes; else echo no; fi
}

@test "a server is patient, unless the test sets its own time, or wants the defaults" {
    start_server
    assert_eq "$(served_with --timeout 600 --request-timeout 600)" yes "patient by itself"
    start_server -t 1
    client silent expect READY wait-gone # within wire's 10 s
    succeeds silent
    DEFAULTS=yes
    start_server
    assert_eq "$(served_with --timeout 600)" no "patient with DEFAULTS"
}

@test "stop_server fails when the server does not end with 0" {
    start_server
    stop_server
    assert_eq "$SERVER_STATUS" 0
    SERVER_PREFIX=(bash -c '"$@"; exit 3' prefix)
    start_server
    refute stop_server
    assert_eq "$SERVER_STATUS" 3
}

@test "stop_server fails when the server is gone already" {
    start_server
    kill_server
    run stop_server
    [ "$status" -eq 1 ]
    assert_contains "$output" "gone already"
}

@test "kill_server leaves no server" {
    start_server
    kill_server
    assert_eq "$SERVER_STATUS" 137
    is_gone "$SERVER_PID"
    run "$WIRE" "$PORT" expect READY
    assert_eq "$status" 3 "exit status of wire"
}

@test "below a prefix, SERVER_PID is the server" {
    SERVER_PREFIX=(bash -c '"$@"; exit "$?"' prefix)
    start_server
    [ "$SERVER_PID" != "$SERVER_JOB" ]
    assert_eq "$(cat "/proc/$SERVER_PID/comm")" "$SERVER"
    stop_server
}

@test "what a sanitizer says fails the test" {
    SANITIZED=address
    echo "==1==ERROR: AddressSanitizer: heap-use-after-free" >"$SERVER_ERR"
    run _sanitizer_is_silent
    EXPECT_CRASH=1 # for the teardown of this test
    [ "$status" -eq 1 ]
    assert_contains "$output" heap-use-after-free
}

# ---- clients ----

@test "a held client keeps its slot until it is released" {
    start_server -- 1
    hold a b c
    held a
    workers_are 1
    refute is_served b
    release b # out of the line
    refute is_served c
    release a
    held c
    release c
    wait_until 5 workers_are 0
}

@test "held fails when the client is not served" {
    WAIT_SECONDS=1
    start_server -- 1
    hold a b
    held a
    run held b
    [ "$status" -eq 1 ]
    assert_contains "$output" "did not say ready"
}

@test "wire_put and wire_get bring a file there and back, and fail on an error" {
    local file=$BATS_TEST_TMPDIR/file
    random_file "$file" 300000
    start_server
    wire_put "$file" 'a \n name'
    assert_file_eq "$file" "$ROOT/a \\n name"
    wire_get 'a \n name' "$file.back"
    assert_file_eq "$file" "$file.back"
    run wire_get missing "$file.none"
    [ "$status" -eq 1 ]
    assert_contains "$output" 'got "ERROR: missing does not exist", expected "OK"'
}

@test "wire fails on a wrong answer, and says which step" {
    start_server
    run "$WIRE" "$PORT" expect READY send 'nonsense\n' expect OK
    [ "$status" -eq 1 ]
    assert_eq "$output" 'wire: step 3 (expect "OK"): got "ERROR: bad request", expected "OK"'
}

@test "wire fails on bytes, on an end and on silence that the step does not allow" {
    start_server
    run "$WIRE" "$PORT" eof
    assert_eq "$output" 'wire: step 1 (eof): got "READY", expected end of file'
    run "$WIRE" "$PORT" gone
    assert_contains "$output" 'got "READY", expected end of file or a reset'
    run "$WIRE" "$PORT" quiet 5000
    assert_contains "$output" 'got "READY", expected 5000 ms of silence'
    run "$WIRE" "$PORT" expect READY timeout 100 expect more
    assert_contains "$output" 'got silence, expected "more"'
    run "$WIRE" "$PORT" expect READY shut timeout 100 skip 1
    assert_contains "$output" 'end of file after 0 of 1 bytes'
    assert_eq "$status" 1 "exit status of wire"
}

@test "wire tells a reset from an end" {
    start_server -- 1
    hold a
    held a
    # The server dies with this client's bytes unread: that is a reset.
    "$WIRE" "$PORT" send unread say sent eof >"$BATS_TEST_TMPDIR/eof" 2>&1 3>&- 4>&- &
    local eof=$!
    "$WIRE" "$PORT" send unread say sent gone >"$BATS_TEST_TMPDIR/gone" 2>&1 3>&- 4>&- &
    local gone=$!
    track "$eof" "$gone"
    wait_for_line "$BATS_TEST_TMPDIR/eof" sent
    wait_for_line "$BATS_TEST_TMPDIR/gone" sent
    kill_server
    wait "$gone"
    run wait "$eof"
    assert_contains "$(<"$BATS_TEST_TMPDIR/eof")" "got connection reset, expected end of file"
}

@test "wire refuses a misspelt step before it connects" {
    run "$WIRE" 1 expext READY
    assert_eq "$status" 2 "exit status"
    run "$WIRE" 1 expect
    assert_eq "$status" 2 "exit status"
    run "$WIRE" 1 size many
    assert_eq "$status" 2 "exit status"
}

@test "swarm counts what fails, and exits 1" {
    start_server
    run "$SWARM" -n 20 "$PORT" PUT f
    assert_eq "$status" 0 "exit status"
    assert_contains "$output" "ok 20 failed 0 "
    rm "$ROOT/f-7"
    run "$SWARM" -n 20 "$PORT" DEL f
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "ok 19 failed 1 "
    assert_contains "$output" 'request 7 (DEL): got "ERROR: f-7 does not exist", expected "DONE"'
}

@test "swarm -v sees a torn file" {
    start_server
    "$SWARM" -n 1 -s 5000 "$PORT" MIX f
    "$SWARM" -v -n 5 "$PORT" GET f
    printf X | dd of="$ROOT/f" bs=1 seek=4000 conv=notrunc status=none
    run "$SWARM" -v -n 5 "$PORT" GET f
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "torn"
}

@test "swarm gives up when its time is up" {
    start_server -- 1
    hold a
    held a
    run "$SWARM" -t 1 -n 3 "$PORT" GET f
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "ok 0 failed 3 "
}

# ---- the other door ----

@test "start_http sets both ports, and start_server one" {
    start_http
    [ "$PORT" != "$HTTP_PORT" ]
    assert_eq "$URL" "http://127.0.0.1:$HTTP_PORT"
    "$WIRE" "$PORT" expect READY
    request GET /missing
    assert_status 404
    start_server
    assert_eq "$HTTP_PORT" ""
    SERVER_PREFIX=(bash -c '"$@"; exit "$?"' prefix)
    start_http
    [[ $PORT =~ ^[0-9]+$ ]]
}

# reads_head TEXT: as an answer's
reads_head() {
    printf '%b' "$1" >"$BATS_TEST_TMPDIR/head"
    run _read_head "$BATS_TEST_TMPDIR/head"
}

@test "a head that is not as it must be is no answer" {
    reads_head 'HTTP/1.1 200 OK\r\nDate: now\r\n\r\n'
    assert_eq "$status" 0 "$output"
    for head in 'HTTP/1.1 200 OK\nDate: now\r\n\r\n' 'HTTP/1.1 200 OK\r\nDate: now\n\r\n' \
        'HTTP/1.1 200 OK\r\nDate: now\r\n\n' 'HTTP/1.1 200 OK\r\nDate: now\r\n' \
        'HTTP/1.1 200 OK\r\nDate:now\r\n\r\n' 'HTTP/1.1 200 OK\r\nDate: \r\n\r\n' \
        'HTTP/1.1 200 OK\r\nDate : now\r\n\r\n' 'HTTP/1.1 200 OK\r\nA: b\r\na: b\r\n\r\n' \
        'HTTP/1.1 20 OK\r\n\r\n' 'HTTP/1.0 200 OK\r\n\r\n' 'ERROR: bad request'; do
        reads_head "$head"
        assert_eq "$status" 1 "$head: status"
    done
}

# framed METHOD STATUS BYTES [FIELD VALUE]...: is an answer to that framed by these?
framed() {
    local method=$1
    STATUS=$2 BODY_BYTES=$3 FIELD=()
    shift 3
    while (($# > 0)); do
        FIELD[$1]=$2
        shift 2
    done
    _check_framing "$method"
}

@test "an answer whose bytes are not as many as it says is none" {
    framed GET 200 5 content-length 5
    framed HEAD 200 0 content-length 5
    framed GET 304 0
    framed PUT 204 0
    framed GET 200 9 transfer-encoding chunked
    refute framed GET 200 4 content-length 5
    refute framed GET 200 6 content-length 5
    refute framed GET 200 5
    refute framed HEAD 200 5 content-length 5
    refute framed GET 304 5 content-length 5
    refute framed PUT 204 0 content-length 0
    refute framed GET 200 5 content-length 5 transfer-encoding chunked
}

@test "wire saves up to a text, and the rest, and says how much that was" {
    local head=$BATS_TEST_TMPDIR/head rest=$BATS_TEST_TMPDIR/rest
    start_server
    run "$WIRE" "$PORT" save-until EAD "$head" send 'nonsense\n' save-rest "$rest"
    assert_eq "$status $output" "0 19"
    assert_eq "$(<"$head")+$(<"$rest")" "READ+YERROR: bad request"
    run "$WIRE" "$PORT" send 'nonsense\n' save-until nothing "$head"
    assert_eq "$status" 1
    assert_contains "$output" "end of file after 23 bytes"
}

# ---- what strace says ----

@test "whole_calls puts a call together that strace has told in two lines" {
    cat >"$BATS_TEST_TMPDIR/trace" <<'END'
10 linkat(6, "", 5, "a", AT_EMPTY_PATH) = -1 ENOENT (No such file or directory) (INJECTED)
11 linkat(8, "self/fd/6", 5, "b", AT_SYMLINK_FOLLOW <unfinished ...>
10 wait4(-1,  <unfinished ...>
11 <... linkat resumed>)            = 0
10 <... wait4 resumed>NULL, WNOHANG, NULL) = 0
11 poll([{fd=4, events=POLLIN}], 1, 1000 <unfinished ...>
END
    run whole_calls "$BATS_TEST_TMPDIR/trace"
    assert_eq "${lines[0]}" "$(head -n 1 "$BATS_TEST_TMPDIR/trace")"
    assert_eq "${lines[1]}" '11 linkat(8, "self/fd/6", 5, "b", AT_SYMLINK_FOLLOW)            = 0'
    assert_eq "${lines[2]}" '10 wait4(-1,NULL, WNOHANG, NULL) = 0'
    assert_eq "${lines[3]}" '11 poll([{fd=4, events=POLLIN}], 1, 1000'
    assert_eq "${#lines[@]}" 4 "lines"
}

# ---- without privileges ----

@test "unprivileged is stopped by file modes" {
    mkdir "$ROOT"
    make_readable "$ROOT"
    chmod 555 "$ROOT"
    [ "$(unprivileged id -u)" != 0 ]
    run unprivileged touch "$ROOT/file"
    [ "$status" -ne 0 ]
    [ ! -e "$ROOT/file" ]
}

@test "unprivileged runs the server too" {
    mkdir "$ROOT"
    make_readable "$ROOT"
    SERVER_PREFIX=(unprivileged)
    start_server
    [ "$(stat -c %u "/proc/$SERVER_PID")" != 0 ]
    stop_server
}
