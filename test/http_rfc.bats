#!/usr/bin/env bats
# What RFC 9110 and 9112 ask of every answer, and of requests whose fields mean nothing where they
# stand: what docs/http.md lists, and no other file shows.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034,SC2153

load lib
load http

setup() {
    mkdir -p "$ROOT/dir"
    printf hello >"$ROOT/f"
}

# answered STATUS METHOD TARGET [FIELD...]
answered() {
    request "${@:2}" || fail "$*" || return
    assert_status "$1" || fail "$*"
}

# ---- every answer ----

# says_when: the last answer has a Date in the one form that is written, and it is now (RFC 9110
# sections 5.6.7 and 6.6.1)
says_when() {
    local seconds day='(Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
    [[ ${FIELD[date]:-} =~ ^$day,\ [0-9]{2}\ [A-Z][a-z]{2}\ [0-9]{4}\ [0-9]{2}:[0-9]{2}:[0-9]{2}\ GMT$ ]] ||
        fail "the date: ${FIELD[date]:-}" || return
    seconds=$(date -d "${FIELD[date]}" +%s)
    ((seconds >= EPOCHSECONDS - 10 && seconds <= EPOCHSECONDS)) || fail "the date: ${FIELD[date]}"
}

# is_in_order: of the last answer, all that does not depend on what was asked. (That no field comes
# twice, http.bash sees to, and to the framing.)
is_in_order() {
    says_when || return
    assert_field Connection close || return
    refute_field Trailer Keep-Alive Upgrade Set-Cookie Content-Encoding || return
    case $STATUS in
    204 | 304) refute_field Content-Length Transfer-Encoding ;;
    405) [ -n "${FIELD[allow]:-}" ] || fail "405 without Allow" ;;
    esac
}

# explains: the last answer says in one line what is wrong
explains() {
    assert_field Content-Type "text/plain; charset=utf-8" || return
    [[ $(<"$BODY") == [a-z.]*[a-z0-9.\)] ]] || fail "these are no words: $(<"$BODY")" || return
    assert_eq "$(wc -l <"$BODY")" 1 "lines that say why"
}

@test "every answer says when it was made and that the connection closes, and every error why" {
    local status method target fields field asked=0
    start_http --max-size 9
    while IFS='|' read -r status method target fields; do
        IFS='|' read -ra field <<<"$fields"
        answered "$status" "$method" "$target" "${field[@]}"
        is_in_order || fail "$status $method $target $fields"
        ((status < 400)) || explains || fail "$status $method $target $fields"
        asked=$((asked + 1))
    done <<END
200|GET|/f
200|GET|/dir/
206|GET|/f|Range: bytes=1-3
301|GET|/dir
304|GET|/f|If-None-Match: *
201|PUT|/new|Content-Length: 0
204|PUT|/new|Content-Length: 0
204|DELETE|/new
204|OPTIONS|*
400|GET|/..
400|PUT|/f|Content-Length: x
403|PUT|/f|Content-Length: 0|Origin: null
404|GET|/missing
405|DELETE|/dir
409|PUT|/missing/f|Content-Length: 0
411|PUT|/f
412|GET|/f|If-Match: "x"
413|PUT|/f|Content-Length: 10
414|GET|/$(printf '%1025s' '' | tr ' ' x)
415|PUT|/f|Content-Length: 0|Content-Encoding: gzip
416|GET|/f|Range: bytes=5-
417|PUT|/f|Content-Length: 0|Expect: a-miracle
421|GET|/f|Host: elsewhere.example
431|GET|/f|X: $(printf '%17000s' '' | tr ' ' x)
501|POST|/f
END
    assert_eq "$asked" 25 "requests"
    answer send 'GET /f HTTP/2.0\r\n\r\n'
    assert_status 505
    is_in_order
    explains
}

@test "an answer to HTTP/1.0 is of HTTP/1.1, and is neither in chunks nor a 100 nor another protocol" {
    local steps
    start_http
    for steps in 'GET /f HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: HTTP/1.1\r\n\r\n' \
        'GET /dir/ HTTP/1.0\r\nTE: chunked\r\n\r\n' \
        'DELETE /missing HTTP/1.0\r\n\r\n'; do
        answer send "$steps"
        [[ $STATUS == @(200|404) ]] || fail "$STATUS_LINE"
        refute_field Transfer-Encoding Upgrade
        is_in_order
    done
    answer send 'PUT /f HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n' quiet 50 send hello
    assert_status 204
    is_in_order
}

# ---- requests ----

@test "nothing is done before the head is whole, since its last field may change everything" {
    local before
    start_http --make-directories
    before=$(tree_sum "$ROOT")
    for request in 'DELETE /f HTTP/1.1\r\n' 'MKCOL /made HTTP/1.1\r\n' 'PUT /new HTTP/1.1\r\nContent-Length: 0\r\n'; do
        "$WIRE" "$HTTP_PORT" send "${request}Host: localhost\r\n" shut eof
        "$WIRE" "$HTTP_PORT" send "${request}Host: localhost\r\n" quiet 50 send 'If-Match: "x"\r\n\r\n' \
            expect 'HTTP/1.1 412 ' save-rest /dev/null
    done
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

@test "fields that mean nothing where they stand are passed over" {
    start_http --make-directories
    # What is a part, of other methods than PUT (RFC 9110 section 14.4).
    answered 200 GET /f 'Content-Range: bytes 0-1/5'
    assert_body hello
    answered 200 HEAD /f 'Content-Range: bytes 0-1/5'
    answered 201 MKCOL /made 'Content-Range: bytes 0-1/5'
    # A condition of a part, where none is asked for (section 13.1.5).
    answered 200 GET /f 'If-Range: "x"'
    assert_body hello
    # Conditions, where it would come to nothing without them, or no file is meant (section 13.2.1).
    answered 409 MKCOL /missing/made 'If-Match: *'
    answered 409 MKCOL /f/made 'If-Match: *'
    answered 412 MKCOL /made//again 'If-Match: *'
    answered 204 OPTIONS /f 'If-Match: "x"' 'If-None-Match: *' 'Max-Forwards: 0'
    answered 204 OPTIONS '*' 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT'
    answered 204 DELETE /f 'Content-Range: bytes 0-1/5' 'Range: bytes=0-1' 'If-Range: "x"'
    refute test -e "$ROOT/f"
}

@test "what an upload says of itself is not stored, and does not lead it elsewhere" {
    start_http
    request PUT /new.txt 'Content-Length: 5' 'Content-Location: /other' 'Content-Type: text/html' \
        'Content-Language: de' 'ETag: "mine"' 'Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT' \
        'X-HTTP-Method-Override: DELETE' 'Range: bytes=0-1' -- send hello
    assert_status 201
    answered 404 GET /other
    answered 200 GET /new.txt
    assert_body hello
    assert_field Content-Type "text/plain; charset=utf-8"
    [[ ${FIELD[etag]} != '"mine"' && ${FIELD[last-modified]} != *1994* ]] ||
        fail "${FIELD[etag]}, ${FIELD[last-modified]}"
    refute_field Content-Language Content-Location
}

@test "to store or to delete twice leaves what it leaves to do so once" {
    local after
    start_http
    request PUT /f 'Content-Length: 5' -- send world
    after=$(cd "$ROOT" && sha256sum f)
    request PUT /f 'Content-Length: 5' -- send world
    assert_status 204
    assert_eq "$(cd "$ROOT" && sha256sum f)" "$after"
    answered 204 DELETE /f
    answered 404 DELETE /f
    assert_eq "$(cd "$ROOT" && find . | sort | xargs)" ". ./dir" "what is left"
}

@test "OPTIONS says what the server allows, and what it does not allow is 405 and says the same" {
    local method allow
    while IFS='|' read -r option allow; do
        # shellcheck disable=SC2086 # a word, or none
        start_http $option
        for target in '*' / /f /missing; do
            answered 204 OPTIONS "$target"
            assert_field Allow "$allow"
        done
        for method in PUT DELETE MKCOL; do
            [[ ", $allow," != *", $method,"* ]] || continue
            answered 405 "$method" /f 'Content-Length: 0'
            assert_field Allow "$allow"
        done
        kill_server
    done <<'END'
|GET, HEAD, PUT, DELETE, OPTIONS
--make-directories|GET, HEAD, PUT, DELETE, MKCOL, OPTIONS
--no-delete|GET, HEAD, PUT, OPTIONS
--read-only|GET, HEAD, OPTIONS
END
    assert_eq "$(<"$ROOT/f")" hello
}

@test "no tunnel is made, wherever it is to lead" {
    local target
    start_http
    for target in localhost localhost: localhost:0 localhost:80 localhost:99999 "127.0.0.1:$HTTP_PORT"; do
        answered 501 CONNECT "$target"
    done
}

@test "a list with an empty item is refused where it says how a body is framed, or what is expected" {
    local field status
    start_http
    answered 501 PUT /new 'Transfer-Encoding: , chunked' 'Expect: 100-continue'
    answered 400 PUT /new 'Transfer-Encoding: chunked,' 'Expect: 100-continue'
    for field in ',' '100-continue,' ', 100-continue'; do
        answered 417 PUT /new 'Content-Length: 5' "Expect: $field"
    done
    refute test -e "$ROOT/new"
}

@test "415 says that only the identity would do, where it was the coding and not the body" {
    start_http --make-directories
    answered 415 PUT /new 'Content-Length: 5' 'Content-Encoding: gzip' 'Expect: 100-continue'
    assert_field Accept-Encoding identity
    explains
    answered 415 MKCOL /new 'Content-Length: 5'
    refute_field Accept-Encoding
}

# ---- what is sent ----

@test "a file is sent as it is, whatever codings the client would take" {
    start_http
    printf hello | gzip >"$ROOT/f.gz"
    for field in 'Accept-Encoding: gzip' 'Accept-Encoding:' 'Accept-Encoding: br;q=1, identity;q=0.1' \
        'Accept-Charset: utf-16' 'Accept-Language: de' 'TE: gzip'; do
        answered 200 GET /f "$field"
        assert_body hello
        refute_field Content-Encoding Transfer-Encoding Vary
    done
    answered 200 GET /f.gz 'Accept-Encoding: gzip'
    assert_field Content-Type application/gzip
    refute_field Content-Encoding
    assert_file_eq "$BODY" "$ROOT/f.gz"
}

@test "a part says which version it is of, and is as harmless as the whole, with If-Range too" {
    local tag
    start_http
    answered 200 GET /f
    tag=${FIELD[etag]}
    for field in "If-Range: $tag" 'X: y'; do
        answered 206 GET /f 'Range: bytes=-2' "$field"
        assert_body lo
        is_in_order
        assert_field ETag "$tag"
        assert_field Cache-Control no-cache
        assert_field Content-Range 'bytes 3-4/5'
        assert_field Content-Length 2
        assert_field Content-Type application/octet-stream
        assert_field X-Content-Type-Options nosniff
        assert_field Content-Security-Policy sandbox
    done
}

@test "a listing has no version: none is told, and conditions know no more than that it is there" {
    start_http
    answered 200 GET /dir/
    refute_field ETag Last-Modified Accept-Ranges
    answered 200 GET /dir/ 'If-Match: *'
    answered 200 GET /dir/ 'If-None-Match: "x"'
    answered 200 GET /dir/ 'If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT'
    answered 200 GET /dir/ 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT'
    answered 200 GET /dir/ 'Range: bytes=0-1'
    answered 412 GET /dir/ 'If-Match: "x"'
    answered 304 GET /dir/ 'If-None-Match: *'
    refute_field ETag Last-Modified
    # What a cache goes by is that of the 200 (RFC 9110 section 15.4.5).
    assert_field Cache-Control no-cache
    assert_field Vary Accept
    # And the way to it is not kept for good: there may be a file of that name some day.
    answered 301 GET /dir
    assert_field Cache-Control no-cache
}

@test "a directory that does not fit on the disk is 507" {
    needs_strace
    look_inside
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=mkdirat
        -e inject=mkdirat:error=ENOSPC)
    start_http --make-directories
    answered 507 MKCOL /new
    explains
    refute test -e "$ROOT/new"
}
