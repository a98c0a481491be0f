#!/usr/bin/env bats
#
# Many clients leave nothing behind in the server: no worker, no zombie, no descriptor.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# descriptors: what the server itself has open, sockets and the like without their numbers
descriptors() {
    fds_of "$SERVER_PID" | sed 's/^[0-9]* //; s/:\[[0-9]*\]$//' | sort
}

# is_at_rest: no worker, no zombie, and no descriptor that was not there before the clients came
is_at_rest() {
    workers_are 0 && [ "$(descriptors)" = "$BEFORE" ]
}

# open_shop: a server that has served one client; $ROOT/file-0 has the content that swarm -v knows
open_shop() {
    look_inside
    start_server "$@" || return
    "$SWARM" -n 1 -s 4000 "$PORT" PUT file || return
    wait_until "$WAIT_SECONDS" workers_are 0 || return
    BEFORE=$(descriptors)
}

# crowd COUNT VERB NAME: COUNT clients, 50 at a time, and none of them may fail; where a sanitizer
# makes everything slow, a fifth of them
crowd() {
    local count=$(($1 / (${#SANITIZED} > 0 ? 5 : 1)))
    run "$SWARM" -v -c 50 -n "$count" -s 4000 -t 120 "$PORT" "$2" "$3"
    assert_contains "$output" "ok $count failed 0" || return
    assert_eq "$status" 0
}

# leaves_nothing: the server comes to rest; the root holds one file, the one from before
leaves_nothing() {
    wait_until "$WAIT_SECONDS" is_at_rest || fail "workers: $(workers)" "$(descriptors)" || return
    assert_eq "$(ls -A "$ROOT")" file-0 "the root" || return
    "$SWARM" -v -n 1 "$PORT" GET file-0 || return
    stop_server
}

@test "a thousand downloads leave nothing behind" {
    open_shop
    crowd 1000 GET file-0
    leaves_nothing
}

@test "hundreds of uploads and deletions leave nothing behind" {
    open_shop
    crowd 300 PUT other
    crowd 300 DEL other
    leaves_nothing
}

@test "hundreds that replace one file while hundreds read it leave that file whole" {
    open_shop
    crowd 600 MIX file-0
    leaves_nothing
}

@test "hundreds that connect and reset leave nothing behind" {
    open_shop
    crowd 500 RESET none
    leaves_nothing
}

@test "a crowd of every kind at once, with a short queue, leaves nothing behind" {
    local verb pid
    local -a pids=()
    open_shop --queue 5 -- 5
    for verb in GET MIX RESET DEL; do
        "$SWARM" -c 20 -n 100 -s 4000 -t 120 "$PORT" "$verb" file-0 \
            >"$BATS_TEST_TMPDIR/$verb" 2>&1 3>&- 4>&- &
        pids+=("$!")
        track "$!"
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || true
    done
    for verb in GET MIX RESET; do
        assert_contains "$(cat "$BATS_TEST_TMPDIR/$verb")" 'ok 100 failed 0'
    done
    # Those files were never there.
    assert_contains "$(<"$BATS_TEST_TMPDIR/DEL")" 'ok 0 failed 100'
    leaves_nothing
}
