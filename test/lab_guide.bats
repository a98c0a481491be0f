#!/usr/bin/env bats
# Runs on: once
#
# The exercises in docs/exercises: what a page says that its commands print, they print, on ferry as
# it is and with the solution beside the page; and the two are not the same. Each is run by whoever
# runs the tests, and where that is root, by an ordinary user, too.
#
# And scripts/check-answers, which finds out the same of others' solutions.

load lib

EXERCISES=$PROJECT/docs/exercises

# shellcheck source=scripts/exercise-pages
. "$PROJECT/scripts/exercise-pages"

setup() {
    # The objects of other builds cannot be linked with those compiled here.
    [ ! -e "$BIN/manager/manager.gcno" ] || skip "the plain build shows it"
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
    HANDED_IN=$BATS_TEST_TMPDIR/handed-in
    mkdir "$HANDED_IN"
    unset SERVER MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS LDLIBS
    myself
}

# myself: what follows is done in this tree, with the build that is being tested
myself() {
    TREE=$PROJECT BUILT=$BIN PLACE=$BATS_TEST_TMPDIR AS=()
}

# copy_to FOLDER: ferry, with nothing that was made of it
copy_to() {
    mkdir "$1" && (cd "$PROJECT" && cp -pR Makefile include src docs scripts test "$1")
}

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

# page NUMBER
page() {
    exercise_page "$EXERCISES" "$1"
}

# promised NUMBER WHICH: the block of output after the line "As it is:" or "With the change:"
promised() {
    exercise_output "$(page "$1")" "$2"
}

# hand_in NUMBER FILE: the patch FILE as the answer to that exercise
hand_in() {
    cp "$2" "$HANDED_IN/$1.patch"
}

# solution NUMBER: the patch beside its page
solution() {
    local page
    page=$(page "$1")
    printf '%s' "${page%.md}.patch"
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

# check ARGUMENT...: runs check-answers; sets output and status
check() {
    BIN=$BUILT TMPDIR=$PLACE run "${AS[@]}" "$TREE/scripts/check-answers" "$@" 3>&- 4>&-
}

# says NUMBER VERDICT: that line was printed
says() {
    local title
    title=$(exercise_title "$(page "$1")")
    grep -qE "^ ?$1  $title +$2\$" <<<"$output" || fail "no line that $1 is $2:" "$output"
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

# own_tree: sets STUDENT, a copy of ferry to work in
own_tree() {
    STUDENT=$BATS_TEST_TMPDIR/student
    copy_to "$STUDENT"
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

@test "the lab's literal sleep(1) takes its second, but not under the sandbox" {
    start_server -vv
    grep -q 'sandbox:.* seccomp' "$SERVER_OUT" || skip "no seccomp here"
    stop_server
    own_tree
    sed -i '1i #include <unistd.h>
        s/^ *sleep_once(m, keep_record.*/        sleep(1);\n        sleep_once(m, 0);/' \
        "$STUDENT/src/manager/manager.c"
    check "$STUDENT" 2
    says 2 right
    TREE=$BATS_TEST_TMPDIR/teacher
    copy_to "$TREE"
    sed -i 's/--sandbox=off //' "$TREE/docs/exercises/02-the-second.md"
    check "$STUDENT" 2
    says 2 wrong
    assert_contains "$output" "$(promised 2 "As it is")"
}

# ---- check-answers ----

@test "check-answers tells what is right, wrong, unusable or missing, and why" {
    local line
    hand_in 7 "$(solution 7)"
    hand_in 01-anna "$(solution 5)"
    sed 's/^-.*while.*/-    until (worker_reap(\&end)) {/' "$(solution 5)" >"$HANDED_IN/05.patch"
    sed 's/__builtin_trap();/__builtin_trap() oops/' "$(solution 6)" >"$HANDED_IN/6.diff"
    { cat "$(solution 10)" && cat <<'END'; } >"$HANDED_IN/10.patch"
--- a/test/lib.bash
+++ b/test/lib.bash
@@ -1,2 +1,3 @@
 # lib.bash - what the tests share: a server, clients, waiting, asserting, cleaning up.
+exit 0
 #
END
    printf -- '--- /dev/null\n+++ b/new/file\n@@ -0,0 +1 @@\n+new\n' >"$HANDED_IN/9.patch"
    printf '' >"$HANDED_IN/8.patch"
    hand_in 4 "$(solution 4)"
    hand_in 4-again "$(solution 4)"
    hand_in 99 "$(solution 4)"
    check "$HANDED_IN"
    assert_eq "$status" 1
    says 1 wrong
    assert_contains "$output" "the commands printed:
        served: 1 2 3 4 5"
    assert_contains "$output" "they should have printed:
        served: 1 5 4 3 2"
    says 2 "not handed in"
    says 3 "not handed in"
    says 4 "does not apply"
    assert_contains "$output" "more than one"
    says 5 "does not apply"
    assert_contains "$output" "FAILED at"
    says 6 "does not compile"
    assert_contains "$output" "oops"
    says 7 right
    says 8 "does not apply"
    assert_contains "$output" "it changes nothing"
    says 9 "does not apply"
    assert_contains "$output" "it changes new, which is not part of an answer"
    says 10 "does not apply"
    assert_contains "$output" "it changes test/lib.bash, which is not part of an answer"
    assert_contains "$output" "not the answer to an exercise: $HANDED_IN/99.patch"
    line=$(tail -n 1 <<<"$output")
    assert_contains "$line" "exercises; right: 1, wrong: 1, does not apply: 5, does not compile: 1,"
    assert_eq "$(find "$PLACE" -name 'ferry-answers.*')" "" "what is left behind"
}

@test "check-answers is content with right answers, however many there are" {
    hand_in 07 "$(solution 7)"
    hand_in 9-anna "$(solution 9)"
    check "$HANDED_IN"
    assert_eq "$status" 0
    says 7 right
    says 9 right
    assert_contains "$output" "exercises; right: 2, not handed in: "
}

@test "check-answers takes of a student's tree what is an answer, and nothing else" {
    own_tree
    patch -s -p1 -d "$STUDENT" <"$(solution 5)"
    echo 'workers() { exit 0; }' >>"$STUDENT/test/lib.bash"
    cp "$(page 5)" "$STUDENT/docs/exercises/04-nobody-reaps.md"
    check "$STUDENT" 5
    assert_eq "$status" 0 "$output"
    says 5 right
    check "$STUDENT" 5 4
    assert_eq "$status" 1
    says 5 right
    says 4 wrong
    assert_eq "$(tail -n 1 <<<"$output")" "2 exercises; right: 1, wrong: 1"
    echo oops >>"$STUDENT/src/manager/manager.c"
    check "$STUDENT" 5 4
    assert_eq "$status" 1
    says 5 "does not compile"
    says 4 "does not compile"
}

@test "check-answers stops what takes too long" {
    own_tree
    printf '#!/bin/sh\nexec sleep 4321\n' >"$STUDENT/scripts/timeline"
    ANSWER_SECONDS=5 check "$STUDENT" 1
    assert_eq "$status" 1
    says 1 wrong
    assert_contains "$output" "they were stopped after 5 s"
    refute pgrep -f 'sleep 4321'
    printf 'all:\n\tsleep 4321\n' >"$STUDENT/Makefile"
    ANSWER_SECONDS=1 check "$STUDENT" 1
    assert_eq "$status" 1
    says 1 "does not compile"
    assert_contains "$output" "stopped after 1 s"
    refute pgrep -f 'sleep 4321'
}

@test "check-answers says where a wrong answer is the machine's fault" {
    mkdir "$BATS_TEST_TMPDIR/fake"
    printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/fake/strace"
    chmod +x "$BATS_TEST_TMPDIR/fake/strace"
    hand_in 8 "$(solution 8)"
    PATH=$BATS_TEST_TMPDIR/fake:$PATH check "$HANDED_IN"
    says 8 wrong
    assert_contains "$output" "they do not print what they should for ferry as it is, either"
}

@test "check-answers refuses what it cannot make sense of, in a line" {
    local arguments
    for arguments in "" /nowhere "$HANDED_IN" "$HANDED_IN 4" "$PROJECT 99" "$PROJECT 4 x"; do
        # shellcheck disable=SC2086 # several
        check $arguments
        assert_eq "$status" 2 "exit status with: $arguments"
        assert_eq "${#lines[@]}" 1 "lines with: $arguments"
        assert_contains "$output" "check-answers: "
    done
}
