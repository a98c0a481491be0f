#!/usr/bin/env bats
# ferrytop and --board: which clients run and which wait, live, from a file that the server writes.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

BOARD=$BATS_TEST_TMPDIR/board
TOP=$BIN/ferrytop
SCREEN=$BATS_TEST_TMPDIR/screen # what the terminal got

# start [OPTION...] [-- MAX]
start() {
    start_server --board "$BOARD" "$@"
}

# Prints one frame; $frame is what it said.
look() {
    frame=$("$TOP" --once "$BOARD") || fail "ferrytop ended with $?"
}

# shows REGEX: a line of the frame matches
shows() {
    grep -qE -- "$1" <<<"$frame" || fail "no line matches $1" "$frame"
}

# looks_like REGEX: to wait for
looks_like() {
    "$TOP" --once "$BOARD" | grep -qE -- "$1"
}

# stuck NAME BYTES: a client that has had BYTES of NAME and takes no more
stuck() {
    mkfifo "$BATS_TEST_TMPDIR/stuck.in"
    # With a small receive buffer: what is on its way counts as moved.
    "$WIRE" -r 262144 "$PORT" timeout 600000 expect READY send "GET ${1//\\/\\\\}\n" expect OK \
        send READY learn-size send OK skip "$2" say stuck wait close \
        <>"$BATS_TEST_TMPDIR/stuck.in" >"$BATS_TEST_TMPDIR/stuck" 2>&1 3>&- 4>&- &
    STUCK=$!
    track "$STUCK"
    wait_for_line "$BATS_TEST_TMPDIR/stuck" '^stuck$'
}

# cannot_show FILE WHY
cannot_show() {
    run timeout 10 "$TOP" --once "$1"
    assert_eq "$status" 1 "exit status"
    assert_eq "$output" "ferrytop: cannot show $1: $2" "what it said"
}

# ---- one frame ----

@test "a server without clients: its port, its process, nobody" {
    start -- 7
    look
    shows "^port $PORT, server $SERVER_PID, up 0:0[0-9]   running 0 of 7, waiting 0 of 1024$"
    shows '^clients 0: 0 done, 0 refused, 0 otherwise ended   0 B moved so far$'
    assert_eq "$(wc -l <<<"$frame")" 4 "lines"
}

@test "who runs: client, slot, worker, peer, door, verb, name, bytes, rate, percent, age" {
    local peer='127\.0\.0\.1:[0-9]+' worker='[0-9]+'
    start -vv -- 3
    truncate -s 100M "$ROOT/a file"
    stuck 'a file' 30000000
    is_threads || worker=$(workers)
    wait_until "$WAIT_SECONDS" looks_like ' (29|[345][0-9])% '
    look
    shows "^ +1 +0 +$worker $peer +lab +GET +[0-9.]+ MiB +[0-9.]+ [KMG]?i?B/s +(29|[345][0-9])% +0:0[0-9]  a file$"
    # The server has sent what was taken and what is on its way.
    shows 'running 1 of 3, waiting 0 of 1024$'
    shows '^client slot +(pid|thread) peer +door +verb +bytes +rate +done +age  name$'
}

@test "a client has the same number here and in the output of the server" {
    local number
    start -vv -- 2
    hold a
    held a
    release a
    wait_for_line "$SERVER_OUT" 'client 1 ended'
    hold b c
    held b
    held c
    wait_until "$WAIT_SECONDS" looks_like 'running 2 of 2,'
    look
    # The worker's pid, or number as a thread, is the third word here.
    while read -r number _ worker _; do
        grep -qE "client $number started.* $worker\\b" "$SERVER_OUT" || fail "client $number has no worker $worker" "$(<"$SERVER_OUT")"
        echo "$number"
    done < <(grep ' 127\.0\.0\.1:' <<<"$frame") >"$BATS_TEST_TMPDIR/numbers"
    assert_eq "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/numbers")" '2 3 ' "numbers"
}

# moved_by_all: what the heading says, without the unit
moved_by_all() {
    sed -nE 's/^clients .* ended   ([0-9.]+ [KMG]?i?B) moved so far$/\1/p' <<<"$frame"
}

@test "what has moved so far is counted while it moves, and only once" {
    local moved ledger=$BATS_TEST_TMPDIR/ledger
    start --ledger "$ledger" -- 2
    truncate -s 100M "$ROOT/large"
    stuck large 30000000
    wait_until "$WAIT_SECONDS" looks_like '^ +1 .* [2-9][0-9.]+ MiB .* large$'
    look
    moved=$(sed -nE 's/^ +1 .* ([0-9.]+ MiB) .* large$/\1/p' <<<"$frame")
    assert_eq "$(moved_by_all)" "$moved" "moved by all, while the client is there"
    kill "$STUCK"
    wait_until "$WAIT_SECONDS" looks_like '^clients 1: 0 done, 0 refused, 1 otherwise ended '
    look
    moved=$(sed -E 's/.*"bytes":([0-9]+).*/\1/' "$ledger" | awk '{ printf "%.1f MiB", $1 / 1048576 }')
    assert_eq "$(moved_by_all)" "$moved" "moved by all, when it has left"
}

@test "who waits: place, client, peer, door, since when; first in line first" {
    start -- 1
    hold a b c
    held a
    wait_until "$WAIT_SECONDS" looks_like 'running 1 of 1, waiting 2 of 1024$'
    look
    shows '^ +1\. client 2 +127\.0\.0\.1:[0-9]+ +lab +waits 0:[0-9]{2}$'
    shows '^ +2\. client 3 +127\.0\.0\.1:[0-9]+ +lab +waits 0:[0-9]{2}$'
    release b
    release a
    held c
    wait_until "$WAIT_SECONDS" looks_like 'running 1 of 1, waiting 0 of 1024$'
}

@test "totals: how many came, and what became of them" {
    start
    printf hello >"$ROOT/f"
    wire_get f "$BATS_TEST_TMPDIR/got"
    "$WIRE" "$PORT" expect READY send 'GET missing\n' rest >/dev/null
    hold a
    release a
    wait_until "$WAIT_SECONDS" looks_like \
        '^clients 3: 1 done, 1 refused, 1 otherwise ended   5 B moved so far$'
}

@test "names on the screen are escaped" {
    local name=$'\x1b[31m\xc2\x9b2J\xff red'
    start
    truncate -s 10M "$ROOT/$name"
    stuck "$name" 1000
    wait_until "$WAIT_SECONDS" looks_like ' GET '
    look
    shows '  \\x1b\[31m\\xc2\\x9b2J\\xff red$'
    refute grep -q $'[\x01-\x09\x0b-\x1f\x7f]' <<<"$frame"
}

@test "a server that has ended is said to have" {
    start
    stop_server
    look
    shows "server $SERVER_PID \(it has ended\)"
}

@test "every look is consistent, however fast clients come and go" {
    local crowd i busy=0
    start -- 3
    printf hello >"$ROOT/f"
    "$SWARM" -c 30 -n 1000000 "$PORT" GET f >/dev/null 2>&1 3>&- 4>&- &
    crowd=$!
    track "$crowd"
    for i in {1..50}; do
        look
        # As many lines of those who run as the heading says, never more than the cap, none twice.
        awk -v sample="$i" '
            /^port/ { match($0, /running [0-9]+/); said = substr($0, RSTART + 8, RLENGTH - 8) }
            $4 ~ /^127\.0\.0\.1:/ && $1 !~ /\.$/ { lines++; if (seen[$1]++ || slot[$2]++) twice = 1 }
            END { if (said > 3 || lines + 0 != said || twice) { print "sample " sample; exit 1 } }
        ' <<<"$frame" || fail "$frame"
        [[ $frame == *"running 0 of "* ]] || busy=$((busy + 1))
    done
    is_alive "$crowd"
    [ "$busy" -gt 0 ] || fail "nobody was ever seen"
}

@test "while the server changes its board, who reads it can tell" {
    needs_strace
    # Its writes take some microseconds, and a reader that has to share a processor may miss them all.
    # So each of them takes twenty milliseconds here.
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null -e trace=pwrite64
        -e inject=pwrite64:delay_exit=20000)
    start -- 20
    printf hello >"$ROOT/f"
    "$SWARM" -c 30 -n 1000000 "$PORT" GET f >/dev/null 2>&1 3>&- 4>&- &
    track "$!"
    "$BIN/test/sees_change" "$BOARD" 20
}

@test "however much happens, the board is written ten times a second at most" {
    local trace=$BATS_TEST_TMPDIR/trace
    needs_strace
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -qq -ttt -o "$trace" -e trace=pwrite64)
    start -- 3
    printf hello >"$ROOT/f"
    "$SWARM" -c 10 -n 1000000 "$PORT" GET f >/dev/null 2>&1 3>&- 4>&- &
    track "$!"
    # Each look takes four writes, of which the first and the last have a number's eight bytes.
    wait_for_line "$trace" ' = 8$' 42
    kill_server
    awk '/ = 8$/ && n++ % 2 == 0 { if (m > 0 && $1 - last < 0.099) { print "after " $1 - last " s"; bad = 1 }
                                   last = $1; m++ }
         END { if (m < 20) print "only " m " looks"; exit bad || m < 20 }' "$trace"
}

@test "a board that is being written just now is not shown before it is whole" {
    start
    stop_server
    "$BIN/test/begin_write" "$BOARD"
    run timeout "$WAIT_SECONDS" "$TOP" --once "$BOARD"
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" 'esource busy'
    refute "$BIN/test/begin_write" "$BOARD"
    look
    shows "^port $PORT"
}

# measure_looks COUNT: sets LARGEST to the bytes of the largest write to the board while so many wait
measure_looks() {
    local input=$BATS_TEST_TMPDIR/waiters.$1
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -qq -o "$BATS_TEST_TMPDIR/trace.$1"
        -e trace=pwrite64)
    start --queue 4000 -- 1
    hold "first$1"
    held "first$1"
    mkfifo "$input.in"
    "$BIN/test/waiters" "$PORT" "$1" 1 <>"$input.in" >"$input.out" 2>&1 3>&- 4>&- &
    track "$!"
    wait_for_line "$input.out" "^waiting $1\$" || return
    wait_until "$WAIT_SECONDS" looks_like "waiting $1 of 4000\$" || return
    looks_like "^     and $(($1 - 500)) more\$" || return
    kill_server
    LARGEST=$(sed -n 's/.* = \([0-9]*\)$/\1/p' "$BATS_TEST_TMPDIR/trace.$1" | sort -n | tail -n 1)
}

@test "thousands who wait cost a look no more than the first few hundred do" {
    local few
    needs_strace
    measure_looks 600
    few=$LARGEST
    [ "$few" -gt 50000 ]
    measure_looks 3000
    assert_eq "$LARGEST" "$few" "bytes of the largest write"
}

@test "a full queue is counted, and its end is told in one line on a small screen" {
    start --queue 40 -- 1
    local i
    for ((i = 0; i < 31; i++)); do
        hold "$i"
    done
    wait_until "$WAIT_SECONDS" looks_like 'running 1 of 1, waiting 30 of 40$'
    on_terminal 12 90 "$TOP $BOARD"
    wait_until "$WAIT_SECONDS" grep -q 'and 2[0-9] more' "$SCREEN"
    press q
    terminal_ends
}

# ---- on a terminal ----

# on_terminal ROWS COLUMNS COMMAND: the shell runs COMMAND, in the background, on a terminal of that
# size; what that is shown comes to SCREEN, and its name to TTY.
on_terminal() {
    script -qec true /dev/null </dev/null >/dev/null 2>&1 ||
        skip "script(1), of util-linux, is what makes a terminal here"
    rm -f "$BATS_TEST_TMPDIR/keys" "$SCREEN"
    mkfifo "$BATS_TEST_TMPDIR/keys"
    SHELL=/bin/bash TERM=xterm script -qefc \
        "stty rows $1 cols $2 && tty >'$BATS_TEST_TMPDIR/tty' && stty -g >'$BATS_TEST_TMPDIR/before'
        $3; echo status \$? >'$BATS_TEST_TMPDIR/status'; stty -g >'$BATS_TEST_TMPDIR/after'" \
        /dev/null <>"$BATS_TEST_TMPDIR/keys" >"$SCREEN" 2>&1 3>&- 4>&- &
    TERMINAL=$!
    track "$TERMINAL"
    wait_until "$WAIT_SECONDS" test -s "$BATS_TEST_TMPDIR/before"
    TTY=$(<"$BATS_TEST_TMPDIR/tty")
}

press() {
    printf '%s' "$1" >"$BATS_TEST_TMPDIR/keys"
}

# The terminal's own screen is back, with its cursor.
screen_was_left() {
    tail -c 30 "$SCREEN" | grep -q $'\x1b\\[?25h\x1b\\[?1049l'
}

# It ends, well, and leaves the terminal as it was: line by line, echoing, with a cursor.
terminal_ends() {
    wait_until "$WAIT_SECONDS" is_gone "$TERMINAL"
    assert_eq "$(<"$BATS_TEST_TMPDIR/status")" "status 0"
    assert_eq "$(<"$BATS_TEST_TMPDIR/after")" "$(<"$BATS_TEST_TMPDIR/before")" "stty"
    screen_was_left || fail "the screen was not left"
}

frames() {
    grep -ao $'\x1b\\[H' "$SCREEN" | wc -l
}

more_frames_than() {
    [ "$(frames)" -gt "$1" ]
}

# top_pid: of the ferrytop on the terminal
top_pid() {
    ! _named ferrytop "$TERMINAL" || echo "$NAMED"
}

is_stopped() {
    grep -q '^State:.T' "/proc/$1/status"
}

@test "on a terminal it draws again and again in place, until q" {
    start
    on_terminal 24 80 "$TOP $BOARD"
    wait_until "$WAIT_SECONDS" more_frames_than 2
    hold a
    wait_until "$WAIT_SECONDS" grep -aq 'running 1 of 5' "$SCREEN"
    press x # means nothing
    wait_until "$WAIT_SECONDS" more_frames_than "$(frames)"
    press q
    terminal_ends
}

# on_columns COLUMNS: a frame on a terminal of that width
on_columns() {
    on_terminal 24 "$1" "$TOP --once $BOARD"
    wait_until "$WAIT_SECONDS" is_gone "$TERMINAL"
    assert_eq "$(<"$BATS_TEST_TMPDIR/status")" "status 0"
    frame=$(tr -d '\r' <"$SCREEN")
    assert_eq "$(awk -v most="$1" 'length > most' <<<"$frame")" "" "lines wider than $1"
}

@test "a narrow terminal loses columns one by one; what is done and the name go last" {
    local columns titles worker=pid
    ! is_threads || worker=thread
    start -- 1
    truncate -s 100M "$ROOT/a file"
    stuck 'a file' 30000000
    hold b
    wait_until "$WAIT_SECONDS" looks_like 'running 1 of 1, waiting 1 of 1024$'
    while read -r columns titles; do
        on_columns "$columns"
        assert_eq "$(grep ' name$\|^name$' <<<"$frame" | tr -s ' ' | sed 's/^ //')" "$titles" "$columns columns"
        shows '[0-9]+%.*  a file$'
        shows 'running 1 of 1, waiting 1 of 1024$'
        shows '[0-9] MiB moved so far$'
        shows '^ +1\. client 2 .*waits 0:[0-9]+$'
    done <<END
120 client slot $worker peer door verb bytes rate done age name
104 client slot $worker peer door verb bytes rate done age name
103 client $worker peer door verb bytes rate done age name
99 client $worker peer door verb bytes rate done age name
98 client $worker peer verb bytes rate done age name
90 client peer verb bytes rate done age name
80 client peer verb bytes rate done name
60 client verb bytes rate done name
40 client verb bytes done name
36 client verb done name
END
    on_columns 17
    shows '^done  name$'
    shows '^ +[2-9][0-9]%  a file$'
}

@test "a window that changes its size is filled anew, at once" {
    start
    on_terminal 24 80 "$TOP $BOARD"
    wait_until "$WAIT_SECONDS" more_frames_than 0
    stty -F "$TTY" rows 10 cols 20
    wait_until "$WAIT_SECONDS" more_frames_than "$(frames)"
    wait_until "$WAIT_SECONDS" more_frames_than "$(($(frames) + 1))"
    # Of the last whole frame no line is wider.
    sed 's/\x1b\[H/\n@/g' "$SCREEN" | tr -d '\r' | sed 's/\x1b\[[KJ]//g' |
        awk '/^@/ { frame++ } { line[frame] = line[frame] "\n" $0 }
             END { print line[frame - 1] }' | sed 's/^@//' >"$BATS_TEST_TMPDIR/last"
    grep -q "^port $PORT" "$BATS_TEST_TMPDIR/last"
    assert_eq "$(awk 'length > 20' "$BATS_TEST_TMPDIR/last")" "" "lines that are too wide"
    press q
    terminal_ends
}

@test "Ctrl-C, SIGTERM and a hang-up end it in order" {
    start
    for how in INT QUIT TERM HUP; do
        on_terminal 24 80 "$TOP $BOARD"
        wait_until "$WAIT_SECONDS" more_frames_than 0
        if [ "$how" = INT ]; then press $'\x03'; else kill -"$how" "$(top_pid)"; fi
        terminal_ends
        rm "$BATS_TEST_TMPDIR/before"
    done
}

@test "Ctrl-Z gives the terminal back while it sleeps" {
    local top
    start
    on_terminal 24 80 "$TOP $BOARD"
    wait_until "$WAIT_SECONDS" more_frames_than 0
    top=$(top_pid)
    kill -TSTP "$top"
    wait_until "$WAIT_SECONDS" is_stopped "$top"
    wait_until "$WAIT_SECONDS" screen_was_left # script(1) brings it here, when it comes to it
    assert_eq "$(stty -F "$TTY" -g)" "$(<"$BATS_TEST_TMPDIR/before")" "stty while it sleeps"
    kill -CONT "$top"
    wait_until "$WAIT_SECONDS" more_frames_than "$(frames)"
    press q
    terminal_ends
}

@test "a board that changes while it is looked at ends nothing but the look" {
    start
    stop_server
    on_terminal 24 80 "$TOP $BOARD"
    wait_until "$WAIT_SECONDS" more_frames_than 0
    # Where the counts and the offsets are.
    for ((at = 16; at < 96; at += 8)); do
        printf '\xff\xff\xff\xff\xff\xff\xff\x7f' |
            dd of="$BOARD" bs=1 seek="$at" conv=notrunc status=none
    done
    # Between the one key and the other it looks at the board again.
    press x
    press q
    terminal_ends
}

@test "a board that is cut short while it is looked at ends nothing, either" {
    local top
    start
    stop_server
    cp "$BOARD" "$BATS_TEST_TMPDIR/whole"
    on_terminal 24 80 "$TOP $BOARD; true"
    wait_until "$WAIT_SECONDS" more_frames_than 0
    top=$(top_pid)
    : >"$BOARD"
    # Between one sleep and the next it looks once.
    for _ in 1 2; do
        kill -TSTP "$top"
        wait_until "$WAIT_SECONDS" is_stopped "$top"
        kill -CONT "$top"
    done
    cat "$BATS_TEST_TMPDIR/whole" >"$BOARD"
    wait_until "$WAIT_SECONDS" more_frames_than "$(frames)"
    press q
    terminal_ends
}

@test "without a terminal it prints one frame and no control bytes" {
    start
    run "$TOP" "$BOARD"
    assert_eq "$status" 0 "exit status"
    assert_contains "$output" "port $PORT, server $SERVER_PID"
    [[ $output != *$'\x1b'* ]]
}

# ---- what cannot be shown ----

@test "a file that is no board is refused, and why" {
    local no_board='it is not a board of this version of ferryd'
    cannot_show "$BATS_TEST_TMPDIR/missing" 'No such file or directory'
    cannot_show "$BATS_TEST_TMPDIR" "$no_board"
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    cannot_show "$BATS_TEST_TMPDIR/fifo" "$no_board"
    : >"$BATS_TEST_TMPDIR/empty"
    cannot_show "$BATS_TEST_TMPDIR/empty" "$no_board"
    random_file "$BATS_TEST_TMPDIR/random" 100000
    cannot_show "$BATS_TEST_TMPDIR/random" "$no_board"
}

@test "a board that was cut short, or says so, is refused" {
    local no_board='it is not a board of this version of ferryd'
    start
    stop_server
    head -c 5000 "$BOARD" >"$BATS_TEST_TMPDIR/short"
    cannot_show "$BATS_TEST_TMPDIR/short" "$no_board"
    # Counts and offsets of any size, in every field of the header: refused, or shown; no crash.
    for ((at = 16; at < 160; at += 8)); do
        cp "$BOARD" "$BATS_TEST_TMPDIR/bad"
        printf '\xff\xff\xff\xff\xff\xff\xff\x7f' |
            dd of="$BATS_TEST_TMPDIR/bad" bs=1 seek="$at" conv=notrunc status=none
        run timeout 10 "$TOP" --once "$BATS_TEST_TMPDIR/bad"
        [ "$status" -le 1 ] || fail "with the field at $at it ended with $status: $output"
    done
    # What it says of its kind is not printed unless it is one.
    cp "$BOARD" "$BATS_TEST_TMPDIR/kind"
    at=$(grep -aob -E 'pid|thread' "$BOARD" | head -n 1 | cut -d : -f 1)
    printf '\x1b[31m' | dd of="$BATS_TEST_TMPDIR/kind" bs=1 seek="$at" conv=notrunc status=none
    cannot_show "$BATS_TEST_TMPDIR/kind" "$no_board"
}

@test "wrong usage is told in a line, with 2" {
    for words in '' 'a b' '--sometimes a' '-x'; do
        # shellcheck disable=SC2086 # words
        run "$TOP" $words
        assert_eq "$status" 2 "exit status of $words"
        assert_eq "${#lines[@]}" 1 "lines for $words"
        assert_contains "$output" 'ferrytop: '
    done
    run "$TOP" --help
    assert_eq "$status" 0 "exit status"
    assert_contains "$output" '--once'
}

# ---- the board's file ----

@test "a board that is cut short is whole again, and its server serves on" {
    local len whole
    start -- 2
    whole=$(stat -c %s "$BOARD")
    printf hello >"$ROOT/f"
    hold a
    held a
    for len in 0 "$((whole / 2))"; do
        truncate -s "$len" "$BOARD"
        wire_get f "$BATS_TEST_TMPDIR/got"
        wait_until "$WAIT_SECONDS" looks_like 'running 1 of 2, waiting 0 of 1024$'
        assert_eq "$(stat -c %s "$BOARD")" "$whole" "the board's size"
    done
    release a
    wait_until "$WAIT_SECONDS" looks_like '^clients 3: 2 done, '
    is_alive "$SERVER_PID"
}

@test "a board that cannot be written is told of once, and disturbs nobody" {
    needs_strace
    look_inside # strace finds the board by its path
    # Some calls later than at the start.
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null
        -P "$BOARD" -e trace=pwrite64 -e inject=pwrite64:error=ENOSPC:when=10+)
    start
    hold a
    held a
    wait_for_line "$SERVER_ERR" "cannot write the board $BOARD: No space left on device"
    hold b
    held b
    release a b
    stop_server
    assert_eq "$(grep -c 'cannot write the board' "$SERVER_ERR")" 1 "complaints"
}

@test "the server replaces an old board, and nothing else" {
    start
    stop_server
    start
    look
    shows "^port $PORT"
    stop_server
    for other in file empty dir link fifo; do
        case $other in
            empty) : >"$BATS_TEST_TMPDIR/empty" ;;
            file) echo 'a file that somebody needs' >"$BATS_TEST_TMPDIR/file" ;;
            dir) mkdir "$BATS_TEST_TMPDIR/dir" ;;
            link) ln -s /dev/null "$BATS_TEST_TMPDIR/link" ;;
            fifo) mkfifo "$BATS_TEST_TMPDIR/fifo" ;;
        esac
        run timeout 10 "$FERRYD" -d "$ROOT" --board "$BATS_TEST_TMPDIR/$other" 0
        assert_eq "$status" 1 "exit status for a $other"
        assert_contains "$output" "$BATS_TEST_TMPDIR/$other"
        [ -e "$BATS_TEST_TMPDIR/$other" ]
    done
    grep -q 'somebody needs' "$BATS_TEST_TMPDIR/file"
    run timeout 10 "$FERRYD" -d "$ROOT" --board "$BATS_TEST_TMPDIR/missing/board" 0
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "missing/board"
}

@test "ferrytop only reads: the board's file does not change by being looked at" {
    start
    stop_server
    local before
    before=$(sha256sum <"$BOARD")
    look
    chmod 444 "$BOARD"
    look
    assert_eq "$(sha256sum <"$BOARD")" "$before" "the file"
}
