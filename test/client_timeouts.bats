#!/usr/bin/env bats
# Runs on: once
#
# ferry waits for nobody for ever: for a connection no longer than --connect-timeout, for an answer
# or for a byte no longer than --timeout, for its turn no longer than --wait. What is slow but alive
# is let be. Most servers here are scripted (probes/fakeserver.c).

load lib

declare -gA PORTS=() FERRIES=() WORDS=()

# Everything local happens in HERE.
setup() {
    HERE=$BATS_TEST_TMPDIR/here
    mkdir -p "$HERE" "$ROOT"
    cd "$HERE" || return
}

# fake ID STEP...: a scripted server for one client; sets PORTS[ID]. `go ID` ends its `wait`.
fake() {
    local base=$BATS_TEST_TMPDIR/fake.$1
    mkfifo "$base.in"
    "$BIN/test/fakeserver" "${@:2}" <>"$base.in" >"$base.out" 2>"$base.err" 3>&- 4>&- &
    track "$!"
    wait_until "$WAIT_SECONDS" is_up_or_gone "$base.out" "$!"
    [ -s "$base.out" ] || fail "$(<"$base.err")" || return
    PORTS[$1]=$(head -n 1 "$base.out")
}

# is_up_or_gone OUT PID: to wait for
is_up_or_gone() {
    [ -s "$1" ] || ! is_alive "$2"
}

go() {
    echo go on 1<>"$BATS_TEST_TMPDIR/fake.$1.in"
}

# ferry_behind ID ARGUMENT...: ferry in the background, in a directory of its own
ferry_behind() {
    local id=$1
    mkdir -p "$id"
    (cd "$id" && exec "$FERRY" "${@:2}") \
        >"$BATS_TEST_TMPDIR/ferry.$id.out" 2>"$BATS_TEST_TMPDIR/ferry.$id.err" 3>&- 4>&- &
    FERRIES[$id]=$!
    track "$!"
}

# ends ID STATUS REGEX: ferry ends so, and its standard error is one line that matches, or nothing
ends() {
    local status=0 err=$BATS_TEST_TMPDIR/ferry.$1.err
    wait_until 30 is_gone "${FERRIES[$1]}" || fail "$1 still runs"
    wait "${FERRIES[$1]}" || status=$?
    assert_eq "$status" "$2" "exit status of $1, with $(<"$err"),"
    [[ $(<"$err") =~ ^($3)$ ]] ||
        fail "standard error of $1 differs" "  got:  $(<"$err")" "  want: $3"
}

# silent ID WORDS STEP...: a server that takes these steps and then says no more; ferry does as the
# name ID begins, and gives up with these words
silent() {
    local id=$1
    fake "$id" "${@:3}" gone
    WORDS[$id]=$2
    mkdir -p "$id"
    case $id in
    put-large) truncate -s 64M "$id/file" ;;
    put-*) echo content >"$id/file" ;;
    esac
    ferry_behind "$id" -t 2 127.0.0.1 "${PORTS[$id]}" "${id%%-*}" file
}

@test "--timeout ends every wait for an answer or a byte, and says for what, whom and how long" {
    local id from='127\.0\.0\.1 port'
    local size=(send READY expect $'GET file\n' send OK expect READY)
    local bytes=("${size[@]}" size 100000 expect OK)
    local upload=(send READY expect $'PUT file\n' send OK expect-size)
    silent get-ready "no whole READY from @ within 2 s" send REA
    silent get-answer "no answer to GET from @ within 2 s" send READY expect $'GET file\n'
    silent get-size "no size from @ within 2 s" "${size[@]}"
    silent get-half-size "no size from @ within 2 s" "${size[@]}" zeros 3
    silent get-bytes "no byte from @ for [0-9]+ s" "${bytes[@]}"
    silent get-middle "no byte from @ for [0-9]+ s" "${bytes[@]}" bytes 50000
    silent get-done "no DONE from @ within 2 s" "${bytes[@]}" bytes 100000 send DO
    silent put-answer "no answer to PUT from @ within 2 s" send READY expect $'PUT file\n'
    silent put-size "no answer to the size from @ within 2 s" "${upload[@]}" 8
    silent put-done "no DONE from @ within 2 s" "${upload[@]}" 8 send OK skip 8
    silent del-done "no DONE from @ within 2 s" send READY expect $'DEL file\n'
    silent put-large "@ took no byte for [0-9]+ s" "${upload[@]}" 67108864 send OK skip 1000 wait
    for id in "${!WORDS[@]}"; do
        ends "$id" 1 "client error: ${WORDS[$id]/@/$from ${PORTS[$id]}}"
        [[ $id == put-* ]] || assert_eq "$(ls -A "$id")" "" "files of $id"
    done
}

@test "--timeout lets be what is slow but alive" {
    # A disk that takes its time: 8 MiB have 8 s more.
    mkdir stored
    truncate -s 8M stored/file
    fake stored send READY expect $'PUT file\n' send OK expect-size 8388608 send OK \
        skip 8388608 wait send DONE gone
    ferry_behind stored -t 3 127.0.0.1 "${PORTS[stored]}" PUT file
    # A reader of our own who pauses: that is not the server's silence.
    fake paused send READY expect $'GET file\n' send OK expect READY size 1000000 expect OK \
        zeros 1000000 send DONE gone
    mkfifo fifo
    ferry_behind paused -t 3 127.0.0.1 "${PORTS[paused]}" GET file -o ../fifo
    # A byte now and then, for longer than the limit in all.
    fake drip send READY expect $'GET file\n' send OK expect READY size 4 expect OK \
        wait send d wait send a wait send t wait send a send DONE gone
    ferry_behind drip -t 3 127.0.0.1 "${PORTS[drip]}" GET file
    exec 7<fifo
    for _ in 1 2 3 4; do
        sleep 1
        go drip
    done
    go stored
    assert_eq "$(wc -c <&7)" 1000000 "bytes from the FIFO"
    ends drip 0 ""
    ends stored 0 ""
    ends paused 0 ""
    assert_eq "$(cat drip/file)" data "content"
}

@test "--timeout 0 waits as long as it takes" {
    local seen=$BATS_TEST_TMPDIR/seen
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    fake patient send READY expect $'DEL file\n' say asked wait send DONE gone
    ASAN_OPTIONS=detect_leaks=0 strace -qq -o "$seen" -e trace=poll,ppoll \
        "$FERRY" -t 0 127.0.0.1 "${PORTS[patient]}" DEL file 3>&- 4>&- &
    FERRIES[patient]=$!
    track "$!"
    : >"$BATS_TEST_TMPDIR/ferry.patient.err"
    wait_for_line "$BATS_TEST_TMPDIR/fake.patient.out" asked
    go patient
    ends patient 0 ""
    grep -qE 'poll\(.*(, -1\)|, NULL, )' "$seen" || fail "$(<"$seen")"
}

@test "--connect-timeout bounds the wait for a connection, and -w does where it is shorter" {
    local port
    fake full full 127.0.0.1 0
    port=${PORTS[full]}
    ferry_behind limited --connect-timeout 1 127.0.0.1 "$port" GET file
    ferry_behind unlimited -w 1 --connect-timeout 0 127.0.0.1 "$port" GET file
    ferry_behind patient -w 60 --connect-timeout 1 127.0.0.1 "$port" GET file
    ends limited 1 "client error: no connection to 127\.0\.0\.1 port $port within 1 s"
    ends unlimited 1 "client error: no READY from 127\.0\.0\.1 port $port within 1 s"
    ends patient 1 "client error: no connection to 127\.0\.0\.1 port $port within 1 s"
    assert_eq "$(ls -A limited unlimited patient)" $'limited:\n\npatient:\n\nunlimited:' "files here"
}

@test "an address that swallows what is sent to it does not use up the time of the next" {
    local hosts=$BATS_TEST_TMPDIR/hosts first second attempt
    printf '%s twofold\n' 127.0.0.1 127.0.0.2 >"$hosts"
    # shellcheck disable=SC2016 # for the inner shell
    local prefix=(unshare --map-root-user --mount
        bash -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$hosts")
    read -r first second < <("${prefix[@]}" getent ahosts twofold 2>/dev/null |
        awk '/STREAM/ { print $1 }' | paste -s -d ' ')
    [ -n "$second" ] || skip "no name can be given two addresses here"
    echo content >"$ROOT/file"
    # A port that is free at one address may be somebody's at the other.
    for attempt in 1 2 3 4 5; do
        start_server -b "$second"
        # shellcheck disable=SC2153 # start_server's
        ! fake "$attempt" full "$first" "$PORT" || break
        stop_server
    done
    "${prefix[@]}" "$FERRY" --connect-timeout 1 twofold "$PORT" GET file
    assert_file_eq file "$ROOT/file"
}

@test "where no terminal shows the wait for a slot, one line tells of it, unless -q" {
    local from line
    start_server -- 1
    echo content | tee "$ROOT/file" >"$ROOT/other"
    hold one
    held one
    from="127\.0\.0\.1 port $PORT for [1-9][0-9]* s"
    ferry_behind quiet -q -t 1 127.0.0.1 "$PORT" GET file
    ferry_behind patient -t 0 127.0.0.1 "$PORT" GET file
    ferry_behind single -t 1 127.0.0.1 "$PORT" GET file
    ferry_behind jobs -t 1 -j 2 127.0.0.1 "$PORT" GET file other
    wait_for_line "$BATS_TEST_TMPDIR/ferry.single.err" .
    wait_for_line "$BATS_TEST_TMPDIR/ferry.jobs.err" . 2
    release one
    ends quiet 0 ""
    ends patient 0 ""
    ends single 0 "client waiting: no READY from $from"
    line="client waiting: (file|other): no READY from $from"
    ends jobs 0 "$line"$'\n'"$line"
}
