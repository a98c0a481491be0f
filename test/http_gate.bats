#!/usr/bin/env bats
# Who may ask, and by which name: what a page from elsewhere can make a visitor's browser send changes
# nothing here, and by a name that somebody else rules nobody reads. (Each spelling that is known:
# http_parser.bats, without a server.)

load lib
load http

setup() {
    mkdir "$ROOT"
    echo content >"$ROOT/f"
}

# answered STATUS HOST...: what GET /f is answered with by each of these names
answered() {
    local status=$1 host steps=()
    shift
    for host in "$@"; do
        steps+=(say "Host: $host" send "GET /f HTTP/1.1\\r\\nHost: $host\\r\\n\\r\\n" expect "HTTP/1.1 $status " reconnect)
    done
    "$WIRE" "$HTTP_PORT" "${steps[@]}" >"$BATS_TEST_TMPDIR/asked" ||
        fail "not $status: $(tail -n 1 "$BATS_TEST_TMPDIR/asked")"
}

# refused STATUS WORDS: the last answer was this, and told nobody else's page anything
refused() {
    assert_status "$1" || return
    assert_field Content-Type "text/plain; charset=utf-8" || return
    assert_body "$2"$'\n' || return
    no_cors
}

# no_cors: whatever the last answer was
no_cors() {
    local name
    assert_field Cross-Origin-Resource-Policy same-origin || return
    for name in "${!FIELD[@]}"; do
        [[ $name != access-control-* ]] || fail "$name: ${FIELD[$name]}" || return
    done
}

@test "by an address, localhost and this machine's name files are served, by other names 421 is said" {
    local own
    own=$(uname -n)
    start_http
    answered 200 "127.0.0.1:$HTTP_PORT" 127.0.0.1 "[::1]:$HTTP_PORT" 192.0.2.7:80 localhost LOCALHOST:1 \
        localhost. files.localhost "$own" "${own^^}:8000" "${own%%.*}" "${own%%.*}.local"
    answered 421 evil.example "evil.example:$HTTP_PORT" 127.0.0.1.evil.example localhost.evil.example \
        notlocalhost 127.1 2130706433 "$own.evil.example" "x$own" ''
    answered 400 'local host' user@localhost localhost:port ::1 '[::1' localhost/f
    request GET /f 'Host: evil.example'
    refused 421 "this server is not known by this name (--http-host)"
    request PUT /f 'Host: evil.example' 'Origin: http://evil.example' 'Content-Length: 3' -- send new
    refused 421 "this server is not known by this name (--http-host)"
    assert_eq "$(<"$ROOT/f")" content
}

@test "--http-host gives the server further names, each of them and no part of it" {
    start_http --http-host files.example.org --http-host NAS
    answered 200 files.example.org FILES.example.org:8000 files.example.org. nas nas:80 localhost 127.0.0.1
    answered 421 example.org files www.files.example.org files.example.org.evil.example nas.local nas.evil.example
}

@test "the absolute form has a name of its own, in place of Host; HTTP/1.0 needs neither" {
    start_http
    answer send "GET http://localhost/f HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    assert_status 200
    answer send "GET http://evil.example/f HTTP/1.1\r\nHost: localhost\r\n\r\n"
    refused 421 "this server is not known by this name (--http-host)"
    answer send "GET /f HTTP/1.0\r\n\r\n"
    assert_status 200
    answer send "GET /f HTTP/1.0\r\nHost: evil.example\r\n\r\n"
    refused 421 "this server is not known by this name (--http-host)"
    answer send "GET /f HTTP/1.1\r\n\r\n"
    refused 400 "there is no Host"
}

@test "what a page from elsewhere makes a browser send changes nothing" {
    local before elsewhere here="Origin: http://127.0.0.1" no="a page from elsewhere may change nothing here"
    start_http --make-directories
    before=$(tree_sum "$ROOT")
    for elsewhere in 'Origin: http://evil.example' 'Origin: null' 'Sec-Fetch-Site: cross-site' \
        'Sec-Fetch-Site: same-site' "$here:1" "$here:${HTTP_PORT}0" "Origin: http://localhost:$HTTP_PORT" \
        "$here:$HTTP_PORT\\r\\nSec-Fetch-Site: cross-site" "$here:$HTTP_PORT\\r\\n$here:$HTTP_PORT"; do
        request PUT /f "$elsewhere" 'Content-Length: 3' -- send new
        refused 403 "$no"
    done
    request PUT /new "$elsewhere" 'Content-Length: 3' -- send new
    refused 403 "$no"
    request DELETE /f "$elsewhere"
    refused 403 "$no"
    request MKCOL /dir "$elsewhere"
    refused 403 "$no"
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

@test "it is refused before its body is sent" {
    start_http
    request PUT /f 'Origin: http://evil.example' 'Content-Length: 100000' 'Expect: 100-continue'
    refused 403 "a page from elsewhere may change nothing here"
}

@test "this server's own pages change what they are to, behind a proxy that encrypts, too" {
    start_http --make-directories --http-host files.example.org
    request PUT /f "Origin: http://127.0.0.1:$HTTP_PORT" 'Sec-Fetch-Site: same-origin' 'Content-Length: 3' -- send new
    assert_status 204
    assert_eq "$(<"$ROOT/f")" new
    no_cors
    request DELETE /f 'Host: files.example.org' 'Origin: https://files.example.org'
    assert_status 204
    request MKCOL /dir 'Host: files.example.org:8443' 'Origin: https://files.example.org:8443'
    assert_status 201
    request PUT /g 'Host: files.example.org:443' 'Origin: https://files.example.org' 'Content-Length: 0'
    assert_status 201
    request DELETE /g 'Sec-Fetch-Site: none'
    assert_status 204
    request MKCOL /dir2
    assert_status 201
}

@test "a page from elsewhere may have a browser ask, but hears nothing of the answer" {
    start_http
    request GET /f 'Origin: http://evil.example' 'Sec-Fetch-Site: cross-site'
    assert_status 200
    no_cors
    request GET /?json 'Origin: http://evil.example' 'Sec-Fetch-Site: cross-site'
    assert_status 200
    no_cors
    # What a browser asks before it sends what a page could not (Fetch standard, CORS preflight).
    request OPTIONS /f 'Origin: http://evil.example' 'Access-Control-Request-Method: PUT' \
        'Access-Control-Request-Private-Network: true'
    assert_status 204
    no_cors
}
