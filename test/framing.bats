#!/usr/bin/env bats
# Where a message ends (docs/protocol.md, "Framing"): the seven rules, for clients that send requests
# with and without a terminator, in pieces, too early or too late. No request that TCP tore in two
# is ever carried out on half its name, and no last word is lost in a reset.

load lib

setup() {
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
}

wire() {
    "$WIRE" "$PORT" "$@"
}

# name_of BYTES, path_of BYTES: a name, and a path of names, of so many
name_of() {
    printf "%$1s" '' | tr ' ' n
}

path_of() {
    local left=$1
    for (( ; left > 255; left -= 251)); do
        name_of 250
        printf /
    done
    name_of "$left"
}

# has NAME CONTENT
has() {
    assert_eq "$(cat "$ROOT/$1")" "$2" "the content of $1"
}

# one_of_five COMMAND...: for what a busy machine may delay past the 50 ms that are promised
one_of_five() {
    for _ in 1 2 3 4 5; do
        ! "$@" || return 0
    done
    fail "five times without success: $*"
}

# To wait for, where the client does not stay to hear of it.
has_vanished() {
    [ ! -e "$ROOT/$1" ]
}

has_appeared() {
    [ "$(cat "$ROOT/$1")" = "$2" ]
}

# ---- 1: the end of a request ----

@test "LF, CR LF and silence end a request alike" {
    start_server
    for end in '\n' '\r\n' ''; do
        wire expect READY send "GET f$end" expect OK send READY expect-size 5 send OK \
            expect helloDONE eof
        wire expect READY send "PUT new$end" expect OK size 3 expect OK send new expect DONE eof
        has new new
        wire expect READY send "DEL new$end" expect DONE eof
        [ ! -e "$ROOT/new" ]
        wire expect READY send "GET new$end" expect 'ERROR: new does not exist' eof
        wire expect READY send "PUT no/f$end" expect 'ERROR: unable to create file no/f' eof
        wire expect READY send "HELLO$end" expect 'ERROR: bad request' eof
    done
}

@test "only the one CR before LF is dropped" {
    printf other >"$ROOT/f"$'\r'
    printf third >"$ROOT/"$'f\rf'
    start_server
    wire expect READY send 'GET f\r\r\n' expect OK send READY expect-size 5 send OK expect otherDONE
    wire expect READY send 'GET f\rf\n' expect OK send READY expect-size 5 send OK expect thirdDONE
}

@test "what follows the LF is not part of the request" {
    start_server
    wire expect READY send 'GET f\nREADYOKGET g\nDEL f\n' expect OK expect-size 5 \
        expect helloDONE eof
    has f hello
}

# ---- 2: an incomplete request ----

@test "a request may come byte by byte" {
    start_server
    for end in '\n' '\r\n' ''; do
        wire expect READY bytewise "GET f$end" expect OK bytewise READY expect-size 5 \
            bytewise OK expect helloDONE eof
        wire expect READY bytewise "PUT n$end" expect OK bytewise '\0\0\0\0\0\0\0\x03' expect OK \
            bytewise new expect DONE eof
        has n new
        wire expect READY bytewise "DEL n$end" expect DONE eof
        [ ! -e "$ROOT/n" ]
    done
}

@test "a request may come in two pieces, wherever it is torn" {
    printf hello >"$ROOT/name"
    start_server
    for at in 1 2 3 4; do
        request='GET name'
        wire expect READY send "${request:0:at}" quiet 70 send "${request:at}" expect OK close
        request='PUT name'
        wire expect READY send "${request:0:at}" quiet 70 send "${request:at}" expect OK close
        request='DEL name'
        wire expect READY send "${request:0:at}" quiet 70 send "${request:at}" expect DONE eof
        printf hello >"$ROOT/name"
    done
}

@test "an incomplete request is not waited for beyond the deadline" {
    start_server -t 1
    for request in G GET 'GET '; do
        wire timeout 5000 expect READY send "$request" wait-gone &
        track "$!"
        clients+=("$!")
    done 3>&-
    for client in "${clients[@]}"; do
        wait_until 5 is_gone "$client"
        wait "$client"
    done
}

@test "a request has room for 1024 bytes, its end not counted" {
    path=$(path_of 1020)
    mkdir -p "$ROOT/${path%/*}"
    start_server
    for end in '\n' '\r\n' ''; do
        wire expect READY send "PUT $path$end" expect OK size 5 expect OK send hello expect DONE eof
        wire expect READY send "GET $path$end" expect OK send READY expect-size 5 send OK \
            expect helloDONE eof
        wire expect READY send "DEL $path$end" expect DONE eof
        wire expect READY send "GET $path$end" expect "ERROR: $path does not exist" eof
    done
}

@test "a request of 1025 bytes is a bad one, whatever it asks for" {
    path=$(path_of 1021)
    mkdir -p "$ROOT/${path%/*}"
    printf hello >"$ROOT/$path"
    start_server
    before=$(tree_sum "$ROOT")
    for end in '\n' '\r\n' ''; do
        for verb in GET PUT DEL; do
            wire expect READY send "$verb $path$end" expect 'ERROR: bad request' eof
        done
    done
    wire expect READY send "GET ${path:0:600}" send "${path:600}" expect 'ERROR: bad request' eof
    wire expect READY send "$(name_of 100000)" expect 'ERROR: bad request' eof
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

# ---- 3: a torn name is exposed by the turn that follows ----

@test "a GET whose name was torn ends, and sends nothing of another file" {
    printf other >"$ROOT/na"
    printf right >"$ROOT/name"
    start_server
    for tail in 'me\n' 'me\r\n' me 'me\nREADYOK'; do
        wire expect READY send 'GET na' expect OK send "$tail" eof
    done
}

@test "a PUT whose name was torn ends, and changes nothing" {
    printf old >"$ROOT/na"
    start_server
    before=$(tree_sum "$ROOT")
    for name in na new; do
        for tail in 'me\n' 'me\r\n' me 'me\n\0\0\0\0\0\0\0\x05hello'; do
            wire expect READY send "PUT $name" expect OK send "$tail" eof
            assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after PUT $name, $tail"
        done
        wire expect READY send "PUT $name" expect OK shut eof
        assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after PUT $name and no more"
    done
}

@test "after an unterminated PUT, a size of 2^56 or more is more of the name" {
    start_server
    before=$(tree_sum "$ROOT")
    for size in 72057594037927936 9223372036854775808 18446744073709551615; do
        wire expect READY send 'PUT new' expect OK size "$size" eof
        assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after $size"
    done
}

# ---- 4: a late tail ----

get_with_a_late_tail() {
    wire expect READY send 'GET na' pause 20 send "$1" expect OK send READY expect-size 5 send OK \
        expect rightDONE eof
}

put_with_a_late_tail() {
    wire expect READY send 'PUT di' pause 20 send "$1" expect OK size 5 expect OK send hello \
        expect DONE eof
}

del_with_a_late_tail() {
    printf other >"$ROOT/na"
    printf right >"$ROOT/name"
    wire expect READY send 'DEL na' pause 20 send "$1" expect DONE eof &&
        [ -e "$ROOT/na" ] && [ ! -e "$ROOT/name" ]
}

@test "before a GET is refused, its tail may come a little late" {
    printf right >"$ROOT/name"
    start_server
    for tail in 'me\n' 'me\r\n' me; do
        one_of_five get_with_a_late_tail "$tail"
    done
}

@test "before a PUT is refused, its tail may come a little late" {
    mkdir "$ROOT/di"
    start_server
    for tail in 'sk\n' 'sk\r\n'; do
        one_of_five put_with_a_late_tail "$tail"
        has disk hello
        rm "$ROOT/disk"
    done
}

@test "before a DEL, its tail may come a little late" {
    start_server
    for tail in 'me\n' 'me\r\n' me; do
        one_of_five del_with_a_late_tail "$tail"
    done
}

@test "the LF of a CR LF may come late" {
    start_server
    wire expect READY send 'GET f\r' pause 10 send '\n' expect OK send READY expect-size 5 send OK \
        expect helloDONE eof
    wire expect READY send 'PUT n\r' pause 10 send '\n' expect OK size 5 expect OK send hello \
        expect DONE eof
    has n hello
    wire expect READY send 'DEL n\r' pause 10 send '\n' expect DONE eof
    [ ! -e "$ROOT/n" ]
}

# ---- 8: a request that comes twice ----

@test "an unterminated request that comes twice in a row is that request, once" {
    start_server
    for shut in '' shut; do
        # shellcheck disable=SC2086 # one step, or none
        wire expect READY send 'DEL noDEL no' $shut expect 'ERROR: no does not exist' eof
        printf hello >"$ROOT/gone"
        # shellcheck disable=SC2086
        wire expect READY send 'DEL goneDEL gone' $shut expect DONE eof
        [ ! -e "$ROOT/gone" ]
    done
    wire expect READY send 'GET fGET f' expect OK send READY expect-size 5 send OK expect helloDONE eof
    wire expect READY send 'PUT nPUT n' expect OK size 3 expect OK send new expect DONE eof
    has n new
    wire expect READY send 'GET noGET no' expect 'ERROR: no does not exist' eof
    wire expect READY send 'PUT no/fPUT no/f' expect 'ERROR: unable to create file no/f' eof
}

twice_in_two_pieces() {
    printf hello >"$ROOT/gone"
    wire expect READY send 'DEL gone' pause 10 send 'DEL gone' expect DONE eof || return
    [ ! -e "$ROOT/gone" ]
}

@test "it may come in two pieces, too, even after the server has granted it" {
    start_server
    one_of_five twice_in_two_pieces
    wire expect READY send 'GET f' expect OK send 'GET f' send READY expect-size 5 send OK \
        expect helloDONE eof
    wire expect READY send 'GET f' expect OK bytewise 'GET f' pause 20 send '\nREADY' expect-size 5 \
        send OK expect helloDONE eof
    wire expect READY send 'PUT n' expect OK send 'PUT n' size 3 expect OK send new expect DONE eof
    has n new
}

@test "what is nearly a repetition is none" {
    printf other >"$ROOT/fGET f"
    start_server
    # With a line end it is the name of a file.
    wire expect READY send 'GET fGET f\n' expect OK send READY expect-size 5 send OK \
        expect otherDONE eof
    wire expect READY send 'DEL gGET g' expect 'ERROR: gGET g does not exist' eof
    wire expect READY send 'DEL fDEL g' expect 'ERROR: fDEL g does not exist' eof
    wire expect READY send 'DEL fDEL fDEL f' expect 'ERROR: fDEL fDEL f does not exist' eof
    wire expect READY send 'GETGET' expect 'ERROR: bad request' eof
    for tail in 'GET fGET f' 'GET fx' 'GET g' G; do
        wire expect READY send 'GET f' expect OK send "$tail" shut eof
    done
    for tail in 'PUT nx' 'PUT m\0\0\0\0\0\0\0\0'; do
        wire expect READY send 'PUT n' expect OK send "$tail" shut eof
    done
    [ ! -e "$ROOT/n" ] && has f hello
}

# ---- 5: typing by hand ----

@test "line ends before READY and OK are skipped" {
    start_server
    for end in '\n' '\r\n' '\r' '\n\n\r\n'; do
        wire expect READY send 'GET f\n' expect OK send "${end}READY" expect-size 5 \
            send "${end}OK" expect helloDONE eof
    done
    wire expect READY send 'GET f\r\n' expect OK send 'READY\r\n' expect-size 5 send 'OK\r\n' \
        expect helloDONE eof
}

@test "five thousand empty lines before READY and OK are skipped too" {
    start_server
    empty=$(printf '%5000s' '')
    wire expect READY send 'GET f\n' expect OK send "${empty// /\\r\\n}READY" expect-size 5 \
        send "${empty// /\\n}OK" expect helloDONE eof
}

@test "the end of a PUT line that comes after its OK is not part of the size" {
    start_server
    for end in '\n' '\r\n'; do
        wire expect READY send 'PUT n' expect OK send "$end" size 5 expect OK send hello \
            expect DONE eof
        has n hello
        rm "$ROOT/n"
    done
}

# ---- 6: clients that run ahead ----

@test "a GET may be said all at once, before READY" {
    start_server
    for end in '\n' '\r\n'; do
        wire send "GET f${end}READY${end}OK$end" expect READYOK expect-size 5 expect helloDONE eof
        wire send "GET f${end}READYOK" shut expect READYOK expect-size 5 expect helloDONE eof
    done
}

@test "a size may stand right behind the PUT line" {
    start_server
    for end in '\n' '\r\n'; do
        wire expect READY send "PUT n$end\0\0\0\0\0\0\0\x05" expect OKOK send hello expect DONE eof
        has n hello
        rm "$ROOT/n"
    done
}

@test "the bytes may come before the second OK" {
    start_server
    wire expect READY send 'PUT n\n' expect OK send '\0\0\0\0\0\0\0\x05hello' expect OKDONE eof
    has n hello
}

@test "a PUT may be said all at once, before READY" {
    random_file "$BATS_TEST_TMPDIR/file" 1000000
    start_server
    wire send 'PUT n\n' size 1000000 sendfile "$BATS_TEST_TMPDIR/file" expect READYOKOKDONE eof
    assert_file_eq "$ROOT/n" "$BATS_TEST_TMPDIR/file"
    wire send 'PUT empty\n' size 0 expect READYOKOKDONE eof
    has empty ''
}

@test "a size that begins like a line end is still a size" {
    start_server
    wire expect READY send 'PUT n\n' expect OK size 13 expect OK send 'hello, world!' expect DONE eof
    wire expect READY send 'PUT n\n\0\0\0\0\0\0\0\nhello worl' expect OKOKDONE eof
    has n 'hello worl'
}

@test "a client that closes after its last byte has stored its file" {
    random_file "$BATS_TEST_TMPDIR/file" 1000000
    start_server
    wire expect READY send 'PUT n\n' expect OK size 5 expect OK send hello close
    wire expect READY send 'PUT big\n' expect OK size 1000000 expect OK \
        sendfile "$BATS_TEST_TMPDIR/file" close
    wait_until 5 has_appeared n hello
    wait_until 5 cmp "$ROOT/big" "$BATS_TEST_TMPDIR/file"
}

@test "a client that closes after its DEL has deleted its file" {
    start_server
    wire expect READY send 'DEL f\n' close
    wait_until 5 has_vanished f
}

@test "a client that says all at once, half-closes and waits its turn is served" {
    start_server -- 1
    hold first
    held first
    wire send 'PUT n\n' size 5 send hello shut say said expect READYOKOKDONE eof \
        >"$BATS_TEST_TMPDIR/says" 2>&1 3>&- &
    client=$!
    track "$client"
    wait_for_line "$BATS_TEST_TMPDIR/says" '^said$'
    release first
    wait "$client" || fail "$(<"$BATS_TEST_TMPDIR/says")"
    has n hello
}

@test "a client that says all at once and closes before its turn is served" {
    start_server -- 1
    hold first
    held first
    wire send 'DEL f\n' close
    wire send 'PUT n\n' size 5 send hello close
    release first
    wait_until 5 has_vanished f
    wait_until 5 has_appeared n hello
}

@test "a client may half-close after each kind of request" {
    start_server
    for end in '\n' '\r\n' ''; do
        printf hello >"$ROOT/gone"
        wire expect READY send "DEL gone$end" shut expect DONE eof
        wire expect READY send "DEL gone$end" shut expect 'ERROR: gone does not exist' eof
        wire expect READY send "GET gone$end" shut expect 'ERROR: gone does not exist' eof
        wire expect READY send "PUT no/f$end" shut expect 'ERROR: unable to create file no/f' eof
    done
    wire expect READY send 'GET f\nREADYOK' shut expect OK expect-size 5 expect helloDONE eof
    wire expect READY send 'GET f' expect OK send READYOK shut expect-size 5 expect helloDONE eof
    wire expect READY send 'PUT n' expect OK size 5 send hello shut expect OKDONE eof
    has n hello
}

# ---- 7: the last word ----

@test "a refusal survives bytes that nobody will read" {
    start_server
    wire expect READY send 'PUT no/f\n' size 4000000 zeros 4000000 \
        expect 'ERROR: unable to create file no/f' eof
    wire expect READY send 'GET no\n' zeros 1000000 expect 'ERROR: no does not exist' eof
    wire expect READY send 'DEL no\n' zeros 1000000 expect 'ERROR: no does not exist' eof
    wire expect READY send 'NO\n' zeros 1000000 expect 'ERROR: bad request' eof
    wire expect READY send 'PUT n\n' expect OK size 72057594037927935 zeros 1000000 \
        expect 'ERROR: unable to create file n' eof
}

@test "DONE survives bytes that nobody will read" {
    start_server
    wire expect READY send 'GET f\nREADYOK' zeros 1000000 expect OK expect-size 5 \
        expect helloDONE eof
    wire expect READY send 'PUT n\n' size 5 send hello zeros 1000000 expect OKOKDONE eof
    wire expect READY send 'DEL n\n' zeros 1000000 expect DONE eof
}

@test "the server half-closes after its last word, and listens a little longer" {
    start_server
    wire expect READY send 'GET no\n' expect 'ERROR: no does not exist' eof \
        send more pause 200 send more pause 100 eof
    wire expect READY send 'DEL f\n' expect DONE eof send more pause 200 send more pause 100 eof
}

# stays STEP...: a client that has heard its last word and then does this; the next is served
stays() {
    local says=$BATS_TEST_TMPDIR/says go=$BATS_TEST_TMPDIR/go
    rm -f "$go"
    mkfifo "$go"
    "$WIRE" "$PORT" expect READY send 'GET no\n' expect 'ERROR: no does not exist' say refused \
        "$@" <>"$go" >"$says" 2>&1 3>&- &
    client=$!
    track "$client"
    wait_for_line "$says" '^refused$'
    wire timeout 5000 expect READY close
}

@test "a client that stays after the last word holds its slot for a second, no longer" {
    start_server -- 1
    stays wait
    is_alive "$client" || fail "the client did not stay"
}

@test "nor does a client that never stops sending hold it" {
    start_server -- 1
    stays drip 100000 5
}
