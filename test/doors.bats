#!/usr/bin/env bats
#
# Several listeners with a service each, a client's address that is not its connection's, and a log
# that is not on descriptor 1: a build of the server (test/doors/doors.c) has all three.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

setup() {
    # shellcheck disable=SC2153 # SERVER is lib.bash's
    FERRYD=$BIN/test/$SERVER-doors
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
}

get_f() {
    "$WIRE" "$PORT" expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK \
        expect helloDONE eof
}

# start_twice [OPTION...] [-- MAX]: a server with two doors; the second's port comes to SECOND
start_twice() {
    export SECOND_PORT=$BATS_TEST_TMPDIR/second
    start_server "$@" || return
    SECOND=$(<"$SECOND_PORT")
    [ "$SECOND" != "$PORT" ]
}

# ---- a service on every listener ----

@test "each listener's clients get its service, and --ready-fd names the first one's port" {
    start_twice -v
    for _ in 1 2 3; do
        get_f
        "$WIRE" "$SECOND" expect 'hello\n' eof
    done
    wait_for_line "$SERVER_OUT" "^server waiting on port $PORT\$"
}

@test "the clients of all listeners stand in one line, under one cap" {
    local first
    start_twice -vv -- 1
    hold a
    held a
    client early send '' expect READY say served close
    wait_for_line "$SERVER_OUT" ' client 2 queued, '
    "$WIRE" "$SECOND" expect 'hello\n' eof >"$BATS_TEST_TMPDIR/late" 2>&1 3>&- 4>&- &
    track "$!"
    first=$!
    wait_for_line "$SERVER_OUT" ' client 3 queued, .* \(1 running, 2 waiting\)'
    release a
    says early served
    wait_until "$WAIT_SECONDS" is_gone "$first"
    wait "$first" || fail "$(<"$BATS_TEST_TMPDIR/late")"
    assert_eq "$(grep -oE 'client [0-9]+ started' "$SERVER_OUT" | xargs)" \
        'client 1 started client 2 started client 3 started' "the order"
    refute grep -E '\(([2-9]|[0-9]{2,}) running' "$SERVER_OUT"
}

@test "a stop closes all listeners" {
    start_twice
    kill -TERM "$SERVER_PID"
    wait_server
    for door in "$PORT" "$SECOND"; do
        refute "$WIRE" "$door" expect READY 2>/dev/null
    done
}

# ---- a client's address and its connection's ----

@test "--allow looks at the client's address, not at the connection's" {
    export CLIENTS='192.0.2.1 198.51.100.1'
    start_server -vv --allow 192.0.2.0/24
    get_f
    "$WIRE" "$PORT" eof
    get_f
    wait_for_line "$SERVER_OUT" ' client 2 not allowed, 198\.51\.100\.1:'
}

@test "--per-source counts clients by their own addresses" {
    export CLIENTS='192.0.2.1 192.0.2.1 198.51.100.1'
    start_server --per-source 1 -- 3
    hold a b c
    held a c
    refute is_served b
    release a
    held b
}

@test "lines, ledger and board name the client's address; -vv also whose the connection is" {
    export CLIENTS=192.0.2.1
    start_server -vv --ledger "$BATS_TEST_TMPDIR/ledger" --board "$BATS_TEST_TMPDIR/board" -- 1
    hold a b
    held a
    wait_for_line "$SERVER_OUT" '^server connected to client at 192\.0\.2\.1:[0-9]+$'
    wait_for_line "$SERVER_OUT" ' client 1 queued, 192\.0\.2\.1:[0-9]+ by way of 127\.0\.0\.1:[0-9]+ \('
    both_are_shown() {
        [ "$("$BIN/ferrytop" --once "$BATS_TEST_TMPDIR/board" | grep -cE ' 192\.0\.2\.1:[0-9]+ ')" -eq 2 ]
    }
    wait_until "$WAIT_SECONDS" both_are_shown
    release a b
    wait_for_line "$SERVER_OUT" '^server done with client at 192\.0\.2\.1:[0-9]+: '
    stop_server
    assert_eq "$(grep -c '"peer":"192\.0\.2\.1:[0-9]*"' "$BATS_TEST_TMPDIR/ledger")" 2 "peers"
    refute grep -F 127.0.0.1 "$BATS_TEST_TMPDIR/ledger"
}

# ---- the log's descriptor ----

@test "where the log is not on descriptor 1, nothing is written there" {
    export LOG_TO_STDERR=1
    start_server -vv
    get_f
    stop_server
    [ ! -s "$SERVER_OUT" ] || fail "standard output has:" "$(<"$SERVER_OUT")"
    for line in 'server waiting on port' 'server connected to client' 'server receiving request' \
        'server done with client' 'manager .* client 1 ended'; do
        grep -q "$line" "$SERVER_ERR" || fail "no $line in:" "$(<"$SERVER_ERR")"
    done
}
