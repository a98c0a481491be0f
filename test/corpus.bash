# corpus.bash - runs tables of bad input: a tree that must not be harmed, the entries, and checks
# after each of them (the oracle).
#
# Used by: corpus.bats, http_bad.bats, with `load corpus` after `load lib`.
# Needs:   what lib.bash needs, and iconv
# Tables:  corpus/*.txt, whose heads describe the format. They may use the caller's variables.
# The caller sets: TABLE, the file
#                 TURN_S, the server's --request-timeout and --timeout
#                 converse ANSWER STEP..., which takes the steps, judges the answer, and then comes
#                 as the next client. If the server has one slot and serves that one, it has
#                 finished with the one before.
# Returns: as lib.bash's helpers.
# shellcheck shell=bash

MOST_MS=20000 # for one entry and the next client
SLOTS=1       # of the server
RUN=run_entry # or start_entry, with more slots: where entries take time, and change nothing
ROOT=$BATS_TEST_TMPDIR/tree/root
OUTSIDE=$BATS_TEST_TMPDIR/tree/outside

# Variables for the tables.
# shellcheck disable=SC2034
{
    name255=$(printf '%255s' '' | tr ' ' n)
    name256=n$name255
    path1020=$(printf '%249s/' '' '' '' '' | tr ' ' n)$(printf '%20s' '' | tr ' ' n)
    path1021=${path1020}n
}

# make_tree: makes what the head of the lab's table describes, whatever was there before
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

# tree_state: prints all that a change to the tree would change, by one process. The times of
# directories are left out: on some file systems an upload has a name for a while.
tree_state() {
    find "$BATS_TEST_TMPDIR/tree" -type d -printf '%P %y %m\n' -o \
        -printf '%P %y %m %s %l %i %C@\n'
}

setup() {
    look_inside
    make_tree
    BEFORE=$(tree_state)
}

# ---- the oracle ----

# changed_as THEN: checks that the file NAME is as an entry says, and restores it
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

# as_before THEN: nothing has changed, except as THEN says
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

# no_crash: none is in the server's output since the last call
no_crash() {
    local line
    while IFS= read -r -u "$LOG" line; do
        [[ $line != *'killed by signal'* ]] || fail "a worker has crashed: $line" || return
    done
}

# judge_case THEN BEGAN_MS ANSWER STEP...: checks what must hold after each case of an entry. If
# nothing should change, that is checked once for all cases.
judge_case() {
    local ms
    converse "${@:3}" || return
    is_alive "$SERVER_PID" || fail "the server has died" || return
    no_crash || return
    ms=$((${EPOCHREALTIME//[.,]/} / 1000 - $2))
    ((ms < MOST_MS)) || fail "it took $ms ms" || return
    [ -z "$1" ] || as_before "$1"
}

# No bytes of a client may look like a line of the server, or move a cursor.
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
STARTED=() # by their pids: what they are called

# run_entry TITLE FOR THEN STEPS ANSWER
run_entry() {
    local N steps values=()
    eval "values=($2)" # the table is ours
    [ -n "$2" ] || values=('')
    ENTRIES=$((ENTRIES + 1))
    for N in "${values[@]}"; do
        CASES=$((CASES + 1))
        eval "steps=($4)"
        ! judge_case "$3" "$((${EPOCHREALTIME//[.,]/} / 1000))" "$5" "${steps[@]}" || continue
        has_failed "$1 ${2:+(N is $N)}" || return
    done
    [ -n "$3" ] || as_before '' || has_failed "$1"
}

# has_failed WHAT: the others are to be judged by what they do themselves
has_failed() {
    echo "FAILED: $1" >&2
    FAILED=$((FAILED + 1))
    is_alive "$SERVER_PID" || return
    no_crash 2>/dev/null || true
    make_tree
    BEFORE=$(tree_state)
}

# start_entry TITLE FOR THEN STEPS ANSWER: starts all its cases at once, beside those of other
# entries
start_entry() {
    local N steps values=()
    eval "values=($2)"
    [ -n "$2" ] || values=('')
    ENTRIES=$((ENTRIES + 1))
    for N in "${values[@]}"; do
        CASES=$((CASES + 1))
        eval "steps=($4)"
        converse "$5" "${steps[@]}" &
        STARTED[$!]="$1 ${2:+(N is $N)}"
    done
}

# end_entries: waits for all that were started; nothing may have changed
end_entries() {
    local pid
    ((${#STARTED[@]} > 0)) || return 0
    for pid in "${!STARTED[@]}"; do
        wait "$pid" && continue
        echo "FAILED: ${STARTED[$pid]}" >&2
        FAILED=$((FAILED + 1))
    done
    as_before ''
}

# each_entry GROUP COMMAND [TABLE]: calls COMMAND TITLE FOR THEN STEPS ANSWER for every entry of the
# group; "*" stands for all groups
each_entry() {
    local line title='' for='' change='' steps='' answer=''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        '#'* | '') ;;
        '['*)
            [ -z "$title" ] || "$2" "$title" "$for" "$change" "$steps" "$answer" || return
            title='' for='' change='' steps='' answer=''
            [[ ${line:1} != $1\]\ * ]] || title=$line
            ;;
        '    for: '*) for+=" ${line#'    for: '}" ;;
        '    then: '*) change=${line#'    then: '} ;;
        '    answer: '*) answer=${line#'    answer: '} ;;
        '    '*) steps+=" $line" ;;
        *) fail "what is this line? $line" || return ;;
        esac
    done <"${3:-$TABLE}"
    [ -z "$title" ] || "$2" "$title" "$for" "$change" "$steps" "$answer"
}

# run_group GROUP [TABLE]: runs every entry of it
run_group() {
    each_entry "$1" "$RUN" "${2:-}"
}

# survives GROUP START...: runs all its entries on the server that START starts, then checks the
# server as a whole
survives() {
    local - before
    set +T # bats' trap before each command, to tell of lines, takes a third of the time
    "${@:2}" -vv --request-timeout "$TURN_S" -t "$TURN_S" -- "$SLOTS" || return
    before=$(fd_count "$SERVER_PID")
    exec {LOG}<"$SERVER_OUT"
    run_group "$1" || return
    end_entries || return
    [ "$ENTRIES" -gt 0 ] || fail "there is no entry" || return
    [ "$FAILED" -eq 0 ] || fail "$FAILED of $CASES cases failed" || return
    no_crash || return
    wait_until "$WAIT_SECONDS" workers_are 0 || return
    assert_eq "$(fd_count "$SERVER_PID")" "$before" "the server's descriptors" || return
    log_is_clean || return
    stop_server
}

# every_group_is_run: and each line of the table belongs to an entry or is a remark
every_group_is_run() {
    local group
    while read -r group; do
        [[ " ${GROUPS_RUN[*]} " == *" $group "* ]] || fail "nobody runs the group $group" || return
        grep -qE "^    survives $group( |\$)" "$BATS_TEST_FILENAME" || fail "no test: $group" || return
    done < <(sed -nE 's/^\[([a-z]+)\] .*/\1/p' "$TABLE" | sort -u)
    run grep -nvE '^($|#|\[[a-z]+\] .|    .)' "$TABLE"
    # shellcheck disable=SC2154 # from `run`
    assert_eq "$output" "" "lines that mean nothing"
}

# ---- the oracle itself ----

# notices WORDS START...: the oracle must not let the entry on standard input pass
notices() {
    make_tree
    BEFORE=$(tree_state)
    "${@:2}" -vv --request-timeout "$TURN_S" -t "$TURN_S" -- "$SLOTS" || return
    cat >"$BATS_TEST_TMPDIR/table"
    exec {LOG}<"$SERVER_OUT"
    run run_group self "$BATS_TEST_TMPDIR/table"
    assert_contains "$output" "$1" || return
    assert_contains "$output" 'FAILED: [self] an entry ' || return
    kill_server
}
