#!/usr/bin/env bats
# Runs on: once
#
# HAProxy and nginx in front of the other door: what comes and goes through them is the same, byte by
# byte, and so are the answers. They listen on sockets in the test's own folder, for which there is
# no port to be found.
#
# The twin speaks with the same code, and http_clients.bats runs on it.

load lib
load http

PATH=$PATH:/usr/sbin:/sbin # where they are, which an ordinary user need not have there
HERE=$BATS_TEST_TMPDIR/here
SITE=http://localhost # what the client takes the proxy for

# ---- proxies ----

# front NAME: curl's requests go through the proxy that listens there, once it does
front() {
    FRONT=$HERE/$1.sock
    wait_until "$WAIT_SECONDS" via -f -o /dev/null "$SITE/" && return
    fail "$1 does not answer: $(cat "$HERE/$1.said" "$HERE/error.log" 2>&1)"
}

# via ARGUMENT...: curl, through the proxy
via() {
    plain_curl --unix-socket "$FRONT" "$@"
}

# code ARGUMENT...: the status of the answer alone
code() {
    via -o /dev/null -w '%{http_code}\n' "$@"
}

start_haproxy() {
    needs haproxy curl
    mkdir -p "$HERE"
    cat >"$HERE/haproxy.cfg" <<END
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
frontend front
    bind $HERE/haproxy.sock
    default_backend ferryd
backend ferryd
    server ferryd 127.0.0.1:$HTTP_PORT
END
    haproxy -db -q -f "$HERE/haproxy.cfg" </dev/null >"$HERE/haproxy.said" 2>&1 3>&- 4>&- &
    track "$!"
    front haproxy
}

# start_nginx [DIRECTIVE...]: these belong to the location. One process, or it would be somebody else
# as root, who cannot get here.
start_nginx() {
    needs nginx curl
    mkdir -p "$HERE"
    cat >"$HERE/nginx.conf" <<END
daemon off;
master_process off;
pid $HERE/nginx.pid;
error_log $HERE/error.log;
events { }
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path $HERE/body;
    proxy_temp_path $HERE/proxied;
    fastcgi_temp_path $HERE/fastcgi;
    uwsgi_temp_path $HERE/uwsgi;
    scgi_temp_path $HERE/scgi;
    server {
        listen unix:$HERE/nginx.sock;
        location / {
            proxy_pass http://127.0.0.1:$HTTP_PORT;
            $(printf '%s;\n' "${@:-#}")
        }
    }
}
END
    nginx -p "$HERE" -e "$HERE/error.log" -c "$HERE/nginx.conf" </dev/null >"$HERE/nginx.said" 2>&1 \
        3>&- 4>&- &
    track "$!"
    front nginx
}

# Those with which nginx passes on what it gets, and when it gets it.
# shellcheck disable=SC2016 # the variable is nginx's
UNBUFFERED=('proxy_http_version 1.1' 'proxy_request_buffering off' 'proxy_buffering off'
    'proxy_set_header Host $host')

# ---- what must hold behind each ----

# files_come_and_go: up, down and away, of all sizes, with and without a length
files_come_and_go() {
    local bytes
    for bytes in 0 1 65537 20000000; do
        random_file "$HERE/file" "$bytes"
        rm -f "$ROOT/f"
        assert_eq "$(code -T "$HERE/file" "$SITE/f")" 201 || return
        assert_file_eq "$ROOT/f" "$HERE/file" || return
        via -f -o "$HERE/back" "$SITE/f" || return
        assert_file_eq "$HERE/back" "$HERE/file" || return
        assert_eq "$(code -T - "$SITE/f" <"$HERE/file")" 204 || return
        assert_file_eq "$ROOT/f" "$HERE/file" || return
    done
    # What is told of them.
    via -I "$SITE/f" >"$HERE/head" || return
    grep -qix $'content-length: 20000000\r' "$HERE/head" || return
    grep -qi '^etag: "' "$HERE/head" || return
    grep -qix $'content-security-policy: sandbox\r' "$HERE/head" || return
    parts_and_conditions || return
    assert_eq "$(code -X DELETE "$SITE/f")" 204 || return
    [ ! -e "$ROOT/f" ] || fail "it is still there" || return
    assert_eq "$(code -X DELETE "$SITE/f")" 404
}

parts_and_conditions() {
    assert_eq "$(via -r 1000000-1999999 -w '%{http_code}' -o "$HERE/part" "$SITE/f")" 206 || return
    assert_file_eq "$HERE/part" <(tail -c +1000001 "$ROOT/f" | head -c 1000000) || return
    assert_eq "$(code -r 20000000- "$SITE/f")" 416 || return
    head -c 12345678 "$ROOT/f" >"$HERE/part"
    via -f -C - -o "$HERE/part" "$SITE/f" || return
    assert_file_eq "$HERE/part" "$ROOT/f" || return
    via -f --etag-save "$HERE/tag" -o /dev/null "$SITE/f" || return
    assert_eq "$(code --etag-compare "$HERE/tag" "$SITE/f")" 304 || return
    assert_eq "$(code -H 'If-None-Match: *' -T "$HERE/file" "$SITE/f")" 412
}

# listings_come: a directory, which has no length, and the way to it without its slash
listings_come() {
    mkdir -p "$ROOT/dir" && (cd "$ROOT/dir" && touch entry{1..2000}) || return
    via -f -o "$HERE/list" "$SITE/dir/" || return
    assert_eq "$(grep -o 'href="entry[0-9]*"' "$HERE/list" | sort -u | wc -l)" 2000 "links" || return
    via -f -L -w '%{url_effective}' "$SITE/dir?json" >"$HERE/list" || return
    assert_contains "$(<"$HERE/list")" '"entry2000"' || return
    assert_eq "$(tail -c $((${#SITE} + 10)) "$HERE/list")" "$SITE/dir/?json"
}

# refusals_come: the server's own, and not the proxy's 502, however often, while a large body is sent
refusals_come() {
    local i
    random_file "$HERE/file" 3000000
    printf kept >"$ROOT/kept"
    for i in {1..15}; do
        assert_eq "$(code -H 'Expect:' -T "$HERE/file" "$SITE/missing/f")" 409 || return
        assert_eq "$(code -H 'Expect:' -T - "$SITE/missing/f" <"$HERE/file")" 409 || return
    done
    assert_eq "$(code -H 'Expect:' -H 'If-None-Match: *' -T "$HERE/file" "$SITE/kept")" 412 || return
    assert_eq "$(code -H 'Origin: http://elsewhere.example' -T "$HERE/file" "$SITE/kept")" 403 || return
    assert_eq "$(<"$ROOT/kept")" kept
}

# one_connection_goes_on: curl's, though the server ends its own after each answer
one_connection_goes_on() {
    via -f -w '%{num_connects}\n' -o /dev/null "$SITE/kept" -o /dev/null "$SITE/dir/" \
        -o /dev/null "$SITE/kept" >"$HERE/connects" || return
    assert_eq "$(tr '\n' ' ' <"$HERE/connects")" '1 0 0 ' "new connections of each request"
}

# many_share: dozens at once, though the server has two slots
many_share() {
    local i
    random_file "$ROOT/shared" 200000
    for i in {1..40}; do
        printf '%s\n' "url = $SITE/shared" "output = $HERE/shared.$i"
    done >"$HERE/jobs"
    via -f -Z --parallel-immediate --parallel-max 40 -K "$HERE/jobs" || return
    for i in {1..40}; do
        assert_file_eq "$HERE/shared.$i" "$ROOT/shared" || return
    done
}

all_of_it() {
    files_come_and_go && listings_come && refusals_come && one_connection_goes_on && many_share
}

# ---- HAProxy ----

@test "behind HAProxy files come and go, parts, conditions and listings, refusals and a crowd" {
    start_http -- 2
    start_haproxy
    all_of_it
}

@test "behind HAProxy a client is told to go on by the server, or is refused before it has sent anything" {
    start_http
    start_haproxy
    random_file "$HERE/file" 1000000
    via -f -v -H 'Expect: 100-continue' --expect100-timeout 30 --max-time 20 -T "$HERE/file" "$SITE/f" \
        2>"$HERE/said"
    grep -q '100 Continue' "$HERE/said"
    assert_file_eq "$ROOT/f" "$HERE/file"
    assert_eq "$(via -H 'Expect: 100-continue' --expect100-timeout 30 --max-time 20 -o /dev/null \
        -w '%{http_code} %{size_upload}' -T "$HERE/file" "$SITE/missing/f")" '409 0'
}

@test "HAProxy passes on the name it was asked by, which must be one of this server's" {
    start_http --http-host files.example
    start_haproxy
    assert_eq "$(code http://files.example/)" 200
    assert_eq "$(code http://elsewhere.example/)" 421
    # A page that came by this name may change something, another may not.
    assert_eq "$(code -H 'Origin: http://files.example' -T - http://files.example/f <<<hi)" 201
    assert_eq "$(code -H 'Origin: http://elsewhere.example' -T - http://files.example/f <<<ho)" 403
    assert_eq "$(<"$ROOT/f")" hi
}

# ---- nginx ----

@test "behind nginx as it comes, with HTTP/1.0 and buffers, all the same" {
    start_http -- 2
    start_nginx 'proxy_http_version 1.0'
    all_of_it
}

@test "behind nginx that passes everything on at once, all the same" {
    start_http -- 2
    start_nginx "${UNBUFFERED[@]}"
    all_of_it
}

@test "nginx asks by an address where it is told nothing else, and by the client's name where it is" {
    start_http --http-host files.example
    start_nginx
    assert_eq "$(code http://elsewhere.example/)" 200
    kill_tracked_nginx
    start_nginx "${UNBUFFERED[@]}"
    assert_eq "$(code http://files.example/)" 200
    assert_eq "$(code http://elsewhere.example/)" 421
}

kill_tracked_nginx() {
    kill -TERM "${TRACKED[-1]}" && wait_until "$WAIT_SECONDS" is_gone "${TRACKED[-1]}" &&
        rm -f "$FRONT"
}
