#!/usr/bin/env bats
# DELETE by HTTP removes a file and nothing else, on disk before the answer. What is no file, or may
# not go, stays, and is refused in words.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034,SC2153

load lib
load http
load http_write

setup() {
    a_tree
}

# delete STATUS NAME [FIELD...]
delete() {
    request DELETE "/$2" "${@:3}" || fail "DELETE $*" || return
    assert_status "$1" || fail "DELETE $*"
}

# stays STATUS NAME [FIELD...]: it is refused, and nothing changes
stays() {
    local before
    before=$(tree_sum "$ROOT")
    delete "$@" && nothing_changed "$before"
}

@test "a file is gone, and only that one, when 204 comes, and the next time it is not there" {
    cp "$OLD" "$ROOT/dir/file"
    cp "$OLD" "$ROOT/dir/other"
    cp "$OLD" "$ROOT/räksmörgås & co"
    ln -s dir/other "$ROOT/link"
    start_http -v --ledger "$LEDGER"
    delete 204 dir/file
    assert_eq "$BODY_BYTES" 0 "bytes of a body"
    delete 204 'r%C3%A4ksm%C3%B6rg%C3%A5s%20&%20co'
    delete 204 link # the link, not what it leads to
    assert_eq "$(cd "$ROOT" && find . | sort | xargs)" ". ./dir ./dir/other ./file" "what is left"
    wait_for_line "$SERVER_OUT" '^server deleting file dir/file$'
    stays 404 dir/file
    wait_for_line "$LEDGER" '"verb":"DELETE","name":"dir/file","status":204.*"outcome":"done"'
    wait_for_line "$LEDGER" '"verb":"DELETE","name":"dir/file","status":404.*"outcome":"refused"'
    assert_eq "$(grep -c 'deleting file dir/file' "$SERVER_OUT")" 1 "lines about it"
}

@test "what is no file stays: 405 for a directory, and for the rest there is nothing" {
    mkfifo "$ROOT/fifo"
    cp "$OLD" "$ROOT/.ferry-tmp.7"
    echo secret >"$BATS_TEST_TMPDIR/secret"
    ln -s ../secret "$ROOT/out"
    ln -s .. "$ROOT/up"
    start_http
    for name in dir dir/ ''; do
        stays 405 "$name"
        assert_field Allow "GET, HEAD, OPTIONS"
    done
    for name in missing missing/ missing/file file/ file/file fifo .ferry-tmp.7 out up/secret \
        "$(printf %0300d 0)"; do
        stays 404 "$name"
    done
    stays 400 dir/../../secret
    assert_eq "$(<"$BATS_TEST_TMPDIR/secret")" secret "the file outside"
}

@test "a request to delete has no body" {
    start_http
    stays 400 file 'Content-Length: 5'
    request DELETE /file 'Transfer-Encoding: chunked' -- send '0\r\n\r\n'
    assert_status 400
    delete 204 file 'Content-Length: 0'
}

@test "a server that deletes nothing says so" {
    start_http --no-delete
    stays 405 file
    assert_field Allow "GET, HEAD, PUT, OPTIONS"
    stays 405 missing
    start_http --read-only
    stays 405 file
    assert_field Allow "GET, HEAD, OPTIONS"
}

@test "a file that the server may not remove is 403" {
    mkdir "$ROOT/closed"
    cp "$OLD" "$ROOT/closed/file"
    chmod 666 "$ROOT/closed/file"
    chmod 555 "$ROOT/closed"
    make_readable "$ROOT"
    SERVER_PREFIX=(unprivileged)
    start_http
    stays 403 closed/file
}

@test "If-Match deletes that version only, and what is not there is 404 whatever the condition" {
    start_http
    tag_of file
    stays 412 file 'If-Match: "another"'
    stays 412 file 'If-None-Match: *'
    stays 412 file "If-None-Match: $TAG"
    stays 412 file 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT'
    stays 404 missing 'If-Match: *'
    stays 405 dir 'If-Match: "another"'
    delete 204 file "If-Match: $TAG"
    refute test -e "$ROOT/file"
}

@test "the answer comes when the directory is on disk" {
    cp "$OLD" "$ROOT/dir/file"
    start_traced
    steps_of request DELETE /file
    assert_eq "$STEPS" "unlink fsync-dir=. 204"
    steps_of request DELETE /dir/file 'If-Match: *'
    assert_eq "$STEPS" "unlink fsync-dir=dir 204"
    cp "$OLD" "$ROOT/file"
    kill_server
    start_traced --sync=none
    steps_of request DELETE /file
    assert_eq "$STEPS" "unlink 204" "with --sync=none"
    cp "$OLD" "$ROOT/file"
    kill_server
    start_traced -e inject=fsync:error=EIO
    steps_of request DELETE /file
    assert_eq "$STEPS" "unlink fsync-dir=.! 500"
}

@test "of many who would delete one version, exactly one does" {
    local i ids=() gone=0
    start_http -- 32
    tag_of file
    for i in {1..8}; do
        PORT=$HTTP_PORT client "$i" timeout 60000 \
            send "DELETE /file HTTP/1.1\r\nHost: localhost\r\nIf-Match: $TAG\r\n" say ready wait \
            send '\r\n' save-until '\r\n\r\n' "$BATS_TEST_TMPDIR/answer.$i" save-rest /dev/null
        ids+=("$i")
    done
    for i in "${ids[@]}"; do
        says "$i" ready
    done
    for i in "${ids[@]}"; do
        tell "$i"
    done
    for i in "${ids[@]}"; do
        answered "$i"
        case $STATUS in
            204) gone=$((gone + 1)) ;;
            404 | 412) ;;
            *) fail "one was told $STATUS_LINE" ;;
        esac
    done
    assert_eq "$gone" 1 "who was told 204"
}
