# http.bash - shared by the tests of HTTP: a server, requests, answers.
#
# Used by: the .bats files about HTTP, with `load http` after `load lib`.
# Needs:   what lib.bash needs
# Reads:   what lib.bash reads
# Returns: as lib.bash's helpers. STATUS, FIELD and BODY are those of the last answer.
# shellcheck shell=bash

URL=             # of the root, without its slash, at the server that start_http started last
STATUS=          # "200"
STATUS_LINE=     # "HTTP/1.1 200 OK"
BODY_BYTES=      # how many there are
BODY=$BATS_TEST_TMPDIR/answer.body # the file that they are in
declare -gA FIELD=() # the fields by their names in lower case: "${FIELD[content-length]:-}"

# start_http [OPTION...] [-- MAX]: start_server with --http; sets HTTP_PORT and URL, too
start_http() {
    start_server --http 127.0.0.1:0 "$@" || return
    [[ $HTTP_PORT =~ ^[0-9]+$ ]] || fail "there is no second port: \"$HTTP_PORT\"" || return
    # shellcheck disable=SC2034 # for the caller
    URL=http://127.0.0.1:$HTTP_PORT
}

# ---- without a client that knows HTTP ----

# request METHOD TARGET [FIELD...] [-- STEP...]: one request in HTTP/1.1, and its answer, which must
# be framed exactly. Host is added where no FIELD has it; the steps, as wire knows them, are the
# body. A backslash in any of these begins one of wire's escapes.
request() {
    local method=$1 target=$2 host=$'Host: 127.0.0.1:'$HTTP_PORT'\r\n' fields=
    shift 2
    while (($# > 0)) && [ "$1" != -- ]; do
        [[ ${1,,} != host:* ]] || host=
        fields+="$1\\r\\n"
        shift
    done
    shift $(($# > 0 ? 1 : 0))
    answer send "$method $target HTTP/1.1\r\n$host$fields\r\n" "$@" || return
    _check_framing "$method"
}

# answer STEP...: wire takes these steps on the HTTP port, and then reads an answer, to the clean
# end
answer() {
    local head=$BATS_TEST_TMPDIR/answer.head said
    said=$("$WIRE" "$HTTP_PORT" "$@" save-until '\r\n\r\n' "$head" save-rest "$BODY") || return
    BODY_BYTES=${said##*$'\n'}
    _read_head "$head"
}

# _read_head FILE: sets STATUS, STATUS_LINE and FIELD; no line may end in anything but CR LF, and no
# field come twice
_read_head() {
    local lines line name
    FIELD=()
    mapfile -t lines <"$1"
    STATUS_LINE=${lines[0]%$'\r'}
    [[ ${lines[0]} =~ ^HTTP/1\.1\ ([1-5][0-9][0-9])\ [A-Z][A-Za-z\ -]+$'\r'$ ]] ||
        fail "this is no status line: $STATUS_LINE" || return
    STATUS=${BASH_REMATCH[1]}
    for line in "${lines[@]:1}"; do
        [ "$line" != $'\r' ] || return 0
        [[ $line =~ ^([A-Za-z-]+):\ (.*[^[:space:]])$'\r'$ ]] ||
            fail "this is no field: $(printf %q "$line")" || return
        name=${BASH_REMATCH[1],,}
        [ -z "${FIELD[$name]+there}" ] || fail "the field comes twice: $line" || return
        FIELD[$name]=${BASH_REMATCH[2]}
    done
    fail "the head has no end"
}

# _check_framing METHOD: of the last answer (RFC 9112 section 6.3)
_check_framing() {
    local length=${FIELD[content-length]:-} chunked=${FIELD[transfer-encoding]:-}
    case $1.$STATUS in
    HEAD.* | *.204 | *.304)
        assert_eq "$BODY_BYTES" 0 "bytes of a body that there must not be" || return
        [ "$STATUS" != 204 ] || [ -z "$length$chunked" ] || fail "204 with a length"
        ;;
    *)
        [ -z "$length" ] || [ -z "$chunked" ] || fail "two kinds of framing" || return
        [ -n "$chunked" ] || assert_eq "$BODY_BYTES" "${length:-(no Content-Length)}" "bytes of the body"
        ;;
    esac
}

# assert_status STATUS: of the last answer
assert_status() {
    [ "$STATUS" = "$1" ] || fail "the status is not $1: $STATUS_LINE" "$(head -c 300 "$BODY" | tr -d '\0')"
}

# assert_field NAME VALUE
assert_field() {
    assert_eq "${FIELD[${1,,}]-(no such field)}" "$2" "the field $1"
}

# refute_field NAME...
refute_field() {
    local name
    for name in "$@"; do
        [ -z "${FIELD[${name,,}]+there}" ] || fail "there is a field $name: ${FIELD[${name,,}]}" || return
    done
}

# assert_body TEXT: exactly, a newline at its end included
assert_body() {
    local body
    body=$(cat "$BODY" && echo .)
    assert_eq "${body%.}" "$1" "the body"
}

# ---- with one that does ----

# needs COMMAND...: skips the test where one is missing
needs() {
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null || skip "needs $command"
    done
}

# plain_curl ARGUMENT...: curl without the user's configuration, silent but for errors, with a time
# limit
plain_curl() {
    curl -q -sS --noproxy '*' --max-time 60 "$@"
}
