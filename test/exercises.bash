# exercises.bash - what the tests of the exercises and of scripts/check-answers share: the pages, what
# they promise, and answers that are handed in.
#
# Used by: lab_guide.bats, check_answers.bats; after lib.bash, whose variables it reads.
# shellcheck shell=bash
# `run` sets output and lines:
# shellcheck disable=SC2154

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

# own_tree: sets STUDENT, a copy of ferry to work in
own_tree() {
    STUDENT=$BATS_TEST_TMPDIR/student
    copy_to "$STUDENT"
}
