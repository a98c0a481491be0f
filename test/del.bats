#!/usr/bin/env bats
# DEL removes one file, and it is gone when DONE comes. What cannot be deleted is refused, with one
# text for what is not there and one for what is, and nothing else is touched.

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

# deleted NAME...: each, and nothing else
deleted() {
    local before name
    before=$(tree_sum "$ROOT")
    for name in "$@"; do
        printf hello >"$ROOT/$name"
        wire expect READY send "DEL ${name//\\/\\\\}\n" expect DONE eof
        [ ! -e "$ROOT/$name" ] || fail "$name is still there"
        assert_eq "$(tree_sum "$ROOT")" "$before" "the rest of the tree after DEL $name"
    done
}

# refused TEXT NAME...: each, with TEXT around the name (%s), and nothing changes
refused() {
    local text=$1 before name
    shift
    before=$(tree_sum "$ROOT")
    for name in "$@"; do
        wire expect READY send "DEL $name\n" expect "ERROR: ${text/\%s/$name}" eof
        assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after DEL $name"
    done
}

@test "the file is gone, and only that one, when DONE comes" {
    local rounds=()
    for i in 0 1 2 3 4 5 6 7 8 9; do
        printf hello | tee "$ROOT/f$i" >"$ROOT/g$i"
        # At once, in the same process, as nothing else is as quick to look.
        rounds+=(expect READY send "DEL f$i\n" expect DONE
            reconnect expect READY send "GET f$i\n" expect "ERROR: f$i does not exist" eof reconnect)
    done
    start_server
    wire "${rounds[@]}" close
    assert_eq "$(ls -A "$ROOT")" "$(printf '%s\n' g{0..9})" "the files"
}

@test "the size of a file makes no difference to DEL" {
    start_server
    for bytes in 0 1 1024 1048577; do
        random_file "$ROOT/f" "$bytes"
        wire expect READY send 'DEL f\n' expect DONE eof
        [ ! -e "$ROOT/f" ] || fail "$bytes bytes are still there"
    done
}

@test "names with spaces, UTF-8, punctuation or 255 bytes name files" {
    start_server
    deleted 'two words' ' leading' 'trailing ' -dash .hidden 'a\b' "quote'\"" "\$HOME" '*' ... \
        'grüße' 日本語 '😀' $'\xff\xfe' $'tab\there' $'\e[1m' "$(name_of 255)" DEL DONE
}

@test "names lead through directories, whose other files stay" {
    mkdir -p "$ROOT/sub/deeper" "$ROOT/a/b/c/d/e/f/g/h"
    printf sibling | tee "$ROOT/g" "$ROOT/sub/g" >"$ROOT/sub/deeper/g"
    ln -s sub "$ROOT/dirlink"
    start_server
    deleted f sub/f sub/deeper/f a/b/c/d/e/f/g/h/f ./sub/f sub//f sub/./deeper/./f dirlink/f
}

@test "DEL of a link removes the link, not what it leads to" {
    printf hello >"$ROOT/target"
    before=$(tree_sum "$ROOT")
    ln -s target "$ROOT/link"
    start_server
    wire expect READY send 'DEL link\n' expect DONE eof
    assert_eq "$(tree_sum "$ROOT")" "$before" "the rest of the tree"
}

@test "a file can be deleted once" {
    printf hello >"$ROOT/f"
    start_server
    wire expect READY send 'DEL f\n' expect DONE eof
    refused '%s does not exist' f
    wire expect READY send 'GET f\n' expect 'ERROR: f does not exist' eof
}

@test "what is not a regular file does not exist, and stays" {
    mkdir -p "$ROOT/empty" "$ROOT/dir/sub"
    printf hello | tee "$ROOT/f" >"$ROOT/dir/f"
    mkfifo "$ROOT/fifo"
    ln -s nowhere "$ROOT/dangling"
    ln -s loop "$ROOT/loop"
    ln -s empty "$ROOT/dirlink"
    start_server
    refused '%s does not exist' missing missing/f empty empty/ empty/. dir dir/ dir/sub \
        dir/missing f/ f/. f/x fifo . ./ dangling loop dirlink dirlink/
}

@test "a name longer than a name can be does not exist" {
    mkdir "$ROOT/dir"
    start_server
    refused '%s does not exist' "$(name_of 256)" "dir/$(name_of 256)" "$(name_of 1020)"
}

@test "a name that leaves the root does not exist, and what is outside stays" {
    printf secret >"$BATS_TEST_TMPDIR/outside"
    mkdir "$ROOT/dir" "$BATS_TEST_TMPDIR/elsewhere"
    printf secret >"$BATS_TEST_TMPDIR/elsewhere/f"
    printf hello >"$ROOT/f"
    ln -s ../outside "$ROOT/out"
    ln -s ../elsewhere "$ROOT/away"
    ln -s "$ROOT" "$ROOT/absolute"
    start_server
    before=$(tree_sum "$BATS_TEST_TMPDIR/elsewhere")
    refused '%s does not exist' ../outside dir/../../outside dir/../f .. ../ ../root/f "$ROOT/f" \
        "$BATS_TEST_TMPDIR/outside" out away/f absolute/f ../elsewhere/f
    assert_eq "$(tree_sum "$BATS_TEST_TMPDIR/elsewhere")" "$before" "the directory outside"
    assert_eq "$(<"$BATS_TEST_TMPDIR/outside")" secret "the file outside"
}

@test "an upload's temporary name cannot be deleted" {
    mkdir "$ROOT/dir"
    printf part | tee "$ROOT/.ferry-tmp.0" >"$ROOT/dir/.ferry-tmp.12"
    start_server
    refused '%s does not exist' .ferry-tmp.0 dir/.ferry-tmp.12 ./.ferry-tmp.0
}

@test "a file that is there but may not be deleted is refused in other words" {
    mkdir "$ROOT/closed" "$ROOT/open"
    printf hello | tee "$ROOT/open/f" >"$ROOT/closed/f"
    chmod 666 "$ROOT/closed/f"
    chmod 555 "$ROOT/closed"
    chmod 777 "$ROOT/open"
    make_readable "$ROOT"
    # shellcheck disable=SC2034  # read by start_server
    SERVER_PREFIX=(unprivileged)
    start_server
    refused 'unable to delete %s' closed/f
    refused '%s does not exist' closed/missing
    wire expect READY send 'DEL open/f\n' expect DONE eof
}

@test "a file that is deleted while it is sent arrives whole" {
    local go=$BATS_TEST_TMPDIR/go says=$BATS_TEST_TMPDIR/says
    printf hello >"$ROOT/f"
    start_server
    mkfifo "$go"
    "$WIRE" "$PORT" expect READY send 'GET f\n' expect OK send READY expect-size 5 say paused \
        wait send OK expect helloDONE eof <>"$go" >"$says" 2>&1 3>&- &
    reader=$!
    track "$reader"
    wait_for_line "$says" '^paused$'
    wire expect READY send 'DEL f\n' expect DONE eof
    echo 1<>"$go"
    wait "$reader" || fail "$(<"$says")"
}
