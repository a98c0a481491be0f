#!/usr/bin/env bats
# A full disk, or a file too large for it, is an ERROR: before the bytes are sent wherever that can
# be known, and always with the old file as it was, nothing left over, and the server going on.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

WAIT_SECONDS=60 # a disk that other tests fill can be slow to let go of a file

setup() {
    mkdir -p "$ROOT"
    NEW=$BATS_TEST_TMPDIR/new
    LARGE=$BATS_TEST_TMPDIR/large
    random_file "$NEW" 300000
    random_file "$LARGE" 3000000 # whose bytes take another way
    random_file "$BATS_TEST_TMPDIR/old" 100000
    cp "$BATS_TEST_TMPDIR/old" "$ROOT/old"
    BEFORE=$(tree_sum "$ROOT")
}

# traced OPTION...: the next server runs under strace
traced() {
    needs_strace
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" "$@")
}

# put NAME SIZE STEP...: an upload's words up to its size; then these steps
put() {
    local name=$1 size=$2
    shift 2
    "$WIRE" "$PORT" expect READY send "PUT $name\n" expect OK size "$size" "$@"
}

# refused_before_bytes SIZE: a new file and one that would replace another
refused_before_bytes() {
    local name
    for name in fresh old; do
        put "$name" "$1" expect "ERROR: unable to create file $name" eof
    done
    nothing_changed
}

# refused_after_bytes FILE: the same, and the ERROR reaches a client that has sent it all
refused_after_bytes() {
    local name
    for name in fresh old; do
        put "$name" "$(stat -c %s "$1")" expect OK sendfile "$1" \
            expect "ERROR: unable to create file $name" eof
    done
    nothing_changed
}

nothing_changed() {
    assert_eq "$(tree_sum "$ROOT")" "$BEFORE" "the tree" || fail "$(ls -lA "$ROOT")"
}

# ---- limits ----

@test "a file larger than RLIMIT_FSIZE is refused before its bytes are sent, and ends no worker" {
    ulimit -f 200 # KiB
    start_server
    refused_before_bytes 204801
    refused_before_bytes 4294967297
    head -c 204800 "$NEW" >"$BATS_TEST_TMPDIR/fits"
    wire_put "$BATS_TEST_TMPDIR/fits" old
    assert_file_eq "$ROOT/old" "$BATS_TEST_TMPDIR/fits"
}

@test "the same where the filesystem cannot set blocks aside" {
    ulimit -f 200
    traced -e trace=fallocate -e inject=fallocate:error=EOPNOTSUPP
    start_server
    refused_before_bytes 204801
    put old 1000 expect OK zeros 1000 expect DONE eof
}

@test "ferry passes the server's refusal on, and sends nothing" {
    ulimit -f 200
    start_server -v
    run "$FERRY" 127.0.0.1 "$PORT" PUT "$NEW"
    [ "$status" -eq 1 ]
    assert_eq "$output" "server error: unable to create file new"
    refute grep -q 'server receiving [0-9]' "$SERVER_OUT"
    nothing_changed
}

# ---- errors of the filesystem ----

@test "whatever fails when space is set aside is refused before the bytes are sent" {
    local error ledger=$BATS_TEST_TMPDIR/ledger
    for error in ENOSPC EDQUOT EFBIG EIO; do
        traced -e trace=fallocate -e inject="fallocate:error=$error"
        start_server -v --ledger "$ledger"
        refused_before_bytes 300000
        # The client is told that, and those at home, why.
        wait_for_line "$SERVER_OUT" "^server done with client at .*: refused, .* \\($error\\)\$" 2
        wait_for_line "$ledger" "\"error\":\"unable to create file [a-z]+\",\"reason\":\"$error\"" 2
        kill_server
        rm "$ledger"
    done
}

@test "a file of no bytes needs no space" {
    traced -e trace=fallocate -e inject=fallocate:error=ENOSPC
    start_server
    put empty 0 expect OKDONE eof
    [ -f "$ROOT/empty" ] && [ ! -s "$ROOT/empty" ]
}

@test "a write that fails is an ERROR that the client hears after its last byte" {
    local error
    for error in ENOSPC EIO; do
        traced -e trace=pwrite64 -e inject="pwrite64:error=$error:when=1"
        start_server
        refused_after_bytes "$NEW"
        refused_after_bytes "$LARGE"
        kill_server
        # Every second splice is from the pipe to the file.
        traced -e trace=splice -e inject="splice:error=$error:when=2+2"
        start_server
        refused_after_bytes "$LARGE"
        kill_server
    done
}

@test "ferry hears it, too, in the middle of a long upload" {
    truncate -s 200M "$BATS_TEST_TMPDIR/long"
    printf x | dd of="$BATS_TEST_TMPDIR/long" conv=notrunc status=none
    traced -e trace=pwrite64 -e inject=pwrite64:error=ENOSPC:when=1
    start_server
    run "$FERRY" 127.0.0.1 "$PORT" PUT "$BATS_TEST_TMPDIR/long"
    [ "$status" -eq 1 ]
    assert_contains "$output" "server error: unable to create file long"
    wait_until "$WAIT_SECONDS" workers_are 0
    nothing_changed
}

@test "a write that a signal interrupts is taken up again" {
    traced -e trace=pwrite64,splice -e inject=pwrite64,splice:error=EINTR:when=1+3
    start_server
    wire_put "$NEW" old
    assert_file_eq "$ROOT/old" "$NEW"
    wire_put "$LARGE" old
    assert_file_eq "$ROOT/old" "$LARGE"
}

@test "a directory with no room for another name is an ERROR, and nothing is left over" {
    traced -e trace=linkat -e inject=linkat:error=ENOSPC
    start_server
    refused_after_bytes "$NEW"
    kill_server
    traced -e trace='?renameat,?renameat2' -e inject='?renameat,?renameat2:error=ENOSPC'
    start_server
    put old 300000 expect OK sendfile "$NEW" expect 'ERROR: unable to create file old' eof
    nothing_changed
}

# ---- a disk that is full ----

# on_small_disk OPTIONS: the next server's root is a tmpfs with these mount options, for it alone
on_small_disk() {
    local flag
    # shellcheck disable=SC2016  # for that shell
    local mount='mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
    for flag in -m -rm; do
        unshare "$flag" sh -c "$mount" sh "$1" "$ROOT" true 2>/dev/null || continue
        SERVER_PREFIX=(unshare "$flag" sh -c "$mount" sh "$1" "$ROOT")
        return 0
    done
    skip "no filesystem can be mounted here"
}

# What is in the root that only the server sees.
disk_holds() {
    assert_eq "$(ls -A "/proc/$SERVER_PID/root$ROOT")" "$1" "what is on the disk"
}

@test "on a full disk an upload is refused before its bytes are sent, and what is there stays" {
    local got=$BATS_TEST_TMPDIR/got
    on_small_disk size=1m
    start_server
    random_file "$BATS_TEST_TMPDIR/keep" 614400
    wire_put "$BATS_TEST_TMPDIR/keep" keep
    put fresh 614400 expect 'ERROR: unable to create file fresh' eof
    put keep 614400 expect 'ERROR: unable to create file keep' eof # the old one stays until then
    put keep 4398046511104 expect 'ERROR: unable to create file keep' eof
    disk_holds keep
    wire_get keep "$got"
    assert_file_eq "$got" "$BATS_TEST_TMPDIR/keep"
    wire_put "$NEW" fits
    disk_holds $'fits\nkeep'
    "$WIRE" "$PORT" expect READY send 'DEL keep\n' expect DONE eof
    wire_put "$BATS_TEST_TMPDIR/keep" fresh
    disk_holds $'fits\nfresh'
}

@test "uploads that left or failed gave their space back" {
    local i
    on_small_disk size=1m
    start_server
    for i in 1 2 3 4; do
        put fresh 614400 expect OK zeros 300000 close
        wait_until "$WAIT_SECONDS" workers_are 0
        put fresh 4398046511104 expect 'ERROR: unable to create file fresh' eof
    done
    disk_holds ""
    put fresh 1000000 expect OK zeros 1000000 expect DONE eof
    disk_holds fresh
}

@test "a disk without another inode refuses the name, and goes on once there is one" {
    local name
    on_small_disk nr_inodes=4 # the root's own is one
    start_server
    for name in a b c; do
        wire_put "$NEW" "$name"
    done
    for name in d a; do
        "$WIRE" "$PORT" expect READY send "PUT $name\n" \
            expect "ERROR: unable to create file $name" eof
    done
    wire_get a "$BATS_TEST_TMPDIR/got"
    "$WIRE" "$PORT" expect READY send 'DEL b\n' expect DONE eof
    wire_put "$BATS_TEST_TMPDIR/old" a
    wire_put "$NEW" d
    disk_holds $'a\nc\nd'
}
