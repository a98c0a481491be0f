#!/usr/bin/env bats
# Files of any size go through ferry and the server as they are: none is too small, 2^32 is no
# boundary, memory does not grow with the size, and what is sparse stays cheap.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

setup() {
    mkdir -p "$ROOT" "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here" || return
    MIB=$((1024 * 1024))
    HUGE=$((5 * 1024 * MIB))
    # Where blocks set aside are memory, or every byte is checked, less must do; and for the threads,
    # which move bytes by the same object files.
    if [ -n "$SANITIZED" ] || is_threads || [ "$(stat -f -c %T .)" = tmpfs ]; then
        HUGE=$((1024 * MIB))
    fi
}

ferry() {
    "$FERRY" -q 127.0.0.1 "$PORT" "$@"
}

# there_and_back BYTES...: a file of each size, put, got, and the same in all three places
there_and_back() {
    local bytes
    for bytes in "$@"; do
        random_file sent "$bytes"
        ferry PUT sent >/dev/null
        assert_file_eq "$ROOT/sent" sent
        ferry -o got GET sent >/dev/null
        assert_file_eq got sent
        assert_eq "$(stat -c %s "$ROOT/sent" got)" "$bytes"$'\n'"$bytes" "the sizes"
    done
}

# ---- small ones ----

@test "no byte, one byte and a few go there and back" {
    start_server
    there_and_back 0 1 2 7 8 9
}

@test "sizes around a page, a buffer and 2^20 go there and back" {
    start_server
    there_and_back 4095 4096 4097 262143 262144 262145 1048575 1048576 1048577 3000000
}

@test "a size announced over the wire is read whole: all its eight bytes count" {
    local size
    start_server
    for size in 1 256 65536 16777216 4294967296 1099511627776; do
        truncate -s "$size" "$ROOT/sparse"
        "$WIRE" "$PORT" expect READY send 'GET sparse\n' expect OK send READY \
            expect-size "$size" close
    done
}

# ---- huge ones ----

# Bytes that are not zero, far apart, one of them past 2^32 where the file is as long.
marks() {
    printf '%s\n' 0 1000001 $((HUGE / 2 - 3)) $((HUGE - HUGE / 8 + 7)) $((HUGE - 6))
}

# make_sparse FILE: HUGE bytes of nothing but the marks
make_sparse() {
    local at
    truncate -s "$HUGE" "$1"
    for at in $(marks); do
        printf 'mark@%d' $((at % 9)) | dd of="$1" bs=64K oflag=seek_bytes seek="$at" conv=notrunc status=none
    done
}

# The marks are where they were, and all else was never written, so that it reads as zeros; but
# for some MiB behind each mark, in which nobody looks for zeros.
assert_sparse() {
    local at written
    written=$("$BIN/test/data_bytes" "$1")
    assert_eq "$(stat -c %s "$1")" "$HUGE" "the size of $1"
    [ "$written" -le $((5 * 20 * MIB)) ] || fail "$written bytes of $1 were written"
    for at in $(marks); do
        assert_eq "$(tail -c +$((at + 1)) "$1" | head -c 6)" "mark@$((at % 9))" "what is at $at of $1"
    done
}

# Room for the server's copy and for the client's: their blocks are set aside.
needs_room() {
    local free
    free=$(df --output=avail -B 1 . | tail -n 1)
    [ "$free" -ge $((2 * HUGE + 1024 * MIB)) ] || skip "needs $((2 * HUGE / MIB + 1024)) MiB of disk"
}

# In so little memory that no part of the file worth the name fits; a sanitizer needs far more.
in_little_memory() {
    [ -n "$SANITIZED" ] || ulimit -v 65536
    "$@"
}

@test "a huge sparse file goes to the server, which writes no zeros and keeps them out of memory" {
    needs_room
    make_sparse sent
    start_server
    (in_little_memory ferry PUT sent)
    assert_sparse "$ROOT/sent"
}

@test "a huge sparse file comes from the server, and ferry writes no zeros" {
    needs_room
    make_sparse "$ROOT/sent"
    start_server
    (in_little_memory ferry GET sent)
    assert_sparse sent
}

# ---- memory ----

# The most memory the worker had so far, in KiB.
peak_kib() {
    local pid=$SERVER_PID
    is_threads || pid=$(workers live)
    awk '$1 == "VmHWM:" { print $2 }' "/proc/$pid/status"
}

# peak_stays STEP...: a client whose steps say `early` and `late`, each followed by a wait; the
# worker's peak is the same at both, but for what it needs to run
peak_stays() {
    local early late
    rm -f go
    mkfifo go
    "$WIRE" "$PORT" timeout 60000 "$@" <>go >says 2>&1 3>&- 4>&- &
    track "$!"
    wait_for_line says '^early$'
    early=$(peak_kib)
    echo 1<>go
    wait_until 120 grep -qx late says
    late=$(peak_kib)
    echo 1<>go
    wait "$!" || fail "$(cat says)"
    [ "$early" -gt 0 ]
    [ $((late - early)) -le 8192 ] || fail "the worker grew from $early to $late KiB"
}

@test "a worker's memory does not grow with what it receives" {
    local bytes=$((512 * MIB))
    start_server
    peak_stays expect READY send 'PUT file\n' expect OK size "$bytes" expect OK zeros "$MIB" \
        say early wait send x zeros $((bytes - MIB - 2)) say late wait zeros 1 expect DONE eof
}

@test "a worker's memory does not grow with what it sends" {
    local bytes=$((512 * MIB)) rest=$((64 * MIB)) # more than the sockets hold
    truncate -s "$bytes" "$ROOT/file"
    start_server
    peak_stays expect READY send 'GET file\n' expect OK send READY expect-size "$bytes" send OK \
        skip "$MIB" say early wait skip $((bytes - MIB - rest)) say late wait skip "$rest" \
        expect DONE eof
}
