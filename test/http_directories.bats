#!/usr/bin/env bats
# With --make-directories, MKCOL makes a directory and PUT by either door those that are missing: under
# the root alone, on disk before the answer, and none for an upload that is refused.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034,SC2153

load lib
load http
load http_write

setup() {
    a_tree
}

@test "MKCOL makes a directory where that is allowed, and says why not elsewhere" {
    start_http
    request MKCOL /new
    assert_status 405
    assert_field Allow "GET, HEAD, PUT, DELETE, OPTIONS"
    kill_server
    umask 027
    start_http --make-directories
    request MKCOL /new/
    assert_status 201
    request MKCOL /new/deeper
    assert_status 201
    assert_eq "$(stat -c %F:%a "$ROOT/new/deeper")" directory:750
    request MKCOL /new
    assert_status 405
    assert_field Allow "GET, HEAD, OPTIONS"
    request MKCOL /
    assert_status 405
    request MKCOL /file
    assert_status 405
    assert_field Allow "GET, HEAD, PUT, DELETE, OPTIONS"
    request MKCOL /missing/new
    assert_status 409
    request MKCOL /file/new
    assert_status 409
    request MKCOL /.ferry-tmp.0
    assert_status 403
    request MKCOL /newer 'Content-Length: 5' -- send hello
    assert_status 415
    request MKCOL /newer 'If-Match: *'
    assert_status 412
    request MKCOL /newer 'If-None-Match: *' 'Content-Length: 0'
    assert_status 201
    ln -s ../.. "$ROOT/up"
    request MKCOL /up/outside
    assert_status 404
    refute test -e "$BATS_TEST_TMPDIR/outside"
    assert_eq "$(cd "$ROOT" && find . -type d | sort | xargs)" ". ./dir ./new ./new/deeper ./newer" "directories"
}

@test "with --make-directories PUT makes those that are missing, once it is sure to need them" {
    umask 022
    start_http --make-directories --max-size 4M
    refused 413 a/b/c 'Content-Length: 4194305'
    refused 412 a/b/c 'If-Match: *'
    refused 409 a/b/
    refused 403 a/b/.ferry-tmp.0
    refused 403 a/.ferry-tmp.0/b
    refused 414 "a/b/$(printf %0300d 0)/c"
    refused 414 "a/$(printf %0300d 0)"
    request MKCOL "/$(printf %0300d 0)"
    assert_status 414
    assert_contains "$(<"$BODY")" "is too long for a name"
    refused 409 file/b/c
    refute test -e "$ROOT/a"
    ln -s ../.. "$ROOT/up"
    ln -s ../nowhere "$ROOT/out"
    ln -s nothing "$ROOT/dangling"
    refused 404 up/a/b
    refused 404 out/b
    refused 409 dangling/b
    refute test -e "$BATS_TEST_TMPDIR/nowhere"
    refute test -e "$ROOT/nothing"
    put a/b//c "$NEW" 'If-None-Match: *'
    assert_status 201
    assert_file_eq "$ROOT/a/b/c" "$NEW"
    assert_eq "$(stat -c %a "$ROOT/a" "$ROOT/a/b")" $'755\n755' "the modes"
    put a/b/c "$OLD"
    assert_status 204
}

@test "a directory that is made is on disk before the answer, each in the one that holds it" {
    start_traced --make-directories
    steps_of request MKCOL /dir/new
    assert_eq "$STEPS" "mkdir fsync-dir=dir 201"
    steps_of put dir/a/b/c "$NEW"
    assert_eq "$STEPS" "mkdir fsync-dir=dir mkdir fsync-dir=dir/a write fsync-file name fsync-dir=dir/a/b 201"
    kill_server
    start_traced --make-directories --sync=none
    steps_of request MKCOL /dir/newer
    assert_eq "$STEPS" "mkdir 201" "with --sync=none"
}

@test "several who need the same directories at once all get them" {
    local i
    needs_strace
    look_inside
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$TRACE" -e trace=mkdirat
        -e inject=mkdirat:delay_enter=500000)
    start_http --make-directories
    for i in 1 2 3; do
        begin "$i" "x/y/$i" "$OLD"
    done
    for i in 1 2 3; do
        finish "$i"
        assert_status 201
        assert_file_eq "$ROOT/x/y/$i" "$OLD"
    done
}

# ---- by the other door ----

# lab_put NAME: hello, under this name
lab_put() {
    "$WIRE" "$PORT" expect READY send "PUT $1\n" expect OK size 5 expect OK send hello expect DONE eof
}

# lab_refuses NAME: and nothing changes
lab_refuses() {
    local before
    before=$(tree_sum "$ROOT")
    "$WIRE" "$PORT" expect READY send "PUT $1\n" expect "ERROR: unable to create file $1" eof
    nothing_changed "$before"
}

@test "the other door makes them, too, under the root alone and for names that can be taken" {
    ln -s .. "$ROOT/up"
    ln -s nothing "$ROOT/dangling"
    umask 027
    start_http
    lab_refuses a/b/f
    kill_server
    start_http --make-directories
    for name in a/ a/b/ a/. ../a/f a/../f /a/f a/.ferry-tmp.0/f a/.ferry-tmp.0 file/a/f up/a/f \
        dangling/f "a/$(printf %0300d 0)/f" "a/$(printf %0300d 0)"; do
        lab_refuses "$name"
    done
    lab_put a/b/f
    lab_put ./a//c/d/f
    assert_eq "$(cat "$ROOT/a/b/f" "$ROOT/a/c/d/f")" hellohello
    assert_eq "$(stat -c %a "$ROOT/a" "$ROOT/a/c/d")" $'750\n750' "the modes"
}

# lab_put_in_two NAME REST: the same of NAMEREST, of which REST comes a moment later, as a packet of its
# own
lab_put_in_two() {
    "$WIRE" "$PORT" expect READY send "PUT $1" pause 5 send "$2\n" expect OK size 5 expect OK send hello \
        expect DONE eof
}

@test "a request without an end makes no directory before it is sure to be whole" {
    local i
    start_http --make-directories
    "$WIRE" "$PORT" expect READY send 'PUT no/end/f' expect OK size 5 expect OK send hello expect DONE eof
    assert_eq "$(<"$ROOT/no/end/f")" hello
    # A machine that is busy may make more than a moment of it, but not again and again.
    for i in 1 2 3 4; do
        ! lab_put_in_two "in$i/two/na" me/f || break
    done
    assert_eq "$(cd "$ROOT" && find "in$i" | sort | xargs)" "in$i in$i/two in$i/two/name in$i/two/name/f" "the tree"
}

@test "a default ACL takes the umask's place for directories, too" {
    command -v setfacl >/dev/null || skip "setfacl is not here"
    setfacl -d -m u::rwx,g::rwx,o::--- "$ROOT" 2>/dev/null || skip "no ACLs here"
    umask 077
    start_http --make-directories
    lab_put a/b/f
    request MKCOL /a/c
    assert_status 201
    assert_eq "$(stat -c %a "$ROOT/a" "$ROOT/a/b" "$ROOT/a/c")" $'770\n770\n770' "the modes"
}
