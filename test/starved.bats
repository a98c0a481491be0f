#!/usr/bin/env bats
#
# Want of resources: where no worker can be started, or no client accepted, everybody keeps their
# place until it can be done. Nobody is dropped, and the server does not spin meanwhile.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# The sandbox refuses clone3(2), so that a thread takes two calls, and each would be injected into.
SERVER_OPTIONS=(--sandbox=off)

TRACE=$BATS_TEST_TMPDIR/trace

# inject CALLS WHEN ERROR: from now on the server's system calls CALLS fail with ERROR; the calls
# and its sleeps are written to TRACE
inject() {
    needs_strace
    # A leak checker traces, and so cannot be traced.
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -o "$TRACE" -e "trace=$1,poll"
        -e "inject=$1:error=$3:when=$2")
}

# starve_of_workers WHEN ERROR: fork(2) and pthread_create(3) will fail
starve_of_workers() {
    [ "$SANITIZED" != thread ] || skip "the thread sanitizer starts a thread of its own"
    inject 'clone,?clone3,?fork,?vfork' "$@"
}

# tried: how many of those calls a server makes before it is ready. A process that shares the table of
# descriptors is tried, too; musl has another call for those that do not.
tried() {
    if [ "$SERVER" = ferryd ] && [ "${LIBC:-}" != musl ]; then echo 2; else echo 1; fi
}

# injected: how many calls have failed
injected() {
    grep -c '(INJECTED)$' "$TRACE"
}

# sleeps_are LEAST MOST: it has slept, and not as often as one that spins
sleeps_are() {
    local count
    count=$(grep -c '^poll(' "$TRACE")
    ((count >= $1 && count < $2)) || fail "it slept $count times, which should be from $1 to $2"
}

# starts: the numbers of the clients in the order they were started
starts() {
    sed -nE 's/.* client ([0-9]+) started, .*/\1/p' "$SERVER_OUT" | tr '\n' ' '
}

complaints() {
    grep -c ': cannot start a worker: ' "$SERVER_ERR"
}

# cpu_ms: what the server itself has used, its workers not counted
cpu_ms() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' \
        "/proc/$SERVER_PID/stat"
}

# stays_idle: the server uses next to no time for a while
stays_idle() {
    local before used
    before=$(cpu_ms)
    sleep 2 # it is measured, not waited for
    used=$(($(cpu_ms) - before))
    [ "$used" -lt 500 ] || fail "the server used $used ms of 2 s"
}

# ---- no worker ----

@test "a client that no worker can be started for keeps its place, and so do those behind it" {
    local began took
    starve_of_workers "$(($(tried) + 2))..$(($(tried) + 3))" EAGAIN
    start_server -vv -- 1
    hold 1 2 3 4
    held 1
    wait_for_line "$SERVER_OUT" '^server connected to client' 4
    began=$(now_ms)
    release 1
    held 2
    took=$(($(now_ms) - began))
    release 2
    held 3
    release 3
    held 4
    assert_eq "$(starts)" "1 2 3 4 " "the order of the starts"
    # Two attempts failed, each a second or an event from the next; there was no event.
    assert_eq "$(injected)" 2 "failed attempts"
    [ "$took" -ge 1900 ] || fail "two failed attempts within $took ms"
    sleeps_are 1 100
    assert_eq "$(complaints)" 1 "complaints"
}

@test "clients that come while no worker can be started are taken in, and served in order" {
    local error
    for error in EAGAIN ENOMEM; do
        starve_of_workers 2..5 "$error"
        start_server -vv
        hold 1 2 3 4 5
        held 1 2 3 4 5
        assert_eq "$(starts)" "1 2 3 4 5 " "the order of the starts"
        assert_eq "$(injected)" 4 "failed attempts"
        assert_eq "$(complaints)" 1 "complaints"
        kill_server
    done
}

@test "a shortage is told once, and a new one again" {
    starve_of_workers "$(($(tried) + 1))+2" EAGAIN # every other attempt
    start_server -vv
    hold 1 2 3
    held 1 2 3
    assert_eq "$(injected)" 3 "failed attempts"
    assert_eq "$(complaints)" 3 "complaints"
}

@test "a server that can start no worker at all does not spin, and stops when it is told to" {
    starve_of_workers 2+ EAGAIN # the first is the one that is tried
    start_server -v
    hold 1 2
    wait_for_line "$SERVER_OUT" '^server connected to client' 2
    wait_for_line "$SERVER_ERR" ': cannot start a worker: '
    sleep 2 # it is measured, not waited for
    # An attempt a second, and one for each client that came.
    [ "$(injected)" -ge 2 ]
    [ "$(injected)" -lt 30 ] || fail "$(injected) attempts"
    sleeps_are 1 60
    stop_server
}

@test "a server that has seen no worker yet is not ready, does not spin, and stops when it is told to" {
    starve_of_workers 1..2 EAGAIN
    start_server
    # With musl, which has another call for the worker that shares the table, that one fails besides.
    if [ "$SERVER" = ferryd ] && [ "${LIBC:-}" = musl ]; then
        assert_eq "$(injected)" 3 "failed attempts"
    else
        assert_eq "$(injected)" 2 "failed attempts"
    fi
    wait_for_line "$SERVER_ERR" ': no worker can be tried: .*; not ready yet$'
    sleeps_are 2 60
    hold 1
    held 1
    kill_server

    starve_of_workers 1+ EAGAIN
    "${SERVER_PREFIX[@]}" "$FERRYD" --sandbox=off -d "$ROOT" 0 2>"$SERVER_ERR" 3>&- 4>&- &
    SERVER_JOB=$!
    track "$SERVER_JOB"
    wait_for_line "$SERVER_ERR" ': no worker can be tried: '
    _find_server
    stop_server
}

@test "a server that may start no worker says so at once, and ends" {
    mkdir -p "$ROOT"
    starve_of_workers 1+ EPERM
    run timeout "$WAIT_SECONDS" "${SERVER_PREFIX[@]}" "$FERRYD" --sandbox=off -d "$ROOT" 0
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "$SERVER: cannot start a worker: Operation not permitted"
}

# ---- no descriptor ----

@test "out of descriptors it stops accepting, does not spin, and serves everybody in the end" {
    local crowd limit
    # Here the limit falls while the server runs. Threads need some of it themselves: next test.
    processes_only
    command -v prlimit >/dev/null || skip "needs prlimit"
    start_server -vv -- 1
    random_file "$ROOT/file" 1000
    hold 1
    held 1
    limit=$(($(fd_count "$SERVER_PID") + 5))
    prlimit --pid "$SERVER_PID" --nofile="$limit:$limit"
    "$SWARM" -c 30 -n 30 "$PORT" GET file >"$BATS_TEST_TMPDIR/swarm.out" 3>&- 4>&- &
    crowd=$!
    track "$crowd"
    # In the words of glibc, and of musl.
    wait_for_line "$SERVER_OUT" ': accepting paused: (Too many open files|No file descriptors available) '
    stays_idle
    # It tried again now and then, not all the time.
    [ "$(grep -c ': accepting paused: ' "$SERVER_OUT")" -lt 20 ]
    release 1
    wait "$crowd" || fail "$(<"$BATS_TEST_TMPDIR/swarm.out")"
    assert_eq "$(starts)" "$(seq 31 | tr '\n' ' ')" "the order of the starts"
}

@test "a server that was given few descriptors serves a crowd all the same" {
    local verb
    command -v prlimit >/dev/null || skip "needs prlimit"
    SERVER_PREFIX=(prlimit --nofile=32:32)
    start_server -- 2
    random_file "$ROOT/file" 1000
    for verb in GET PUT; do
        run "$SWARM" -c 60 -n 120 "$PORT" "$verb" file
        assert_contains "$output" "ok 120 failed 0"
    done
}

@test "a queue that is full, with many more at the door, does not make it spin" {
    start_server -v --queue 1 -- 1
    hold 1 2 3 4 5
    held 1
    wait_for_line "$SERVER_OUT" '^server connected to client' 2
    stays_idle
}

# ---- accept(2) fails ----

# accepts_again TIMES ERROR...: with each, accept(2) fails TIMES, and then the client is served
accepts_again() {
    local error times=$1
    mkdir -p "$ROOT"
    random_file "$ROOT/file" 1000 || return
    for error in "${@:2}"; do
        inject accept4 "1..$times" "$error"
        start_server || return
        wire_get file "$BATS_TEST_TMPDIR/copy" || fail "after $error" || return
        assert_file_eq "$BATS_TEST_TMPDIR/copy" "$ROOT/file" || return
        assert_eq "$(injected)" "$times" "failed calls" || return
        sleeps_are 1 30 || fail "spins after $error" || return
        stop_server || return
    done
}

@test "a client that left before it could be accepted is not the end of the server" {
    accepts_again 2 ECONNABORTED EPROTO ENETDOWN EHOSTUNREACH EPERM EINTR
}

# stop_it: the server stands still when this returns. strace(1), which comes in between, says when.
stop_it() {
    kill -STOP "$SERVER_PID"
    wait_for_line "$TRACE" '^--- stopped by SIGSTOP'
}

# ended_meanwhile ID: this client is gone, and so is its worker, but for a server that is stopped
ended_meanwhile() {
    release "$1"
    [ "$SERVER" != ferryd ] || wait_until "$WAIT_SECONDS" there_is_a_zombie
}

there_is_a_zombie() {
    [ -n "$(zombies)" ]
}

# listens_after REGEX: in the first sleep after such a call, which came after an accept(2) that failed,
# the server listens
listens_after() {
    wait_until "$WAIT_SECONDS" _sleep_after "$1" >/dev/null ||
        fail "no $1 and no sleep after it:" "$(<"$TRACE")" || return
    refute grep -F '{fd=-1' <<<"$(_sleep_after "$1")"
}

# The first poll(2) of several descriptors after that call; none is no success.
_sleep_after() {
    awk -v call="$1" '
        /^accept4\(.*\(INJECTED\)$/ { starved = 1 }
        starved && $0 ~ "^(" call ")" { called = 1 }
        called && /^poll\(\[\{[^]]*\}, \{/ { print; found = 1; exit }
        END { exit !found }' "$TRACE"
}

@test "a descriptor that comes free ends the pause in accepting, not the tick" {
    # The third accept(2) finds no descriptor. In the same turn of the loop a worker has ended.
    inject accept4 3 EMFILE
    SERVER_PREFIX+=(-e "trace=accept4,poll,close,clone,?clone3,?fork")
    # The next one takes its client's descriptor over.
    start_server -vv -- 1
    hold a b
    held a
    wait_for_line "$SERVER_OUT" 'client 2 queued'
    stop_it
    ended_meanwhile a
    hold c
    kill -CONT "$SERVER_PID"
    held b
    listens_after 'clone|fork' # each libc has its own
    kill_server
    # The next client has left before anybody looks at it.
    start_server -vv -- 1
    hold a
    held a
    client leaver say connected wait close
    says leaver connected
    wait_for_line "$SERVER_OUT" 'client 2 queued'
    stop_it
    tell leaver
    succeeds leaver
    ended_meanwhile a
    hold d
    kill -CONT "$SERVER_PID"
    wait_for_line "$SERVER_OUT" ' client 2 had left '
    listens_after close
}

@test "a shortage while accepting is sat out" {
    accepts_again 1 EMFILE ENFILE ENOBUFS ENOMEM
}

# ---- a session without descriptors ----

# out_of_descriptors REQUEST CALL WORD: the worker's openat2(2) number CALL fails; the client hears
# WORD and the end of the connection
out_of_descriptors() {
    command -v strace >/dev/null || skip "needs strace"
    strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$TRACE"
        -e trace=openat2 -e "inject=openat2:error=EMFILE:when=$2")
    start_server -v --ledger "$BATS_TEST_TMPDIR/ledger"
    printf hello >"$ROOT/f"
    "$WIRE" "$PORT" expect READY send "$1\n" ${3:+expect "$3"} eof || return
    wait_for_line "$SERVER_OUT" '^server done with' || return
    assert_eq "$(injected)" 1 "failed calls"
    assert_eq "$(<"$ROOT/f")" hello "the file"
    assert_contains "$(<"$SERVER_OUT")" "$4, too many open files (EMFILE)"
    assert_contains "$(<"$BATS_TEST_TMPDIR/ledger")" '"reason":"EMFILE"'
    stop_server
    rm "$BATS_TEST_TMPDIR/ledger"
}

@test "a session that has no descriptor to look at a file says nothing of it that is not true" {
    # GET opens the file; PUT and DEL look for it, look whether it is whole, and open its directory.
    out_of_descriptors 'GET f' 1 '' broken
    out_of_descriptors 'PUT f' 1 '' broken
    out_of_descriptors 'PUT f' 2 '' broken
    out_of_descriptors 'PUT f' 3 '' broken
    out_of_descriptors 'DEL f' 1 '' broken
    out_of_descriptors 'DEL f' 2 '' broken
    out_of_descriptors 'DEL f' 3 'ERROR: unable to delete f' refused
}
