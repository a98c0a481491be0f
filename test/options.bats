#!/usr/bin/env bats
# The command line of ferryd and ferryd-threads. What it does not understand it says in one line on
# standard error, with the word at fault and what was expected, and exits with 2; what keeps it from
# starting, with 1.

load lib

setup() {
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
    cd "$BATS_TEST_TMPDIR" || return
}

wire() {
    "$WIRE" "$PORT" "$@"
}

serves_f() {
    "$WIRE" "$@" "$PORT" expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK \
        expect helloDONE eof
}

# serve ARG...: runs the server with these and nothing else that shows; sets PORT, SERVER_PID
serve() {
    exec {ready}< <(exec "$FERRYD" --ready-fd 3 ${SANITIZED:+--sandbox=off} "$@" 3>&1 4>&- \
        >"$SERVER_OUT" 2>"$SERVER_ERR" </dev/null)
    SERVER_PID=$!
    # shellcheck disable=SC2034  # read by stop_server
    SERVER_JOB=$!
    track "$!"
    read -r -t "$WAIT_SECONDS" -u "$ready" PORT || fail "not ready: $(<"$SERVER_ERR")"
}

# runs ARG...: sets $code, $out and $err; for servers that are not expected to stay
runs() {
    code=0
    timeout "$WAIT_SECONDS" "$FERRYD" "$@" >said.out 2>said.err </dev/null 3>&- || code=$?
    IFS= read -r -d '' out <said.out || true
    IFS= read -r -d '' err <said.err || true
}

# fails STATUS WORD EXPECTED ARG...: exits so, with nothing on standard output and one line on
# standard error that names WORD and says what was EXPECTED
fails() {
    local want=$1 word=$2 expected=$3 line
    shift 3
    runs "$@"
    assert_eq "$code" "$want" "exit status of $*"
    assert_eq "$out" "" "standard output of $*"
    line=${err%$'\n'}
    [[ $err == "$line"$'\n' && $line != *$'\n'* ]] || fail "not one line for $*: $err"
    [[ $line == "$SERVER: "* ]] || fail "not the program's name first: $err"
    assert_contains "$line" "$word"
    assert_contains "$line" "$expected"
}

# wrong WORD EXPECTED ARG...
wrong() {
    fails 2 "$@"
}

# ---- exit status 2 ----

@test "PORT must be there" {
    wrong PORT missing
    wrong PORT missing -v
    wrong PORT missing --root "$ROOT"
    wrong PORT missing -d 8000
    wrong PORT missing --
}

@test "PORT must be a number from 0 to 65535" {
    for port in '' x 65536 99999 99999999999999999999999 80x x80 ' 80' '80 ' +80 0x50 1e3 8.0 80,81 \
        http '*' -; do
        wrong "\"$port\"" 'PORT must be a number from 0 to 65535' "$port"
        wrong "\"$port\"" 'PORT must be a number from 0 to 65535' "$port" 5
    done
    wrong '"-1"' 'PORT must be a number from 0 to 65535' -- -1
}

@test "MAX must be a number from 1" {
    for max in '' x 0 00 4294967297 18446744073709551617 99999999999999999999999 5x ' 5' '5 ' +5 0x5 \
        1e1 2.5; do
        wrong "\"$max\"" 'MAX must be a number from 1 to' 0 "$max"
    done
    wrong '"-1"' 'MAX must be a number from 1 to' -- 0 -1
}

@test "nothing may follow MAX" {
    wrong '"6"' 'nothing may follow PORT and MAX' 0 5 6
    wrong '"stray"' 'nothing may follow PORT and MAX' 0 5 stray
    wrong '"stray"' 'nothing may follow PORT and MAX' 0 -v 5 -v stray -v another
    wrong '""' 'nothing may follow PORT and MAX' 0 5 ''
    wrong '"-v"' 'nothing may follow PORT and MAX' 0 5 -- -v
}

@test "--queue must be a number from 1" {
    for value in '' x 0 -1 +1 5x ' 5' 0x5 1.5 99999999999999999999999; do
        wrong "\"$value\"" '--queue must be a number from 1 to' -q "$value" 0
        wrong "\"$value\"" '--queue must be a number from 1 to' "--queue=$value" 0
    done
}

@test "--timeout must be whole seconds, one at least" {
    for value in '' x 0 -1 +1 30s ' 5' 0x5 0.5 99999999999 99999999999999999999999; do
        wrong "\"$value\"" '--timeout must be a number from 1 to' -t "$value" 0
        wrong "\"$value\"" '--timeout must be a number from 1 to' --timeout "$value" 0
    done
}

@test "--grace must be whole seconds, none at least" {
    for value in '' x -1 +1 30s ' 5' 0x5 0.5 99999999999 99999999999999999999999; do
        wrong "\"$value\"" '--grace must be a number from 0 to' -g "$value" 0
        wrong "\"$value\"" '--grace must be a number from 0 to' --grace "$value" 0
    done
}

@test "--sync must be full or none" {
    for value in '' half FULL None full,none fullnone fulll 'full ' 1 yes; do
        wrong "\"$value\"" '--sync must be full or none' "--sync=$value" 0
        wrong "\"$value\"" '--sync must be full or none' --sync "$value" 0
    done
}

@test "--ready-fd must be a descriptor that is open for writing" {
    for value in '' x -1 +1 3x ' 3' 1.0 99999999999 99999999999999999999999; do
        wrong "\"$value\"" '--ready-fd must be a number from 0 to' --ready-fd "$value" 0
    done
    wrong 77 '--ready-fd must be a descriptor open for writing' --ready-fd 77 0
    wrong 2147483647 '--ready-fd must be a descriptor open for writing' --ready-fd 2147483647 0
    # Standard input, which runs() opens for reading.
    wrong 0 '--ready-fd must be a descriptor open for writing' --ready-fd 0 0
}

@test "an option that there is not is named" {
    for option in -x -1 -P --nonsense --roots --verbosely --most=5; do
        wrong "$option" 'unknown option' "$option" 0
        wrong "$option" 'unknown option' 0 5 "$option"
        wrong "$option" '--help' 0 5 "$option"
    done
    wrong -x 'unknown option' -vx 0
    wrong -x 'unknown option' -xv 0
    wrong --t 'unknown option' --t 5 0
}

@test "an option that is no ASCII letter is named too" {
    wrong -: 'unknown option' -:v 0
    wrong -é 'unknown option' -é 0
    wrong -é 'unknown option' 0 5 -é
    # The same letter in Latin-1, which cannot be shown as it is.
    wrong '-\xe9' 'unknown option' $'-\xe9' 0
    wrong '-\xe9' 'unknown option' 0 5 $'-\xe9'
}

@test "a value where none belongs is a wrong option" {
    wrong --verbose=2 'a value where none belongs' --verbose=2 0
    wrong --tick-only=yes 'a value where none belongs' --tick-only=yes 0
    wrong --help=me 'a value where none belongs' --help=me 0
    wrong --version=1 'a value where none belongs' --version=1 0
}

@test "an option whose value is missing is named" {
    for option in -d --root -b --bind -q --queue -t --timeout -g --grace --sync --ready-fd; do
        wrong "$option" 'needs a value' 0 5 "$option"
        wrong "$option" 'needs a value' "$option"
    done
    wrong -vd 'needs a value' 0 -vd
}

@test "what is wrong is told in one line, whatever is in the word" {
    wrong 1 'PORT must be a number from 0 to 65535' $'1\n2'
    wrong full '--sync must be full or none' --sync $'full\nserver waiting on port 1' 0
    wrong stray 'nothing may follow PORT and MAX' 0 5 $'stray\r\n\e[2J'
    wrong non 'unknown option' $'--non\nsense' 0
}

# ---- exit status 1 ----

@test "a port that is in use is named, with the reason" {
    start_server
    fails 1 "$PORT" 'in use' -d "$ROOT" "$PORT"
    fails 1 "$PORT" 'in use' -d "$ROOT" -b 127.0.0.1 "$PORT"
    serves_f
}

@test "a root that is not there is named, with the reason" {
    fails 1 missing 'No such file' -d missing 0
    fails 1 "$BATS_TEST_TMPDIR/missing" 'No such file' --root="$BATS_TEST_TMPDIR/missing" 0
    fails 1 "" 'No such file' -d '' 0
}

@test "a root that is no directory is named, with the reason" {
    fails 1 root/f 'Not a directory' -d root/f 0
    fails 1 /dev/null 'Not a directory' -d /dev/null 0
    mkfifo fifo
    fails 1 fifo 'Not a directory' -d fifo 0
}

@test "a root that may not be read is named, with the reason" {
    mkdir closed
    chmod 000 closed
    make_readable "$ROOT"
    # Not through runs(): timeout wants a program, and this is a function.
    denied=0
    unprivileged "$FERRYD" -d closed 0 >out 2>err </dev/null 3>&- || denied=$?
    assert_eq "$denied" 1 "exit status"
    assert_eq "$(cat out err)" "$SERVER: cannot serve closed: Permission denied" "what it said"
}

@test "an address that is not ours is named" {
    # RFC 5737: an address for examples, which no machine has.
    fails 1 192.0.2.1 'cannot listen' -b 192.0.2.1 0
    # A scope that is no interface: nobody is asked for it over the network.
    fails 1 ::1%nowhere 'cannot listen' -b ::1%nowhere 0
}

# ---- exit status 0 ----

@test "--help names every option, on standard output" {
    for option in -h --help; do
        runs "$option"
        assert_eq "$code" 0 "exit status"
        assert_eq "$err" "" "standard error"
        assert_eq "${out%%$'\n'*}" "Usage: $SERVER [OPTION]... PORT [MAX]" "the first line"
        for name in -d --root -b --bind -q --queue -t --timeout -g --grace --sync=full --tick-only \
            --ready-fd -v --verbose -h --help -V --version; do
            assert_contains "$out" "$name"
        done
    done
}

@test "--version prints the name and the version" {
    for option in -V --version; do
        runs "$option"
        assert_eq "$code" 0 "exit status"
        assert_eq "$err" "" "standard error"
        [[ $out =~ ^"$SERVER "[0-9]+\.[0-9]+\.[0-9]+$'\n'$ ]] || fail "it said: $out"
    done
}

@test "--help and --version start nothing, whatever else there is" {
    for option in --help --version; do
        runs -d missing 0 5 "$option"
        assert_eq "$code" 0 "exit status"
        runs "$option" not a port
        assert_eq "$code" 0 "exit status"
        assert_eq "$err" "" "standard error"
    done
}

# ---- what the options do ----

# Who was started and who ended, in order, as -vv tells it.
starts_and_ends() {
    grep -oE 'client [0-9]+ (started|ended)' "$SERVER_OUT" | xargs
}

@test "options may stand before, between and after PORT and MAX" {
    for order in '-vv -d root 0 1' '0 -vv -d root 1' '0 1 -vv -d root' '-v 0 -d root 1 -v' \
        '--verbose 0 1 --root=root --verbose' '-vvdroot -- 0 1' '0 -v 1 --queue 9 -v --root root'; do
        # shellcheck disable=SC2086  # words
        serve $order
        hold first
        held first
        hold second
        release first
        held second
        release second
        serves_f
        stop_server
        # Of -v the first line, of MAX the order of the rest.
        assert_eq "$(head -n 1 "$SERVER_OUT")" "server waiting on port $PORT" "with $order"
        assert_contains "$(starts_and_ends)" \
            "client 1 started client 1 ended client 2 started client 2 ended client 3 started"
    done
}

@test "every option has its long form" {
    serve --root root --bind 127.0.0.1 --queue 3 --timeout 5 --grace 1 --sync full --tick-only \
        --verbose 0 3
    serves_f
    stop_server
    serve -d root -b 127.0.0.1 -q 3 -t 5 -g 1 -v 0 3
    serves_f
}

@test "the least values are good ones" {
    serve -d root -q 1 -t 1 -g 0 0 1
    serves_f
}

@test "MAX is 5 unless given" {
    start_server -vv
    hold 1 2 3 4 5
    held 1 2 3 4 5
    hold 6
    wait_for_line "$SERVER_OUT" 'client 6 queued, .*\(5 running, 1 waiting\)'
    release 3
    held 6
    assert_contains "$(starts_and_ends)" "client 5 started client 3 ended client 6 started"
}

@test "the root is the current directory unless given" {
    cd "$ROOT"
    serve 0
    serves_f
}

@test "a relative root is where the server was started" {
    for dir in root ./root ../"${BATS_TEST_TMPDIR##*/}"/root root/ root/../root; do
        serve -d "$dir" 0
        serves_f
        stop_server
    done
}

@test "a root may be a link to a directory" {
    ln -s root link
    serve -d link 0
    serves_f
}

@test "port 0 picks a free port, and two servers pick two" {
    serve -d root 0
    first=$PORT
    [ "$first" -gt 0 ] && [ "$first" -le 65535 ]
    serve -d root 0
    [ "$PORT" != "$first" ] || fail "both have port $PORT"
    serves_f
    PORT=$first serves_f
}

@test "a port that is given is the one listened on" {
    # It may have been taken in the meantime, so there are some tries.
    for _ in 1 2 3 4 5; do
        serve -d root 0
        free=$PORT
        stop_server
        if serve -d root "$free"; then
            assert_eq "$PORT" "$free" "the port"
            serves_f
            return
        fi
    done
    fail "no port stayed free"
}

@test "without --bind every address answers" {
    serve -d root 0
    serves_f -h 127.0.0.1
    serves_f -h 127.0.0.2
    ! grep -qE '^0{31}1 ' /proc/net/if_inet6 || serves_f -h ::1
}

# deaf ADDRESS: nobody listens there
deaf() {
    code=0
    "$WIRE" -h "$1" "$PORT" close || code=$?
    assert_eq "$code" 3 "the status of a connection to $1"
}

@test "with --bind only that address answers" {
    serve -d root -b 127.0.0.2 0
    serves_f -h 127.0.0.2
    deaf 127.0.0.1
    deaf 127.0.0.3
    ! grep -qE '^0{31}1 ' /proc/net/if_inet6 || deaf ::1
}

@test "--bind takes an IPv6 address, and then IPv4 is not answered" {
    grep -qE '^0{31}1 ' /proc/net/if_inet6 || skip "no IPv6 loopback"
    for address in ::1 ::; do
        serve -d root -b "$address" 0
        serves_f -h ::1
        deaf 127.0.0.1
        stop_server
    done
}

@test "--bind takes a name" {
    has_localhost
    serve -d root -b localhost 0
    serves_f -h localhost
    deaf 127.0.0.2
}

@test "--ready-fd gets the port and a newline, and is closed" {
    serve -d root 0
    [[ $PORT =~ ^[0-9]+$ ]]
    serves_f
    end=0
    read -r -t "$WAIT_SECONDS" -u "$ready" rest || end=$?
    # Above 128 when the time is up.
    assert_eq "$end" 1 "status of reading on"
    assert_eq "$rest" "" "what else came"
    is_alive "$SERVER_PID" || fail "the end was the server's own"
}

@test "--ready-fd may be any descriptor, standard output too" {
    "$FERRYD" ${SANITIZED:+--sandbox=off} -d root --ready-fd 1 0 >out 2>err </dev/null 3>&- 4>&- &
    track "$!"
    wait_for_line out '^[0-9]+$'
    "$FERRYD" ${SANITIZED:+--sandbox=off} -d root --ready-fd 9 0 9>nine 2>err </dev/null 3>&- 4>&- &
    track "$!"
    wait_for_line nine '^[0-9]+$'
    PORT=$(cat out) serves_f
    PORT=$(cat nine) serves_f
}

# Its numbers 0, 1 and 2 are open, and none of them is a connection.
has_plain_standard_fds() {
    local fd
    for fd in 0 1 2; do
        [[ $(readlink "/proc/$SERVER_PID/fd/$fd") == /* ]] ||
            fail "fd $fd is $(readlink "/proc/$SERVER_PID/fd/$fd")"
    done
}

@test "closed standard input, output and error do no harm, and are not handed to a socket" {
    look_inside
    for closed in '<&-' '>&-' '2>&-' '<&- >&-' '>&- 2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
        # shellcheck disable=SC2034  # read by start_server
        SERVER_PREFIX=(bash -c "exec \"\$@\" $closed" bash)
        start_server -v
        has_plain_standard_fds
        serves_f
        wire expect READY send 'PUT new\n' expect OK size 3 expect OK send new expect DONE eof
        assert_eq "$(<"$ROOT/new")" new "what was stored with $closed"
        wire expect READY send 'GET no\n' expect 'ERROR: no does not exist' eof
        has_plain_standard_fds
        stop_server
    done
}
