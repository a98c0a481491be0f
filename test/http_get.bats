#!/usr/bin/env bats
# GET by HTTP sends a file's bytes or a part of them, with all that a client needs to know which
# version they are of; HEAD says the same without them. What cannot be sent is refused in one line,
# and a file that changes is never passed off as whole.

load lib
load http

SECRET=secret

setup() {
    mkdir -p "$ROOT"
}

# changed_at SECONDS PATH: sets its time, since 1970; there may be a fraction
changed_at() {
    touch -d "@$1" "$2"
}

# url_of NAME: sets TARGET to its path, every byte but the slash encoded
url_of() {
    local LC_ALL=C i code byte
    TARGET=/
    for ((i = 0; i < ${#1}; i++)); do
        printf -v code %d "'${1:i:1}" # in some versions of bash a byte is signed
        printf -v byte '%%%02x' $((code & 255))
        [ "$byte" != %2f ] || byte=/
        TARGET+=$byte
    done
}

# get TARGET NAME [FIELD...]: it comes, as it is under ROOT
get() {
    request GET "$1" "${@:3}" || fail "GET $1" || return
    assert_status 200 || return
    assert_file_eq "$BODY" "$ROOT/$2"
}

# part TARGET FIRST LAST SIZE FIELD...: what comes is these bytes of $ROOT$TARGET, and says so
part() {
    request GET "$1" "${@:5}" || return
    assert_status 206 || return
    assert_field Content-Range "bytes $2-$3/$4" || return
    tail -c +"$(($2 + 1))" "$ROOT$1" | head -c "$(($3 - $2 + 1))" | cmp - "$BODY"
}

# answered STATUS TARGET [FIELD...]: to a GET
answered() {
    request GET "$2" "${@:3}" || fail "GET $2" || return
    assert_status "$1" || fail "GET $2" "${@:3}"
}

# refused NAME...: 404, in one line of text that nobody takes for a page
refused() {
    local name
    for name in "$@"; do
        url_of "$name"
        answered 404 "$TARGET" || return
        assert_field Content-Type "text/plain; charset=utf-8" || return
        [ "$(wc -l <"$BODY")" = 1 ] || fail "not one line: $(<"$BODY")" || return
        refute grep -q "$SECRET" "$BODY" || return
    done
}

# says_always: the last answer has what every answer has, and nothing that lets other pages in
says_always() {
    local name seconds
    assert_field Server ferryd
    assert_field Connection close
    assert_field X-Content-Type-Options nosniff
    assert_field Cross-Origin-Resource-Policy same-origin
    seconds=$(date -d "${FIELD[date]}" +%s)
    ((seconds >= EPOCHSECONDS - 5 && seconds <= EPOCHSECONDS)) || fail "Date: ${FIELD[date]}"
    for name in "${!FIELD[@]}"; do
        [[ $name != access-control-* && $name != set-cookie && $name != keep-alive ]] ||
            fail "there is a field $name"
    done
}

# said: the last answer's head, but for its date
said() {
    local name
    echo "$STATUS_LINE"
    for name in "${!FIELD[@]}"; do
        [ "$name" = date ] || echo "$name: ${FIELD[$name]}"
    done | sort
}

# ---- the whole file ----

@test "GET sends the bytes, and says how many, of what kind and which version they are" {
    start_http
    printf 'hello\n' >"$ROOT/f.txt"
    changed_at 784111777.25 "$ROOT/f.txt"
    get /f.txt f.txt
    says_always
    assert_eq "$STATUS_LINE" "HTTP/1.1 200 OK"
    assert_field Content-Length 6
    assert_field Content-Type "text/plain; charset=utf-8"
    assert_field Last-Modified "Sun, 06 Nov 1994 08:49:37 GMT"
    assert_field Accept-Ranges bytes
    assert_field Cache-Control no-cache
    assert_field Content-Security-Policy sandbox
    [[ ${FIELD[etag]} =~ ^\"[0-9a-f-]+\"$ ]] || fail "ETag: ${FIELD[etag]}"
    refute_field Content-Range Content-Disposition Transfer-Encoding Content-Encoding Vary Location
}

@test "an empty file, a byte, a page and more than a chunk come as they are" {
    start_http
    for bytes in 0 1 1024 1048577; do
        random_file "$ROOT/f$bytes" "$bytes"
        get "/f$bytes" "f$bytes"
        assert_field Content-Length "$bytes"
    done
}

@test "HEAD is answered as GET is, without the bytes" {
    local target
    start_http
    mkdir "$ROOT/dir"
    random_file "$ROOT/f.html" 3000
    : >"$ROOT/empty"
    for target in /f.html /empty '/f.html?download' /dir /missing; do
        request GET "$target"
        said >"$BATS_TEST_TMPDIR/get"
        request HEAD "$target"
        assert_eq "$BODY_BYTES" 0 "bytes after the head"
        said >"$BATS_TEST_TMPDIR/head"
        assert_file_eq "$BATS_TEST_TMPDIR/head" "$BATS_TEST_TMPDIR/get"
    done
}

@test "the type is told by the suffix in any case, and is bytes where that says nothing" {
    local name types=(a.txt "text/plain; charset=utf-8" A.TXT "text/plain; charset=utf-8"
        a.html "text/html; charset=utf-8" a.css "text/css; charset=utf-8"
        a.js "text/javascript; charset=utf-8" a.json application/json a.svg image/svg+xml
        a.jpg image/jpeg a.Jpeg image/jpeg a.png image/png a.mp4 video/mp4 a.pdf application/pdf
        a.tar.gz application/gzip .html "text/html; charset=utf-8"
        a application/octet-stream txt application/octet-stream a.txt. application/octet-stream
        a.txt~ application/octet-stream a.unknown application/octet-stream
        d.html/a application/octet-stream d.html/a.png image/png)
    start_http
    mkdir "$ROOT/d.html"
    set -- "${types[@]}"
    while (($# > 0)); do
        printf '<b>' >"$ROOT/$1"
        request HEAD "/$1"
        assert_status 200
        assert_eq "${FIELD[content-type]}" "$2" "type of $1"
        assert_field X-Content-Type-Options nosniff
        assert_field Content-Security-Policy sandbox
        shift 2
    done
}

@test "a time in the future is told as now, and one before 1970 as it is" {
    start_http
    : >"$ROOT/f"
    changed_at $((EPOCHSECONDS + 86400)) "$ROOT/f"
    request HEAD /f
    assert_field Last-Modified "${FIELD[date]}"
    changed_at -1.5 "$ROOT/f"
    request HEAD /f
    assert_field Last-Modified "Wed, 31 Dec 1969 23:59:58 GMT"
}

@test "the tag is the same for the same file, and another one for every change" {
    start_http
    printf one >"$ROOT/f"
    changed_at 784111777.000000001 "$ROOT/f"
    request GET /f
    tags=("${FIELD[etag]}")
    request HEAD '/%66?x'
    assert_eq "${FIELD[etag]}" "${tags[0]}" "the tag the second time"
    changed_at 784111777.000000002 "$ROOT/f"
    request HEAD /f
    tags+=("${FIELD[etag]}")
    printf four >"$ROOT/f"
    changed_at 784111777.000000002 "$ROOT/f"
    request HEAD /f
    tags+=("${FIELD[etag]}")
    printf five >"$ROOT/new"
    changed_at 784111777.000000002 "$ROOT/new"
    mv "$ROOT/new" "$ROOT/f"
    request HEAD /f
    tags+=("${FIELD[etag]}")
    assert_eq "$(printf '%s\n' "${tags[@]}" | sort -u | wc -l)" 4 "different tags of ${tags[*]}"
    ln "$ROOT/f" "$ROOT/other"
    request HEAD /other
    assert_eq "${FIELD[etag]}" "${tags[3]}" "the tag of the same file under another name"
}

@test "what the other door puts, this one gets" {
    start_http
    random_file "$BATS_TEST_TMPDIR/file" 100000
    wire_put "$BATS_TEST_TMPDIR/file" f
    get /f f
    assert_file_eq "$BODY" "$BATS_TEST_TMPDIR/file"
}

# ---- parts ----

@test "a range is that part of the file and nothing else" {
    start_http
    random_file "$ROOT/f" 100000
    part /f 0 0 100000 'Range: bytes=0-0'
    says_always
    assert_field Content-Length 1
    assert_field Content-Security-Policy sandbox
    assert_field Cache-Control no-cache
    tag=${FIELD[etag]}
    assert_field Last-Modified "$(LC_ALL=C date -u -r "$ROOT/f" '+%a, %d %b %Y %H:%M:%S GMT')"
    part /f 3 5 100000 'Range: bytes=3-5'
    assert_field ETag "$tag"
    part /f 0 99999 100000 'Range: bytes=0-'
    part /f 99999 99999 100000 'Range: bytes=99999-'
    part /f 99990 99999 100000 'Range: bytes=-10'
    part /f 50000 99999 100000 'Range: bytes=50000-123456789012345678901234567890'
    part /f 0 99999 100000 'Range: bytes=-123456789012345678901234567890'
}

@test "a range that is not there is 416 with the size; several, or nonsense, are the whole file" {
    start_http
    random_file "$ROOT/f" 1000
    : >"$ROOT/empty"
    for range in 1000- 1000-1000 -0 99999999999999999999999-; do
        answered 416 /f "Range: bytes=$range"
        assert_field Content-Range 'bytes */1000'
        says_always
    done
    answered 416 /empty 'Range: bytes=0-'
    assert_field Content-Range 'bytes */0'
    for range in bytes=0-0,5-9 bytes=5-3 bytes=x bytes= lines=0-0; do
        get /f f "Range: $range"
        refute_field Content-Range
    done
    get /empty empty 'Range: bytes=-1'
    get /f f 'Range: bytes=0-0' 'Range: bytes=1-1'
    request HEAD /f 'Range: bytes=0-0'
    assert_status 200
    assert_field Content-Length 1000
}

@test "If-Range gets the part of the same version, and of another one the whole" {
    start_http
    random_file "$ROOT/f" 1000
    changed_at 784111777.5 "$ROOT/f"
    request HEAD /f
    tag=${FIELD[etag]}
    part /f 10 19 1000 'Range: bytes=10-19' "If-Range: $tag"
    part /f 10 19 1000 'Range: bytes=10-19' "If-Range: ${FIELD[last-modified]}"
    get /f f 'Range: bytes=10-19' "If-Range: W/$tag"
    get /f f 'Range: bytes=10-19' 'If-Range: Sun, 06 Nov 1994 08:49:38 GMT'
    changed_at 784111777.6 "$ROOT/f"
    get /f f 'Range: bytes=10-19' "If-Range: $tag"
    get /f f 'Range: bytes=1000-' "If-Range: $tag"
}

@test "a file of more than 32 bits has its length, and its last bytes" {
    local size=5368709121
    start_http
    truncate -s 5368709118 "$ROOT/huge"
    printf end >>"$ROOT/huge"
    request HEAD /huge
    assert_field Content-Length "$size"
    for range in 5368709118- -3 5368709118-5368709999; do
        answered 206 /huge "Range: bytes=$range"
        assert_body end
        assert_field Content-Range "bytes 5368709118-5368709120/$size"
    done
    answered 206 /huge 'Range: bytes=4294967295-4294967296'
    assert_eq "$BODY_BYTES" 2
    answered 416 /huge "Range: bytes=$size-"
}

# ---- conditions ----

@test "who has this version is told so in 304, with its tag and without its bytes" {
    start_http
    random_file "$ROOT/f" 1000
    changed_at 784111777.5 "$ROOT/f"
    request GET /f
    tag=${FIELD[etag]} date=${FIELD[last-modified]}
    for method in GET HEAD; do
        for condition in "If-None-Match: $tag" "If-None-Match: W/$tag" 'If-None-Match: *' \
            "If-None-Match: \"x\", $tag" "If-Modified-Since: $date" \
            'If-Modified-Since: Sunday, 06-Nov-94 08:49:38 GMT'; do
            request "$method" /f "$condition"
            assert_status 304
            assert_field ETag "$tag"
            assert_field Cache-Control no-cache
            refute_field Content-Length Content-Type Last-Modified
        done
        says_always
    done
    # Before the range: of what is known, no part is sent.
    answered 304 /f 'Range: bytes=0-0' "If-None-Match: $tag"
    answered 304 /f 'Range: bytes=1000-' "If-None-Match: $tag"
    get /f f 'If-None-Match: "x"' "If-Modified-Since: $date"
    get /f f 'If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT'
    changed_at 784111777.6 "$ROOT/f"
    get /f f "If-None-Match: $tag"
}

@test "who wants a version that is not this one is told so in 412" {
    start_http
    random_file "$ROOT/f" 1000
    changed_at 784111777.5 "$ROOT/f"
    request GET /f
    tag=${FIELD[etag]} date=${FIELD[last-modified]}
    get /f f "If-Match: $tag"
    get /f f 'If-Match: *'
    get /f f "If-Unmodified-Since: $date"
    part /f 0 9 1000 "If-Match: $tag" 'Range: bytes=0-9'
    for condition in "If-Match: W/$tag" 'If-Match: "x"' \
        'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT'; do
        answered 412 /f "$condition" 'Range: bytes=0-0' "If-None-Match: $tag"
        says_always
    done
}

@test "a condition on what is not there changes nothing about that" {
    start_http
    mkdir "$ROOT/dir"
    for condition in 'If-Match: *' 'If-Match: "x"' 'If-None-Match: *'; do
        answered 404 /missing "$condition"
        answered 301 /dir "$condition"
    done
}

# ---- names ----

@test "names with spaces, UTF-8, punctuation, or bytes that are no text name files" {
    start_http
    for name in 'two words' ' leading' 'trailing ' -dash .hidden 'a\b' "quote'\"" "\$HOME *?[x]" ... \
        'grüße' 日本語 '😀' $'\xff\xfe' $'tab\there' $'line\nend' $'\e[1m' 'a%20b' 'a+b' 'a?b' 'a#b' \
        'a&b;c=d' 'http:' "$(printf '%255s' '' | tr ' ' n)"; do
        printf 'content of %s' "$name" >"$ROOT/$name"
        url_of "$name"
        get "$TARGET" "$name"
    done
    # As some clients send them, and with a query, which says nothing here.
    get /grüße grüße
    get '/a+b?x=%00&y' a+b
    get '/%e6%97%a5%E6%9c%ac%E8%aa%9E' 日本語
}

@test "names lead through directories, and through links that stay inside" {
    start_http
    mkdir -p "$ROOT/sub/deeper" "$ROOT/a/b/c"
    for name in sub/f sub/deeper/f a/b/c/f; do
        printf 'content of %s' "$name" >"$ROOT/$name"
    done
    ln -s sub/f "$ROOT/link"
    ln -s ../sub "$ROOT/a/dirlink"
    for name in sub/f sub/deeper/f a/b/c/f ./sub/f sub//f sub/./deeper/./f link a/dirlink/f; do
        get "/$name" "$name"
    done
}

@test "what is neither a file nor a directory is not there, and is not touched" {
    local kinds=()
    start_http
    mkdir "$ROOT/dir"
    printf hello >"$ROOT/f"
    mkfifo "$ROOT/fifo"
    ln -s nowhere "$ROOT/dangling"
    ln -s loop "$ROOT/loop"
    # An ordinary user cannot make one.
    ! mknod "$ROOT/device" c 1 3 2>/dev/null || kinds+=(device)
    ! command -v python3 >/dev/null || {
        (cd "$ROOT" && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")')
        kinds+=(socket)
    }
    before=$(tree_sum "$ROOT")
    refused missing missing/f missing/ dir/missing f/ f/. f/x fifo fifo/ dangling loop \
        "$(printf '%256s' '' | tr ' ' n)" "${kinds[@]}"
    says_always
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

@test "a name that leaves the root is not there" {
    printf '%s' "$SECRET" >"$BATS_TEST_TMPDIR/outside"
    start_http
    mkdir "$ROOT/dir"
    ln -s ../outside "$ROOT/out"
    ln -s "$BATS_TEST_TMPDIR/outside" "$ROOT/absolute"
    ln -s .. "$ROOT/up"
    ln -s / "$ROOT/top"
    refused out absolute up/outside up/ up top/etc/passwd top/
    for target in /../outside /dir/../../outside /%2e%2e/outside /.%2E/outside /dir/%2e./../outside; do
        answered 400 "$target"
        refute grep -q "$SECRET" "$BODY"
    done
}

@test "an upload's temporary name cannot be read" {
    start_http
    mkdir "$ROOT/dir"
    printf '%s' "$SECRET" | tee "$ROOT/.ferry-tmp.0" >"$ROOT/dir/.ferry-tmp.12"
    refused .ferry-tmp.0 dir/.ferry-tmp.12 ./.ferry-tmp.0 .FERRY-tmp.0
}

@test "a file that the server may not read is 403, and its content stays its own" {
    printf '%s' "$SECRET" >"$ROOT/closed"
    printf hello >"$ROOT/open"
    make_readable "$ROOT"
    chmod 644 "$ROOT/open"
    chmod 200 "$ROOT/closed"
    # shellcheck disable=SC2034  # read by start_server
    SERVER_PREFIX=(unprivileged)
    start_http
    answered 403 /closed
    refute grep -q "$SECRET" "$BODY"
    get /open open
}

@test "a directory without its slash is 301 to the same with it, relative, the query kept" {
    start_http
    # name, as it is in a Location
    set -- dir dir 'two words' two%20words 'a:b' a%3Ab 'http:' http%3A $'\xff' %FF 'ü' %C3%BC '%' %25 \
        '?#' %3F%23 $'line\nend' line%0Aend
    mkdir "$ROOT/deep" "$ROOT/deep/est"
    ln -s deep/est "$ROOT/link"
    while (($# > 0)); do
        mkdir "$ROOT/$1"
        url_of "$1"
        answered 301 "$TARGET"
        assert_field Location "$2/"
        assert_field Content-Length 0
        answered 301 "$TARGET?json&x=%2F"
        assert_field Location "$2/?json&x=%2F"
        shift 2
    done
    says_always
    answered 301 /deep/est
    assert_field Location est/
    answered 301 /link
    assert_field Location link/
    answered 301 '/deep/est?'
    assert_field Location 'est/?'
    request HEAD /deep
    assert_status 301
    assert_field Location deep/
    long=$(printf '%7900s' '' | tr ' ' q)
    answered 414 "/deep?$long"
    answered 301 "/deep?${long:0:4000}"
    assert_field Location "deep/?${long:0:4000}"
}

@test "?download says to save the file, under its name in words that every client reads" {
    start_http
    set -- f.txt 'attachment; filename="f.txt"' \
        'two words' 'attachment; filename="two words"' \
        'q"u\o' "attachment; filename=\"q_u_o\"; filename*=UTF-8''q%22u%5Co" \
        'ü.txt' "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%BC.txt" \
        '50%41' "attachment; filename=\"50_41\"; filename*=UTF-8''50%2541" \
        $'x\r\nSet-Cookie: y' "attachment; filename=\"x__Set-Cookie: y\"; filename*=UTF-8''x%0D%0ASet-Cookie%3A%20y" \
        $'\xffx' 'attachment; filename="_x"'
    while (($# > 0)); do
        printf hello >"$ROOT/$1"
        url_of "$1"
        get "$TARGET?download" "$1"
        assert_field Content-Disposition "$2"
        shift 2
    done
    get /f.txt?x=download f.txt
    refute_field Content-Disposition
    part /f.txt 0 0 5 'Range: bytes=0-0'
}

# ---- what is told at home ----

@test "-v tells the request and the bytes, in lines that no target can forge" {
    start_http -v
    printf hello >"$ROOT/f"
    : >"$ROOT/empty"
    get /f f
    answered 206 /f 'Range: bytes=1-3'
    request HEAD /f
    answered 304 /f 'If-None-Match: *'
    get /empty empty
    answered 404 '/%0aserver\x9b'
    wait_for_line "$SERVER_OUT" '^server receiving request: GET /%0aserver'
    grep -E '^server (receiving|sending)' "$SERVER_OUT" >"$BATS_TEST_TMPDIR/lines"
    printf 'server %s\n' 'receiving request: GET /f' 'sending 5 bytes' 'receiving request: GET /f' \
        'sending 3 bytes' 'receiving request: HEAD /f' 'receiving request: GET /f' \
        'receiving request: GET /empty' 'sending 0 bytes' \
        'receiving request: GET /%0aserver\x9b' >"$BATS_TEST_TMPDIR/want"
    assert_file_eq "$BATS_TEST_TMPDIR/lines" "$BATS_TEST_TMPDIR/want"
}

# in_ledger LINE PART...: the line of that client comes, and has these parts
in_ledger() {
    local part line
    wait_until "$WAIT_SECONDS" _has_lines "$BATS_TEST_TMPDIR/ledger" "\"client\":$1," 1
    line=$(grep "\"client\":$1," "$BATS_TEST_TMPDIR/ledger")
    for part in "${@:2}"; do
        assert_contains "$line" "$part"
    done
}

@test "the ledger tells what was asked, the status, and the bytes that were sent" {
    start_http --ledger "$BATS_TEST_TMPDIR/ledger"
    printf hello >"$ROOT/f"
    get /f f
    answered 206 /f 'Range: bytes=1-3'
    request HEAD /f
    answered 304 /f 'If-None-Match: *'
    answered 404 /missing
    answered 416 /f 'Range: bytes=5-'
    in_ledger 1 '"service":"http"' '"verb":"GET"' '"name":"f"' '"status":200' '"size":5' '"bytes":5' '"outcome":"done"'
    in_ledger 2 '"status":206' '"size":3' '"bytes":3' '"outcome":"done"'
    in_ledger 3 '"verb":"HEAD"' '"status":200' '"bytes":0' '"outcome":"done"'
    in_ledger 4 '"status":304' '"bytes":0' '"outcome":"done"'
    in_ledger 5 '"name":"missing"' '"status":404' '"error":"missing does not exist"' '"outcome":"refused"'
    in_ledger 6 '"status":416' '"outcome":"refused"'
}

@test "GET changes nothing under the root" {
    start_http
    random_file "$ROOT/f" 100000
    before=$(tree_sum "$ROOT")
    get /f f
    part /f 7 99 100000 'Range: bytes=7-99'
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

# ---- on its way ----

BIG=$((64 * 1024 * 1024)) # more than lies in sockets on its way

# begin STEP...: a client in the background that has asked for /big and read its head and one byte,
# and goes on with these when it is told
begin() {
    truncate -s "$BIG" "$ROOT/big"
    PORT=$HTTP_PORT client big send 'GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n' \
        save-until '\r\n\r\n' "$BATS_TEST_TMPDIR/head" skip 1 say paused wait "$@"
    says big paused
    grep -q "^Content-Length: $BIG"$'\r'$ "$BATS_TEST_TMPDIR/head"
}

@test "a file that grows is sent as long as it was announced" {
    start_http
    begin skip "$((BIG - 1))" eof
    printf 'and more' >>"$ROOT/big"
    tell big
    succeeds big
}

@test "a file that is replaced while it is sent is sent whole as it was" {
    start_http
    begin skip "$((BIG - 1))" eof
    printf new >"$ROOT/new"
    mv "$ROOT/new" "$ROOT/big"
    tell big
    succeeds big
    get /big big
}

@test "a file that shrinks while it is sent ends the connection before its length" {
    start_http --ledger "$BATS_TEST_TMPDIR/ledger"
    begin save-rest /dev/null
    truncate -s 0 "$ROOT/big"
    tell big
    succeeds big
    bytes=$(tail -n 1 "$BATS_TEST_TMPDIR/client.big.out")
    ((bytes < BIG - 1)) || fail "$bytes bytes of a file that had shrunk"
    in_ledger 1 '"status":200' '"outcome":"broken"' '"reason":"ENODATA"' "\"bytes\":"
    printf hello >"$ROOT/f"
    get /f f
}

@test "a client that closes early frees its place, and the next one is served" {
    start_http --ledger "$BATS_TEST_TMPDIR/ledger" -- 1
    printf hello >"$ROOT/f"
    begin reset
    tell big
    succeeds big
    get /f f
    in_ledger 1 '"outcome":"client-gone"'
}

@test "a reader that has stopped is given up after four times --timeout, as at the other door" {
    start_http --timeout 1 --ledger "$BATS_TEST_TMPDIR/ledger"
    began=$(now_ms)
    begin wait-gone
    in_ledger 1 '"outcome":"timeout"'
    took=$(($(now_ms) - began))
    ((took >= 3500 && took < 9000)) || fail "given up after $took ms"
}

# ---- with clients of others ----

@test "curl goes on where it stopped, asks for parts, and keeps what it has" {
    needs curl
    start_http
    random_file "$ROOT/f" 100000
    got=$BATS_TEST_TMPDIR/got
    head -c 40000 "$ROOT/f" >"$got"
    plain_curl -f -C - -o "$got" "$URL/f"
    assert_file_eq "$got" "$ROOT/f"
    assert_eq "$(plain_curl -f -r 0-9 "$URL/f" | sha256sum)" "$(head -c 10 "$ROOT/f" | sha256sum)"
    assert_eq "$(plain_curl -o /dev/null -w '%{http_code}' -z "$ROOT/f" "$URL/f")" 304 "status with -z"
    assert_eq "$(plain_curl -0 -f "$URL/f" | sha256sum)" "$(sha256sum <"$ROOT/f")" "HTTP/1.0"
    (cd "$BATS_TEST_TMPDIR" && printf x >"$ROOT/name.bin" && plain_curl -f -OJ "$URL/name.bin?download")
    assert_file_eq "$BATS_TEST_TMPDIR/name.bin" "$ROOT/name.bin"
}

@test "wget goes on where it stopped, and leaves alone what is not newer" {
    needs wget
    start_http
    random_file "$ROOT/f" 100000
    changed_at 784111777 "$ROOT/f"
    cd "$BATS_TEST_TMPDIR"
    head -c 40000 "$ROOT/f" >f
    wget --no-config --no-proxy -q -c "$URL/f"
    assert_file_eq f "$ROOT/f"
    rm f
    wget --no-config --no-proxy -q -N "$URL/f"
    assert_file_eq f "$ROOT/f"
    assert_eq "$(stat -c %Y f)" 784111777 "the time of what wget has saved"
    wget --no-config --no-proxy -N "$URL/f" 2>"$BATS_TEST_TMPDIR/says"
    grep -qE '304|not modified|omitting download' "$BATS_TEST_TMPDIR/says" ||
        fail "$(<"$BATS_TEST_TMPDIR/says")"
}
