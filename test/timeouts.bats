#!/usr/bin/env bats
#
# Every hold is bounded: a client that falls silent, at whatever point, loses its slot to the next
# in line. One that is slow but moves keeps it.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

BOUND_S=8 # far more than --timeout 1 and the second in which a client is to close

@test "a client that falls silent loses its slot, at whatever point that is" {
    # How far each goes; after that it does nothing, and does not go away either.
    local -a rows=(
        'says nothing: expect READY'
        'stops in its request: expect READY send GET'
        'stops in the name: expect READY send GET\x20fil'
        'does not answer OK: expect READY send GET\x20file\n expect OK'
        'takes the size only: expect READY send GET\x20file\n expect OK send READY expect-size 10'
        'stops reading: expect READY send GET\x20endless\n expect OK send READY learn-size send OK
            skip 5000'
        'stops in the size: expect READY send PUT\x20new\n expect OK send \0\0'
        'stops in its upload: expect READY send PUT\x20new\n expect OK size 9 expect OK zeros 8'
        'stops replacing: expect READY send PUT\x20file\n expect OK size 9 expect OK zeros 8'
        'does not close: expect READY send DEL\x20none\n expect ERROR:\x20none\x20does\x20not\x20exist'
    )
    local i
    start_server -vv --timeout 1 -- "${#rows[@]}"
    printf 0123456789 >"$ROOT/file"
    truncate -s 1G "$ROOT/endless"
    for i in "${!rows[@]}"; do
        # shellcheck disable=SC2086 # several steps
        client "$i" say connected ${rows[i]#*: } say stuck wait
        says "$i" connected
    done
    for i in "${!rows[@]}"; do
        says "$i" stuck
    done
    hold next
    wait_until "$BOUND_S" is_served next
    for i in "${!rows[@]}"; do
        wait_for_line "$SERVER_OUT" " client $((i + 1)) ended, " ||
            fail "who ${rows[i]%%: *} keeps its slot"
        # It was the server that ended it.
        is_alive "${TOLD[$i]}"
    done
    assert_eq "$(cd "$ROOT" && echo .[!.]* *)" '.[!.]* endless file' "the root"
    assert_eq "$(<"$ROOT/file")" 0123456789
}

@test "a client that spells out its request for ever loses its slot" {
    start_server --timeout 1 -- 1
    client stuck expect READY send 'GET ' say stuck drip 1000 10
    says stuck stuck
    hold next
    wait_until "$BOUND_S" is_served next
}

@test "a client that sends empty lines for ever, where its answer should come, loses its slot" {
    local -a steps=()
    for _ in {1..60}; do
        steps+=(pause 200 send '\n')
    done
    start_server --timeout 1 -- 1
    echo hello >"$ROOT/file"
    client stuck expect READY send 'GET file\n' expect OK say stuck "${steps[@]}"
    says stuck stuck
    hold next
    wait_until "$BOUND_S" is_served next
}

@test "a client that goes on talking after the last word loses its slot" {
    start_server --timeout 1 -- 1
    client stuck expect READY send 'DEL none\n' expect 'ERROR: none does not exist' \
        say stuck drip 1000 200
    says stuck stuck
    hold next
    wait_until "$BOUND_S" is_served next
}

@test "a transfer that is slow, but moves, is finished, and who waits for it is not timed out" {
    local -a steps=()
    start_server --timeout 2 -- 2
    truncate -s 84M "$ROOT/file"
    # 4 MiB at a time: client and server have buffers.
    for _ in {1..20}; do
        steps+=(skip 4194304 pause 400)
    done
    client download expect READY send 'GET file\n' expect OK send READY learn-size send OK \
        say moving "${steps[@]}" skip 4194304 expect DONE eof
    client upload expect READY send 'PUT new\n' expect OK size 21 expect OK say moving \
        drip 21 400 expect DONE eof
    says download moving
    says upload moving
    client next quiet 2100 timeout 20000 expect READY send 'DEL file\n' expect DONE eof
    succeeds next
    succeeds download
    succeeds upload
    assert_eq "$(<"$ROOT/new")" xxxxxxxxxxxxxxxxxxxxx
}
