#!/usr/bin/env bats
#
# What a client may do, and for how long: --max-size, --read-only, --no-delete, --no-overwrite,
# --request-timeout and --min-rate.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

GRACE_MS=10000 # before --min-rate counts
DRAIN_MS=1000  # how long the server lets a client that it ended read its last word
SLACK_MS=5000  # for a machine that is busy

setup() {
    LEDGER=$BATS_TEST_TMPDIR/ledger
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
    BEFORE=$(tree_sum "$ROOT")
}

# With a small receive buffer for a slow_reader, or the kernels' would hold all there is.
wire() {
    # shellcheck disable=SC2153 # PORT is lib.bash's
    "$WIRE" ${RECEIVE_BYTES:+-r "$RECEIVE_BYTES"} "$PORT" "$@"
}

# slow_reader COMMAND...
slow_reader() {
    RECEIVE_BYTES=2304 "$@"
}

get_f() {
    wire expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK expect helloDONE eof
}

# put NAME BYTES: zeros
put() {
    wire expect READY send "PUT $1\n" expect OK size "$2" expect OK zeros "$2" expect DONE eof || return
    assert_eq "$(stat -c %s "$ROOT/$1")" "$2" "the size of $1"
}

del() {
    wire expect READY send "DEL $1\n" expect DONE eof || return
    [ ! -e "$ROOT/$1" ]
}

# Before its size is asked for.
put_is_refused() {
    wire expect READY send "PUT $1\n" expect "ERROR: unable to create file $1" eof
}

del_is_refused() {
    wire expect READY send "DEL $1\n" expect "ERROR: unable to delete $1" eof
}

# does_not_exist VERB NAME
does_not_exist() {
    wire expect READY send "$1 $2\n" expect "ERROR: $2 does not exist" eof
}

# too_large NAME BYTES: refused when the size is told, before a byte of it is sent
too_large() {
    wire expect READY send "PUT $1\n" expect OK size "$2" \
        expect "ERROR: unable to create file $1" eof
}

unchanged() {
    assert_eq "$(tree_sum "$ROOT")" "$BEFORE" "the tree"
}

# ---- --max-size ----

@test "--max-size lets an upload of that size pass, and refuses one more byte before it is sent" {
    start_server --max-size 1000
    too_large new 1001
    too_large f 1001
    too_large new 1000000000
    unchanged
    put new 1000
    put new 999
    put new 0
    too_large new 1001
    assert_eq "$(stat -c %s "$ROOT/new")" 0 "the size of new"
}

@test "--max-size counts K, M, G and T in powers of 1024" {
    start_server --max-size 1K
    put new 1024
    too_large new 1025
    kill_server
    start_server --max-size=3M
    put new 3145728
    too_large new 3145729
    kill_server
    start_server --max-size 1G
    put new 1048577
    too_large new 1073741825
    kill_server
    start_server --max-size 1T
    put new 1048577
    too_large new 1099511627777
}

@test "--max-size 0 lets empty files pass only" {
    start_server --max-size 0
    too_large new 1
    unchanged
    put new 0
}

@test "--max-size as large as a number can be refuses nothing that fits" {
    local size
    for size in 9223372036854775807 9007199254740991K 8796093022207M 8589934591G 8388607T; do
        start_server --max-size "$size"
        put new 5
        kill_server
    done
}

@test "--max-size is about uploads: a larger file can be read and deleted" {
    start_server --max-size 4
    get_f
    del f
}

# ---- --read-only, --no-delete, --no-overwrite ----

@test "--read-only serves files, and refuses PUT and DEL before anything else" {
    start_server --read-only
    get_f
    put_is_refused f
    put_is_refused new
    del_is_refused f
    unchanged
    # What is not there is not there, for DEL too.
    does_not_exist DEL new
    does_not_exist DEL ../f
    # Without a terminator and with the size ahead it is the same.
    wire expect READY send 'DEL f' expect 'ERROR: unable to delete f' eof
    wire expect READY send 'PUT new\n\0\0\0\0\0\0\0\x05hello' \
        expect 'ERROR: unable to create file new' eof
    unchanged
}

@test "--no-delete refuses DEL, and takes and replaces files" {
    start_server --no-delete
    get_f
    del_is_refused f
    does_not_exist DEL new
    unchanged
    put new 10
    put new 20
    put f 30
    del_is_refused new
}

@test "--no-overwrite takes new files, and refuses a PUT over an old one before its size" {
    start_server --no-overwrite
    put_is_refused f
    unchanged
    get_f
    put new 10
    put_is_refused new
    # Who may delete may make room.
    del new
    put new 20
}

@test "--no-overwrite refuses whatever has the name, links that lead nowhere included" {
    mkdir "$ROOT/dir"
    ln -s f "$ROOT/link"
    ln -s nowhere "$ROOT/dangling"
    mkfifo "$ROOT/fifo"
    BEFORE=$(tree_sum "$ROOT")
    start_server --no-overwrite
    put_is_refused link
    put_is_refused dir
    put_is_refused fifo
    # There is no file, but the name is taken: that shows when it is to be given.
    wire expect READY send 'PUT dangling\n' expect OK size 5 expect OK send hello \
        expect 'ERROR: unable to create file dangling' eof
    unchanged
}

@test "--no-delete and --no-overwrite together only ever add" {
    start_server --no-delete --no-overwrite
    put new 10
    put_is_refused new
    put_is_refused f
    del_is_refused f
    del_is_refused new
    rm "$ROOT/new"
    unchanged
}

@test "with --no-overwrite, of those that upload one new name at once exactly one is DONE" {
    local i letter clients=() done_by=''
    start_server --no-overwrite -- 8
    for letter in a b c d e f g h; do
        mkfifo "$BATS_TEST_TMPDIR/$letter.in"
        # All hold the server's OK for the name before the first of them has it.
        wire expect READY send 'PUT new\n' expect OK size 5 expect OK send "$letter$letter" say sent \
            wait send "$letter$letter$letter" rest <>"$BATS_TEST_TMPDIR/$letter.in" \
            >"$BATS_TEST_TMPDIR/$letter.out" 2>&1 3>&- 4>&- &
        clients+=("$!")
        track "$!"
    done
    for letter in a b c d e f g h; do
        wait_for_line "$BATS_TEST_TMPDIR/$letter.out" '^sent$'
    done
    for letter in a b c d e f g h; do
        echo 1<>"$BATS_TEST_TMPDIR/$letter.in"
    done
    for i in "${clients[@]}"; do
        wait "$i"
    done
    for letter in a b c d e f g h; do
        case $(tail -n 1 "$BATS_TEST_TMPDIR/$letter.out") in
        DONE) done_by+=$letter ;;
        'ERROR: unable to create file new') ;;
        *) fail "client $letter: $(cat "$BATS_TEST_TMPDIR/$letter.out")" ;;
        esac
    done
    [ "${#done_by}" -eq 1 ] || fail "DONE was said to: $done_by"
    assert_eq "$(<"$ROOT/new")" "$done_by$done_by$done_by$done_by$done_by" "the file"
    assert_eq "$(ls -A "$ROOT")" $'f\nnew' "what is under the root"
}

# ---- how long ----

declare -gA CLIENT=() # id of a client: its pid

# client ID STEP...: wire in the background; ends with what it took in ID.ms, in milliseconds. Each
# `wait` among its steps ends with a line on ID.in.
client() {
    mkfifo "$BATS_TEST_TMPDIR/$1.in"
    (
        began=$(now_ms)
        wire timeout 60000 "${@:2}" || exit
        echo $(($(now_ms) - began)) >"$BATS_TEST_TMPDIR/$1.ms"
    ) <>"$BATS_TEST_TMPDIR/$1.in" >"$BATS_TEST_TMPDIR/$1.out" 2>&1 3>&- 4>&- &
    CLIENT[$1]=$!
    track "$!"
}

# took ID LEAST MOST: it went well, and within these times
took() {
    local ms
    wait_until 60 is_gone "${CLIENT[$1]}" || return
    wait "${CLIENT[$1]}" || fail "client $1: $(cat "$BATS_TEST_TMPDIR/$1.out")" || return
    ms=$(cat "$BATS_TEST_TMPDIR/$1.ms")
    ((ms >= $2 && ms <= $3)) || fail "client $1 took $ms ms, which should be from $2 to $3"
}

# ends_too_slow ID LEAST MOST: the client, which gets the file `large` and has read too little of it,
# is ended within these times of its start. It reads nothing more before, and that it has been ended
# is seen in LEDGER: had it read on at the moment of the judgement, it would have been fast.
ends_too_slow() {
    local line ms
    wait_for_line "$LEDGER" '"name":"large",.*"outcome":"too-slow"' || return
    line=$(grep '"name":"large",' "$LEDGER")
    [[ $line =~ \"started_ns\":([0-9]+),.*\"reaped_ns\":([0-9]+), ]] || fail "no times: $line" || return
    ms=$(((BASH_REMATCH[2] - BASH_REMATCH[1]) / 1000000))
    ((ms >= $2 && ms <= $3)) || fail "client $1 was served for $ms ms: $line" || return
    echo 1<>"$BATS_TEST_TMPDIR/$1.in"
    took "$1" "$2" 60000
}

# steps COUNT STEP...: fills STEPS with COUNT times the same
steps() {
    local count=$1
    shift
    STEPS=()
    for ((; count > 0; count--)); do
        STEPS+=("$@")
    done
}

@test "--request-timeout bounds each turn as a whole, however often a byte comes" {
    local id drip=()
    start_server --request-timeout 4 -t 60 -- 20
    # For 2 s a byte comes now and then and nothing happens, then some more to beyond the 4 s.
    steps 8 send '\n' quiet 250
    drip=("${STEPS[@]}")
    steps 5 send '\n' pause 500
    drip+=("${STEPS[@]}" wait-gone)
    client silent expect READY wait-gone
    client request expect READY send G pause 1700 send E quiet 300 pause 1500 send T wait-gone
    client ready expect READY send 'GET f\n' expect OK "${drip[@]}"
    client ok expect READY send 'GET f\n' expect OK send READY expect-size 5 "${drip[@]}"
    client word expect READY send 'GET f\n' expect OK send R quiet 1700 send E quiet 300 \
        pause 1500 send A pause 700 wait-gone
    client line-end expect READY send 'PUT new' expect OK "${drip[@]}"
    steps 5 quiet 600 send '\0'
    client size expect READY send 'PUT new\n' expect OK "${STEPS[@]}" pause 600 send '\0' pause 600 \
        send '\0' wait-gone
    for id in silent request ready ok word line-end size; do
        took "$id" 4000 "$((4000 + DRAIN_MS + SLACK_MS))"
    done
    unchanged
}

@test "each turn has the whole --request-timeout for itself" {
    start_server --request-timeout 3 -t 60
    client get expect READY pause 1200 send 'GET f\n' expect OK pause 1200 send READY expect-size 5 \
        pause 1200 send OK expect helloDONE eof
    client put expect READY pause 1200 send 'PUT new\n' expect OK pause 1200 size 5 expect OK \
        pause 1200 send hello expect DONE eof
    took get 3600 60000
    took put 3600 60000
}

@test "the default --request-timeout and --min-rate end who is silent or slow, and nobody else" {
    local late=$((GRACE_MS + DRAIN_MS + SLACK_MS))
    truncate -s 10M "$ROOT/large"
    DEFAULTS=yes
    start_server -t 60 --ledger "$LEDGER" -- 20
    client silent expect READY wait-gone

    # A byte a second, up and down.
    client up expect READY send 'PUT new\n' expect OK size 10000 expect OK drip 10 1000 wait-gone
    steps 9 skip 1 pause 1000
    slow_reader client down expect READY send 'GET large\n' expect OK send READY expect-size 10485760 send OK \
        "${STEPS[@]}" wait wait-gone

    # Less than 512 bytes a second, though some come at any time.
    steps 20 zeros 150 pause 500
    client up-300 expect READY send 'PUT new\n' expect OK size 100000 expect OK "${STEPS[@]}" \
        wait-gone

    # 4000 bytes a second, to beyond the first 10 s.
    steps 12 zeros 4000 pause 1000
    client up-4000 expect READY send 'PUT fast\n' expect OK size 48000 expect OK "${STEPS[@]}" \
        expect DONE eof
    truncate -s 48000 "$ROOT/fast-down"
    steps 12 skip 4000 pause 1000
    slow_reader client down-4000 expect READY send 'GET fast-down\n' expect OK send READY expect-size 48000 \
        send OK "${STEPS[@]}" expect DONE eof

    took up-4000 11000 60000
    took down-4000 11000 60000
    took silent 10000 "$late"
    took up 10000 "$late"
    ends_too_slow down 10000 "$late"
    took up-300 10000 "$late"
    assert_eq "$(cd "$ROOT" && echo *)" "f fast fast-down large" "what is under the root"
    stop_server
    assert_eq "$(sed -E 's/.*"outcome":"(.*)"}$/\1/' "$LEDGER" | sort | uniq -c | xargs)" \
        "2 done 1 timeout 3 too-slow" "outcomes in the ledger"
}

@test "--min-rate may be another rate, and 0 is none" {
    local late=$((GRACE_MS + DRAIN_MS + SLACK_MS))
    truncate -s 10M "$ROOT/large"
    start_server -t 60 --min-rate 4K --ledger "$LEDGER" -- 20
    # 2000 bytes a second, which is not enough here.
    steps 20 zeros 1000 pause 500
    client up expect READY send 'PUT new\n' expect OK size 100000 expect OK "${STEPS[@]}" wait-gone
    steps 18 skip 1000 pause 500
    slow_reader client down expect READY send 'GET large\n' expect OK send READY expect-size 10485760 send OK \
        "${STEPS[@]}" wait wait-gone

    start_server -t 60 --min-rate 0 -- 20
    client free-up expect READY send 'PUT any\n' expect OK size 12 expect OK drip 12 1100 \
        expect DONE eof
    truncate -s 200000 "$ROOT/any-down"
    steps 12 skip 1 pause 1000
    slow_reader client free-down expect READY send 'GET any-down\n' expect OK send READY expect-size 200000 \
        send OK "${STEPS[@]}" skip 199988 expect DONE eof

    took free-up 12000 60000
    took free-down 12000 60000
    took up 10000 "$late"
    ends_too_slow down 10000 "$late"
    assert_eq "$(<"$ROOT/any")" xxxxxxxxxxxx
    [ ! -e "$ROOT/new" ]
}

# ---- what is refused on the command line ----

# wrong WORD EXPECTED OPTION...: exits with 2 and one line that names WORD and what was EXPECTED
wrong() {
    local code=0 err word=$1 expected=$2
    shift 2
    err=$(timeout "$WAIT_SECONDS" "$FERRYD" "$@" 0 2>&1 </dev/null 3>&-) || code=$?
    assert_eq "$code" 2 "exit status of $*" || return
    [[ $err != *$'\n'* && $err == "$SERVER: "* ]] || fail "not one line for $*: $err" || return
    assert_contains "$err" "$word" || return
    assert_contains "$err" "$expected"
}

@test "--max-size and --min-rate must be numbers of bytes" {
    local option value
    for option in --max-size --min-rate; do
        for value in '' x K -1 +1 1k 1KB 1KiB 1P 1.5M '1 K' ' 1' '1 ' 0x10 1e6 K1 1KK 1KM \
            9223372036854775808 9007199254740992K 8388608T 18446744073709551617 \
            99999999999999999999999999999999999999999; do
            wrong "\"$value\"" "$option must be a number of bytes, with K, M, G or T or without" \
                "$option" "$value"
        done
    done
}

@test "--request-timeout must be whole seconds, one at least" {
    local value
    for value in '' x 0 -1 +1 30s ' 5' 0x5 0.5 86401 99999999999 99999999999999999999999; do
        wrong "\"$value\"" '--request-timeout must be a number from 1 to 86400' \
            --request-timeout "$value"
    done
}

@test "--read-only, --no-delete and --no-overwrite take no value" {
    local option
    for option in --read-only --no-delete --no-overwrite; do
        wrong "$option=yes" 'a value where none belongs' "$option=yes"
    done
}

@test "--help names each limit, and its default" {
    local help option
    help=$("$FERRYD" --help | tr -s ' \n' ' ')
    for option in --max-size --read-only --no-delete --no-overwrite; do
        assert_contains "$help" " $option "
    done
    assert_contains "$help" "--request-timeout SECS end a session if one of the client's turns before the data takes longer (default 10)"
    assert_contains "$help" "--min-rate BYTES end a transfer that, after its first 10 s, moves fewer bytes a second on average; 0: no limit (default 512)"
}
