#!/usr/bin/env bats
#
# A full queue: whoever comes then waits in the kernel, unaccepted, and is taken in as soon as
# there is room. Nobody is refused, nobody is lost, nobody is overtaken.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# accepted: how many clients the server has accepted so far
accepted() {
    grep -c '^server connected to client' "$SERVER_OUT"
}

accepted_are() {
    [ "$(accepted)" -eq "$1" ]
}

# stays_accepted COUNT: no more than COUNT are accepted while more than a tick goes by
stays_accepted() {
    wait_until "$WAIT_SECONDS" accepted_are "$1" || return
    "$WIRE" "$PORT" quiet 1500 || return
    assert_eq "$(accepted)" "$1" "clients accepted"
}

@test "with --queue 2 and MAX 1, a fourth client is accepted only when one has left" {
    local i
    start_server -v --queue 2 -- 1
    hold 1 2 3 4 5
    held 1
    stays_accepted 3
    for i in 1 2; do
        release "$i"
        held "$((i + 1))"
        wait_until "$WAIT_SECONDS" accepted_are "$((i + 3))"
        refute is_served "$((i + 2))"
    done
}

@test "those who were not accepted yet are served in the order they came" {
    local i
    start_server --queue 1 -- 1
    hold 1 2 3 4 5 6
    for i in {1..6}; do
        held "$i"
        [ "$i" -eq 6 ] || refute is_served "$((i + 1))"
        release "$i"
    done
}

@test "a crowd far larger than the queue is served whole, in order" {
    start_server -vv --queue 3 -- 2
    random_file "$ROOT/file" 1000
    run "$SWARM" -c 100 -n 300 "$PORT" GET file
    assert_contains "$output" "ok 300 failed 0"
    wait_for_line "$SERVER_OUT" ' client [0-9]+ started, ' 300
    assert_eq "$(sed -nE 's/.* client ([0-9]+) started, .*/\1/p' "$SERVER_OUT")" "$(seq 300)" \
        "the order of the starts"
    assert_eq "$(sed -nE 's/.* ([0-9]+) waiting\)$/\1/p' "$SERVER_OUT" | sort -n | tail -n 1)" 3 \
        "the most that waited"
}

@test "those who left a full queue make room at once, before any slot comes free" {
    start_server -vv --queue 2 -- 1
    hold 1 2 3 4 5
    held 1
    stays_accepted 3
    release 2 3
    wait_until "$WAIT_SECONDS" accepted_are 5
    grep -q ': queue full, but ' "$SERVER_OUT"
    is_served 1
    refute is_served 4
    release 1
    held 4
    refute is_served 5
    release 4
    held 5
}

@test "when some leave a full queue, the others keep their order" {
    local i
    start_server -v --queue 4 -- 1
    hold 1 2 3 4 5 6 7
    held 1
    wait_until "$WAIT_SECONDS" accepted_are 5
    release 2 4
    wait_until "$WAIT_SECONDS" accepted_are 7
    release 1
    for i in 3 5 6 7; do
        held "$i"
        [ "$i" -eq 7 ] || refute is_served "$((i == 3 ? 5 : i + 1))"
        release "$i"
    done
}
