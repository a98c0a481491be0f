#!/usr/bin/env bats
# Runs on: once
#
# Other compilers, libcs and machines: everything compiles without a warning, and files go both ways.
# A compiler or an emulator that is not here is named in the test's line.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

MULTIARCH=/usr/include/$(uname -m)-linux-gnu
# musl-gcc and a 64-bit system's gcc -m32 do not look for the kernel's headers where they are.
KERNEL="-idirafter /usr/include -idirafter $MULTIARCH"

# builds COMPILER... [-- MAKE-ARG...]: all programs with that compiler, without a word; in BIN
builds() {
    local compiler=$1
    command -v "${1%% *}" >/dev/null || skip "needs ${1%% *}"
    echo 'int main(void) { return 0; }' >"$BATS_TEST_TMPDIR/empty.c"
    $compiler -o "$BATS_TEST_TMPDIR/empty" "$BATS_TEST_TMPDIR/empty.c" 2>/dev/null ||
        skip "$compiler cannot build a program here"
    BIN=$BATS_TEST_TMPDIR/build
    run env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CFLAGS -u LDFLAGS -u CPPFLAGS -u LDLIBS \
        make -s -C "$PROJECT" BUILD="$BIN" CC="$compiler" CFLAGS=-O1 "${@:2}"
    assert_eq "$output" "" "what make says"
    assert_eq "$status" 0 "exit status of make"
}

# as_program NAME COMMAND...: a program of that name that is COMMAND; prints its path
as_program() {
    local path=$BATS_TEST_TMPDIR/as/$1
    mkdir -p "${path%/*}"
    printf '#!/bin/sh\nexec %s "$@"\n' "${*:2}" >"$path"
    chmod 755 "$path"
    echo "$path"
}

# both_ways CLIENT: PUT and GET between that client and the server that runs
both_ways() {
    cd "$BATS_TEST_TMPDIR" || return
    rm -f new && random_file new 3000000
    "$1" -q 127.0.0.1 "$PORT" PUT new || fail "PUT by $1" || return
    assert_file_eq "$ROOT/new" new || return
    "$1" -q -o got 127.0.0.1 "$PORT" GET new || fail "GET by $1" || return
    assert_file_eq got new
}

# shellcheck disable=SC2153 # FERRY is lib.bash's
# transfers_by [RUNNER...]: the servers and the client in BIN, which RUNNER runs, and this machine's
# own client; a file of more than 4 GiB has its size
transfers_by() {
    local server client
    client=$(as_program ferry "$@" "$BIN/ferry")
    for server in ferryd ferryd-threads; do
        FERRYD=$(as_program "$server" "$@" "$BIN/$server")
        start_server || return
        both_ways "$client" && both_ways "$FERRY" || return
        truncate -s 5G "$ROOT/large"
        "$WIRE" "$PORT" expect READY send 'GET large\n' expect OK send READY \
            expect '\0\0\0\x01\x40\0\0\0' close || fail "the size of 5 GiB" || return
        stop_server || return
    done
}

@test "gcc and clang compile everything without a warning" {
    builds gcc
    builds clang
}

@test "with musl, linked statically, files go both ways, with the whole sandbox" {
    builds "musl-gcc $KERNEL" LDFLAGS=-static
    transfers_by
}

@test "with 32 bits files go both ways, and --sandbox=require says that there is no filter" {
    local runner=()
    [ "$(uname -m)" = x86_64 ] || skip "needs x86_64"
    builds "gcc -m32 $KERNEL"
    if ! "$BATS_TEST_TMPDIR/empty"; then
        command -v qemu-i386 >/dev/null || skip "needs qemu-i386, or a kernel that runs 32-bit programs"
        runner=(qemu-i386)
    fi
    transfers_by "${runner[@]}"
    run "${runner[@]}" "$BIN/ferryd" --sandbox=require -d "$ROOT" 0
    assert_eq "$status" 1
    assert_eq "$output" \
        "ferryd: --sandbox=require: there is no filter of system calls for this architecture (i386)"
}

@test "on aarch64 files go both ways, and with pages of 64 KiB" {
    command -v qemu-aarch64 >/dev/null || skip "needs qemu-aarch64"
    builds aarch64-linux-gnu-gcc all probes
    transfers_by qemu-aarch64 -L /usr/aarch64-linux-gnu
    transfers_by qemu-aarch64 -p 65536 -L /usr/aarch64-linux-gnu
}
