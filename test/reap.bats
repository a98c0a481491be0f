#!/usr/bin/env bats
# Runs on: ferryd
#
# Ended workers are reaped and their slots given away: at once where SIGCHLD says so, within a
# second where it does not.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

no_zombie() {
    [ -z "$(zombies)" ]
}

# time_crowd COUNT: milliseconds until COUNT clients that come at once are served, one by one
time_crowd() {
    local began
    began=$(now_ms)
    "$SWARM" -c "$1" -n "$1" "$PORT" GET file >/dev/null || return
    echo $(($(now_ms) - began))
}

@test "no zombie stays, however a worker ended, though nobody else comes" {
    local status
    EXPECT_CRASH=yes
    ulimit -c 0
    start_server -vv
    echo hello >"$ROOT/file"
    "$WIRE" "$PORT" expect READY send 'DEL file\n' expect DONE eof
    "$WIRE" "$PORT" expect READY send 'DEL file\n' rest
    "$WIRE" "$PORT" expect READY reset
    hold killed aborted
    held killed aborted
    workers | { read -r one && read -r two && kill -KILL "$one" && kill -ABRT "$two"; }
    wait_for_line "$SERVER_OUT" ' client [0-9]+ ended, ' 5
    wait_until "$WAIT_SECONDS" no_zombie
    workers_are 0
    for status in 'done' refused client-gone 'killed by signal 9'; do
        wait_for_line "$SERVER_OUT" " ended, pid [0-9]+, $status after "
    done
}

@test "a slot that comes free is filled at once, not at the next tick" {
    local at_once ticking
    start_server -- 1
    echo hello >"$ROOT/file"
    at_once=$(time_crowd 6)
    kill_server
    start_server --tick-only -- 1
    ticking=$(time_crowd 4)
    [ "$at_once" -lt "$ticking" ] || fail "6 took $at_once ms, with --tick-only 4 took $ticking ms"
}

# refills: three clients take turns on the one slot of a server that had a bad start in life
refills() {
    start_server -- 1 || return
    hold 1 2 3 || return
    held 1 && release 1 && held 2 && release 2 && held 3 && release 3 || return
    wait_until "$WAIT_SECONDS" workers_are 0
}

@test "children are reaped also where the server was started with SIGCHLD ignored" {
    SERVER_PREFIX=(env --ignore-signal=CHLD)
    "${SERVER_PREFIX[@]}" true || skip "this env(1) cannot ignore signals"
    refills
}

@test "children are reaped also where the server was started with SIGCHLD blocked" {
    SERVER_PREFIX=(env --block-signal=CHLD)
    "${SERVER_PREFIX[@]}" true || skip "this env(1) cannot block signals"
    refills
}

# mute_server ARG...: one that hears of no child's end
mute_server() {
    needs_strace
    look_inside
    # In place of a signalfd for SIGCHLD, the server gets a pipe that nobody ever writes to.
    mkfifo "$BATS_TEST_TMPDIR/mute"
    # shellcheck disable=SC2016,SC2054 # for the inner shell; commas are strace's
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 bash -c 'exec 9<>"$0" && exec "$@"'
        "$BATS_TEST_TMPDIR/mute" strace -o "$BATS_TEST_TMPDIR/trace" -e trace=signalfd4,poll
        -e inject=signalfd4:retval=9:when=2)
    start_server "$@" -- 1
    wait_for_line "$BATS_TEST_TMPDIR/trace" '\[\{fd=[0-9]+, events=POLLIN\}, \{fd=9, '
}

# refills_in_time: two slots that come free are filled, each within about a second
refills_in_time() {
    local began took
    hold 1 2 3
    held 1
    began=$(now_ms)
    release 1
    held 2
    release 2
    held 3
    took=$(($(now_ms) - began))
    [ "$took" -lt 6000 ] || fail "two refills took $took ms"
}

@test "a slot is filled within about a second though every SIGCHLD is lost" {
    mute_server
    refills_in_time
}

@test "so it is with a board, for which the server wakes up four times a second" {
    mute_server --board "$BATS_TEST_TMPDIR/board"
    refills_in_time
}

@test "so it is while clients come all the time" {
    local comers
    mute_server
    mkfifo "$BATS_TEST_TMPDIR/pause"
    # They are in line, and leave it again.
    while "$WIRE" "$PORT" shut close; do
        read -r -t 0.3 <>"$BATS_TEST_TMPDIR/pause" _ || true
    done >/dev/null 2>&1 3>&- 4>&- &
    comers=$!
    track "$comers"
    refills_in_time
}

@test "as the first process of a container it reaps what others leave behind, without a client" {
    local as=()
    command -v unshare nsenter >/dev/null || skip "needs unshare and nsenter"
    [ "$EUID" -eq 0 ] || as=(-r)
    unshare "${as[@]}" --pid --fork true 2>/dev/null || skip "needs a pid namespace"
    SERVER_PREFIX=(unshare "${as[@]}" --pid --fork --kill-child)
    start_server
    # Its parent ends at once, and the first process of the namespace gets the orphan.
    [ "$EUID" -eq 0 ] || as=(--user --preserve-credentials)
    [ "$EUID" -ne 0 ] || as=()
    mkfifo "$BATS_TEST_TMPDIR/end"
    # shellcheck disable=SC2016 # for that shell
    nsenter "${as[@]}" --target "$SERVER_PID" --pid sh -c 'cat "$1" >/dev/null &' sh \
        "$BATS_TEST_TMPDIR/end" 3>&- 4>&-
    wait_until "$WAIT_SECONDS" adopted
    : >"$BATS_TEST_TMPDIR/end"
    wait_until "$WAIT_SECONDS" refute adopted
}

# The server has a child, a zombie included.
adopted() {
    _children "$SERVER_PID"
    ((${#CHILDREN[@]} > 0))
}
