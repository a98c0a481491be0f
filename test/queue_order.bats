#!/usr/bin/env bats
#
# The queue: first come, first served, in order of accept, among those still there. Whoever waits
# hears nothing before its turn, and whoever leaves meanwhile costs the others nothing.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

@test "those who wait are served one after the other, in the order they came" {
    local -a ids=(1 2 3 4 5 6)
    local i
    start_server -- 1
    hold "${ids[@]}"
    for i in "${!ids[@]}"; do
        held "${ids[i]}"
        [ -z "${ids[i + 1]:-}" ] || refute is_served "${ids[i + 1]}"
        release "${ids[i]}"
    done
}

@test "a crowd is started in the order it was accepted" {
    start_server -vv -- 3
    random_file "$ROOT/file" 100
    "$SWARM" -c 40 -n 200 "$PORT" GET file
    wait_for_line "$SERVER_OUT" ' client [0-9]+ started, ' 200
    sed -nE 's/.* client ([0-9]+) started, .*/\1/p' "$SERVER_OUT" >"$BATS_TEST_TMPDIR/started"
    assert_eq "$(<"$BATS_TEST_TMPDIR/started")" "$(seq 200)" "the order of the starts"
    # And there was a line to be out of order in.
    grep -qE ' started, .* [2-9][0-9] waiting\)$' "$SERVER_OUT"
}

@test "who waits hears nothing, not even for seconds, and then READY" {
    start_server -- 1
    hold first
    held first
    client next quiet 2500 say patient expect READY
    says next patient
    release first
    succeeds next
}

@test "who leaves the queue takes no slot, and the others keep their order" {
    local -A leaving=([closes]="close say left" [resets]="reset say left"
        [half-closes]="shut say left gone")
    local who
    start_server -vv -- 1
    hold 1
    held 1
    for who in "${!leaving[@]}"; do
        # shellcheck disable=SC2086 # several steps
        client "$who" say connected wait ${leaving[$who]}
        says "$who" connected
        hold "after-$who"
    done
    hold last
    wait_for_line "$SERVER_OUT" '^server connected to client' 8
    for who in "${!leaving[@]}"; do
        tell "$who"
        says "$who" left
    done
    release 1
    for who in "${!leaving[@]}"; do
        held "after-$who"
        refute is_served last
        release "after-$who"
    done
    held last
    for who in "${!leaving[@]}"; do
        succeeds "$who"
    done
    assert_eq "$(grep -cE ' client [0-9]+ started, ' "$SERVER_OUT")" 5 "workers started"
    assert_eq "$(grep -cE ' client [246] had left' "$SERVER_OUT")" 3 "clients that had left"
}

@test "who leaves at the head of the queue does not hold up the next one" {
    start_server -- 1
    hold first leaver next
    held first
    release leaver
    release first
    held next
}

@test "who sent all it has to say and half-closed is served when its turn comes" {
    local -A told=(
        [GET]='send GET\x20kept\nREADYOK shut expect READYOK expect-size 5 expect helloDONE eof'
        [DEL]='send DEL\x20old\n shut expect READYDONE eof'
        [PUT]='send PUT\x20new\n size 3 send abc shut expect READYOKOKDONE eof'
    )
    local verb
    start_server -v -- 1
    printf hello >"$ROOT/kept"
    printf x >"$ROOT/old"
    hold first
    held first
    for verb in GET DEL PUT; do
        # shellcheck disable=SC2086 # several steps
        client "$verb" say connected ${told[$verb]}
        says "$verb" connected
    done
    wait_for_line "$SERVER_OUT" '^server connected to client' 4
    release first
    for verb in GET DEL PUT; do
        succeeds "$verb"
    done
    [ ! -e "$ROOT/old" ]
    assert_eq "$(<"$ROOT/new")" abc
    assert_eq "$(sed -n 's/^server receiving request: //p' "$SERVER_OUT" | tr '\n' ,)" \
        "GET kept,DEL old,PUT new," "the order of the requests"
}
