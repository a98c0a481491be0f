#!/usr/bin/env bats
#
# --user: started as root, the server becomes somebody else before it accepts anyone, for good, in a
# chroot of its root directory, without supplementary groups.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# The leak checker reads /proc, which the chroot hides; other files look for leaks.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

LUCKY=43210 # a number that no user and no group has, it is to be hoped

setup() {
    [ "$EUID" -eq 0 ] || skip "needs root"
    mkdir -p "$ROOT/dir"
    chown -R "$NOBODY:$NOBODY" "$ROOT"
}

# processes: the server and its workers
processes() {
    echo "$SERVER_PID"
    is_threads || workers
}

# numbers PID FIELD: from /proc/PID/status, with spaces between them
numbers() {
    awk -v field="$2:" '$1 == field { $1 = ""; print substr($0, 2) }' "/proc/$1/status"
}

# is_user UID GID: with a client in service, the server and its workers are that and nothing else
is_user() {
    local pid count=0
    hold a || return
    held a || return
    for pid in $(processes); do
        assert_eq "$(numbers "$pid" Uid)" "$1 $1 $1 $1" "users of $pid" || return
        assert_eq "$(numbers "$pid" Gid)" "$2 $2 $2 $2" "groups of $pid" || return
        assert_eq "$(numbers "$pid" Groups)" "" "supplementary groups of $pid" || return
        for field in CapInh CapPrm CapEff CapAmb; do
            assert_eq "$(numbers "$pid" "$field")" 0000000000000000 "$field of $pid" || return
        done
        count=$((count + 1))
    done
    assert_eq "$count" "$(is_threads && echo 1 || echo 2)" processes || return
    release a
}

# is_refused USER REASON: one line, and exit status 1
is_refused() {
    run "$FERRYD" --user "$1" -d "$ROOT" 0
    assert_eq "$status" 1 "exit status with $1" || return
    assert_eq "$output" "$SERVER: cannot become user $1: $2"
}

# both_ways: PUT, PUT over it, GET and DEL; what is put belongs to UID:GID
both_ways() {
    local name got=$BATS_TEST_TMPDIR/got new=$BATS_TEST_TMPDIR/new
    for name in file dir/file; do
        random_file "$new" 100
        wire_put "$new" "$name" || fail "PUT $name" || return
        assert_eq "$(stat -c %u:%g "$ROOT/$name")" "$1" "owner of the new $name" || return
        random_file "$new" 2000000
        wire_put "$new" "$name" || fail "PUT over $name" || return
        assert_eq "$(stat -c %u:%g "$ROOT/$name")" "$1" "owner of the replaced $name" || return
        wire_get "$name" "$got" || fail "GET $name" || return
        assert_file_eq "$got" "$new" || return
        "$WIRE" "$PORT" expect READY send "DEL $name\n" expect DONE eof || fail "DEL $name" || return
    done
    assert_eq "$(find "$ROOT" ! -type d | wc -l)" 0 "files left behind"
}

# leads_to_proc PID: it has /proc open
leads_to_proc() {
    find "/proc/$1/fd" -lname /proc | grep -q .
}

# ---- who ----

@test "a user is given by name, and its group comes from the user database" {
    local uid gid
    IFS=: read -r _ _ uid gid _ < <(getent passwd nobody) || skip "nobody is nobody here"
    start_server --user nobody
    is_user "$uid" "$gid"
    start_server -u nobody
    is_user "$uid" "$gid"
}

@test "a user is given by number, with the group that belongs to it" {
    local uid gid
    IFS=: read -r _ _ uid gid _ < <(getent passwd nobody) || skip "nobody is nobody here"
    start_server --user "$uid"
    is_user "$uid" "$gid"
}

@test "a group is given by name or number" {
    local uid group gid
    IFS=: read -r _ _ uid _ < <(getent passwd nobody) || skip "nobody is nobody here"
    IFS=: read -r group _ gid _ < <(getent group | awk -F: '$3 > 0' | head -n 1)
    start_server --user "nobody:$group"
    is_user "$uid" "$gid"
    start_server --user "$uid:$LUCKY"
    is_user "$uid" "$LUCKY"
}

@test "numbers need no entries in any database" {
    start_server --user "$LUCKY:$((LUCKY + 1))"
    is_user "$LUCKY" "$((LUCKY + 1))"
}

@test "the groups that the server was started with are gone" {
    SERVER_PREFIX=(setpriv --groups "1,2,3,$LUCKY")
    start_server
    assert_eq "$(numbers "$SERVER_PID" Groups)" "1 2 3 $LUCKY" "groups without --user"
    stop_server
    start_server --user "$NOBODY:$NOBODY"
    is_user "$NOBODY" "$NOBODY"
}

@test "users and groups that are not there are refused, in one line" {
    is_refused no-such-user "no such user"
    is_refused no-such-user:0 "no such user"
    is_refused '' "no such user"
    is_refused : "no such user"
    is_refused ":$LUCKY" "no such user"
    is_refused "$(printf '%300s' '' | tr ' ' x)" "no such user"
    is_refused 4294967295 "no such user" # to the kernel, "leave it as it is"
    is_refused 4294967296 "no such user" # which might wrap round to root
    is_refused 18446744073709551616 "no such user"
    is_refused -1 "no such user"
    is_refused 0x10 "no such user"
    is_refused ' 1' "no such user"
    is_refused "$LUCKY:" "no such group"
    is_refused "$LUCKY:no-such-group" "no such group"
    is_refused "$LUCKY:4294967295" "no such group"
    is_refused "$LUCKY:-1" "no such group"
    is_refused "$LUCKY:1:2" "no such group"
    is_refused "$LUCKY" "this number has no entry among the users, so a :GROUP must be given"
}

@test "root is refused, however it is written" {
    for user in root 0 00 0:0 "root:$NOBODY" "0:$NOBODY"; do
        is_refused "$user" "that is root"
    done
}

@test "only root can become somebody else" {
    run unprivileged "$FERRYD" --user "$NOBODY:$NOBODY" -d / 0
    assert_eq "$status" 1
    assert_eq "$output" "$SERVER: cannot become user $NOBODY:$NOBODY: only root can"
}

@test "a user that cannot read the root directory is refused" {
    for mode in 700 711 744; do
        chown 0:0 "$ROOT"
        chmod "$mode" "$ROOT"
        is_refused "$NOBODY:$NOBODY" "it cannot read the root directory"
    done
    chmod 755 "$ROOT"
    start_server --user "$NOBODY:$NOBODY"
}

@test "a step down that fails ends the server before it accepts anyone" {
    local call
    needs_strace
    for call in chroot setgroups setresgid setresuid; do
        run strace -o /dev/null -e "inject=$call:error=EPERM" "$FERRYD" \
            --user "$NOBODY:$NOBODY" -d "$ROOT" 0
        assert_eq "$status" 1 "exit status without $call"
        assert_eq "$output" \
            "$SERVER: cannot become user $NOBODY:$NOBODY: $call: Operation not permitted"
    done
    # And where it only seems to have worked.
    run strace -o /dev/null -e inject=setresuid:retval=0 "$FERRYD" \
        --user "$NOBODY:$NOBODY" -d "$ROOT" 0
    assert_eq "$status" 1
    assert_contains "$output" "giving up root"
}

# ---- where ----

@test "the server and its workers are in a chroot of the root directory" {
    local pid
    start_server --user "$NOBODY:$NOBODY"
    hold a
    held a
    for pid in $(processes); do
        assert_eq "$(readlink "/proc/$pid/root")" "$(realpath "$ROOT")" "root of $pid"
        assert_eq "$(readlink "/proc/$pid/cwd")" "$(realpath "$ROOT")" "directory of $pid"
        refute leads_to_proc "$pid"
    done
}

@test "without --user there is no chroot" {
    start_server
    assert_eq "$(readlink "/proc/$SERVER_PID/root")" /
}

# ---- what for ----

@test "uploads, new and replacing, belong to that user, and everything else works, too" {
    start_server --user "$NOBODY:$NOBODY"
    both_ways "$NOBODY:$NOBODY"
    chown -R "$LUCKY:$LUCKY" "$ROOT"
    start_server --user "$LUCKY:$LUCKY"
    both_ways "$LUCKY:$LUCKY"
}

@test "and without a sandbox" {
    start_server --user "$NOBODY:$NOBODY" --sandbox=off
    is_user "$NOBODY" "$NOBODY"
    both_ways "$NOBODY:$NOBODY"
}

@test "files get a name also where linkat asks for a privilege, as it does before Linux 6.10" {
    needs_strace
    # Each way is tried by its descriptor alone first, and then through /proc: the server, as it
    # starts, tries the first one only. So it is the first, the third, ... that such a kernel fails.
    SERVER_PREFIX=(strace -f -o "$BATS_TEST_TMPDIR/trace" -e inject=linkat:error=ENOENT:when=1+2)
    [ -z "$SANITIZED" ] || SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 "${SERVER_PREFIX[@]}")
    start_server --user "$NOBODY:$NOBODY"
    leads_to_proc "$SERVER_PID"
    both_ways "$NOBODY:$NOBODY"
    whole_calls "$BATS_TEST_TMPDIR/trace" >"$BATS_TEST_TMPDIR/calls"
    [ "$(grep -cE 'linkat\([0-9]+, "self/fd/[0-9]+", .* = 0' "$BATS_TEST_TMPDIR/calls")" -eq 4 ] ||
        fail "names given through /proc:" "$(grep linkat "$BATS_TEST_TMPDIR/calls")"
}

@test "what that user may not read does not exist, and what it may not write stays" {
    echo secret >"$ROOT/secret"
    chmod 600 "$ROOT/secret"
    mkdir "$ROOT/closed"
    start_server --user "$NOBODY:$NOBODY"
    "$WIRE" "$PORT" expect READY send 'GET secret\n' expect 'ERROR: secret does not exist' eof
    "$WIRE" "$PORT" expect READY send 'PUT closed/new\n' \
        expect 'ERROR: unable to create file closed/new' eof
}

@test "workers end with a server that is killed, also when they are somebody else's" {
    local pid
    processes_only
    start_server --user "$NOBODY:$NOBODY"
    hold a
    held a
    pid=$(workers)
    kill_server
    wait_until "$WAIT_SECONDS" is_gone "$pid"
}

@test "a server that has become somebody else can still stop its workers" {
    start_server --user "$NOBODY:$NOBODY" --grace 0
    hold a b
    held a b
    pids=$(processes)
    stop_server
    for pid in $pids; do
        is_gone "$pid"
    done
}

# ---- what is said ----

@test "as root without --user, -v says so, in one line on standard error" {
    local line="$SERVER: running as root; --user NAME would serve as somebody else"
    start_server -v
    assert_eq "$(<"$SERVER_ERR")" "$line"
    start_server -vv
    assert_eq "$(<"$SERVER_ERR")" "$line"
}

@test "otherwise nothing is said of it" {
    start_server
    assert_eq "$(<"$SERVER_ERR")" "" "without -v"
    start_server -v --user "$NOBODY:$NOBODY"
    assert_eq "$(<"$SERVER_ERR")" "" "with --user"
    make_readable "$ROOT"
    SERVER_PREFIX=(unprivileged)
    start_server -v
    assert_eq "$(<"$SERVER_ERR")" "" "as an ordinary user"
}
