# http_write.bash - shared by the tests of requests that change something.
#
# Used by: .bats files, with `load http_write` after `load lib` and `load http`.
# Needs:   what these need; strace(1) for steps_of
# Reads:   OLD, NEW   two files of different contents, which a_tree makes
# Returns: as lib.bash's helpers. STATUS, FIELD and BODY as http.bash has them; TAG and STEPS as told
#          below.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # lib.bash reads what is set here, and http.bash sets the rest

load steps

OLD=$BATS_TEST_TMPDIR/old
NEW=$BATS_TEST_TMPDIR/new
TRACE=$BATS_TEST_TMPDIR/trace
LEDGER=$BATS_TEST_TMPDIR/ledger
TAG=   # an entity tag
STEPS= # what a worker did, in words

# a_tree: OLD and NEW, and under the root a directory, dir, and OLD as file
a_tree() {
    mkdir -p "$ROOT/dir"
    random_file "$OLD" 100000
    random_file "$NEW" 3000000 # large enough for every way that bytes may take to the file
    cp "$OLD" "$ROOT/file"
}

# ---- requests ----

# put NAME FILE [FIELD...]: uploads FILE under this name
put() {
    request PUT "/$1" "Content-Length: $(stat -c %s "$2")" "${@:3}" -- sendfile "$2"
}

# put_chunks NAME FILE [FIELD...]: the same with a FILE that is in chunks already
put_chunks() {
    request PUT "/$1" 'Transfer-Encoding: chunked' "${@:3}" -- sendfile "$2"
}

# chunks FILE SIZE [EXTENSION]: FILE in chunks of SIZE bytes
chunks() {
    local left size
    left=$(stat -c %s "$1")
    while ((left > 0)); do
        size=$((left < $2 ? left : $2))
        printf '%X%s\r\n' "$size" "${3:-}"
        head -c "$size" <&5
        printf '\r\n'
        left=$((left - size))
    done 5<"$1"
    printf '0\r\n\r\n'
}

# tag_of NAME: sets TAG to the entity tag that it has now
tag_of() {
    request HEAD "/$1" || return
    assert_status 200 || return
    TAG=${FIELD[etag]}
}

# nothing_changed BEFORE: the root is as it was in BEFORE
nothing_changed() {
    assert_eq "$(tree_sum "$ROOT")" "$1" "the tree" || fail "$(ls -lAR "$ROOT")"
}

# refused STATUS NAME [FIELD...]: the answer comes in place of 100 Continue, with one line of text
refused() {
    local length='Content-Length: 5'
    [[ " ${*:3}" != *\ Content-Length:* ]] || length='X: x'
    request PUT "/$2" 'Expect: 100-continue' "$length" "${@:3}" || fail "PUT $*" || return
    assert_status "$1" || fail "PUT $*" || return
    assert_eq "$(wc -l <"$BODY")" 1 "lines of text"
}

# ---- several at once ----

# begin ID NAME FILE [FIELD...]: a PUT in the background that stops before its last byte. `finish`
# lets it go on, and reads the answer.
begin() {
    local size answer=$BATS_TEST_TMPDIR/answer.$1
    size=$(stat -c %s "$3")
    head -c -1 "$3" >"$BATS_TEST_TMPDIR/head.$1"
    tail -c 1 "$3" >"$BATS_TEST_TMPDIR/tail.$1"
    local field fields=
    for field in "${@:4}"; do
        fields+="$field\\r\\n"
    done
    PORT=$HTTP_PORT client "$1" timeout 60000 \
        send "PUT /$2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: $size\r\n$fields\r\n" \
        sendfile "$BATS_TEST_TMPDIR/head.$1" say halfway wait \
        sendfile "$BATS_TEST_TMPDIR/tail.$1" save-until '\r\n\r\n' "$answer" save-rest /dev/null
}

# begin_lab ID NAME FILE: the same by the lab's protocol
begin_lab() {
    head -c -1 "$3" >"$BATS_TEST_TMPDIR/head.$1"
    tail -c 1 "$3" >"$BATS_TEST_TMPDIR/tail.$1"
    client "$1" timeout 60000 measure "$3" expect READY send "PUT $2\n" expect OK size @ expect OK \
        sendfile "$BATS_TEST_TMPDIR/head.$1" say halfway wait \
        sendfile "$BATS_TEST_TMPDIR/tail.$1" expect DONE eof
}

# finish ID: sets STATUS
finish() {
    tell "$1"
    answered "$1"
}

answered() {
    succeeds "$1" || return
    _read_head "$BATS_TEST_TMPDIR/answer.$1"
}

# ---- what a worker does, one call after the other ----

# steps_of COMMAND...: sets STEPS to what the server's worker did for that request, in the words of
# steps_in, in order
steps_of() {
    local log
    rm -f "$TRACE".*
    "$@" || return
    wait_until "$WAIT_SECONDS" workers_are 0 || return
    log=$(grep -lE 'sendto\(.*"HTTP/1.1 [2-5]' "$TRACE".*) || fail "no worker answered" || return
    STEPS=$(steps_in "$log")
}

# start_traced [-e STRACE-EXPRESSION] [OPTION...]
start_traced() {
    local options=()
    needs_strace
    look_inside
    if [ "${1:-}" = -e ]; then
        options=(-e "$2")
        shift 2
    fi
    trace_steps "$TRACE" "${options[@]}"
    start_http "$@"
}
