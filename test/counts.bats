#!/usr/bin/env bats
# What a transfer of 1 KiB takes of the kernel (performance.md): so many system calls and page faults,
# and no more, lest they creep in again. A count is the smallest of three starts: what else goes on
# only adds to it, and where the kernel puts libc makes a difference of a page or two.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

COUNTS=${BATS_FILE_TMPDIR:-$BATS_RUN_TMPDIR} # bats before 1.4 has no folder for a file

# setup_file: three counts of this server, for either verb and through either door
setup_file() {
    local contender=ferryd verb i
    [ "$SERVER" = ferryd ] || contender=threads
    [ -z "$SANITIZED" ] || return 0
    for verb in GET PUT HTTP HTTP-PUT; do
        for i in 1 2 3; do
            (cd "$PROJECT" && BIN=$BIN scripts/count-calls -n 40 -v $verb "$contender") \
                >"$COUNTS/$verb.$i" || return
        done
    done
}

setup() {
    [ -z "$SANITIZED" ] || skip "a sanitizer makes calls and touches pages of its own"
}

# least VERB KEY: the smallest of the three counts of "KEY": {"all": N
least() {
    sed -nE "s/.*\"$2\": \\{\"all\": (-?[0-9.]+),.*/\\1/p" "$COUNTS/$1".* | sort -n | head -n 1
}

# at_most BOUND VERB KEY
at_most() {
    local count
    count=$(least "$2" "$3")
    [ -n "$count" ] || fail "no $3 in" "$(cat "$COUNTS/$2".*)" || return
    awk -v count="$count" -v most="$1" 'BEGIN { exit !(count <= most) }' ||
        fail "$count $3 for each $2, and not $1 at most" "$(cat "$COUNTS/$2".*)"
}

# for_server FORK THREADS
for_server() {
    if [ "$SERVER" = ferryd ]; then echo "$1"; else echo "$2"; fi
}

# bound FORK THREADS: of calls. musl's _Fork(3) blocks signals meanwhile, and unblocks them on either
# side: three more.
bound() {
    local extra=0
    [ "${LIBC:-}" != musl ] || extra=3
    for_server $(($1 + extra)) $(($2 + extra))
}

@test "a small download takes no more system calls than it did" {
    needs_strace
    at_most "$(bound 33 36)" GET calls
}

@test "a small download takes no more page faults than it did" {
    at_most "$(for_server 19 2)" GET page_faults
}

@test "a small upload takes no more system calls than it did" {
    needs_strace
    at_most "$(bound 40 43)" PUT calls
}

@test "a small upload takes no more page faults than it did" {
    at_most "$(for_server 22 4)" PUT page_faults
}

@test "a small download by HTTP takes no more system calls than it did" {
    needs_strace
    at_most "$(bound 28 30)" HTTP calls
}

@test "a small download by HTTP takes no more page faults than it did" {
    at_most "$(for_server 29 7)" HTTP page_faults
}

@test "a small upload by HTTP takes no more system calls than it did" {
    needs_strace
    at_most "$(bound 36 38)" HTTP-PUT calls
}

@test "a small upload by HTTP takes no more page faults than it did" {
    at_most "$(for_server 31 7)" HTTP-PUT page_faults
}
