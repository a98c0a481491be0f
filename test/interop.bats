#!/usr/bin/env bats
#
# Clients and servers that other people wrote for the course labs work with ours, unchanged: the
# protocol is older than ferry. Theirs, in several styles, are peers/lab_client.py and
# peers/lab_server.py.

load lib

PEERS=$PROJECT/test/peers
OUT=$BATS_TEST_TMPDIR/out
ERR=$BATS_TEST_TMPDIR/err

# Clients run in HERE; servers serve ROOT.
setup() {
    HERE=$BATS_TEST_TMPDIR/here
    mkdir -p "$HERE" "$ROOT"
    cd "$HERE" || return
    python3 -c pass 2>/dev/null || skip "python3, in which the other people's programs are, is missing"
}

# lab_client STYLE VERB NAME...: sets STATUS; what it prints is in ERR
lab_client() {
    local style=$1
    shift
    STATUS=0
    timeout 60 python3 "$PEERS/lab_client.py" "$style" 127.0.0.1 "$PORT" "$@" 2>"$ERR" || STATUS=$?
}

# A client of this style gets, puts and deletes files of no, of few and of many bytes.
lab_client_works() {
    local style=$1 name
    start_server
    for name in empty small large; do
        random_file "$ROOT/get-$name" "$(size_of "$name")"
        random_file "put-$name" "$(size_of "$name")"
        echo "in the way" >"$ROOT/put-$name"
    done
    cp "$ROOT/get-small" "$ROOT/to-delete"
    lab_client "$style" GET get-empty GET get-small GET get-large \
        PUT put-small PUT put-large DEL to-delete
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    # No turn parts OK from DONE when a file has no bytes: who takes one recv for one message does
    # not get so far with any server.
    case $style in
    chunky | ahead) lab_client "$style" PUT put-empty ;;
    *) : >"$ROOT/put-empty" ;;
    esac
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    for name in empty small large; do
        assert_file_eq "get-$name" "$ROOT/get-$name"
        wait_until "$WAIT_SECONDS" cmp "$ROOT/put-$name" "put-$name"
    done
    wait_until "$WAIT_SECONDS" test ! -e "$ROOT/to-delete"
    assert_eq "$(find "$ROOT" -type f | wc -l)" 6 "files on the server"
}

size_of() {
    case $1 in
    empty) echo 0 ;;
    small) echo 5 ;;
    large) echo 300001 ;;
    esac
}

# lab_client_is_refused STYLE [ANSWER]: what is not there is refused, in the protocol's words (or,
# to DEL, with ANSWER), and the next request is served.
lab_client_is_refused() {
    local style=$1
    echo content >here
    lab_client "$style" GET missing
    assert_eq "$STATUS" 1 "exit status of GET"
    assert_contains "$(<"$ERR")" "ERROR: missing does not exist"
    lab_client "$style" DEL missing PUT here
    assert_contains "$(<"$ERR")" "${2-ERROR: missing does not exist}"
    wait_until "$WAIT_SECONDS" cmp "$ROOT/here" here
}

# lab_server STYLE [MAX]: serves ROOT; sets PORT
lab_server() {
    (cd "$ROOT" && exec python3 "$PEERS/lab_server.py" "$1" 0 "${@:2}") \
        >"$OUT.server" 2>"$ERR.server" 3>&- 4>&- &
    track "$!"
    wait_for_line "$OUT.server" '^[0-9]+$' || fail "$(<"$ERR.server")"
    PORT=$(<"$OUT.server")
}

# ferry ARGUMENT...: sets STATUS; what it prints is in OUT and in ERR
ferry() {
    STATUS=0
    timeout 60 "$FERRY" "$@" >"$OUT" 2>"$ERR" || STATUS=$?
}

# ferry_works [OPTION]...: GET, PUT and DEL, and what is refused, with the server at PORT
ferry_works() {
    local name
    for name in empty small large; do
        random_file "$ROOT/get-$name" "$(size_of "$name")"
        random_file "put-$name" "$(size_of "$name")"
    done
    ferry "$@" 127.0.0.1 "$PORT" GET get-empty get-small get-large
    assert_eq "$STATUS" 0 "$(cat "$ERR" "$ERR.server")"
    ferry "$@" 127.0.0.1 "$PORT" PUT put-empty put-small put-large
    assert_eq "$STATUS" 0 "$(cat "$ERR" "$ERR.server")"
    assert_eq "$(<"$OUT")" "$(printf 'client sending file put-%s bytes)\nComplete\n' \
        'empty (0' 'small (5' 'large (300001')" "standard output"
    for name in empty small large; do
        assert_file_eq "get-$name" "$ROOT/get-$name"
        assert_file_eq "$ROOT/put-$name" "put-$name"
    done
    ferry "$@" 127.0.0.1 "$PORT" DEL get-small put-large
    assert_eq "$STATUS" 0 "$(cat "$ERR" "$ERR.server")"
    assert_eq "$(find "$ROOT" -type f | wc -l)" 4 "files on the server"
    ferry "$@" 127.0.0.1 "$PORT" GET get-small
    assert_eq "$STATUS" 1 "exit status"
    assert_eq "$(<"$ERR")" "server error: get-small does not exist" "standard error"
}

# ---- their clients, our server ----

@test "a client that sends no line ends and takes one recv for one message is served" {
    lab_client_works plain
    lab_client_is_refused plain
}

@test "a client that reads exact lengths and sends the file in small pieces is served" {
    lab_client_works chunky
    lab_client_is_refused chunky
}

@test "a client that ends every text with LF is served" {
    lab_client_works newline
    lab_client_is_refused newline
}

@test "a client that ends every text with CR LF is served" {
    lab_client_works crlf
    lab_client_is_refused crlf
}

@test "a client that says everything at once and listens afterwards is served" {
    lab_client_works ahead
    lab_client_is_refused ahead
}

@test "a client that closes at the last byte and never reads DONE is served" {
    lab_client_works hasty
    # Of a DEL's answer it reads nothing, so it knows of no failure.
    lab_client_is_refused hasty ""
}

@test "a client that half-closes after its last word is served" {
    lab_client_works halfclose
    lab_client_is_refused halfclose
}

@test "their clients wait in line like ours" {
    local style pids=() pid
    start_server -v -- 1
    random_file "$ROOT/file" 10000
    hold first
    held first
    for style in plain chunky ahead halfclose; do
        mkdir "$style"
        (cd "$style" && exec python3 "$PEERS/lab_client.py" "$style" 127.0.0.1 "$PORT" GET file) \
            3>&- 4>&- &
        pids+=("$!")
        track "$!"
    done
    wait_for_line "$SERVER_OUT" '^server connected to client' 5
    release first
    for pid in "${pids[@]}"; do
        wait_until 60 is_gone "$pid"
        wait "$pid"
    done
    for style in plain chunky ahead halfclose; do
        assert_file_eq "$style/file" "$ROOT/file"
    done
}

# ---- our client, their servers ----

@test "ferry works with a server that splits the request at white space" {
    lab_server split
    ferry_works
}

@test "ferry --bare works with a server that takes a line end for a part of the name" {
    lab_server raw
    echo content >"$ROOT/x"
    ferry 127.0.0.1 "$PORT" GET x
    assert_eq "$STATUS" 1 "exit status without --bare"
    assert_eq "$(<"$ERR")" 'server error: x\x0a does not exist' "standard error"
    rm "$ROOT/x"
    ferry_works --bare
}

@test "ferry works with lab 4's server and its queue" {
    local i
    lab_server lab4 2
    for i in 1 2 3 4; do
        random_file "$ROOT/$i" "${i}0000"
    done
    ferry -j 4 127.0.0.1 "$PORT" GET 1 2 3 4
    assert_eq "$STATUS" 0 "$(cat "$ERR" "$ERR.server")"
    assert_eq "$(tree_sum .)" "$(tree_sum "$ROOT")" "the directory"
    ferry -j 4 127.0.0.1 "$PORT" DEL 1 2 3 4
    assert_eq "$STATUS" 0 "$(cat "$ERR" "$ERR.server")"
    assert_eq "$(ls -A "$ROOT")" "" "files on the server"
}
