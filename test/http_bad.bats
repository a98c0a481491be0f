#!/usr/bin/env bats
#
# Bad input at the other door, as a table: corpus/http-requests.txt says what is sent and what must
# come, and how it is written; corpus.bash, what must hold for every entry besides.
#
# shellcheck disable=SC2034 # what the table's words and corpus.bash read

load lib
load http
load corpus

TABLE=$PROJECT/test/corpus/http-requests.txt
GROUPS_RUN=(syntax versions targets gate framing chunks fields strangers transport time limits
    readonly labdoor)
TURN_S=10 # where nothing waits for it

# What the table's words may use.
h='Host: localhost\r\n'
f="GET /f HTTP/1.1\\r\\n$h"
new="PUT /new HTTP/1.1\\r\\n$h"
chunks="${new}Transfer-Encoding: chunked\\r\\n\\r\\n"
few=$(printf 'X%d: y\\r\\n' {1..63})
many=$(printf 'X%d: y\\r\\n' {1..64})
xs=$(printf '%15000s' '' | tr ' ' x)
x15000=$xs
x1000=${xs:0:1000}
head_of_f=$(printf '%b.' "$f\\r\\n") # as it is sent, not as wire reads it
head_of_f=${head_of_f%.}
upload=$(printf '%b' "${new}Content-Length: 5\\r\\n\\r\\nhello")

# cuts TEXT NAME: what comes before its N-th byte, for wire, as NAME_cut[N], and the rest as NAME_rest
cuts() {
    local -n before=$2_cut after=$2_rest
    local i text
    for ((i = 0; i <= ${#1}; i++)); do
        text=${1:0:i}
        text=${text//$'\r'/'\r'}
        before[i]=${text//$'\n'/'\n'}
        text=${1:i}
        text=${text//$'\r'/'\r'}
        after[i]=${text//$'\n'/'\n'}
    done
}
cuts "$head_of_f" f
cuts "$upload" upload

DOOR= # the port that the entries go to

wire() {
    "$WIRE" "$DOOR" "$@"
}

# http_door, lab_door: start the server, and that is where the entries go
http_door() {
    start_http "$@" && DOOR=$HTTP_PORT
}

lab_door() {
    start_http "$@" && DOOR=$PORT
}

# ---- what is answered ----

NEXT_CLIENT=(timeout 15000 reconnect send "GET /dir/f HTTP/1.1\\r\\n$h\\r\\n" expect 'HTTP/1.1 200 OK\r\n' rest)
NEXT_AT_LAB=(timeout 15000 reconnect expect READY send 'GET dir/f\n' expect OK send READY
    expect-size 5 send OK expect helloDONE eof)

# converse ANSWER STEP...
converse() {
    local said answer=$1 lines
    shift
    if [ "$DOOR" = "$PORT" ]; then
        wire "$@" "${NEXT_AT_LAB[@]}"
        return
    fi
    [ -z "$answer" ] || set -- "$@" rest
    said=$(wire "$@" "${NEXT_CLIENT[@]}") || fail "$said" || return
    mapfile -t lines <<<"$said"
    [[ ${lines[-1]} == *'\x0d\x0a\x0d\x0ahello' ]] || fail "the next client got: ${lines[-1]}" || return
    [ -z "$answer" ] || judge_answer "$answer" "${lines[-2]}" "$*"
}

# judge_answer ANSWER LINE STEPS: LINE is all that came, as wire's `rest` writes it
judge_answer() {
    local status=${1%% *} head=${2%%'\x0d\x0a\x0d\x0a'*}'\x0d\x0a' body=${2#*'\x0d\x0a\x0d\x0a'}
    if [ "$1" = close ]; then
        assert_eq "$2" "" "the answer"
        return
    fi
    [[ $head == "HTTP/1.1 $status "* ]] || fail "it should have been $status: $2" || return
    [[ $2 == *'\x0d\x0a\x0d\x0a'* ]] || fail "the head has no end: $2" || return
    [[ $head == *'\x0aConnection: close\x0d'* ]] || fail "nobody is told of the end: $head" || return
    [[ ${head,,} != *'\x0aaccess-control-'* ]] || fail "a page from elsewhere may read this: $head" || return
    is_framed "$head" "$body" "$3" || return
    [[ $1 == "$status" ]] || assert_eq "$body" "${1#* }" "the body"
}

# is_framed HEAD BODY STEPS: the length is what was announced, and nothing comes after it
is_framed() {
    local length=none bytes=$2
    [[ $1 != *'\x0aContent-Length: '* ]] || length=${1#*'\x0aContent-Length: '} length=${length%%'\x0d'*}
    bytes=${bytes//\\\\/.}
    bytes=${bytes//\\x[0-9a-f][0-9a-f]/.}
    case ${1:9:3} in
    204 | 304) length=0 ;;
    esac
    [[ $3 != *'send HEAD '* ]] || length=0
    [[ $1 != *'\x0aTransfer-Encoding: chunked\x0d'* ]] || return 0
    assert_eq "${#bytes}" "$length" "bytes of the body"
}

# ---- the table ----

@test "syntax: every entry gets its answer, and harms nobody" {
    survives syntax http_door
}

@test "versions: every entry gets its answer, and harms nobody" {
    survives versions http_door
}

@test "targets: every entry gets its answer, and harms nobody" {
    survives targets http_door
}

@test "gate: every entry gets its answer, and harms nobody" {
    survives gate http_door
}

@test "framing: every entry gets its answer, and harms nobody" {
    survives framing http_door
}

@test "chunks: every entry gets its answer, and harms nobody" {
    survives chunks http_door
}

@test "fields: every entry gets its answer, and harms nobody" {
    survives fields http_door
}

@test "strangers: every entry gets its answer, and harms nobody" {
    survives strangers http_door
}

@test "transport: every entry gets its answer, and harms nobody" {
    survives transport http_door
}

@test "time: every entry is ended, and harms nobody" {
    TURN_S=1 SLOTS=20 RUN=start_entry
    survives time http_door
}

@test "limits: every entry is refused in time, and harms nobody" {
    survives limits http_door --max-size 4 --no-overwrite
}

@test "readonly: every entry is refused in time, and harms nobody" {
    survives readonly http_door --read-only
}

@test "labdoor: HTTP at the lab's door is a bad request like others" {
    survives labdoor lab_door
}

# count_cases TITLE FOR THEN STEPS ANSWER
count_cases() {
    local values=() N=1
    eval "values=($2)"
    CASES=$((CASES + (${#values[@]} > 0 ? ${#values[@]} : 1)))
    ENTRIES=$((ENTRIES + 1))
}

@test "the table has no group that is not run, and at least 150 entries with 600 requests" {
    local -
    set +T
    every_group_is_run
    each_entry '*' count_cases
    [ "$ENTRIES" -ge 150 ] || fail "there are $ENTRIES entries"
    [ "$CASES" -ge 600 ] || fail "there are $CASES requests"
}

# ---- the oracle itself ----

@test "the oracle notices a wrong answer, one that is not framed, and a changed tree" {
    notices 'it should have been 404' http_door <<'END'
[self] an entry whose answer is wrong
    send "${f}\r\n"
    answer: 404
END
    notices 'the body differ' http_door <<'END'
[self] an entry whose answer has another body
    send "${f}\r\n"
    answer: 200 world
END
    notices 'the tree has changed' http_door <<'END'
[self] an entry that should not have changed a file
    send "DELETE /f HTTP/1.1\r\n$h\r\n"
    answer: 204
END
    run judge_answer 200 'HTTP/1.1 200 OK\x0d\x0aConnection: close\x0d\x0aContent-Length: 4\x0d\x0a\x0d\x0ahello' ''
    assert_contains "$output" 'bytes of the body differ'
    run judge_answer 200 'HTTP/1.1 200 OK\x0d\x0aConnection: close\x0d\x0a\x0d\x0a' ''
    assert_contains "$output" 'bytes of the body differ'
    run judge_answer 200 'HTTP/1.1 200 OK\x0d\x0aContent-Length: 0\x0d\x0a\x0d\x0a' ''
    assert_contains "$output" 'nobody is told of the end'
}
