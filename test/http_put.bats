#!/usr/bin/env bats
# PUT by HTTP stores the bytes of its body, all of them and nothing else, as atomically and durably
# as the other door's: the answer comes when they are on disk under their name. What cannot be
# stored is refused before the bytes are sent, where that can be known, and leaves all as it was.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034,SC2153

load lib
load http
load http_write

setup() {
    a_tree
}

GO_ON='HTTP/1.1 100 Continue\r\n\r\n'

# ---- what is stored ----

@test "a file is stored as it comes: 201 for a new name and 204 for an old one, with its validators" {
    local size status
    start_http
    for size in 0 1 4096 100000 3000000; do
        random_file "$BATS_TEST_TMPDIR/f" "$size"
        for status in 201 204; do
            put "f$size" "$BATS_TEST_TMPDIR/f"
            assert_status "$status"
            assert_file_eq "$ROOT/f$size" "$BATS_TEST_TMPDIR/f"
            assert_eq "$BODY_BYTES" 0 "bytes of a body"
        done
        local tag=${FIELD[etag]} date=${FIELD[last-modified]}
        request HEAD "/f$size"
        assert_field ETag "$tag"
        assert_field Last-Modified "$date"
        assert_field Content-Length "$size"
    done
    truncate -s 3000000 "$BATS_TEST_TMPDIR/zeros"
    put zeros "$BATS_TEST_TMPDIR/zeros"
    assert_file_eq "$ROOT/zeros" "$BATS_TEST_TMPDIR/zeros"
    assert_eq "$(find "$ROOT" -name '.*')" "" "litter"
}

@test "a body in chunks of any shape is the file" {
    local body=$BATS_TEST_TMPDIR/body small=$BATS_TEST_TMPDIR/small shape
    random_file "$small" 3000
    start_http -v
    chunks "$NEW" 3000000 >"$body.one"
    chunks "$NEW" 170001 >"$body.many"
    chunks "$NEW" 500000 '; name=value; "quo;ted"' >"$body.extended"
    { chunks "$NEW" 1000000 | head -c -2; printf 'Trailer: of no use\r\nX: \r\n\r\n'; } >"$body.trailers"
    for shape in one many extended trailers; do
        put_chunks "$shape" "$body.$shape"
        assert_status 201
        assert_file_eq "$ROOT/$shape" "$NEW"
    done
    wait_for_line "$SERVER_OUT" '^server receiving 3000000 bytes$' 4
    # Bytes as chunks, in one piece and one by one; sizes with zeros before them, and in either case.
    { od -An -v -tx1 -w1 "$small" | sed 's/ \(..\)/1\\r\\n\\x\1\\r\\n/' | tr -d '\n'; printf '0\\r\\n\\r\\n'; } >"$body.bytes"
    request PUT /bytes 'transfer-encoding: Chunked' -- send "$(<"$body.bytes")"
    assert_status 201
    assert_file_eq "$ROOT/bytes" "$small"
    request PUT /slowly 'Transfer-Encoding: chunked' -- \
        bytewise '00000000005\r\nhello\r\n0A\r\n, here is \r\n0b;x\r\nthe\r\nworld.\r\n000\r\nT: t\r\n\r\n'
    assert_status 201
    assert_eq "$(od -c "$ROOT/slowly")" "$(printf 'hello, here is the\r\nworld.' | od -c)" "the file"
    request PUT /slowly 'Transfer-Encoding: chunked' -- send '0\r\n\r\n'
    assert_status 204
    assert_eq "$(stat -c %s "$ROOT/slowly")" 0 "bytes of an empty one"
    assert_eq "$(find "$ROOT" -name '.*')" "" "litter"
}

@test "what follows the body is no part of the file" {
    start_http
    request PUT /f 'Content-Length: 5' -- send 'hello and more'
    assert_status 201
    assert_eq "$(<"$ROOT/f")" hello
    request PUT /g 'Transfer-Encoding: chunked' -- send '5\r\nhello\r\n0\r\n\r\nand more'
    assert_status 201
    assert_eq "$(<"$ROOT/g")" hello
}

@test "a body whose chunks are none is 400, and nothing changes" {
    local before body
    start_http
    before=$(tree_sum "$ROOT")
    for body in 'hello\r\n' '5\nhello\r\n0\r\n\r\n' '5\r\nhello0\r\n\r\n' '5 5\r\nhello\r\n0\r\n\r\n' \
        '-5\r\n' '\r\n' '5\r\nhello\r\n\r\n' '5\r\nhello\r\n0\r\nT: t\nU: u\r\n\r\n' '0x5\r\nhello\r\n' \
        'ffffffffffffffff\r\n' '10000000000000005\r\nhello\r\n0\r\n\r\n'; do
        request PUT /file 'Transfer-Encoding: chunked' -- send "$body"
        assert_status 400
    done
    nothing_changed "$before"
}

# ---- what is refused, and when ----

@test "100 Continue is said where it is waited for, and nowhere else" {
    local head='PUT /f HTTP/1.1\r\nHost: localhost\r\n' expect='Expect: 100-continue\r\n'
    local status='HTTP/1.1 20' sized='Content-Length: 5\r\n' chunked='Transfer-Encoding: chunked\r\n'
    start_http
    "$WIRE" "$HTTP_PORT" send "$head$expect$sized\r\n" expect "$GO_ON" quiet 100 send hello \
        expect "$status" save-rest /dev/null \
        reconnect send "${head}EXPECT: 100-Continue\r\n$chunked\r\n" expect "$GO_ON" \
        send '5\r\nhello\r\n0\r\n\r\n' expect "$status" save-rest /dev/null \
        reconnect send "$head$sized\r\n" quiet 100 send hello expect "$status" save-rest /dev/null \
        reconnect send "$head$expect$sized\r\nhel" quiet 100 send lo expect "$status" save-rest /dev/null \
        reconnect send "PUT /f HTTP/1.0\r\n$expect$sized\r\n" quiet 100 send hello \
        expect "$status" save-rest /dev/null
    assert_eq "$(<"$ROOT/f")" hello
}

@test "a refusal comes before the bytes, in place of 100 Continue, and nothing changes" {
    local before
    mkfifo "$ROOT/fifo"
    echo secret >"$BATS_TEST_TMPDIR/secret"
    ln -s ../secret "$ROOT/out"
    ln -s .. "$ROOT/up"
    start_http --max-size 4M
    before=$(tree_sum "$ROOT")
    refused 400 file 'Content-Range: bytes 0-4/100000'
    refused 415 file 'Content-Encoding: gzip'
    refused 409 missing/file
    refused 409 missing/deeper/file
    refused 409 file/file
    refused 409 dir
    refused 409 dir/
    refused 409 new/
    refused 409 ''
    refused 409 fifo
    refused 403 .ferry-tmp.0
    refused 403 dir/.FERRY-tmp.1
    refused 404 out
    refused 404 up/secret
    refused 400 dir/../../secret
    refused 413 file 'Content-Length: 4194305'
    refused 413 file 'Content-Length: 9007199254740992'
    refused 412 file 'If-None-Match: *'
    refused 412 file 'If-Match: "another"'
    refused 412 new 'If-Match: *'
    refused 412 file 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT'
    refused 417 file 'Expect: a-miracle'
    # What is wrong anyway is said in place of a condition that is not met (RFC 9110 section 13.2.1).
    refused 413 file 'Content-Length: 4194305' 'If-None-Match: *'
    refused 409 missing/file 'If-Match: *'
    request PUT /file 'Expect: 100-continue'
    assert_status 411
    nothing_changed "$before"
    assert_eq "$(<"$BATS_TEST_TMPDIR/secret")" secret "the file outside"
    put file "$NEW" 'Content-Encoding: identity' # and what is right is done
    assert_status 204
    assert_file_eq "$ROOT/file" "$NEW"
}

@test "a server that stores nothing, or replaces nothing, says so before the bytes" {
    local before
    start_http --read-only
    before=$(tree_sum "$ROOT")
    refused 405 file
    assert_field Allow "GET, HEAD, OPTIONS"
    refused 405 new
    nothing_changed "$before"
    start_http --no-overwrite
    refused 412 file
    assert_body $'file exists already, and no file is replaced here\n'
    nothing_changed "$before"
    put new "$NEW"
    assert_status 201
    begin a late "$NEW"
    says a halfway
    wire_put "$OLD" late
    finish a
    assert_status 412
    assert_file_eq "$ROOT/late" "$OLD"
}

@test "a disk that is full is told before the bytes, or where that cannot be, as soon as it is" {
    local before body=$BATS_TEST_TMPDIR/body
    needs_strace
    look_inside
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$TRACE" -e trace=fallocate
        -e inject=fallocate:error=ENOSPC)
    start_http
    before=$(tree_sum "$ROOT")
    refused 507 new
    refused 507 file
    kill_server
    chunks "$NEW" 1000000 >"$body"
    ulimit -f 2000 # KiB
    SERVER_PREFIX=()
    start_http
    put_chunks new "$body"
    assert_status 413
    nothing_changed "$before"
}

@test "--max-size holds for a body in chunks as it comes" {
    local before body=$BATS_TEST_TMPDIR/body
    chunks "$NEW" 300000 >"$body"
    start_http --max-size 2999999
    before=$(tree_sum "$ROOT")
    put_chunks file "$body"
    assert_status 413
    nothing_changed "$before"
    start_http --max-size 3000000
    put_chunks file "$body"
    assert_status 204
    assert_file_eq "$ROOT/file" "$NEW"
}

@test "an early refusal is read, though the body is on its way" {
    start_http --read-only
    request PUT /file 'Content-Length: 50000000' -- zeros 50000000
    assert_status 405
    chunks "$NEW" 100000 >"$BATS_TEST_TMPDIR/body"
    request PUT /file 'Transfer-Encoding: chunked' -- sendfile "$BATS_TEST_TMPDIR/body" \
        sendfile "$BATS_TEST_TMPDIR/body" sendfile "$BATS_TEST_TMPDIR/body"
    assert_status 405
    needs curl
    head -c 20000000 /dev/zero >"$BATS_TEST_TMPDIR/big"
    run plain_curl -o /dev/null -w '%{http_code}' -H Expect: -T "$BATS_TEST_TMPDIR/big" "$URL/file"
    assert_eq "${output: -3}" 405 "what curl hears"
}

# ---- whole, or not at all ----

@test "while an upload is under way, by either door, both read the old file and nothing new is seen" {
    local got=$BATS_TEST_TMPDIR/got
    start_http
    begin a file "$NEW"
    begin_lab b dir/new "$NEW"
    says a halfway
    says b halfway
    request GET /file
    assert_file_eq "$BODY" "$OLD"
    wire_get file "$got"
    assert_file_eq "$got" "$OLD"
    request GET /dir/new
    assert_status 404
    assert_eq "$(cd "$ROOT" && find . | sort | xargs)" ". ./dir ./file" "what is under the root"
    finish a
    assert_status 204
    tell b
    succeeds b
    wire_get file "$got"
    assert_file_eq "$got" "$NEW"
    request GET /dir/new
    assert_file_eq "$BODY" "$NEW"
}

@test "an upload that is broken off leaves nothing, and the old file" {
    local before head name steps clients=0
    start_http --ledger "$LEDGER"
    before=$(tree_sum "$ROOT")
    for name in file new; do
        for steps in 'shut gone' reset close; do
            for head in 'Content-Length: 3000001\r\n\r\n' \
                'Transfer-Encoding: chunked\r\n\r\n2dc6c0\r\n' 'Transfer-Encoding: chunked\r\n\r\n2dc6c1\r\n'; do
                # shellcheck disable=SC2086 # words
                "$WIRE" "$HTTP_PORT" send "PUT /$name HTTP/1.1\r\nHost: localhost\r\n$head" \
                    sendfile "$NEW" $steps
                clients=$((clients + 1))
            done
        done
    done
    wait_for_line "$LEDGER" '"verb":"PUT".*"status":null.*"outcome":"client-gone"' "$clients"
    nothing_changed "$before"
}

# stalls ID FIELD STEP...: a PUT over file in the background, with this one field
stalls() {
    PORT=$HTTP_PORT client "$1" send "PUT /file HTTP/1.1\r\nHost: localhost\r\n$2\r\n\r\n" "${@:3}" \
        save-until '\r\n\r\n' "$BATS_TEST_TMPDIR/answer.$1" save-rest /dev/null
}

@test "a body that stalls is given up: 408, however much framing comes in place of data" {
    local before steps=() i
    for i in {1..30}; do
        steps+=(send x pause 100)
    done
    DEFAULTS=yes
    start_http --timeout 2 --ledger "$LEDGER"
    before=$(tree_sum "$ROOT")
    stalls sized 'Content-Length: 10' send hello
    stalls chunk 'Transfer-Encoding: chunked' send 'a\r\nhello'
    # After three seconds of framing it has been told.
    stalls framing 'Transfer-Encoding: chunked' send '5\r\nhello\r\n1;' "${steps[@]}" timeout 500
    for i in sized chunk framing; do
        answered "$i"
        assert_status 408
    done
    nothing_changed "$before"
    wait_for_line "$LEDGER" '"status":408.*"outcome":"timeout"' 3
}

@test "a body in chunks that is too slow as a whole is given up, however lively each chunk is" {
    local steps=() i
    for i in {1..110}; do
        steps+=(send '5\r\nhello\r\n' pause 100)
    done
    steps+=(send '0\r\n\r\n')
    DEFAULTS=yes
    start_http --min-rate 1000 --ledger "$LEDGER"
    request PUT /file 'Transfer-Encoding: chunked' -- "${steps[@]}"
    assert_status 408
    assert_file_eq "$ROOT/file" "$OLD"
    wait_for_line "$LEDGER" '"status":408.*"outcome":"too-slow"'
}

# ---- durable ----

@test "the answer comes when the bytes, then the name, then the directory are on disk" {
    local body=$BATS_TEST_TMPDIR/body
    chunks "$NEW" 100000 >"$body"
    start_traced
    steps_of put new "$NEW"
    assert_eq "$STEPS" "write fsync-file name fsync-dir=. 201"
    steps_of put dir/new "$NEW"
    assert_eq "$STEPS" "write fsync-file name fsync-dir=dir 201"
    steps_of put file "$NEW"
    assert_eq "$STEPS" "write fsync-file name rename fsync-dir=. 204"
    steps_of put_chunks file "$body"
    assert_eq "$STEPS" "write fsync-file name rename fsync-dir=. 204"
    tag_of file
    steps_of put file "$NEW" "If-Match: $TAG"
    assert_eq "$STEPS" "write fsync-file name rename fsync-dir=. 204"
    steps_of put newer "$NEW" 'If-None-Match: *'
    assert_eq "$STEPS" "write fsync-file name fsync-dir=. 201"
    kill_server
    start_traced --sync=none
    steps_of put file "$NEW"
    assert_eq "$STEPS" "write name rename 204" "with --sync=none"
}

@test "an fsync that fails is 500, and where it was the file's, the old one stays" {
    start_traced -e inject=fsync:error=EIO:when=1
    steps_of put file "$NEW"
    assert_eq "$STEPS" "write fsync-file! 500"
    assert_file_eq "$ROOT/file" "$OLD"
    kill_server
    start_traced -e inject=fsync:error=EIO:when=2
    steps_of put file "$NEW"
    assert_eq "$STEPS" "write fsync-file name rename fsync-dir=.! 500"
}

@test "PUT takes little of a stack: 96 KiB are enough for the server and its workers" {
    [ -z "$SANITIZED" ] || skip "a sanitizer takes more"
    SERVER_PREFIX=(bash -c 'ulimit -s 96 && exec "$@"' small-stack)
    start_http -v --ledger "$LEDGER" --make-directories
    chunks "$NEW" 50000 >"$BATS_TEST_TMPDIR/body"
    put a/b/c/sized "$NEW"
    assert_status 201
    put_chunks a/d/chunked "$BATS_TEST_TMPDIR/body" 'If-None-Match: *'
    assert_status 201
    refused 412 file 'If-None-Match: *'
    request DELETE /file 'If-Match: *'
    assert_status 204
    assert_file_eq "$ROOT/a/d/chunked" "$NEW"
    is_alive "$SERVER_PID"
    stop_server
}
