#!/usr/bin/env bats
#
# What confines the server and its workers: --sandbox, layer by layer, what is said of it, and what
# a worker that has been taken over can still do. docs/security.md has tables of that; they are read
# here and compared with what the hostile build (test/hostile) does, cell by cell.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

DOCUMENT=$PROJECT/docs/security.md
# shellcheck disable=SC2153 # SERVER is lib.bash's
HOSTILE=$BIN/test/$SERVER-hostile
TRACE=$BATS_TEST_TMPDIR/trace
OUTSIDE=$BATS_TEST_TMPDIR/outside
SIZE=3000000 # large enough for every way to move bytes

setup() {
    [ -z "$SANITIZED" ] || skip "a sanitizer needs what the filter refuses"
    ulimit -S -c 0
    mkdir -p "$ROOT" "$OUTSIDE"
}

# ---- helpers ----

is_root() {
    [ "$EUID" -eq 0 ]
}

root_only() {
    is_root || skip "needs root"
}

# every_layer: skips the test where this kernel lacks one
every_layer() {
    local missing
    start_server --sandbox=require && stop_server && return
    missing=$(sed -n 's/.*: --sandbox=require: //p' "$SERVER_ERR")
    [ -n "$missing" ] || fail "$(<"$SERVER_ERR")" || return
    skip "$missing"
}

# inject [-f] CALL:ERROR[:WHEN]...: these system calls of the server fail, with -f those of each of
# its processes and threads, and are written to TRACE
inject() {
    local fault call rest
    needs_strace
    SERVER_PREFIX=(strace -o "$TRACE")
    for fault in "$@"; do
        call=${fault%%:*} rest=${fault#*:}
        case $fault in
            -f) SERVER_PREFIX+=(-f) ;;
            *:retval=*) SERVER_PREFIX+=(-e "inject=$call:${rest/:/:when=}") ;;
            *) SERVER_PREFIX+=(-e "inject=$call:error=${rest/:/:when=}") ;;
        esac
    done
}

# log_to_pipe: the server's lines go to SERVER_OUT by way of a pipe
log_to_pipe() {
    # shellcheck disable=SC2016 # for that shell to expand
    SERVER_PREFIX=(bash -c 'exec > >(exec 3>&- cat >"$0") 2>&1; exec "$@"' "$SERVER_OUT")
}

# in_force: the layers that -vv names
in_force() {
    wait_for_line "$SERVER_OUT" '^server waiting' && 
        sed -nE 's/^manager [0-9.]+ s: sandbox: ?(.*) \(0 running, 0 waiting\)$/\1/p' "$SERVER_OUT"
}

# status_of PID FIELD: from /proc/PID/status
status_of() {
    awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

# limit_of PID NAME: "soft hard" from /proc/PID/limits
limit_of() {
    sed -nE "s/^$2 +([^ ]+) +([^ ]+).*/\1 \2/p" "/proc/$1/limits"
}

# both_ways: PUT, PUT over it, GET and DEL, of files large and small
both_ways() {
    local name got=$BATS_TEST_TMPDIR/got new=$BATS_TEST_TMPDIR/new
    mkdir -p "$ROOT/dir"
    is_root && chmod 777 "$ROOT/dir"
    for name in file dir/file; do
        random_file "$new" 100
        wire_put "$new" "$name" || fail "PUT $name" || return
        random_file "$new" "$SIZE"
        wire_put "$new" "$name" || fail "PUT over $name" || return
        wire_get "$name" "$got" || fail "GET $name" || return
        assert_file_eq "$got" "$new" || return
        "$WIRE" "$PORT" expect READY send "DEL $name\n" expect DONE eof || fail "DEL $name" || return
        refute test -e "$ROOT/$name" || return
    done
    assert_eq "$(find "$ROOT" -name '.?*' | wc -l)" 0 "hidden files left behind"
}

# ---- --sandbox ----

@test "every layer that the kernel has is in force by default, and -vv names them" {
    local layers
    every_layer
    start_server -vv
    layers=$(in_force)
    [[ $layers =~ ^no_new_privs\ not-dumpable\ rlimits\ landlock\([0-9]+\)\ scope\ seccomp$ ]] ||
        fail "in force: $layers"
    start_server -vv --sandbox=auto
    assert_eq "$(in_force)" "$layers"
    start_server -vv --sandbox=require
    assert_eq "$(in_force)" "$layers"
}

@test "--sandbox=off puts nothing on, and says so" {
    start_server -vv --sandbox=off
    assert_eq "$(in_force)" off
    hold a
    held a
    for pid in "$SERVER_PID" $(is_threads || workers); do
        assert_eq "$(status_of "$pid" NoNewPrivs) $(status_of "$pid" Seccomp)" "0 0" "of $pid"
        assert_eq "$(limit_of "$pid" 'Max core file size')" "$(limit_of $$ 'Max core file size')"
        assert_eq "$(limit_of "$pid" 'Max processes')" "$(limit_of $$ 'Max processes')"
    done
    release a
    both_ways
}

@test "the kernel says the same of the server and of every worker" {
    local task tasks=0
    every_layer
    start_server
    hold a b
    held a b
    for task in "/proc/$SERVER_PID/task"/* $(is_threads || workers | sed 's|^|/proc/|'); do
        assert_eq "$(status_of "${task#/proc/}" NoNewPrivs)" 1 "no_new_privs of $task"
        assert_eq "$(status_of "${task#/proc/}" Seccomp)" 2 "seccomp of $task"
        tasks=$((tasks + 1))
    done
    assert_eq "$tasks" 3 "threads or processes"
    assert_eq "$(limit_of "$SERVER_PID" 'Max core file size')" "0 0"
}

@test "a server that is not dumpable cannot be read by its own user" {
    every_layer
    SERVER_PREFIX=(unprivileged)
    make_readable "$ROOT"
    start_server
    hold a
    held a
    for pid in "$SERVER_PID" $(is_threads || workers); do
        refute unprivileged cat "/proc/$pid/environ" 2>/dev/null
        assert_eq "$(stat -c %u "/proc/$pid/environ")" 0 "owner"
    done
}

@test "a worker process of an ordinary user may have no children" {
    processes_only
    every_layer
    SERVER_PREFIX=(unprivileged)
    make_readable "$ROOT"
    start_server
    hold a b
    held a b
    for pid in $(workers); do
        assert_eq "$(limit_of "$pid" 'Max processes')" "0 0" "of worker $pid"
    done
    refute test "$(limit_of "$SERVER_PID" 'Max processes')" = "0 0"
}

@test "--sandbox takes three words and no other" {
    for word in '' on AUTO none; do
        run "$FERRYD" --sandbox="$word" 0
        assert_eq "$status" 2
        assert_eq "${#lines[@]}" 1 "lines"
        assert_contains "$output" "--sandbox must be auto, require or off"
    done
}

# ---- layers that are missing ----

# refuses LAYER FAULT...: with require, the server names what is missing and exits; with auto it
# goes on without it, and works
refuses() {
    local layer=$1
    shift
    inject "$@"
    mkdir -p "$ROOT"
    run "${SERVER_PREFIX[@]}" "$FERRYD" --sandbox=require -d "$ROOT" 0
    assert_eq "$status" 1 "exit status without $layer" || return
    assert_eq "$output" "$SERVER: --sandbox=require: this kernel has no $layer" || return
    start_server -vv --sandbox=auto || return
    ! in_force | grep -F -- "$layer" || fail "in force without $layer: $(in_force)" || return
    [ "$(in_force | wc -w)" -ge 4 ] || fail "in force without $layer: $(in_force)" || return
    both_ways && stop_server
}

@test "a kernel without Landlock is refused by require, and does for auto" {
    every_layer
    refuses landlock landlock_create_ruleset:ENOSYS
    refuses landlock landlock_create_ruleset:EOPNOTSUPP # there, but not enabled
}

@test "a kernel without seccomp is refused by require, and does for auto" {
    every_layer
    refuses seccomp seccomp:EINVAL
    refuses seccomp seccomp:ENOSYS
}

@test "a kernel that knows no prctl for it is refused by require, and does for auto" {
    root_only # others can have no filter without no_new_privs
    every_layer
    refuses no_new_privs prctl:EINVAL:1
    refuses "not dumpable" prctl:EINVAL:2
}

@test "a kernel that sets no limits is refused by require, and does for auto" {
    every_layer
    refuses rlimits -f prlimit64:ENOSYS
}

@test "a kernel with an older Landlock, that has no scope, is refused by require" {
    every_layer
    inject landlock_create_ruleset:retval=5:1 # the first one asks for the version
    run "${SERVER_PREFIX[@]}" "$FERRYD" --sandbox=require -d "$ROOT" 0
    assert_eq "$status" 1
    assert_eq "$output" "$SERVER: --sandbox=require: this kernel has no landlock scopes (Linux 6.12)"
    start_server -vv
    [[ $(in_force) =~ \ landlock\([0-9]+\)\ seccomp$ ]] || fail "in force: $(in_force)"
    both_ways
}

@test "of every Landlock from 1 on, all is asked that it has, and nothing that it has not" {
    local abi rights=(0 1fff 3fff 7fff 7fff ffff ffff) bytes=(0 8 8 8 16 16 24)
    every_layer
    for abi in 1 2 3 4 5 6; do
        inject "landlock_create_ruleset:retval=$abi:1" # the first one asks for the version
        SERVER_PREFIX+=(-X raw)
        # The second prctl would make it not dumpable, and then strace shows an address only.
        is_root || SERVER_PREFIX+=(-e inject=prctl:retval=0:when=2)
        start_server -vv
        [[ $(in_force) == *" landlock($abi)"* ]] || fail "in force: $(in_force)"
        both_ways
        stop_server
        # One for the server, one for its workers; the kernel refuses what it does not know.
        assert_eq "$(grep -cE "landlock_create_ruleset\(\{handled_access_fs=0x${rights[abi]}[,}].*, ${bytes[abi]}, 0\) = [0-9]" \
            "$TRACE")" 2 "rulesets for version $abi"
    done
}

@test "a worker that cannot be confined ends before it has read a byte, and its client sees the end" {
    processes_only
    every_layer
    root_only # nobody else may begin to trace it
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    start_server -vv --ledger "$BATS_TEST_TMPDIR/ledger"
    # Not from the start on: the server tries one worker, and would leave that layer out.
    strace -f -p "$SERVER_PID" -o "$TRACE" -e inject=landlock_restrict_self:error=EPERM \
        2>"$BATS_TEST_TMPDIR/strace.err" 3>&- 4>&- &
    track "$!"
    wait_for_line "$BATS_TEST_TMPDIR/strace.err" ' attached$'
    "$WIRE" "$PORT" send 'GET file\n' eof || true # it may be told by a reset
    wait_for_line "$SERVER_OUT" ' client 1 ended, .*, sandbox after '
    grep -q '"outcome":"sandbox"}$' "$BATS_TEST_TMPDIR/ledger"
    worker=$(sed -nE 's/.* client 1 started, pid ([0-9]+),.*/\1/p' "$SERVER_OUT")
    whole_calls "$TRACE" | grep "^$worker .*landlock_restrict_self.*(INJECTED)"
    refute grep -E "^$worker .*(recvfrom|read|sendto)\(" "$TRACE"
    is_alive "$SERVER_PID"
}

# tells_of MESSAGE LAYER: with auto the server says MESSAGE, goes on without LAYER, and works; with
# require it says so and ends
tells_of() {
    start_server -vv || return
    grep -qxF "$SERVER: $1; served without it" "$SERVER_ERR" || fail "$(<"$SERVER_ERR")" || return
    ! in_force | grep -F -- "$2" || fail "in force: $(in_force)" || return
    both_ways && stop_server || return
    run "${SERVER_PREFIX[@]}" "$FERRYD" --sandbox=require -d "$ROOT" 0
    assert_eq "$status" 1 "exit status with --sandbox=require" || return
    assert_eq "$output" "$SERVER: --sandbox=require: $1"
}

@test "inside so many Landlock layers that there is no room for ours, it works, and says what it lacks" {
    every_layer
    SERVER_PREFIX=("$BIN/test/layers" 16)
    tells_of "no room for another layer of landlock" landlock
    SERVER_PREFIX=("$BIN/test/layers" 15)
    if is_threads; then
        start_server -vv --sandbox=require # it takes one
        both_ways
    else
        tells_of "a worker can have no Landlock domain of its own (no room for another layer of landlock)" scope
    fi
    SERVER_PREFIX=("$BIN/test/layers" 14)
    start_server -vv --sandbox=require
    both_ways
}

@test "what no worker can put on is left out and told" {
    processes_only
    every_layer
    inject -f prlimit64:EPERM:1 # of each process the first
    tells_of "a worker can have no limit on processes" "no layer has this name"
}

# limited PROGRAM...: as an ordinary user who may write no large files, the log on a pipe
limited() {
    local program=$1
    ! is_root || program=$(_public_copy "$program") || return
    # shellcheck disable=SC2016 # for that shell to expand
    unprivileged bash -c 'ulimit -f 100 && exec "$@"' limited "$program" "${@:2}" \
        > >(exec 3>&- cat >"$SERVER_OUT") 2>&1
}

@test "a limit on files that is lower than --max-size is told, and kept; it is not raised" {
    every_layer
    make_readable "$ROOT"
    chmod 777 "$ROOT"
    SERVER_PREFIX=(limited)
    start_server --max-size 1000000
    wait_for_line "$SERVER_OUT" \
        "^$SERVER: files can have 102400 bytes here, fewer than --max-size: see ulimit -f$"
    random_file "$BATS_TEST_TMPDIR/new" 102400
    wire_put "$BATS_TEST_TMPDIR/new" new
    "$WIRE" "$PORT" expect READY send 'PUT new\n' expect OK size 102401 \
        expect 'ERROR: unable to create file new' eof
    assert_file_eq "$ROOT/new" "$BATS_TEST_TMPDIR/new"
}

# ---- everything works ----

@test "files go both ways, are replaced and deleted, with every layer in force" {
    every_layer
    start_server --sandbox=require
    both_ways
    make_readable "$ROOT"
    chmod 777 "$ROOT"
    SERVER_PREFIX=(unprivileged)
    start_server --sandbox=require
    both_ways
}

@test "and so they do by every detour that older kernels and other filesystems ask for" {
    local faults=(
        openat2:ENOSYS
        openat2:EPERM
        linkat:ENOENT:1
        openat:EOPNOTSUPP:1
        'openat:EOPNOTSUPP:1 flock:ENOLCK'
        fallocate:EOPNOTSUPP
        splice:EINVAL:2+
        pipe2:EMFILE
        close_range:ENOSYS
        clone3:ENOSYS
        'openat2:ENOSYS linkat:ENOENT:1 fallocate:EOPNOTSUPP splice:EINVAL:2+ close_range:ENOSYS'
    )
    every_layer
    ulimit -n 256 # a detour closes them one by one
    for fault in "${faults[@]}"; do
        # shellcheck disable=SC2086 # several
        inject -f $fault
        # Of openat the first one of ".", which is O_TMPFILE, also of the server's own.
        [[ $fault != openat:* ]] || SERVER_PREFIX+=(-P . -P "$ROOT/.ferry-tmp.0")
        start_server --sandbox=require || fail "with $fault" || return
        both_ways || fail "with $fault" || return
        stop_server
    done
}

@test "--max-size holds, and a log in a file that is larger is not cut short" {
    every_layer
    start_server -v --max-size 1000
    random_file "$BATS_TEST_TMPDIR/new" 1000
    for i in {1..30}; do
        wire_put "$BATS_TEST_TMPDIR/new" "file$i"
    done
    [ "$(stat -c %s "$SERVER_OUT")" -gt 2500 ]
    assert_eq "$(grep -c '^server receiving 1000 bytes$' "$SERVER_OUT")" 30 "lines of workers"
}

@test "where no log is in the way, the kernel itself sees to --max-size" {
    processes_only
    every_layer
    FERRYD=$HOSTILE
    start_server --max-size 1000
    assert_eq "$(deed fill-disk)" ok
    rm "$ROOT/filler"
    log_to_pipe
    start_server --max-size 1000
    assert_eq "$(deed fill-disk)" EFBIG
}

@test "with --read-only the kernel refuses a worker to write, make or delete anything" {
    every_layer
    FERRYD=$HOSTILE
    prepare_deeds
    before=$(tree_sum "$ROOT")
    start_server --read-only
    for name in write-inside create-inside delete-inside rename-inside fill-disk; do
        assert_eq "$(deed "$name")" EACCES "$name"
    done
    assert_eq "$(deed read-inside)" ok
    assert_eq "$(tree_sum "$ROOT")" "$before" "what is below the root"
}

@test "strace still follows the server and its workers, and what it injects takes effect" {
    every_layer
    inject -f fsync:EIO
    start_server --sandbox=require
    "$WIRE" "$PORT" expect READY send 'PUT new\n' expect OK size 5 expect OK send hello \
        expect 'ERROR: unable to create file new' eof
    assert_eq "$(ls -A "$ROOT")" "" "what is below the root"
    assert_eq "$(whole_calls "$TRACE" | grep -c 'fsync.*EIO.*(INJECTED)')" 1 "calls that failed"
    # The other way round, a call that is suppressed and told to have succeeded.
    SERVER_PREFIX=(strace -f -o "$TRACE" -e trace=fsync -e inject=fsync:retval=0)
    start_server --sandbox=require
    "$WIRE" "$PORT" expect READY send 'PUT new\n' expect OK size 5 expect OK send hello \
        expect DONE eof
    assert_eq "$(whole_calls "$TRACE" | grep -c 'fsync.*= 0 (INJECTED)')" 2 "calls that were suppressed"
}

# ---- a worker that has been taken over ----

# documented COLUMN: "deed: outcome" for every line of the document's tables of deeds
documented() {
    awk -F ' *[|] *' -v column="$1" '
        !/^[|]/ { at = 0 }
        $2 == "deed" { for (i = 3; i <= NF; i++) if ($i == column) at = i }
        at && $2 ~ /^`[a-z0-9-]+`$/ { gsub(/`/, "", $2); print $2 ": " $at }' "$DOCUMENT"
}

# prepare_deeds: a file for each deed to act on, inside and outside, which anybody may write
prepare_deeds() {
    local name
    rm -rf "$ROOT" "$OUTSIDE"
    mkdir -p "$ROOT/empty-dir" "$OUTSIDE"
    while read -r name; do
        echo inside >"$ROOT/${name%:*}"
        echo outside >"$OUTSIDE/${name%:*}"
    done < <(documented "as root")
    [ -f "$ROOT/read-inside" ] || fail "no deeds in $DOCUMENT" || return
    make_readable "$ROOT" && make_readable "$OUTSIDE" || return
    chmod -R a+rwX "$ROOT" "$OUTSIDE"
    ! is_root || chown -R "$NOBODY:$NOBODY" "$ROOT"
}

# Content, names, modes, owners, sizes and times of what is outside.
outside_sum() {
    find "$OUTSIDE" -printf '%y %m %U %G %s %n %T@ %C@ %P %l\n' | LC_ALL=C sort
    tree_sum "$OUTSIDE"
}

# keep_something: a client whose worker keeps its secret in memory; sets SIBLING
keep_something() {
    rm -f "$BATS_TEST_TMPDIR/keeper" "$BATS_TEST_TMPDIR/keeper.out"
    mkfifo "$BATS_TEST_TMPDIR/keeper"
    "$WIRE" "$PORT" timeout 600000 expect READY send 'KEEP sesame\n' expect 'kept\n' say kept wait \
        <>"$BATS_TEST_TMPDIR/keeper" >"$BATS_TEST_TMPDIR/keeper.out" 3>&- 4>&- &
    track "$!"
    wait_for_line "$BATS_TEST_TMPDIR/keeper.out" '^kept$' || return
    SIBLING=$(workers)
}

# deed NAME: what came of it; nothing where the worker ended without a word
deed() {
    "$WIRE" "$PORT" expect READY send "DEED $1 ${SIBLING:-$SERVER_PID} $OUTSIDE\n" rest |
        sed -E 's/^[^:]*: //; s/\\x0a$//'
}

# fate SERIAL: how the worker of that client ended, from -vv
fate() {
    wait_for_line "$SERVER_OUT" " client $1 ended, " || return
    sed -nE "s/.* client $1 ended, [a-z]+ [0-9]+, (killed by )?(signal [0-9]+)?.*/\2/p" "$SERVER_OUT"
}

# outcomes NAME...: "name: outcome" of each, by the second and further clients of the server
outcomes() {
    local name outcome serial=1
    for name in "$@"; do
        serial=$((serial + 1))
        outcome=$(deed "$name") || return
        [ -n "$outcome" ] || outcome=$(fate "$serial") || return
        echo "$name: ${outcome:-ends}"
    done
}

# comes_out COLUMN OPTION...: each deed comes out as documented, with the server so started; there
# are more than FEWEST
comes_out() {
    local column=$1 names
    shift
    documented "$column" | grep -v -e ': depends$' -e '(all)$' >"$BATS_TEST_TMPDIR/documented"
    has_old_gate || sed -i '/^old-gate: /d' "$BATS_TEST_TMPDIR/documented"
    # That is libc's own way to end.
    [ "${LIBC:-}" != musl ] || sed -i 's/^free-twice: signal 6/free-twice: signal 11/' "$BATS_TEST_TMPDIR/documented"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/documented")" -gt "${FEWEST:-50}" ] || fail "no column $column" || return
    mapfile -t names < <(cut -d: -f1 "$BATS_TEST_TMPDIR/documented")
    FERRYD=$HOSTILE
    prepare_deeds || return
    BEFORE=$(outside_sum)
    start_server -vv "$@" || return
    keep_something || return
    outcomes "${names[@]}" >"$BATS_TEST_TMPDIR/outcomes" || return
    diff "$BATS_TEST_TMPDIR/documented" "$BATS_TEST_TMPDIR/outcomes" >&2 ||
        fail "these are not as $DOCUMENT says (<), in column $column"
}

# Whether this machine runs 32-bit programs, too: with a server that does not mind.
has_old_gate() {
    local server=$FERRYD outcome
    FERRYD=$BIN/test/ferryd-hostile
    start_server --sandbox=off >&2 || return
    outcome=$(SIBLING='' deed old-gate)
    kill_server
    FERRYD=$server
    [ "$outcome" = ok ]
}

@test "a worker cannot see what another one claims, with a sandbox or without" {
    local mode
    processes_only
    FERRYD=$HOSTILE
    for mode in auto off; do
        start_server --sandbox="$mode"
        keep_something
        assert_eq "$(deed sibling-claims)" EFAULT "with --sandbox=$mode"
        kill_server
    done
}

outside_is_untouched() {
    assert_eq "$(outside_sum)" "$BEFORE" "what is outside the root"
}

@test "as root, a worker that was taken over can do what docs/security.md says, and no more" {
    processes_only
    root_only
    every_layer
    comes_out "as root"
    outside_is_untouched
}

@test "as an ordinary user, a worker can do what docs/security.md says, and no more" {
    processes_only
    every_layer
    SERVER_PREFIX=(unprivileged)
    comes_out "as a user"
    outside_is_untouched
}

@test "with --user, a worker can do what docs/security.md says, and no more" {
    processes_only
    root_only
    every_layer
    comes_out "--user" --user "$NOBODY:$NOBODY"
    outside_is_untouched
}

@test "a thread can do what docs/security.md says, and no more" {
    is_threads || skip "about threads"
    every_layer
    comes_out threads
    outside_is_untouched
}

@test "without a sandbox, each of the deeds can be done: the table is about something" {
    processes_only
    root_only
    # All that root has by itself; in a container it may have less.
    [ $((16#$(status_of self CapEff) & 16#2c0001)) -eq $((16#2c0001)) ] || skip "root has few rights here"
    comes_out off --sandbox=off
    [ "$(outside_sum)" != "$BEFORE" ] || fail "nothing has happened outside"
}

@test "what ends one worker ends all of them where they are threads" {
    local name how status
    is_threads || skip "about threads"
    every_layer
    documented threads | grep '(all)$' >"$BATS_TEST_TMPDIR/documented"
    [ "${LIBC:-}" != musl ] || sed -i 's/^free-twice: signal 6/free-twice: signal 11/' "$BATS_TEST_TMPDIR/documented"
    has_old_gate || sed -i '/^old-gate: /d' "$BATS_TEST_TMPDIR/documented"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/documented")" -ge 5 ]
    FERRYD=$HOSTILE
    prepare_deeds
    while read -r name how; do
        start_server
        keep_something
        assert_eq "$(deed "${name%:}")" "" "answer to $name"
        wait_server
        status=0
        [[ $how != signal* ]] || status=$((128 + ${how//[^0-9]/}))
        assert_eq "$SERVER_STATUS" "$status" "exit status after $name"
    done <"$BATS_TEST_TMPDIR/documented"
}

@test "with --http and --make-directories, a worker can do what docs/security.md says, and no more" {
    local option
    every_layer
    FEWEST=8
    is_root || SERVER_PREFIX=(unprivileged)
    for option in '--http 127.0.0.1:0' --make-directories; do
        # shellcheck disable=SC2086 # an option and its value
        comes_out "${option%% *}" $option || fail "with $option"
        outside_is_untouched
        kill_server
    done
    # Of two options that do not go together, the kernel sees the second one's side, too.
    prepare_deeds
    start_server --read-only --http 127.0.0.1:0
    keep_something
    assert_eq "$(deed list-inside) $(deed make-dir) $(deed create-inside)" "ok EPERM EACCES"
}

@test "docs/security.md names every deed of the hostile build, and no other" {
    processes_only
    FERRYD=$HOSTILE
    start_server
    "$WIRE" "$PORT" expect READY send 'DEEDS\n' rest | sed 's/^READY//; s/\\x0a/\n/g' |
        grep -v -e '^$' -e '^every-call$' | sort >"$BATS_TEST_TMPDIR/built"
    documented "as root" | cut -d: -f1 | sort >"$BATS_TEST_TMPDIR/documented"
    diff "$BATS_TEST_TMPDIR/documented" "$BATS_TEST_TMPDIR/built" >&2 || fail "the document's are <"
}

# calls_in ROW: the system calls in that row of the document's list, one a line
calls_in() {
    tr -d '`' <"$DOCUMENT" | sed -nE "s/^\| $1 \| (.*) \|\$/\1/p" | tr ' ' '\n'
}

# these_get_through ROW...: the calls of these rows of the list, and no other
these_get_through() {
    local row
    for row in 'some arguments only' 'with --make-directories, some arguments only'; do
        calls_in "$row"
    done >"$BATS_TEST_TMPDIR/some"
    deed every-call | tr ' ' '\n' | grep -vxF -e -1 -f "$BATS_TEST_TMPDIR/some" | sort \
        >"$BATS_TEST_TMPDIR/through"
    for row in "$@"; do
        calls_in "$row"
    done | grep -vx -e exit -e exit_group -e rt_sigreturn | sort >"$BATS_TEST_TMPDIR/documented"
    [ "$(uname -m)" = x86_64 ] || sed -i -E '/^(poll|fork)$/d' "$BATS_TEST_TMPDIR/documented"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/documented")" -gt 30 ] || return
    diff "$BATS_TEST_TMPDIR/documented" "$BATS_TEST_TMPDIR/through" >&2 || fail "the document's are <"
}

@test "of all system calls, those get through that docs/security.md lists, and no other" {
    local always=(both 'both, but not on 0 to 2' "$SERVER only")
    every_layer
    FERRYD=$HOSTILE
    start_server
    these_get_through "${always[@]}"
    start_server --http 127.0.0.1:0 --make-directories
    these_get_through "${always[@]}" 'with --http, but not on 0 to 2'
}
