#!/usr/bin/env bats
# GET sends a file's bytes, all of them and nothing else, in the client's turns, and then DONE.
# What cannot be sent is refused with one text, and a file that changes is never passed off as whole.

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

# get NAME...: each comes as it is under ROOT
get() {
    local name got=$BATS_TEST_TMPDIR/got
    for name in "$@"; do
        rm -f "$got"
        wire_get "$name" "$got" || fail "GET $name"
        assert_file_eq "$got" "$ROOT/$name"
    done
}

# refused NAME...
refused() {
    local name
    for name in "$@"; do
        wire expect READY send "GET $name\n" expect "ERROR: $name does not exist" eof
    done
}

# begin STEP...: a client in the background, among whose steps are `say paused wait`
begin() {
    mkfifo "$BATS_TEST_TMPDIR/go"
    "$WIRE" "$PORT" "$@" <>"$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/says" 2>&1 3>&- &
    client=$!
    track "$client"
    wait_for_line "$BATS_TEST_TMPDIR/says" '^paused$'
}

# Lets that client go on to its end; sets $status and $said.
finish() {
    echo 1<>"$BATS_TEST_TMPDIR/go"
    status=0
    wait "$client" || status=$?
    said=$(<"$BATS_TEST_TMPDIR/says")
}

@test "GET takes turns: READY, OK, the size, then the bytes and DONE" {
    printf hello >"$ROOT/f"
    start_server
    wire expect READY send 'GET f\n' expect OK quiet 100 send READY expect-size 5 quiet 100 \
        send OK expect helloDONE eof
}

@test "an empty file, a byte, a page and more than a chunk come as they are" {
    start_server
    for bytes in 0 1 1024 1048577; do
        random_file "$ROOT/f$bytes" "$bytes"
        get "f$bytes"
    done
}

@test "a size of more than 32 bits is announced in full" {
    truncate -s 5368709121 "$ROOT/huge"
    start_server
    wire expect READY send 'GET huge\n' expect OK send READY expect-size 5368709121 close
}

@test "names with spaces, UTF-8, punctuation or 255 bytes name files" {
    start_server
    for name in 'two words' ' leading' 'trailing ' -dash .hidden 'a\b' "quote'\"" "\$HOME *?[x]" ... \
        'grüße' 日本語 '😀' $'\xff\xfe' $'tab\there' $'\e[1m' "$(name_of 255)" GET READY; do
        printf 'content of %s' "$name" >"$ROOT/$name"
        get "$name"
    done
}

@test "names lead through directories, and through links that stay inside" {
    mkdir -p "$ROOT/sub/deeper" "$ROOT/a/b/c/d/e/f/g/h"
    for name in sub/f sub/deeper/f a/b/c/d/e/f/g/h/f; do
        printf 'content of %s' "$name" >"$ROOT/$name"
    done
    ln -s sub/f "$ROOT/link"
    ln -s ../sub "$ROOT/a/dirlink"
    start_server
    get sub/f sub/deeper/f a/b/c/d/e/f/g/h/f ./sub/f sub//f sub/./deeper/./f link a/dirlink/f
}

@test "what is not a regular file does not exist, and is not touched" {
    local kinds=()
    mkdir "$ROOT/dir"
    printf hello >"$ROOT/f"
    mkfifo "$ROOT/fifo"
    ln -s nowhere "$ROOT/dangling"
    ln -s loop "$ROOT/loop"
    ln -s dir "$ROOT/dirlink"
    # An ordinary user cannot make one.
    ! mknod "$ROOT/device" c 1 3 2>/dev/null || kinds+=(device)
    start_server
    before=$(tree_sum "$ROOT")
    refused missing missing/f dir dir/ dir/. dir/missing f/ f/. f/x fifo . ./ dangling loop \
        dirlink dirlink/ "${kinds[@]}"
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

@test "a name longer than a name can be does not exist" {
    start_server
    refused "$(name_of 256)" "dir/$(name_of 256)" "$(name_of 1020)" \
        "$(name_of 250)/$(name_of 250)/$(name_of 250)/$(name_of 250)"
}

@test "a name that leaves the root does not exist" {
    printf secret >"$BATS_TEST_TMPDIR/outside"
    mkdir "$ROOT/dir"
    printf hello >"$ROOT/f"
    ln -s ../outside "$ROOT/out"
    ln -s "$ROOT/f" "$ROOT/absolute"
    ln -s .. "$ROOT/up"
    start_server
    refused ../outside dir/../../outside dir/../f .. ../ ../root/f /etc/passwd "$ROOT/f" \
        "$BATS_TEST_TMPDIR/outside" out absolute up/outside
}

@test "an upload's temporary name cannot be read" {
    mkdir "$ROOT/dir"
    printf part | tee "$ROOT/.ferry-tmp.0" >"$ROOT/dir/.ferry-tmp.12"
    start_server
    refused .ferry-tmp.0 dir/.ferry-tmp.12 ./.ferry-tmp.0
}

@test "a file that the server may not read does not exist" {
    printf secret >"$ROOT/closed"
    printf hello >"$ROOT/open"
    make_readable "$ROOT"
    chmod 644 "$ROOT/open"
    chmod 200 "$ROOT/closed"
    # shellcheck disable=SC2034  # read by start_server
    SERVER_PREFIX=(unprivileged)
    start_server
    refused closed
    get open
}

@test "GET changes nothing under the root" {
    random_file "$ROOT/f" 100000
    start_server
    before=$(tree_sum "$ROOT")
    get f f
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

@test "a file that grows is sent as long as it was announced" {
    printf hello >"$ROOT/f"
    start_server
    begin expect READY send 'GET f\n' expect OK send READY expect-size 5 say paused wait \
        send OK expect helloDONE eof
    printf ' and more' >>"$ROOT/f"
    finish
    assert_eq "$status" 0 "$said"
}

@test "a file that shrinks before its first byte ends the session without DONE" {
    printf hello >"$ROOT/f"
    start_server
    begin expect READY send 'GET f\n' expect OK send READY expect-size 5 say paused wait \
        send OK eof
    truncate -s 0 "$ROOT/f"
    finish
    assert_eq "$status" 0 "$said"
}

@test "a file that shrinks while it is sent ends the session without DONE" {
    got=$BATS_TEST_TMPDIR/got
    truncate -s 512M "$ROOT/big"
    start_server
    begin expect READY send 'GET big\n' expect OK send READY learn-size send OK skip 1 \
        say paused wait save @ "$got"
    truncate -s 0 "$ROOT/big"
    finish
    assert_eq "$status" 1 "$said"
    assert_contains "$said" "end of file after"
    [ "$(tail -c 4 "$got" | tr -d '\0')" != DONE ] || fail "DONE was said"
}
