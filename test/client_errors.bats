#!/usr/bin/env bats
# Runs on: once
#
# Whatever goes wrong, ferry says so in one line, exits 1, and leaves the local files as they were:
# a server that refuses, dies, lies or speaks something else, a local file or directory that is not
# what it should be, a full disk, a signal. Most servers here are scripted (probes/fakeserver.c).

# What ferry.bash sets, and what it reads:
# shellcheck disable=SC2034,SC2153

load ferry

# What a scripted server says and hears before a GET's size, and before its bytes.
BEFORE_SIZE=(send READY expect $'GET file\n' send OK expect READY)
BEFORE_BYTES=("${BEFORE_SIZE[@]}" size 100000 expect OK)

# The same for a PUT of LARGE bytes, more than any socket buffer holds.
LARGE=67108864
BEFORE_UPLOAD=(send READY expect $'PUT file\n' send OK expect-size "$LARGE" send OK)

GONE='client error: (127\.0\.0\.1 port [0-9]+ closed the connection|connection to .* lost: .*'
GONE+='|cannot connect to .*: Connection reset by peer)' # a reset may be as quick as that
STRANGER='client error: 127\.0\.0\.1 port [0-9]+ does not speak this protocol'

ferry_unprivileged() {
    STATUS=0
    unprivileged "$FERRY" "$@" >"$OUT" 2>"$ERR" || STATUS=$?
}

# fails REGEX: status 1, no "Complete", and one line on standard error, which matches
fails() {
    local lines
    mapfile -t lines <"$ERR"
    assert_eq "$STATUS" 1 "exit status"
    assert_eq "${#lines[@]}" 1 "number of lines, with $(<"$ERR"),"
    [[ ${lines[0]} =~ ^($1)$ ]] ||
        fail "standard error differs" "  got:  ${lines[0]}" "  want: $1"
    if grep -q '^Complete' "$OUT"; then
        fail "standard output says Complete"
    fi
}

# Everything there is to know of the files here: that none was touched, and that there is no other.
state() {
    find . -mindepth 1 -printf '%p %y %m %i %s %T@\n' -type f -exec cat {} +
}

# Afterwards, the client that comes now is the first that the scripted server sees.
watch_for_connections() {
    fake send first
}

nobody_connected() {
    "$WIRE" "$PORT" expect first eof
    fake_is_content
}

# get_fails REGEX STEP...: with a server that takes these steps, GET fails as REGEX says; the local
# file is as it was (or still not there, where OLD is empty), and there is no litter
get_fails() {
    local regex=$1 before
    shift
    rm -f file
    [ -z "$OLD" ] || install -m 640 /dev/stdin file <<<"$OLD"
    before=$(state)
    fake "$@"
    ferry 127.0.0.1 "$PORT" GET file
    fails "$regex"
    assert_eq "$(state)" "$before" "the directory"
    fake_is_content
}
OLD="the old content"

# put_fails REGEX STEP...: PUT of "file" fails as REGEX says
put_fails() {
    local regex=$1
    shift
    [ -e file ] || truncate -s "$LARGE" file
    fake "$@"
    ferry 127.0.0.1 "$PORT" PUT file
    fails "$regex"
    fake_is_content
}

# ---- GET from a server that fails ----

@test "GET: a refusal is passed on, and the old file stays" {
    get_fails 'server error: file does not exist' \
        send READY expect $'GET file\n' send "ERROR: file does not exist" shut gone
}

@test "GET: an ERROR may take the place of READY, of the size and of DONE" {
    get_fails 'server error: no room' send "ERROR: no room" shut gone
    get_fails 'server error: it went away' "${BEFORE_SIZE[@]}" send "ERROR: it went away" shut gone
    get_fails 'server error: read error' \
        "${BEFORE_BYTES[@]}" zeros 100000 send "ERROR: read error" shut gone
}

@test "GET: a server that closes or resets at any step leaves the old file" {
    local end
    for end in close reset; do
        get_fails "$GONE" "$end"
        get_fails "$GONE" send READY expect $'GET file\n' "$end"
        get_fails "$GONE" "${BEFORE_SIZE[@]}" "$end"
        get_fails "$GONE" "${BEFORE_SIZE[@]}" zeros 3 "$end"
        get_fails "$GONE" "${BEFORE_BYTES[@]}" "$end"
        get_fails "$GONE" "${BEFORE_BYTES[@]}" zeros 50000 "$end"
        get_fails "$GONE" "${BEFORE_BYTES[@]}" zeros 100000 "$end"
        get_fails "$GONE" "${BEFORE_BYTES[@]}" zeros 100000 send DON "$end"
    done
}

@test "GET: a failure leaves nothing where nothing was" {
    OLD=
    get_fails 'server error: file does not exist' \
        send READY expect $'GET file\n' send "ERROR: file does not exist" shut gone
    get_fails "$GONE" close
    get_fails "$GONE" "${BEFORE_SIZE[@]}" close
    get_fails "$GONE" "${BEFORE_BYTES[@]}" bytes 50000 reset
    get_fails "$GONE" "${BEFORE_BYTES[@]}" bytes 100000 close
    get_fails "$STRANGER" "${BEFORE_BYTES[@]}" bytes 100001 send DONE shut gone
}

@test "GET: fewer bytes than announced are no file, though DONE follows them" {
    get_fails "$GONE" "${BEFORE_BYTES[@]}" bytes 99990 send DONE close
    get_fails "$GONE" "${BEFORE_BYTES[@]}" bytes 99996 send DONE shut gone
    get_fails "$STRANGER" "${BEFORE_BYTES[@]}" bytes 99998 send DONE shut gone
}

@test "GET: more bytes than announced are no file, whatever they are" {
    get_fails "$STRANGER" "${BEFORE_BYTES[@]}" zeros 100001 send DONE gone
    get_fails "$STRANGER" "${BEFORE_BYTES[@]}" zeros 100000 send "Done" shut gone
    get_fails "$STRANGER" "${BEFORE_BYTES[@]}" zeros 100000 send "DOES NOT END" shut gone
    get_fails "$STRANGER" "${BEFORE_BYTES[@]}" zeros 100000 send "ERRATA" shut gone
}

@test "GET: a size that no file can have is refused" {
    get_fails 'client error: .*size.*' "${BEFORE_SIZE[@]}" size 18446744073709551615 gone
    get_fails 'client error: .*size.*' "${BEFORE_SIZE[@]}" size 9223372036854775808 gone
}

@test "GET: a size that no disk has room for is refused before the bytes come" {
    get_fails 'client error: unable to create file file: .*' \
        "${BEFORE_SIZE[@]}" size 4611686018427387904 gone
}

@test "a server of another protocol is told from ours" {
    local banner
    for banner in $'HTTP/1.1 400 Bad Request\r\n\r\n' $'SSH-2.0-OpenSSH_9.2p1\r\n' \
        $'220 mail.example.org ESMTP\r\n' $'RFB 003.008\n' $'ERR unknown command\r\n' \
        $'Ready.\n' READING $'\x16\x03\x01'; do
        get_fails "$STRANGER" send "$banner" shut gone
    done
}

@test "a server of another protocol that waits for us to speak is not waited for" {
    get_fails "$STRANGER" send $'SSH-2.0-OpenSSH_9.2p1\r\n' gone
}

@test "PUT and DEL too tell a server of another protocol from ours" {
    echo content >file
    put_fails "$STRANGER" send $'SSH-2.0-OpenSSH_9.2p1\r\n' shut gone
    put_fails "$STRANGER" send READY expect $'PUT file\n' send Okay shut gone
    put_fails "$STRANGER" send READY expect $'PUT file\n' send OK expect-size 8 send NO shut gone
    fake send READY expect $'DEL file\n' send DELETED shut gone
    ferry 127.0.0.1 "$PORT" DEL file
    fails "$STRANGER"
    fake_is_content
}

@test "DEL: a refusal and a server that goes away are told" {
    fake send READY expect $'DEL file\n' send "ERROR: unable to delete file" shut gone
    ferry 127.0.0.1 "$PORT" DEL file
    fails 'server error: unable to delete file'
    fake_is_content
    fake send READY expect $'DEL file\n' close
    ferry 127.0.0.1 "$PORT" DEL file
    fails "$GONE"
    fake_is_content
}

@test "the real server's refusals arrive as it says them" {
    local name
    start_server
    ferry 127.0.0.1 "$PORT" GET missing
    fails 'server error: missing does not exist'
    ferry 127.0.0.1 "$PORT" DEL missing
    fails 'server error: missing does not exist'
    echo content >file
    ferry 127.0.0.1 "$PORT" PUT file -o no/such/place
    fails 'server error: unable to create file no/such/place'
    assert_eq "$(ls -A)" file "files here"
}

# ---- what the server says ----

@test "control bytes in what the server says are escaped, and its line ends dropped" {
    fake send READY expect $'DEL x\n' send $'ERROR: a\e[2Jb\nclient error: c\xc2\x9bd\xffe\r\n' shut gone
    ferry 127.0.0.1 "$PORT" DEL x
    fails 'server error: a\\x1b\[2Jb\\x0aclient error: c\\xc2\\x9bd\\xffe'
    fake_is_content
}

@test "an ERROR that comes in pieces is put together" {
    fake send READY expect $'DEL x\n' send ER send "ROR: one " send "two" shut gone
    ferry 127.0.0.1 "$PORT" DEL x
    fails 'server error: one two'
    fake_is_content
}

@test "an ERROR is told though the server keeps the connection open" {
    fake send READY expect $'DEL x\n' send "ERROR: stubborn" gone
    ferry 127.0.0.1 "$PORT" DEL x
    fails 'server error: stubborn'
    fake_is_content
}

@test "an ERROR without end is still one line" {
    fake send READY expect $'DEL x\n' send "ERROR: $(printf '%05000d' 0)" drain
    ferry 127.0.0.1 "$PORT" DEL x
    fails 'server error: 0+'
    fake_is_content
}

# ---- PUT to a server that fails ----

@test "PUT: a refusal of the name and a refusal of the size are passed on" {
    echo content >file
    put_fails 'server error: unable to create file file' \
        send READY expect $'PUT file\n' send "ERROR: unable to create file file" shut gone
    put_fails 'server error: too large' \
        send READY expect $'PUT file\n' send OK expect-size 8 send "ERROR: too large" shut gone
    put_fails 'server error: unable to create file file' \
        send READY expect $'PUT file\n' send OK expect-size 8 send OK expect $'content\n' \
        send "ERROR: unable to create file file" shut gone
}

@test "PUT: an early ERROR is told, not lost in the reset that follows it" {
    local end
    for end in close reset; do
        put_fails 'server error: disk full' \
            "${BEFORE_UPLOAD[@]}" skip 100000 send "ERROR: disk full" "$end"
        put_fails 'server error: disk full' "${BEFORE_UPLOAD[@]}" send "ERROR: disk full" "$end"
    done
    put_fails 'server error: disk full' \
        "${BEFORE_UPLOAD[@]}" skip 100000 send "ERROR: disk full" shut drain
}

@test "PUT: an early ERROR ends the upload though the server reads no further" {
    truncate -s "$LARGE" file
    fake "${BEFORE_UPLOAD[@]}" skip 1000 send "ERROR: enough" wait
    ferry 127.0.0.1 "$PORT" PUT file
    fails 'server error: enough'
}

@test "PUT: an ERROR that comes in one piece with the second OK is told, not waited behind" {
    truncate -s "$LARGE" file
    fake "${BEFORE_UPLOAD[@]:0:6}" send "OKERROR: enough" wait
    ferry 127.0.0.1 "$PORT" PUT file
    fails 'server error: enough'
}

@test "PUT: what else a server says before it has the file is told in its own words" {
    local end said='client error: 127\.0\.0\.1 port [0-9]+ said'
    for end in drain close reset; do
        put_fails "$said \"DONE\" before its turn" \
            "${BEFORE_UPLOAD[@]}" skip 1000 send DONE "$end"
    done
    put_fails "$said \"DONE\" before its turn" "${BEFORE_UPLOAD[@]:0:6}" send OKDONE drain
    put_fails "$said \"no \\\\x1bway\\\\x0a\" before its turn" \
        "${BEFORE_UPLOAD[@]}" skip 1000 send $'no \eway\n' drain
    put_fails "$said \"x{60}\.\.\.\" before its turn" "${BEFORE_UPLOAD[@]}" bytes 1000 drain
}

@test "PUT: a server that closes or resets at any step is told" {
    local end
    for end in close reset; do
        put_fails "$GONE" send READY expect $'PUT file\n' "$end"
        put_fails "$GONE" send READY expect $'PUT file\n' send OK expect-size "$LARGE" "$end"
        put_fails "$GONE" "${BEFORE_UPLOAD[@]}" "$end"
        put_fails "$GONE" "${BEFORE_UPLOAD[@]}" skip 1000000 "$end"
        put_fails "$GONE" "${BEFORE_UPLOAD[@]}" skip "$LARGE" "$end"
    done
}

@test "PUT: the real server's disk is full: its ERROR is told, in whatever step it comes" {
    head -c 8000000 /dev/zero | tr '\0' x >file
    # shellcheck disable=SC2016 # for the inner shell
    SERVER_PREFIX=(bash -c 'ulimit -f 2000; exec "$@"' limited)
    start_server
    ferry 127.0.0.1 "$PORT" PUT file
    fails 'server error: unable to create file file'
    stop_server

    # A disk that fills up later: the space that was set aside is not there.
    needs_strace
    # shellcheck disable=SC2016,SC2034 # for the inner shell; for start_server
    SERVER_PREFIX=(strace -f -qq -o /dev/null -e trace=fallocate -e "inject=fallocate:retval=0"
        bash -c 'ulimit -f 2000; exec "$@"' limited)
    start_server -v
    ferry 127.0.0.1 "$PORT" PUT file
    fails 'server error: unable to create file file'
    wait_for_line "$SERVER_OUT" '^server receiving 8000000 bytes$'
    assert_eq "$(ls -A "$ROOT")" "" "files of the server"
}

@test "PUT: a file that becomes shorter while it is sent is no success" {
    truncate -s "$LARGE" file
    fake "${BEFORE_UPLOAD[@]}" skip 100000 say flowing wait drain
    ferry_behind 127.0.0.1 "$PORT" PUT file
    wait_for_line "$FAKE.out" flowing
    truncate -s 1000 file
    echo go on 1<>"$FAKE.in"
    client_ends
    fails 'client error: file became shorter while it was sent'
    fake_is_content
}

# ---- what can be known without a server ----

@test "GET into a directory that is not there, or onto one, is told without connecting" {
    local output reason
    mkdir -p directory/x
    echo content >plain
    while read -r output reason; do
        # The same words from another libc.
        [ "${LIBC:-}" != musl ] || reason=${reason/File name/Filename}
        watch_for_connections
        ferry 127.0.0.1 "$PORT" GET x -o "$output"
        [ "$output" != directory/ ] || output=directory/x
        [ "$output" != missing/ ] || output=missing/x
        fails "client error: unable to create file $output: $reason"
        nobody_connected
    done <<END
missing/x No such file or directory
missing/ No such file or directory
directory/ Is a directory
plain/x Not a directory
$(printf '%0256d' 0) File name too long
END
    assert_eq "$(ls -AR)" "$(printf '%s\n' .: directory plain "" ./directory: x "" ./directory/x:)" \
        "files here"
}

@test "GET of a name that leaves no local name is told without connecting" {
    local name
    for name in sub/.. . sub/; do
        watch_for_connections
        ferry 127.0.0.1 "$PORT" GET "$name"
        fails 'client error: unable to create file (\.\.|\.|sub/): (Is a|No such file or) directory'
        nobody_connected
    done
    watch_for_connections
    ferry 127.0.0.1 "$PORT" GET x -o ""
    fails 'client error: unable to create file .*'
    nobody_connected
    assert_eq "$(ls -A)" "" "files here"
}

@test "GET into a directory that may not be written is told without connecting" {
    mkdir locked
    make_readable "$HERE/locked"
    chmod 555 locked
    cd locked
    watch_for_connections
    ferry_unprivileged 127.0.0.1 "$PORT" GET x
    fails 'client error: unable to create file x: Permission denied'
    nobody_connected
}

@test "PUT of what is not there is told without connecting" {
    local path
    echo content >plain
    for path in missing missing/x plain/x; do
        watch_for_connections
        ferry 127.0.0.1 "$PORT" PUT "$path"
        fails "client error: $path does not exist"
        nobody_connected
    done
}

@test "PUT of what is no regular file is told without connecting" {
    local path
    mkdir directory
    mkfifo fifo
    for path in directory fifo /dev/null; do
        watch_for_connections
        ferry 127.0.0.1 "$PORT" PUT "$path"
        fails "client error: $path is not a regular file"
        nobody_connected
    done
}

@test "PUT of a file that may not be read is told without connecting" {
    echo secret >secret
    make_readable "$HERE"
    chmod 000 secret
    watch_for_connections
    ferry_unprivileged 127.0.0.1 "$PORT" PUT secret
    fails 'client error: cannot read secret: Permission denied'
    nobody_connected
}

# ---- reaching the server ----

@test "nobody listens there: told, for each verb" {
    local verb before
    echo content >file
    before=$(state)
    for verb in GET PUT DEL; do
        ferry 127.0.0.1 1 "$verb" file
        fails 'client error: cannot connect to 127\.0\.0\.1 port 1: Connection refused'
        assert_eq "$(<"$OUT")" "" "standard output"
    done
    assert_eq "$(state)" "$before" "the directory"
}

@test "an unknown host is told" {
    RES_OPTIONS="timeout:1 attempts:1" ferry nowhere.invalid 9000 GET file
    fails 'client error: no address for nowhere\.invalid: .*'
    assert_eq "$(ls -A)" "" "files here"
}

@test "-w gives up when READY does not come in time, and the old file stays" {
    local before began
    echo old >file
    before=$(state)
    fake gone
    began=$(now_ms)
    ferry -w 1 127.0.0.1 "$PORT" GET file
    fails 'client error: no READY from 127\.0\.0\.1 port [0-9]+ within 1 s'
    [ $(($(now_ms) - began)) -ge 1000 ]
    assert_eq "$(state)" "$before" "the directory"
    fake_is_content
}

@test "-w gives up when half of READY comes in time" {
    fake send REA gone
    ferry -w 1 127.0.0.1 "$PORT" GET file
    fails 'client error: no READY from 127\.0\.0\.1 port [0-9]+ within 1 s'
    fake_is_content
}

@test "-w gives up in the queue of a server whose slots are taken" {
    start_server -- 1
    echo content >"$ROOT/file"
    hold one
    held one
    ferry --wait=1 127.0.0.1 "$PORT" GET file
    fails 'client error: no READY from 127\.0\.0\.1 port [0-9]+ within 1 s'
    assert_eq "$(ls -A)" "" "files here"
}

@test "-w is about READY alone: what comes after it may take longer" {
    fake send READY expect $'GET file\n' say asked wait send OK expect READY size 4 expect OK \
        send data send DONE gone
    ferry_behind -w 1 127.0.0.1 "$PORT" GET file
    wait_for_line "$FAKE.out" asked
    sleep 1.2 # longer than -w says
    echo go on 1<>"$FAKE.in"
    client_ends
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    assert_eq "$(cat file)" data "content"
}

# ---- the local disk ----

@test "GET: a full disk is told before the bytes come" {
    needs_strace
    PREFIX=(strace -f -qq -o /dev/null -e trace=fallocate -e "inject=fallocate:error=ENOSPC")
    get_fails 'client error: unable to create file file: No space left on device' \
        "${BEFORE_BYTES[@]:0:10}" gone
}

@test "GET: a disk that fills up in the middle is told" {
    needs_strace
    PREFIX=(strace -f -qq -o /dev/null -e trace=pwrite64 -e "inject=pwrite64:error=ENOSPC")
    # It leaves as soon as it knows, so no more is sent than it needs for that.
    get_fails 'client error: cannot write file: No space left on device' \
        "${BEFORE_BYTES[@]}" bytes 1000 gone
}

@test "GET: a write that fails in the middle of a large file is told" {
    local before
    needs_strace
    echo old >file
    before=$(state)
    # shellcheck disable=SC2016 # for the inner shell
    PREFIX=(strace -f -qq -o /dev/null -e trace=fallocate -e "inject=fallocate:retval=0"
        bash -c 'ulimit -f 2000; exec "$@"' limited)
    fake "${BEFORE_SIZE[@]}" size 8000000 expect OK bytes 8000000 drain
    ferry 127.0.0.1 "$PORT" GET file
    fails 'client error: cannot write file: File too large'
    assert_eq "$(state)" "$before" "the directory"
}

@test "GET: a file that cannot be given its name is told" {
    needs_strace
    PREFIX=(strace -f -qq -o /dev/null -e trace=linkat -e "inject=linkat:error=ENOSPC")
    get_fails 'client error: unable to create file file: No space left on device' \
        "${BEFORE_BYTES[@]}" bytes 100000 send DONE drain
}

@test "GET: a file larger than the limit on files is told, and does not kill ferry" {
    # shellcheck disable=SC2016 # for the inner shell
    PREFIX=(bash -c 'ulimit -f 50; exec "$@"' limited)
    get_fails 'client error: unable to create file file: File too large' \
        "${BEFORE_BYTES[@]:0:10}" gone
}

@test "GET: a device that takes no more is told" {
    fake "${BEFORE_SIZE[@]}" size 4 expect OK send data send DONE drain
    ferry 127.0.0.1 "$PORT" GET file -o /dev/full
    fails 'client error: cannot write /dev/full: No space left on device'
    [ -c /dev/full ]
}

@test "GET: a reader of -o - that goes away is told, and does not kill ferry" {
    fake "${BEFORE_SIZE[@]}" size 1000000 expect OK zeros 1000000 send DONE drain
    { "$FERRY" 127.0.0.1 "$PORT" GET file -o - 2>"$ERR" || echo "$?" >status; } |
        head -c 1 >"$OUT"
    assert_eq "$(cat status)" 1 "exit status"
    assert_eq "$(tail -n 1 "$ERR")" "client error: cannot write -: Broken pipe" "the last line"
}

# ---- standard output ----

# prints_to FILE ARGUMENT...: ferry with FILE for standard output; sets STATUS
prints_to() {
    STATUS=0
    : >"$OUT"
    if [ "$1" = closed ]; then
        "$FERRY" "${@:2}" >&- 2>"$ERR" || STATUS=$?
    else
        "$FERRY" "${@:2}" >"$1" 2>"$ERR" || STATUS=$?
    fi
}

@test "a line that cannot be written is told once, and the exit status is 1, though all else went well" {
    local option words='client error: cannot write to standard output: No space left on device'
    start_server
    echo 1 >"$ROOT/a"
    echo 2 >"$ROOT/b"
    prints_to /dev/full 127.0.0.1 "$PORT" GET a b
    fails "$words"
    assert_file_eq a "$ROOT/a"
    assert_file_eq b "$ROOT/b"
    prints_to /dev/full -s 127.0.0.1 "$PORT" GET a
    assert_eq "$STATUS$(<"$ERR")" 0 "exit status and standard error of what says nothing"
    for option in --help --version; do
        prints_to /dev/full "$option"
        fails "$words"
    done
}

@test "bytes for a standard output that is full, or closed, are an error" {
    start_server
    echo content >"$ROOT/x"
    prints_to /dev/full -s 127.0.0.1 "$PORT" GET x -o -
    fails 'client error: cannot write -: No space left on device'
    prints_to closed -s 127.0.0.1 "$PORT" GET x -o -
    fails 'client error: cannot write -: Bad file descriptor'
    assert_eq "$(ls -A)" "" "files here"
}

@test "a reader of the lines that goes away is told, and the file still arrives" {
    fake "${BEFORE_SIZE[@]}" size 4 expect OK send data wait send DONE gone
    { "$FERRY" 127.0.0.1 "$PORT" GET file 2>"$ERR" || echo "$?" >"$BATS_TEST_TMPDIR/status"; } |
        { head -n 1 >"$OUT"; exec <&-; echo go on 1<>"$FAKE.in"; }
    assert_eq "$(<"$BATS_TEST_TMPDIR/status")" 1 "exit status"
    assert_eq "$(<"$ERR")" "client error: cannot write to standard output: Broken pipe" \
        "standard error"
    assert_eq "$(cat file)" data "content"
    fake_is_content
}

# ---- ferry itself ----

@test "killed in the middle of a GET, ferry leaves nothing, and the old file" {
    local signal old before
    case $(stat -f -c %T .) in
    ext* | tmpfs | xfs | btrfs) ;;
    *) skip "this file system may have no O_TMPFILE" ;;
    esac
    # The shell starts what is in the background with SIGINT ignored.
    PREFIX=(env --default-signal=INT --default-signal=TERM)
    for signal in INT TERM KILL; do
        for old in absent present; do
            rm -f file
            [ "$old" = absent ] || echo old >file
            before=$(state)
            fake "${BEFORE_BYTES[@]}" zeros 50000 say sent gone
            ferry_behind 127.0.0.1 "$PORT" GET file
            wait_for_line "$OUT" '^client receiving file file'
            wait_for_line "$FAKE.out" '^sent$'
            kill -s "$signal" "$CLIENT"
            client_ends
            assert_eq "$STATUS" $((128 + $(kill -l "$signal"))) "exit status"
            assert_eq "$(state)" "$before" "the directory after $signal"
        done
    done
}

@test "killed in the middle of a PUT, ferry leaves nothing on the server" {
    start_server -v
    truncate -s 1G file
    ferry_behind 127.0.0.1 "$PORT" PUT file
    wait_for_line "$SERVER_OUT" '^server receiving 1073741824 bytes'
    kill -KILL "$CLIENT"
    client_ends
    wait_until "$WAIT_SECONDS" workers_are 0
    assert_eq "$(ls -A "$ROOT")" "" "files of the server"
}

@test "closed standard descriptors let no line get among the bytes" {
    local closed
    start_server
    for closed in '<&-' '>&-' '2>&-' '<&- >&-' '>&- 2>&-' '<&- >&- 2>&-'; do
        echo content >"$ROOT/file"
        rm -f file
        eval "\"\$FERRY\" 127.0.0.1 \"\$PORT\" GET file $closed" || fail "GET failed with $closed"
        assert_file_eq file "$ROOT/file"
        echo other >file
        eval "\"\$FERRY\" 127.0.0.1 \"\$PORT\" PUT file $closed" || fail "PUT failed with $closed"
        assert_file_eq "$ROOT/file" file
        eval "\"\$FERRY\" 127.0.0.1 \"\$PORT\" DEL file $closed" || fail "DEL failed with $closed"
        [ ! -e "$ROOT/file" ]
    done
}

# ---- wrong usage ----

# misused PART ARGUMENT...: exit status 2, and one line, on standard error, that has PART in it
misused() {
    local part=$1 lines
    shift
    ferry "$@"
    mapfile -t lines <"$ERR"
    assert_eq "$STATUS" 2 "exit status of ferry $*"
    assert_eq "$(<"$OUT")" "" "standard output of ferry $*"
    assert_eq "${#lines[@]}" 1 "number of lines, with $(<"$ERR"),"
    assert_contains "${lines[0]}" "$part"
    assert_eq "${lines[0]%%:*}" ferry "the program's name"
}

@test "wrong usage: a missing operand is named" {
    misused HOST
    misused PORT 127.0.0.1
    misused GET 127.0.0.1 9000
    misused FILE 127.0.0.1 9000 GET
    misused FILE 127.0.0.1 9000 GET -q
}

@test "wrong usage: a PORT that is none is named" {
    local port
    for port in 0 65536 99999999999999999999 http 90x "" " 9000" 0x50; do
        misused "\"$port\"" 127.0.0.1 "$port" GET x
    done
}

@test "wrong usage: a verb that is none is named" {
    local verb
    for verb in gett Get LIST GETT "GET " ""; do
        misused "\"$verb\"" 127.0.0.1 9000 "$verb" x
    done
}

@test "wrong usage: an option's wrong value is named" {
    local value
    for value in 0 1001 x -1 1.5 "" "2 "; do
        misused "\"$value\"" -j "$value" 127.0.0.1 9000 GET x
        misused "\"$value\"" --jobs="$value" 127.0.0.1 9000 GET x
    done
    for value in 86401 x -1 1.5 "" 5s; do
        misused "\"$value\"" -w "$value" 127.0.0.1 9000 GET x
        misused "\"$value\"" 127.0.0.1 9000 GET x --wait="$value"
        misused "\"$value\"" -t "$value" 127.0.0.1 9000 GET x
        misused "\"$value\"" 127.0.0.1 9000 GET x --connect-timeout="$value"
    done
}

@test "wrong usage: an unknown option and a missing value are named" {
    misused -x -x 127.0.0.1 9000 GET x
    misused --nope --nope 127.0.0.1 9000 GET x
    misused -z 127.0.0.1 9000 GET x -qz
    misused --quiet=1 --quiet=1 127.0.0.1 9000 GET x
    misused -o 127.0.0.1 9000 GET x -o
    misused --wait 127.0.0.1 9000 GET x --wait
}

@test "wrong usage: -o goes neither with DEL nor with several files" {
    misused DEL -o y 127.0.0.1 9000 DEL x
    misused 2 -o y 127.0.0.1 9000 GET a b
    misused 3 -o y 127.0.0.1 9000 PUT a b c
}

@test "wrong usage: two files that would get the same name are named" {
    local verb
    for verb in GET PUT; do
        misused 'a/y and b/y ' 127.0.0.1 9000 "$verb" x a/y z b/y
        misused 'a/y and y ' -j 3 127.0.0.1 9000 "$verb" y x a/y -o into/
    done
}

@test "wrong usage: a name that no request can carry is named" {
    local verb long
    long=$(printf '%01021d' 0)
    for verb in GET DEL; do
        misused '""' 127.0.0.1 9000 "$verb" ""
        misused '"a\x0ab"' 127.0.0.1 9000 "$verb" ok $'a\nb'
        misused '"a\x0d"' 127.0.0.1 9000 "$verb" $'a\r'
        misused "$long" 127.0.0.1 9000 "$verb" "$long"
    done
}

@test "wrong usage: the name that PUT -o gives must be one that a request can carry" {
    local long
    long=$(printf '%01021d' 0)
    echo content >file
    misused '""' 127.0.0.1 9000 PUT file -o ""
    misused '"a\x0aDEL b"' 127.0.0.1 9000 PUT file -o $'a\nDEL b'
    misused "$long" 127.0.0.1 9000 PUT file -o "$long"
    misused 1020 127.0.0.1 9000 PUT file -o "$(printf '%09000d' 0)"
}

@test "wrong usage: a value with a line end in it is still told in one line" {
    misused 9 127.0.0.1 $'9\n0' GET x
    misused GET 127.0.0.1 9000 $'GET\nx' x
    misused j -j $'1\nj' 127.0.0.1 9000 GET x
    misused 'no\x0ape' $'--no\npe' 127.0.0.1 9000 GET x
}
