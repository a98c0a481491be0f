#!/usr/bin/env bats
#
# ferry -j N moves several files at once, never more than N, and tells of each that fails.

# What ferry.bash sets, and what it reads:
# shellcheck disable=SC2034,SC2153

load ferry

# six_files DIR: 1 to 6, of different sizes
six_files() {
    local i
    for i in 1 2 3 4 5 6; do
        random_file "$1/$i" "${i}00000"
    done
}

# printed LINE...: standard output holds these lines, whatever their order, and nothing else
printed() {
    assert_eq "$(sort "$OUT")" "$(printf '%s\n' "$@" | sort)" "standard output"
}

# jobs_are N: so many processes work for ferry now
jobs_are() {
    _children "$CLIENT"
    ((${#CHILDREN[@]} == $1))
}

# connected N: so many clients have reached the server until now
connected() {
    [ "$(grep -c '^server connected to client' "$SERVER_OUT")" -eq "$1" ]
}

@test "GET -j: every file arrives whole, and each has its lines" {
    local lines=() i
    start_server
    six_files "$ROOT"
    for i in 1 2 3 4 5 6; do
        lines+=("client receiving file $i (${i}00000 bytes)" "Complete $i")
    done
    ferry -j 3 127.0.0.1 "$PORT" GET 1 2 3 4 5 6
    assert_eq "$STATUS" 0 "exit status"
    assert_eq "$(<"$ERR")" "" "standard error"
    printed "${lines[@]}"
    assert_eq "$(tree_sum .)" "$(tree_sum "$ROOT")" "the directory"
}

@test "PUT -j and DEL -j: every file is stored, every file is deleted" {
    start_server
    six_files .
    ferry --jobs=4 127.0.0.1 "$PORT" PUT 1 2 3 4 5 6
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    assert_eq "$(tree_sum "$ROOT")" "$(tree_sum .)" "the root"
    ferry --jobs 4 127.0.0.1 "$PORT" DEL 1 2 3 5 6
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    assert_eq "$(ls -A "$ROOT")" 4 "what is left"
}

@test "-j N runs N at once and not one more, and the next when one has ended" {
    start_server -v -- 1
    six_files "$ROOT"
    hold first
    held first
    ferry_behind -j 2 127.0.0.1 "$PORT" GET 1 2 3 4 5 6
    # Two stand in line, none is served. A third would come at once, and long before the client
    # that we now send after them.
    wait_until "$WAIT_SECONDS" connected 3
    hold last
    wait_until "$WAIT_SECONDS" connected 4
    jobs_are 2
    release first
    held last
    # The two were served, and two others stand in line.
    wait_until "$WAIT_SECONDS" connected 6
    wait_until "$WAIT_SECONDS" jobs_are 2
    assert_eq "$(LC_ALL=C ls -A)" $'1\n2' "files here"
    release last
    client_ends
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    assert_eq "$(tree_sum .)" "$(tree_sum "$ROOT")" "the directory"
}

@test "without -j, files go one after the other" {
    start_server -v -- 1
    six_files "$ROOT"
    hold first
    held first
    ferry_behind 127.0.0.1 "$PORT" GET 1 2
    wait_until "$WAIT_SECONDS" connected 2
    hold last
    wait_until "$WAIT_SECONDS" connected 3
    jobs_are 0
    release first
    held last
    wait_until "$WAIT_SECONDS" connected 4
    assert_eq "$(ls -A)" 1 "files here"
    release last
    client_ends
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    assert_eq "$(LC_ALL=C ls -A)" $'1\n2' "files here"
}

@test "one file that fails is told; the others arrive, and the exit status is 1" {
    local jobs
    start_server
    six_files "$ROOT"
    rm "$ROOT/1" "$ROOT/4"
    for jobs in 2 6 100; do
        rm -f ./*
        ferry -j "$jobs" 127.0.0.1 "$PORT" GET 1 2 3 4 5 6
        assert_eq "$STATUS" 1 "exit status"
        assert_eq "$(sort "$ERR")" $'server error: 1 does not exist\nserver error: 4 does not exist' \
            "standard error"
        assert_eq "$(tree_sum .)" "$(tree_sum "$ROOT")" "the directory"
        assert_eq "$(grep '^Complete' "$OUT" | sort)" "$(printf 'Complete %s\n' 2 3 5 6)" \
            "lines Complete"
    done
}

@test "every failure names its file where there are several, and none where there is one" {
    local jobs refused="cannot connect to 127.0.0.1 port 1: Connection refused"
    for jobs in 1 2; do
        ferry -j "$jobs" 127.0.0.1 1 GET sub/a b
        assert_eq "$STATUS" 1 "exit status"
        assert_eq "$(sort "$ERR")" \
            "$(printf 'client error: %s: %s\n' b "$refused" sub/a "$refused")" "standard error"
    done
    ferry -j 2 127.0.0.1 1 DEL a
    assert_eq "$(<"$ERR")" "client error: $refused" "standard error for one file"
}

@test "a refusal whose words do not name the file gets its name in front" {
    local base=$BATS_TEST_TMPDIR/fake at
    "$BIN/test/fakeserver" send READY expect $'GET sub/room\n' send "ERROR: no room" shut gone \
        >"$base.out" 2>"$base.err" 3>&- 4>&- &
    track "$!"
    wait_until "$WAIT_SECONDS" test -s "$base.out"
    at=$(head -n 1 "$base.out")
    ferry 127.0.0.1 "$at" GET sub/room b
    assert_eq "$(<"$ERR")" "server error: sub/room: no room
client error: b: cannot connect to 127.0.0.1 port $at: Connection refused" "standard error"
}

@test "a failure is not forgotten, whichever file it is" {
    local missing
    start_server
    six_files "$ROOT"
    for missing in 1 3 6; do
        mv "$ROOT/$missing" "$BATS_TEST_TMPDIR/away"
        ferry -j 2 127.0.0.1 "$PORT" GET 1 2 3 4 5 6
        assert_eq "$STATUS" 1 "exit status without $missing"
        mv "$BATS_TEST_TMPDIR/away" "$ROOT/$missing"
    done
}

@test "a job that is killed counts as failed" {
    start_server -v -- 1
    six_files "$ROOT"
    hold first
    held first
    ferry_behind -j 2 127.0.0.1 "$PORT" GET 1 2 3
    wait_until "$WAIT_SECONDS" connected 3
    _children "$CLIENT"
    kill -KILL "${CHILDREN[0]}"
    release first
    client_ends
    assert_eq "$STATUS" 1 "exit status"
    assert_eq "$(grep -c '^Complete [123]$' "$OUT")" 2 "lines Complete"
    assert_eq "$(find . -type f | wc -l)" 2 "files here"
    grep -qxE 'client error: [12]: killed by signal 9' "$ERR" || fail "$(<"$ERR")"
}

@test "when ferry is killed, its jobs end too and leave nothing" {
    local job
    local -a jobs
    start_server -v -- 1
    six_files "$ROOT"
    hold first
    held first
    ferry_behind -j 2 127.0.0.1 "$PORT" GET 1 2 3 4
    wait_until "$WAIT_SECONDS" connected 3
    wait_until "$WAIT_SECONDS" jobs_are 2
    _children "$CLIENT"
    jobs=("${CHILDREN[@]}")
    kill -TERM "$CLIENT"
    client_ends
    assert_eq "$STATUS" 143 "exit status"
    for job in "${jobs[@]}"; do
        wait_until "$WAIT_SECONDS" is_gone "$job"
    done
    release first
    assert_eq "$(ls -A)" "" "files here"
}

@test "-j with one file is like no -j: -o works, and so does the exit status" {
    start_server
    six_files "$ROOT"
    ferry -j 5 127.0.0.1 "$PORT" GET 1 -o here
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    printed "client receiving file 1 (100000 bytes)" Complete
    assert_file_eq here "$ROOT/1"
    ferry -j 5 127.0.0.1 "$PORT" GET missing
    assert_eq "$STATUS" 1 "exit status"
    assert_eq "$(<"$ERR")" "server error: missing does not exist" "standard error"
}

@test "-j works though SIGCHLD came ignored" {
    start_server
    six_files "$ROOT"
    PREFIX=(env --ignore-signal=CHLD)
    ferry -j 2 127.0.0.1 "$PORT" GET 1 2 3 4
    assert_eq "$STATUS" 0 "exit status"
    ferry -j 2 127.0.0.1 "$PORT" GET 1 missing 3
    assert_eq "$STATUS" 1 "exit status with a file that is missing"
    assert_eq "$(grep -c '^Complete [13]$' "$OUT")" 2 "lines Complete"
}
