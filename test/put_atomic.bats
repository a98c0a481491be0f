#!/usr/bin/env bats
# Guarantee 2: no partial file is ever visible. An upload that does not finish leaves the old file,
# or no file, and no litter, whatever dies; readers see the old file or the new one, whole.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

WAIT_SECONDS=60 # a disk that other tests fill can be slow to let go of a file

setup() {
    mkdir -p "$ROOT/dir"
    OLD=$BATS_TEST_TMPDIR/old
    NEW=$BATS_TEST_TMPDIR/new
    random_file "$OLD" 100000
    random_file "$NEW" 3000000 # large enough for every way that bytes may take to the file
    cp "$OLD" "$ROOT/file"
    BEFORE=$(tree_sum "$ROOT")
    declare -gA CLIENT=()
}

# ---- clients that stop in the middle ----

# begin ID STEP...: a client in the background; returns when it has passed its step `say paused`
begin() {
    local base=$BATS_TEST_TMPDIR/client.$1 id=$1
    shift
    rm -f "$base.in"
    mkfifo "$base.in"
    "$WIRE" "$PORT" timeout 60000 "$@" <>"$base.in" >"$base.says" 2>&1 3>&- 4>&- &
    CLIENT[$id]=$!
    track "$!"
    wait_for_line "$base.says" '^paused$'
}

# begin_put ID NAME [FILE]: an upload of FILE (default NEW) that pauses halfway
begin_put() {
    local file=${3:-$NEW} bytes half
    bytes=$(stat -c %s "$file")
    half=$((bytes / 2))
    head -c "$half" "$file" >"$BATS_TEST_TMPDIR/head.$1"
    tail -c +$((half + 1)) "$file" >"$BATS_TEST_TMPDIR/tail.$1"
    begin "$1" expect READY send "PUT $2\n" expect OK size "$bytes" expect OK \
        sendfile "$BATS_TEST_TMPDIR/head.$1" say paused wait \
        sendfile "$BATS_TEST_TMPDIR/tail.$1" expect DONE eof
}

# start_put ID NAME FILE: a whole upload in the background, for workers that will be stopped; once its
# worker is there it waits for go_on
start_put() {
    begin "$1" measure "$3" expect READY say paused wait send "PUT $2\n" expect OK \
        size @ expect OK sendfile "$3" expect DONE eof
}

# go_on ID: past its `wait`
go_on() {
    echo 1<>"$BATS_TEST_TMPDIR/client.$1.in"
}

# ends_well ID, ends_badly ID: the client, which expects DONE, got it; or did not
ends_well() {
    wait "${CLIENT[$1]}" || fail "client $1: $(cat "$BATS_TEST_TMPDIR/client.$1.says")"
}

ends_badly() {
    refute wait "${CLIENT[$1]}"
    # By then it had gone as far as it was meant to.
    assert_contains "$(cat "$BATS_TEST_TMPDIR/client.$1.says")" paused
}

# ---- what is under the root ----

nothing_changed() {
    assert_eq "$(tree_sum "$ROOT")" "$BEFORE" "the tree ($1)" || fail "$(ls -lAR "$ROOT")"
}

nothing_changes_when_all_end() {
    wait_until "$WAIT_SECONDS" workers_are 0
    nothing_changed "$1"
}

still_serves() {
    wire_put "$NEW" afterwards
    assert_file_eq "$ROOT/afterwards" "$NEW"
}

# ---- strace ----

TRACE=$BATS_TEST_TMPDIR/trace

# traced OPTION...: the next server runs under strace
traced() {
    needs_strace
    look_inside
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$TRACE" "$@")
}

# stopped PID COUNT: waits until a signal that strace sent has stopped the worker that often
stopped() {
    wait_for_line "$TRACE" "^$1 +--- stopped by SIGSTOP" "$2"
}

# new_worker PID...: the pid of the one worker that is none of these
new_worker() {
    workers live | grep -vxF "$(printf '%s\n' none "$@")"
}

# goes_on_to_its_end PID: to wait for, of one that is stopped again and again
goes_on_to_its_end() {
    kill -CONT "$1" 2>/dev/null || true
    is_gone "$1"
}

# ---- while it runs ----

@test "while an upload is under way, the old file is read and nothing new is seen" {
    local got=$BATS_TEST_TMPDIR/got
    start_server
    begin_put a file
    begin_put b dir/new
    nothing_changed "two uploads are halfway"
    wire_get file "$got"
    assert_file_eq "$got" "$OLD"
    "$WIRE" "$PORT" expect READY send 'GET dir/new\n' expect 'ERROR: dir/new does not exist' eof
    go_on a
    go_on b
    ends_well a
    ends_well b
    assert_file_eq "$ROOT/file" "$NEW"
    assert_file_eq "$ROOT/dir/new" "$NEW"
}

@test "a reader that opened the old file reads it to its end after it was replaced" {
    local got=$BATS_TEST_TMPDIR/got fd
    start_server
    begin a expect READY send 'GET file\n' expect OK send READY learn-size send OK skip 1 \
        say paused wait save 99999 "$got" expect DONE eof
    exec {fd}<"$ROOT/file"
    wire_put "$NEW" file
    assert_file_eq "/proc/self/fd/$fd" "$OLD"
    exec {fd}<&-
    go_on a
    ends_well a
    tail -c +2 "$OLD" | cmp - "$got"
}

# ---- clients that leave ----

@test "a client that closes, resets or half-closes too early leaves no trace, wherever it stops" {
    local bytes ending name put stages stage
    bytes=$(stat -c %s "$NEW")
    head -c 1500000 "$NEW" >"$BATS_TEST_TMPDIR/half"
    head -c $((bytes - 1)) "$NEW" >"$BATS_TEST_TMPDIR/most"
    start_server
    for name in file dir/new; do
        put="expect OK size $bytes expect OK"
        stages=("expect OK" "expect OK send \\0\\0\\0" "$put" "$put sendfile $BATS_TEST_TMPDIR/half"
            "$put sendfile $BATS_TEST_TMPDIR/most")
        for stage in "${stages[@]}"; do
            for ending in close reset "shut eof"; do
                # shellcheck disable=SC2086  # a row of steps
                "$WIRE" "$PORT" expect READY send "PUT $name\n" $stage $ending
                nothing_changes_when_all_end "PUT $name, $stage, $ending"
            done
        done
    done
    still_serves
}

@test "a client that falls silent leaves no trace" {
    start_server -t 1
    begin_put a file
    begin_put b dir/new
    nothing_changes_when_all_end "after the timeout"
    go_on a
    go_on b
    ends_badly a
    ends_badly b
}

# ---- the server's processes die ----

@test "a worker killed halfway leaves no trace, whatever kills it" {
    local signal
    processes_only
    EXPECT_CRASH=yes
    start_server
    for signal in KILL SEGV ABRT BUS TERM; do
        begin_put a file
        begin_put b dir/new
        # shellcheck disable=SC2046
        kill -"$signal" $(workers live)
        nothing_changes_when_all_end "SIG$signal"
        go_on a
        go_on b
        ends_badly a
        ends_badly b
    done
    still_serves
}

@test "the server killed halfway leaves no trace, and its workers end with it" {
    local pids pid
    start_server
    begin_put a file
    begin_put b dir/new
    pids=$(is_threads || workers live)
    kill_server
    for pid in $pids; do
        wait_until "$WAIT_SECONDS" is_gone "$pid"
    done
    nothing_changed "the server is dead"
    go_on a
    go_on b
    ends_badly a
    ends_badly b
}

@test "a server that stops and grants no grace leaves no trace of what it was receiving" {
    start_server -g 0
    begin_put a file
    begin_put b dir/new
    stop_server
    nothing_changed "the server has stopped"
    go_on a
    go_on b
    ends_badly a
    ends_badly b
}

@test "a server that stops lets an upload finish within the grace" {
    start_server -g 60
    begin_put a file
    kill -TERM "$SERVER_PID"
    "$WIRE" "$PORT" gone || [ "$?" -eq 3 ] # it no longer serves others
    go_on a
    ends_well a
    wait_server
    assert_file_eq "$ROOT/file" "$NEW"
    assert_eq "$(ls -A "$ROOT")" $'dir\nfile' "what is under the root"
}

# ---- several at once ----

@test "of two uploads of one name at once, the one that ends last is there, whole" {
    random_file "$BATS_TEST_TMPDIR/other" 70000
    start_server
    begin_put a file "$NEW"
    begin_put b file "$BATS_TEST_TMPDIR/other"
    go_on a
    ends_well a
    assert_file_eq "$ROOT/file" "$NEW"
    go_on b
    ends_well b
    assert_file_eq "$ROOT/file" "$BATS_TEST_TMPDIR/other"
    begin_put a file "$NEW"
    begin_put b file "$BATS_TEST_TMPDIR/other"
    go_on b
    ends_well b
    assert_file_eq "$ROOT/file" "$BATS_TEST_TMPDIR/other"
    go_on a
    ends_well a
    assert_file_eq "$ROOT/file" "$NEW"
    assert_eq "$(ls -A "$ROOT")" $'dir\nfile' "what is under the root"
}

# overwrite COUNT NAME FILE...: one client after the other PUTs the files in turn, COUNT times all
overwrite() {
    local count=$1 name=$2 steps=() file i
    shift 2
    for ((i = 0; i < count; i++)); do
        for file in "$@"; do
            steps+=(measure "$file" expect READY send "PUT $name\n" expect OK size @ expect OK
                sendfile "$file" expect DONE close reconnect)
        done
    done
    "$WIRE" "$PORT" "${steps[@]}"
}

# background ID COMMAND...
background() {
    local id=$1
    shift
    "$@" <>"$BATS_TEST_TMPDIR/stop" >"$BATS_TEST_TMPDIR/client.$id.says" 2>&1 3>&- 4>&- &
    CLIENT[$id]=$!
    track "$!"
}

@test "readers never see a mixture while thousands of uploads replace a file" {
    local rounds=170 sizes=(1 70000 9 250000) v=() gets=0 readings i
    [ -z "$SANITIZED" ] || rounds=25
    start_server --sync=none -- 8
    # Four versions, each in the pattern that swarm -v knows, from another first byte on.
    for i in 0 1 2 3; do
        "$SWARM" -n $((i + 1)) -s "${sizes[i]}" "$PORT" PUT "v$i" >/dev/null
        v+=("$BATS_TEST_TMPDIR/v$i")
        cp "$ROOT/v$i-$i" "${v[i]}"
    done
    cp "${v[0]}" "$ROOT/file"
    mkfifo "$BATS_TEST_TMPDIR/stop"
    background watcher "$BIN/test/whole" "$ROOT/file" "${v[@]}"
    background a overwrite "$rounds" file "${v[0]}" "${v[1]}" "${v[2]}" "${v[3]}"
    background b overwrite "$rounds" file "${v[3]}" "${v[1]}" "${v[2]}" "${v[0]}"
    background c overwrite "$rounds" file "${v[1]}" "${v[2]}" "${v[0]}" "${v[3]}"
    while is_alive "${CLIENT[a]}" || is_alive "${CLIENT[b]}" || is_alive "${CLIENT[c]}"; do
        "$SWARM" -c 1 -n 100 -v "$PORT" GET file >/dev/null
        is_alive "${CLIENT[watcher]}" || ends_well watcher
        gets=$((gets + 100))
    done
    ends_well a
    ends_well b
    ends_well c
    echo 1<>"$BATS_TEST_TMPDIR/stop"
    ends_well watcher
    readings=$(<"$BATS_TEST_TMPDIR/client.watcher.says")
    assert_contains "$readings" "of 4 versions"
    [ "${readings%% *}" -ge 100 ] && [ "$gets" -ge 100 ] || fail "only $readings and $gets GETs"
    assert_eq "$(find "$ROOT" -name '.*' -type f)" "" "litter"
}

@test "uploads that replace several files of one directory at once do not mix them up" {
    local rounds=100 i name
    [ -z "$SANITIZED" ] || rounds=25
    start_server --sync=none -- 4
    : >"$BATS_TEST_TMPDIR/stop"
    for name in a b c d; do
        printf old >"$ROOT/$name"
        for i in 1 2; do
            random_file "$BATS_TEST_TMPDIR/$name$i" $((i * 3000))
        done
        background "$name" overwrite "$rounds" "$name" "$BATS_TEST_TMPDIR/$name"{1,2}
    done
    for name in a b c d; do
        ends_well "$name"
    done
    for name in a b c d; do
        assert_file_eq "$ROOT/$name" "$BATS_TEST_TMPDIR/${name}2"
    done
    assert_eq "$(find "$ROOT" -name '.*' -type f)" "" "litter"
}

@test "no upload takes another's temporary name away, however their steps interleave" {
    local a b c name
    processes_only # they can be stopped one by one
    for name in a b c; do
        printf old >"$ROOT/$name"
        random_file "$BATS_TEST_TMPDIR/$name" 1000
    done
    # Each stops after it has linked the temporary name, or opened it to see whose it is.
    traced -P .ferry-tmp.0 -e trace=linkat,renameat,renameat2,unlinkat,openat \
        -e inject=linkat,openat:signal=STOP
    start_server
    start_put a a "$BATS_TEST_TMPDIR/a"
    a=$(new_worker)
    go_on a
    stopped "$a" 1 # has it
    start_put b b "$BATS_TEST_TMPDIR/b"
    b=$(new_worker "$a")
    go_on b
    stopped "$b" 1 # has found it taken
    kill -CONT "$b"
    stopped "$b" 2 # has opened a's file, to see whether its writer lives
    kill -CONT "$a"
    ends_well a # and now the name is free, and that file is another's no more
    start_put c c "$BATS_TEST_TMPDIR/c"
    c=$(new_worker "$b")
    go_on c
    stopped "$c" 1 # has it
    kill -CONT "$b"
    stopped "$b" 3 # has tried again
    kill -CONT "$c"
    ends_well c
    assert_file_eq "$ROOT/c" "$BATS_TEST_TMPDIR/c"
    wait_until "$WAIT_SECONDS" goes_on_to_its_end "$b"
    ends_well b
    for name in a b c; do
        assert_file_eq "$ROOT/$name" "$BATS_TEST_TMPDIR/$name"
    done
    assert_eq "$(ls -A "$ROOT")" $'a\nb\nc\ndir\nfile' "what is under the root"
}

# ---- between the temporary name and the real one ----

# hidden_file_cannot_be_named PATH: a file that is there, by none of the verbs
hidden_file_cannot_be_named() {
    local before name
    before=$(tree_sum "$ROOT")
    for name in "$1" "./$1"; do
        "$WIRE" "$PORT" expect READY send "GET $name\n" expect "ERROR: $name does not exist" eof
        "$WIRE" "$PORT" expect READY send "DEL $name\n" expect "ERROR: $name does not exist" eof
        "$WIRE" "$PORT" expect READY send "PUT $name\n" expect "ERROR: unable to create file $name" eof
    done
    assert_eq "$(tree_sum "$ROOT")" "$before" "the tree"
}

@test "a file under a temporary name cannot be named, at any depth" {
    cp "$NEW" "$ROOT/.ferry-tmp.0"
    cp "$NEW" "$ROOT/dir/.ferry-tmp.17"
    mkdir "$ROOT/.ferry-tmp.d"
    cp "$NEW" "$ROOT/.ferry-tmp.d/inside"
    start_server
    hidden_file_cannot_be_named .ferry-tmp.0
    hidden_file_cannot_be_named dir/.ferry-tmp.17
    hidden_file_cannot_be_named dir/.//.ferry-tmp.17
    hidden_file_cannot_be_named .ferry-tmp.d/inside
    # A filesystem may think that case makes no difference.
    hidden_file_cannot_be_named .FERRY-TMP.0
    hidden_file_cannot_be_named dir/.Ferry-tmP.17
}

@test "a worker killed between the two leaves the old file and a hidden one, which the next clears" {
    processes_only
    EXPECT_CRASH=yes
    traced -e trace=linkat,renameat,renameat2 -e inject=renameat,renameat2:signal=KILL
    start_server
    start_put a file "$NEW"
    go_on a
    ends_badly a
    wait_until "$WAIT_SECONDS" workers_are 0
    assert_file_eq "$ROOT/file" "$OLD"
    assert_eq "$(ls -A "$ROOT")" $'.ferry-tmp.0\ndir\nfile' "what is under the root"
    assert_file_eq "$ROOT/.ferry-tmp.0" "$NEW"
    kill_server
    SERVER_PREFIX=()
    start_server
    hidden_file_cannot_be_named .ferry-tmp.0
    wire_put "$NEW" file
    assert_file_eq "$ROOT/file" "$NEW"
    assert_eq "$(ls -A "$ROOT")" $'dir\nfile' "what is under the root"
}

@test "litter that several dead workers left is cleared, one by each that replaces a file" {
    cp "$NEW" "$ROOT/.ferry-tmp.0"
    cp "$NEW" "$ROOT/.ferry-tmp.1"
    start_server
    wire_put "$NEW" file
    refute test -e "$ROOT/.ferry-tmp.0"
    assert_file_eq "$ROOT/file" "$NEW"
}

@test "litter of any mode is cleared by an ordinary user" {
    local mode
    make_readable "$ROOT"
    SERVER_PREFIX=(unprivileged)
    chmod 777 "$ROOT" # or make it nobody's
    start_server
    for mode in 000 200 400; do
        unprivileged cp /dev/null "$ROOT/.ferry-tmp.0"
        unprivileged chmod "$mode" "$ROOT/.ferry-tmp.0"
        wire_put "$NEW" file
        assert_eq "$(ls -A "$ROOT")" $'dir\nfile' "what is under the root after litter of mode $mode"
    done
    assert_file_eq "$ROOT/file" "$NEW"
}

@test "what else bears a temporary name stops nobody, and what it leads to is not touched" {
    mkdir "$ROOT/.ferry-tmp.0"
    ln -s file "$ROOT/.ferry-tmp.1"
    ln -s ../old "$ROOT/.ferry-tmp.2"
    printf other >"$ROOT/other"
    start_server
    wire_put "$NEW" other
    assert_file_eq "$ROOT/other" "$NEW"
    assert_eq "$(sha256sum <"$ROOT/file")" "$(sha256sum <"$OLD")" "the file a link leads to"
    [ -d "$ROOT/.ferry-tmp.0" ] && [ -L "$ROOT/.ferry-tmp.1" ] && [ -L "$ROOT/.ferry-tmp.2" ]
}

@test "SIGTERM at any step of taking the name leaves the old file or the new, and nothing else" {
    local step call when which
    processes_only
    EXPECT_CRASH=yes
    # The first linkat finds that the name is taken; from the second on there is no way back.
    for step in fsync:1:OLD linkat:1:OLD linkat:2:NEW renameat,renameat2:1:NEW; do
        IFS=: read -r call when which <<<"$step"
        cp "$OLD" "$ROOT/file"
        traced -e trace=fsync,linkat,renameat,renameat2 -e inject="$call:signal=TERM:when=$when"
        start_server
        start_put "$step" file "$NEW"
        go_on "$step"
        ends_badly "$step"
        wait_until "$WAIT_SECONDS" workers_are 0
        assert_eq "$(ls -A "$ROOT")" $'dir\nfile' "what is under the root after SIGTERM at $step"
        cmp "$ROOT/file" "${!which}" || fail "SIGTERM at $step"
        kill_server
    done
}

@test "a server killed while a worker takes the name leaves no litter" {
    local worker
    processes_only
    EXPECT_CRASH=yes
    traced -P .ferry-tmp.0 -e trace=linkat -e inject=linkat:signal=STOP
    start_server
    start_put a file "$NEW"
    worker=$(new_worker)
    go_on a
    stopped "$worker" 1
    assert_eq "$(ls -A "$ROOT")" $'.ferry-tmp.0\ndir\nfile' "what is under the root in between"
    kill -KILL "$SERVER_PID"
    wait_until "$WAIT_SECONDS" is_gone "$SERVER_PID"
    kill -CONT "$worker"
    wait_until "$WAIT_SECONDS" is_gone "$worker"
    assert_file_eq "$ROOT/file" "$NEW"
    assert_eq "$(ls -A "$ROOT")" $'dir\nfile' "what is under the root"
}
