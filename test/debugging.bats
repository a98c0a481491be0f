#!/usr/bin/env bats
# Runs on: once
#
# "Debug one client" in docs/contributing.md: gdb reaches the breakpoint by the commands that stand
# there, also for an ordinary user, and what the page says of the sandbox is so.
#
# Names that lib.bash sets and reads:
# shellcheck disable=SC2034,SC2153

load lib

PAGE=$PROJECT/docs/contributing.md
DEADLINE=120 # for a gdb that waits in vain

setup() {
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
    mkdir -p "$ROOT"
    echo hello >"$ROOT/notes.txt"
    COMMANDS=$BATS_TEST_TMPDIR/commands OUT=$BATS_TEST_TMPDIR/out
    make_readable "$ROOT"
    install -m 755 -D -t "$BATS_TEST_TMPDIR/bin" "$BIN/ferryd" "$BIN/ferryd-threads"
    make_readable "$BATS_TEST_TMPDIR/bin/ferryd"
}

needs_gdb() {
    type -P gdb >/dev/null || skip "needs gdb"
    unprivileged gdb -q -nx -batch -ex run -ex 'info proc' true 2>&1 | grep -q 'exited normally' ||
        skip "gdb may not trace here"
}

# session COMMAND: the gdb commands that the page has below the line with this one, and its arguments
session() {
    awk -v start="    $1" '
        $0 == start || index($0, start " ") == 1 { found = 1; next }
        found && /^    \(gdb\) / { sub(/^    \(gdb\) /, ""); print; any = 1; next }
        any { exit }' "$PAGE"
}

# debug PROGRAM [SED-EXPRESSION]: gdb as the page has it, on a free port, up to the breakpoint in
# lab_run; its output goes to OUT
debug() {
    session "gdb build/debug/$1" |
        sed -e "s|/tmp/served|$ROOT|; s| 9000 | 0 |; ${2:-}" -e '/^run /a info inferiors' >"$COMMANDS"
    grep -q "^run .*$ROOT" "$COMMANDS" || fail "no commands in the page for: gdb build/debug/$1" || return
    echo bt >>"$COMMANDS"
    make_readable "$COMMANDS"
    unprivileged timeout "$DEADLINE" gdb -q -nx -batch -ex 'set pagination off' -x "$COMMANDS" \
        "$BATS_TEST_TMPDIR/bin/$1" >"$OUT" 2>&1 3>&- &
    GDB=$!
    track "$GDB"
}

# ask_for_notes: a client of the server that gdb has started
ask_for_notes() {
    local port
    wait_for_line "$OUT" '^server waiting on port [0-9]+$' || return
    port=$(sed -n 's/^server waiting on port //p' "$OUT")
    "$FERRY" -t 0 -o "$BATS_TEST_TMPDIR/got" localhost "$port" GET notes.txt >/dev/null 2>&1 3>&- &
    track "$!"
}

# gdb leaves a parent that it does not follow.
end_parent() {
    local parent
    parent=$(sed -n 's/.*process \([0-9]*\) .*/\1/p' "$OUT" | head -n 1)
    [ -z "$parent" ] || kill -KILL "$parent" 2>/dev/null || :
}

@test "gdb stops a session of ferryd-threads, by the page's commands, for an ordinary user" {
    needs_gdb
    debug ferryd-threads
    ask_for_notes
    wait "$GDB"
    grep -Eq '^#0 +lab_run' "$OUT" || fail "$(<"$OUT")"
}

@test "gdb follows a fork into a worker, by the page's commands, for an ordinary user" {
    needs_gdb
    debug ferryd
    ask_for_notes
    wait "$GDB" || :
    end_parent
    grep -Eq '^#0 +lab_run' "$OUT" || fail "$(<"$OUT")"
    grep -Eq '^#[0-9]+ .* manager_run' "$OUT" || fail "$(<"$OUT")"
}

@test "in the sandbox, gdb cannot follow a fork into a worker, except for root" {
    needs_gdb
    debug ferryd 's/--sandbox=off //'
    ask_for_notes
    wait "$GDB" || :
    end_parent
    refute grep -Eq '^#0 +lab_run' "$OUT"
    grep -q 'Cannot \(insert breakpoint\|access memory\)' "$OUT" || fail "$(<"$OUT")"
}

@test "gdb stops the session of --inetd, by the page's commands" {
    needs_gdb
    type -P socat >/dev/null || skip "needs socat"
    local options port
    session 'gdb --args socat' >"$COMMANDS"
    options=$(sed -n "s/^    options='\(.*\)'$/\1/p" "$PAGE")
    assert_contains "$options" --sandbox=off
    echo bt >>"$COMMANDS"
    make_readable "$COMMANDS"
    unprivileged timeout "$DEADLINE" gdb -q -nx -batch -x "$COMMANDS" --args socat -dd \
        TCP-LISTEN:0,bind=127.0.0.1 \
        EXEC:"$BATS_TEST_TMPDIR/bin/ferryd --inetd $options -vv -d $ROOT",nofork >"$OUT" 2>&1 3>&- &
    GDB=$!
    track "$GDB"
    wait_for_line "$OUT" 'listening on .*:[0-9]+$'
    port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$OUT")
    "$FERRY" -t 0 -o "$BATS_TEST_TMPDIR/got" 127.0.0.1 "$port" GET notes.txt >/dev/null 2>&1 3>&- &
    track "$!"
    wait "$GDB"
    grep -Eq '^#0 +lab_run' "$OUT" || fail "$(<"$OUT")"
    grep -Eq '^#[0-9]+ .* inetd_serve' "$OUT" || fail "$(<"$OUT")"
}

# what_is_seen: of a server's session, by strace and by /proc, for an ordinary user
what_is_seen() {
    local trace=$BATS_TEST_TMPDIR/trace/of worker
    hold one
    held one
    worker=$(workers)
    wait_for_line "$trace" 'sendto\([0-9]+, ("READY"|0x)' || return
    if unprivileged ls "/proc/$worker/fd" >/dev/null 2>&1; then echo "descriptors"; fi
    if grep -q '^[0-9]* *sendto([0-9]*, "READY"' "$trace"; then echo "bytes"; fi
    if grep -q '^[0-9]* *sendto([0-9]*, 0x' "$trace"; then echo "addresses"; fi
    release one
}

@test "in the sandbox, an ordinary user's strace shows addresses, and without it bytes" {
    needs_strace
    mkdir -m 777 "$BATS_TEST_TMPDIR/trace"
    FERRYD=$BATS_TEST_TMPDIR/bin/ferryd
    SERVER_PREFIX=(unprivileged strace -f -o "$BATS_TEST_TMPDIR/trace/of")
    start_server
    assert_eq "$(what_is_seen)" "addresses"
    kill_server
    start_server --sandbox=off
    assert_eq "$(what_is_seen)" $'descriptors\nbytes'
}

@test "with -t alone, a slow session ends all the same; with the page's options it goes on" {
    local options
    options=$(session 'gdb build/debug/ferryd' | sed -n 's/^run \(.*\) -vv .*/\1/p' | head -n 1)
    assert_contains "$options" --request-timeout
    assert_contains "$options" --min-rate
    # shellcheck disable=SC2086 # options and their values
    start_server $options -- 1
    "$WIRE" "$PORT" expect READY quiet 11000 send 'GET notes.txt\n' expect OK send READY \
        expect-size 6 send OK expect $'hello\n' expect DONE eof
    stop_server
    SERVER_OPTIONS=()
    # The other limits are the program's own.
    DEFAULTS=yes start_server -t 86400 -- 1
    "$WIRE" "$PORT" expect READY timeout 30000 gone
}
