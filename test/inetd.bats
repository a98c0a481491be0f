#!/usr/bin/env bats
#
# --inetd: one client, whose connection is descriptors 0 and 1, behind supervisors as people use
# them. They listen, they cap, and they start a process for each client; the session, the options
# and the sandbox are the server's.
#
# Tests are subshells, and lib.bash reads what they set; dollars in quotes are of other shells:
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

load lib

PROGRAM=()   # what the supervisor starts: the server with --inetd
BEFORE=()    # what goes before it
CAP=10       # of tcpserver, socat, xinetd
TCPSERVER=() # further options of tcpserver

setup() {
    mkdir -p "$ROOT"
    : >"$SERVER_ERR"
    PATH=$PATH:/usr/sbin # xinetd
}

needs() {
    command -v "$1" >/dev/null || skip "needs $1"
}

# program [OPTION...]: sets PROGRAM
program() {
    PROGRAM=("${BEFORE[@]}" "$FERRYD" --inetd --root "$ROOT" ${SANITIZED:+--sandbox=off}
        "${PATIENCE[@]}" "${SERVER_OPTIONS[@]}" "$@")
}

# Each of these starts PROGRAM for every client that comes to PORT; it prints to SERVER_ERR.

# behind_tcpserver [OPTION...]
behind_tcpserver() {
    needs tcpserver
    program "$@"
    : >"$SERVER_OUT"
    tcpserver -1 -c "$CAP" -RHl0 "${TCPSERVER[@]}" 127.0.0.1 0 "${PROGRAM[@]}" \
        >"$SERVER_OUT" 2>>"$SERVER_ERR" </dev/null 3>&- 4>&- &
    supervised_by "$!"
    wait_for_line "$SERVER_OUT" '^[0-9]+$' || return
    PORT=$(<"$SERVER_OUT")
}

# behind_socat HOW [OPTION...]: HOW are options of its EXEC address
behind_socat() {
    local command
    needs socat
    program "${@:2}"
    command=${PROGRAM[*]}
    socat -d -d "TCP-LISTEN:0,bind=127.0.0.1,fork,max-children=$CAP" \
        "EXEC:${command//:/\\:}${1:+,$1}" \
        >>"$SERVER_OUT" 2>>"$SERVER_ERR" </dev/null 3>&- 4>&- &
    supervised_by "$!"
    wait_for_line "$SERVER_ERR" ' listening on ' || return
    PORT=$(sed -nE 's/.* listening on .*:([0-9]+)$/\1/p' "$SERVER_ERR" | head -n 1)
}

behind_xinetd() {
    needs xinetd
    program
    on_a_free_port 'Started working: 1 ' xinetd_on
}

xinetd_on() {
    local conf=$BATS_TEST_TMPDIR/xinetd.conf
    printf '%s\n' 'service ferry' '{' 'type = UNLISTED' "port = $PORT" 'bind = 127.0.0.1' \
        'socket_type = stream' 'protocol = tcp' 'wait = no' "user = $(id -un)" \
        "instances = $CAP" "server = ${PROGRAM[0]}" "server_args = ${PROGRAM[*]:1}" '}' >"$conf"
    exec xinetd -dontfork -f "$conf" -pidfile "$BATS_TEST_TMPDIR/xinetd.pid" \
        -filelog "$SERVER_ERR"
}

behind_activate() {
    needs systemd-socket-activate
    program
    on_a_free_port '^Listening on ' activate_on
}

activate_on() {
    exec systemd-socket-activate --accept --inetd -l "127.0.0.1:$PORT" "${PROGRAM[@]}"
}

# on_a_free_port REGEX COMMAND: for those who cannot choose a port themselves: until COMMAND, which
# finds it in PORT, prints what REGEX says. (It may have been taken in the meantime.)
on_a_free_port() {
    for _ in 1 2 3 4 5; do
        start_server && stop_server || return
        "$2" >>"$SERVER_ERR" 2>&1 </dev/null 3>&- 4>&- &
        supervised_by "$!"
        wait_until "$WAIT_SECONDS" says_or_ends "$1"
        ! grep -qE "$1" "$SERVER_ERR" || return 0
    done
    fail "no port stayed free, or $2 cannot start: $(<"$SERVER_ERR")"
}

says_or_ends() {
    grep -qE "$1" "$SERVER_ERR" || is_gone "$SERVER_JOB"
}

supervised_by() {
    SERVER_JOB=$1
    track "$1"
}

# find_process: sets NAMED to the process that serves the client
find_process() {
    wait_until "$WAIT_SECONDS" _named "${SERVER:0:15}" "$SERVER_JOB" || return
    _named "${SERVER:0:15}" "$SERVER_JOB"
}

# processes: how many there are
processes() {
    local pid count=0
    _family "$SERVER_JOB"
    for pid in "${FAMILY[@]}"; do
        ! _stat "$pid" || [ "$NAME" != "${SERVER:0:15}" ] || [ "$STATE" = Z ] || count=$((count + 1))
    done
    echo "$count"
}

# all_three: PUT, PUT over it, GET and DEL, small and large, with every byte of the dialogue
all_three() {
    local size new=$BATS_TEST_TMPDIR/new got=$BATS_TEST_TMPDIR/got
    for size in 0 100 3000000; do
        random_file "$new" "$size"
        wire_put "$new" file || fail "PUT of $size bytes" || return
        assert_file_eq "$ROOT/file" "$new" || return
        wire_get file "$got" || fail "GET of $size bytes" || return
        assert_file_eq "$got" "$new" || return
    done
    "$WIRE" "$PORT" expect READY send 'DEL file\n' expect DONE eof || fail DEL || return
    "$WIRE" "$PORT" expect READY send 'GET file\n' expect 'ERROR: file does not exist' eof || return
    assert_eq "$(ls -A "$ROOT")" "" "files left behind"
}

# hears_nothing: the client does, up to the end
hears_nothing() {
    "$WIRE" "$PORT" eof
}

# status_of PID FIELD: from /proc/PID/status
status_of() {
    awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

# on_socket CODE ARG...: runs the server with what python's CODE makes of `s` on descriptor 0
on_socket() {
    code=0
    python3 -c "import os, socket, sys
$1
os.dup2(s.fileno(), 0)
os.execv(sys.argv[1], sys.argv[1:])" "$FERRYD" "${@:2}" >said.out 2>said.err 3>&- || code=$?
}

# one_line STATUS PART: the command that ran ended so, and said one line, on standard error
one_line() {
    assert_eq "$code" "$1" "exit status" || return
    assert_eq "$(<said.out)" "" "standard output" || return
    assert_eq "$(wc -l <said.err)" 1 "lines: $(<said.err)" || return
    assert_contains "$(<said.err)" "$SERVER: $2"
}

# ---- behind supervisors ----

@test "tcpserver: GET, PUT and DEL" {
    behind_tcpserver
    all_three
}

@test "socat with nofork: GET, PUT and DEL" {
    behind_socat nofork
    all_three
}

@test "socat in between, by a local socket: GET, PUT and DEL, and the client has no address" {
    behind_socat '' -v
    all_three
    wait_for_line "$SERVER_ERR" '^server connected to client at a local socket$' 8
}

@test "a local socket counts memory and not bytes: who reads slowly beyond it lives all the same" {
    behind_socat '' -v
    truncate -s 20M "$ROOT/large"
    # Longer than --min-rate waits before it judges.
    client reader timeout 60000 expect READY send 'GET large\n' expect OK send READY learn-size \
        send OK sip 500 100 130 say lived wait close
    WAIT_SECONDS=30 says reader lived
    refute grep -F 'server done with client' "$SERVER_ERR"
}

@test "xinetd: GET, PUT and DEL" {
    behind_xinetd
    all_three
}

@test "systemd-socket-activate: GET, PUT and DEL" {
    behind_activate
    all_three
}

# third_waits: with a cap of 2, c is served when a has left, and not before
third_waits() {
    hold a b c || return
    held a b || return
    refute is_served c || return
    assert_eq "$(processes)" 2 || return
    release a || return
    held c
}

@test "tcpserver's cap holds: who comes too much waits in the backlog, and is served then" {
    CAP=2
    behind_tcpserver
    third_waits
    assert_eq "$(processes)" 2
    release b
}

@test "socat's cap holds" {
    CAP=2
    behind_socat nofork
    third_waits
}

@test "xinetd's cap holds: who comes too much is hung up on" {
    CAP=2
    behind_xinetd
    hold a b
    held a b
    hears_nothing
    release a
}

# ---- what is said, and to whom ----

@test "with -v, standard error tells what the server would tell; standard output gets nothing" {
    BEFORE=(sh -c 'exec "$@" >"$0"' "$BATS_TEST_TMPDIR/stdout")
    behind_tcpserver -v
    printf hello >"$ROOT/f"
    wire_get f "$BATS_TEST_TMPDIR/got"
    wait_for_line "$SERVER_ERR" '^server done with client at 127\.0\.0\.1:[0-9]+: done$'
    assert_eq "$(sed -nE 's/[0-9.]+:[0-9]+/ADDRESS/; s/^(server.*)/\1/p' "$SERVER_ERR")" \
        "$(printf '%s\n' 'server connected to client at ADDRESS' \
            'server receiving request: GET f' 'server sending 5 bytes' \
            'server done with client at ADDRESS: done')"
    assert_eq "$(<"$BATS_TEST_TMPDIR/stdout")" ""
}

@test "where the socket is standard error, too, the client hears the protocol and nothing else" {
    BEFORE=(sh -c 'exec "$@" 2>&1' -)
    behind_tcpserver -vv --sync=none
    all_three
    assert_eq "$(<"$SERVER_ERR")" ""
}

@test "not even a wrong option, --help or a root that is not there is told to the client" {
    local option
    BEFORE=(sh -c 'exec "$@" 2>&1' -)
    for option in --nonsense --help --version --board=/dev/null --ine --root=/nonsense 9000; do
        behind_tcpserver "$option" -- || return
        case $option in
            --ine) "$WIRE" "$PORT" expect READY ;; # getopt_long(3) takes that for --inetd, too
            *) hears_nothing || fail "with $option" ;;
        esac
    done
}

@test "exit status 0 says that a client was served, however; 1, that none could be; 2, wrong usage" {
    TCPSERVER=(-v)
    behind_tcpserver
    "$WIRE" "$PORT" expect READY send 'GET nothing\n' expect 'ERROR: nothing does not exist' eof
    wait_for_line "$SERVER_ERR" '^tcpserver: end [0-9]+ status 0$'
    "$WIRE" "$PORT" expect READY close
    wait_for_line "$SERVER_ERR" '^tcpserver: end [0-9]+ status 0$' 2
    behind_tcpserver --root "$ROOT/nothing"
    hears_nothing
    wait_for_line "$SERVER_ERR" "^$SERVER: cannot serve $ROOT/nothing: No such file or directory$"
    wait_for_line "$SERVER_ERR" '^tcpserver: end [0-9]+ status 256$'
    behind_tcpserver --nonsense
    hears_nothing
    wait_for_line "$SERVER_ERR" '^tcpserver: end [0-9]+ status 512$'
}

@test "what makes no sense for one client is wrong usage, in either order, and --help says so" {
    local option help
    cd "$BATS_TEST_TMPDIR" || return
    help=$("$FERRYD" --help | sed -n '/^ *--inetd/,/^ *-v,/p')
    for option in --bind=localhost --queue=5 --grace=5 --per-source=5 --http=0 --http-host=a --ledger=l \
        --board=b --tick-only --ready-fd=1; do
        code=0
        "$FERRYD" --inetd "$option" >said.out 2>said.err 3>&- || code=$?
        one_line 2 "${option%=*} does not go with --inetd: " || fail "$option"
        code=0
        "$FERRYD" "$option" --inetd >said.out 2>said.err 3>&- || code=$?
        one_line 2 "${option%=*} does not go with --inetd: " || fail "$option"
        assert_contains "$help" "${option%=*}"
    done
    code=0
    "$FERRYD" --inetd 9000 >said.out 2>said.err 3>&- || code=$?
    one_line 2 'PORT and MAX do not go with --inetd, where the supervisor listens and caps, but "9000"'
    refute test -e b -o -e l
}

# ---- what descriptor 0 may be ----

@test "a descriptor 0 that is no client's connection is an error that says so" {
    cd "$BATS_TEST_TMPDIR" || return
    local kind
    for kind in /dev/null "$ROOT"; do
        code=0
        "$FERRYD" --inetd <"$kind" >said.out 2>said.err 3>&- || code=$?
        one_line 1 'descriptor 0 is not a socket; see ferryd(8)'
    done
    code=0
    "$FERRYD" --inetd <&- >said.out 2>said.err 3>&- || code=$?
    one_line 1 'descriptor 0 is not a socket; see ferryd(8)'
    code=0
    true | "$FERRYD" --inetd >said.out 2>said.err 3>&- || code=$?
    one_line 1 'descriptor 0 is not a socket; see ferryd(8)'
    needs python3
    on_socket 's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)' --inetd
    one_line 1 'descriptor 0 is not a stream socket'
    on_socket 's = socket.socket()' --inetd
    one_line 1 'descriptor 0 is not connected, or not any more'
}

@test "a descriptor 0 that listens is an error that says what to do" {
    cd "$BATS_TEST_TMPDIR" || return
    needs python3
    on_socket 's = socket.socket(); s.listen()' --inetd
    one_line 1 'descriptor 0 is a socket that listens: whoever starts this must accept the client'
    on_socket 's = socket.socket(); s.listen(); os.dup2(s.fileno(), 2)' --inetd
    assert_eq "$code" 1 "exit status"
}

# ---- who may be a client ----

@test "--allow: others are hung up on without a word, and -v tells" {
    behind_tcpserver -v --allow 192.0.2.0/24
    hears_nothing
    wait_for_line "$SERVER_ERR" '^server turned away client at 127\.0\.0\.1:[0-9]+: not allowed$'
    refute grep -q 'connected to' "$SERVER_ERR"
    behind_tcpserver --allow 192.0.2.0/24 --allow 127.0.0.0/8
    all_three
}

@test "--allow covers nobody who has no address" {
    behind_socat '' -v --allow ::/0 --allow 0.0.0.0/0
    hears_nothing
    wait_for_line "$SERVER_ERR" '^server turned away client at a local socket: not allowed$'
}

# ---- confinement ----

@test "the process holds the connection, the root and nothing that the supervisor left open" {
    look_inside
    echo secret >"$BATS_TEST_TMPDIR/secret"
    BEFORE=(bash -c 'exec 3<"$0" 5<"$0" 9<"$0" 77<"$0" && exec "$@"' "$BATS_TEST_TMPDIR/secret")
    behind_tcpserver
    hold a
    held a
    find_process
    assert_eq "$(fds_of "$NAMED" | sed -nE 's/^[01] /standard /p')" \
        "$(printf '%s\n' 'standard /dev/null' 'standard /dev/null')"
    assert_eq "$(fds_of "$NAMED" | sed -E '/^[012] /d; s/^[0-9]+ //; s/:\[.*//' | sort)" \
        "$(printf '%s\n' "$ROOT" socket)"
}

@test "the sandbox is in force while a client is served, and it is the server's" {
    local field layers
    local -A servers
    [ -z "$SANITIZED" ] || skip "a sanitizer needs what the filter refuses"
    start_server -vv
    layers=$(sed -nE 's/^manager .* (sandbox:.*) \(.*/\1/p' "$SERVER_OUT")
    [ -n "$layers" ]
    for field in Seccomp NoNewPrivs; do
        servers[$field]=$(status_of "$SERVER_PID" "$field")
    done
    behind_tcpserver -vv
    hold a
    held a
    find_process
    assert_eq "$(sed -nE 's/^manager .* (sandbox:.*) \(.*/\1/p' "$SERVER_ERR")" "$layers"
    for field in Seccomp NoNewPrivs; do
        assert_eq "$(status_of "$NAMED" "$field")" "${servers[$field]}" "$field"
    done
    # As for a worker.
    [[ $layers != *rlimits* ]] ||
        grep -qE '^Max processes +0 +0 ' "/proc/$NAMED/limits" || fail "it may start processes"
    [ "$(uname -m)" != x86_64 ] || assert_eq "${servers[Seccomp]}" 2 "the filter"
}

@test "a process that was taken over starts nothing, signals nobody and opens nothing outside" {
    local deed
    [ -z "$SANITIZED" ] || skip "a sanitizer needs what the filter refuses"
    start_server --sandbox=require || skip "this kernel has not every layer"
    stop_server
    echo secret >"$BATS_TEST_TMPDIR/read-outside"
    FERRYD=$BIN/test/$SERVER-hostile
    behind_tcpserver
    for deed in make-process make-thread make-namespace run-program signal-parent signal-sibling \
        trace-parent make-socket make-code read-outside:EACCES; do
        [[ $deed == *:* ]] || deed=$deed:EPERM
        "$WIRE" "$PORT" expect READY send "DEED ${deed%:*} $$ $BATS_TEST_TMPDIR\n" \
            expect "${deed/:/: }\n" eof || fail "${deed%:*}"
    done
}

@test "--sandbox=off puts nothing on" {
    behind_tcpserver -vv --sandbox=off
    hold a
    held a
    find_process
    assert_eq "$(status_of "$NAMED" NoNewPrivs)" "$(status_of "$SERVER_JOB" NoNewPrivs)"
    assert_eq "$(status_of "$NAMED" Seccomp)" "$(status_of "$SERVER_JOB" Seccomp)"
    wait_for_line "$SERVER_ERR" 'sandbox: off'
}

@test "what --sandbox=require lacks is told, and nobody is served; auto does without it" {
    local layers
    [ -z "$SANITIZED" ] || skip "a sanitizer needs what the filter refuses"
    needs_strace
    start_server -vv
    layers=$(<"$SERVER_OUT") # what this kernel has
    BEFORE=(strace -o /dev/null -e inject=seccomp:error=ENOSYS)
    behind_tcpserver --sandbox=require
    hears_nothing
    wait_for_line "$SERVER_ERR" "^$SERVER: --sandbox=require: "
    behind_tcpserver
    all_three
    [[ $layers == *' landlock('* ]] || skip "not all of it: this kernel has no Landlock"
    # What the server would find out with a worker that it tries.
    BEFORE=(strace -o /dev/null -e inject=landlock_restrict_self:error=E2BIG:when=2)
    behind_tcpserver
    all_three
    wait_for_line "$SERVER_ERR" "^$SERVER: there can be no Landlock domain of its own .*; served"
    behind_tcpserver --sandbox=require
    hears_nothing
    wait_for_line "$SERVER_ERR" "^$SERVER: --sandbox=require: "
}

@test "--user: a process that root's supervisor starts serves as that user, in a chroot" {
    [ "$EUID" -eq 0 ] || skip "needs root"
    chmod 755 "$ROOT"
    chown "$NOBODY:$NOBODY" "$ROOT"
    # The leak checker reads /proc, which the chroot hides.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
    behind_tcpserver --user "$NOBODY:$NOBODY"
    hold a
    held a
    find_process
    assert_eq "$(status_of "$NAMED" Uid)" "$NOBODY"
    assert_eq "$(readlink "/proc/$NAMED/root")" "$ROOT"
    release a
    all_three
    behind_tcpserver --user nobody-of-this-name
    hears_nothing
    wait_for_line "$SERVER_ERR" "^$SERVER: cannot become user nobody-of-this-name: no such user$"
}

# ---- signals ----

@test "SIGTERM ends it at once, whatever its supervisor did to that signal; an upload leaves nothing" {
    env --ignore-signal=TERM --block-signal=TERM true 2>/dev/null || skip "needs a newer env"
    BEFORE=(env --ignore-signal=TERM --block-signal=TERM)
    behind_tcpserver --timeout 600 --min-rate 0 # so that it is the signal
    client a expect READY send 'PUT file\n' expect OK size 100000 expect OK send half say half gone
    says a half
    find_process
    kill -TERM "$NAMED"
    succeeds a
    wait_until "$WAIT_SECONDS" is_gone "$NAMED"
    assert_eq "$(find "$ROOT" -type f)" "" "files left behind"
}

@test "a client that leaves its supervisor's line before it is started costs nothing but a line" {
    CAP=1
    TCPSERVER=(-v)
    behind_tcpserver
    hold a
    held a
    "$WIRE" "$PORT" reset
    release a
    wait_for_line "$SERVER_ERR" '^tcpserver: end [0-9]+ status' 2
    all_three
}
