#!/usr/bin/env bats
# What the server prints: nothing by default; with -v the lab's lines, exactly and in order; twice,
# what the manager decided. Nobody can forge a line or send a terminal its escape sequences.

load lib

setup() {
    mkdir -p "$ROOT"
    printf hello >"$ROOT/f"
}

wire() {
    "$WIRE" "$PORT" "$@"
}

# said LINE...: this is what the server prints, and all of it; the last line comes when a client's
# worker has been reaped, and so after the client has gone
said() {
    wait_until "$WAIT_SECONDS" has_said "$(printf '%s\n' "$@")" 2>/dev/null || true
    assert_eq "$(<"$SERVER_OUT")" "$(printf '%s\n' "$@")" "what the server printed"
}

has_said() {
    [ "$(<"$SERVER_OUT")" = "$1" ]
}

# shown REQUEST TEXT HOW: a client sends REQUEST, and the server prints it as TEXT, in one line, and
# then how it ended
shown() {
    local client
    : >"$SERVER_OUT"
    client=$(wire localport expect READY send "$1\n" wait-gone)
    said "server connected to client at 127.0.0.1:$client" "server receiving request: $2" \
        "server done with client at 127.0.0.1:$client: ${3:-$MISSING}"
}

MISSING='refused, no such file (ENOENT)'
NO_REQUEST='refused, not a request (EBADMSG)'

# Clients of each kind, one after the other: served, refused, and gone without a word.
one_of_each() {
    wire expect READY send 'GET f\n' expect OK send READY expect-size 5 send OK expect helloDONE eof
    wire expect READY send 'PUT n\n' expect OK size 3 expect OK send new expect DONE eof
    wire expect READY send 'DEL n\n' expect DONE eof
    wire expect READY send 'GET n\n' expect 'ERROR: n does not exist' eof
    wire expect READY send 'PUT no/n\n' expect 'ERROR: unable to create file no/n' eof
    wire expect READY send 'DEL n\n' expect 'ERROR: n does not exist' eof
    wire expect READY send 'WHAT\n' expect 'ERROR: bad request' eof
    wire close
    wire expect READY send 'PUT cut\n' expect OK size 5 expect OK send hel reset
}

@test "the server is silent by default, whatever clients do" {
    start_server
    one_of_each
    stop_server
    assert_eq "$(<"$SERVER_OUT")" "" "standard output"
    assert_eq "$(<"$SERVER_ERR")" "" "standard error"
}

@test "-v tells of a GET" {
    start_server -v
    client=$(wire localport expect READY send 'GET f\n' expect OK send READY expect-size 5 \
        send OK expect helloDONE eof)
    said "server waiting on port $PORT" \
        "server connected to client at 127.0.0.1:$client" \
        "server receiving request: GET f" \
        "server sending 5 bytes" \
        "server done with client at 127.0.0.1:$client: done"
}

@test "-v tells of a PUT" {
    start_server -v
    client=$(wire localport expect READY send 'PUT new\n' expect OK size 1000000 expect OK \
        zeros 1000000 expect DONE eof)
    said "server waiting on port $PORT" \
        "server connected to client at 127.0.0.1:$client" \
        "server receiving request: PUT new" \
        "server receiving 1000000 bytes" \
        "server done with client at 127.0.0.1:$client: done"
}

@test "-v tells of a DEL" {
    start_server -v
    client=$(wire localport expect READY send 'DEL f\n' expect DONE eof)
    said "server waiting on port $PORT" \
        "server connected to client at 127.0.0.1:$client" \
        "server receiving request: DEL f" \
        "server deleting file f" \
        "server done with client at 127.0.0.1:$client: done"
}

@test "-v counts the bytes of an empty file" {
    : >"$ROOT/empty"
    start_server --verbose
    one=$(wire localport send 'GET empty\nREADYOK' expect READYOK expect-size 0 expect DONE eof)
    said "server waiting on port $PORT" \
        "server connected to client at 127.0.0.1:$one" \
        "server receiving request: GET empty" \
        "server sending 0 bytes" \
        "server done with client at 127.0.0.1:$one: done"
    : >"$SERVER_OUT"
    two=$(wire localport send 'PUT empty\n' size 0 expect READYOKOKDONE eof)
    said "server connected to client at 127.0.0.1:$two" \
        "server receiving request: PUT empty" \
        "server receiving 0 bytes" \
        "server done with client at 127.0.0.1:$two: done"
}

@test "-v tells of a request that is refused, and of nothing after it but why" {
    start_server -v
    for request in 'GET no' 'DEL no' 'PUT no/no'; do
        shown "$request" "$request"
    done
    for request in 'GET ' WHAT ''; do
        shown "$request" "$request" "$NO_REQUEST"
    done
    : >"$SERVER_OUT"
    client=$(wire localport expect READY send 'PUT huge\n' expect OK size 72057594037927935 wait-gone)
    said "server connected to client at 127.0.0.1:$client" "server receiving request: PUT huge" \
        "server done with client at 127.0.0.1:$client: refused, too large (EFBIG)"
}

@test "-v tells of a client that says nothing that it came" {
    start_server -v
    client=$(wire localport expect READY shut eof)
    said "server waiting on port $PORT" "server connected to client at 127.0.0.1:$client" \
        "server done with client at 127.0.0.1:$client: client-gone"
}

@test "-v shows a request alike, however it ended" {
    start_server -v
    for end in '' '\n' '\r\n'; do
        : >"$SERVER_OUT"
        client=$(wire localport expect READY send "GET no$end" wait-gone)
        said "server connected to client at 127.0.0.1:$client" "server receiving request: GET no" \
            "server done with client at 127.0.0.1:$client: $MISSING"
    done
}

@test "an IPv6 client is shown in brackets" {
    grep -qE '^0{31}1 ' /proc/net/if_inet6 || skip "no IPv6 loopback"
    start_server -v
    client=$("$WIRE" -h ::1 "$PORT" localport expect READY close)
    said "server waiting on port $PORT" "server connected to client at [::1]:$client" \
        "server done with client at [::1]:$client: client-gone"
}

@test "an IPv4 client is shown alike on a socket of IPv4 alone" {
    start_server -v --bind 127.0.0.1
    client=$(wire localport expect READY close)
    said "server waiting on port $PORT" "server connected to client at 127.0.0.1:$client" \
        "server done with client at 127.0.0.1:$client: client-gone"
}

@test "control bytes are escaped" {
    start_server -v
    for name in '\x01' 'a\x08b' '\x1b[31mred\x1b[0m' '\x1b]0;title\x07' '\x0b\x0c' '\x7f' '\x1f'; do
        shown "GET $name" "GET $name"
    done
    shown 'GET a\tb' 'GET a\x09b'
    shown 'GET a\rb' 'GET a\x0db'
    shown 'GET a\0b' 'GET a\x00b' "$NO_REQUEST"
    shown '\x16\x03\x01\x02' '\x16\x03\x01\x02' "$NO_REQUEST"
    # U+0080 to U+009F: terminals obey some of them.
    shown 'GET \xc2\x80\xc2\x85\xc2\x9b31m\xc2\x9f' 'GET \xc2\x80\xc2\x85\xc2\x9b31m\xc2\x9f'
}

@test "bytes that are not UTF-8 are escaped" {
    start_server -v
    # Stray, cut short, overlong, a surrogate, beyond U+10FFFF.
    for name in '\xff' '\x80' 'a\xbfb' '\xc3' '\xc3(' '\xe2\x82' '\xe2\x82a' '\xf0\x9f\x98' \
        '\xc0\xaf' '\xc1\xbf' '\xe0\x80\xaf' '\xe0\x9f\xbf' '\xf0\x80\x80\xaf' '\xf0\x8f\xbf\xbf' \
        '\xed\xa0\x80' '\xed\xbf\xbf' '\xf4\x90\x80\x80' '\xf5\x80\x80\x80' '\xfe\xff'; do
        shown "GET $name" "GET $name"
    done
}

@test "UTF-8 is shown as it is" {
    start_server -v
    for name in grüße 日本語 😀 'a b' ' ~' $'\xc2\xa0\xdf\xbf' \
        $'\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd' $'\xf0\x90\x80\x80\xf4\x8f\xbf\xbf'; do
        shown "GET $name" "GET $name"
    done
}

@test "the name of a deleted file is escaped too" {
    touch "$ROOT/"$'\e[2J\xff\rserver waiting on port 1'
    start_server -v
    shown_name='\x1b[2J\xff\x0dserver waiting on port 1'
    client=$(wire localport expect READY send "DEL $shown_name\n" expect DONE eof)
    said "server waiting on port $PORT" \
        "server connected to client at 127.0.0.1:$client" \
        "server receiving request: DEL $shown_name" \
        "server deleting file $shown_name" \
        "server done with client at 127.0.0.1:$client: done"
}

@test "nobody can forge a line" {
    start_server -v
    forged='server waiting on port 1'
    for separator in '\r' '\x0b' '\x0c' '\x1e' '\xc2\x85' '\x1bE' '\0'; do
        wire expect READY send "GET x$separator$forged\n" wait-gone
    done
    wire expect READY send "GET x\n$forged\n" wait-gone
    wire expect READY send "\n$forged\n" wait-gone
    wire expect READY send "$forged\n" wait-gone
    assert_eq "$(tr '\r\v\f' '[\n*]' <"$SERVER_OUT" | grep -cx "$forged" || true)" 0 "forged lines"
    wait_for_line "$SERVER_OUT" '^server done with client at [0-9.:]+: refused, ' 10
    assert_eq "$(wc -l <"$SERVER_OUT")" 31 "lines: one, and three for each client"
    assert_eq "$(tr -d '\n' <"$SERVER_OUT" | LC_ALL=C tr -d ' -~' | wc -c)" 0 "bytes that are no text"
}

@test "a request of 1024 bytes is shown whole, each byte escaped" {
    start_server -v
    local too_long='refused, name too long (ENAMETOOLONG)'
    name=$(printf '%1020s' '')
    shown "GET ${name// /x}" "GET ${name// /x}" "$too_long"
    name=$(printf '%1000s' '')
    shown "GET ${name// /\\x01}" "GET ${name// /\\x01}" "$too_long"
}

@test "a line is cut where a pipe could no longer take it in one piece" {
    local client
    start_server -v
    name=$(printf '%1020s' '')
    client=$(wire localport expect READY send "GET ${name// /\\x01}\n" wait-gone)
    said="server connected to client at 127.0.0.1:$client
server receiving request: GET ${name// /\\x01}"
    assert_eq "$(sed -n 3p "$SERVER_OUT" | wc -c)" 4095 "bytes of the line"
    assert_eq "$(sed -n 3p "$SERVER_OUT")" "$(tail -n 1 <<<"$said" | head -c 4094)" "the line"
}

@test "a request that is too long is shown in one line too" {
    start_server -v
    name=$(printf '%5000s' '')
    wire expect READY send "GET ${name// /\\x01}\n" expect 'ERROR: bad request' eof
    wait_for_line "$SERVER_OUT" ': refused, not a request '
    assert_eq "$(wc -l <"$SERVER_OUT")" 4 "lines"
    assert_eq "$(sed -n '3s/\\x01//gp' "$SERVER_OUT")" "server receiving request: GET " "the line"
}

@test "lines of clients that are served at the same time do not mix" {
    local address='127\.0\.0\.1:[0-9]+'
    start_server -v -- 8
    "$SWARM" -c 16 -n 100 -s 1000 "$PORT" PUT swarm >/dev/null
    wait_for_line "$SERVER_OUT" "^server done with client at $address: done\$" 100
    assert_eq "$(wc -l <"$SERVER_OUT")" 401 "lines"
    assert_eq "$(grep -cxE "server connected to client at $address" "$SERVER_OUT")" 100 "connected"
    assert_eq "$(grep -cxE 'server receiving request: PUT swarm-[0-9]+' "$SERVER_OUT")" 100 "requests"
    assert_eq "$(grep -cxE 'server receiving 1000 bytes' "$SERVER_OUT")" 100 "receiving"
}

@test "a reader of the output that has gone harms nobody" {
    # shellcheck disable=SC2016,SC2034  # for that shell to expand; read by start_server
    SERVER_PREFIX=(bash -c 'exec > >(:); wait $!; exec "$@"' bash)
    start_server -v
    one_of_each
    assert_eq "$(<"$SERVER_OUT")" "" "what went elsewhere"
    stop_server
}

@test "output that cannot be written harms nobody" {
    # shellcheck disable=SC2016,SC2034
    SERVER_PREFIX=(bash -c 'exec "$@" >/dev/full' bash)
    start_server -v
    one_of_each
    stop_server
}

# ---- why ----

# ends WHY REQUEST: the client is refused or broken off, and the server says WHY in the end
ends() {
    local steps=(expect READY send "$2" "${@:3}" wait-gone)
    : >"$SERVER_OUT"
    wire "${steps[@]}"
    wait_for_line "$SERVER_OUT" '^server done with'
    assert_eq "$(sed -n 's/^server done with client at [0-9.:]*: //p' "$SERVER_OUT")" "$1" "$2"
}

@test "-v tells why a client was refused" {
    local no='refused, no such file (ENOENT)' other='refused, not a regular file (EISDIR)'
    local hidden='refused, permission denied (EACCES)' large='refused, too large (EFBIG)'
    mkdir "$ROOT/dir"
    ln -s ../secret "$ROOT/out"
    mkfifo "$ROOT/fifo"
    start_server -v --max-size 1M --no-overwrite --no-delete
    ends "$no" 'GET no\n'
    ends "$no" 'DEL no\n'
    ends "$no" 'PUT no/f\n'
    for verb in GET PUT DEL; do
        ends "$other" "$verb dir\n"
        ends "$other" "$verb fifo\n"
        ends "$hidden" "$verb .ferry-tmp.1\n"
        ends 'refused, outside of the root (EXDEV)' "$verb out\n"
    done
    ends "$large" 'PUT n\n' size 1048577
    ends "$large" 'PUT n\n' size 72057594037927936
    ends 'refused, there is one already (EEXIST)' 'PUT f\n'
    ends 'refused, not permitted (EPERM)' 'DEL f\n'
    ends 'refused, not a request (EBADMSG)' 'WHAT\n'
    kill_server
    start_server -v --read-only
    ends 'refused, read-only (EROFS)' 'PUT n\n'
    ends 'refused, read-only (EROFS)' 'DEL f\n'
}

@test "-v tells how a client ended that was not refused" {
    truncate -s 100M "$ROOT/big"
    start_server -v --request-timeout 1 -- 1
    ends 'broken, the client said something else (EPROTO)' 'GET f\n' expect OK send NO
    ends client-gone 'PUT n\n' expect OK size 5 expect OK shut
    ends timeout 'GET f\n' expect OK
    hold a b
    held a
    release b a
    wait_for_line "$SERVER_OUT" '^server done with client at [0-9.:]+: abandoned-in-queue$'
    is_threads && return
    # shellcheck disable=SC2034
    EXPECT_CRASH=yes
    kill_server
    start_server -v
    hold c
    held c
    kill -SEGV "$(workers)"
    wait_for_line "$SERVER_OUT" '^server done with client at [0-9.:]+: killed by signal 11$'
}

# ---- a reader that does not read ----

# unread KIND [OPTION...]: a server whose output, both of it, goes to one of those, which nobody reads
unread() {
    # shellcheck disable=SC2034
    SERVER_PREFIX=("$BIN/test/unread" "$1")
    start_server -v "${@:2}" -- 8
}

# Somebody reads. What there is comes to SERVER_OUT.
read_it() {
    kill -USR1 "$SERVER_JOB"
}

# crowd N: so many clients are served, whoever reads
crowd() {
    local said
    said=$("$SWARM" -c 16 -n "$1" -t 30 "$PORT" GET f 2>&1) || fail "$said"
}

# dropped: how many lines the server says it has dropped
dropped() {
    awk '/^server dropped [0-9]+ lines? that could not be written\r?$/ { n += $3 } END { print n + 0 }' \
        "$SERVER_OUT"
}

# printed: how many of its other lines there are, each of them whole
printed() {
    local address='127\.0\.0\.1:[0-9]+'
    tr -d '\r' <"$SERVER_OUT" | grep -cxE \
        "server (waiting on port [0-9]+|connected to client at $address|receiving request: GET f|sending 5 bytes|done with client at $address: done)"
}

EACH=4 # lines for a client

# all_accounted_for CLIENTS: to wait for
all_accounted_for() {
    [ $((1 + $1 * EACH)) -eq $(($(printed) + $(dropped))) ]
}

@test "a terminal, pipe or socket that nobody reads holds nobody up, and what was lost is told" {
    local kind
    for kind in terminal pipe socket; do
        unread "$kind"
        crowd 100
        read_it
        wait_until "$WAIT_SECONDS" all_accounted_for 100 ||
            fail "$kind: $(printed) printed, $(dropped) dropped" "$(grep -v '^server' "$SERVER_OUT")"
        [ "$(dropped)" -gt 20 ] || fail "$kind: only $(dropped) were dropped"
        # And it goes on where it was.
        crowd 1
        wait_until "$WAIT_SECONDS" all_accounted_for 101
        stop_server
    done
}

@test "a terminal that is read slowly, so that it takes parts of lines, shows them whole or they are counted" {
    unread terminal
    kill -USR2 "$SERVER_JOB"
    crowd 400
    read_it
    wait_until "$WAIT_SECONDS" all_accounted_for 400 ||
        fail "$(printed) printed, $(dropped) dropped" "$(grep -v '^server' "$SERVER_OUT")"
    # It has printed a good deal meanwhile: there were parts, and what followed them.
    [ "$(printed)" -gt 100 ] || fail "only $(printed) were printed"
}

@test "a server whose terminal nobody reads serves on, and stops when it is told to" {
    unread terminal
    crowd 320
    stop_server
}

# complained: how often the server has complained of its ledger, in lines printed and lines dropped.
# Where a line of standard output had room but for its end, a complaint may stand in that place.
complained() {
    tr -d '\r' <"$SERVER_OUT" | awk -v server="$SERVER:" '
        { at = index($0, server); if (at > 1) $0 = substr($0, at) }
        $1 == server && /: cannot open the ledger .* again: .*; keeping the one there was$/ { n++ }
        $1 == server && /: dropped [0-9]+ lines? that could not be written$/ { n += $3 }
        END { print n + 0 }'
}

has_complained() {
    [ "$(complained)" -eq "$1" ]
}

@test "lines on standard error do not wait either, and have a count of their own" {
    local ledger=$BATS_TEST_TMPDIR/ledger
    unread terminal --ledger "$ledger"
    crowd 100
    # What cannot be opened again is complained of.
    mv "$ledger" "$ledger.1"
    mkdir "$ledger"
    for _ in 1 2 3; do
        kill -HUP "$SERVER_PID"
        crowd 1
    done
    read_it
    wait_until "$WAIT_SECONDS" has_complained 3 || fail "$(complained) complaints"
    stop_server
}

# open_flags PID FD: of that open file, as octal digits
open_flags() {
    sed -n 's/^flags:[[:space:]]*//p' "/proc/$1/fdinfo/$2"
}

@test "what others share with the server is left as it was" {
    local both flags
    mkfifo "$BATS_TEST_TMPDIR/shared"
    exec {both}<>"$BATS_TEST_TMPDIR/shared"
    flags=$(open_flags "$$" "$both")
    # shellcheck disable=SC2016,SC2034 # for the inner shell; read by start_server
    SERVER_PREFIX=(bash -c 'exec "$@" >&'"$both"' 2>&1' bash)
    start_server -v --sandbox=off
    # Its own open file never waits (O_NONBLOCK is 04000); that of the others waits as before.
    (($(open_flags "$SERVER_PID" 1) & 04000)) || fail "standard output may wait"
    (($(open_flags "$SERVER_PID" 2) & 04000)) || fail "standard error may wait"
    assert_eq "$(open_flags "$$" "$both")" "$flags" "flags of the shared open file"
    exec {both}>&-
}

@test "a pipe that is another user's, and cannot be opened again, holds nobody up either" {
    [ "$EUID" -eq 0 ] || skip "needs two users"
    make_readable "$ROOT"
    # shellcheck disable=SC2034
    SERVER_PREFIX=("$BIN/test/unread" pipe setpriv "--reuid=$NOBODY" "--regid=$NOBODY" --clear-groups)
    FERRYD=$(_public_copy "$FERRYD") start_server -v -- 8
    crowd 100
    read_it
    wait_until "$WAIT_SECONDS" all_accounted_for 100
    stop_server
}

@test "a --ready-fd that nobody reads does not keep the server from serving" {
    local both
    mkfifo "$BATS_TEST_TMPDIR/full"
    exec {both}<>"$BATS_TEST_TMPDIR/full"
    head -c 65536 /dev/zero >&"$both"
    "$FERRYD" -d "$ROOT" --sandbox=off --ready-fd 5 0 5>&"$both" >"$BATS_TEST_TMPDIR/said" 2>&1 \
        </dev/null 3>&- 4>&- &
    track "$!"
    wait_for_line "$BATS_TEST_TMPDIR/said" "^$SERVER: --ready-fd 5: Resource temporarily unavailable\$"
    kill -TERM "$!"
    wait "$!"
    exec {both}>&-
}

# decided N WORDS: the manager's line, N of them, with its time before and its figures after
decided() {
    wait_for_line "$SERVER_OUT" \
        "^manager [0-9]+\.[0-9]{3} s: $2 \([0-9]+ running, [0-9]+ waiting\)$" "$1"
}

@test "-v says nothing of the manager" {
    start_server -v
    one_of_each
    stop_server
    ! grep manager "$SERVER_OUT" || fail "-v printed what is -vv's"
}

@test "-vv adds when the manager queued, started and reaped whom" {
    local kind=pid
    ! is_threads || kind=thread
    for verbose in -vv '-v -v' '--verbose --verbose'; do
        # shellcheck disable=SC2086  # two words
        start_server $verbose
        client=$(wire localport expect READY send 'GET f\n' expect OK send READY expect-size 5 \
            send OK expect helloDONE eof)
        decided 1 "client 1 queued, 127\.0\.0\.1:$client"
        decided 1 "client 1 started, $kind [0-9]+, waited [0-9]+ ms"
        decided 1 "client 1 ended, $kind [0-9]+, done after [0-9]+ ms"
        assert_eq "$(grep -oE 'queued|started|ended' "$SERVER_OUT" | xargs)" "queued started ended"
        assert_eq "$(grep -oE "$kind [0-9]+" "$SERVER_OUT" | uniq | wc -l)" 1 "ids of one worker"
        stop_server
        decided 1 stopping
    done
}

@test "-vv prints the lab's lines as -v does" {
    start_server -vv
    client=$(wire localport expect READY send 'DEL f\n' expect DONE eof)
    stop_server
    assert_eq "$(grep -v '^manager ' "$SERVER_OUT")" "$(printf '%s\n' \
        "server waiting on port $PORT" \
        "server connected to client at 127.0.0.1:$client" \
        "server receiving request: DEL f" \
        "server deleting file f" \
        "server done with client at 127.0.0.1:$client: done")" "the lab's lines"
}

@test "-vv tells how each session ended" {
    start_server -vv
    wire expect READY send 'DEL f\n' expect DONE eof
    wire expect READY send 'DEL f\n' expect 'ERROR: f does not exist' eof
    wire expect READY send 'PUT f\n' expect OK close
    decided 1 'client 1 ended, [a-z]+ [0-9]+, done after [0-9]+ ms'
    decided 1 'client 2 ended, [a-z]+ [0-9]+, refused after [0-9]+ ms'
    decided 1 'client 3 ended, [a-z]+ [0-9]+, client-gone after [0-9]+ ms'
}

@test "-vv names workers by their process ids" {
    processes_only
    start_server -vv
    hold a
    held a
    decided 1 "client 1 started, pid $(workers), waited [0-9]+ ms"
}

@test "-vv counts who runs and who waits" {
    start_server -vv -- 1
    hold a
    held a
    hold b c
    wait_for_line "$SERVER_OUT" 'client 3 queued, .* \(1 running, 2 waiting\)$'
    release a
    held b
    wait_for_line "$SERVER_OUT" 'client 1 ended, .* \(0 running, 2 waiting\)$'
    wait_for_line "$SERVER_OUT" 'client 2 started, .* \(1 running, 1 waiting\)$'
}

@test "--sync=none says on standard error what it gives up, and --sync=full nothing" {
    start_server --sync=none
    stop_server
    assert_eq "$(wc -l <"$SERVER_ERR")" 1 "lines on standard error"
    assert_contains "$(<"$SERVER_ERR")" "$SERVER: --sync=none"
    assert_eq "$(<"$SERVER_OUT")" "" "standard output"
    start_server --sync=full
    stop_server
    assert_eq "$(cat "$SERVER_OUT" "$SERVER_ERR")" "" "what the server said"
}
