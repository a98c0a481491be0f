#!/usr/bin/env bats
# Runs on: once
#
# What a person sees at a terminal: how far a transfer is, or how long the wait for a slot has
# been, on a line of its own that goes away again. Only there: never in a file, a pipe, or with -q.

# What ferry.bash sets, and what it reads:
# shellcheck disable=SC2034,SC2153

load ferry

SCREEN=$BATS_TEST_TMPDIR/screen # what the terminal got

BAR='[0-9]+% (\[=*>? *\] )?[0-9.]+ [KMG]?i?B +[0-9.]+ [KMG]?i?B/s +([0-9]+:)*[0-9-]+:[0-9-]{2} left'

setup() {
    here || return
    script -qec true /dev/null </dev/null >/dev/null 2>&1 ||
        skip "script(1), of util-linux, is what makes a terminal here"
}

# on_terminal COLUMNS COMMAND: the shell runs COMMAND, in the background, on a terminal so wide;
# what that is shown comes to SCREEN. terminal_ends waits for it.
on_terminal() {
    rm -f "$BATS_TEST_TMPDIR/keys" "$SCREEN"
    mkfifo "$BATS_TEST_TMPDIR/keys"
    SHELL=/bin/bash script -qefc "stty cols $1 rows 24 && $2" /dev/null \
        <>"$BATS_TEST_TMPDIR/keys" >"$SCREEN" 2>&1 3>&- 4>&- &
    TERMINAL=$!
    track "$TERMINAL"
}

# Sets STATUS to the command's exit status.
terminal_ends() {
    wait_until 60 is_gone "$TERMINAL"
    STATUS=0
    wait "$TERMINAL" || STATUS=$?
}

# Every line that was drawn, one after the other, though each was drawn over the one before it.
drawn() {
    tr -d '\n' <"$SCREEN" | sed 's/\r\x1b\[K/\n/g; s/\r/\n/g'
}

# has_drawn REGEX: such a line was drawn, if only for a moment
has_drawn() {
    drawn | grep -qE -- "$1"
}

# What is on the screen in the end, and what went through it.
left_on_screen() {
    tr -d '\r' <"$SCREEN" | sed 's/.*\x1b\[K//'
}

# trickle REGEX: reads the bytes from fd 7, a little at a time, until such a line was drawn
trickle() {
    wait_until 60 _trickle "$1" || fail "drawn:" "$(drawn)"
}

_trickle() {
    head -c 262144 <&7
    has_drawn "$1"
}

# slow_get COLUMNS [OPTION]: GETs 32 MiB into a FIFO, whose other end is fd 7
slow_get() {
    start_server
    truncate -s 32M "$ROOT/file"
    mkfifo fifo
    on_terminal "$1" "exec '$FERRY' ${2:-} 127.0.0.1 $PORT GET file -o fifo >'$OUT'"
    exec 7<fifo
}

@test "a GET shows a bar, percent, rate and time left, and in the end how long it took" {
    slow_get 80
    trickle '^ *[1-9][0-9]% \[=+> *\] [0-9.]+ MiB +[0-9.]+ [KMG]iB/s +[0-9]+:[0-9]{2} left$'
    cat <&7 >/dev/null
    terminal_ends
    assert_eq "$STATUS" 0 "exit status"
    left_on_screen | grep -qxE '100% 32\.0 MiB in [0-9]+\.[0-9] s, [0-9.]+ [KMG]iB/s'
    assert_eq "$(left_on_screen | wc -l)" 1 "lines left on the screen"
    assert_eq "$(<"$OUT")" $'client receiving file file (33554432 bytes)\nComplete' "the lines"
}

@test "the percentage only grows, up to 100" {
    local percents
    slow_get 80
    trickle '^ *[3-9][0-9]% '
    cat <&7 >/dev/null
    terminal_ends
    percents=$(drawn | grep -oE '^ *[0-9]+%' | tr -d ' %')
    assert_eq "$percents" "$(sort -n <<<"$percents")" "percentages"
    assert_eq "$(tail -n 1 <<<"$percents")" 100 "the last one"
    [ "$(sort -u <<<"$percents" | wc -l)" -ge 3 ]
}

@test "a PUT shows it too" {
    truncate -s 64M file
    fake send READY expect $'PUT file\n' send OK expect-size 67108864 send OK \
        skip 10000000 wait skip 57108864 send DONE gone
    on_terminal 80 "exec '$FERRY' 127.0.0.1 $PORT PUT file >'$OUT'"
    wait_until "$WAIT_SECONDS" has_drawn "^ *[0-9]+% \[=*> *\] .* left\$"
    sleep 0.1 # since it began: in less there is no rate to be told
    echo go on 1<>"$FAKE.in"
    terminal_ends
    assert_eq "$STATUS" 0 "exit status"
    left_on_screen | grep -qxE '100% 64\.0 MiB in [0-9]+\.[0-9] s, [0-9.]+ [KMG]iB/s' ||
        fail "$(left_on_screen)"
}

@test "no line that is drawn over is wider than the terminal" {
    local columns widest
    start_server
    truncate -s 32M "$ROOT/file"
    # 0: a terminal that does not know its width, taken for 80
    for columns in 20 40 80 200 0; do
        on_terminal "$columns" "exec '$FERRY' 127.0.0.1 $PORT GET file -o /dev/null >'$OUT'"
        terminal_ends
        has_drawn '^ *[0-9]+%'
        # The last one, which says how long it took, stays, and may as well be wrapped.
        widest=$(drawn | grep -v '^100% .* in ' | wc -L)
        [ "$widest" -le "$((columns > 0 ? columns : 80))" ] ||
            fail "$widest columns on a terminal of $columns:" "$(drawn)"
    done
}

@test "of a transfer that took no time, the time is told truly, and no rate is made up" {
    local names=(1 2 3 4 5 6) name
    start_server
    for name in "${names[@]}"; do
        random_file "$ROOT/$name" 100000
    done
    on_terminal 80 "exec '$FERRY' 127.0.0.1 $PORT GET ${names[*]} >'$OUT'"
    terminal_ends
    assert_eq "$STATUS" 0 "exit status"
    left_on_screen >"$BATS_TEST_TMPDIR/left"
    # On a busy machine some may take longer.
    assert_eq "$(grep -cxE '100% 97\.7 KiB in ([1-9][0-9]? ms|less than 1 ms|[0-9.]+ s, .*/s)' \
        "$BATS_TEST_TMPDIR/left")" 6 "true lines, in $(<"$BATS_TEST_TMPDIR/left"),"
    refute grep -E ' in 0\.0 s| 0 B/s|GiB/s' "$BATS_TEST_TMPDIR/left"
}

@test "who is not connected yet is told so, and nothing of a slot" {
    local port
    mkfifo "$BATS_TEST_TMPDIR/full.in"
    "$BIN/test/fakeserver" full 127.0.0.1 0 <>"$BATS_TEST_TMPDIR/full.in" \
        >"$BATS_TEST_TMPDIR/full.out" 3>&- 4>&- &
    track "$!"
    wait_until "$WAIT_SECONDS" test -s "$BATS_TEST_TMPDIR/full.out"
    port=$(<"$BATS_TEST_TMPDIR/full.out")
    on_terminal 80 "exec '$FERRY' --connect-timeout 2 127.0.0.1 $port GET file >'$OUT'"
    terminal_ends
    assert_eq "$STATUS" 1 "exit status"
    has_drawn '^connecting to 127\.0\.0\.1, 1 s$'
    refute has_drawn 'slot'
    assert_eq "$(left_on_screen)" "client error: no connection to 127.0.0.1 port $port within 2 s" \
        "what is left on the screen"
}

@test "who waits for a slot is told how long, and the line goes when the slot comes" {
    start_server -- 1
    echo content >"$ROOT/file"
    hold one
    held one
    on_terminal 80 "exec '$FERRY' 127.0.0.1 $PORT GET file >'$OUT'"
    wait_until "$WAIT_SECONDS" has_drawn '^waiting for a free slot, 1 s$'
    wait_until "$WAIT_SECONDS" has_drawn '^waiting for a free slot, 2 s$'
    release one
    terminal_ends
    assert_eq "$STATUS" 0 "exit status"
    assert_eq "$(left_on_screen | grep -c waiting)" 0 "lines left on the screen that say waiting"
    assert_file_eq file "$ROOT/file"
}

@test "who gives up waiting is told so on a line of its own" {
    start_server -- 1
    hold one
    held one
    on_terminal 80 "exec '$FERRY' -w 2 127.0.0.1 $PORT GET file >'$OUT'"
    terminal_ends
    assert_eq "$STATUS" 1 "exit status"
    has_drawn '^waiting for a free slot, 1 s$'
    assert_eq "$(left_on_screen)" "client error: no READY from 127.0.0.1 port $PORT within 2 s" \
        "what is left on the screen"
}

@test "a transfer that fails takes its bar off the screen before it says why" {
    fake send READY expect $'GET file\n' send OK expect READY size 1000000 expect OK zeros 500000 close
    on_terminal 80 "exec '$FERRY' 127.0.0.1 $PORT GET file >'$OUT'"
    terminal_ends
    assert_eq "$STATUS" 1 "exit status"
    has_drawn "$BAR"
    assert_eq "$(left_on_screen)" "client error: 127.0.0.1 port $PORT closed the connection" \
        "what is left on the screen"
}

@test "-q shows neither the bar nor the wait" {
    start_server -- 1
    truncate -s 8M "$ROOT/file"
    on_terminal 80 "exec '$FERRY' -q 127.0.0.1 $PORT GET file >'$OUT'"
    terminal_ends
    assert_eq "$STATUS" 0 "exit status"
    assert_eq "$(<"$SCREEN")" "" "the screen"
    assert_eq "$(stat -c %s file)" 8388608 "size"
    hold one
    held one
    # In these two seconds the wait would be told.
    on_terminal 80 "exec '$FERRY' -q -w 2 127.0.0.1 $PORT GET file >'$OUT'"
    terminal_ends
    assert_eq "$(tr -d '\r' <"$SCREEN")" \
        "client error: no READY from 127.0.0.1 port $PORT within 2 s" "the screen"
}

@test "several jobs draw no bars over each other" {
    start_server
    truncate -s 8M "$ROOT/a" "$ROOT/b"
    on_terminal 80 "exec '$FERRY' -j 2 127.0.0.1 $PORT GET a b >'$OUT'"
    terminal_ends
    assert_eq "$STATUS" 0 "exit status"
    assert_eq "$(<"$SCREEN")" "" "the screen"
}

@test "standard error that is no terminal gets no bar, though standard output is one" {
    start_server
    truncate -s 8M "$ROOT/file"
    on_terminal 80 "exec '$FERRY' 127.0.0.1 $PORT GET file 2>'$ERR'"
    terminal_ends
    assert_eq "$STATUS" 0 "exit status"
    assert_eq "$(<"$ERR")" "" "standard error"
    assert_eq "$(tr -d '\r' <"$SCREEN")" $'client receiving file file (8388608 bytes)\nComplete' \
        "the screen"
}
