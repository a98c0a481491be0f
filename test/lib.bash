# lib.bash - shared by all tests: a server, clients, waiting, asserting, cleaning up.
#
# Used by: every .bats file, with `load lib`.
# Needs:   bash 5, bats 1.2 or newer, coreutils, findutils, awk; setpriv for root; /proc, with the
#          children of each task (proc_pid_task(5))
# Reads:   BIN        where the programs are (default: build, beside the folder test)
#          SERVER     ferryd (default) or ferryd-threads
#          SANITIZED  not empty: the programs are a sanitizer's, so its findings fail the test
# Returns: a helper that waits in vain says so on stderr and returns 1.
#
# Every wait here is for an event and has an end. Background processes are tracked: teardown()
# kills those that are left. A test with a teardown() of its own calls clean_up in it.
# shellcheck shell=bash

PROJECT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
BIN=${BIN:-$PROJECT/build}
[[ $BIN == /* ]] || BIN=$PWD/$BIN
SERVER=${SERVER:-ferryd}
SANITIZED=${SANITIZED:-}

# bats before 1.4 has no folder for each test. Later versions have none outside of tests; this one
# is then removed after the run.
OWN_TMPDIR=
if [ -z "${BATS_TEST_TMPDIR:-}" ]; then
    OWN_TMPDIR=$(mktemp -d "${BATS_RUN_TMPDIR:-${BATS_TMPDIR:-/tmp}}/ferry.XXXXXX")
    BATS_TEST_TMPDIR=$OWN_TMPDIR
fi

FERRYD=$BIN/$SERVER
export FERRY=$BIN/ferry WIRE=$BIN/test/wire SWARM=$BIN/test/swarm
ROOT=$BATS_TEST_TMPDIR/root

PORT=           # of the server that start_server started last
HTTP_PORT=      # and of its other door, where it was started with --http
SERVER_PID=     # the server itself
SERVER_JOB=     # what the shell started: the server, or its prefix
SERVER_STATUS=  # how it ended, from wait_server
SERVER_OUT=$BATS_TEST_TMPDIR/server.out
SERVER_ERR=$BATS_TEST_TMPDIR/server.err
SERVER_OPTIONS=() # go before those given to start_server
# The server's default time limits must not end a client that a test holds, and must not cause what
# a test waits for. A test of these limits sets DEFAULTS. A test's own --timeout overrides these.
PATIENCE=(--timeout 600 --request-timeout 600)
DEFAULTS=       # not empty: the server's own
SERVER_PREFIX=() # goes before the server's command: (strace -f -o FILE), (unprivileged), ...
EXPECT_CRASH=   # not empty: the test crashes a worker on purpose, sanitizers may say so
TRACKED=()
declare -gA HELD=() # id of a held client: its pid
declare -gA TOLD=() # id of a client: its pid

WAIT_SECONDS=10 # for what should take milliseconds
STOP_SECONDS=25 # for a server to end: the grace (10 s) and more
POLL_SECONDS=0.02
LATE_POLL_SECONDS=0.1
NOBODY=65534

# ---- saying what is wrong ----

# fail MESSAGE...
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# refute COMMAND...: fails when COMMAND succeeds, or cannot be run. (A bare `!` fails no test,
# unless it is last.)
refute() {
    local status=0
    "$@" || status=$?
    case $status in
    0) fail "this should have failed: $*" ;;
    126 | 127) fail "this could not be run: $*" ;;
    esac
}

# assert_eq GOT WANT [WHAT]
assert_eq() {
    [ "$1" = "$2" ] || fail "${3:-values} differ" "  got:  $1" "  want: $2"
}

# assert_contains TEXT PART
assert_contains() {
    [[ $1 == *"$2"* ]] || fail "a part is missing" "  text: $1" "  part: $2"
}

# assert_file_eq A B: the same content
assert_file_eq() {
    local difference
    difference=$(cmp -- "$1" "$2" 2>&1) && return
    fail "files differ: $difference" "  $(_describe_file "$1")" "  $(_describe_file "$2")"
}

_describe_file() {
    if [ -f "$1" ]; then
        printf '%s: %s bytes, begins with %q' "$1" "$(stat -c %s -- "$1")" \
            "$(head -c 60 -- "$1" | tr -d '\0')"
    else
        printf '%s: not a file' "$1"
    fi
}

# tree_sum DIR: the names, types, modes, link targets and checksums of content below DIR, sorted
tree_sum() (
    cd "$1" || exit
    find . -printf '%y %m %p %l\n' -type f -exec sha256sum {} + | LC_ALL=C sort
)

# random_file PATH BYTES
random_file() {
    head -c "$2" /dev/urandom >"$1"
}

# ---- waiting ----

# Milliseconds, for measuring.
now_ms() {
    echo $((${EPOCHREALTIME//[.,]/} / 1000))
}

# wait_until SECONDS COMMAND...: tries COMMAND, quietly, until it succeeds
wait_until() {
    local seconds=$1 end_us=$((${EPOCHREALTIME//[.,]/} + $1 * 1000000)) tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        if ((${EPOCHREALTIME//[.,]/} > end_us)); then
            fail "not within $seconds s: $*"
            return 1
        fi
        # After a while it looks less often, since looking takes processor time, too.
        if ((++tries < 20)); then _nap "$POLL_SECONDS"; else _nap "$LATE_POLL_SECONDS"; fi
    done
}

# _nap SECONDS: like sleep(1), but without a process: it reads from a FIFO that stays empty
_nap() {
    local fifo=$BATS_TEST_TMPDIR/nap
    [ -p "$fifo" ] || mkfifo "$fifo" 2>/dev/null || [ -p "$fifo" ] || return
    read -r -t "$1" <>"$fifo" || true
}

# wait_for_line FILE REGEX [COUNT]: COUNT lines (default 1) or more match the extended REGEX
wait_for_line() {
    wait_until "$WAIT_SECONDS" _has_lines "$1" "$2" "${3:-1}" && return
    fail "$1 has fewer than ${3:-1} lines that match $2:" "$(cat -- "$1" 2>&1)"
}

# _has_line FILE LINE
_has_line() {
    local line
    while read -r line; do
        [ "$line" != "$2" ] || return 0
    done 2>/dev/null <"$1"
    return 1
}

_has_lines() {
    local count
    count=$(grep -cE -- "$2" "$1")
    [ "${count:-0}" -ge "$3" ]
}

# ---- processes ----

# is_alive PID: it is there, and not a zombie
is_alive() {
    _stat "$1" && [ "$STATE" != Z ]
}

is_gone() {
    ! is_alive "$1"
}

# is_argument REGEX: a process has such an argument. (Not every machine has pgrep.) The regular
# expression must not match itself: begin it with ^.
is_argument() {
    grep -qsz -e "$1" /proc/[0-9]*/cmdline
}

# Forking costs most in these tests. The following are called often, so they do not fork.

# _stat PID: sets STATE, PARENT and NAME (proc_pid_stat(5)); fails when there is no such process
_stat() {
    local stat rest
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1 # a bare one means another in a trap (bash(1))
    rest=${stat##*) }
    STATE=${rest:0:1}
    rest=${rest:2}
    PARENT=${rest%% *}
    stat=${stat#*(}
    NAME=${stat%) *}
}

# _children PID: sets CHILDREN to its children, zombies included, in the order of their birth
_children() {
    local line=
    read -r line 2>/dev/null <"/proc/$1/task/$1/children" || true
    read -ra CHILDREN <<<"$line"
}

# _family PID...: sets FAMILY to those of them that descend from the test's shell, and to all their
# descendants, parents before their children. (A pid may have been used again by a stranger.)
_family() {
    local pid i
    FAMILY=()
    for pid in "$@"; do
        ! _is_ours "$pid" || FAMILY+=("$pid")
    done
    for ((i = 0; i < ${#FAMILY[@]}; i++)); do
        _children "${FAMILY[i]}"
        FAMILY+=("${CHILDREN[@]}")
    done
}

# _named NAME PID...: sets NAMED to the first of their family that has this name
_named() {
    local pid
    _family "${@:2}"
    NAMED=
    for pid in "${FAMILY[@]}"; do
        if _stat "$pid" && [ "$NAME" = "$1" ]; then
            NAMED=$pid
            return
        fi
    done
    return 1
}

_is_ours() {
    PARENT=$1
    while _stat "$PARENT" && ((PARENT > 1)); do
        ((PARENT != $$)) || return 0
    done
    return 1
}

# track PID...: teardown kills it, and what it started
track() {
    TRACKED+=("$@")
}

_kill_tracked() {
    local pid
    ((${#TRACKED[@]} > 0)) || return 0
    _family "${TRACKED[@]}"
    {
        for pid in "${FAMILY[@]}"; do
            kill -KILL "$pid" || true
        done
        for pid in "${FAMILY[@]}"; do
            wait "$pid" || wait_until 5 is_gone "$pid" || true
        done
    } 2>/dev/null # where bash would report each as killed
    TRACKED=()
}

# ---- the server ----

is_threads() {
    [ "$SERVER" = ferryd-threads ]
}

# Skips a test that makes no sense for threads.
processes_only() {
    [ "$SERVER" = ferryd ] || skip "about processes"
}

# start_server [OPTION...] [-- MAX]: serves ROOT, on a free port; sets PORT and SERVER_PID.
# Returns when the server listens. With a sanitizer the sandbox is off, because it forbids what the
# runtime needs. A test's own --sandbox comes later, and overrides this.
start_server() {
    local options=()
    [ -n "$DEFAULTS" ] || options=("${PATIENCE[@]}")
    options+=("${SERVER_OPTIONS[@]}")
    while (($# > 0)) && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift $(($# > 0 ? 1 : 0))
    [ -d "$ROOT" ] || mkdir -p "$ROOT" || return
    : >"$SERVER_OUT" || return
    : >"$SERVER_ERR" || return
    _launch -d "$ROOT" --ready-fd 3 ${SANITIZED:+--sandbox=off} "${options[@]}" 0 "$@" || return
    track "$SERVER_JOB"
    if [[ ! $PORT =~ ^[0-9]+$ ]]; then
        fail "$SERVER did not get ready (port \"$PORT\"); it said:" "$(<"$SERVER_ERR")"
        return 1
    fi
    _find_server
}

# Runs the server with these arguments and reads PORT from its ready fd, and with --http HTTP_PORT:
# a FIFO whose only writer it is, so that a server that dies ends the wait. It inherits no fd of
# bats but 3, replaced.
_launch() {
    local fifo=$BATS_TEST_TMPDIR/ready both reader writer
    [ -p "$fifo" ] || mkfifo "$fifo" || return
    exec {both}<>"$fifo" # or the other two would wait for each other
    exec {reader}<"$fifo"
    exec {writer}>"$fifo"
    exec {both}>&-
    "${SERVER_PREFIX[@]}" "$FERRYD" "$@" </dev/null >>"$SERVER_OUT" 2>>"$SERVER_ERR" \
        3>&"$writer" 4>&- {reader}<&- {writer}>&- &
    SERVER_JOB=$!
    exec {writer}>&-
    PORT='' HTTP_PORT=''
    read -r -t "$WAIT_SECONDS" -u "$reader" PORT || true
    # shellcheck disable=SC2034 # for the caller
    [[ " $*" != *" --http"[\ =]* ]] || read -r -t "$WAIT_SECONDS" -u "$reader" HTTP_PORT || true
    # Then closes it, so that it does not count as one of the server's descriptors. (A prefix before
    # the server's command may keep it.)
    ((${#SERVER_PREFIX[@]} > 0)) || read -r -t "$WAIT_SECONDS" -u "$reader" _ || true
    exec {reader}<&-
}

# The job itself, or, with a prefix, the first process with the server's name. It is called when the
# server is ready, which then has its name, and no worker yet.
_find_server() {
    local name=${FERRYD##*/}
    SERVER_PID=$SERVER_JOB
    ((${#SERVER_PREFIX[@]} > 0)) || return 0
    _named "${name:0:15}" "$SERVER_JOB" || fail "no process named $name below: ${SERVER_PREFIX[*]}"
    SERVER_PID=$NAMED
}

# Waits until the server ends, by itself or by a signal of the test; sets SERVER_STATUS. Do not call
# this or its callers by `run`: a subshell cannot wait for its parent's child.
wait_server() {
    wait_until "$STOP_SECONDS" is_gone "$SERVER_JOB" || return
    SERVER_STATUS=0
    wait "$SERVER_JOB" 2>/dev/null || SERVER_STATUS=$?
}

# SIGTERM, and an orderly end.
stop_server() {
    kill -TERM "$SERVER_PID" || fail "the server was gone already" || return
    wait_server || return
    assert_eq "$SERVER_STATUS" 0 "exit status of the server"
}

kill_server() {
    kill -KILL "$SERVER_PID" || fail "the server was gone already" || return
    wait_server
}

# _workers: sets WORKERS to the pids of the server's workers, those not yet reaped included; of
# ferryd-threads, to the ids of its threads but the first
_workers() {
    local tasks task first
    if ! is_threads; then
        _children "$SERVER_PID"
        WORKERS=("${CHILDREN[@]}")
        return
    fi
    tasks=("/proc/$SERVER_PID/task"/[0-9]*)
    tasks=("${tasks[@]##*/}")
    # The thread sanitizer starts a thread of its own, before the first worker.
    first=
    for task in "${tasks[@]}"; do
        [ "$SANITIZED" != thread ] || [ "$task" = "$SERVER_PID" ] ||
            ((${first:-task} < task)) || first=$task
    done
    WORKERS=()
    for task in "${tasks[@]}"; do
        [ "$task" = "$SERVER_PID" ] || [ "$task" = "$first" ] || WORKERS+=("$task")
    done
}

# workers [live]: prints these, one a line; `live`: without those that have ended and are not reaped
workers() {
    local pid
    _workers
    for pid in "${WORKERS[@]}"; do
        [ "${1:-}" != live ] || is_threads || is_alive "$pid" || continue
        echo "$pid"
    done
}

# Prints the pids of workers that have ended and are not reaped.
zombies() {
    local pid
    _workers
    for pid in "${WORKERS[@]}"; do
        ! _stat "$pid" || [ "$STATE" != Z ] || echo "$pid"
    done
}

# workers_are N: to wait for, as in `wait_until 5 workers_are 3`
workers_are() {
    _workers
    ((${#WORKERS[@]} == $1))
}

# ---- looking into the server ----

# needs_strace: skips the test where strace(1) is missing or may not trace
needs_strace() {
    command -v strace >/dev/null || skip "needs strace"
    strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
    # LeakSanitizer traces, and so cannot be traced.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

# whole_calls FILE: prints what `strace -f -o FILE` has written, each call in one line. strace
# splits a call if another process is traced meanwhile: "<unfinished ...>", "<... CALL resumed>".
whole_calls() {
    awk '
        / <unfinished \.\.\.>$/ { sub(/ *<unfinished \.\.\.>$/, ""); begun[$1] = $0; next }
        match($0, /<\.\.\. [^ ]+ resumed>/) { $0 = begun[$1] substr($0, RSTART + RLENGTH); delete begun[$1] }
        { print }
        END { for (pid in begun) print begun[pid] }' "$1"
}

# look_inside: makes strace show bytes in place of addresses for the next servers, and makes their
# /proc/PID/fd readable. The sandbox allows both only to root, so for all other users it is off.
look_inside() {
    [ "$EUID" -eq 0 ] || SERVER_OPTIONS+=(--sandbox=off)
}

# fds_of PID: prints what its descriptors lead to, each in a line "NUMBER TARGET", by number
fds_of() {
    [ -r "/proc/$1/fd" ] || fail "/proc/$1/fd cannot be read (look_inside?)" || return
    find "/proc/$1/fd" -mindepth 1 -printf '%f %l\n' | sort -n
}

# fd_count PID
fd_count() {
    local fds
    fds=$(fds_of "$1") || return
    wc -l <<<"$fds"
}

# ---- clients that hold a slot ----

# hold ID...: starts a client for each, which connects, waits for READY, and then keeps its slot.
# Returns when all are connected, so that they stand in line in this order.
hold() {
    local id base
    for id in "$@"; do
        base=$BATS_TEST_TMPDIR/hold.$id
        [ -p "$base.in" ] || mkfifo "$base.in" || return
        : >"$base.out" # or what an earlier one said would count
        "$WIRE" "$PORT" say connected timeout 600000 expect READY say ready wait close \
            <>"$base.in" >"$base.out" 2>"$base.err" 3>&- 4>&- &
        HELD[$id]=$!
        track "$!"
        _hold_says "$id" connected || return
    done
}

# held ID...: waits until each is served
held() {
    local id
    for id in "$@"; do
        _hold_says "$id" ready || return
    done
}

# is_served ID: whether READY has come
is_served() {
    _has_line "$BATS_TEST_TMPDIR/hold.$1.out" ready
}

# release ID...: each closes its connection, served or not, and is gone
release() {
    local id base
    for id in "$@"; do
        base=$BATS_TEST_TMPDIR/hold.$id
        if is_served "$id"; then
            echo 1<>"$base.in"
        else
            kill -TERM "${HELD[$id]}" 2>/dev/null || true
        fi
        wait_until "$WAIT_SECONDS" is_gone "${HELD[$id]}" || return
        wait "${HELD[$id]}" 2>/dev/null || true
        unset "HELD[$id]"
    done
}

# A client that has ended says nothing more, so do not wait for it.
_hold_says() {
    local base=$BATS_TEST_TMPDIR/hold.$1
    wait_until "$WAIT_SECONDS" _says_or_gone "$base.out" "$2" "${HELD[$1]}" 2>/dev/null || true
    _has_line "$base.out" "$2" ||
        fail "the held client $1 did not say $2; it said:" "$(cat "$base.out" "$base.err")"
}

_says_or_gone() {
    _has_line "$1" "$2" || is_gone "$3"
}

# ---- clients that do as they are told ----

# client ID STEP...: wire in the background; each step `wait` waits for one `tell ID`
client() {
    local base=$BATS_TEST_TMPDIR/client.$1
    mkfifo "$base.in"
    "$WIRE" "$PORT" "${@:2}" <>"$base.in" >"$base.out" 2>"$base.err" 3>&- 4>&- &
    TOLD[$1]=$!
    track "$!"
}

tell() {
    echo 1<>"$BATS_TEST_TMPDIR/client.$1.in"
}

# says ID WORD: waits for the client's step `say WORD`
says() {
    wait_for_line "$BATS_TEST_TMPDIR/client.$1.out" "^$2\$" && return
    fail "client $1: $(cat "$BATS_TEST_TMPDIR/client.$1.err")"
}

# succeeds ID: waits for the client's end; every step must have succeeded
succeeds() {
    wait_until "$STOP_SECONDS" is_gone "${TOLD[$1]}" || return
    wait "${TOLD[$1]}" || fail "client $1: $(cat "$BATS_TEST_TMPDIR/client.$1.err")"
}

# ---- requests, byte by byte ----

# wire_get NAME OUTFILE: a backslash in NAME is taken as it is, though wire has escapes
wire_get() {
    "$WIRE" "$PORT" expect READY send "GET ${1//\\/\\\\}\n" expect OK send READY \
        learn-size send OK save @ "$2" expect DONE eof
}

# wire_put FILE NAME: likewise
wire_put() {
    "$WIRE" "$PORT" measure "$1" expect READY send "PUT ${2//\\/\\\\}\n" expect OK \
        size @ expect OK sendfile "$1" expect DONE eof
}

# ---- without privileges ----

# unprivileged COMMAND...: runs it as the user nobody when we are root, because no file mode stops
# root.
# A program given by its path is copied to where that user can reach it. Works as
# SERVER_PREFIX=(unprivileged), too.
unprivileged() {
    local program=$1
    shift
    if [ "$EUID" -ne 0 ]; then
        "$program" "$@"
        return
    fi
    [[ $program != /* ]] || program=$(_public_copy "$program") || return
    setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups "$program" "$@"
}

_public_copy() {
    local copy=$BATS_TEST_TMPDIR/public/${1##*/}
    mkdir -p "${copy%/*}" && install -m 755 -- "$1" "$copy" && make_readable "$copy" || return
    printf '%s' "$copy"
}

# make_readable PATH: lets the user nobody read PATH, below BATS_TEST_TMPDIR; skips the test if a
# folder further up is closed
make_readable() {
    local at=$1 top=${BATS_RUN_TMPDIR:-$BATS_TEST_TMPDIR}
    chmod a+rX -- "$at" || return
    while [[ $at == "$top"/* ]]; do
        at=${at%/*}
        chmod a+x -- "$at" || return
    done
    [ "$EUID" -ne 0 ] ||
        setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups test -r "$1" ||
        skip "nobody cannot reach $1"
}

# ---- a network of its own ----

USERS= # a process in the user namespace that the others belong to

# own_network: makes a network namespace, also for an ordinary user if the kernel allows it. Sets
# NETWORK, a process in it, and INSIDE, which goes before a command that is to run there. A test can
# make several and connect them. Skips the test if there can be none.
own_network() {
    local as=()
    command -v ip unshare nsenter >/dev/null || skip "needs ip, unshare and nsenter"
    if [ "$EUID" -ne 0 ]; then
        unshare -rn true 2>/dev/null || skip "needs root, or user namespaces"
        [ -n "$USERS" ] || { _sleeper unshare -r && USERS=$SLEEPER; } || return
        as=(nsenter "--user=/proc/$USERS/ns/user" --preserve-credentials)
    fi
    "${as[@]}" unshare -n true 2>/dev/null || skip "needs a network namespace"
    _sleeper "${as[@]}" unshare -n || return
    NETWORK=$SLEEPER
    # shellcheck disable=SC2034 # for the caller
    INSIDE=(nsenter "${as[@]:1}" "--net=/proc/$NETWORK/ns/net")
}

# _sleeper COMMAND...: a sleeping process that COMMAND has put into its place
_sleeper() {
    "$@" sleep 600 3>&- 4>&- &
    SLEEPER=$!
    track "$SLEEPER"
    wait_until 5 _has_line "/proc/$SLEEPER/comm" sleep
}

# has_localhost: skips the test, or the rest of it, if that name has no address
has_localhost() {
    getent ahosts localhost >/dev/null || skip "localhost is no name here (/etc/hosts)"
}

# ---- after the test ----

clean_up() {
    local status=0
    _kill_tracked
    _sanitizer_is_silent || status=1
    if [ -z "${BATS_TEST_COMPLETED:-}" ] && [ -s "$SERVER_ERR" ]; then
        echo "the server said on stderr:"
        tail -n 50 "$SERVER_ERR"
    fi
    # Otherwise bats, as an ordinary user, could not remove what a test has made read-only.
    [ "$EUID" -eq 0 ] || chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
    [ -z "$OWN_TMPDIR" ] || rm -rf "$OWN_TMPDIR"
    return "$status"
}

# When a sanitizer ends a worker, its client sees no more than a lost connection.
_sanitizer_is_silent() {
    local found
    [ -n "$SANITIZED" ] && [ -z "$EXPECT_CRASH" ] && [ -s "$SERVER_ERR" ] || return 0
    found=$(grep -E -A 20 '(ERROR|WARNING): [A-Za-z]*Sanitizer|runtime error:' "$SERVER_ERR") ||
        return 0
    fail "the sanitizer found:" "$found"
}

teardown() {
    clean_up
}
