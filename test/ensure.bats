#!/usr/bin/env bats
# Runs on: once
#
# scripts/ensure: what is missing is installed where that is allowed, and said where it is not.

# Shell code in single quotes is for the commands of that machine:
# shellcheck disable=SC2016

load lib

# A machine on which only these commands are there. Its apt-get writes down what it is told, says
# sixteen lines, and "installs" what is in the folder `packages`; id(1) says who one is.
setup() {
    local name
    MACHINE=$BATS_TEST_TMPDIR/machine
    mkdir -p "$MACHINE" "$BATS_TEST_TMPDIR/packages"
    for name in sh env mktemp tail rm cat cp; do
        ln -s "$(type -P "$name")" "$MACHINE/$name"
    done
    command_says id 'echo 0'
    command_says apt-get 'echo "$*" >>"$TOLD"
        for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo "line $n" >&2; done
        case $* in *install*) cp "$PACKAGES"/* "$MACHINE"/ || exit ;; esac'
    TOLD=$BATS_TEST_TMPDIR/told
    touch "$TOLD"
}

# command_says NAME SCRIPT
command_says() {
    printf '#!/bin/sh\n%s\n' "$2" >"$MACHINE/$1"
    chmod +x "$MACHINE/$1"
}

# packaged NAME SCRIPT: apt-get will install it
packaged() {
    printf '#!/bin/sh\n%s\n' "$2" >"$BATS_TEST_TMPDIR/packages/$1"
    chmod +x "$BATS_TEST_TMPDIR/packages/$1"
}

ensure() {
    run env -i PATH="$MACHINE" MACHINE="$MACHINE" PACKAGES="$BATS_TEST_TMPDIR/packages" \
        TOLD="$TOLD" "$PROJECT/scripts/ensure" "$@" </dev/null
}

@test "where all is there, it says and does nothing" {
    ensure sh env
    assert_eq "$status" 0
    assert_eq "$output" ""
    assert_eq "$(<"$TOLD")" ""
}

@test "root is told what is installed, and it is" {
    packaged cc :
    packaged ip :
    ensure sh cc ip
    assert_eq "$output" "installing: gcc libc6-dev iproute2"
    assert_eq "$status" 0
    assert_contains "$(<"$TOLD")" " install -y --no-install-recommends gcc libc6-dev iproute2"
    ensure sh cc ip
    assert_eq "$output" ""
}

@test "a python3 without its modules counts as missing" {
    command_says python3 'exit 1'
    packaged python3 'exit 0'
    ensure python3
    assert_eq "$output" "installing: python3"
    assert_eq "$status" 0
}

@test "where the package manager fails, its last lines come before the line of what is missing" {
    packaged strace :
    ensure strace cc
    assert_eq "$status" 1
    assert_eq "${#lines[@]}" 17 "lines"
    assert_eq "${lines[0]}" "installing: strace gcc libc6-dev"
    assert_eq "${lines[1]}" "line 2"
    assert_eq "${lines[15]}" "line 16"
    assert_eq "${lines[16]}" \
        "missing: cc; as root: apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev"
}

@test "an update that fails is no reason not to install" {
    packaged cc :
    command_says apt-get 'case $* in update) exit 100 ;; esac; cp "$PACKAGES"/* "$MACHINE"/'
    ensure cc
    assert_eq "$output" "installing: gcc libc6-dev"
    assert_eq "$status" 0
}

@test "an ordinary user is told in one line what to install, and how" {
    command_says id 'echo 1000'
    packaged cc :
    ensure sh cc bats
    assert_eq "$status" 1
    assert_eq "$output" \
        "missing: cc bats; as root: apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev bats"
    # A sudo that asks for a password is none.
    command_says sudo 'exit 1'
    ensure sh cc bats
    assert_eq "${#lines[@]}" 1 "lines"
    assert_eq "$(<"$TOLD")" "" "what apt-get was told"
}

@test "an ordinary user whom sudo asks for nothing gets it installed" {
    command_says id 'echo 1000'
    command_says sudo 'shift; exec "$@"'
    command_says true :
    packaged cc :
    ensure cc
    assert_eq "$output" "installing: gcc libc6-dev"
    assert_eq "$status" 0
}

@test "where there is no package manager that it knows, it says what is missing" {
    rm "$MACHINE/apt-get"
    ensure sh cc
    assert_eq "$status" 1
    assert_eq "$output" "missing: cc; as root: install gcc, or what they are called here"
}
