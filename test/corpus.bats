#!/usr/bin/env bats
#
# Bad input, as a table: corpus/protocol.txt says what is sent and what must come, and how it is
# written; corpus.bash, what must hold for every entry besides (the oracle). Here is also a race that
# no table can hold.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib
load corpus

TABLE=$PROJECT/test/corpus/protocol.txt
GROUPS_RUN=(framing names targets sizes transport silence)
TURN_S=2 # the server's --request-timeout and --timeout

# What the table's words may use.
get=(expect READY send 'GET f\n' expect OK send READY expect-size 5 send O)
put=(expect READY send 'PUT f\n' expect OK size 5 expect OK send hell)

wire() {
    "$WIRE" "$PORT" "$@"
}

# What every entry ends in.
NEXT_CLIENT=(timeout 15000 reconnect expect READY send 'GET dir/f\n' expect OK send READY
    expect-size 5 send OK expect helloDONE eof)

# converse ANSWER STEP...: here the steps say what is answered
converse() {
    wire "${@:2}" "${NEXT_CLIENT[@]}"
}

@test "framing: every entry gets its answer, and harms nobody" {
    survives framing start_server
}

@test "names: every entry gets its answer, and harms nobody" {
    survives names start_server
}

@test "targets: every entry gets its answer, and harms nobody" {
    survives targets start_server
}

@test "sizes: every entry gets its answer, and harms nobody" {
    survives sizes start_server
}

@test "transport: every entry gets its answer, and harms nobody" {
    survives transport start_server
}

@test "silence: every entry is ended in time, and harms nobody" {
    survives silence start_server
}

@test "the table has no group that is not run, and at least sixty entries" {
    [ "$(grep -c '^\[' "$TABLE")" -ge 60 ]
    every_group_is_run
}

# ---- what no table can hold ----

# ask COUNT NAME: GETs NAME so many times, each conversation run ahead to its end; a line for each
ask() {
    local steps=() i
    for ((i = 0; i < $1; i++)); do
        steps+=(send "GET $2\nREADYOK" rest reconnect)
    done
    wire timeout 60000 "${steps[@]}"
}

# both_met NAME: its answers were, at one time or another, the file and a refusal, and nothing else
both_met() {
    assert_eq "$(sort -u "$BATS_TEST_TMPDIR/$1")" "READYERROR: $1 does not exist
READYOK\x00\x00\x00\x00\x00\x00\x00\x06insideDONE" "the answers for $1"
}

enough_swaps() {
    grep -qx "$1 reached" "$BATS_TEST_TMPDIR/swaps" && both_met swapped && both_met other
} 2>/dev/null

@test "a name that is swapped a hundred thousand times, file for link, never shows what is outside" {
    local swaps=100000 swapper until=$((SECONDS + 120))
    [ -z "$SANITIZED" ] || swaps=20000
    printf inside >"$ROOT/swapped"
    ln -s ../outside/secret "$ROOT/other"
    start_server -vv
    mkfifo "$BATS_TEST_TMPDIR/stop"
    "$BIN/test/swap" "$ROOT/swapped" "$ROOT/other" "$swaps" \
        <>"$BATS_TEST_TMPDIR/stop" >"$BATS_TEST_TMPDIR/swaps" 2>&1 3>&- 4>&- &
    swapper=$!
    track "$swapper"
    until enough_swaps "$swaps" || ((SECONDS > until)); do
        ask 50 swapped >>"$BATS_TEST_TMPDIR/swapped" 3>&- 4>&- &
        ask 50 other >>"$BATS_TEST_TMPDIR/other"
        wait "$!"
    done
    echo >"$BATS_TEST_TMPDIR/stop"
    wait "$swapper" || fail "$(<"$BATS_TEST_TMPDIR/swaps")"
    both_met swapped
    both_met other
    grep -qx "$swaps reached" "$BATS_TEST_TMPDIR/swaps" || fail "$(<"$BATS_TEST_TMPDIR/swaps")"
    refute grep 'killed by signal' "$SERVER_OUT"
}

# ---- the oracle itself ----

@test "the oracle notices a wrong answer, a changed tree and a worker that dies" {
    notices 'expected "ERROR: other"' start_server <<'END'
[self] an entry whose answer is wrong
    expect READY send 'GET missing\n' expect 'ERROR: other' eof
END
    notices 'the tree has changed' start_server <<'END'
[self] an entry that should not have changed a file
    expect READY send 'PUT f\n' expect OK size 5 expect OK send hello expect DONE eof
END
    notices 'the tree has changed' start_server <<'END'
[self] an entry that changed more than it should
    then: new = hello
    expect READY send 'PUT new\n' expect OK size 5 expect OK send hello expect DONE eof
    reconnect expect READY send 'DEL empty\n' expect DONE eof
END
    notices 'new is no file' start_server <<'END'
[self] an entry that did not change what it should
    then: new = hello
    expect READY close
END
    ! is_threads || return 0
    # A worker that is killed in the middle, seen by its client as an end.
    kill_next_worker() {
        (wait_until 5 workers_are 1 && kill -KILL "$(workers live)") >/dev/null 2>&1 3>&- 4>&- &
    }
    notices 'a worker has crashed' start_server <<'END'
[self] an entry on which a worker dies
    $(kill_next_worker) expect READY wait-gone
END
}
