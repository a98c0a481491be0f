#!/usr/bin/env bats
#
# Who may be a client, and how many of them at once from one place: --allow and --per-source.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

setup() {
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
}

# from ADDR COMMAND...: COMMAND, whose clients come from ADDR; in quotes, so that WIRE can follow
from() {
    local script=$BATS_TEST_TMPDIR/wire.$1 host=127.0.0.1
    [[ $1 != *:* ]] || host=::1
    if [ ! -e "$script" ]; then
        printf '#!/bin/sh\nexec "%s" -h %s -b %s "$@"\n' "$WIRE" "$host" "$1" >"$script" || return
        chmod +x "$script" || return
    fi
    WIRE=$script "${@:2}"
}

# wire STEP...: from where `from` says
wire() {
    "$WIRE" "$PORT" "$@"
}

get_f() {
    wire expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK expect helloDONE eof
}

# The closed end of a connection that nobody ever spoke on.
get_nothing() {
    wire eof
}

has_ipv6() {
    grep -qE '^0{31}1 ' /proc/net/if_inet6 2>/dev/null
}

# for_rules RULE...: a server with these rules
for_rules() {
    local rule options=()
    for rule in "$@"; do
        options+=(--allow "$rule")
    done
    [ -z "${SERVER_PID:-}" ] || stop_server || return
    start_server -vv "${options[@]}"
}

# serves ADDR...: clients from there; refuses ADDR...: and not from there
serves() {
    local address
    for address in "$@"; do
        [[ $address != *:* ]] || has_ipv6 || continue
        from "$address" get_f || fail "$address is not served" || return
    done
}

refuses() {
    local address
    for address in "$@"; do
        [[ $address != *:* ]] || has_ipv6 || continue
        from "$address" get_nothing || fail "$address is not refused" || return
        wait_for_line "$SERVER_OUT" " client [0-9]+ not allowed, \\[?$address\\]?:[0-9]+ " || return
        refute grep -E "^server connected to client at \\[?$address\\]?:" "$SERVER_OUT" || return
    done
}

# ---- --allow ----

@test "without --allow everyone may be a client" {
    start_server
    serves 127.0.0.1 127.0.0.2 127.255.255.254 ::1
}

@test "--allow with an address serves that address and no other" {
    for_rules 127.0.0.1
    serves 127.0.0.1
    refuses 127.0.0.2 127.0.0.0 127.1.0.1 ::1
    for_rules 127.0.0.1/32
    serves 127.0.0.1
    refuses 127.0.0.2 ::1
    for_rules ::1
    serves ::1
    refuses 127.0.0.1
    for_rules ::1/128
    serves ::1
    refuses 127.0.0.1
}

@test "--allow with BITS serves that network, to its last address, and no other" {
    for_rules 127.0.0.0/8
    serves 127.0.0.1 127.0.0.2 127.255.255.254
    refuses ::1
    for_rules 127.0.0.2/31
    serves 127.0.0.2 127.0.0.3
    refuses 127.0.0.1 127.0.0.4
    for_rules 127.64.0.0/10
    serves 127.64.0.0 127.127.255.255
    refuses 127.63.255.255 127.128.0.0
    for_rules ::/127
    serves ::1
    refuses 127.0.0.1
    for_rules 8000::/1
    refuses ::1 127.0.0.1
}

@test "--allow with /0 serves every address of its family, and none of the other" {
    for_rules 0.0.0.0/0
    serves 127.0.0.1 127.0.0.2
    refuses ::1
    for_rules ::/0
    serves ::1
    refuses 127.0.0.1
}

@test "an IPv4 address may be written in its IPv6 form" {
    for_rules ::ffff:127.0.0.1
    serves 127.0.0.1
    refuses 127.0.0.2 ::1
    for_rules ::ffff:127.0.0.0/104
    serves 127.0.0.1 127.0.0.2
    refuses ::1
    for_rules ::ffff:0:0/96
    serves 127.0.0.1
    refuses ::1
}

@test "--allow may be repeated, and any of the rules will do" {
    for_rules 127.0.0.1 127.0.0.4/30 ::1
    serves 127.0.0.1 127.0.0.4 127.0.0.7 ::1
    refuses 127.0.0.2 127.0.0.3 127.0.0.8
    for_rules 192.0.2.1 2001:db8::/32 127.0.0.2
    serves 127.0.0.2
    refuses 127.0.0.1 ::1
    # As many as there may be, of which the last one counts.
    # shellcheck disable=SC2046 # words
    for_rules $(seq -f '192.0.2.%g' 0 254) 127.0.0.3
    serves 127.0.0.3
    refuses 127.0.0.1
}

@test "on a socket for IPv4 alone the rules are the same" {
    start_server -vv -b 127.0.0.1 --allow 127.0.0.2/31
    serves 127.0.0.2 127.0.0.3
    refuses 127.0.0.1 127.0.0.4
}

@test "who is refused hears nothing, whatever it says" {
    local steps
    start_server --allow 127.0.0.1
    for steps in 'send GET\x20f\n' 'send PUT\x20new\n\0\0\0\0\0\0\0\x05hello' 'send DEL\x20f\n shut'; do
        # shellcheck disable=SC2086 # several steps
        run from 127.0.0.2 wire $steps gone
        # A close with unread bytes is a reset, after which steps fail; but it never got anything.
        [[ $status -eq 0 || ($status -eq 1 && $output != *' got "'*) ]] || fail "$output"
    done
    assert_eq "$(ls "$ROOT") $(<"$ROOT/f")" "f hello" "the tree"
}

@test "a crowd that is refused takes no slot and no place in the queue" {
    start_server -vv --allow 127.0.0.1 --queue 1 -- 1
    hold a
    held a
    run "$SWARM" -b 127.0.0.2 -c 50 -n 500 "$PORT" GET f
    assert_contains "$output" "ok 0 failed 500 "
    assert_contains "$output" "end of file while reading READY"
    # There is one place in the queue, and it is b's.
    hold b
    wait_for_line "$SERVER_OUT" '^server connected to client' 2
    release a
    held b
    wait_for_line "$SERVER_OUT" ' not allowed, 127\.0\.0\.2:[0-9]+ ' 500
    assert_eq "$(grep -c '^server connected to client at 127\.0\.0\.1:' "$SERVER_OUT")" 2 taken
    assert_eq "$(grep -cE ' client [0-9]+ (queued|started)' "$SERVER_OUT")" 4 "queued and started"
}

@test "who is refused while the queue is full is closed as soon as there is room" {
    local refused
    start_server -vv --allow 127.0.0.1 --queue 1 -- 1
    hold a b
    held a
    wait_for_line "$SERVER_OUT" '^server connected to client' 2
    from 127.0.0.2 wire say there timeout 60000 eof >"$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
    refused=$!
    track "$refused"
    wait_for_line "$BATS_TEST_TMPDIR/out" there
    hold c
    is_alive "$refused"
    release a
    held b
    wait_until "$WAIT_SECONDS" is_gone "$refused"
    wait "$refused"
    refute is_served c
    release b
    held c
}

@test "those who were refused leave no descriptor" {
    local before
    look_inside
    start_server --allow 127.0.0.1
    before=$(fd_count "$SERVER_PID")
    "$SWARM" -b 127.0.0.2 -c 100 -n 2000 "$PORT" GET f >/dev/null 2>&1 || true
    serves 127.0.0.1
    wait_until 5 workers_are 0
    assert_eq "$(fd_count "$SERVER_PID")" "$before" descriptors
}

# ---- --per-source ----

@test "a waiter whose source has its share is passed over, and keeps its place" {
    local socket
    # A socket for both families, which shows IPv4 addresses in their IPv6 form, and one for IPv4.
    for socket in '' --bind=0.0.0.0; do
        start_server -vv ${socket:+"$socket"} --per-source 1 -- 2
        from 127.0.0.1 hold A1 A2
        from 127.0.0.2 hold B1
        held A1 B1
        from 127.0.0.1 hold A3
        wait_for_line "$SERVER_OUT" '^server connected to client' 4
        refute is_served A2
        workers_are 2
        release A1
        held A2
        refute is_served A3
        release A2
        held A3
        is_served B1
        release A3 B1
        kill_server
    done
}

@test "among those who may run, the first to come is the first to run" {
    start_server -vv --per-source 1 -- 2
    from 127.0.0.1 hold A1 A2
    from 127.0.0.2 hold B1 B2
    from 127.0.0.3 hold C1
    from 127.0.0.4 hold D1
    held A1 B1
    wait_for_line "$SERVER_OUT" '^server connected to client' 6
    # A and B have their share with A1 and B1; B's comes free, and A2 still has to be passed over.
    release B1
    held B2
    refute is_served A2
    refute is_served C1
    release B2
    held C1
    refute is_served A2
    refute is_served D1
    # Now A2, which came before D1.
    release A1
    held A2
    refute is_served D1
    release C1
    held D1
}

@test "a slot that nobody may have yet is given to the next one who may, at once" {
    local waited
    start_server -vv --per-source 2 -- 10
    from 127.0.0.1 hold A1 A2 A3 A4 A5
    held A1 A2
    wait_for_line "$SERVER_OUT" '^server connected to client' 5
    workers_are 2
    from 127.0.0.2 hold B1
    held B1
    workers_are 3
    wait_for_line "$SERVER_OUT" ' client 6 started, '
    waited=$(sed -nE 's/.* client 6 started, .* waited ([0-9]+) ms .*/\1/p' "$SERVER_OUT")
    [ "$waited" -lt 900 ] || fail "B1 waited $waited ms: for a tick"
    release A2
    held A3
    refute is_served A4
}

@test "who leaves while it is passed over is forgotten, and those behind it keep their order" {
    start_server -vv --per-source 1 -- 2
    from 127.0.0.1 hold A1 A2 A3 A4
    from 127.0.0.2 hold B1
    held A1 B1
    release A2
    release A1
    held A3
    release A3
    held A4
    wait_for_line "$SERVER_OUT" ' client 2 had left '
}

@test "a share larger than MAX changes nothing" {
    start_server --per-source 10000 -- 2
    hold 1 2 3 4
    held 1 2
    refute is_served 3
    release 1
    held 3
    release 2
    held 4
}

# Reads what -vv tells, and replays it: who waits, who runs, from where. Prints the first thing
# that goes against `share` and `max`, or the most that ran of one source and in all.
replay() {
    awk -v share="$1" -v max="$2" '
        function wrong(what) { print "line " NR ": " what ": " $0; failed = 1; exit }
        / client [0-9]+ (queued|started|ended|had left)/ {
            match($0, / client [0-9]+ /)
            who = substr($0, RSTART + 8, RLENGTH - 9)
        }
        / client [0-9]+ queued, / {
            match($0, /queued, [0-9.]+:/)
            source[who] = substr($0, RSTART + 8, RLENGTH - 9)
            last = who
            waits[who] = 1
            if (first == 0) first = who
        }
        / client [0-9]+ had left/ { delete waits[who] }
        / client [0-9]+ started, / {
            if (!(who in waits)) wrong("was not waiting")
            for (i = first; i + 0 < who + 0; i++)
                if ((i in waits) && running[source[i]] < share) wrong("overtakes " i)
            delete waits[who]
            if (++running[source[who]] > share) wrong("more than its share")
            if (++all > max) wrong("more than MAX")
            if (running[source[who]] > most) most = running[source[who]]
            if (all > most_all) most_all = all
        }
        / client [0-9]+ ended, / { running[source[who]]--; all-- }
        END { if (!failed) print most, most_all }' "$SERVER_OUT"
}

@test "crowds from three sources: none exceeds its share, none that may run is overtaken" {
    local source crowds=()
    start_server -vv --per-source 2 -- 5
    random_file "$ROOT/file" 20000
    for source in 2 3 4; do
        "$SWARM" -b "127.0.0.$source" -c 20 -n 150 "$PORT" GET file \
            >"$BATS_TEST_TMPDIR/crowd.$source" 2>&1 3>&- 4>&- &
        crowds+=("$!")
        track "$!"
    done
    for source in "${crowds[@]}"; do
        wait "$source" || fail "$(cat "$BATS_TEST_TMPDIR"/crowd.*)"
    done
    wait_for_line "$SERVER_OUT" ' client [0-9]+ ended, ' 450
    assert_eq "$(replay 2 5)" "2 5" "the most that ran of one source, and in all"
}

# ---- --per-source and the queue ----

@test "one address that connects without end leaves others their places in the queue" {
    local i
    start_server -vv --ledger "$BATS_TEST_TMPDIR/ledger" --request-timeout 600 -t 600 -g 0 \
        --per-source 1 --queue 20 -- 5
    from 127.0.0.1 hold A
    held A
    # 22 more: 5 places of 20 are a quarter, and the others are closed unanswered.
    for i in {1..5}; do
        from 127.0.0.1 hold "W$i"
    done
    for i in {1..17}; do
        from 127.0.0.1 get_nothing
    done
    from 127.0.0.2 hold B
    held B
    wait_for_line "$SERVER_OUT" ' over its share, 127\.0\.0\.1:[0-9]+ \(1 running, 5 waiting\)$' 17
    refute is_served W1
    # Who waited within the share still does, and whose turn has come makes room for one more.
    release A
    held W1
    from 127.0.0.1 hold W6
    release W1
    held W2
    stop_server
    # As for those who are not allowed, there is no line for whoever was turned away.
    assert_eq "$(wc -l <"$BATS_TEST_TMPDIR/ledger")" 8 "lines of the ledger"
}

@test "those of a source who have left do not count against its share of the queue" {
    start_server -vv --request-timeout 600 -t 600 --per-source 1 --queue 8 -- 2
    from 127.0.0.1 hold A1 A2 A3
    held A1
    from 127.0.0.1 get_nothing # two places of eight are taken
    release A2 A3
    wait_until "$WAIT_SECONDS" a_place_is_free
    release A1
    held A4
}

# A new client A4, which is not turned away. To look who has left has its own bound in time, so one
# that comes too early is turned away, and comes again.
a_place_is_free() {
    local seen
    rm -f "$BATS_TEST_TMPDIR/hold.A4.in"
    seen=$(grep -cE "$DECIDED" "$SERVER_OUT")
    from 127.0.0.1 hold A4
    wait_for_line "$SERVER_OUT" "$DECIDED" $((seen + 1))
    grep -E "$DECIDED" "$SERVER_OUT" | tail -n 1 | grep -q ' queued, '
}
DECIDED=' client [0-9]+ (queued|over its share), '

@test "as many of one source as may run are never turned away, however small the queue" {
    start_server -vv --per-source 3 --queue 4 -- 5
    # All of them are there at once when the server looks.
    kill -STOP "$SERVER_PID"
    from 127.0.0.1 hold A1 A2 A3
    kill -CONT "$SERVER_PID"
    held A1 A2 A3
}

@test "without --per-source one address may fill the queue" {
    start_server -vv --request-timeout 600 -t 600 --queue 4 -- 1
    hold a b c d e
    held a
    wait_for_line "$SERVER_OUT" ' \(1 running, 4 waiting\)$'
}

@test "of a link-local peer the zone is told, inside the sandbox, too" {
    has_ipv6 || skip "needs IPv6"
    own_network
    "${INSIDE[@]}" ip link set lo up
    "${INSIDE[@]}" ip addr add fe80::1/64 dev lo nodad
    SERVER_PREFIX=("${INSIDE[@]}")
    start_server -v
    "${INSIDE[@]}" "$WIRE" -h fe80::1%lo "$PORT" expect READY close
    wait_for_line "$SERVER_OUT" '^server connected to client at \[fe80::1%(1|lo)\]:[0-9]+$'
}

@test "for IPv6 a source is a /64, for IPv4 an address" {
    has_ipv6 || skip "needs IPv6"
    # The machine's own: ::1 is one source, and 127.0.0.1 another.
    start_server -vv --per-source 1 -- 5
    from ::1 hold six1 six2
    from 127.0.0.1 hold four1 four2
    held six1 four1
    wait_for_line "$SERVER_OUT" '^server connected to client' 4
    refute is_served six2
    refute is_served four2
    release six1 four1
    held six2 four2
}

@test "two addresses of one IPv6 /64 share, those of different ones do not" {
    local address
    has_ipv6 || skip "needs IPv6"
    own_network
    "${INSIDE[@]}" ip link set lo up
    # RFC 3849: addresses for examples.
    for address in 2001:db8:0:1::1 2001:db8:0:1:ffff::2 2001:db8:0:2::1; do
        "${INSIDE[@]}" ip addr add "$address/128" dev lo nodad
    done
    SERVER_PREFIX=("${INSIDE[@]}")
    start_server -vv --per-source 1 -- 5
    # shellcheck disable=SC2016 # for the script's shell
    printf '#!/bin/sh\nexec %s "%s" -h ::1 -b "$ADDRESS" "$@"\n' "${INSIDE[*]}" "$WIRE" \
        >"$BATS_TEST_TMPDIR/wire"
    chmod +x "$BATS_TEST_TMPDIR/wire"
    WIRE=$BATS_TEST_TMPDIR/wire
    ADDRESS=2001:db8:0:1::1 hold a1
    ADDRESS=2001:db8:0:1:ffff::2 hold a2
    ADDRESS=2001:db8:0:2::1 hold b1
    held a1 b1
    wait_for_line "$SERVER_OUT" '^server connected to client' 3
    refute is_served a2
    release a1
    held a2
}

# ---- what is refused on the command line ----

# wrong WORD EXPECTED OPTION...: exits with 2 and one line that names WORD and what was EXPECTED
wrong() {
    local code=0 err word=$1 expected=$2
    shift 2
    err=$(timeout "$WAIT_SECONDS" "$FERRYD" "$@" 0 2>&1 </dev/null 3>&-) || code=$?
    assert_eq "$code" 2 "exit status of $*" || return
    [[ $err != *$'\n'* && $err == "$SERVER: "* ]] || fail "not one line for $*: $err" || return
    assert_contains "$err" "$word" || return
    assert_contains "$err" "$expected"
}

@test "an --allow rule that is no address is refused" {
    local rule
    for rule in '' x localhost / /8 1 127 127.1 127.0.0 127.0.0.1.1 256.0.0.1 0127.0.0.1 \
        0x7f.0.0.1 ' 127.0.0.1' '127.0.0.1 ' 127.0.0.1:80 '[::1]' ::1::1 :::1 12345:: ::g \
        fe80::1%lo '*' 127.0.0.* 127.0.0.1-127.0.0.9 127.0.0.1,127.0.0.2 \
        1111:2222:3333:4444:5555:6666:123.123.123.1234567890; do
        wrong "\"$rule\": not an address" '--allow must be ADDR or ADDR/BITS' --allow "$rule"
        wrong "\"$rule/8\": not an address" '--allow must be ADDR' "--allow=$rule/8"
    done
}

@test "an --allow rule with wrong BITS is refused" {
    local bits
    for bits in '' x -1 +8 33 128 1000 99999999999999999999 8x ' 8' '8 ' 8/8 0x8 255.0.0.0; do
        wrong "\"127.0.0.0/$bits\"" 'BITS must be 0 to 32' --allow "127.0.0.0/$bits"
    done
    for bits in '' x -1 129 1000 99999999999999999999 64x; do
        wrong "\"::/$bits\"" 'BITS must be 0 to 128' --allow "::/$bits"
    done
}

@test "an --allow rule whose address does not end where its BITS do is refused" {
    local rule
    for rule in 127.0.0.1/8 127.0.0.1/31 0.0.0.1/0 128.0.0.0/0 127.0.0.3/30 ::1/64 ::1/0 \
        2001:db8::1/127 8000::/0 ::ffff:127.0.0.1/104; do
        wrong "\"$rule\": it has bits set beyond BITS" '--allow must be ADDR' --allow "$rule"
    done
}

@test "more --allow rules than there is room for are refused" {
    # shellcheck disable=SC2046 # words
    wrong '"192.0.3.1"' 'too many' $(seq -f '--allow=192.0.2.%g' 0 255) --allow 192.0.3.1
}

@test "a rule that is wrong is refused, however good the others are" {
    wrong '"nobody"' 'not an address' --allow 127.0.0.1 --allow nobody --allow ::1
}

@test "--per-source must be a number from 1" {
    local value
    for value in '' x 0 -1 +1 10001 1.5 5x ' 5' 0x5 99999999999999999999999; do
        wrong "\"$value\"" '--per-source must be a number from 1 to 10000' --per-source "$value"
        wrong "\"$value\"" '--per-source must be a number from 1 to' "--per-source=$value"
    done
}

@test "both options need a value, and --help names them" {
    local option help
    help=$("$FERRYD" --help)
    for option in --allow --per-source; do
        run "$FERRYD" 0 "$option"
        assert_eq "$status" 2 "exit status"
        assert_eq "$output" "$SERVER: option $option needs a value; see --help"
        assert_contains "$help" "$option"
    done
}
