#!/usr/bin/env bats
# Runs on: once
#
# docs/protocol.md and docs/ledger.md say what the programs do: their tables, their conversations and
# the commands that they show. All of it is asked of copies, too, in which something is wrong.
#
# Backquotes are of Markdown here, and tests are subshells:
# shellcheck disable=SC2016,SC2030,SC2031

load lib

PROTOCOL=$PROJECT/docs/protocol.md
LEDGER_PAGE=$PROJECT/docs/ledger.md
COPY=$BATS_TEST_TMPDIR/copy.md

# section HEADING PAGE: its lines
section() {
    awk -v heading="## $1" '/^## / { inside = $0 == heading } inside' "$2"
}

# spoilt PAGE SED-SCRIPT COMMAND...: in a copy of the page that is changed so, COMMAND finds fault
spoilt() {
    sed -E "$2" "$1" >"$COPY"
    refute cmp -s "$COPY" "$1" || fail "nothing has changed by: $2" || return
    refute "${@:3}" "$COPY" 2>/dev/null || fail "nothing was found after: $2"
}

# ---- the ledger ----

# names_in_code FUNCTION: the strings that it has, one a line
names_in_code() {
    sed -n "/^const char \*$1/,/^}/p" "$PROJECT/src/record/claims_reader.c" |
        grep -oE '"[A-Za-z-]+"' | tr -d '"' | sort
}

# outcomes_agree PAGE
outcomes_agree() {
    local code
    code=$(names_in_code claims_outcome_name)
    [[ $code == *abandoned*unknown* ]] || fail "no outcomes were found" || return
    assert_eq "$(section Outcomes "$1" | sed -nE 's/^\| `([a-z-]+)` \|.*/\1/p' | sort)" "$code" "outcomes"
}

# verbs_agree PAGE
verbs_agree() {
    local code
    code=$(names_in_code claims_verb_name)
    [[ $code == *DEL*MKCOL* ]] || fail "no verbs were found" || return
    assert_eq "$(sed -n '/^| `verb` /p' "$1" | grep -oE '`[A-Z]+`' | tr -d '`' | sort -u)" "$code" "verbs"
}

# reasons_agree PAGE: each that it names is one that the ledger can have
reasons_agree() {
    local reason reasons
    reasons=$(section Reasons "$1" | sed -n 's/^| \(`E.*\) |.*/\1/p' | grep -oE '`E[A-Z]+`' | tr -d '`')
    assert_contains "$reasons" ENOSPC || return
    for reason in $reasons; do
        grep -q "^    \[$reason\] = {\"$reason\"," "$PROJECT/src/record/claims_reader.c" ||
            fail "no such reason: $reason" || return
    done
}

@test "ledger.md has every outcome and every verb, and no reason that there is not" {
    outcomes_agree "$LEDGER_PAGE"
    verbs_agree "$LEDGER_PAGE"
    reasons_agree "$LEDGER_PAGE"
    spoilt "$LEDGER_PAGE" '/^\| `too-slow` /d' outcomes_agree
    spoilt "$LEDGER_PAGE" '/^\| `verb`/s/`MKCOL`/`MKDIR`/' verbs_agree
    spoilt "$LEDGER_PAGE" 's/`EDQUOT`/`EQUOTA`/' reasons_agree
}

# ledger_of MS...: a ledger, in the folder where we are, of clients that waited so long; the names of
# some try to look like a field
ledger_of() {
    local i=0 ms
    for ms in "$@"; do
        i=$((i + 1))
        printf '{"server":1,"cap":5,"client":%d,"service":"lab","accepted_ns":%d,"started_ns":%d,' \
            "$i" "$i" "$((i + ms * 1000000))"
        printf '"reaped_ns":%d,"wait_ns":%d,"verb":"GET","name":"x\\"wait_ns\\":7","bytes":0,' \
            "$((i + ms * 1000000 + 5000))" "$((ms * 1000000))"
        printf '"error":null,"outcome":"done"}\n'
    done >ledger
}

# p95_is_right PAGE: its command says what scripts/timeline does, of as many clients as make a difference
p95_is_right() {
    local count command said rank
    command=$(section 'Reading it' "$1" | sed -n 's/^    //p' | sed -n '/^sed /,$p')
    assert_contains "$command" wait_ns || return
    for count in 1 2 7 10 19 20 21 40 100 137; do
        # 10, 20, ... ms, in another order: the longest first
        # shellcheck disable=SC2046 # words
        ledger_of $(seq $((count * 10)) -10 10)
        said=$(sh -c "$command") || fail "$command: failed" || return
        rank=$(((count * 95 + 99) / 100)) # ceil(0.95 n)
        assert_eq "$said" $((rank * 10)) "p95 of $count" || return
        COLUMNS=80 "$PROJECT/scripts/timeline" --text ledger >drawn || return
        [ "$said" -ge 1000 ] || grep -q "p95 $said\(\.0\)\? ms" drawn ||
            fail "timeline says otherwise than $said:" "$(grep p95 drawn)" || return
    done
}

@test "ledger.md's command for the 95th percentile says what the timeline does: the nearest rank" {
    cd "$BATS_TEST_TMPDIR"
    p95_is_right "$LEDGER_PAGE"
    spoilt "$LEDGER_PAGE" 's/NR \* 95 \+ 99/NR * 95 + 100/' p95_is_right
    spoilt "$LEDGER_PAGE" 's/NR \* 95 \+ 99/NR * 95/' p95_is_right
    spoilt "$LEDGER_PAGE" 's/ \| sort -n / | cat /' p95_is_right
}

@test "ledger.md's commands for jq find the clients that they are for" {
    local -a lines
    command -v jq >/dev/null || skip "needs jq"
    cd "$BATS_TEST_TMPDIR"
    start_server --ledger ledger --http 0
    "$WIRE" "$PORT" expect READY send 'GET none\n' expect 'ERROR: none does not exist' eof
    echo hello >"$ROOT/f"
    wire_get f got
    stop_server
    mapfile -t lines < <(section 'Reading it' "$LEDGER_PAGE" | sed -n 's/^    \(jq .*\)/\1/p')
    assert_eq "${#lines[@]}" 2 "commands"
    assert_eq "$(sh -c "${lines[0]}" | cut -f 1,3-)" $'1\tGET\tnone\trefused'
    sed -i '1s/"status":null/"status":503/; 2s/"status":null/"status":404/' ledger
    assert_eq "$(sh -c "${lines[1]}" | cut -f 3,4)" $'503\tnone does not exist'
}

# ---- the protocol ----

# texts_agree PAGE: the texts of errors are those of proto.h
texts_agree() {
    assert_eq "$(section 'The error texts' "$1" | sed -nE 's/^\| `ERROR: ([^`]*)`.*/\1/p' | sort)" \
        "$(sed -nE 's/^#define PROTO_(NO|CANNOT|BAD)_.* "(.*)"$/\2/p' "$PROJECT/include/common/proto.h" |
            sed 's/%s/NAME/' | sort)" "the texts of errors"
}

@test "protocol.md has every text of an error" {
    texts_agree "$PROTOCOL"
    spoilt "$PROTOCOL" '/^\| `ERROR: unable to delete/d' texts_agree
    spoilt "$PROTOCOL" 's/^(\| `ERROR: )bad request/\1wrong request/' texts_agree
}

# conversation TITLE PAGE: below that title of "Byte for byte", what wire is to do, one word a line
conversation() {
    section 'Byte for byte' "$2" | awk -v title="$1:" '
        function bytes(   text) {
            text = substr($0, 8, 50) # 17 of them have room there
            gsub(/ /, "", text)
            gsub(/../, "\\x&", text)
            return text
        }
        function end() {
            if (word != "") print word
            word = ""
        }
        $0 == title { inside = 1; next }
        inside && /^[A-Z]/ { exit }
        !inside || !/^    / { next }
        /^    . *\(/ { end(); print /end of its side/ ? "eof" : "close"; next }
        /^    S/ { end(); print "expect"; word = bytes(); next }
        /^    C/ { end(); print "send"; word = bytes(); next }
        { word = word bytes() }'
}

# conversations_go PAGE: all three, and are about the file that the page tells of
conversations_go() {
    local title
    local -a steps
    printf 'hello, ferry\n' >"$ROOT/hello.txt"
    for title in 'A GET' 'A PUT' 'A DEL that is refused'; do
        mapfile -t steps < <(conversation "$title" "$1")
        ((${#steps[@]} >= 8)) || fail "$title: only ${steps[*]}" || return
        "$WIRE" "$PORT" "${steps[@]}" || fail "$title does not go so" || return
    done
    assert_eq "$(<"$ROOT/hello.txt")" 'hello, ferry' || return
    assert_contains "$(section 'Byte for byte' "$1" | tr '\n' ' ')" \
        "a file \`hello.txt\` of $(wc -c <"$ROOT/hello.txt") bytes"
}

# wire_example_goes PAGE
wire_example_goes() {
    local command
    command=$(sed -n '/^    build\/test\/wire 9000/,/^$/s/^    //p' "$1")
    command=${command/build\/test\/wire 9000/'"$WIRE"' "$PORT"}
    assert_contains "$command" expect-size || return
    WIRE=$WIRE sh -c "$command"
}

@test "protocol.md's conversations go as it shows them, byte for byte" {
    start_server
    conversations_go "$PROTOCOL"
    wire_example_goes "$PROTOCOL"
    spoilt "$PROTOCOL" '0,/^    S  4f 4b/s//    S  4f 4c/' conversations_go
    spoilt "$PROTOCOL" 's/^       65 73 20 6e/       65 73 20 4e/' conversations_go
    spoilt "$PROTOCOL" '0,/ 0d   /s// 0c   /' conversations_go
    spoilt "$PROTOCOL" 's/ of 13 bytes\./ of 14 bytes./' conversations_go
    spoilt "$PROTOCOL" 's/expect-size 13/expect-size 14/' wire_example_goes
}

# words_agree PAGE: what each line of hexadecimal digits shows beside them, they say
words_agree() {
    local line hex text
    while IFS= read -r line; do
        hex=${line:7:50} text=${line:59}
        text=${text%  (13)}
        [ "$(printf '%b' "$(sed 's/ //g; s/../\\x&/g' <<<"$hex")" | tr '\000-\037' .)" = "$text" ] ||
            fail "not the bytes of \"$text\": $hex" || return
    done < <(section 'Byte for byte' "$1" | grep -E '^    .  [0-9a-f]{2} ')
}

@test "protocol.md's words beside the bytes are those bytes" {
    words_agree "$PROTOCOL"
    spoilt "$PROTOCOL" '0,/ 4f 4b  /s// 4f 4c  /' words_agree
}

# options_agree PAGE: each that it names is one of the server's or the client's
options_agree() {
    local help option options
    help=$("$BIN/ferryd" --help && "$BIN/ferry" --help)
    options=$(grep -oE -- '--[a-z][a-z-]+' "$1" | sort -u)
    [ -n "$options" ] || fail "no option was found" || return
    for option in $options; do
        grep -qE -- "(^|[ ,])$option([ =]|\$)" <<<"$help" || fail "no such option: $option" || return
    done
}

@test "every option that protocol.md and ledger.md name is one" {
    options_agree "$PROTOCOL"
    options_agree <(sed 's/--text//g' "$LEDGER_PAGE")
    spoilt "$PROTOCOL" 's/--max-size/--maximum-size/' options_agree
}

@test "protocol.md's limits: what is refused or ended, and how" {
    local name
    mkdir -p "$ROOT"
    printf 'hello, ferry\n' >"$ROOT/f"
    start_server --max-size 10 --no-overwrite --no-delete
    # Place 1 and place 2 of a PUT, and DEL.
    "$WIRE" "$PORT" expect READY send 'PUT f\n' expect 'ERROR: unable to create file f' eof
    "$WIRE" "$PORT" expect READY send 'PUT g\n' expect OK size 11 expect 'ERROR: unable to create file g' eof
    "$WIRE" "$PORT" expect READY send 'PUT g\n' expect OK send '\x01\0\0\0\0\0\0\0' \
        expect 'ERROR: unable to create file g' eof
    "$WIRE" "$PORT" expect READY send 'DEL f\n' expect 'ERROR: unable to delete f' eof
    # 1020 bytes are a name, if one of none; 1021 are no request.
    name=$(printf 'n%.0s' {1..1020})
    "$WIRE" "$PORT" expect READY send "DEL $name\n" expect "ERROR: $name does not exist" eof
    "$WIRE" "$PORT" expect READY send "DEL ${name}n\n" expect 'ERROR: bad request' eof
    stop_server
    start_server --request-timeout 3
    # What is no whole request when the time is up, nothing at all, and a later turn.
    client part expect READY send 'GE' expect 'ERROR: bad request' eof
    client silent expect READY eof
    client turn expect READY send 'GET f\n' expect OK eof
    succeeds part
    succeeds silent
    succeeds turn
    stop_server
    start_server --read-only
    "$WIRE" "$PORT" expect READY send 'PUT g\n' expect 'ERROR: unable to create file g' eof
    "$WIRE" "$PORT" expect READY send 'DEL f\n' expect 'ERROR: unable to delete f' eof
    stop_server
    start_server --allow 192.0.2.7
    "$WIRE" "$PORT" eof
}
