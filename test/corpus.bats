#!/usr/bin/env bats
#
# Bad input, as a table: corpus/protocol.txt says what is sent and what must come, and how it is
# written. Here is what must hold for every entry besides (the oracle), and a race that no table
# can hold.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

TABLE=$PROJECT/test/corpus/protocol.txt
GROUPS_RUN=(framing names targets sizes transport silence)
TURN_S=2      # the server's --request-timeout and --timeout
MOST_MS=20000 # for one entry and the next client
ROOT=$BATS_TEST_TMPDIR/tree/root
OUTSIDE=$BATS_TEST_TMPDIR/tree/outside

# What the table's words may use.
get=(expect READY send 'GET f\n' expect OK send READY expect-size 5 send O)
put=(expect READY send 'PUT f\n' expect OK size 5 expect OK send hell)
name255=$(printf '%255s' '' | tr ' ' n)
name256=n$name255
path1020=$(printf '%249s/' '' '' '' '' | tr ' ' n)$(printf '%20s' '' | tr ' ' n)
path1021=${path1020}n

# make_tree: what the head of the table says there is, whatever was there before
make_tree() {
    local i
    mkdir -p "$ROOT" "$OUTSIDE" || return
    find "$ROOT" -mindepth 1 -delete || return
    mkdir -p "$ROOT/dir/deep" || return
    for i in f dir/f; do
        printf hello >"$ROOT/$i"
    done
    yes hello | head -c 65536 >"$ROOT/large"
    : >"$ROOT/empty"
    for i in .ferry-tmp.7 dir/.ferry-tmp.7; do
        printf litter >"$ROOT/$i"
    done
    printf 'the secret' >"$OUTSIDE/secret"
    ln -s f "$ROOT/link"
    ln -s dir "$ROOT/in"
    ln -s ../f "$ROOT/dir/uplink"
    ln -s ../outside/secret "$ROOT/out"
    ln -s ../outside "$ROOT/outdir"
    ln -s "$OUTSIDE/secret" "$ROOT/abs"
    ln -s loop "$ROOT/loop"
    ln -s b "$ROOT/a"
    ln -s a "$ROOT/b"
    ln -s f "$ROOT/chain1"
    for i in {2..49}; do
        ln -s "chain$((i - 1))" "$ROOT/chain$i"
    done
    ln -s chain49 "$ROOT/chain"
    ln -s nowhere "$ROOT/dangling"
    ln -s /proc/self/root "$ROOT/magic"
    mkfifo "$ROOT/fifo"
    ln -s fifo "$ROOT/tofifo"
    "$BIN/test/make_socket" "$ROOT/socket"
}

# tree_state: what shows any change to a file and to what there is, in one process. Directories
# without their times: on some file systems an upload has a name for a while.
tree_state() {
    find "$BATS_TEST_TMPDIR/tree" -type d -printf '%P %y %m\n' -o \
        -printf '%P %y %m %s %l %i %C@\n'
}

setup() {
    look_inside
    make_tree
    BEFORE=$(tree_state)
}

wire() {
    "$WIRE" "$PORT" "$@"
}

# ---- the oracle ----

# changed_as THEN: the file NAME is as an entry says, and then as it was before
changed_as() {
    local name=${1%%' '*} how=${1#* }
    if [ "$how" = 'is gone' ]; then
        [ ! -e "$ROOT/$name" ] && [ ! -L "$ROOT/$name" ] || fail "$name is still there" || return
    else
        [ "$how" != 'is empty' ] || how='= '
        [ -f "$ROOT/$name" ] && [ ! -L "$ROOT/$name" ] || fail "$name is no file" || return
        cmp "$ROOT/$name" <(printf '%b' "${how#= }") >&2 || return
    fi
    rm -f "$ROOT/$name"
    case $name in
    f) printf hello >"$ROOT/f" ;;
    link) ln -s f "$ROOT/link" ;;
    dangling) ln -s nowhere "$ROOT/dangling" ;;
    esac
}

# as_before THEN: nothing has changed, but for THEN
as_before() {
    local now name=${1%%' '*}
    now=$(tree_state)
    if [ -z "$1" ]; then
        same "$BEFORE" "$now"
        return
    fi
    same "$(grep -v "^root/$name " <<<"$BEFORE")" "$(grep -v "^root/$name " <<<"$now")" || return
    changed_as "$1" || return
    BEFORE=$(tree_state)
}

# same BEFORE NOW
same() {
    [ "$1" = "$2" ] || fail "the tree has changed:" "$(diff <(sort <<<"$1") <(sort <<<"$2"))"
}

# What every entry ends in. The server has one slot, so that this client is served tells that it is
# done with the one before.
NEXT_CLIENT=(timeout 15000 reconnect expect READY send 'GET dir/f\n' expect OK send READY
    expect-size 5 send OK expect helloDONE eof)

# no_crash: in what the server has said since it was asked last
no_crash() {
    local line
    while IFS= read -r -u "$LOG" line; do
        [[ $line != *'killed by signal'* ]] || fail "a worker has crashed: $line" || return
    done
}

# judge_case THEN BEGAN_MS STEP...
judge_case() {
    local ms
    wire "${@:3}" "${NEXT_CLIENT[@]}" || return
    is_alive "$SERVER_PID" || fail "the server has died" || return
    no_crash || return
    ms=$((${EPOCHREALTIME//[.,]/} / 1000 - $2))
    ((ms < MOST_MS)) || fail "it took $ms ms" || return
    as_before "$1"
}

# Nothing that a client sent may look like a line of the server's, or move a cursor.
log_is_clean() {
    refute env LC_ALL=C grep -avE '^(server|manager|sandbox)[ :]' "$SERVER_OUT" || return
    refute env LC_ALL=C grep -a "[$(printf '\001')-$(printf '\010')$(printf '\013')-$(printf '\037')$(printf '\177')]" \
        "$SERVER_OUT" || return
    iconv -f UTF-8 -t UTF-8 "$SERVER_OUT" >/dev/null
}

# ---- the table ----

ENTRIES=0 # of the group that was run
CASES=0
FAILED=0

# run_entry TITLE FOR THEN STEPS
run_entry() {
    local N steps values=()
    eval "values=($2)" # the table is ours
    [ -n "$2" ] || values=('')
    ENTRIES=$((ENTRIES + 1))
    for N in "${values[@]}"; do
        CASES=$((CASES + 1))
        eval "steps=($4)"
        ! judge_case "$3" "$((${EPOCHREALTIME//[.,]/} / 1000))" "${steps[@]}" || continue
        echo "FAILED: $1 ${2:+(N is $N)}" >&2
        FAILED=$((FAILED + 1))
        is_alive "$SERVER_PID" || return
        # The others are to be judged by what they do themselves.
        no_crash 2>/dev/null || true
        make_tree
        BEFORE=$(tree_state)
    done
}

# run_group GROUP [TABLE]: every entry of it
run_group() {
    local line title='' for='' change='' steps=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        '#'* | '') ;;
        '['*)
            [ -z "$title" ] || run_entry "$title" "$for" "$change" "$steps" || return
            title='' for='' change='' steps=''
            [[ $line != "[$1] "* ]] || title=$line
            ;;
        '    for: '*) for+=" ${line#'    for: '}" ;;
        '    then: '*) change=${line#'    then: '} ;;
        '    '*) steps+=" $line" ;;
        *) fail "what is this line? $line" || return ;;
        esac
    done <"${2:-$TABLE}"
    [ -z "$title" ] || run_entry "$title" "$for" "$change" "$steps"
}

# survives GROUP: all its entries, and then the server as a whole
survives() {
    local - before
    set +T # bats' trap before each command, to tell of lines, takes a third of the time
    start_server -vv --request-timeout "$TURN_S" -t "$TURN_S" -- 1
    before=$(fd_count "$SERVER_PID")
    exec {LOG}<"$SERVER_OUT"
    run_group "$1"
    [ "$ENTRIES" -gt 0 ] || fail "there is no entry" || return
    [ "$FAILED" -eq 0 ] || fail "$FAILED of $CASES cases failed" || return
    no_crash || return
    wait_until "$WAIT_SECONDS" workers_are 0 || return
    assert_eq "$(fd_count "$SERVER_PID")" "$before" "the server's descriptors" || return
    log_is_clean || return
    stop_server
}

@test "framing: every entry gets its answer, and harms nobody" {
    survives framing
}

@test "names: every entry gets its answer, and harms nobody" {
    survives names
}

@test "targets: every entry gets its answer, and harms nobody" {
    survives targets
}

@test "sizes: every entry gets its answer, and harms nobody" {
    survives sizes
}

@test "transport: every entry gets its answer, and harms nobody" {
    survives transport
}

@test "silence: every entry is ended in time, and harms nobody" {
    survives silence
}

@test "the table has no group that is not run, and at least sixty entries" {
    local group
    [ "$(grep -c '^\[' "$TABLE")" -ge 60 ]
    while read -r group; do
        [[ " ${GROUPS_RUN[*]} " == *" $group "* ]] || fail "nobody runs the group $group"
        grep -qx "    survives $group" "$BATS_TEST_FILENAME"
    done < <(sed -nE 's/^\[([a-z]+)\] .*/\1/p' "$TABLE" | sort -u)
    # And no line that is neither.
    run grep -nvE '^($|#|\[[a-z]+\] .|    .)' "$TABLE"
    assert_eq "$output" "" "lines that mean nothing"
}

# ---- what no table can hold ----

# ask COUNT NAME: GETs NAME so many times, each conversation run ahead to its end; a line for each
ask() {
    local steps=() i
    for ((i = 0; i < $1; i++)); do
        steps+=(send "GET $2\nREADYOK" rest reconnect)
    done
    wire timeout 60000 "${steps[@]}"
}

# both_met NAME: its answers were, at one time or another, the file and a refusal, and nothing else
both_met() {
    assert_eq "$(sort -u "$BATS_TEST_TMPDIR/$1")" "READYERROR: $1 does not exist
READYOK\x00\x00\x00\x00\x00\x00\x00\x06insideDONE" "the answers for $1"
}

enough_swaps() {
    grep -qx "$1 reached" "$BATS_TEST_TMPDIR/swaps" && both_met swapped && both_met other
} 2>/dev/null

@test "a name that is swapped a hundred thousand times, file for link, never shows what is outside" {
    local swaps=100000 swapper until=$((SECONDS + 120))
    [ -z "$SANITIZED" ] || swaps=20000
    printf inside >"$ROOT/swapped"
    ln -s ../outside/secret "$ROOT/other"
    start_server -vv
    mkfifo "$BATS_TEST_TMPDIR/stop"
    "$BIN/test/swap" "$ROOT/swapped" "$ROOT/other" "$swaps" \
        <>"$BATS_TEST_TMPDIR/stop" >"$BATS_TEST_TMPDIR/swaps" 2>&1 3>&- 4>&- &
    swapper=$!
    track "$swapper"
    until enough_swaps "$swaps" || ((SECONDS > until)); do
        ask 50 swapped >>"$BATS_TEST_TMPDIR/swapped" 3>&- 4>&- &
        ask 50 other >>"$BATS_TEST_TMPDIR/other"
        wait "$!"
    done
    echo >"$BATS_TEST_TMPDIR/stop"
    wait "$swapper" || fail "$(<"$BATS_TEST_TMPDIR/swaps")"
    both_met swapped
    both_met other
    grep -qx "$swaps reached" "$BATS_TEST_TMPDIR/swaps" || fail "$(<"$BATS_TEST_TMPDIR/swaps")"
    refute grep 'killed by signal' "$SERVER_OUT"
}

# ---- the oracle itself ----

# An entry of a table of its own, on standard input, which the oracle must not let pass.
notices() {
    make_tree
    BEFORE=$(tree_state)
    start_server -vv --request-timeout "$TURN_S" -t "$TURN_S" -- 1
    cat >"$BATS_TEST_TMPDIR/table"
    exec {LOG}<"$SERVER_OUT"
    run run_group self "$BATS_TEST_TMPDIR/table"
    assert_contains "$output" "$1" || return
    assert_contains "$output" 'FAILED: [self] an entry ' || return
    kill_server
}

@test "the oracle notices a wrong answer, a changed tree and a worker that dies" {
    notices 'expected "ERROR: other"' <<'END'
[self] an entry whose answer is wrong
    expect READY send 'GET missing\n' expect 'ERROR: other' eof
END
    notices 'the tree has changed' <<'END'
[self] an entry that should not have changed a file
    expect READY send 'PUT f\n' expect OK size 5 expect OK send hello expect DONE eof
END
    notices 'the tree has changed' <<'END'
[self] an entry that changed more than it should
    then: new = hello
    expect READY send 'PUT new\n' expect OK size 5 expect OK send hello expect DONE eof
    reconnect expect READY send 'DEL empty\n' expect DONE eof
END
    notices 'new is no file' <<'END'
[self] an entry that did not change what it should
    then: new = hello
    expect READY close
END
    ! is_threads || return 0
    # A worker that is killed in the middle, seen by its client as an end.
    kill_next_worker() {
        (wait_until 5 workers_are 1 && kill -KILL "$(workers live)") >/dev/null 2>&1 3>&- 4>&- &
    }
    notices 'a worker has crashed' <<'END'
[self] an entry on which a worker dies
    $(kill_next_worker) expect READY wait-gone
END
}
