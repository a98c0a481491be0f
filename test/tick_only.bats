#!/usr/bin/env bats
#
# --tick-only: the manager sleeps a whole second, as the lab wrote it. Clients that come meanwhile
# are accepted, but nobody looks at them, nor at workers that end. Only a stop signal wakes it.
#
# -vv stamps each decision with a time; the tests compare these, not the clock on the wall.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

TICK_MS=990 # the second, less what rounding takes

# times WORD...: when the log's lines with ": WORD" were written, in ms, one a line
times() {
    sed -nE "s/^manager ([0-9]+)\.([0-9]{3}) s: $1.*/\1\2/p" "$SERVER_OUT" | sed -E 's/^0+(.)/\1/'
}

# are_a_tick_apart WORD COUNT: there are COUNT such lines, each a second or more after the last
are_a_tick_apart() {
    local -a at
    local i
    mapfile -t at < <(times "$1")
    assert_eq "${#at[@]}" "$2" "lines: $1" || return
    for ((i = 1; i < ${#at[@]}; i++)); do
        ((at[i] - at[i - 1] >= TICK_MS)) ||
            fail "\"$1\" was decided between two ticks:" "$(<"$SERVER_OUT")" || return
    done
}

@test "a client that comes during the sleep is accepted at once and started at the tick" {
    local -a started queued
    local i
    start_server -vv --tick-only
    # Each but the first comes right after a tick, that is, when the one before was started.
    for i in 1 2 3; do
        hold "$i"
        held "$i"
    done
    wait_for_line "$SERVER_OUT" ' client 3 started, '
    are_a_tick_apart 'client [0-9]+ started' 3
    # And is accepted before the next one, even if this machine is slow at times.
    mapfile -t started < <(times 'client [0-9]+ started')
    mapfile -t queued < <(times 'client [0-9]+ queued')
    ((queued[1] - started[0] < TICK_MS || queued[2] - started[1] < TICK_MS)) ||
        fail "nobody was accepted before the tick:" "$(<"$SERVER_OUT")"
}

@test "all who came during one sleep are started at the same tick" {
    start_server -vv --tick-only
    hold 1
    held 1
    # Many at once, so that they come in one sleep or two, however slow this machine is.
    echo hello >"$ROOT/file"
    "$SWARM" -c 4 -n 4 "$PORT" GET file
    wait_for_line "$SERVER_OUT" ' client [0-9]+ started, ' 5
    [ "$(times 'client [2-5] started' | awk -v tick="$TICK_MS" '
        NR == 1 || $1 - last >= tick / 2 { ticks++ } { last = $1 } END { print ticks }')" -le 2 ]
}

is_asleep() {
    grep -q '^State:.S' "/proc/$SERVER_PID/status"
}

@test "a slot that comes free is noticed and filled at the tick" {
    local i
    start_server -vv --tick-only -- 1
    hold 1 2 3
    for i in 1 2 3; do
        held "$i"
        wait_for_line "$SERVER_OUT" " client $i started, "
        # Or it could see that the worker ended before it goes to sleep.
        wait_until "$WAIT_SECONDS" is_asleep
        release "$i"
    done
    wait_for_line "$SERVER_OUT" ' client [0-9]+ ended, ' 3
    are_a_tick_apart 'client [0-9]+ started' 3
    are_a_tick_apart 'client [0-9]+ ended' 3
}

@test "a stop signal is obeyed at once, in the middle of the sleep" {
    local signal started stopped
    for signal in TERM INT; do
        start_server -vv --tick-only
        # It was started at a tick, so the signal comes right after one.
        "$WIRE" "$PORT" expect READY close
        kill -"$signal" "$SERVER_PID"
        wait_server
        assert_eq "$SERVER_STATUS" 0
        started=$(times 'client 1 started') stopped=$(times stopping)
        [ -n "$started" ]
        [ -n "$stopped" ]
        ((stopped - started < TICK_MS)) || fail "$((stopped - started)) ms after the tick"
    done
}
