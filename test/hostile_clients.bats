#!/usr/bin/env bats
#
# Clients that mean harm, or have died without a word: five of a kind in all five slots are out of
# them within the time that is documented, and crowds of ten thousand cost next to nothing.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

CROWD=10000
DRAIN_MS=1000 # how long the server lets a client that it ended read its last word
SLACK_MS=5000 # for a machine that is busy

setup() {
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
}

wire() {
    "$WIRE" "$PORT" "$@"
}

get_f() {
    wire timeout 60000 expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK expect helloDONE eof
}

# hostile STEP...: one more of them: READY, the steps, and then no end. They start side by side, or
# on a busy machine the first one's time would be over before the last one is there.
hostile() {
    HOSTILE=$((${HOSTILE:-0} + 1))
    wire timeout 600000 expect READY say served "$@" wait-gone \
        >"$BATS_TEST_TMPDIR/hostile.$HOSTILE" 2>&1 3>&- 4>&- &
    track "$!"
}

# all_served: all of them are
all_served() {
    local number
    for ((number = 1; number <= HOSTILE; number++)); do
        wait_for_line "$BATS_TEST_TMPDIR/hostile.$number" '^served$' || return
    done
}

# honest_waits LEAST MOST: of a client that comes now, the sixth: milliseconds until it is served,
# by the server's own account; and then it is served like anybody
honest_waits() {
    local waited
    all_served || return
    get_f || return
    wait_for_line "$SERVER_OUT" ' client 6 started, ' || return
    waited=$(sed -nE 's/.* client 6 started, .* waited ([0-9]+) ms .*/\1/p' "$SERVER_OUT")
    ((waited >= $1 && waited <= $2)) ||
        fail "the honest client waited $waited ms, which should be from $1 to $2"
}

descriptors_are() {
    [ "$(fd_count "$SERVER_PID")" -eq "$1" ]
}

# cpu_ms: what the server itself has used, its workers not counted
cpu_ms() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' \
        "/proc/$SERVER_PID/stat"
}

starts() {
    grep -cE ' client [0-9]+ started, ' "$SERVER_OUT"
}

# ---- five slots, five of a kind ----

@test "five silent clients hold the five slots for --request-timeout at most" {
    start_server -vv --request-timeout 4
    for _ in 1 2 3 4 5; do
        hostile
    done
    honest_waits 1000 "$((4000 + DRAIN_MS + SLACK_MS))"
}

@test "five clients that send a byte of their request a second hold them no longer" {
    start_server -vv --request-timeout 4
    hostile send G pause 1000 send E pause 1000 send T pause 1000 pause 1000 send ' '
    hostile send P pause 1000 send U pause 1000 send T pause 1000 pause 1000 send ' '
    # Two that have sent their request, and then a byte a second of their next word and before it.
    hostile send 'GET f\n' expect OK pause 1000 send R pause 1000 send E pause 1000 send A \
        pause 1000 send D
    hostile send 'GET f\n' expect OK pause 1000 send '\n' pause 1000 send '\n' pause 1000 \
        send '\n' pause 1000 send '\n'
    hostile send 'PUT new\n' expect OK pause 1000 send '\0' pause 1000 send '\0' pause 1000 \
        send '\0' pause 1000 send '\0'
    honest_waits 1000 "$((4000 + DRAIN_MS + SLACK_MS))"
    [ ! -e "$ROOT/new" ]
}

@test "five clients that upload a byte a second hold them for 10 s" {
    start_server -vv
    for _ in 1 2 3 4 5; do
        hostile send 'PUT new\n' expect OK size 1000000 expect OK drip 600 1000
    done
    honest_waits 7000 "$((10000 + DRAIN_MS + SLACK_MS))"
    [ ! -e "$ROOT/new" ]
}

@test "five clients that stop reading hold them for four times --timeout" {
    truncate -s 64M "$ROOT/large"
    start_server -vv -t 1
    for _ in 1 2 3 4; do
        hostile send 'GET large\n' expect OK send READY expect-size 67108864 send OK skip 1 \
            pause 60000
    done
    # As does one that never reads a byte.
    hostile send 'GET large\nREADYOK' pause 60000
    honest_waits 1000 "$((4000 + DRAIN_MS + SLACK_MS))"
}

# ---- a peer that vanished ----

# two_machines: what runs behind `there` has an address of its own, and SERVER_PREFIX takes the
# server to where `there` reaches it as 192.0.2.1 (RFC 5737: an address for examples)
two_machines() {
    own_network
    SERVER_PREFIX=("${INSIDE[@]}")
    own_network
    there=("${INSIDE[@]}")
    "${SERVER_PREFIX[@]}" ip link add here type veth peer name there netns "$NETWORK" ||
        skip "needs virtual Ethernet"
    "${SERVER_PREFIX[@]}" ip addr add 192.0.2.1/24 dev here || return
    "${SERVER_PREFIX[@]}" ip link set here up || return
    "${SERVER_PREFIX[@]}" ip link set lo up || return
    "${there[@]}" ip addr add 192.0.2.2/24 dev there || return
    "${there[@]}" ip link set there up || return
    program there "${there[@]}" "$WIRE" -h 192.0.2.1
    program here "${SERVER_PREFIX[@]}" "$WIRE"
}

# program NAME WORD...: a program wire-NAME that runs these words and its arguments
program() {
    printf '#!/bin/sh\nexec %s "$@"\n' "${*:2}" >"$BATS_TEST_TMPDIR/wire-$1" || return
    chmod +x "$BATS_TEST_TMPDIR/wire-$1"
}

# pull_the_cable: from now on nothing comes from there, no FIN and no RST either
pull_the_cable() {
    "${there[@]}" ip link set there down
}

@test "five clients whose machine vanished hold them for --timeout, wherever they were" {
    two_machines
    truncate -s 64M "$ROOT/large"
    start_server -vv -t 8 --request-timeout 8 # long enough for all of this to be set up
    WIRE=$BATS_TEST_TMPDIR/wire-there
    hostile
    hostile send 'GET large\n' expect OK
    hostile send 'GET large\n' expect OK send READY expect-size 67108864 send OK skip 1 pause 60000
    hostile send 'PUT new\n' expect OK
    hostile send 'PUT new\n' expect OK size 1000000 expect OK zeros 1000
    all_served
    wait_for_line "$SERVER_OUT" '^server receiving 1000000 bytes'
    pull_the_cable
    WIRE=$BATS_TEST_TMPDIR/wire-here
    honest_waits 1000 "$((8000 + DRAIN_MS + SLACK_MS))"
    [ ! -e "$ROOT/new" ]
}

@test "clients whose machine vanished while they waited cost no slot after --timeout" {
    two_machines
    start_server -vv -t 4 --min-rate 0 -- 1
    # It keeps its slot by being slow, not by being silent: that would end with the cable's four
    # seconds.
    "$BATS_TEST_TMPDIR/wire-here" "$PORT" expect READY send 'PUT first\n' expect OK size 100 expect OK \
        say busy drip 100 500 >"$BATS_TEST_TMPDIR/busy" 2>&1 3>&- 4>&- &
    busy=$!
    track "$busy"
    wait_for_line "$BATS_TEST_TMPDIR/busy" '^busy$'
    WIRE=$BATS_TEST_TMPDIR/wire-there hold 2 3 4 5 6
    WIRE=$BATS_TEST_TMPDIR/wire-here hold last
    wait_for_line "$SERVER_OUT" '^server connected to client' 7
    assert_eq "$(established_there)" 5 "connections that are taken for alive"
    pull_the_cable
    wait_until 15 none_established
    kill "$busy"
    held last
    assert_eq "$(starts)" 2 "workers started"
    assert_eq "$(grep -cE ' client [2-6] had left' "$SERVER_OUT")" 5 "given up"
}

# established_there: the server's connections with 192.0.2.2. proc_pid_net(5): 01 is ESTABLISHED,
# addresses are words in this machine's order of bytes.
established_there() {
    "${SERVER_PREFIX[@]}" cat /proc/net/tcp /proc/net/tcp6 |
        awk '$3 ~ /(020200C0|C0000202):/ && $4 == "01"' | wc -l
}

none_established() {
    [ "$(established_there)" -eq 0 ]
}

# ---- ten thousand ----

# packets_lost: how many packets this machine has had no room for, in all (softnet_stat)
packets_lost() {
    local lost rest sum=0
    while read -r _ lost rest; do
        sum=$((sum + 16#$lost))
    done </proc/net/softnet_stat
    echo "$sum"
}

@test "ten thousand clients that connect and reset cost no slot and leave no descriptor" {
    local before lost extra
    look_inside
    start_server -vv
    before=$(fd_count "$SERVER_PID")
    lost=$(packets_lost)
    hold 1 2 3 4 5
    held 1 2 3 4 5
    run "$SWARM" -c 100 -n "$CROWD" "$PORT" RESET nothing
    assert_contains "$output" "ok $CROWD failed 0 "
    hold 6 7
    release 1
    held 6
    release 2
    held 7
    # Not one of the crowd was given a worker, or only one whose reset was lost on the way: a busy
    # machine drops packets even to itself, and nobody sends a reset again.
    extra=$(($(starts) - 7)) lost=$(($(packets_lost) - lost))
    [ "$extra" -ge 0 ] && [ "$extra" -le "$lost" ] ||
        fail "$extra workers too many were started; $lost packets were lost"
    # Now with five free slots.
    release 3 4 5 6 7
    "$SWARM" -c 100 -n 1000 "$PORT" RESET nothing >/dev/null
    get_f
    wait_until "$WAIT_SECONDS" workers_are 0
    wait_until "$WAIT_SECONDS" descriptors_are "$before"
    refute grep 'killed by signal' "$SERVER_OUT"
}

# room_for N: how many waiters, up to N, the descriptors suffice for, here and in the server
room_for() {
    local limit
    limit=$(ulimit -Hn)
    if [ "$limit" = unlimited ] || ((limit > $1 + 100)); then
        echo "$1"
    else
        echo "$((limit - 100))"
    fi
}

@test "ten thousand waiters keep their order, and the server stays small and idle" {
    local before used waiters size count sample=200
    count=$(room_for "$CROWD")
    ((count >= 1000)) || skip "needs more than $(ulimit -Hn) descriptors"
    [ "$count" -eq "$CROWD" ] || echo "# only $count, for want of descriptors" >&3
    start_server -v --queue 20000 -- 1
    hold first
    held first
    mkfifo "$BATS_TEST_TMPDIR/go"
    "$BIN/test/waiters" "$PORT" "$count" "$sample" <>"$BATS_TEST_TMPDIR/go" \
        >"$BATS_TEST_TMPDIR/waiters" 2>&1 3>&- 4>&- &
    waiters=$!
    track "$waiters"
    WAIT_SECONDS=60 wait_for_line "$BATS_TEST_TMPDIR/waiters" "^waiting $count\$"
    WAIT_SECONDS=60 wait_for_line "$SERVER_OUT" '^server connected to client' "$((count + 1))"

    before=$(cpu_ms)
    sleep 3 # it is measured, not waited for
    used=$(($(cpu_ms) - before))
    size=$(awk '/^VmRSS:/ { print $2 }' "/proc/$SERVER_PID/status")
    [ "$used" -lt 300 ] || fail "the server used $used ms of 3 s"
    [ -n "$SANITIZED" ] || [ "$size" -lt 16384 ] || fail "the server takes $size KiB"

    release first
    echo 1<>"$BATS_TEST_TMPDIR/go"
    wait_until 120 is_gone "$waiters"
    wait "$waiters" || fail "$(<"$BATS_TEST_TMPDIR/waiters")"
    wait_for_line "$BATS_TEST_TMPDIR/waiters" "^served $((2 * sample))\$"
    get_f
}

@test "a full queue of ten thousand, which is looked through each second, leaves it idle, too" {
    local before used count
    count=$(room_for "$CROWD")
    ((count >= 1000)) || skip "needs more than $(ulimit -Hn) descriptors"
    start_server -v --queue "$((count - 10))" -- 1
    hold first
    held first
    mkfifo "$BATS_TEST_TMPDIR/go"
    "$BIN/test/waiters" "$PORT" "$count" 1 <>"$BATS_TEST_TMPDIR/go" \
        >"$BATS_TEST_TMPDIR/waiters" 2>&1 3>&- 4>&- &
    track "$!"
    WAIT_SECONDS=60 wait_for_line "$BATS_TEST_TMPDIR/waiters" "^waiting $count\$"
    WAIT_SECONDS=60 wait_for_line "$SERVER_OUT" '^server connected to client' "$((count - 9))"
    before=$(cpu_ms)
    sleep 3 # it is measured, not waited for
    used=$(($(cpu_ms) - before))
    [ "$used" -lt 300 ] || fail "the server used $used ms of 3 s"
}
