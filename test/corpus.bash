# corpus.bash - bad input as a table: a tree to be hurt, entries that are run one by one, and what
# must hold after each (the oracle).
#
# Used by: corpus.bats, http_bad.bats, with `load corpus` after `load lib`.
# Needs:   what lib.bash needs, and iconv
# Tables:  corpus/*.txt, which say how they are written. Their words may use the caller's variables.
# The caller has: TABLE, the file
#                 TURN_S, the server's --request-timeout and --timeout
#                 converse ANSWER STEP..., which does the steps, judges what is answered, and then is
#                 the next client. Where the server has one slot, that this one is served tells that
#                 it is done with the one before.
# Returns: as lib.bash's helpers.
# shellcheck shell=bash

MOST_MS=20000 # for one entry and the next client
SLOTS=1       # of the server
RUN=run_entry # or start_entry, with more slots: where entries take time, and change nothing
ROOT=$BATS_TEST_TMPDIR/tree/root
OUTSIDE=$BATS_TEST_TMPDIR/tree/outside

# What a table's words may use.
# shellcheck disable=SC2034
{
    name255=$(printf '%255s' '' | tr ' ' n)
    name256=n$name255
    path1020=$(printf '%249s/' '' '' '' '' | tr ' ' n)$(printf '%20s' '' | tr ' ' n)
    path1021=${path1020}n
}

# make_tree: what the head of the lab's table says there is, whatever was there before
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

# no_crash: in what the server has said since it was asked last
no_crash() {
    local line
    while IFS= read -r -u "$LOG" line; do
        [[ $line != *'killed by signal'* ]] || fail "a worker has crashed: $line" || return
    done
}

# judge_case THEN BEGAN_MS ANSWER STEP...: what must hold after each of an entry's cases; that nothing
# has changed, where nothing should, is looked for once for all of them
judge_case() {
    local ms
    converse "${@:3}" || return
    is_alive "$SERVER_PID" || fail "the server has died" || return
    no_crash || return
    ms=$((${EPOCHREALTIME//[.,]/} / 1000 - $2))
    ((ms < MOST_MS)) || fail "it took $ms ms" || return
    [ -z "$1" ] || as_before "$1"
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

# start_entry TITLE FOR THEN STEPS ANSWER: all its cases at once, beside those of other entries
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

# end_entries: of those that were started, all are over, and nothing has changed
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

# each_entry GROUP COMMAND [TABLE]: COMMAND TITLE FOR THEN STEPS ANSWER, for every entry of it; "*" are
# all groups
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

# run_group GROUP [TABLE]: every entry of it
run_group() {
    each_entry "$1" "$RUN" "${2:-}"
}

# survives GROUP START...: all its entries, with the server that START starts with more options, and
# then the server as a whole
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

# every_group_is_run: and no line of the table is neither an entry's nor a remark
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

# notices WORDS START...: an entry on standard input, which the oracle must not let pass
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
