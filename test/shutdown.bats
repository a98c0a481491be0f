#!/usr/bin/env bats
#
# Stopping: SIGTERM or SIGINT closes the door and sends those who wait away; those who are served
# may finish, for --grace seconds; then they are ended. Nothing is left behind.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# A GET of "file" that does not ask before it is told to.
slow_get=(say connected expect READY say ready wait send 'GET file\n' expect OK send READY
    expect-size 6 send OK expect 'hello\nDONE' eof)

# is_refused: nobody listens on the server's port any more
is_refused() {
    local status=0
    "$WIRE" "$PORT" || status=$?
    [ "$status" -eq 3 ]
}

# leaves_nothing PID...: none of these processes is left, and the port is closed
leaves_nothing() {
    local pid
    for pid in "$@"; do
        wait_until "$WAIT_SECONDS" is_gone "$pid" || return
    done
    is_refused || fail "port $PORT is still open"
}

# ends_well PID...: the server ends by itself, with exit status 0, and leaves nothing
ends_well() {
    local pid
    wait_server || return
    assert_eq "$SERVER_STATUS" 0 "exit status of the server" || return
    for pid in "$@"; do
        refute is_alive "$pid" || return
    done
    leaves_nothing
}

# lets_finish SIGNAL: one is served, two wait, and the signal comes
lets_finish() {
    local -a pids
    local who
    start_server -- 1 || return
    echo hello >"$ROOT/file"
    # The first one's part is to let the others queue up before the second one's worker starts:
    # a child that kept what it inherits would keep their connections open.
    hold first || return
    held first || return
    client served "${slow_get[@]}"
    says served connected || return
    for who in waiting-1 waiting-2; do
        client "$who" say connected gone
        says "$who" connected || return
    done
    release first || return
    says served ready || return
    mapfile -t pids < <(workers)
    assert_eq "${#pids[@]}" 1 workers || return
    kill -"$1" "$SERVER_PID" || return
    succeeds waiting-1 || return
    succeeds waiting-2 || return
    wait_until "$WAIT_SECONDS" is_refused || return
    is_alive "$SERVER_PID" || return
    tell served
    succeeds served || return
    ends_well "${pids[@]}"
}

@test "on SIGTERM those who wait are sent away at once, and who is served may finish" {
    lets_finish TERM
}

@test "on SIGINT those who wait are sent away at once, and who is served may finish" {
    lets_finish INT
}

@test "an idle server stops at once, with exit status 0" {
    local signal
    for signal in TERM INT; do
        start_server --grace 600
        kill -"$signal" "$SERVER_PID"
        ends_well
    done
}

@test "a transfer under way is finished, both ways" {
    start_server -- 2
    random_file "$ROOT/file" 12000000
    random_file "$BATS_TEST_TMPDIR/upload" 12000000
    client get expect READY send 'GET file\n' expect OK send READY learn-size send OK \
        skip 100000 say moving wait save 11900000 "$BATS_TEST_TMPDIR/tail" expect DONE eof
    client put expect READY send 'PUT upload\n' expect OK size 12000000 expect OK \
        say moving wait sendfile "$BATS_TEST_TMPDIR/upload" expect DONE eof
    says get moving
    says put moving
    kill -TERM "$SERVER_PID"
    wait_until "$WAIT_SECONDS" is_refused
    tell get
    tell put
    succeeds get
    succeeds put
    ends_well
    assert_file_eq "$BATS_TEST_TMPDIR/tail" <(tail -c 11900000 "$ROOT/file")
    assert_file_eq "$BATS_TEST_TMPDIR/upload" "$ROOT/upload"
}

@test "a client that does not finish is ended when the grace is over, not before" {
    local began took
    local -a pids
    start_server --grace 2 -- 2
    client idle say connected expect READY say ready timeout 20000 gone
    says idle ready
    mapfile -t pids < <(workers)
    assert_eq "${#pids[@]}" 1 workers
    began=$(now_ms)
    kill -TERM "$SERVER_PID"
    succeeds idle
    took=$(($(now_ms) - began))
    ends_well "${pids[@]}"
    [ "$took" -ge 1990 ] || fail "ended after $took ms of 2 s grace"
}

@test "with --grace 0 those who are served are ended at once" {
    start_server -vv --grace 0
    client idle expect READY say ready gone
    says idle ready
    kill -TERM "$SERVER_PID"
    succeeds idle
    ends_well
    # Asked to, not abandoned, nor killed by SIGKILL.
    wait_for_line "$SERVER_OUT" ' client 1 ended, (pid .* killed by signal 15|thread .* shutdown) '
}

@test "a second signal skips the grace" {
    local second
    for second in TERM INT; do
        start_server -vv --grace 600
        hold a b
        held a b
        kill -TERM "$SERVER_PID"
        wait_for_line "$SERVER_OUT" ': stopping '
        kill -"$second" "$SERVER_PID"
        wait_for_line "$SERVER_OUT" ': ending the clients that still run '
        ends_well
    done
}

@test "who was told DONE, or ERROR, has been served, though its worker is ended before it has left" {
    local ledger=$BATS_TEST_TMPDIR/ledger
    # The clients stay, and so do their workers: for a second; or they stop where they would wait.
    if ! is_threads && strace -o /dev/null true 2>/dev/null; then
        SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null
            -e trace=shutdown -e inject=shutdown:signal=STOP)
    fi
    start_server --grace 0 --ledger "$ledger"
    echo hello >"$ROOT/file"
    client served expect READY send 'DEL file\n' expect DONE say told wait
    says served told
    client refused expect READY send 'DEL none\n' expect 'ERROR: none does not exist' say told wait
    says refused told
    hold neither
    held neither
    kill -TERM "$SERVER_PID"
    ends_well
    assert_eq "$(sed -E 's/.*"client":([0-9]+),.*"outcome":"(.*)"}$/\1 \2/' "$ledger" | sort | xargs)" \
        "1 done 2 refused 3 shutdown" "outcomes"
}

@test "SIGTERM ends a worker also where the server was started with it blocked or ignored" {
    local how
    processes_only
    for how in block ignore; do
        SERVER_PREFIX=(env "--$how-signal=TERM")
        "${SERVER_PREFIX[@]}" true || skip "this env(1) cannot $how signals"
        start_server -vv --grace 0
        hold a
        held a
        kill -TERM "$SERVER_PID"
        ends_well
        # By itself, not by the SIGKILL that follows.
        wait_for_line "$SERVER_OUT" ' client 1 ended, pid .* killed by signal 15 '
    done
}

@test "a stop that comes when a thread has just ended reaches nobody else's connection" {
    is_threads || skip "about threads"
    timeout "$WAIT_SECONDS" "$BIN/test/late_stop"
}

# freeze PID: stops a process, which then does nothing about a SIGTERM
freeze() {
    kill -STOP "$1" || return
    wait_until "$WAIT_SECONDS" grep -q '^State:.T' "/proc/$1/status"
}

@test "a worker that does not obey is killed" {
    local -a pids
    processes_only
    start_server -vv --grace 0
    hold a
    held a
    mapfile -t pids < <(workers)
    assert_eq "${#pids[@]}" 1 workers
    freeze "${pids[0]}"
    kill -TERM "$SERVER_PID"
    ends_well "${pids[@]}"
    wait_for_line "$SERVER_OUT" ' client 1 ended, .* killed by signal 9 '
}

@test "Ctrl-C, which reaches every process of the group, lets who is served finish" {
    local group own
    # A shell ignores SIGINT on behalf of what it starts with &; setsid makes a group.
    SERVER_PREFIX=(env --default-signal=INT setsid)
    "${SERVER_PREFIX[@]}" true || skip "this env(1) cannot reset signals"
    start_server
    echo hello >"$ROOT/file"
    client served "${slow_get[@]}"
    says served ready
    group=$(cut -d ' ' -f 5 "/proc/$SERVER_PID/stat")
    own=$(cut -d ' ' -f 5 "/proc/$BASHPID/stat")
    [ "$group" != "$own" ]
    kill -INT -- "-$group"
    wait_until "$WAIT_SECONDS" is_refused
    tell served
    succeeds served
    ends_well
}

@test "when the server is killed, its idle workers end too and nobody listens" {
    local -a pids
    processes_only
    start_server
    hold a b
    held a b
    client idle expect READY say ready gone
    says idle ready
    mapfile -t pids < <(workers)
    assert_eq "${#pids[@]}" 3 workers
    kill_server
    leaves_nothing "${pids[@]}"
    succeeds idle
}

@test "when the server is killed, a worker that lingers keeps neither its port nor its clients" {
    local -a pids
    processes_only
    start_server -- 1
    hold a b
    held a
    client waiting say connected gone
    says waiting connected
    release a
    held b
    mapfile -t pids < <(workers)
    assert_eq "${#pids[@]}" 1 workers
    track "${pids[0]}"
    freeze "${pids[0]}"
    kill_server
    is_alive "${pids[0]}"
    is_refused
    succeeds waiting
    kill -CONT "${pids[0]}"
    leaves_nothing "${pids[@]}"
}
