#!/usr/bin/env bats
# Whatever comes over the wire gets the answer that is specified, or none; no worker crashes on it,
# nothing under the root changes, and the next client is served.

load lib

setup() {
    mkdir -p "$ROOT/dir"
    printf hello >"$ROOT/f"
    printf hello >"$ROOT/dir/f"
    BEFORE=$(tree_sum "$ROOT")
    start_server -vv
}

wire() {
    "$WIRE" "$PORT" "$@"
}

# To wait for: every session that was begun is over.
all_have_ended() {
    [ "$(grep -c '^manager .* started,' "$SERVER_OUT")" -eq \
        "$(grep -c '^manager .* ended,' "$SERVER_OUT")" ]
}

# harmless: nothing has changed, no worker has crashed, and the next client is served
harmless() {
    wire expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK expect helloDONE eof
    is_alive "$SERVER_PID" || fail "the server has died"
    wait_until "$WAIT_SECONDS" all_have_ended
    ! grep 'killed by signal' "$SERVER_OUT" || fail "a worker has crashed"
    # Only now can none of them change anything any more.
    assert_eq "$(tree_sum "$ROOT")" "$BEFORE" "the tree"
}

# bad REQUEST...: each gets the text for what is no request
bad() {
    local request
    for request in "$@"; do
        wire expect READY send "$request" expect 'ERROR: bad request' eof
    done
    harmless
}

# unheard STEP...: READY, the steps, and then the server hangs up without another word
unheard() {
    wire expect READY "$@" gone
}

@test "an empty line is a bad request" {
    bad '\n' '\r\n' '\n\n\n' '\nGET f\n'
}

@test "an unknown verb is a bad request" {
    bad 'HEAD f\n' 'LIST\n' 'X\n' 'GETT f\n' 'GE f\n' 'DELETE f\n' 'PUTS f\n' 'STOR f\n' 'OK\n' \
        'READY\n' 'DONE\n' 'QUIT' 'hello, server'
}

@test "a verb in lower case is a bad request" {
    bad 'get f\n' 'Get f\n' 'gET f\n' 'put f\n' 'del f\n' 'DeL f\n' 'put f'
}

@test "a missing name is a bad request" {
    bad 'GET\n' 'GET \n' 'GET\r\n' 'GET \r\n' 'PUT\n' 'PUT \n' 'DEL\n' 'DEL \n' 'DEL \r\n'
}

@test "anything but one space after the verb is a bad request, and a second one is of the name" {
    bad 'GET\tf\n' 'GETf\n' 'GET/f\n' 'PUT\tf\n' 'DEL\tf\n' 'DEL\0f\n' 'DEL\xc2\xa0f\n'
    wire expect READY send 'GET  f\n' expect 'ERROR:  f does not exist' eof
    wire expect READY send 'DEL f \n' expect 'ERROR: f  does not exist' eof
}

@test "a request with something before its verb is a bad one" {
    bad ' GET f\n' '\tGET f\n' '\0GET f\n' '\xef\xbb\xbfGET f\n' '\rGET f\n' '/GET f\n'
}

@test "a NUL in a request is a bad one, and cuts no name short" {
    bad 'GET f\0\n' 'GET f\0g\n' 'DEL f\0\n' 'DEL f\0g\n' 'PUT f\0\n' 'PUT new\0\n' 'GET \0\n' \
        'G\0E\0T\0 \0f\0\n\0' 'DEL f\0' 'PUT new\0'
}

@test "an unterminated scrap that ends in a half-close is a bad request" {
    for scrap in G GE GET 'GET ' P PUT 'PUT ' DEL 'DEL ' X; do
        wire expect READY send "$scrap" shut expect 'ERROR: bad request' eof
    done
    harmless
}

@test "more than 1024 bytes are a bad request, up to any number" {
    long=$(printf '%100000s' '')
    for bytes in 1021 1022 2044 2045 5000 100000; do
        bad "GET ${long:0:bytes}\n" "PUT ${long:0:bytes}\n" "DEL ${long:0:bytes}"
    done
    bad "${long:0:1025}" "${long:0:2048}" "$long"
}

@test "a megabyte of zeros is a bad request" {
    wire expect READY zeros 1000000 expect 'ERROR: bad request' eof
    harmless
}

@test "other protocols are bad requests" {
    bad 'POST / HTTP/1.1\r\nHost: example\r\n\r\n' \
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' \
        'SSH-2.0-OpenSSH_9.6\r\n' \
        'EHLO example\r\n' \
        'USER anonymous\r\n' \
        'OPTIONS sip:a SIP/2.0\r\n\r\n' \
        '\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x18' \
        '\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0' \
        '\0\0\0\x2f\xff\x53\x4d\x42\x72\0\0\0\0\x08\x01\xc8'
    # What a TLS client says first, shortened: record, hello, version, random, ciphers.
    bad '\x16\x03\x01\0\x3b\x01\0\0\x37\x03\x03ABCDEFGHIJKLMNOPQRSTUVWXYZ012345\0\0\x02\x13\x01\x01\0'
}

@test "an HTTP GET asks for a file that does not exist" {
    wire expect READY send 'GET / HTTP/1.1\r\nHost: example\r\nAccept: */*\r\n\r\n' \
        expect 'ERROR: / HTTP/1.1 does not exist' eof
    wire expect READY send 'GET /f HTTP/1.0\r\n\r\n' expect 'ERROR: /f HTTP/1.0 does not exist' eof
    harmless
}

# Different bytes on each line, the same ones each time: as wire's escapes, 1 to 200 bytes.
garbage() {
    awk 'BEGIN {
        srand(2024)
        for (line = 0; line < 40; line++) {
            bytes = 1 + int(rand() * 200)
            for (i = 0; i < bytes; i++)
                printf "\\x%02x", int(rand() * 256)
            print ""
        }
    }'
}

@test "garbage is a bad request" {
    tried=0
    while read -r bytes; do
        wire expect READY send "$bytes" shut expect 'ERROR: bad request' eof
        tried=$((tried + 1))
    done < <(garbage)
    assert_eq "$tried" 40 "lines of garbage"
    harmless
}

@test "garbage after a verb is a name that is not there, or a bad request" {
    tried=0
    while read -r bytes; do
        said=$(wire expect READY send "GET $bytes\n" rest)
        [[ $said =~ ^ERROR:\ (bad\ request|.*\ does\ not\ exist)$ ]] || fail "GET $bytes got: $said"
        tried=$((tried + 1))
    done < <(garbage)
    assert_eq "$tried" 40 "lines of garbage"
    harmless
}

@test "a size that no file can have is refused" {
    # 2^53, 2^56 - 1, 2^56, 2^63 - 1, 2^63, 2^64 - 1
    for size in 9007199254740992 72057594037927935 72057594037927936 9223372036854775807 \
        9223372036854775808 18446744073709551615; do
        for name in new f dir/f; do
            wire expect READY send "PUT $name\n" expect OK size "$size" \
                expect "ERROR: unable to create file $name" eof
        done
    done
    harmless
}

@test "a size that was typed is no size" {
    for text in 5 '5\n' '00000005' '5 bytes please' OK hello '\xff'; do
        wire expect READY send 'PUT f\n' expect OK send "$text" \
            expect 'ERROR: unable to create file f' eof
    done
    harmless
}

@test "another word in place of READY ends a GET before its size" {
    for word in NO READX ready READ-Y OK Y ' READY' '\0\0\0\0' '\tREADY' '\xff' ERROR; do
        unheard send 'GET f\n' expect OK send "$word"
    done
    harmless
}

@test "another word in place of OK ends a GET before its bytes" {
    for word in NO ok OX KO READY ' OK' '\0\0' DONE '\xff' ERROR; do
        unheard send 'GET f\n' expect OK send READY expect-size 5 send "$word"
    done
    harmless
}

@test "a client that half-closes in the middle gets no more, and changes nothing" {
    unheard shut
    unheard send 'GET f\n' expect OK shut
    unheard send 'GET f\n' expect OK send REA shut
    unheard send 'GET f\n' expect OK send READY expect-size 5 shut
    unheard send 'GET f\n' expect OK send READY expect-size 5 send O shut
    unheard send 'PUT f\n' expect OK shut
    unheard send 'PUT f\n' expect OK send '\0\0\0\0' shut
    unheard send 'PUT f\n' expect OK size 5 expect OK shut
    unheard send 'PUT f\n' expect OK size 5 expect OK send hell shut
    unheard send 'PUT new\n' expect OK size 1000000 expect OK zeros 999999 shut
    harmless
}

# everywhere STEP: a client of each kind, that ends in STEP after each of its steps
everywhere() {
    for leave in 0 1 2 3 4 5 6 7; do
        local get=(expect READY send 'GET f\n' expect OK send READY expect-size 5 send O)
        local put=(expect READY send 'PUT f\n' expect OK size 5 expect OK send hell)
        wire "${get[@]:0:leave*2}" "$1"
        wire "${put[@]:0:leave*2}" "$1"
    done
    for request in G GET 'GET f' 'PUT f' 'DEL ' 'PUT new'; do
        wire send "$request" "$1"
        wire expect READY send "$request" "$1"
    done
}

@test "clients may close whenever they like" {
    everywhere close
    harmless
}

@test "clients may reset whenever they like" {
    everywhere reset
    harmless
}

@test "a crowd that connects and resets harms nobody" {
    "$SWARM" -c 50 -n 500 "$PORT" RESET nothing >/dev/null
    harmless
}

@test "a client that leaves in the middle of a long GET harms nobody" {
    truncate -s 32M "$ROOT/big"
    BEFORE=$(tree_sum "$ROOT")
    for leave in close reset; do
        wire expect READY send 'GET big\n' expect OK send READY expect-size 33554432 send OK \
            skip 1000000 "$leave"
    done
    harmless
}

@test "silence ends a session wherever it falls" {
    # A server of its own, whose patience is short and which has room for all.
    start_server -vv -t 1 -- 20
    silent=()
    be_silent() {
        wire timeout 8000 expect READY "$@" wait-gone >/dev/null 3>&- &
        track "$!"
        silent+=("$!")
    }
    be_silent
    be_silent send GET
    be_silent send 'GET f\n' expect OK
    be_silent send 'GET f\n' expect OK send REA
    be_silent send 'GET f\n' expect OK send READY expect-size 5
    be_silent send 'GET f\n' expect OK send READY expect-size 5 send O
    be_silent send 'PUT f\n' expect OK
    be_silent send 'PUT f\n' expect OK send '\0\0\0\0'
    be_silent send 'PUT f\n' expect OK size 5 expect OK
    be_silent send 'PUT f\n' expect OK size 5 expect OK send hell
    for client in "${silent[@]}"; do
        wait_until 8 is_gone "$client"
        wait "$client"
    done
    harmless
}
