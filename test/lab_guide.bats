#!/usr/bin/env bats
# Runs on: once
#
# The exercises in docs/exercises: what a page says that its commands print, they print, on ferry as
# it is and with the solution beside the page; and the two are not the same. Each is run by the user
# who runs the tests, and where that is root, by an ordinary user, too.

load lib
load exercises

# ordinary_user: in a copy of both that nobody can read, by nobody
ordinary_user() {
    local part
    TREE=$BATS_TEST_TMPDIR/copy BUILT=$TREE/build PLACE=$BATS_TEST_TMPDIR/place
    AS=(setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups)
    copy_to "$TREE" || return
    mkdir "$BUILT" || return
    for part in ferryd ferryd-threads ferry ferrytop ladder test $(ls "$PROJECT/src"); do
        [ ! -e "$BIN/$part" ] || cp -pR "$BIN/$part" "$BUILT" || return
    done
    chmod -R a+rX "$TREE" "$HANDED_IN" || return
    install -d -o "$NOBODY" "$PLACE" || return
    make_readable "$TREE"
}

# prints NUMBER TEXT: the commands of that exercise print TEXT
prints() {
    local dir said status=0
    dir=$("${AS[@]}" mktemp -d "$PLACE/run.XXXX")
    said=$(BATS_TEST_TMPDIR=$dir BIN=$BUILT \
        "${AS[@]}" timeout 600 "$TREE/scripts/exercise" "$1" 2>"$dir.err" 3>&- 4>&-) || status=$?
    [ "$status" -eq 0 ] || fail "exercise $1, status $status: $said" "$(<"$dir.err")" || return
    assert_eq "$said" "$2" "what exercise $1 prints, ${AS[*]}" || fail "$(<"$dir.err")"
}

# does_as_promised NUMBER: with ferry as it is, and with the solution
does_as_promised() {
    prints "$1" "$(promised "$1" "As it is")" || return
    check "$HANDED_IN"
    says "$1" right
}

# shows NUMBER: the exercise does what its page says
shows() {
    local before after other=
    before=$(promised "$1" "As it is")
    after=$(promised "$1" "With the change")
    [ -n "$before" ]
    [ -n "$after" ]
    [ "$before" != "$after" ] || fail "exercise $1 promises no difference"
    hand_in "$1" "$(solution "$1")"
    if [ "$EUID" -eq 0 ]; then
        ordinary_user
        does_as_promised "$1" >"$BATS_TEST_TMPDIR/other" 2>&1 3>&- 4>&- &
        other=$!
        myself
    fi
    does_as_promised "$1"
    [ -z "$other" ] || wait "$other" || fail "by an ordinary user:" "$(<"$BATS_TEST_TMPDIR/other")"
}

# needs_tsan: skips the test where what ThreadSanitizer makes cannot be linked, or does not run
needs_tsan() {
    local program=$BATS_TEST_TMPDIR/tsan how=()
    ! setarch "$(uname -m)" -R true 2>/dev/null || how=(setarch "$(uname -m)" -R)
    "${CC:-cc}" -fsanitize=thread -x c -o "$program" - <<<'int main(void) { return 0; }' \
        2>/dev/null ||
            skip "the compiler has no ThreadSanitizer"
    "${how[@]}" "$program" 2>/dev/null || skip "ThreadSanitizer does not run here"
}

@test "every exercise has a page, a solution of the same name, and a test here" {
    local number numbers page
    assert_eq "$(cd "$EXERCISES" && printf '%s\n' [0-9]*.patch)" \
        "$(cd "$EXERCISES" && printf '%s\n' [0-9]*.md | sed 's/md$/patch/')" "the solutions"
    numbers=$(exercise_numbers "$EXERCISES")
    assert_eq "$numbers" "$(seq "$(wc -l <<<"$numbers")")" "numbers of the exercises"
    for number in $numbers; do
        page=$(page "$number")
        assert_eq "$(head -n 1 "$page")" "# $number. $(exercise_title "$page")" "heading of $page"
        assert_eq "$(grep -cxE "    shows $number" "$BATS_TEST_FILENAME")" 1 "tests of $number"
        grep -q '^\*Predict:\* .' "$page" || fail "$page asks for no prediction"
        assert_contains "$(<"$EXERCISES/README.md")" \
            "| $number | [$(exercise_title "$page")](${page##*/}) |"
    done
}

@test "a command that prints something else than the page says would be noticed" {
    run prints 9 "$(promised 9 "With the change")"
    [ "$status" -eq 1 ]
    assert_contains "$output" "what exercise 9 prints"
}

@test "an exercise that is not there is refused, and those that are there are named" {
    local number numbers
    numbers=$(exercise_numbers "$EXERCISES" | xargs)
    for number in 99 0 1x ''; do
        run "$PROJECT/scripts/exercise" "$number"
        assert_eq "$status" 2 "exit status with '$number'"
        assert_contains "$output" "there is no exercise $number, only $numbers"
    done
}

# ---- the exercises ----

@test "1: with the queue a stack, the last one is served first, and waits get shorter" {
    shows 1
}

@test "2: with the lab's second back, the turns take seconds" {
    shows 2
}

@test "3: with fair shares, another address does not wait for all of the first one's clients" {
    shows 3
}

@test "4: without reaping, the dead keep their slots" {
    shows 4
}

@test "5: where one child is fetched for each signal, slots stay empty for seconds" {
    shows 5
}

@test "6: a crash takes a process, or all threads" {
    shows 6
}

@test "7: without listening to the end, the last word is lost" {
    shows 7
}

@test "8: strace shows a name that comes before its bytes" {
    needs_strace
    shows 8
}

@test "9: without PR_SET_PDEATHSIG, a worker outlives its parent" {
    shows 9
}

@test "10: without close_range, a client that waited hangs" {
    shows 10
}

@test "11: the thread sanitizer finds the race in a count that looks right" {
    needs_tsan
    shows 11
}

@test "12: a signal between the look and the sleep is lost until the tick" {
    needs_strace
    shows 12
}

@test "13: a worker that execs has its own addresses, and nobody learns how it did" {
    needs_strace
    shows 13
}

@test "14: a pool of workers serves many with few processes, and survives the loss of one" {
    shows 14
}

@test "15: an event loop serves others beside a client that is silent or does not read" {
    shows 15
}

@test "16: the timeline knows the percentiles of the served times" {
    shows 16
}
