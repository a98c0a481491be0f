#!/usr/bin/env bats
# Where names that differ only by case are the same, as on vfat, uploads are as whole and as hidden
# as elsewhere. The filesystem is our own: test/probes/caseless.c.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

setup() {
    OLD=$BATS_TEST_TMPDIR/old
    NEW=$BATS_TEST_TMPDIR/new
    random_file "$OLD" 100000
    random_file "$NEW" 300000
    head -c 150000 "$NEW" >"$BATS_TEST_TMPDIR/head"
    tail -c 150000 "$NEW" >"$BATS_TEST_TMPDIR/tail"
    mount_caseless
}

# Mounts it on ROOT, where only what runs INSIDE sees it: the server, and what looks at its files.
mount_caseless() {
    local as=() user=() status=0 says=$BATS_TEST_TMPDIR/mount
    command -v unshare nsenter >/dev/null || skip "needs unshare and nsenter"
    if [ "$EUID" -ne 0 ]; then
        unshare -r true 2>/dev/null || skip "needs root, or user namespaces"
        as=(unshare -r)
    fi
    mkdir "$ROOT"
    "${as[@]}" "$BIN/test/caseless" "$ROOT" >"$says.out" 2>"$says.err" 3>&- 4>&- &
    MOUNT=$!
    track "$MOUNT"
    wait_until "$WAIT_SECONDS" _says_or_gone "$says.out" ready "$MOUNT"
    if ! grep -qx ready "$says.out"; then
        wait "$MOUNT" || status=$?
        [ "$status" -ne 3 ] || skip "$(<"$says.err")"
        fail "no filesystem: $(<"$says.err")"
    fi
    [ "$EUID" -eq 0 ] || user=("--user=/proc/$MOUNT/ns/user" --preserve-credentials)
    INSIDE=(nsenter "${user[@]}" "--mount=/proc/$MOUNT/ns/mnt")
    SERVER_PREFIX=("${INSIDE[@]}")
}

# names_are WANT: what is under the root
names_are() {
    assert_eq "$("${INSIDE[@]}" ls -A "$ROOT")" "$1" "what is under the root"
}

inode() {
    "${INSIDE[@]}" stat -c %i "$ROOT/$1"
}

# reads NAME FILE: that is what a GET of the name brings
reads() {
    rm -f "$BATS_TEST_TMPDIR/got"
    wire_get "$1" "$BATS_TEST_TMPDIR/got" || fail "GET $1"
    assert_file_eq "$BATS_TEST_TMPDIR/got" "$2"
}

# half_put ID NAME [refused]: an upload of NEW that pauses halfway, until `tell ID`
half_put() {
    local last=DONE
    [ -z "${3:-}" ] || last="ERROR: unable to create file $2"
    client "$1" timeout 60000 expect READY send "PUT $2\n" expect OK size 300000 expect OK \
        sendfile "$BATS_TEST_TMPDIR/head" say paused wait sendfile "$BATS_TEST_TMPDIR/tail" \
        expect "$last" eof
    says "$1" paused
}

@test "where case makes no difference, GET, PUT and DEL take a name in any case, and put one file there" {
    start_server
    wire_put "$OLD" File
    names_are File
    reads fILE "$OLD"
    wire_put "$NEW" FILE
    names_are File
    reads file "$NEW"
    "${INSIDE[@]}" mkdir "$ROOT/dir"
    wire_put "$OLD" DIR/new
    reads dir/NEW "$OLD"
    "$WIRE" "$PORT" expect READY send 'DEL fiLE\n' expect DONE eof
    names_are dir
}

@test "where case makes no difference, an upload under way is not to be had by its hidden name" {
    local name steps=()
    start_server
    half_put up file
    names_are .ferry-tmp.0
    assert_eq "$(inode .FERRY-TMP.0)" "$(inode .ferry-tmp.0)" "the file by its name in upper case"
    for name in .FERRY-TMP.0 .Ferry-Tmp.0 ./.ferry-tmP.0; do
        steps+=(expect READY send "GET $name\n" expect "ERROR: $name does not exist" eof reconnect
            expect READY send "PUT $name\n" expect "ERROR: unable to create file $name" eof reconnect
            expect READY send "DEL $name\n" expect "ERROR: $name does not exist" eof reconnect)
    done
    "$WIRE" "$PORT" "${steps[@]}"
    names_are .ferry-tmp.0
    tell up
    succeeds up
    names_are file
    reads FILE "$NEW"
}

@test "an upload under way is not to be had by a second name that the filesystem has for it" {
    local second
    start_server
    half_put up file
    second="~$(inode .ferry-tmp.0)"
    assert_eq "$(inode "$second")" "$(inode .ferry-tmp.0)" "the file by its second name"
    "$WIRE" "$PORT" expect READY send "GET $second\n" expect "ERROR: $second does not exist" eof
    tell up
    succeeds up
    reads "$second" "$NEW"
}

@test "nor can it be replaced or deleted by such a second name" {
    local second
    start_server
    half_put up file
    second="~$(inode .ferry-tmp.0)"
    "$WIRE" "$PORT" expect READY send "PUT $second\n" expect "ERROR: unable to create file $second" eof
    "$WIRE" "$PORT" expect READY send "DEL $second\n" expect "ERROR: $second does not exist" eof
    tell up
    succeeds up
    reads file "$NEW"
}

@test "where case makes no difference, uploads of one name in two cases each put all their bytes there" {
    start_server
    half_put lower file
    half_put upper FILE
    names_are $'.ferry-tmp.0\n.ferry-tmp.1'
    tell upper
    succeeds upper
    wire_put "$OLD" fILE
    tell lower
    succeeds lower
    names_are FILE
    reads File "$NEW"
}

@test "where case makes no difference, many uploads at once leave one file whole, and every GET sees one" {
    local name pid said pids=()
    start_server -- 8
    "$SWARM" -c 1 -n 1 -s 40000 "$PORT" MIX file
    for name in file FILE; do
        said=$BATS_TEST_TMPDIR/$name.says
        "$SWARM" -c 4 -n 60 -s 40000 -v "$PORT" MIX "$name" >"$said" 2>&1 3>&- 4>&- &
        pids+=("$!")
        track "$!"
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || fail "$(cat "$BATS_TEST_TMPDIR"/*.says)" # it ends itself after 60 s
    done
    names_are file
}

@test "where case makes no difference, --no-overwrite lets one of two names be taken, once" {
    start_server --no-overwrite
    half_put lower file refused
    half_put upper FILE
    tell upper
    succeeds upper
    tell lower
    succeeds lower
    names_are FILE
    "$WIRE" "$PORT" expect READY send 'PUT File\n' expect 'ERROR: unable to create file File' eof
    reads file "$NEW"
}
