#!/usr/bin/env bats
# Runs on: once
#
# The commands that people type in this folder: the scripts, make test, make install. Where a
# script builds something, a make of the test's own stands in front of the real one.
#
# Dollars in quotes are of other scripts here:
# shellcheck disable=SC2016

load lib

setup() {
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
    COPY=
    FAKE=$BATS_TEST_TMPDIR/fake # goes before PATH
    TEMPORARY=$BATS_TEST_TMPDIR/tmp
    MINE=$BATS_TEST_TMPDIR/mine # a BUILD with programs in it
    mkdir "$FAKE" "$TEMPORARY" "$MINE"
}

# program PATH: its text is what comes on standard input
program() {
    { echo '#!/bin/sh' && cat; } >"$1"
    chmod +x "$1"
}

# own_programs: in MINE, those of the build that is being tested; make leaves them alone
own_programs() {
    local name
    for name in ferryd ferry; do
        program "$MINE/$name" <<<"touch '$MINE/$name-was-run'; exec '$BIN/$name' \"\$@\""
    done
    program "$FAKE/make" <<<"exit 0"
}

# impatient SECONDS: a copy of the scripts, in COPY, that wait so long where the others wait a minute
impatient() {
    COPY=$BATS_TEST_TMPDIR/copy.$1
    mkdir "$COPY"
    cp -a "$PROJECT/scripts" "$COPY"
    sed -i "s/^patience=60 /patience=$1 /" "$COPY/scripts/demo"
    grep -q "^patience=$1 " "$COPY/scripts/demo"
}

demo() {
    (cd "${FROM:-$PROJECT}" && PATH=$FAKE:$PATH TMPDIR=$TEMPORARY DEMO_MIB=${MIB:-1} BUILD=${AT:-$MINE} \
        timeout 120 "${COPY:-$PROJECT}/scripts/demo" </dev/null 3>&- 4>&-)
}

nothing_is_left() {
    assert_eq "$(ls -A "$TEMPORARY")" "" "what is left of it"
}

# by_hand ARG...: make, as if called by hand
by_hand() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD -u CFLAGS -u LDFLAGS -u CPPFLAGS -u LDLIBS \
        make --no-print-directory -C "$PROJECT" "$@"
}

# ---- scripts/demo ----

@test "the demo takes its programs from BUILD, as seen from where it is called, and leaves nothing" {
    local at
    own_programs
    for at in "$MINE" mine; do
        rm -f "$MINE"/*-was-run
        FROM=$BATS_TEST_TMPDIR AT=$at run demo
        assert_eq "$status" 0 "exit status with BUILD=$at: $output"
        assert_contains "$output" "Every byte of the six files is where it should be"
        [ -e "$MINE/ferryd-was-run" ]
        [ -e "$MINE/ferry-was-run" ]
        nothing_is_left
    done
}

@test "a demo whose server or client dies or hangs says so, ends, and leaves nothing" {
    local real
    own_programs
    program "$MINE/ferryd" <<<'echo "no room" >&2; exit 1'
    run demo
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "demo: the server has ended: no room"
    nothing_is_left

    program "$MINE/ferryd" <<<'exec sleep 1000'
    impatient 1
    run demo
    COPY=
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "demo: not within 1 s: the server listens"
    nothing_is_left

    own_programs
    program "$MINE/ferry" <<<'exit 1'
    run demo
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "demo: a client has ended before its time"
    nothing_is_left

    impatient 10
    program "$MINE/ferry" <<<'[ "$1" = -q ] && [ "$2" = 127.0.0.1 ] && port=$3 || port=$5
        exec bash -c "exec 5<>/dev/tcp/127.0.0.1/$port; exec sleep 1000"'
    run demo
    assert_eq "$status" 1 "exit status"
    assert_contains "$output" "demo: a client did not end within 10 s"
    nothing_is_left
    real=$(cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep -c "^TMPDIR=$TEMPORARY\$") || true
    assert_eq "$real" 0 "processes that are left"
}

@test "Ctrl-C at any time ends the demo, and leaves neither a process nor a folder" {
    local line group said=$BATS_TEST_TMPDIR/said
    own_programs
    for line in 'Six files' 'server waiting' 'PUT north' 'GET green' 'GET blue' 'Every byte'; do
        # With job control it is a process group of its own, as on a terminal.
        set -m
        MIB=2 demo >"$said" 2>&1 &
        group=$!
        set +m
        track "$group"
        wait_until 60 grep -q "$line" "$said"
        group_interrupted "$group"
        wait_until 60 group_is_gone
        nothing_is_left || fail "$(<"$said")"
        wait "$group" || true # the last one may have been at its end
    done
}

# timeout(1) is in a group of its own, with all below it, and passes the signal on.
group_interrupted() {
    ! _named timeout "$1" || kill -INT "$NAMED" || true
}

group_is_gone() {
    ! grep -lzxF "TMPDIR=$TEMPORARY" /proc/[0-9]*/environ 2>/dev/null | grep -q .
}

# ---- scripts/test and make test ----

@test "scripts/test heeds BUILD, and says what it builds and how it went" {
    program "$FAKE/make" <<EOF2
echo "make \$*" >>'$BATS_TEST_TMPDIR/made'
case "\$*" in
    *-q*) exit 1 ;;
    *test-run*) mkdir -p '$MINE/results/ferryd' && cp '$BATS_TEST_TMPDIR/tap' '$MINE/results/ferryd/a.tap' ;;
esac
EOF2
    # In a copy, whose ensure installs nothing.
    mkdir -p "$BATS_TEST_TMPDIR/copy/test"
    cp -a "$PROJECT/scripts" "$BATS_TEST_TMPDIR/copy"
    cp "$PROJECT/test/summary" "$BATS_TEST_TMPDIR/copy/test"
    program "$BATS_TEST_TMPDIR/copy/scripts/ensure" <<<"exit 0"
    printf '%s\n' 1..1 'ok 1 all is well' '# exit status 0' >"$BATS_TEST_TMPDIR/tap"
    cd "$BATS_TEST_TMPDIR"
    PATH=$FAKE:$PATH BUILD=mine run copy/scripts/test
    assert_eq "$status" 0 "exit status: $output"
    assert_contains "$output" "building ferryd, ferryd-threads, ferry and ferrytop in $MINE/"
    assert_eq "${lines[-1]}" "1 passed, 0 failed"
    assert_eq "$(grep -vc "BUILD=$MINE" made)" 0 "calls of make without that BUILD"

    printf '%s\n' 1..1 'not ok 1 something is wrong' '# exit status 1' >tap
    PATH=$FAKE:$PATH BUILD=mine run copy/scripts/test
    assert_eq "$status" 1 "exit status"
    assert_eq "${lines[-1]}" "0 passed, 1 failed"
}

@test "make test without bats says so in one line" {
    local tool
    for tool in env make sh grep; do
        ln -s "$(type -P "$tool")" "$FAKE/$tool"
    done
    for tool in test test-house asan; do
        PATH=$FAKE run by_hand "$tool"
        assert_eq "$status" 2 "exit status"
        assert_eq "${#lines[@]}" 1 "lines of: $output"
        assert_contains "$output" "bats is not installed: scripts/test installs it"
    done
}

# run_files [COMMAND]: test/run-file on a good file and one that fails, below COMMAND
run_files() {
    local tree=$BATS_TEST_TMPDIR/tree
    mkdir -p "$tree/test" "$tree/r/ferryd"
    cp "$PROJECT/test/run-file" "$tree/test"
    # A bats that says what is in the file.
    program "$FAKE/bats" <<<'cat "$2"; case $2 in *bad*) exit 1 ;; esac'
    printf '%s\n' 1..2 'ok 1 a' 'ok 2 b # skip c' >"$tree/test/good_with_a_rather_long_name.bats"
    printf '%s\n' 1..2 'ok 1 a' 'not ok 2 b' >"$tree/test/bad.bats"
    program "$tree/all" <<'EOF2'
for name in bad good_with_a_rather_long_name; do
    test/run-file ferryd "$name" r/ferryd/"$name.tap"
done
test/run-file
EOF2
    (cd "$tree" && PATH=$FAKE:$PATH FILES=12 "$@")
}

@test "a line tells of each test file as it ends" {
    run run_files ./all
    assert_eq "$status" 0 "exit status"
    assert_eq "${#lines[@]}" 2 lines
    [[ ${lines[0]} =~ ^"FAIL bad (ferryd)  1 of 2 failed, "[0-9]+" s"$ ]] || fail "$output"
    [[ ${lines[1]} =~ ^"ok   good_with_a_rather_long_name (ferryd)  2 tests (1 skipped) "[0-9]+" s"$ ]] ||
        fail "$output"
    assert_eq "$(tail -n 1 "$BATS_TEST_TMPDIR/tree/r/ferryd/bad.tap")" "# exit status 1"
}

@test "on a terminal the line is rewritten and fits, and those that failed stay" {
    type -P script >/dev/null || skip "script(1) is lacking"
    local said erase=$'\r\e[K'
    said=$(TERM=xterm run_files script -qec 'stty cols 40; ./all' /dev/null </dev/null)
    [[ $said == "$erase"FAIL\ bad\ *" s"$'\r\n'"$erase""2 of 12: ok   good_with_a_rather_long_n"$erase ]] ||
        fail "$(cat -A <<<"$said")"
}

@test "a test file that hangs is stopped, and its line says so" {
    local tree=$BATS_TEST_TMPDIR/tree
    mkdir -p "$tree/test" "$tree/r/ferryd"
    program "$FAKE/bats" <<<'echo 1..2; echo ok 1 a; exec sleep 1000'
    cd "$tree"
    PATH=$FAKE:$PATH TEST_SECONDS=1 run "$PROJECT/test/run-file" ferryd slow r/ferryd/slow.tap
    assert_eq "$output" "FAIL slow (ferryd)  stopped after 1 s, 1 of 2 tests had ended"
}

# ---- the others ----

@test "every script that people call has --help, and one line and status 2 for wrong arguments" {
    local name wrong
    for name in demo test bench bench-report count-calls compare compare-report compare-charts \
        page-hashes page-pictures queue-picture exercise check-answers link-lines core-lines ensure stranger timeline \
        variants ../.ci/run; do
        for wrong in --help -h; do
            run "$PROJECT/scripts/$name" "$wrong"
            assert_eq "$status" 0 "exit status of $name $wrong"
            assert_contains "${lines[0]}" "${name##*/}"
            [ "${#lines[@]}" -gt 1 ]
        done
        run "$PROJECT/scripts/$name" --nonsense here
        assert_eq "$status" 2 "exit status of $name --nonsense: $output"
        assert_eq "${#lines[@]}" 1 "lines of: $output"
        assert_contains "$output" "${name##*/}: "
    done
}

@test "a script that lacks a program says so in one line, and measures nothing" {
    local name arguments
    for name in bench count-calls queue-picture compare exercise; do
        arguments=()
        [ "$name" != exercise ] || arguments=(1)
        [ "$name" != count-calls ] || arguments=(ferryd)
        BIN=$MINE run "$PROJECT/scripts/$name" "${arguments[@]}"
        assert_eq "$status" 1 "exit status of $name"
        assert_eq "$output" "$name: $MINE/ferryd is not there: run make all probes"
    done
    own_programs # as after `make` without the probes
    BIN=$MINE run "$PROJECT/scripts/queue-picture"
    assert_eq "$output" "queue-picture: $MINE/test/swarm is not there: run make all probes"
    BIN=$MINE run "$PROJECT/scripts/variants"
    assert_eq "$status" 1
    assert_eq "$output" "variants: $MINE/test/swarm is not there: run make all probes"
}

@test "make help names every program, and what is the caller's to set" {
    local word
    run by_hand help
    for word in ferryd ferryd-threads 'ferry ' ferrytop test-house BUILD CC CFLAGS LDFLAGS PREFIX DESTDIR; do
        assert_contains "$output" "$word"
    done
}

# ---- installing ----

# install_to ACTION DIR [ARG...]: of programs that are there already
install_to() {
    local name
    for name in ferryd ferryd-threads ferry ferrytop; do
        [ -e "$MINE/$name" ] || cp "$BIN/$name" "$MINE/$name"
    done
    by_hand -s -o all BUILD="$MINE" DESTDIR="$2" PREFIX=/usr/local "${@:3}" "$1"
}

@test "install puts every program where an ordinary user finds it, and an older server goes" {
    local name to="$BATS_TEST_TMPDIR/a folder"
    mkdir -p "$to/usr/local/sbin"
    touch "$to/usr/local/sbin"/{ferryd,ferryd-threads,another}
    install_to install "$to"
    for name in ferryd ferryd-threads ferry ferrytop; do
        "$to/usr/local/bin/$name" --version
    done
    assert_eq "$(ls "$to/usr/local/sbin")" another
    [ -e "$to/usr/local/share/man/man8/ferryd.8" ]
    install_to uninstall "$to"
    assert_eq "$(find "$to" ! -type d)" "$to/usr/local/sbin/another" "files that are left"
}

@test "where sbin is bin, what install has put there stays" {
    local to=$BATS_TEST_TMPDIR/to
    mkdir -p "$to/usr/local/bin"
    ln -s bin "$to/usr/local/sbin"
    install_to install "$to"
    "$to/usr/local/bin/ferryd" --version
}

@test "uninstall removes the folders that install has made, and no other" {
    local to="$BATS_TEST_TMPDIR/to" before
    mkdir -p "$to/usr/local/bin" "$to/usr/local/share/doc"
    before=$(find "$to" | sort)
    install_to install "$to"
    install_to install "$to" # once more, and it is no other
    install_to uninstall "$to"
    assert_eq "$(find "$to" | sort)" "$before" "what was there before"

    install_to install "$to"
    touch "$to/usr/local/share/man/man1/another.1"
    install_to uninstall "$to"
    [ -e "$to/usr/local/share/man/man1/another.1" ]
    refute test -e "$to/usr/local/share/man/man8"

    # And where nothing was there at all.
    install_to install "$to.new"
    install_to uninstall "$to.new"
    refute test -e "$to.new"
}

@test "uninstall takes away what an older version has put into sbin" {
    local to=$BATS_TEST_TMPDIR/to
    mkdir -p "$to/usr/local/sbin"
    touch "$to/usr/local/sbin"/{ferryd,ferryd-threads}
    install_to uninstall "$to"
    assert_eq "$(find "$to" ! -type d)" ""
}
