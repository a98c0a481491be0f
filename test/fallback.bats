#!/usr/bin/env bats
# Older kernels and simpler filesystems lack calls that ferryd would rather use. Without them
# uploads are as whole and names as confined as ever. strace takes the calls away.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

WAIT_SECONDS=60 # a disk that other tests fill can be slow to let go of a file

# One layer at a time: what the server itself refuses, the sandbox must not refuse for it here.
# sandbox.bats has the other layer.
SERVER_OPTIONS=(--sandbox=off)

setup() {
    needs_strace
    mkdir -p "$ROOT/dir/deep"
    OLD=$BATS_TEST_TMPDIR/old
    NEW=$BATS_TEST_TMPDIR/new
    random_file "$OLD" 100000
    random_file "$NEW" 300000
    cp "$OLD" "$ROOT/file"
    TRACE=$BATS_TEST_TMPDIR/trace
    PATHS=()
    CALLS=()
}

# ---- taking calls away ----

NO_OPENAT2=openat2:error=ENOSYS
NO_FALLOCATE=fallocate:error=EOPNOTSUPP
NO_CLOSE_RANGE=close_range:error=ENOSYS

# without INJECTION...: the next server runs without these calls
without() {
    local injection
    for injection in "$@"; do
        CALLS+=(-e inject="$injection")
    done
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$TRACE"
        -e trace="openat,openat2,close_range,fallocate,linkat,pipe2,splice"
        "${PATHS[@]}" "${CALLS[@]}")
}

# without_tmpfile ERROR [WHEN]: O_TMPFILE fails, which is an openat() of "." and the only one but
# for those of the walk that replaces openat2(): then it is the WHENth
without_tmpfile() {
    PATHS=(-P .)
    without "openat:error=$1:when=${2:-1}"
}

# injected CALL: strace did take it away, or else the test would show nothing
injected() {
    whole_calls "$TRACE" | grep -E "^[0-9]+ +$1\\(.*\\(INJECTED\\)" >/dev/null ||
        fail "no $1 failed" "$(tail "$TRACE")"
}

# ---- what must work all the same ----

# serves NAME...: PUT of each name twice, over nothing (or what is there) and over itself; GET; DEL
serves() {
    local name got=$BATS_TEST_TMPDIR/got
    for name in "$@"; do
        wire_put "$OLD" "$name" || fail "PUT $name"
        assert_file_eq "$ROOT/$name" "$OLD"
        wire_put "$NEW" "$name" || fail "PUT $name, once more"
        assert_file_eq "$ROOT/$name" "$NEW"
        rm -f "$got"
        wire_get "$name" "$got" || fail "GET $name"
        assert_file_eq "$got" "$NEW"
        "$WIRE" "$PORT" expect READY send "DEL $name\n" expect DONE eof || fail "DEL $name"
        refute test -e "$ROOT/$name"
    done
    no_litter
}

no_litter() {
    assert_eq "$(find "$ROOT" -name '.*')" "" "litter"
}

# refused NAME...: by all three verbs, and nothing changes anywhere
refused() {
    local name steps=() before
    before=$(tree_sum "$BATS_TEST_TMPDIR/outside")$(tree_sum "$ROOT")
    for name in "$@"; do
        steps+=(expect READY send "GET $name\n" expect "ERROR: $name does not exist" eof reconnect
            expect READY send "PUT $name\n" expect "ERROR: unable to create file $name" eof reconnect
            expect READY send "DEL $name\n" expect "ERROR: $name does not exist" eof reconnect)
    done
    "$WIRE" "$PORT" "${steps[@]}"
    assert_eq "$(tree_sum "$BATS_TEST_TMPDIR/outside")$(tree_sum "$ROOT")" "$before" "the trees"
}

# half_put NAME [refused]: an upload of NEW in the background, which pauses halfway; go_on lets it
# end, with DONE or, as expected, refused
half_put() {
    local last=DONE
    [ -z "${2:-}" ] || last="ERROR: unable to create file $1"
    head -c 150000 "$NEW" >"$BATS_TEST_TMPDIR/head"
    tail -c 150000 "$NEW" >"$BATS_TEST_TMPDIR/tail"
    rm -f "$BATS_TEST_TMPDIR/$1.in"
    mkfifo "$BATS_TEST_TMPDIR/$1.in"
    "$WIRE" "$PORT" timeout 60000 expect READY send "PUT $1\n" expect OK size 300000 expect OK \
        sendfile "$BATS_TEST_TMPDIR/head" say paused wait sendfile "$BATS_TEST_TMPDIR/tail" \
        expect "$last" eof <>"$BATS_TEST_TMPDIR/$1.in" >"$BATS_TEST_TMPDIR/$1.says" 2>&1 3>&- 4>&- &
    CLIENT=$!
    track "$CLIENT"
    wait_for_line "$BATS_TEST_TMPDIR/$1.says" '^paused$'
}

go_on() {
    echo 1<>"$BATS_TEST_TMPDIR/$1.in"
}

# ---- openat2 ----

@test "without openat2 every request works, at any depth" {
    local error
    for error in ENOSYS EPERM; do # EPERM is what some sandboxes say instead
        without "openat2:error=$error"
        start_server
        serves file new dir/new dir/deep/new ./new dir//./deep///new ... dir/.hidden
        injected openat2
        CALLS=()
    done
}

@test "without openat2 no link is followed at all, and nothing leaves the root" {
    mkdir "$BATS_TEST_TMPDIR/outside"
    printf 'the secret' >"$BATS_TEST_TMPDIR/outside/secret"
    ln -s file "$ROOT/link"
    ln -s dir "$ROOT/dirlink"
    ln -s . "$ROOT/here"
    ln -s ../outside/secret "$ROOT/out"
    ln -s ../outside "$ROOT/away"
    ln -s "$BATS_TEST_TMPDIR/outside" "$ROOT/absolute"
    ln -s / "$ROOT/dir/slash"
    ln -s nowhere "$ROOT/dangling"
    ln -s loop "$ROOT/loop"
    ln -s /proc/self/root "$ROOT/magic"
    mkfifo "$ROOT/fifo"
    without "$NO_OPENAT2"
    start_server
    refused link dirlink dirlink/ dirlink/f here/file out away away/secret away/new absolute/secret \
        absolute/new dir/slash/etc/passwd dangling dangling/f loop loop/f magic/etc/passwd
    refused .. ../outside/secret dir/../file dir/../../outside/secret / /etc/passwd "$ROOT/file" \
        . ./ dir dir/ dir/. dir// file/ file/. file/x new/ new/. missing/f fifo .ferry-tmp.0
    injected openat2
}

@test "without openat2 a name that is too long is refused" {
    local long part
    mkdir "$BATS_TEST_TMPDIR/outside"
    long=$(printf '%256s' '' | tr ' ' n)
    part=$(printf '%255s' '' | tr ' ' n)
    without "$NO_OPENAT2"
    start_server
    refused "$long" "dir/$long" "$long/f" "$part/$part/$part/n"
    wire_put "$NEW" "$part"
    assert_file_eq "$ROOT/$part" "$NEW"
}

@test "without openat2 a directory swapped with a link to outside is never left through" {
    local steps=() i swap
    mkdir "$BATS_TEST_TMPDIR/outside"
    printf 'the secret' >"$BATS_TEST_TMPDIR/outside/secret"
    printf inside >"$ROOT/dir/secret"
    ln -s ../outside "$ROOT/other"
    without "$NO_OPENAT2"
    start_server
    mkfifo "$BATS_TEST_TMPDIR/stop"
    "$BIN/test/swap" "$ROOT/dir" "$ROOT/other" <>"$BATS_TEST_TMPDIR/stop" \
        >"$BATS_TEST_TMPDIR/swaps" 2>&1 3>&- 4>&- &
    swap=$!
    track "$swap"
    for i in {1..100}; do
        steps+=(send 'GET dir/secret\nREADYOK' rest reconnect
            send 'PUT dir/new\n\0\0\0\0\0\0\0\x05hello' rest reconnect)
    done
    "$WIRE" "$PORT" timeout 60000 "${steps[@]}" >"$BATS_TEST_TMPDIR/answers"
    echo 1<>"$BATS_TEST_TMPDIR/stop"
    wait "$swap" || fail "$(<"$BATS_TEST_TMPDIR/swaps")"
    assert_eq "$(sort -u "$BATS_TEST_TMPDIR/answers")" \
        'READYERROR: dir/secret does not exist
READYERROR: unable to create file dir/new
READYOKOKDONE
READYOK\x00\x00\x00\x00\x00\x00\x00\x06insideDONE'
    assert_eq "$(ls -A "$BATS_TEST_TMPDIR/outside")" secret "what is outside the root"
}

# ---- O_TMPFILE ----

@test "without O_TMPFILE every request works, whatever the error is that says so" {
    local error
    for error in EOPNOTSUPP EISDIR ENOENT; do
        without_tmpfile "$error"
        start_server
        serves file new dir/new dir/deep/new
        injected openat
        CALLS=()
    done
}

@test "without O_TMPFILE an upload is under a hidden name until it is whole" {
    without_tmpfile EOPNOTSUPP
    start_server
    half_put file
    assert_file_eq "$ROOT/file" "$OLD"
    assert_eq "$(ls -A "$ROOT")" $'.ferry-tmp.0\ndir\nfile' "what is under the root"
    for verb in GET DEL; do
        "$WIRE" "$PORT" expect READY send "$verb .ferry-tmp.0\n" \
            expect 'ERROR: .ferry-tmp.0 does not exist' eof
    done
    wire_put "$NEW" other # beside it, under another hidden name
    assert_eq "$(ls -A "$ROOT")" $'.ferry-tmp.0\ndir\nfile\nother' "what is under the root"
    go_on file
    wait "$CLIENT" || fail "$(<"$BATS_TEST_TMPDIR/file.says")"
    assert_file_eq "$ROOT/file" "$NEW"
    no_litter
}

@test "without O_TMPFILE a client that leaves, falls silent or is refused leaves no litter" {
    local ending before
    before=$(tree_sum "$ROOT")
    without_tmpfile EOPNOTSUPP
    start_server -t 1
    for ending in close reset "shut eof" "say silent gone"; do
        # shellcheck disable=SC2086  # a row of steps
        "$WIRE" "$PORT" expect READY send 'PUT file\n' expect OK size 300000 expect OK zeros 1000 $ending
        wait_until "$WAIT_SECONDS" workers_are 0
        assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after $ending"
    done
    "$WIRE" "$PORT" expect READY send 'PUT file\n' expect OK size 9007199254740992 \
        expect 'ERROR: unable to create file file' eof
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree after a refusal"
}

@test "without O_TMPFILE and with --no-overwrite, a file that appears meanwhile is not replaced" {
    without_tmpfile EOPNOTSUPP
    start_server --no-overwrite
    client put expect READY send 'PUT new\n' expect OK size 5 expect OK say ready wait send hello \
        expect 'ERROR: unable to create file new' eof
    says put ready
    injected openat
    echo mine >"$ROOT/new"
    tell put
    succeeds put
    assert_eq "$(<"$ROOT/new")" mine "the file"
    no_litter
}

@test "without O_TMPFILE a killed worker's litter cannot be named, and the next upload clears it" {
    processes_only
    EXPECT_CRASH=yes
    without_tmpfile EOPNOTSUPP
    start_server
    half_put file
    kill -KILL "$(workers live)"
    wait_until "$WAIT_SECONDS" workers_are 0
    assert_file_eq "$ROOT/file" "$OLD"
    assert_eq "$(ls -A "$ROOT")" $'.ferry-tmp.0\ndir\nfile' "what is under the root"
    for verb in GET DEL; do
        "$WIRE" "$PORT" expect READY send "$verb .ferry-tmp.0\n" \
            expect 'ERROR: .ferry-tmp.0 does not exist' eof
    done
    wire_put "$NEW" other
    assert_eq "$(ls -A "$ROOT")" $'dir\nfile\nother' "what is under the root"
    assert_file_eq "$ROOT/file" "$OLD"
    assert_file_eq "$ROOT/other" "$NEW"
}

@test "without O_TMPFILE a worker that SIGTERM ends leaves no more than a killed one" {
    processes_only
    without_tmpfile EOPNOTSUPP
    start_server
    half_put file
    kill -TERM "$(workers live)"
    wait_until "$WAIT_SECONDS" workers_are 0
    assert_file_eq "$ROOT/file" "$OLD"
    wire_put "$NEW" other
    assert_eq "$(ls -A "$ROOT")" $'dir\nfile\nother' "what is under the root"
}

@test "without O_TMPFILE an upload that nobody may open is not taken for litter" {
    local second
    make_readable "$ROOT"
    chmod 777 "$ROOT"
    without_tmpfile EOPNOTSUPP
    FERRYD=$(_public_copy "$FERRYD")
    # shellcheck disable=SC2016 # for that shell
    SERVER_PREFIX=(unprivileged "${SERVER_PREFIX[@]}" sh -c 'umask 777 && exec "$@"' sh)
    : >"$TRACE"
    chmod 666 "$TRACE"
    start_server
    half_put hidden
    wire_put "$OLD" other
    assert_eq "$(stat -c %a "$ROOT/.ferry-tmp.0" "$ROOT/other")" $'0\n0' "the modes"
    go_on hidden
    wait "$CLIENT" || fail "$(<"$BATS_TEST_TMPDIR/hidden.says")"
    chmod 777 "$ROOT/hidden" 2>/dev/null
    assert_file_eq "$ROOT/hidden" "$NEW"

    # Nor is one whose writer met another such upload on its way to a name.
    chmod 666 "$ROOT/file" "$OLD"
    cp "$OLD" "$ROOT/replaced"
    chmod 666 "$ROOT/replaced"
    half_put first
    half_put second
    second=$CLIENT
    go_on first
    wait_until "$WAIT_SECONDS" test ! -e "$ROOT/.ferry-tmp.0"
    half_put file
    wire_put "$OLD" replaced
    go_on second
    wait "$second" || fail "$(<"$BATS_TEST_TMPDIR/second.says")"
    go_on file
    wait "$CLIENT" || fail "$(<"$BATS_TEST_TMPDIR/file.says")"
    no_litter
}

@test "without O_TMPFILE an upload whose hidden name was taken away is not said to be done" {
    local taken=$BATS_TEST_TMPDIR/taken
    printf "somebody else's" >"$taken"
    without_tmpfile EOPNOTSUPP
    start_server
    half_put file refused
    rm "$ROOT/.ferry-tmp.0"
    cp "$taken" "$ROOT/.ferry-tmp.0"
    go_on file
    wait "$CLIENT" || fail "$(<"$BATS_TEST_TMPDIR/file.says")"
    assert_file_eq "$ROOT/file" "$OLD"
    assert_file_eq "$ROOT/.ferry-tmp.0" "$taken"
}

@test "without O_TMPFILE an upload under way is not served by another name, a locked file is" {
    local lock
    without_tmpfile EOPNOTSUPP
    start_server
    half_put file
    # What a filesystem's own second name for a file does, such as vfat's FERRY-~1.0.
    ln "$ROOT/.ferry-tmp.0" "$ROOT/FERRY-~1.0"
    "$WIRE" "$PORT" expect READY send 'GET FERRY-~1.0\n' \
        expect 'ERROR: FERRY-~1.0 does not exist' eof
    go_on file
    wait "$CLIENT" || fail "$(<"$BATS_TEST_TMPDIR/file.says")"
    exec {lock}<"$ROOT/file"
    flock "$lock"
    wire_get file "$BATS_TEST_TMPDIR/got"
    exec {lock}<&-
    assert_file_eq "$BATS_TEST_TMPDIR/got" "$NEW"
    rm "$ROOT/FERRY-~1.0"
    no_litter
}

# overwrite COUNT NAME FILE...: COUNT times, each of the files
overwrite() {
    local count=$1 name=$2 steps=() file i
    shift 2
    for ((i = 0; i < count; i++)); do
        for file in "$@"; do
            steps+=(measure "$file" expect READY send "PUT $name\n" expect OK size @ expect OK
                sendfile "$file" expect DONE close reconnect)
        done
    done
    "$WIRE" "$PORT" timeout 60000 "${steps[@]}"
}

@test "without O_TMPFILE readers never see a mixture, and uploads at once do not mix" {
    local watcher writers=() name
    without_tmpfile EOPNOTSUPP
    start_server --sync=none
    mkfifo "$BATS_TEST_TMPDIR/stop"
    "$BIN/test/whole" "$ROOT/file" "$OLD" "$NEW" <>"$BATS_TEST_TMPDIR/stop" \
        >"$BATS_TEST_TMPDIR/readings" 2>&1 3>&- 4>&- &
    watcher=$!
    track "$watcher"
    for name in file file other; do
        overwrite 25 "$name" "$OLD" "$NEW" >>"$BATS_TEST_TMPDIR/writers" 2>&1 3>&- 4>&- &
        writers+=("$!")
        track "$!"
    done
    for writer in "${writers[@]}"; do
        wait "$writer" || fail "$(<"$BATS_TEST_TMPDIR/writers")"
    done
    echo 1<>"$BATS_TEST_TMPDIR/stop"
    wait "$watcher" || fail "$(<"$BATS_TEST_TMPDIR/readings")"
    assert_contains "$(<"$BATS_TEST_TMPDIR/readings")" "of 2 versions"
    assert_file_eq "$ROOT/file" "$NEW"
    assert_file_eq "$ROOT/other" "$NEW"
    no_litter
}

# ---- linkat, fallocate, close_range ----

@test "where linkat may not name a descriptor, the way through /proc works" {
    # The odd calls are those with AT_EMPTY_PATH: each is followed by its detour.
    without linkat:error=ENOENT:when=1+2
    start_server
    serves file new dir/new dir/deep/new
    injected linkat
    assert_contains "$(<"$TRACE")" '"/proc/self/fd/'
}

@test "without fallocate uploads work, and zeros are not written" {
    without "$NO_FALLOCATE"
    start_server
    serves file new dir/new
    injected fallocate
    truncate -s 20M "$BATS_TEST_TMPDIR/sparse"
    printf end >>"$BATS_TEST_TMPDIR/sparse"
    wire_put "$BATS_TEST_TMPDIR/sparse" sparse
    [ "$("$BIN/test/data_bytes" "$ROOT/sparse")" -le 1048576 ]
    assert_file_eq "$ROOT/sparse" "$BATS_TEST_TMPDIR/sparse"
}

@test "where a pipe cannot be had, or the file takes nothing from one, large uploads are as whole" {
    local injection
    random_file "$BATS_TEST_TMPDIR/large" 5000000
    # Every second splice is from the pipe to the file.
    for injection in pipe2:error=EMFILE splice:error=EINVAL:when=2+2 splice:error=EINVAL:when=4; do
        CALLS=()
        without "$injection"
        start_server
        wire_put "$BATS_TEST_TMPDIR/large" file
        assert_file_eq "$ROOT/file" "$BATS_TEST_TMPDIR/large"
        injected "${injection%%:*}"
    done
}

# open_by PID: what its descriptors lead to, without numbers, sorted
open_by() {
    fds_of "$1" | sed -E 's/^[0-9]+ //; s/[0-9]+/N/g' | LC_ALL=C sort
}

@test "without close_range a worker keeps its own connection and no other client's" {
    local with
    processes_only
    ulimit -n 500 # so many calls instead of one
    start_server -- 1
    hold served waiting next
    held served
    with=$(open_by "$(workers live)")
    kill_server
    without "$NO_CLOSE_RANGE"
    start_server -- 1
    hold first second third
    held first
    injected close_range
    assert_eq "$(open_by "$(workers live)")" "$with" "what the worker has open"
    assert_eq "$(grep -c '^socket:' <<<"$with")" 1 "connections it has open"
    release second
    release first
    held third
}

@test "without close_range a worker closes as many as there can be, and not the limit's number" {
    local calls highest
    processes_only
    without "$NO_CLOSE_RANGE"
    SERVER_PREFIX+=(-e "trace=close,close_range")
    start_server -- 1
    hold served waiting next
    held served
    injected close_range
    calls=$(grep -c "^$(workers live) .*close(" "$TRACE")
    highest=$(find "/proc/$SERVER_PID/fd" -mindepth 1 -printf '%f\n' | sort -n | tail -n 1)
    [ "$calls" -ge 3 ] && [ "$calls" -le $((highest + 20)) ] || fail "$calls calls of close"
}

@test "without close_range no descriptor is too high to be closed, and none keeps a client" {
    local high=70000 # more than was thought to be enough for everybody
    processes_only
    ulimit -n $((high + 1)) 2>/dev/null || high=$(($(ulimit -Hn) - 1))
    ulimit -n $((high + 1))
    without "$NO_CLOSE_RANGE"
    # shellcheck disable=SC2016 # for that shell
    SERVER_PREFIX+=(--seccomp-bpf bash -c 'eval "exec $0</dev/null" && exec "$@"' "$high")
    start_server -- 1
    [ -e "/proc/$SERVER_PID/fd/$high" ]
    hold served waiting
    held served
    refute test -e "/proc/$(workers live)/fd/$high"
    release waiting served
}

# ---- together ----

@test "without openat2 and O_TMPFILE every request works" {
    # So that strace counts, of the calls of openat, those for ".", of each process the first: the
    # server's own try at its start, and in a worker the upload's, since the walk goes by "dir" and
    # "new". Of openat2 it takes away the one for the file.
    PATHS=(-P . -P dir/new)
    without "$NO_OPENAT2" openat:error=EOPNOTSUPP:when=1
    start_server
    serves dir/new
    injected openat2
    injected openat
}

@test "without openat2, close_range, fallocate and linkat by descriptor every request works" {
    ulimit -n 500
    without "$NO_OPENAT2" "$NO_FALLOCATE" "$NO_CLOSE_RANGE" linkat:error=ENOENT:when=1+2
    start_server
    serves file new dir/new dir/deep/new
    injected openat2
    injected fallocate
    injected linkat
    is_threads || injected close_range
}
