#!/usr/bin/env bats
#
# The second door's part of the command line: --http, --http-host, --make-directories. What is wrong
# with it is said in one line; what is right shows where the server listens, and where it says so.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

setup() {
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
    cd "$BATS_TEST_TMPDIR" || return
}

# fails STATUS WORDS ARGUMENT...: exits so, with nothing on standard output and one line on standard
# error that has the WORDS
fails() {
    local want=$1 words=$2 code=0 err
    shift 2
    timeout "$WAIT_SECONDS" "$FERRYD" "$@" >said.out 2>said.err </dev/null 3>&- || code=$?
    IFS= read -r -d '' err <said.err || true
    assert_eq "$code" "$want" "exit status of $*" || return
    [ ! -s said.out ] || fail "standard output of $*: $(<said.out)" || return
    [[ $err == "$SERVER: "*$'\n' && ${err%$'\n'} != *$'\n'* ]] || fail "not one line for $*: $err" || return
    assert_contains "$err" "$words"
}

has_ipv6() {
    grep -qE '^0{31}1 ' /proc/net/if_inet6
}

# hears_lab ADDRESS PORT, hears_http ADDRESS PORT: who that is, by the first word
hears_lab() {
    "$WIRE" -h "$1" "$2" expect READY close
}

hears_http() {
    "$WIRE" -h "$1" "$2" send 'GET /f HTTP/1.0\r\n\r\n' expect 'HTTP/1.1 ' rest >/dev/null
}

# deaf ADDRESS PORT: nobody listens there
deaf() {
    local code=0
    "$WIRE" -h "$1" "$2" close 2>/dev/null || code=$?
    assert_eq "$code" 3 "the status of a connection to $1"
}

# ---- wrong usage ----

@test "--http must be followed by a port" {
    fails 2 'option --http needs a value' 0 --http
    for value in x 65536 99999999999999999999 -1 80x '' ' 80' 0x50 localhost 127.0.0.1 localhost: \
        '[::1]' '[::1]:' '[::1]:http' '[::1]8000' 127.0.0.1:65536 1.2.3.4:-1; do
        fails 2 'the port of --http must be a number from 0 to 65535, not "' 0 --http="$value"
    done
}

@test "what stands before the port must be an address or a name" {
    for value in :80 '[]:80' '[:80' ']:80' '[::1:80' '[foo]:80' '[127.0.0.1]:80' 1.2.3:80 1.2.3.256:80 \
        12345:80 'a b:80' '*:80' 'a..b:80' '.a:80' 'a.:80' 'http://a:80' 'ä:80' \
        "$(printf '%064d' 0)a:80" "$(printf 'a.%.0s' {1..200})a:80"; do
        fails 2 '--http must be PORT or ADDR:PORT, not "' 0 --http="$value"
    done
    # Without the brackets nobody could say which of them is the port.
    for value in ::1:8000 ::1 ::; do
        fails 2 'brackets, as in [::1]:8000' 0 --http="$value"
    done
    fails 2 'an IPv6 address goes in brackets, as in [::1]:8000' 0 --http=::ffff:1.2.3.4:8000
}

@test "--http-host must be the name of a host, and goes with --http" {
    fails 2 '--http-host goes with --http only' 0 --http-host=files.example
    for value in '' a:80 a/b 'a b' 127.0.0.1 1.2 ::1 '[::1]' .a a. a..b '*' 'ä' $'a\nb' \
        "$(printf '%064d' 0)a" "$(printf 'a.%.0s' {1..200})a"; do
        fails 2 '--http-host must be the name of a host, without a port, not "' \
            0 --http=0 --http-host="$value"
    done
    local -a names=()
    for i in {1..17}; do
        names+=(--http-host "host-$i.example")
    done
    fails 2 '--http-host can be given 16 times, not for "host-17.example", too' 0 --http 0 "${names[@]}"
    start_server --http 127.0.0.1:0 "${names[@]:0:32}"
    hears_http 127.0.0.1 "$HTTP_PORT"
}

@test "the two doors must have two ports" {
    fails 2 '--http must be another port than PORT, not 8000, too' 8000 --http 8000
    fails 2 '--http must be another port than PORT' 8000 --http 127.0.0.1:8000
    fails 2 '--http must be another port than PORT' 8000 --bind 127.0.0.1 --http 8000
    fails 2 '--http must be another port than PORT' 8000 --bind ::1 --http '[::1]:8000'
}

@test "--make-directories does not go with --read-only" {
    fails 2 '--make-directories does not go with --read-only: ' 0 --read-only --make-directories
    fails 2 '--make-directories does not go with --read-only: ' 0 --make-directories --read-only
}

# ---- what cannot be done ----

@test "a port that is in use is told, and which door it was for" {
    start_server --http 127.0.0.1:0
    fails 1 "cannot listen on port $HTTP_PORT of 127.0.0.1 for HTTP: Address " \
        0 --http "127.0.0.1:$HTTP_PORT"
    fails 1 "cannot listen on port $PORT of any address for HTTP: Address " \
        0 --http "$PORT"
    fails 1 "cannot listen on port $HTTP_PORT of 127.0.0.1: Address " \
        "$HTTP_PORT" -b 127.0.0.1
    has_localhost
    # The same address in two spellings is found out by then.
    second=$PORT
    stop_server
    fails 1 " for HTTP: Address " "$second" -b 127.0.0.1 --http "localhost:$second"
}

@test "an address that this machine does not have is told" {
    fails 1 'cannot listen on port 0 of 192.0.2.1 for HTTP: ' 0 --http 192.0.2.1:0
    fails 1 'cannot listen on port 0 of no.such.invalid for HTTP: ' 0 --http no.such.invalid:0
}

# ---- where it listens ----

@test "without --http there is one door" {
    start_server -v
    refute grep HTTP "$SERVER_OUT"
    assert_eq "$(awk -v server="$SERVER_PID" '$4 == "0A"' "/proc/$SERVER_PID/net/tcp" \
        "/proc/$SERVER_PID/net/tcp6" | grep -c ":$(printf %04X "$PORT") ")" 1 "listening sockets"
    "$WIRE" "$PORT" send 'GET /f HTTP/1.0\r\n\r\n' expect 'READYERROR: ' rest >/dev/null
}

@test "with a port alone the second door is where the first one is" {
    start_server --http 0
    hears_http 127.0.0.1 "$HTTP_PORT"
    hears_http 127.0.0.2 "$HTTP_PORT"
    ! has_ipv6 || hears_http ::1 "$HTTP_PORT"
    hears_lab 127.0.0.1 "$PORT"
    start_server -b 127.0.0.2 --http 0
    hears_http 127.0.0.2 "$HTTP_PORT"
    hears_lab 127.0.0.2 "$PORT"
    deaf 127.0.0.1 "$HTTP_PORT"
    ! has_ipv6 || deaf ::1 "$HTTP_PORT"
}

@test "with an address it is there only, wherever the first one is" {
    start_server -b 127.0.0.1 --http 127.0.0.2:0
    hears_http 127.0.0.2 "$HTTP_PORT"
    hears_lab 127.0.0.1 "$PORT"
    deaf 127.0.0.1 "$HTTP_PORT"
    deaf 127.0.0.2 "$PORT"
    start_server --http 127.0.0.1:0
    hears_http 127.0.0.1 "$HTTP_PORT"
    deaf 127.0.0.2 "$HTTP_PORT"
    hears_lab 127.0.0.2 "$PORT"
    if has_ipv6; then
        start_server --http '[::1]:0'
        hears_http ::1 "$HTTP_PORT"
        deaf 127.0.0.1 "$HTTP_PORT"
    fi
    has_localhost
    start_server --http localhost:0
    hears_http localhost "$HTTP_PORT"
    deaf 127.0.0.2 "$HTTP_PORT"
}

@test "both doors may have one number on two addresses" {
    # The number may have been taken in the meantime, so there are some tries.
    for _ in 1 2 3 4 5; do
        start_server -b 127.0.0.1
        number=$PORT
        stop_server
        "$FERRYD" ${SANITIZED:+--sandbox=off} -d "$ROOT" --ready-fd 1 -b 127.0.0.1 \
            --http "127.0.0.2:$number" "$number" >ports 2>"$SERVER_ERR" </dev/null 3>&- 4>&- &
        track "$!"
        said_or_gone() {
            [ "$(wc -l <ports)" -eq 2 ] || is_gone "$1"
        }
        wait_until "$WAIT_SECONDS" said_or_gone "$!"
        [ "$(wc -l <ports)" -eq 2 ] || continue
        assert_eq "$(xargs <ports)" "$number $number" "the two ports"
        hears_lab 127.0.0.1 "$number"
        hears_http 127.0.0.2 "$number"
        return
    done
    fail "no port stayed free: $(<"$SERVER_ERR")"
}

# ---- where it says so ----

@test "-v has a line for each door, and --ready-fd gets both ports by one write" {
    needs_strace
    look_inside
    SERVER_PREFIX=(strace -f -o trace -e 'trace=write,pwritev2')
    start_server -v --http 127.0.0.1:0
    wait_for_line "$SERVER_OUT" "^server waiting on port $PORT\$"
    wait_for_line "$SERVER_OUT" "^server waiting on port $HTTP_PORT for HTTP\$"
    [ "$PORT" != "$HTTP_PORT" ]
    wait_for_line trace "\"$PORT\\\\n$HTTP_PORT\\\\n\""
}

@test "the board has the first door's port" {
    start_server --http 127.0.0.1:0 --board "$BATS_TEST_TMPDIR/board"
    assert_contains "$("$BIN/ferrytop" --once "$BATS_TEST_TMPDIR/board")" "port $PORT, "
}
