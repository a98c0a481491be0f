#!/usr/bin/env bats
# Runs on: once
#
# The exercises of docs/lab-guide.md: what the guide says that its commands print, they print, on
# ferry as it is and with the solution; and the two are not the same.

load lib

GUIDE=$PROJECT/docs/lab-guide.md

setup() {
    # The objects of other builds cannot be linked with those compiled here.
    [ ! -e "$BIN/manager/manager.gcno" ] || skip "the plain build shows it"
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
}

# promised NUMBER WHICH: the block of output after the line "As it is:" or "With the change:"
promised() {
    awk -v heading="### $1. " -v title="$2:" '
        index($0, heading) == 1 { ours = 1; next }
        /^##/ { ours = 0 }
        ours && $0 == title { wanted = 1 }
        ours && /^```/ { if (inside) exit; inside = wanted; next }
        ours && inside' "$GUIDE"
}

# solution NUMBER: the one patch that the exercise refers to
solution() {
    local patches
    patches=$(awk -v heading="### $1. " '
        index($0, heading) == 1 { ours = 1; next }
        /^##/ { ours = 0 }
        ours' "$GUIDE" | grep -oE 'exercises/[^)]+\.patch')
    assert_eq "$(printf '%s\n' "$patches" | wc -l)" 1 "patches of exercise $1" || return
    printf '%s' "$PROJECT/docs/$patches"
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

# shows NUMBER: the exercise does what the guide says
shows() {
    local patch before after changed=$BATS_TEST_TMPDIR/changed
    patch=$(solution "$1")
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

@test "there are ten exercises, each with a test here, and every patch is the solution of one" {
    local number
    assert_eq "$(grep -cE '^### [0-9]+\. ' "$GUIDE")" 10 exercises
    for number in 1 2 3 4 5 6 7 8 9 10; do
        assert_eq "$(grep -cxE "    shows $number" "$BATS_TEST_FILENAME")" 1 "tests of $number"
        solution "$number"
        echo
    done >"$BATS_TEST_TMPDIR/named"
    assert_eq "$(sort "$BATS_TEST_TMPDIR/named")" \
        "$(find "$PROJECT/docs/exercises" -name '*.patch' | sort)"
}

@test "a command that prints something else than the guide says would be noticed" {
    run prints 9 "$BIN" "$(promised 9 "With the change")"
    [ "$status" -eq 1 ]
    assert_contains "$output" "what exercise 9 prints"
    run "$PROJECT/scripts/exercise" 11
    [ "$status" -eq 2 ]
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
