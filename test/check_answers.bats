#!/usr/bin/env bats
# Runs on: once
#
# scripts/check-answers: what it says of students' answers to the exercises.

load lib
load exercises

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
    ln -s /nowhere "$HANDED_IN/11.patch"
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
    says 11 "does not apply"
    grep -q "^        .*: No such file" <<<"$output"
    assert_contains "$output" "not the answer to an exercise: $HANDED_IN/99.patch"
    line=$(tail -n 1 <<<"$output")
    assert_contains "$line" "exercises; right: 1, wrong: 1, does not apply: 6, does not compile: 1,"
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
    # A script of its own, which the other one needs.
    mv "$STUDENT/scripts/timeline" "$STUDENT/scripts/timeline-own"
    # shellcheck disable=SC2016 # for the inner shell
    printf '#!/bin/sh\nexec "${0%%/*}/timeline-own" "$@"\n' >"$STUDENT/scripts/timeline"
    chmod +x "$STUDENT/scripts/timeline"
    patch -s -p1 -d "$STUDENT" <"$(solution 1)"
    check "$STUDENT" 1
    assert_eq "$status" 0 "$output"
    says 1 right
    echo oops >>"$STUDENT/src/manager/manager.c"
    check "$STUDENT" 5 4
    assert_eq "$status" 1
    says 5 "does not compile"
    says 4 "does not compile"
}

@test "check-answers compiles whatever includes a header that the student has changed" {
    own_tree
    # Of a build in another folder, whose name is in its rules.
    BUILT=$BATS_TEST_TMPDIR/elsewhere
    mkdir "$BUILT"
    cp -pR "$BIN"/* "$BUILT"
    (cd "$BUILT" && find . -name '*.o') | sed 's/^\.//; s/o$//' | while read -r name; do
        sed -i "1s|^[^:]*:|$BUILT${name}o:|" "$BUILT${name}d"
    done
    patch -s -p1 -d "$STUDENT" <"$(solution 5)"
    sed -i 's/^struct worker_end {/&\n    long of_the_student;/' "$STUDENT/include/manager/worker.h"
    refute cmp -s "$STUDENT/include/manager/worker.h" "$PROJECT/include/manager/worker.h"
    check "$STUDENT" 5
    assert_eq "$status" 0 "$output"
    says 5 right
}

@test "check-answers ends what an answer leaves running" {
    own_tree
    cat >>"$STUDENT/src/server/server_main.c" <<'END'
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void leave_a_process(void)
{
    if (fork() != 0)
        return;
    (void)setsid();
    (void)creat("left", 0600);
    (void)close_range(0, ~0U, 0);
    for (;;)
        (void)pause();
}
END
    check "$STUDENT" 7
    says 7 wrong
    assert_eq "$(grep -lsz "^$PLACE/ferry-answers" /proc/[0-9]*/cmdline)" "" "what still runs"
}

@test "check-answers stops what takes too long" {
    own_tree
    printf '#!/bin/sh\nexec sleep 4321\n' >"$STUDENT/scripts/timeline"
    ANSWER_SECONDS=5 check "$STUDENT" 1
    assert_eq "$status" 1
    says 1 wrong
    assert_contains "$output" "they were stopped after 5 s"
    refute is_argument '^4321$'
    printf 'all:\n\tsleep 4321\n' >"$STUDENT/Makefile"
    ANSWER_SECONDS=1 check "$STUDENT" 1
    assert_eq "$status" 1
    says 1 "does not compile"
    assert_contains "$output" "stopped after 1 s"
    refute is_argument '^4321$'
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
