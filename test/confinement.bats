#!/usr/bin/env bats
# Guarantee 7: nothing outside the root is read, written, created or deleted, whatever a client
# names and whatever lies under the root. What does not leave the root keeps working.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

WAIT_SECONDS=60 # a disk that other tests fill can be slow to let go of a file

# One layer at a time: what the server itself refuses, the sandbox must not refuse for it here.
# sandbox.bats has the other layer.
SERVER_OPTIONS=(--sandbox=off)

# Outside the root there are a file and a directory with a file, which nothing may touch.
setup() {
    OUTSIDE=$BATS_TEST_TMPDIR/outside
    mkdir -p "$ROOT/dir/deep" "$OUTSIDE/dir"
    printf 'the secret' | tee "$OUTSIDE/secret" >"$OUTSIDE/dir/secret"
    printf inside | tee "$ROOT/file" >"$ROOT/dir/file"
    chmod 640 "$OUTSIDE/secret"
    touch -d '2001-02-03 04:05:06' "$OUTSIDE/secret" "$OUTSIDE/dir/secret" "$OUTSIDE/dir" "$OUTSIDE"
    OUTSIDE_BEFORE=$(outside_sum)
    NEW=$BATS_TEST_TMPDIR/new
    printf 'from a client' >"$NEW"
}

# Content, names, modes, owners, sizes and times of what is outside.
outside_sum() {
    find "$OUTSIDE" -printf '%y %m %U %G %s %n %T@ %C@ %P %l\n' | LC_ALL=C sort
    tree_sum "$OUTSIDE"
}

outside_is_untouched() {
    assert_eq "$(outside_sum)" "$OUTSIDE_BEFORE" "what is outside the root"
}

# refused NAME...: by all three verbs, each in its own words; and nothing changes anywhere
refused() {
    local before
    before=$(tree_sum "$ROOT")
    refused_in_words "$@"
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
    outside_is_untouched
}

refused_in_words() {
    local name steps=()
    for name in "$@"; do
        steps+=(expect READY send "GET $name\n" expect "ERROR: $name does not exist" eof reconnect
            expect READY send "PUT $name\n" expect "ERROR: unable to create file $name" eof reconnect
            expect READY send "DEL $name\n" expect "ERROR: $name does not exist" eof reconnect)
    done
    "$WIRE" "$PORT" "${steps[@]}"
}

# works NAME...: GET and PUT; and nothing changes outside
works() {
    local name got=$BATS_TEST_TMPDIR/got
    for name in "$@"; do
        wire_put "$NEW" "$name" || fail "PUT $name"
        rm -f "$got"
        wire_get "$name" "$got" || fail "GET $name"
        assert_file_eq "$got" "$NEW"
    done
    outside_is_untouched
}

# del NAME: it is there, and then not
del() {
    [ -e "$ROOT/$1" ] || [ -L "$ROOT/$1" ]
    "$WIRE" "$PORT" expect READY send "DEL $1\n" expect DONE eof
    refute test -e "$ROOT/$1"
}

# ---- names ----

@test "a name with .. in any place is refused, also where it would come back inside" {
    start_server
    refused .. ../ ../. ../.. ../outside/secret ../../etc/passwd ./../outside/secret \
        dir/.. dir/../ dir/../file dir/../../outside/secret dir/deep/../../../outside/secret \
        dir/./../file dir//../file dir/../dir/file ../root/file missing/../file file/.. \
        ../outside/new dir/../new
}

@test "an absolute name is refused, also one that leads inside" {
    start_server
    refused / // /. /etc/passwd //etc/passwd "$OUTSIDE/secret" "$OUTSIDE/new" "$ROOT/file" "$ROOT/new"
}

@test "names that only look dangerous are names like others" {
    mkdir "$ROOT/..." "$ROOT/..dir" "$ROOT/dir.." "$ROOT/ .."
    start_server
    # shellcheck disable=SC1003,SC2016  # literally
    works .../f ..dir/f dir../f ' ../f' ..file file.. .... '..\' '~' '~root' '$HOME' %2e%2e .dir
}

@test "a name takes the same way with doubled slashes and dots in it" {
    start_server
    works ./file .//file ././file dir//file dir/./file ./dir/.//./deep///f
    assert_eq "$(ls -A "$ROOT")" $'dir\nfile' "what is under the root"
}

@test "what names a directory, or a file as if it were one, is refused" {
    start_server
    refused . ./ ./. dir dir/ dir/. dir// ./dir dir/deep file/ file/. file// file/x dir/file/ new/ new/.
}

# ---- links ----

@test "links that stay inside work, by any number of steps" {
    local i
    ln -s file "$ROOT/link"
    ln -s ../file "$ROOT/dir/up"
    ln -s ../../dir/./deep/../file "$ROOT/dir/deep/winding"
    ln -s dir "$ROOT/dirlink"
    ln -s . "$ROOT/here"
    ln -s ../dir "$ROOT/dir/again"
    ln -s file "$ROOT/chain0"
    for i in {1..20}; do
        ln -s "chain$((i - 1))" "$ROOT/chain$i"
    done
    start_server
    for name in link dir/up dir/deep/winding dirlink/file here/file here/here/here/dir/file \
        dir/again/file dirlink/again/again/up chain20; do
        wire_get "$name" "$BATS_TEST_TMPDIR/got"
        assert_eq "$(<"$BATS_TEST_TMPDIR/got")" inside "GET $name"
    done
    works dirlink/new here/new dir/again/new
    outside_is_untouched
}

@test "PUT and DEL act on a link that stays inside, not on the file it leads to" {
    ln -s ../file "$ROOT/dir/put"
    ln -s ../file "$ROOT/dir/del"
    start_server
    works dir/put
    refute test -L "$ROOT/dir/put"
    del dir/del
    assert_eq "$(<"$ROOT/file")" inside
}

@test "a link to a file outside is refused, relative, absolute and by several steps" {
    local i
    ln -s ../outside/secret "$ROOT/relative"
    ln -s "$OUTSIDE/secret" "$ROOT/absolute"
    ln -s ../../outside/secret "$ROOT/dir/relative"
    ln -s ../outside/new "$ROOT/dangling"
    ln -s "$OUTSIDE/new" "$ROOT/dangling-absolute"
    ln -s ../root/file "$ROOT/and-back"
    ln -s dir/../../outside/secret "$ROOT/winding"
    ln -s relative "$ROOT/chain0"
    for i in 1 2 3 4 5; do
        ln -s "chain$((i - 1))" "$ROOT/chain$i"
    done
    ln -s /etc/passwd "$ROOT/etc"
    start_server
    refused relative absolute dir/relative dangling dangling-absolute and-back winding chain0 \
        chain5 etc
}

@test "a link to a directory outside is refused, and so is every name that leads through it" {
    ln -s ../outside "$ROOT/relative"
    ln -s "$OUTSIDE" "$ROOT/absolute"
    ln -s .. "$ROOT/parent"
    ln -s / "$ROOT/slash"
    ln -s relative/dir "$ROOT/through"
    ln -s ../root "$ROOT/and-back"
    ln -s / "$ROOT/dir/deep/slash"
    start_server
    refused relative relative/ relative/secret relative/new relative/dir/secret \
        absolute absolute/secret absolute/new parent parent/outside/secret parent/new \
        "slash$OUTSIDE/secret" slash/etc/passwd "dir/deep/slash$OUTSIDE/new" \
        through through/secret through/new and-back/file and-back/new
}

@test "links that lead nowhere or in circles are refused, and end no worker" {
    local i
    ln -s loop "$ROOT/loop"
    ln -s b "$ROOT/a"
    ln -s a "$ROOT/b"
    ln -s file/x "$ROOT/not-a-dir"
    ln -s "" "$ROOT/empty" 2>/dev/null || ln -s loop "$ROOT/empty"
    ln -s file "$ROOT/chain0"
    for i in {1..60}; do # more than the kernel follows
        ln -s "chain$((i - 1))" "$ROOT/chain$i"
    done
    start_server
    refused loop loop/f a a/f b not-a-dir empty chain60
    works file
}

@test "a link to nowhere inside does not exist, and PUT puts a file in its place" {
    ln -s nowhere "$ROOT/dangling"
    start_server
    for verb in GET DEL; do
        "$WIRE" "$PORT" expect READY send "$verb dangling\n" \
            expect 'ERROR: dangling does not exist' eof
    done
    works dangling
    refute test -L "$ROOT/dangling"
    refute test -e "$ROOT/nowhere"
}

@test "the kernel's magic links are refused, absolute and under a root in /proc" {
    local fd
    ln -s /proc/self/root/etc/passwd "$ROOT/root"
    ln -s /proc/self/cwd "$ROOT/cwd"
    ln -s /proc/self/fd/0 "$ROOT/fd"
    ln -s "/proc/$BASHPID/root$OUTSIDE/secret" "$ROOT/secret"
    start_server
    refused root cwd cwd/file fd secret
    exec {fd}<"$OUTSIDE/secret"
    cd "$BATS_TEST_TMPDIR"
    ROOT=/proc/$BASHPID
    refused_under_proc exe root/etc/passwd "root$OUTSIDE/secret" "root$OUTSIDE/new" \
        cwd/outside/secret cwd/new "fd/$fd" "task/$BASHPID/fd/$fd" "task/$BASHPID/root/etc/passwd"
    exec {fd}<&-
}

# For a tree that is never the same.
refused_under_proc() {
    local name
    start_server
    wire_get comm "$BATS_TEST_TMPDIR/got" # a regular file, and one can get there
    for name in "$@"; do
        [ -e "$ROOT/$name" ] || [[ $name == */new ]]
    done
    refused_in_words "$@"
    outside_is_untouched
}

# ---- what is no regular file ----

# is_waiting_for_a_writer PID: a cat(1) that sleeps, in open(2), since nothing else holds it up
is_waiting_for_a_writer() {
    grep -qx cat "/proc/$1/comm" && grep -q '^State:.S' "/proc/$1/status"
}

@test "a FIFO is refused at once, inside and behind a link, and whoever waits on it is not woken" {
    mkfifo "$ROOT/fifo" "$OUTSIDE/fifo"
    OUTSIDE_BEFORE=$(outside_sum)
    ln -s fifo "$ROOT/link"
    ln -s ../outside/fifo "$ROOT/out"
    start_server
    refused fifo link out
    # Somebody reads it now: a writer that came would let it on, to the end of nothing.
    cat "$ROOT/fifo" >"$BATS_TEST_TMPDIR/read" 3>&- 4>&- &
    track "$!"
    wait_until "$WAIT_SECONDS" is_waiting_for_a_writer "$!"
    refused fifo
    # shellcheck disable=SC2016 # for that shell to expand
    timeout "$WAIT_SECONDS" sh -c 'echo woken >"$0"' "$ROOT/fifo" || fail "who waited was woken"
    wait "$!"
    assert_eq "$(<"$BATS_TEST_TMPDIR/read")" woken "what the reader read"
}

@test "a socket is refused" {
    "$BIN/test/make_socket" "$ROOT/socket"
    [ -S "$ROOT/socket" ]
    ln -s socket "$ROOT/link"
    start_server
    refused socket link
}

@test "a device is refused, and behind a link too" {
    ln -s /dev/null "$ROOT/null"
    ln -s /dev/zero "$ROOT/zero"
    ln -s /dev/tty "$ROOT/tty"
    ln -s /dev/stdin "$ROOT/stdin"
    start_server
    refused null zero tty stdin
    mknod "$ROOT/device" c 1 5 2>/dev/null && mknod "$ROOT/block" b 7 0 || skip "the rest needs root"
    ln -s device "$ROOT/link"
    refused device block link
}

@test "a file the server may not read does not exist for GET, but who may delete it may replace it" {
    make_readable "$ROOT"
    chmod 777 "$ROOT"
    chmod 000 "$ROOT/file"
    chmod 700 "$ROOT/dir"
    [ "$EUID" -eq 0 ] || chmod 000 "$ROOT/dir"
    SERVER_PREFIX=(unprivileged)
    start_server
    for name in file dir/file dir/new; do
        "$WIRE" "$PORT" expect READY send "GET $name\n" expect "ERROR: $name does not exist" eof
    done
    "$WIRE" "$PORT" expect READY send 'PUT dir/file\n' \
        expect 'ERROR: unable to create file dir/file' eof
    "$WIRE" "$PORT" expect READY send 'PUT dir/new\n' expect 'ERROR: unable to create file dir/new' eof
    "$WIRE" "$PORT" expect READY send 'DEL dir/file\n' expect 'ERROR: dir/file does not exist' eof
    wire_put "$NEW" file
    "$WIRE" "$PORT" expect READY send 'DEL file\n' expect DONE eof
    [ "$EUID" -eq 0 ] || chmod 700 "$ROOT/dir"
    assert_eq "$(<"$ROOT/dir/file")" inside
}

@test "a file that is there but may not be deleted says so" {
    make_readable "$ROOT"
    chmod 755 "$ROOT/dir"
    [ "$EUID" -eq 0 ] || chmod 555 "$ROOT/dir"
    SERVER_PREFIX=(unprivileged)
    start_server
    "$WIRE" "$PORT" expect READY send 'DEL dir/file\n' expect 'ERROR: unable to delete dir/file' eof
    assert_eq "$(<"$ROOT/dir/file")" inside
}

# ---- the root itself ----

@test "a root that is a link, and one named by a relative path, are served" {
    ln -s root "$BATS_TEST_TMPDIR/rootlink"
    ROOT=$BATS_TEST_TMPDIR/rootlink
    start_server
    works file dir/new
    cd "$BATS_TEST_TMPDIR/root/dir"
    ROOT=..
    start_server
    works file dir/new
    refused ../root/file
}

@test "a root that is moved away is still the root, and what takes its place is not" {
    start_server
    mv "$ROOT" "$BATS_TEST_TMPDIR/moved"
    mkdir "$ROOT"
    printf 'the secret' >"$ROOT/impostor"
    "$WIRE" "$PORT" expect READY send 'GET impostor\n' expect 'ERROR: impostor does not exist' eof
    wire_put "$NEW" new
    assert_file_eq "$BATS_TEST_TMPDIR/moved/new" "$NEW"
    assert_eq "$(ls -A "$ROOT")" impostor "what is in its place"
}

# ---- races ----

# race A B: exchanges the two names until end_race
race() {
    rm -f "$BATS_TEST_TMPDIR/stop"
    mkfifo "$BATS_TEST_TMPDIR/stop"
    "$BIN/test/swap" "$1" "$2" <>"$BATS_TEST_TMPDIR/stop" >"$BATS_TEST_TMPDIR/swaps" 2>&1 3>&- 4>&- &
    SWAP=$!
    track "$SWAP"
}

end_race() {
    local swaps
    echo 1<>"$BATS_TEST_TMPDIR/stop"
    wait "$SWAP" || fail "$(<"$BATS_TEST_TMPDIR/swaps")"
    swaps=$(<"$BATS_TEST_TMPDIR/swaps")
    [ "${swaps% swaps}" -ge 2000 ] || fail "only $swaps"
}

# ask COUNT REQUEST REST: so many conversations, each run ahead to its end; prints a line for each
ask() {
    local steps=() i
    for ((i = 0; i < $1; i++)); do
        steps+=(send "$2" rest reconnect)
    done
    "$WIRE" "$PORT" timeout 60000 "${steps[@]}"
}

@test "a link swapped between inside and outside never shows what is outside" {
    local rounds=400
    [ -z "$SANITIZED" ] || rounds=100
    ln -s file "$ROOT/link"
    ln -s ../outside/secret "$ROOT/other"
    start_server
    race "$ROOT/link" "$ROOT/other"
    ask "$rounds" 'GET link\nREADYOK' >"$BATS_TEST_TMPDIR/a" 3>&- 4>&- &
    track "$!"
    ask "$rounds" 'GET link\nREADYOK' >"$BATS_TEST_TMPDIR/b"
    wait "$!"
    end_race
    run sort -u "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
    # Both were met, and nothing else.
    [ "${#lines[@]}" -eq 2 ] || fail "$output"
    assert_eq "${lines[0]}" 'READYERROR: link does not exist'
    assert_eq "${lines[1]}" 'READYOK\x00\x00\x00\x00\x00\x00\x00\x06insideDONE'
    outside_is_untouched
}

@test "a directory swapped with a link to outside is never left through" {
    local rounds=300
    [ -z "$SANITIZED" ] || rounds=75
    printf inside | tee "$ROOT/dir/secret" >"$ROOT/dir/victim"
    printf 'the secret' >"$OUTSIDE/victim"
    ln -s ../outside "$ROOT/other"
    OUTSIDE_BEFORE=$(outside_sum)
    start_server
    race "$ROOT/dir" "$ROOT/other"
    ask "$rounds" 'PUT dir/new\n\0\0\0\0\0\0\0\x05hello' >"$BATS_TEST_TMPDIR/put" 3>&- 4>&- &
    track "$!"
    ask "$rounds" 'GET dir/secret\nREADYOK' >"$BATS_TEST_TMPDIR/get"
    ask "$rounds" 'DEL dir/victim\n' >"$BATS_TEST_TMPDIR/del"
    wait "$!"
    end_race
    assert_eq "$(sort -u "$BATS_TEST_TMPDIR/get")" 'READYERROR: dir/secret does not exist
READYOK\x00\x00\x00\x00\x00\x00\x00\x06insideDONE'
    assert_eq "$(sort -u "$BATS_TEST_TMPDIR/put")" 'READYERROR: unable to create file dir/new
READYOKOKDONE'
    # The directory may also go between the look and the deed.
    assert_eq "$(sort -u "$BATS_TEST_TMPDIR/del" | grep -vx 'READYERROR: unable to delete dir/victim')" \
        'READYDONE
READYERROR: dir/victim does not exist'
    outside_is_untouched
}
