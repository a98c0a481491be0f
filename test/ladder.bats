#!/usr/bin/env bats
# Runs on: once
#
# The four small servers of docs/ladder: each is a complete program that a plain compiler takes, is
# short, serves our client, and shows what docs/ladder/README.md says of it.

load lib

LADDER=$PROJECT/docs/ladder
STEPS=(1-one-after-the-other 2-fork 3-waitpid 4-queue-and-cap)

# step N: the name of that program
step() {
    printf %s "${STEPS[$1 - 1]}"
}

# compiled SOURCE OUTPUT [OPTION...]: with what a student types
compiled() {
    local said
    said=$(cc -Wall -Wextra "${@:3}" "$1" -o "$2" 2>&1) ||
        fail "$1 does not compile:" "$said" || return
    assert_eq "$said" "" "what the compiler says of $1"
}

# start PROGRAM [PORT [MAX]]: serves ROOT with it; sets PORT, SERVER_PID and SERVER_JOB
start() {
    mkdir -p "$ROOT"
    : >"$SERVER_OUT"
    cd "$ROOT" || return
    "$1" "${2:-0}" "${@:3}" >"$SERVER_OUT" 2>"$SERVER_ERR" 3>&- 4>&- &
    SERVER_JOB=$! SERVER_PID=$!
    cd "$OLDPWD" || return
    track "$SERVER_JOB"
    wait_for_line "$SERVER_OUT" '^waiting on port [0-9]+$' || return
    PORT=$(sed 's/.* //' "$SERVER_OUT")
}

# start_step N [MAX]
start_step() {
    start "$BIN/ladder/$(step "$1")" 0 "${@:2}"
}

# start_changed SED N [MAX]: starts that step, changed by this command
start_changed() {
    local source=$BATS_TEST_TMPDIR/changed.c program=$BATS_TEST_TMPDIR/changed
    sed "$1" "$LADDER/$(step "$2").c" >"$source"
    refute cmp -s "$source" "$LADDER/$(step "$2").c" || return
    compiled "$source" "$program" || return
    start "$program" 0 "${@:3}"
}

# sockets_are N [PID]: the server (or PID) has so many open
sockets_are() {
    assert_eq "$(fds_of "${2:-$SERVER_PID}" | grep -c ' socket:')" "$1" "sockets"
}

# is_taken N: that step has said of PORT, in output, that another has it (each libc in its words)
is_taken() {
    [[ $output =~ ^"$(step "$1"): port $PORT: Address "(already )?"in use"$ ]] ||
        fail "it said: $output"
}

zombies_are() {
    [ "$(zombies | wc -l)" -eq "$1" ]
}

# is_kept_waiting: a client that comes now hears nothing for a second
is_kept_waiting() {
    refute "$WIRE" "$PORT" timeout 1000 expect READY 2>/dev/null
}

# fetches NAME: our client gets this file of ROOT
fetches() {
    "$FERRY" -q -o "$BATS_TEST_TMPDIR/copy" 127.0.0.1 "$PORT" GET "$1" &&
        assert_file_eq "$BATS_TEST_TMPDIR/copy" "$ROOT/$1"
}

# each COMMAND...: with the number of each step, in order; says which one failed
each() {
    local n
    for n in 1 2 3 4; do
        "$@" "$n" || fail "step $n: $*" || return
        [ -z "$SERVER_JOB" ] || kill_server || return
        SERVER_JOB=
    done
}

# ---- each of them ----

@test "each is a program that cc -Wall -Wextra compiles without a word" {
    command -v cc >/dev/null || skip "needs a compiler named cc"
    compiles() {
        compiled "$LADDER/$(step "$1").c" "$BATS_TEST_TMPDIR/program" &&
            compiled "$LADDER/$(step "$1").c" "$BATS_TEST_TMPDIR/program" -O2
    }
    each compiles
}

@test "there are four, of 40 to 80 lines each, and libc is all they include" {
    local name lines
    assert_eq "$(cd "$LADDER" && printf '%s\n' *.c)" \
        "$(printf '%s.c\n' "${STEPS[@]}")" "the programs"
    for name in "${STEPS[@]}"; do
        lines=$(wc -l <"$LADDER/$name.c")
        ((lines >= 40 && lines <= 80)) || fail "$name.c has $lines lines"
    done
    assert_eq "$(grep -h '#include "' "$LADDER"/*.c)" "" "headers of our own"
}

@test "each head names the next step, the last one manager.c, and asks a question" {
    local n head
    for n in 1 2 3 4; do
        head=$(sed '/\*\/$/q' "$LADDER/$(step "$n").c")
        assert_contains "$head" "/* $(step "$n").c PORT"
        assert_contains "$head" "?"
        case $n in
        4) assert_contains "$head" "src/manager/manager.c" ;;
        *) assert_contains "$head" "(See $(step $((n + 1))).c.)" ;;
        esac
    done
}

@test "a step changes little: what is not new is the same as in the step before" {
    local n changed
    for n in 1 2 3; do
        changed=$(diff "$LADDER/$(step "$n").c" "$LADDER/$(step $((n + 1))).c" | grep -c '^[<>]')
        ((changed <= 50)) || fail "$changed lines differ between step $n and the next"
    done
    serve() { sed -n '/^static void serve/,/^}/p' "$LADDER/$(step "$1").c"; }
    for n in 2 3 4; do
        assert_eq "$(serve "$n")" "$(serve 1)" "serve() of step $n"
    done
}

@test "each serves our client, byte for byte" {
    mkdir -p "$ROOT"
    : >"$ROOT/empty"
    echo hello >"$ROOT/a name"
    random_file "$ROOT/large" 3000001
    serves() {
        local name
        start_step "$1" || return
        for name in empty "a name" large; do
            fetches "$name" || return
        done
    }
    each serves
}

@test "each serves clients as people write them for the lab" {
    python3 -c pass 2>/dev/null || skip "needs python3"
    mkdir -p "$ROOT" "$BATS_TEST_TMPDIR/here"
    random_file "$ROOT/file" 300001
    serves_labs() {
        local style
        start_step "$1" || return
        cd "$BATS_TEST_TMPDIR/here" || return
        for style in plain chunky newline crlf halfclose; do
            timeout 60 python3 "$PROJECT/test/peers/lab_client.py" "$style" \
                127.0.0.1 "$PORT" GET file &&
                assert_file_eq file "$ROOT/file" && rm file || return
        done
    }
    each serves_labs
}

@test "each refuses what is not there, what is no plain name, and what is no GET" {
    mkdir -p "$ROOT/folder/below"
    mkfifo "$ROOT/fifo"
    echo hidden | tee "$ROOT/.hidden" "$ROOT/folder/file" "$ROOT/../outside" >/dev/null
    refuses() {
        local name
        start_step "$1" || return
        for name in missing folder folder/file .hidden . .. ../outside /etc/passwd fifo; do
            "$WIRE" "$PORT" expect READY send "GET $name\n" \
                expect "ERROR: $name does not exist" eof || return
        done
        "$WIRE" "$PORT" expect READY send "PUT file\n" expect "ERROR: " || return
        "$WIRE" "$PORT" expect READY send "DEL folder\n" expect "ERROR: " || return
        run "$FERRY" -o "$BATS_TEST_TMPDIR/copy" 127.0.0.1 "$PORT" GET missing
        assert_eq "$output" "server error: missing does not exist"
    }
    each refuses
}

@test "each survives clients that leave at any moment" {
    mkdir -p "$ROOT"
    random_file "$ROOT/file" 9000000
    survives() {
        start_step "$1" || return
        "$WIRE" "$PORT" close || return
        "$WIRE" "$PORT" reset || return
        "$WIRE" "$PORT" expect READY send 'GE' close || return
        "$WIRE" "$PORT" expect READY send 'GET file\n' expect OK close || return
        "$WIRE" "$PORT" expect READY send 'GET file\n' expect OK send READY \
            skip 8 send OK skip 99 reset || return
        fetches file
    }
    each survives
}

@test "each says what is wrong with its arguments, or with the port" {
    complains() {
        local program usage="usage: PORT" port
        program=$BIN/ladder/$(step "$1")
        [ "$1" -ne 4 ] || usage="usage: PORT [MAX]"
        for port in x 12x -1 65536 99999999999999999999; do
            run "$program" "$port"
            assert_eq "$status" 2 "exit status with the port $port" || return
            assert_eq "$output" "$(step "$1"): $usage" || return
        done
        run "$program"
        assert_eq "$status" 2 "exit status without a port" || return
        start_step "$1" || return
        run "$program" "$PORT"
        assert_eq "$status" 1 "exit status with a port that is taken" || return
        is_taken "$1"
    }
    each complains
    for max in 0 -1 x; do
        run "$BIN/ladder/$(step 4)" 0 "$max"
        assert_eq "$status" 2 "exit status with the cap $max"
    done
}

@test "each can be started again at once on the same port" {
    mkdir -p "$ROOT"
    echo hello >"$ROOT/file"
    again() {
        start_step "$1" && fetches file && kill_server || return
        start "$BIN/ladder/$(step "$1")" "$PORT" && fetches file
    }
    each again
}

# ---- what the page says of each ----

@test "1: while one client says nothing, the others wait, and are served when it leaves" {
    start_step 1
    hold a
    held a
    is_kept_waiting
    hold b
    refute is_served b
    release a
    held b
    _workers
    assert_eq "${#WORKERS[@]}" 0 children
}

@test "1: a client that waits is connected, and ss shows it in the line for accept" {
    command -v ss >/dev/null || skip "needs ss"
    start_step 1
    hold a
    held a
    hold b
    one_waits() { [ "$(ss -Htln "sport = :$PORT" | awk '{ print $2 }')" -eq 1 ]; }
    wait_until "$WAIT_SECONDS" one_waits
}

@test "2: two clients are served at once, and leave zombies, as ps shows them" {
    start_step 2
    hold a b
    held a b
    workers_are 2
    zombies_are 0
    release a b
    wait_until "$WAIT_SECONDS" zombies_are 2
    hold c
    held c
    zombies_are 2
    wait_until "$WAIT_SECONDS" sockets_are 1
    if command -v ps >/dev/null; then
        assert_eq "$(ps -o stat= --ppid "$SERVER_PID" | cut -c 1 | sort | xargs)" "S Z Z" "states"
    fi
}

@test "2: parent and child close what is the other's business" {
    start_step 2
    hold a
    held a
    sockets_are 1 "$(workers)"
    wait_until "$WAIT_SECONDS" sockets_are 1
}

@test "2: without the parent's close, a client does not see the end, and costs a descriptor" {
    start_changed '/^        close(fd);/d' 2
    "$WIRE" "$PORT" expect READY send 'GET x\n' expect 'ERROR: x does not exist' say answered \
        timeout 600000 eof >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
    track "$!"
    wait_for_line "$BATS_TEST_TMPDIR/out" answered
    wait_until "$WAIT_SECONDS" zombies_are 1
    sockets_are 2
    is_alive "$!"
    kill_server
    wait "$!"
}

@test "2: without the child's close, the port is taken for as long as the child lives" {
    local old
    start_step 2
    hold a
    held a
    kill_server
    start "$BIN/ladder/$(step 2)" "$PORT"
    kill_server
    start_changed '/close(listener);/d' 2
    hold b
    held b
    track "$(workers)"
    kill_server
    run "$BIN/ladder/$(step 2)" "$PORT"
    is_taken 2
    old=$PORT
    release a b
    wait_until "$WAIT_SECONDS" start "$BIN/ladder/$(step 2)" "$old"
}

@test "3: two clients are served at once, and leave nothing" {
    start_step 3
    hold a b
    held a b
    workers_are 2
    release a b
    wait_until "$WAIT_SECONDS" workers_are 0
    sockets_are 1
}

@test "3: the parent that reaps one child does not wait for another" {
    start_step 3
    hold a b
    held a b
    release a
    wait_until "$WAIT_SECONDS" workers_are 1
    hold c
    held c
    workers_are 2
}

@test "3: children that end while the parent is not looking are all reaped" {
    start_step 3
    hold a b c
    held a b c
    kill -STOP "$SERVER_PID"
    # shellcheck disable=SC2046 # numbers
    kill -KILL $(workers)
    wait_until "$WAIT_SECONDS" zombies_are 3
    kill -CONT "$SERVER_PID"
    wait_until "$WAIT_SECONDS" workers_are 0
}

@test "3: a hundred clients make a hundred children; 4: never more than MAX" {
    hundred() {
        for _ in {1..100}; do
            # shellcheck disable=SC2217 # which holds the connection open
            sleep 600 <"/dev/tcp/127.0.0.1/$PORT" 3>&- 4>&- &
            track "$!"
        done
    }
    start_step 3
    hundred
    wait_until 60 workers_are 100
    kill_server
    start_step 4 2
    hundred
    # Those for whom there is a place in the array have been taken in.
    wait_until 60 sockets_are 65
    workers_are 2
}

@test "4: at most MAX at once; the others are served in the order in which they came" {
    start_step 4 2
    hold a b c d
    held a b
    wait_until "$WAIT_SECONDS" sockets_are 3 # the listening one, and those of c and d
    workers_are 2
    release b
    held c
    refute is_served d
    workers_are 2
    release a
    held d
    workers_are 2
    release c d
    wait_until "$WAIT_SECONDS" workers_are 0
    sockets_are 1
}

@test "4: MAX holds while many come and go, and is 5 unless it is given" {
    local clients
    mkdir -p "$ROOT"
    echo hello >"$ROOT/file"
    start_step 4 2
    "$SWARM" -c 8 -n 8 "$PORT" GET file >"$BATS_TEST_TMPDIR/swarm" 3>&- 4>&- &
    clients=$!
    track "$clients"
    while is_alive "$clients"; do
        _workers
        ((${#WORKERS[@]} <= 2)) || fail "${#WORKERS[@]} at once"
        _nap 0.01
    done
    wait "$clients" || fail "$(<"$BATS_TEST_TMPDIR/swarm")"
    kill_server
    start_step 4
    hold a b c d e f
    held a b c d e
    wait_until "$WAIT_SECONDS" sockets_are 2
    workers_are 5
}

@test "4: a child has copies of the connections of those who wait" {
    start_step 4 1
    hold a b c
    held a
    wait_until "$WAIT_SECONDS" sockets_are 3 # the listening one, and those of b and c
    release a
    held b
    sockets_are 2 "$(workers)"
    release b
    held c
    sockets_are 1 "$(workers)"
}

@test "4: a fork that fails takes a slot for good" {
    start_changed 's/if (fork() == 0)/if (-1 == 0)/' 4 1
    "$WIRE" "$PORT" eof
    is_kept_waiting
}

@test "the page still has the commands that these tests follow" {
    local page
    page=$(<"$LADDER/README.md")
    assert_contains "$page" 'make all ladder'
    assert_contains "$page" "cc -Wall -Wextra docs/ladder/2-fork.c"
    assert_contains "$page" "build/ladder/1-one-after-the-other 9000"
    assert_contains "$page" "ss -tln 'sport = :9000'"
    assert_contains "$page" "ps -o pid,stat,args --ppid"
    assert_contains "$page" "build/ladder/4-queue-and-cap 9000 2"
    assert_contains "$page" "kill -STOP \$server; pkill -P \$server"
    assert_contains "$page" "kill -CONT \$server"
}
