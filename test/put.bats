#!/usr/bin/env bats
# PUT stores the bytes it was sent, all of them and nothing else, under their name by the time it
# says DONE. What cannot be stored is refused with one text and leaves everything as it was.

load lib

setup() {
    mkdir -p "$ROOT"
}

wire() {
    "$WIRE" "$PORT" "$@"
}

# name_of BYTES: a name of so many
name_of() {
    printf "%$1s" '' | tr ' ' n
}

# put FILE NAME...: FILE's content is under each name afterwards
put() {
    local file=$1 name
    shift
    for name in "$@"; do
        wire_put "$file" "$name" || fail "PUT $name"
        assert_file_eq "$ROOT/$name" "$file"
    done
}

# refused NAME...: each, and nothing under the root changes
refused() {
    local before name
    before=$(tree_sum "$ROOT")
    for name in "$@"; do
        wire expect READY send "PUT $name\n" expect "ERROR: unable to create file $name" eof
        assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after PUT $name"
    done
}

# refused_size NAME SIZE...: the same, for each size
refused_size() {
    local name=$1 before size
    shift
    before=$(tree_sum "$ROOT")
    for size in "$@"; do
        wire expect READY send "PUT $name\n" expect OK size "$size" \
            expect "ERROR: unable to create file $name" eof
        assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after $size bytes"
    done
}

@test "PUT takes turns: READY, OK for the name, OK for the size, DONE for the bytes" {
    start_server
    wire expect READY send 'PUT f\n' expect OK quiet 100 size 5 expect OK quiet 100 \
        send hell quiet 100 send o expect DONE eof
    assert_eq "$(<"$ROOT/f")" hello
}

@test "an empty file, a byte, a page and more than a chunk are stored as they are" {
    start_server
    for bytes in 0 1 1024 1048577; do
        random_file "$BATS_TEST_TMPDIR/f$bytes" "$bytes"
        put "$BATS_TEST_TMPDIR/f$bytes" "f$bytes"
    done
}

@test "zeros are stored like other bytes, wherever they are" {
    cd "$BATS_TEST_TMPDIR"
    head -c 1000000 /dev/zero >zeros
    printf x | cat zeros - >leading
    printf x | cat - zeros >trailing
    cat leading trailing >around
    start_server
    for file in zeros leading trailing around; do
        put "$file" "$file"
    done
}

@test "names with spaces, UTF-8, punctuation or 255 bytes name files" {
    start_server
    for name in 'two words' ' leading' 'trailing ' -dash .hidden 'a\b' "quote'\"" "\$HOME *?[x]" ... \
        'grüße' 日本語 '😀' $'\xff\xfe' $'tab\there' $'\e[1m' "$(name_of 255)" PUT DONE; do
        printf 'content of %s' "$name" >"$BATS_TEST_TMPDIR/file"
        put "$BATS_TEST_TMPDIR/file" "$name"
    done
}

@test "names lead through directories, and through links that stay inside" {
    mkdir -p "$ROOT/sub/deeper" "$ROOT/a/b/c/d/e/f/g/h"
    printf old >"$ROOT/target"
    ln -s sub "$ROOT/dirlink"
    ln -s target "$ROOT/link"
    printf hello >"$BATS_TEST_TMPDIR/file"
    start_server
    put "$BATS_TEST_TMPDIR/file" sub/f sub/deeper/f a/b/c/d/e/f/g/h/f ./sub/g sub//h \
        sub/./deeper/./i dirlink/j link
}

@test "the file is there, and nothing else, when DONE comes" {
    local rounds=()
    for i in 0 1 2 3 4 5 6 7 8 9; do
        # At once, in the same process, as nothing else is as quick to look.
        rounds+=(expect READY send "PUT f$i\n" expect OK size 5 expect OK send hello expect DONE
            reconnect expect READY send "GET f$i\nREADYOK" expect OK expect-size 5 expect helloDONE
            reconnect)
    done
    start_server
    wire "${rounds[@]}" close
    assert_eq "$(ls -A "$ROOT")" "$(printf '%s\n' f{0..9})" "the files"
}

@test "PUT replaces a file, whatever the lengths" {
    random_file "$BATS_TEST_TMPDIR/new" 1000
    start_server
    for bytes in 0 999 1000 100000; do
        random_file "$ROOT/f" "$bytes"
        put "$BATS_TEST_TMPDIR/new" f
    done
    assert_eq "$(ls -A "$ROOT")" f "what is under the root"
}

@test "a file that is replaced keeps its permissions" {
    printf new >"$BATS_TEST_TMPDIR/new"
    start_server
    for mode in 600 640 755 444 777; do
        printf old >"$ROOT/f"
        chmod "$mode" "$ROOT/f"
        wire_put "$BATS_TEST_TMPDIR/new" f
        assert_eq "$(stat -c %a "$ROOT/f")" "$mode" "the mode"
        rm -f "$ROOT/f"
    done
}

@test "a file that nobody may open stays so when it is replaced" {
    printf new >"$BATS_TEST_TMPDIR/new"
    printf old >"$ROOT/f"
    chmod 000 "$ROOT/f"
    start_server
    wire_put "$BATS_TEST_TMPDIR/new" f
    assert_eq "$(stat -c %a "$ROOT/f")" 0 "the mode"
}

@test "a new file's permissions are the server's umask" {
    printf new >"$BATS_TEST_TMPDIR/new"
    umask 027
    start_server
    put "$BATS_TEST_TMPDIR/new" f
    assert_eq "$(stat -c %a "$ROOT/f")" 640 "the mode"
}

@test "a file has its mode from its creation on: none is ever changed, whatever the umask" {
    local mode
    needs_strace
    printf new >"$BATS_TEST_TMPDIR/new"
    umask 077
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace"
        -e "trace=openat,/^f?chmod")
    start_server
    for mode in 664 200 777; do
        printf old >"$ROOT/$mode"
        chmod "$mode" "$ROOT/$mode"
        wire_put "$BATS_TEST_TMPDIR/new" "$mode"
        assert_eq "$(stat -c %a "$ROOT/$mode")" "$mode" "the mode"
    done
    wire_put "$BATS_TEST_TMPDIR/new" f
    assert_eq "$(stat -c %a "$ROOT/f")" 600 "the mode"
    whole_calls "$BATS_TEST_TMPDIR/trace" | grep 'O_TMPFILE.* 0664) ='
    assert_eq "$(grep -c chmod "$BATS_TEST_TMPDIR/trace")" 0 "modes changed"
}

@test "a default ACL takes the umask's place" {
    command -v setfacl >/dev/null || skip "setfacl is not here"
    mkdir -p "$ROOT/dir"
    setfacl -d -m u::rw,g::rw,o::- "$ROOT/dir" 2>/dev/null || skip "no ACLs here"
    printf new >"$BATS_TEST_TMPDIR/new"
    umask 077
    start_server
    wire_put "$BATS_TEST_TMPDIR/new" dir/f
    assert_eq "$(stat -c %a "$ROOT/dir/f")" 660 "the mode"
}

@test "the ledger and the board are created with what the umask leaves, also when reopened" {
    local ledger=$BATS_TEST_TMPDIR/ledger board=$BATS_TEST_TMPDIR/board
    umask 026
    start_server --ledger "$ledger" --board "$board"
    assert_eq "$(stat -c %a "$ledger" "$board")" $'640\n640' "the modes"
    mv "$ledger" "$ledger.old"
    kill -HUP "$SERVER_PID"
    wait_until "$WAIT_SECONDS" test -e "$ledger"
    assert_eq "$(stat -c %a "$ledger")" 640 "the mode"
}

@test "what follows the announced bytes is no part of the file" {
    start_server
    wire expect READY send 'PUT f\n' expect OK size 5 expect OK send 'hello and more' \
        expect DONE zeros 100000 eof
    assert_eq "$(<"$ROOT/f")" hello
}

@test "what cannot be a regular file is refused, and nothing changes" {
    mkdir -p "$ROOT/dir/full"
    printf hello >"$ROOT/f"
    mkfifo "$ROOT/fifo"
    ln -s loop "$ROOT/loop"
    ln -s dir "$ROOT/dirlink"
    start_server
    refused dir dir/ dir/. dir/full new/ new/. f/ f/. f/x fifo . ./ loop dirlink dirlink/
}

@test "a directory that is not there is refused, and not made" {
    ln -s nowhere "$ROOT/dangling"
    start_server
    refused missing/f missing/deeper/f ./missing/f dangling/f
}

@test "a name longer than a name can be is refused" {
    mkdir "$ROOT/dir"
    start_server
    refused "$(name_of 256)" "dir/$(name_of 256)" "$(name_of 1020)"
}

@test "a name that leaves the root is refused, and nothing appears outside" {
    printf secret >"$BATS_TEST_TMPDIR/outside"
    mkdir "$ROOT/dir" "$BATS_TEST_TMPDIR/elsewhere"
    ln -s ../outside "$ROOT/out"
    ln -s ../unborn "$ROOT/dangling"
    ln -s ../elsewhere "$ROOT/away"
    ln -s "$ROOT/dir" "$ROOT/absolute"
    start_server
    for name in ../outside ../new dir/../../new dir/../f .. ../ ../root/f "$ROOT/f" \
        "$BATS_TEST_TMPDIR/new" out dangling away/f absolute/f; do
        refused "$name"
        assert_eq "$(<"$BATS_TEST_TMPDIR/outside")" secret "the file outside"
        assert_eq "$(ls -A "$BATS_TEST_TMPDIR/elsewhere")" "" "the directory outside"
    done
    [ ! -e "$BATS_TEST_TMPDIR/new" ] && [ ! -e "$BATS_TEST_TMPDIR/unborn" ]
}

@test "an upload's temporary name is refused" {
    mkdir "$ROOT/dir"
    start_server
    refused .ferry-tmp.0 .ferry-tmp. dir/.ferry-tmp.12 ./.ferry-tmp.3 .ferry-tmp.4/f
}

@test "a directory where the server may not write is refused, its files too" {
    mkdir "$ROOT/closed" "$ROOT/open"
    printf old >"$ROOT/closed/f"
    chmod 666 "$ROOT/closed/f"
    chmod 555 "$ROOT/closed"
    chmod 777 "$ROOT/open"
    make_readable "$ROOT"
    printf new >"$BATS_TEST_TMPDIR/new"
    # shellcheck disable=SC2034  # read by start_server
    SERVER_PREFIX=(unprivileged)
    start_server
    refused closed/new closed/f
    put "$BATS_TEST_TMPDIR/new" open/f
}

@test "a size that no disk has room for is refused before the bytes are sent" {
    printf old >"$ROOT/old"
    start_server
    refused_size new 9007199254740992 72057594037927935
    refused_size old 9007199254740992 72057594037927935
}

@test "a file larger than the server may write is refused before the bytes are sent" {
    printf old >"$ROOT/old"
    ulimit -f 1024
    start_server
    refused_size new 2000000
    refused_size old 2000000
    wire expect READY send 'PUT new\n' expect OK size 1000 expect OK zeros 1000 expect DONE eof
}

@test "PUT, GET and DEL take little of a stack: 64 KiB are enough for the server and its workers" {
    # shellcheck disable=SC2034 # lib.bash reads it
    SERVER_PREFIX=(bash -c 'ulimit -s 64 && exec "$@"' small-stack)
    [ -z "$SANITIZED" ] || skip "a sanitizer takes more"
    start_server -v --ledger "$BATS_TEST_TMPDIR/ledger"
    random_file "$BATS_TEST_TMPDIR/small" 300000
    random_file "$BATS_TEST_TMPDIR/large" 3000000
    wire_put "$BATS_TEST_TMPDIR/small" small
    wire_put "$BATS_TEST_TMPDIR/large" large
    wire_get large "$BATS_TEST_TMPDIR/got"
    assert_file_eq "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/large"
    wire_get small "$BATS_TEST_TMPDIR/got"
    assert_file_eq "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/small"
    "$WIRE" "$PORT" expect READY send 'DEL small\n' expect DONE eof
    is_alive "$SERVER_PID"
    stop_server
}
