#!/usr/bin/env bats
# What a transfer of 1 KiB takes of the kernel (performance.md): so many system calls and page faults,
# and no more, lest they creep in again. A count is the smallest of three starts: what else goes on
# only adds to it, and where the kernel puts libc makes a difference of a page or two.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# setup_file: three counts of this server
setup_file() {
    local contender=ferryd i
    [ "$SERVER" = ferryd ] || contender=threads
    [ -z "$SANITIZED" ] || return 0
    for i in 1 2 3; do
        (cd "$PROJECT" && BIN=$BIN scripts/count-calls -n 40 "$contender") \
            >"$BATS_FILE_TMPDIR/count.$i" || return
    done
}

setup() {
    [ -z "$SANITIZED" ] || skip "a sanitizer makes calls and touches pages of its own"
}

# least KEY: the smallest of the three counts of "KEY": {"all": N
least() {
    sed -nE "s/.*\"$1\": \\{\"all\": ([0-9.]+),.*/\\1/p" "$BATS_FILE_TMPDIR"/count.* | sort -n | head -n 1
}

# at_most BOUND KEY
at_most() {
    local count
    count=$(least "$2")
    [ -n "$count" ] || fail "no $2 in" "$(cat "$BATS_FILE_TMPDIR"/count.*)" || return
    awk -v count="$count" -v most="$1" 'BEGIN { exit !(count <= most) }' ||
        fail "$count $2 for each transfer, and not $1 at most" "$(cat "$BATS_FILE_TMPDIR"/count.*)"
}

# for_server FORK THREADS
for_server() {
    if [ "$SERVER" = ferryd ]; then echo "$1"; else echo "$2"; fi
}

@test "a small transfer takes no more system calls than it did" {
    needs_strace
    # musl's _Fork(3) blocks signals meanwhile, and unblocks them on either side.
    if [ "${LIBC:-}" = musl ]; then
        at_most 36 calls
    else
        at_most "$(for_server 33 36)" calls
    fi
}

@test "a small transfer takes no more page faults than it did" {
    at_most "$(for_server 19 2)" page_faults
}
