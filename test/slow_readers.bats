#!/usr/bin/env bats
#
# Who reads slowly, but steadily, gets the file, whatever the size of its window; who reads less
# than --min-rate, or nothing, is ended when it is documented.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

setup() {
    mkdir -p "$ROOT"
}

# reader ID STEP...: asks for `large` and takes the steps once it comes; with the receive
# buffer that RECEIVE_BYTES says, or the one that the kernel chooses
reader() {
    local base=$BATS_TEST_TMPDIR/client.$1
    mkfifo "$base.in"
    "$WIRE" ${RECEIVE_BYTES:+-r "$RECEIVE_BYTES"} "$PORT" timeout 60000 expect READY \
        send 'GET large\n' expect OK send READY learn-size send OK "${@:2}" \
        <>"$base.in" >"$base.out" 2>"$base.err" 3>&- 4>&- &
    TOLD[$1]=$!
    track "$!"
}

# outcome NUMBER: how the server says that client ended
outcome() {
    sed -nE "s/.* client $1 ended, (pid|thread) [0-9]+, ([a-z-]+) after .*/\2/p" "$SERVER_OUT"
}

@test "readers at a steady 1, 20, 60 and 200 KB/s live for a minute, with small windows and large" {
    local rate window minute=65
    truncate -s 64M "$ROOT/large"
    start_server -vv -- 20 # all else is by default
    for window in 2304 '' 4194304; do
        RECEIVE_BYTES=$window reader "1,$window" sip 1000 1000 "$minute" say lived wait
        for rate in 20 60 200; do
            RECEIVE_BYTES=$window reader "$rate,$window" \
                sip "$((rate * 100))" 100 "$((minute * 10))" say lived wait
        done
    done
    # Less than 512 bytes a second: what fills a buffer of ours has not been read by anybody.
    RECEIVE_BYTES=2304 reader slower sip 400 1000 "$minute" wait-gone
    WAIT_SECONDS=$((minute + 25))
    for window in 2304 '' 4194304; do
        for rate in 1 20 60 200; do
            says "$rate,$window" lived
        done
    done
    succeeds slower
    assert_eq "$(grep -c ' ended, ' "$SERVER_OUT")" 1 "clients ended"
    # Whoever connected first, the only one that ended is this one.
    assert_eq "$(outcome '[0-9]+')" too-slow "how the slower one was ended"
}

@test "a slow reader gets the last byte and DONE, however short its turns are to be" {
    truncate -s 600K "$ROOT/large"
    start_server -vv --request-timeout 1
    RECEIVE_BYTES=2304 reader slow sip 5000 100 80 skip 214400 expect DONE eof
    succeeds slow
    wait_for_line "$SERVER_OUT" ' client 1 ended, .* done after '
}

@test "a reader that has stopped has four times --timeout, since it may be a slow one" {
    local ms
    truncate -s 64M "$ROOT/large"
    start_server -vv --timeout 2
    reader stopped skip 1 wait
    WAIT_SECONDS=20 wait_for_line "$SERVER_OUT" ' client 1 ended, .* timeout after '
    ms=$(sed -nE "s/.* client 1 ended, .* timeout after ([0-9]+) ms .*/\1/p" "$SERVER_OUT")
    # It acknowledged what came at once, and then has the second that a client has to close.
    ((ms >= 8000 && ms < 8000 + 1000 + 5000)) || fail "it was ended after $ms ms"
}
