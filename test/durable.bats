#!/usr/bin/env bats
# Guarantee 1: DONE means durable. The bytes are in the file, the file is fsynced, it has its name
# and the directory is fsynced, in that order, before DONE is said. strace tells the order.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib
load steps

WAIT_SECONDS=60 # a disk that other tests fill can be slow to let go of a file

setup() {
    needs_strace
    look_inside
    mkdir -p "$ROOT/dir"
    OLD=$BATS_TEST_TMPDIR/old
    NEW=$BATS_TEST_TMPDIR/new
    random_file "$OLD" 100000
    random_file "$NEW" 3000000 # large enough for every way that bytes may take to the file
    cp "$OLD" "$ROOT/file"
    cp "$OLD" "$ROOT/dir/file"
    BEFORE=$(tree_sum "$ROOT")
    TRACES=$BATS_TEST_TMPDIR/traces
    mkdir "$TRACES"
}

# start_traced [STRACE-OPTION...] [-- SERVER-OPTION...]
start_traced() {
    local options=()
    while (($# > 0)) && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift $(($# > 0 ? 1 : 0))
    rm -f "$TRACES"/*
    trace_steps "$TRACES/of" "${options[@]}"
    start_server "$@"
}

# assert_steps STEP...: what the one worker that has said DONE or ERROR did, in the words of
# steps_in, in order
assert_steps() {
    local said='sendto\(.*"(DONE|ERROR)' log
    # strace has written down what a process did before it lets it go on, or end.
    wait_until "$WAIT_SECONDS" workers_are 0
    log=$(grep -lE "$said" -r "$TRACES") || fail "no worker said DONE or ERROR" || return
    assert_eq "$(steps_in "$log")" "$*" "the worker's steps" || fail "$(<"$log")"
}

# put NAME STEP...: PUT of NEW up to its last byte; then these steps
put() {
    local name=$1
    shift
    "$WIRE" "$PORT" timeout 60000 expect READY send "PUT $name\n" expect OK \
        size "$(stat -c %s "$NEW")" expect OK sendfile "$NEW" "$@"
}

del() {
    local name=$1
    shift
    "$WIRE" "$PORT" timeout 60000 expect READY send "DEL $name\n" "$@"
}

# ---- the order ----

@test "a new file: its bytes, fsync, its name, fsync of the directory, DONE" {
    start_traced
    put new expect DONE eof
    assert_steps write fsync-file name fsync-dir=. DONE
    assert_file_eq "$ROOT/new" "$NEW"
}

@test "a replaced file: its bytes, fsync, a rename over the old one, fsync of the directory, DONE" {
    start_traced
    put file expect DONE eof
    assert_steps write fsync-file name rename fsync-dir=. DONE
    assert_file_eq "$ROOT/file" "$NEW"
}

@test "the directory that is fsynced is the one that holds the file" {
    start_traced
    put dir/new expect DONE eof
    assert_steps write fsync-file name fsync-dir=dir DONE
    start_traced
    put dir/file expect DONE eof
    assert_steps write fsync-file name rename fsync-dir=dir DONE
}

@test "a file of no bytes is fsynced all the same, and so is one of zeros that are not written" {
    start_traced
    "$WIRE" "$PORT" expect READY send 'PUT empty\n' expect OK size 0 expect OKDONE eof
    assert_steps fsync-file name fsync-dir=. DONE
    start_traced
    "$WIRE" "$PORT" expect READY send 'PUT zeros\n' expect OK size 3000000 expect OK \
        zeros 3000000 expect DONE eof
    assert_steps fsync-file name fsync-dir=. DONE
}

@test "a deleted file: unlink, fsync of its directory, DONE" {
    start_traced
    del file expect DONE eof
    assert_steps unlink fsync-dir=. DONE
    refute test -e "$ROOT/file"
    start_traced
    del dir/file expect DONE eof
    assert_steps unlink fsync-dir=dir DONE
    refute test -e "$ROOT/dir/file"
}

@test "a client that leaves after its last byte gets no less" {
    start_traced
    put file close
    assert_steps write fsync-file name rename fsync-dir=. DONE
}

@test "DONE waits for the disk, however long that takes" {
    start_traced -e inject=fsync:delay_exit=700000:when=2
    put file quiet 500 expect DONE eof
    start_traced -e inject=fsync:delay_exit=700000:when=1
    put file quiet 500 expect DONE eof
    del file quiet 500 expect DONE eof
}

# ---- what fails ----

@test "an fsync of the file that fails is an ERROR and tried once, and the old file stays" {
    local name
    for name in file new dir/file dir/new; do
        start_traced -e inject=fsync:error=EIO:when=1
        put "$name" expect "ERROR: unable to create file $name" eof
        assert_steps write fsync-file! ERROR
        assert_eq "$(tree_sum "$ROOT")" "$BEFORE" "the tree after PUT $name"
    done
}

@test "an fsync of the directory that fails is an ERROR, and tried once" {
    start_traced -e inject=fsync:error=EIO:when=2
    put new expect 'ERROR: unable to create file new' eof
    assert_steps write fsync-file name fsync-dir=.! ERROR
    start_traced -e inject=fsync:error=EIO:when=2
    put file expect 'ERROR: unable to create file file' eof
    assert_steps write fsync-file name rename fsync-dir=.! ERROR
    start_traced -e inject=fsync:error=EIO:when=1
    del file expect 'ERROR: unable to delete file' eof
    assert_steps unlink fsync-dir=.! ERROR
}

@test "a name that cannot be taken is an ERROR, and nothing is left over" {
    start_traced -e inject=linkat:error=EIO
    put new expect 'ERROR: unable to create file new' eof
    assert_steps write fsync-file name! ERROR
    assert_eq "$(tree_sum "$ROOT")" "$BEFORE" "the tree"
    start_traced -e inject='?renameat,?renameat2:error=EIO'
    put file expect 'ERROR: unable to create file file' eof
    assert_steps write fsync-file name rename! unlink ERROR
    assert_eq "$(tree_sum "$ROOT")" "$BEFORE" "the tree"
}

@test "with --no-overwrite, a name that was taken meanwhile is an ERROR, and no other name is made" {
    start_traced -- --no-overwrite
    mkfifo "$BATS_TEST_TMPDIR/go"
    "$WIRE" "$PORT" timeout 60000 expect READY send 'PUT new\n' expect OK size 5 expect OK say ready wait \
        send hello expect 'ERROR: unable to create file new' eof \
        <>"$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/says" 2>&1 3>&- 4>&- &
    track "$!"
    wait_for_line "$BATS_TEST_TMPDIR/says" '^ready$'
    echo mine >"$ROOT/new"
    echo 1<>"$BATS_TEST_TMPDIR/go"
    wait "$!" || fail "$(<"$BATS_TEST_TMPDIR/says")"
    assert_steps write fsync-file ERROR
    assert_eq "$(<"$ROOT/new")" mine "the file"
}

@test "a worker that dies before the last fsync has returned has not said DONE" {
    local when
    processes_only
    EXPECT_CRASH=yes
    for when in 1 2; do
        start_traced -e inject="fsync:signal=KILL:when=$when"
        run put file expect DONE
        [ "$status" -eq 1 ]
        assert_contains "$output" 'expected "DONE"'
        refute grep -qE '"DONE"' -r "$TRACES"
        kill_server
    done
}

# ---- given up ----

@test "--sync=none fsyncs nothing, and says at the start what that means" {
    start_traced -- --sync=none
    assert_contains "$(<"$SERVER_ERR")" "a power cut may lose files"
    put new expect DONE eof
    assert_steps write name DONE
    assert_file_eq "$ROOT/new" "$NEW"
    start_traced -- --sync=none
    put file expect DONE eof
    assert_steps write name rename DONE
    assert_file_eq "$ROOT/file" "$NEW"
    start_traced -- --sync=none
    del file expect DONE eof
    assert_steps unlink DONE
    refute grep -qE '^[a-z_]*sync' -r "$TRACES"
}

@test "--sync=full is the default" {
    start_traced -- --sync=full
    assert_eq "$(<"$SERVER_ERR")" "" "standard error"
    put new expect DONE eof
    assert_steps write fsync-file name fsync-dir=. DONE
}
