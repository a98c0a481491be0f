# lib.bash - what the tests share: a server, clients, waiting, asserting, cleaning up.
#
# Used by: every .bats file, with `load lib`.
# Needs:   bash 5, bats 1.2 or newer, coreutils, findutils, awk, /proc; setpriv for root.
# Reads:   BIN        where the programs are (default: build, beside the folder test)
#          SERVER     ferryd (default) or ferryd-threads
#          SANITIZED  not empty: the programs are a sanitizer's, so its findings fail the test
# Returns: a helper that does not get what it waits for says so on stderr and returns 1.
#
# Every wait here is for an event and has an end. Background processes are tracked: teardown()
# kills those that are left. A test with a teardown() of its own calls clean_up in it.
# shellcheck shell=bash

PROJECT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
BIN=${BIN:-$PROJECT/build}
[[ $BIN == /* ]] || BIN=$PWD/$BIN
SERVER=${SERVER:-ferryd}
SANITIZED=${SANITIZED:-}

# bats before 1.4 has no folder for each test. In later ones this is the case outside of tests
# only, and goes away with the run.
OWN_TMPDIR=
if [ -z "${BATS_TEST_TMPDIR:-}" ]; then
    OWN_TMPDIR=$(mktemp -d "${BATS_RUN_TMPDIR:-${BATS_TMPDIR:-/tmp}}/ferry.XXXXXX")
    BATS_TEST_TMPDIR=$OWN_TMPDIR
fi

FERRYD=$BIN/$SERVER
export FERRY=$BIN/ferry WIRE=$BIN/test/wire SWARM=$BIN/test/swarm
ROOT=$BATS_TEST_TMPDIR/root

PORT=           # of the server that start_server started last
SERVER_PID=     # the server itself
SERVER_JOB=     # what the shell started: the server, or its prefix
SERVER_STATUS=  # how it ended, from wait_server
SERVER_OUT=$BATS_TEST_TMPDIR/server.out
SERVER_ERR=$BATS_TEST_TMPDIR/server.err
SERVER_OPTIONS=() # go before those given to start_server
# A client that a test holds must not be ended by the server's own defaults, nor what a test waits
# for be brought about by them. A test of these sets DEFAULTS; a test's own --timeout counts.
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

# refute COMMAND...: fails when COMMAND succeeds, or cannot be run. (A bare `!` fails no test, unless
# it is last.)
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

# tree_sum DIR: one checksum of the names, types, modes, link targets and content below DIR
tree_sum() (
    cd "$1" || exit
    {
        find . -printf '%y %m %p %l\0' | LC_ALL=C sort -z
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
    } | sha256sum | cut -d ' ' -f 1
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
        # What has not come at once is looked for less often: looking takes processor time, too.
        if ((++tries < 20)); then sleep "$POLL_SECONDS"; else sleep "$LATE_POLL_SECONDS"; fi
    done
}

# wait_for_line FILE REGEX [COUNT]: COUNT lines (default 1) or more match the extended REGEX
wait_for_line() {
    wait_until "$WAIT_SECONDS" _has_lines "$1" "$2" "${3:-1}" && return
    fail "$1 has fewer than ${3:-1} lines that match $2:" "$(cat -- "$1" 2>&1)"
}

_has_lines() {
    local count
    count=$(grep -cE -- "$2" "$1")
    [ "${count:-0}" -ge "$3" ]
}

# ---- processes ----

# is_alive PID: it is there, and not a zombie
is_alive() {
    local stat
    read -r stat <"/proc/$1/stat" || return 1
    stat=${stat##*) }
    [ "${stat:0:1}" != Z ]
} 2>/dev/null

is_gone() {
    ! is_alive "$1"
}

# Every process there is, one a line: pid, parent, state, name.
_processes() {
    cat /proc/[0-9]*/stat 2>/dev/null |
        sed -nE 's/^([0-9]+) \((.*)\) (.) ([0-9]+) .*/\1 \4 \3 \2/p'
}

# _family PID...: those of them that descend from the test's shell, and their descendants; one a
# line, pid and name, parents before their children. A pid that was used again is not ours.
_family() {
    _processes | awk -v shell="$$" -v roots="$*" '
        { pid[NR] = $1; parent[$1] = $2; name[$1] = $4 }
        function add(p) { chosen[p] = 1; print p, name[p]; grew = 1 }
        function is_ours(p,   up) {
            for (up = p; up in parent && up != shell && up != parent[up]; )
                up = parent[up]
            return up == shell && p != shell
        }
        END {
            n = split(roots, root, " ")
            for (i = 1; i <= n; i++)
                if (!(root[i] in chosen) && is_ours(root[i]))
                    add(root[i])
            while (grew) {
                grew = 0
                for (i = 1; i <= NR; i++)
                    if (!(pid[i] in chosen) && (parent[pid[i]] in chosen))
                        add(pid[i])
            }
        }'
}

# track PID...: teardown kills it, and what it started
track() {
    TRACKED+=("$@")
}

_kill_tracked() {
    local pids pid
    ((${#TRACKED[@]} > 0)) || return 0
    pids=$(_family "${TRACKED[@]}" | cut -d ' ' -f 1)
    {
        for pid in $pids; do
            kill -KILL "$pid" || true
        done
        for pid in $pids; do
            wait_until 5 is_gone "$pid" || true
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
# Returns once the server has said that it listens. A sanitizer's runtime needs what the sandbox
# forbids; a test's own --sandbox comes later, and counts.
start_server() {
    local options=()
    [ -n "$DEFAULTS" ] || options=("${PATIENCE[@]}")
    options+=("${SERVER_OPTIONS[@]}")
    while (($# > 0)) && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift $(($# > 0 ? 1 : 0))
    mkdir -p "$ROOT" || return
    truncate -s 0 "$SERVER_OUT" "$SERVER_ERR" || return
    _launch -d "$ROOT" --ready-fd 3 ${SANITIZED:+--sandbox=off} "${options[@]}" 0 "$@" || return
    track "$SERVER_JOB"
    if [[ ! $PORT =~ ^[0-9]+$ ]]; then
        fail "$SERVER did not get ready (port \"$PORT\"); it said:" "$(cat "$SERVER_ERR")"
        return 1
    fi
    _find_server
}

# Runs the server with these arguments and reads PORT from its ready fd: a FIFO whose only writer
# it is, so that a server that dies ends the wait. It inherits no fd of bats but 3, replaced.
_launch() {
    local fifo=$BATS_TEST_TMPDIR/ready both reader writer
    rm -f "$fifo"
    mkfifo "$fifo" || return
    exec {both}<>"$fifo" # or the other two would wait for each other
    exec {reader}<"$fifo"
    exec {writer}>"$fifo"
    exec {both}>&-
    "${SERVER_PREFIX[@]}" "$FERRYD" "$@" </dev/null >>"$SERVER_OUT" 2>>"$SERVER_ERR" \
        3>&"$writer" 4>&- {reader}<&- {writer}>&- &
    SERVER_JOB=$!
    exec {writer}>&-
    PORT=
    read -r -t "$WAIT_SECONDS" -u "$reader" PORT || true
    # And then closes it: who counts the server's descriptors must not count that one. (What goes
    # before the server's command may keep it.)
    ((${#SERVER_PREFIX[@]} > 0)) || read -r -t "$WAIT_SECONDS" -u "$reader" _ || true
    exec {reader}<&-
}

# The job itself, or below a prefix the first process with the server's name. Called when the
# server is ready, so it has its name, and no worker yet.
_find_server() {
    local name=${FERRYD##*/}
    SERVER_PID=$SERVER_JOB
    ((${#SERVER_PREFIX[@]} > 0)) || return 0
    SERVER_PID=$(_family "$SERVER_JOB" | awk -v name="${name:0:15}" '$2 == name { print $1; exit }')
    [ -n "$SERVER_PID" ] || fail "no process named $name below: ${SERVER_PREFIX[*]}"
}

# Waits for the server to end by itself, or by a signal the test sent; sets SERVER_STATUS. Not
# below `run`, nor are its callers: a subshell cannot wait for its parent's child.
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

# workers [live]: the pids of the server's workers, those not yet reaped included unless `live`;
# of ferryd-threads, the ids of its threads but the first
workers() {
    if is_threads; then
        # The thread sanitizer starts a thread of its own, before the first worker.
        find "/proc/$SERVER_PID/task" -mindepth 1 -maxdepth 1 ! -name "$SERVER_PID" -printf '%f\n' |
            sort -n | tail -n "+$([ "$SANITIZED" = thread ] && echo 2 || echo 1)"
    else
        _processes | awk -v parent="$SERVER_PID" -v live="${1:-}" \
            '$2 == parent && (live == "" || $3 != "Z") { print $1 }'
    fi
}

# The pids of workers that have ended and are not reaped.
zombies() {
    _processes | awk -v parent="$SERVER_PID" '$2 == parent && $3 == "Z" { print $1 }'
}

# workers_are N: to wait for, as in `wait_until 5 workers_are 3`
workers_are() {
    [ "$(workers "" | wc -l)" -eq "$1" ]
}

# ---- looking into the server ----

# needs_strace: skips the test where strace(1) is missing or may not trace
needs_strace() {
    command -v strace >/dev/null || skip "needs strace"
    strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
    # LeakSanitizer traces, and so cannot be traced.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

# look_inside: strace shows what the addresses that the next servers pass lead to, and /proc/PID/fd
# of them can be read, which their sandbox allows to root only: so it is off for everybody else.
look_inside() {
    [ "$EUID" -eq 0 ] || SERVER_OPTIONS+=(--sandbox=off)
}

# fds_of PID: what its descriptors lead to, "NUMBER TARGET" in a line each, by number
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

# hold ID...: for each a client that connects, waits for READY, and then keeps its slot. Returns
# when it is connected, so that several stand in line in this order.
hold() {
    local id base
    for id in "$@"; do
        base=$BATS_TEST_TMPDIR/hold.$id
        rm -f "$base.in" "$base.out" "$base.err"
        mkfifo "$base.in" || return
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
    grep -qx ready "$BATS_TEST_TMPDIR/hold.$1.out"
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

# A client that ends will say nothing more: no use in waiting then.
_hold_says() {
    local base=$BATS_TEST_TMPDIR/hold.$1
    wait_until "$WAIT_SECONDS" _says_or_gone "$base.out" "$2" "${HELD[$1]}" 2>/dev/null || true
    grep -qx "$2" "$base.out" ||
        fail "the held client $1 did not say $2; it said:" "$(cat "$base.out" "$base.err")"
}

_says_or_gone() {
    grep -qx "$2" "$1" || is_gone "$3"
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

# succeeds ID: waits for the client's end; every step must have gone well
succeeds() {
    wait_until "$STOP_SECONDS" is_gone "${TOLD[$1]}" || return
    wait "${TOLD[$1]}" || fail "client $1: $(cat "$BATS_TEST_TMPDIR/client.$1.err")"
}

# ---- requests, byte by byte ----

# In the form wire takes: a backslash is an escape there.
_wire_text() {
    printf '%s' "${1//\\/\\\\}"
}

# wire_get NAME OUTFILE
wire_get() {
    "$WIRE" "$PORT" expect READY send "GET $(_wire_text "$1")\n" expect OK send READY \
        learn-size send OK save @ "$2" expect DONE eof
}

# wire_put FILE NAME
wire_put() {
    "$WIRE" "$PORT" expect READY send "PUT $(_wire_text "$2")\n" expect OK \
        size "$(stat -c %s -- "$1")" expect OK sendfile "$1" expect DONE eof
}

# ---- without privileges ----

# unprivileged COMMAND...: as nobody when we are root, whom no file mode stops. A program given by
# its path is copied to where nobody can reach it. Also good as SERVER_PREFIX=(unprivileged).
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

# make_readable PATH: nobody can read PATH, below BATS_TEST_TMPDIR; skips the test where the way
# there is closed further up
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

# own_network: a network namespace, also for an ordinary user where the kernel lets them; sets
# NETWORK, a process in it, and INSIDE, what goes before a command that is to run there. What one
# test makes can be joined together. Skips the test where there can be none.
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

# _sleeper COMMAND...: a process that COMMAND has put where it belongs
_sleeper() {
    "$@" sleep 600 3>&- 4>&- &
    SLEEPER=$!
    track "$SLEEPER"
    wait_until 5 grep -qx sleep "/proc/$SLEEPER/comm"
}

# has_localhost: skips the test, or what is left of it, where that name has no address
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
    # Or bats, as an ordinary user, cannot remove what a test has made read-only.
    [ "$EUID" -eq 0 ] || chmod -R u+rwX "$BATS_TEST_TMPDIR" 2>/dev/null || true
    [ -z "$OWN_TMPDIR" ] || rm -rf "$OWN_TMPDIR"
    return "$status"
}

# A worker that a sanitizer ends would look to its client like any other crash.
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
