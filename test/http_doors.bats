#!/usr/bin/env bats
#
# Two doors, one house: clients of the lab's protocol and of HTTP stand in one line, under one cap,
# share what one source may have, and see the same files, of which no reader ever sees a part. Who
# came by which door is told in the ledger and by ferrytop.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib
load http

LEDGER=$BATS_TEST_TMPDIR/ledger
BOARD=$BATS_TEST_TMPDIR/board
GET_F='GET /f HTTP/1.1\r\nHost: localhost\r\n\r\n'

setup() {
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
}

# ---- helpers ----

# asks_lab ID [STEP...], asks_http ID [STEP...]: a client in the background that does these steps,
# asks for f, and says "served" when it has it
asks_lab() {
    client "$1" "${@:2}" expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK \
        expect helloDONE eof say served
}

asks_http() {
    PORT=$HTTP_PORT client "$1" "${@:2}" send "$GET_F" expect 'HTTP/1.1 200 OK\r\n' rest say served
}

# holds_http ID [STEP...]: one that has a slot, or a place in line, until it is told to ask for f
holds_http() {
    PORT=$HTTP_PORT client "$1" "${@:2}" timeout 600000 send "${GET_F%'\r\n'}" say connected wait \
        send '\r\n' expect 'HTTP/1.1 200 OK\r\n' rest say served
    says "$1" connected
}

# is_client NUMBER WHAT: waits for the manager to say so
is_client() {
    wait_for_line "$SERVER_OUT" "^manager .* client $1 $2"
}

# decisions WHAT: "N started" and the like, of this or that, in the order in which they were made
decisions() {
    grep -oE "client [0-9]+ ($1)" "$SERVER_OUT" | sed 's/client //'
}

# refute_served ID: it has nothing yet
refute_served() {
    refute grep -q served "$BATS_TEST_TMPDIR/client.$1.out"
}

# backlog_of PORT: how many the kernel keeps who were not accepted yet, by one IPv4 listener
# (proc_net(5): of a listening socket, rx_queue is that)
backlog_of() {
    local port rx
    printf -v port %04X "$1"
    rx=$(awk -v port="$port" '$4 == "0A" && $2 ~ ":" port "$" { split($5, q, ":"); print q[2] }' \
        "/proc/$SERVER_PID/net/tcp") && echo $((16#$rx))
}

backlog_is() {
    [ "$(backlog_of "$1")" -eq "$2" ]
}

# ---- one line ----

@test "clients of both doors are started in the order in which they were accepted" {
    local i
    start_http -vv -- 1
    hold first
    held first
    for i in 2 4 6 8 10; do
        asks_http "$i"
        is_client "$i" queued
        asks_lab $((i + 1))
        is_client $((i + 1)) queued
    done
    for i in {2..11}; do
        refute_served "$i"
    done
    release first
    for i in {2..11}; do
        succeeds "$i"
        says "$i" served
    done
    is_client 11 ended
    assert_eq "$(decisions 'started|ended' | xargs)" \
        "$(printf '%s started %s ended\n' 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 10 11 11 | xargs)"
}

@test "the cap holds over both doors, and a crowd at each is served whole, in order" {
    local at_lab at_http
    start_http -vv --queue 20 -- 3
    # shellcheck disable=SC2153 # it is lib.bash's
    "$SWARM" -c 20 -n 150 "$PORT" GET f >"$BATS_TEST_TMPDIR/lab" 2>&1 3>&- 4>&- &
    at_lab=$!
    "$BIN/bench/load" -c 20 -n 150 "$HTTP_PORT" HTTP f >"$BATS_TEST_TMPDIR/http" 2>&1 3>&- 4>&- &
    at_http=$!
    track "$at_lab" "$at_http"
    wait "$at_lab" || fail "$(<"$BATS_TEST_TMPDIR/lab")"
    wait "$at_http" || fail "$(<"$BATS_TEST_TMPDIR/http")"
    wait_for_line "$SERVER_OUT" ' client [0-9]+ ended, ' 300
    assert_eq "$(decisions started | xargs)" "$(seq -f '%g started' 300 | xargs)" "the order"
    assert_eq "$(grep -oE '\([0-9]+ running' "$SERVER_OUT" | sort -u | xargs)" \
        '(0 running (1 running (2 running (3 running' "how many ran"
    assert_eq "$(grep -c '^server receiving request: GET f$' "$SERVER_OUT")" 150 "by one door"
    assert_eq "$(grep -c '^server receiving request: GET /f$' "$SERVER_OUT")" 150 "by the other"
}

@test "a client of either door waits for one of the other, hears nothing, and is served then" {
    start_http -vv -- 1
    hold a
    held a
    asks_http b
    is_client 2 queued
    PORT=$HTTP_PORT client quiet send "$GET_F" quiet 1200 say nothing expect 'HTTP/1.1 200 OK\r\n' rest
    says quiet nothing
    refute_served b
    release a
    succeeds b
    succeeds quiet
    holds_http c
    is_client 4 started
    asks_lab d
    is_client 5 queued
    refute_served d
    tell c
    succeeds c
    succeeds d
}

@test "--per-source counts the clients of both doors" {
    start_http -vv --per-source 1 -- 3
    hold a
    held a
    asks_http b # from the same address
    is_client 2 queued
    "$WIRE" -b 127.0.0.2 "$HTTP_PORT" send "$GET_F" expect 'HTTP/1.1 200 OK\r\n' rest >/dev/null
    refute_served b
    release a
    succeeds b
    holds_http c
    is_client 4 started
    asks_lab d
    is_client 5 queued
    "$WIRE" -b 127.0.0.2 "$PORT" expect READY close
    refute_served d
    tell c
    succeeds c
    succeeds d
}

@test "where the queue is full, both doors' clients are let in by turns" {
    start_http -vv -b 127.0.0.1 --queue 1 -- 1
    hold a
    held a
    hold b
    is_client 2 queued
    # There is no place left. Four wait at one door, and later one at the other.
    hold c d e f
    wait_until "$WAIT_SECONDS" backlog_is "$PORT" 4
    asks_http late
    wait_until "$WAIT_SECONDS" backlog_is "$HTTP_PORT" 1
    release a
    held b
    release b
    succeeds late
    refute is_served f
}

@test "and so they are the other way round" {
    local i
    start_http -vv -b 127.0.0.1 --queue 1 -- 1
    holds_http a
    is_client 1 started
    holds_http b
    is_client 2 queued
    for i in c d e f; do
        holds_http "$i"
    done
    wait_until "$WAIT_SECONDS" backlog_is "$HTTP_PORT" 4
    hold late
    wait_until "$WAIT_SECONDS" backlog_is "$PORT" 1
    tell a
    succeeds a
    tell b
    succeeds b
    # The place that was free then was the other door's, or is the next one.
    tell c
    held late
    refute_served e
}

@test "an HTTP client that has not said a word takes no place in line, and no worker" {
    start_http -vv -- 1
    PORT=$HTTP_PORT client silent say connected wait send "$GET_F" expect 'HTTP/1.1 200 OK\r\n' rest
    says silent connected
    asks_lab a
    succeeds a
    asks_http b
    succeeds b
    is_client 2 ended
    assert_eq "$(decisions queued | xargs)" "1 queued 2 queued" "who was let in"
    tell silent
    succeeds silent
    is_client 3 ended
}

@test "one that never says a word is ended, after about twice --request-timeout" {
    local before
    before=$(now_ms)
    start_http -vv --request-timeout 1
    "$WIRE" "$HTTP_PORT" eof
    is_client 1 'ended, .*, timeout after 1[0-9]{3} ms'
    [ $(($(now_ms) - before)) -lt 6000 ] || fail "it took $(($(now_ms) - before)) ms"
}

is_closed() {
    ! "$WIRE" "$1" close
}

@test "a stop closes both doors, and who waits at either is sent away; who is served goes on" {
    start_http -vv --grace 60 -- 1
    holds_http a
    is_client 1 started
    client b expect READY
    is_client 2 queued
    PORT=$HTTP_PORT client c send "$GET_F" gone
    is_client 3 queued
    kill -TERM "$SERVER_PID"
    succeeds c
    for door in "$PORT" "$HTTP_PORT"; do
        wait_until "$WAIT_SECONDS" is_closed "$door"
    done
    wait_until "$WAIT_SECONDS" is_gone "${TOLD[b]}"
    tell a
    succeeds a
    wait_server
    assert_eq "$SERVER_STATUS" 0 "exit status"
}

# ---- the same files ----

# whole FILE: it is the one of the two, to the last byte
whole() {
    cmp -s "$1" "$BATS_TEST_TMPDIR/one" || cmp -s "$1" "$BATS_TEST_TMPDIR/two"
}

# two_contents: "one" and "two", of different lengths, and the halves of each
two_contents() {
    random_file "$BATS_TEST_TMPDIR/one" 300000
    random_file "$BATS_TEST_TMPDIR/two" 1700000
    split -n 2 "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/one."
    split -n 2 "$BATS_TEST_TMPDIR/two" "$BATS_TEST_TMPDIR/two."
    cp "$BATS_TEST_TMPDIR/one" "$ROOT/f"
}

# lab_puts TIMES, http_puts TIMES: STEPS of a client that puts one and two to f by turns, so often;
# between the halves it gives others the time to look
lab_puts() {
    local i file
    STEPS=()
    for ((i = 0; i < $1; i++)); do
        for file in one two; do
            file=$BATS_TEST_TMPDIR/$file
            STEPS+=(measure "$file" expect READY send 'PUT f\n' expect OK size @ expect OK
                sendfile "$file.aa" pause 5 sendfile "$file.ab" expect DONE eof reconnect)
        done
    done
}

http_puts() {
    local i file head
    STEPS=()
    for ((i = 0; i < $1; i++)); do
        for file in one two; do
            file=$BATS_TEST_TMPDIR/$file
            head="PUT /f HTTP/1.1\r\nHost: localhost\r\nContent-Length: $(stat -c %s "$file")\r\n\r\n"
            STEPS+=(send "$head" sendfile "$file.aa" pause 5 sendfile "$file.ab"
                expect 'HTTP/1.1 204 No Content\r\n' rest reconnect)
        done
    done
}

@test "what goes in by one door and out by the other at the same time is never torn" {
    local got=$BATS_TEST_TMPDIR/got seen rounds
    two_contents
    start_http -- 4
    lab_puts 25
    client lab "${STEPS[@]}" close
    rounds=0
    while ((rounds++ < 10)) || is_alive "${TOLD[lab]}"; do
        request GET /f
        assert_status 200
        whole "$BODY" || fail "round $rounds: $BODY_BYTES bytes, which are neither"
        seen+=$BODY_BYTES
    done
    succeeds lab
    [[ $seen == *300000* && $seen == *1700000* ]] || fail "no change was seen: $seen"
    http_puts 25
    seen=
    PORT=$HTTP_PORT client http "${STEPS[@]}" close
    rounds=0
    while ((rounds++ < 10)) || is_alive "${TOLD[http]}"; do
        wire_get f "$got"
        whole "$got" || fail "round $rounds: $(stat -c %s "$got") bytes, which are neither"
        seen+=$(stat -c %s "$got")
    done
    succeeds http
    [[ $seen == *300000* && $seen == *1700000* ]] || fail "no change was seen: $seen"
    assert_eq "$(find "$ROOT" -mindepth 1 -printf '%f\n')" f "what is there at the end"
}

@test "two that put to one name at once, one by each door, leave the one or the other whole" {
    two_contents
    start_http -- 4
    lab_puts 20
    client lab "${STEPS[@]}" close
    http_puts 20
    PORT=$HTTP_PORT client http "${STEPS[@]}" close
    succeeds lab
    succeeds http
    whole "$ROOT/f" || fail "$(stat -c %s "$ROOT/f") bytes, which are neither"
    assert_eq "$(find "$ROOT" -mindepth 1 -printf '%f\n')" f "what is there at the end"
}

# ---- what is told of them ----

@test "the ledger says by which door each came, what it asked for, and the status" {
    start_http --ledger "$LEDGER"
    mkdir "$ROOT/dir"
    wire_get f "$BATS_TEST_TMPDIR/got"
    "$WIRE" "$PORT" expect READY send 'GET no\n' rest >/dev/null
    for what in 'GET /f' 'HEAD /f' 'GET /no' 'GET /dir/' 'OPTIONS /f' 'DELETE /f' 'POST /f' 'GET /a b'; do
        "$WIRE" "$HTTP_PORT" send "$what HTTP/1.1\r\nHost: localhost\r\n\r\n" rest >/dev/null
    done
    "$WIRE" "$HTTP_PORT" send 'PUT /new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nnew' \
        rest >/dev/null
    "$WIRE" "$HTTP_PORT" send 'GET /f HT' close
    "$WIRE" "$HTTP_PORT" send 'DELETE /new HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere\r\n\r\n' \
        rest >/dev/null
    "$WIRE" "$HTTP_PORT" send 'GET /new HTTP/1.1\r\nHost: elsewhere\r\n\r\n' rest >/dev/null
    wait_until "$WAIT_SECONDS" _has_lines "$LEDGER" '"outcome"' 14
    python3 -c '
import json, sys
for line in open(sys.argv[1]):
    c = json.loads(line)
    moved = "some" if c["verb"] == "LIST" and c["bytes"] > 0 else c["bytes"]
    print(c["client"], c["service"], c["verb"], c["name"], c["status"], moved, c["outcome"])
' "$LEDGER" | sort -n >"$BATS_TEST_TMPDIR/told"
    diff - "$BATS_TEST_TMPDIR/told" <<-'END' >&2 || fail "the ledger's are >"
	1 lab GET f None 5 done
	2 lab GET no None 0 refused
	3 http GET f 200 5 done
	4 http HEAD f 200 0 done
	5 http GET no 404 0 refused
	6 http LIST dir 200 some done
	7 http OPTIONS f 204 0 done
	8 http DELETE f 204 0 done
	9 http None None 501 0 refused
	10 http None None 400 0 refused
	11 http PUT new 201 3 done
	12 http None None None 0 client-gone
	13 http DELETE new 403 0 refused
	14 http GET new 421 0 refused
	END
}

@test "ferrytop shows by which door each came, and has room for every verb" {
    local peer='127\.0\.0\.1:[0-9]+'
    looks_like() {
        "$BIN/ferrytop" --once "$BOARD" >"$BATS_TEST_TMPDIR/frame" &&
            grep -qE -- "$1" "$BATS_TEST_TMPDIR/frame"
    }
    start_http --board "$BOARD" -- 2
    hold a
    held a
    PORT=$HTTP_PORT client b timeout 600000 \
        send 'PUT /new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n0123456789' say sent wait
    says b sent
    wait_until "$WAIT_SECONDS" looks_like "^ +2 +1 +[0-9]+ $peer +http +PUT +10 B .* 10% .*  new$"
    looks_like "^ +1 +0 +[0-9]+ $peer +lab +0 B "
    asks_http c
    wait_until "$WAIT_SECONDS" looks_like "^ +1\. client 3 +$peer +http +waits 0:0[0-9]$"
    hold d
    wait_until "$WAIT_SECONDS" looks_like "^ +2\. client 4 +$peer +lab +waits 0:0[0-9]$"
    assert_contains "$(<"$BATS_TEST_TMPDIR/frame")" 'peer                  door verb         bytes'
}
