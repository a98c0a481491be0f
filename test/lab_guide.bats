#!/usr/bin/env bats
# Runs on: once
#
# The exercises in docs/exercises: what a page says that its commands print, they print, on ferry as
# it is and with the solution beside the page; and the two are not the same.

load lib

EXERCISES=$PROJECT/docs/exercises

# shellcheck source=scripts/exercise-pages
. "$PROJECT/scripts/exercise-pages"

setup() {
    # The objects of other builds cannot be linked with those compiled here.
    [ ! -e "$BIN/manager/manager.gcno" ] || skip "the plain build shows it"
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
}

# promised NUMBER WHICH: the block of output after the line "As it is:" or "With the change:"
promised() {
    exercise_output "$(exercise_page "$EXERCISES" "$1")" "$2"
}

# build_changed PATCH DIR: the servers with that patch, in DIR/build. Only what it changes is
# compiled; the other objects are those of the build that is being tested.
build_changed() {
    local program
    mkdir -p "$2/build/test" || return
    cp -a "$PROJECT/src" "$PROJECT/include" "$PROJECT/Makefile" "$2" || return
    cp -a "$BIN/manager" "$BIN/session" "$BIN/common" "$2/build" || return
    patch -s -p1 -d "$2" <"$1" || return
    for program in ferry test/wire test/swarm; do
        ln -s "$BIN/$program" "$2/build/$program" || return
    done
    # The Makefile may be younger than the objects, but it is what they were made by.
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CFLAGS -u LDFLAGS -u CPPFLAGS -u LDLIBS \
        make -s -o Makefile -C "$2" BUILD=build CFLAGS=-O0 build/ferryd build/ferryd-threads
}

# prints NUMBER BIN TEXT: the commands of that exercise, with the programs in BIN, print TEXT
prints() {
    local dir said status=0
    dir=$(mktemp -d "$BATS_TEST_TMPDIR/run.XXXX")
    said=$(env -u SERVER BATS_TEST_TMPDIR="$dir" BIN="$2" \
        timeout 60 "$PROJECT/scripts/exercise" "$1" 2>"$dir/err" 3>&- 4>&-) || status=$?
    [ "$status" -eq 0 ] || fail "exercise $1, status $status: $said" "$(<"$dir/err")" || return
    assert_eq "$said" "$3" "what exercise $1 prints, with $2" || fail "$(<"$dir/err")"
}

# shows NUMBER: the exercise does what its page says
shows() {
    local patch before after changed=$BATS_TEST_TMPDIR/changed
    patch=$(exercise_page "$EXERCISES" "$1")
    patch=${patch%.md}.patch
    before=$(promised "$1" "As it is")
    after=$(promised "$1" "With the change")
    [ -n "$before" ]
    [ -n "$after" ]
    [ "$before" != "$after" ] || fail "exercise $1 promises no difference"
    { prints "$1" "$BIN" "$before" && touch "$BATS_TEST_TMPDIR/good"; } \
        >"$BATS_TEST_TMPDIR/before" 2>&1 3>&- 4>&- &
    build_changed "$patch" "$changed"
    prints "$1" "$changed/build" "$after"
    wait "$!" || true
    [ -e "$BATS_TEST_TMPDIR/good" ] || fail "$(<"$BATS_TEST_TMPDIR/before")"
}

@test "every exercise has a page, a solution of the same name, and a test here" {
    local number numbers page
    assert_eq "$(cd "$EXERCISES" && printf '%s\n' [0-9]*.patch)" \
        "$(cd "$EXERCISES" && printf '%s\n' [0-9]*.md | sed 's/md$/patch/')" "the solutions"
    numbers=$(exercise_numbers "$EXERCISES")
    assert_eq "$numbers" "$(seq "$(wc -l <<<"$numbers")")" "numbers of the exercises"
    for number in $numbers; do
        page=$(exercise_page "$EXERCISES" "$number")
        assert_eq "$(head -n 1 "$page")" "# $number. $(exercise_title "$page")" "heading of $page"
        assert_eq "$(grep -cxE "    shows $number" "$BATS_TEST_FILENAME")" 1 "tests of $number"
    done
}

@test "a command that prints something else than the page says would be noticed" {
    run prints 9 "$BIN" "$(promised 9 "With the change")"
    [ "$status" -eq 1 ]
    assert_contains "$output" "what exercise 9 prints"
}

@test "an exercise that is not there is refused, and those that are there are named" {
    local number
    for number in 99 0 1x ''; do
        run "$PROJECT/scripts/exercise" "$number"
        assert_eq "$status" 2 "exit status with '$number'"
        assert_contains "$output" "there is no exercise $number, only $(exercise_numbers "$EXERCISES" | xargs)"
    done
}

@test "1: with the queue a stack, the last one is served first" {
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

@test "10: without close_range, who waited hangs" {
    shows 10
}
