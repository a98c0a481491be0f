#!/usr/bin/env bats
# Runs on: once
#
# What the Makefile asks of compiler and linker so that a bug is harder to use is in the files that
# come of it; and the caller's flags count.

load lib

setup() {
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
    type -P readelf >/dev/null || skip "readelf is lacking, which comes with binutils"
    OUT=$BATS_TEST_TMPDIR/out
}

# plain_make DIR ARG...: make into DIR, as if called by hand; not a word may come of it
plain_make() {
    local said
    said=$(env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD -u CFLAGS -u LDFLAGS -u CPPFLAGS -u LDLIBS \
        make -s -C "$PROJECT" BUILD="$1" "${@:2}" 2>&1) || fail "$said" || return
    assert_eq "$said" "" "what the compiler says"
}

# flags_of ARG...: with which one file is compiled
flags_of() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u BUILD -u CFLAGS -u LDFLAGS -u CPPFLAGS -u LDLIBS \
        make -n -C "$PROJECT" BUILD="$OUT" "$@" "$OUT/common/io.o" | grep -e '-c -o'
}

# takes FLAG: the compiler does
takes() {
    cc -Werror "$1" -fsyntax-only -x c /dev/null 2>/dev/null
}

# is_protected OBJECT: its property note says so; a program's also asks libc's start files
is_protected() {
    readelf -n "$1" | grep -qE 'IBT, SHSTK|BTI'
}

# checks FILE: the names of what FILE imports that check something: __stack_chk_fail, __read_chk
checks() {
    readelf -W --dyn-syms "$1" | grep -oE '__[a-z]+_chk(_fail)?\b' | sort -u
}

is_pie() {
    readelf -hW "$1" | grep -q 'Type: *DYN'
}

@test "the programs are position-independent, and all they bind is bound and read-only at once" {
    local program
    plain_make "$OUT" -j2 all
    for program in ferryd ferryd-threads ferry ferrytop; do
        program=$OUT/$program
        is_pie "$program" || fail "$program is not position-independent"
        assert_contains "$(readelf -lW "$program")" GNU_RELRO
        assert_contains "$(readelf -dW "$program")" BIND_NOW
        assert_eq "$(readelf -lW "$program" | awk '$1 == "GNU_STACK" { print $7 }')" RW "the stack"
        assert_contains "$(checks "$program")" __stack_chk_fail
    done
    takes -fcf-protection || takes -mbranch-protection=standard ||
        skip "this compiler protects no branches; the rest is as it should be"
    while IFS= read -r program; do
        is_protected "$program" || fail "$program does not protect its branches"
    done < <(find "$OUT" -name '*.o')
}

@test "the probes are made like the programs, and the C library's functions look at their sizes" {
    plain_make "$OUT" "$OUT/test/wire"
    is_pie "$OUT/test/wire"
    assert_contains "$(readelf -dW "$OUT/test/wire")" BIND_NOW
    echo | cc -E -dM -include features.h - | grep -q __GLIBC__ || skip "_FORTIFY_SOURCE is glibc's"
    checks "$OUT/test/wire" | grep -qv __stack_chk_fail || fail "$(checks "$OUT/test/wire")"
}

@test "what leaves no trace in a file is asked for, where the compiler takes it" {
    takes -fstack-clash-protection || skip "this compiler has no -fstack-clash-protection"
    assert_contains "$(flags_of)" -fstack-clash-protection
}

@test "the caller's flags come later, and count" {
    plain_make "$OUT" LDFLAGS=-no-pie "$OUT/test/wire"
    refute is_pie "$OUT/test/wire"
    plain_make "$OUT" CFLAGS='-O1 -no-pie' "$OUT/test/put_ways"
    refute is_pie "$OUT/test/put_ways"
    plain_make "$OUT" CFLAGS='-O2 -fno-stack-protector -U_FORTIFY_SOURCE' "$OUT/test/swarm"
    assert_eq "$(checks "$OUT/test/swarm")" ""
    plain_make "$OUT" CFLAGS='-O1 -D_FORTIFY_SOURCE=1' CPPFLAGS=-D_FORTIFY_SOURCE=1 "$OUT/common/io.o"
    plain_make "$OUT" CFLAGS=-O0 "$OUT/common/proto.o"
    takes -fcf-protection || skip "this compiler has no -fcf-protection; the rest is as it should be"
    plain_make "$OUT" CFLAGS='-O2 -fcf-protection=none' "$OUT/common/text.o"
    refute is_protected "$OUT/common/text.o"
}

@test "a program without shared libraries can be had" {
    echo 'int main(void) { return 0; }' | cc -static -o "$BATS_TEST_TMPDIR/static" -x c - ||
        skip "there is no static libc"
    # (Of ferryd, the linker says that names of users and hosts want glibc's shared libraries.)
    plain_make "$OUT" LDFLAGS=-static "$OUT/test/put_ways"
    refute grep -q INTERP <(readelf -lW "$OUT/test/put_ways")
    run "$OUT/test/put_ways"
    assert_contains "$output" usage
}

@test "a compiler that does not take a flag, or not without a word, is not given it" {
    local cc=$BATS_TEST_TMPDIR/old-cc flags
    # As gcc 7 on another processor, and with a libc that wants optimisation for _FORTIFY_SOURCE.
    printf '%s\n' '#!/bin/sh' 'case "$*" in *-fcf-*|*-mbranch-*|*-fstack-clash-*) exit 1 ;; esac' \
        'case "$*" in *FORTIFY_SOURCE=3*|*FORTIFY*-O0*) exit 1 ;; esac' 'exec cc "$@"' >"$cc"
    chmod +x "$cc"
    flags=$(flags_of CC="$cc" | tr -s ' ')
    assert_contains "$flags" '-fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'
    refute grep -qE 'fcf|mbranch|clash' <<<"$flags"
    refute grep -q FORTIFY <<<"$(flags_of CC="$cc" CFLAGS=-O0)"
}
