#!/usr/bin/env bats
# Requests that change something only on a condition: If-None-Match: * creates only, If-Match replaces
# or deletes that version only. They are judged before the body, and again at the moment that counts,
# in which nobody else gets between.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034,SC2153

load lib
load http
load http_write

setup() {
    a_tree
}

@test "If-None-Match creates only, If-Match and If-Unmodified-Since replace only that version" {
    start_http
    put new "$NEW" 'If-None-Match: *'
    assert_status 201
    put new "$OLD" 'If-None-Match: *'
    assert_status 412
    assert_file_eq "$ROOT/new" "$NEW"
    tag_of new
    put new "$OLD" "If-Match: \"x\", $TAG"
    assert_status 204
    local newest=${FIELD[etag]}
    put new "$NEW" "If-Match: $TAG"
    assert_status 412
    assert_file_eq "$ROOT/new" "$OLD"
    put new "$NEW" "If-Match: $newest"
    assert_status 204
    put new "$OLD" "If-Unmodified-Since: ${FIELD[last-modified]}"
    assert_status 204
    put new "$NEW" 'If-None-Match: "another"'
    assert_status 204
    put new "$NEW" 'If-Match: *'
    assert_status 204
}

@test "a condition is judged again when the body has come: by then the file may be another's" {
    start_http
    tag_of file
    begin new new "$NEW" 'If-None-Match: *'
    begin replaced file "$NEW" "If-Match: $TAG"
    begin any file "$NEW"
    says new halfway
    says replaced halfway
    says any halfway
    echo another >"$BATS_TEST_TMPDIR/another"
    wire_put "$BATS_TEST_TMPDIR/another" new
    wire_put "$BATS_TEST_TMPDIR/another" file
    finish new
    assert_status 412
    assert_eq "$(<"$ROOT/new")" another
    finish replaced
    assert_status 412
    assert_eq "$(<"$ROOT/file")" another
    finish any # who has set no condition gets it
    assert_status 204
    assert_file_eq "$ROOT/file" "$NEW"

    tag_of file
    begin deleted file "$OLD" "If-Match: $TAG"
    says deleted halfway
    "$WIRE" "$PORT" expect READY send 'DEL file\n' expect DONE eof
    finish deleted
    assert_status 412
    refute test -e "$ROOT/file"
    assert_eq "$(find "$ROOT" -name '.*')" "" "litter"
}

# race COUNT NAME FIELD: so many at once, each with a content of its own, and all with this
# condition; sets WON to the statuses below 400, and WINNER to the last who got one
race() {
    local i ids=()
    for ((i = 0; i < $1; i++)); do
        echo "by writer $i" >"$BATS_TEST_TMPDIR/by.$i"
        rm -f "$BATS_TEST_TMPDIR"/client.*."$i".in
        ids+=("$2.$i")
        begin "$2.$i" "$2" "$BATS_TEST_TMPDIR/by.$i" "$3"
    done
    for i in "${ids[@]}"; do
        says "$i" halfway || return
    done
    for i in "${ids[@]}"; do
        tell "$i"
        [ -z "${LAB:-}" ] || [ "$i" != "$2.$(($1 / 2))" ] || tell "$LAB"
    done
    WON='' WINNER=
    for i in "${ids[@]}"; do
        answered "$i" || return
        if [ "$STATUS" != 412 ]; then
            WON+="${WON:+ }$STATUS"
            WINNER="by writer ${i##*.}"
        fi
    done
}

@test "of many who would create one file at once, exactly one does" {
    local round
    start_http -- 32
    for round in 1 2; do
        race 8 "new$round" 'If-None-Match: *'
        assert_eq "$WON" 201 "who was told so"
        assert_eq "$(<"$ROOT/new$round")" "$WINNER" "the file"
    done
}

@test "of many who would replace one version, exactly one does, and the other door is never lost" {
    local round
    start_http -- 32
    for round in 1 2; do
        cp "$OLD" "$ROOT/f$round"
        tag_of "f$round"
        race 8 "f$round" "If-Match: $TAG"
        assert_eq "$WON" 204 "who was told so"
        assert_eq "$(<"$ROOT/f$round")" "$WINNER" "the file"
    done
    echo "by the other door" >"$BATS_TEST_TMPDIR/other"
    for round in 3 4; do
        cp "$OLD" "$ROOT/f$round"
        tag_of "f$round"
        begin_lab "lab$round" "f$round" "$BATS_TEST_TMPDIR/other"
        says "lab$round" halfway
        LAB=lab$round race 5 "f$round" "If-Match: $TAG"
        succeeds "lab$round"
        # One that replaced the old version did so before; the others came too late.
        [[ $WON =~ ^(204)?$ ]] || fail "these were told that they replaced it: $WON"
        assert_eq "$(<"$ROOT/f$round")" "by the other door" "the file"
    done
}

# pause_when_judging COMMAND...: the next server stops for a second where such a request, which has
# conditions, takes its last look at the file: by then it knows that it may go on. Others who do less
# on their way are not held up. Skips the test where these looks cannot be seen.
pause_when_judging() {
    local looks
    needs_strace
    look_inside
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$TRACE" -e trace="openat2,flock")
    start_http
    "$@"
    looks=$(whole_calls "$TRACE" | grep -E 'openat2\(' | grep -cvE "^$SERVER_PID ") || skip "no openat2 here"
    kill_server
    SERVER_PREFIX+=(-e "inject=openat2:delay_exit=1000000:when=$looks")
    start_http
}

# one_judges: waits until there is one who has the directory to itself
one_judges() {
    wait_for_line "$TRACE" 'flock\([0-9]+, LOCK_EX\|LOCK_NB\) += 0'
}

@test "between the last look at a file and its replacement nobody else replaces or deletes it" {
    echo another >"$BATS_TEST_TMPDIR/another"
    pause_when_judging put file "$NEW" 'If-Match: *'
    begin a file "$NEW" 'If-Match: *'
    says a halfway
    tell a
    one_judges
    wire_put "$BATS_TEST_TMPDIR/another" file
    answered a
    assert_status 204
    assert_eq "$(<"$ROOT/file")" another "the file, of whoever came later"
    kill_server
    start_http
    begin b file "$NEW" 'If-Match: *'
    says b halfway
    tell b
    one_judges
    "$WIRE" "$PORT" expect READY send 'DEL file\n' expect DONE eof
    answered b
    assert_status 204
    refute test -e "$ROOT/file"
}

@test "between the last look at a free name and its taking, another's file is not lost" {
    echo another >"$BATS_TEST_TMPDIR/another"
    pause_when_judging put new "$NEW" 'If-None-Match: *'
    rm "$ROOT/new"
    begin a new "$NEW" 'If-None-Match: *'
    says a halfway
    tell a
    one_judges
    wire_put "$BATS_TEST_TMPDIR/another" new
    answered a
    assert_status 412
    assert_eq "$(<"$ROOT/new")" another "the file, of whoever was first"
}

@test "between the last look at a file and its deletion nobody else replaces it" {
    echo another >"$BATS_TEST_TMPDIR/another"
    pause_when_judging request DELETE /file 'If-Match: *'
    cp "$OLD" "$ROOT/file"
    PORT=$HTTP_PORT client a send 'DELETE /file HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\n\r\n' \
        save-until '\r\n\r\n' "$BATS_TEST_TMPDIR/answer.a" save-rest /dev/null
    one_judges
    wire_put "$BATS_TEST_TMPDIR/another" file
    answered a
    assert_status 204
    assert_eq "$(<"$ROOT/file")" another "the file, of whoever came later"
}

@test "conditions hold also on filesystems without O_TMPFILE, and without locks" {
    local taken id=0
    needs_strace
    look_inside
    for taken in '-P . -e inject=openat:error=EOPNOTSUPP:when=1' '-e inject=flock:error=ENOLCK'; do
        rm -f "$ROOT/new"
        id=$((id + 1))
        cp "$OLD" "$ROOT/file"
        # shellcheck disable=SC2206 # words
        SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$TRACE" -e trace="openat,flock" $taken)
        start_http
        tag_of file
        put new "$NEW" 'If-None-Match: *'
        assert_status 201
        put new "$OLD" 'If-None-Match: *'
        assert_status 412
        put file "$NEW" "If-Match: $TAG"
        assert_status 204
        put file "$OLD" "If-Match: $TAG"
        assert_status 412
        assert_file_eq "$ROOT/file" "$NEW"
        begin "$id" later "$NEW" 'If-None-Match: *'
        says "$id" halfway
        cp "$OLD" "$ROOT/later"
        finish "$id"
        assert_status 412
        assert_file_eq "$ROOT/later" "$OLD"
        rm "$ROOT/later"
        assert_contains "$(<"$TRACE")" '(INJECTED)'
        kill_server
        assert_eq "$(find "$ROOT" -name '.*')" "" "litter"
    done
}

@test "somebody who keeps the directory locked keeps off only those who have conditions" {
    needs_strace
    look_inside
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$TRACE" -P "$ROOT" -e trace=flock
        -e inject=flock:error=EAGAIN)
    start_http
    cp "$OLD" "$ROOT/other"
    begin a file "$NEW" 'If-Match: *'
    begin b other "$NEW"
    says a halfway
    says b halfway
    tell b
    finish a
    assert_status 503
    assert_field Retry-After 1
    assert_file_eq "$ROOT/file" "$OLD"
    answered b
    assert_status 204
    assert_file_eq "$ROOT/other" "$NEW"
}
