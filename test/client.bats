#!/usr/bin/env bats
#
# ferry does what its command line says, prints the lab's lines, and keeps bytes, lines and progress
# apart: with a server that works. What it does when something goes wrong is in client_errors.bats.

# What ferry.bash sets, and what it reads:
# shellcheck disable=SC2034,SC2153

load ferry

# ---- the three verbs ----

@test "GET fetches the file and prints the lab's two lines" {
    start_server
    random_file "$ROOT/file" 12345
    ferry 127.0.0.1 "$PORT" GET file
    succeeds "client receiving file file (12345 bytes)" "Complete"
    assert_file_eq file "$ROOT/file"
    only_files . file
}

@test "PUT stores the file and prints the lab's two lines" {
    start_server
    random_file file 12345
    ferry 127.0.0.1 "$PORT" PUT file
    succeeds "client sending file file (12345 bytes)" "Complete"
    assert_file_eq "$ROOT/file" file
    only_files "$ROOT" file
}

@test "DEL deletes the file and prints the lab's two lines" {
    start_server
    echo gone >"$ROOT/file"
    echo stays >"$ROOT/other"
    ferry 127.0.0.1 "$PORT" DEL file
    succeeds "client deleting file file" "Complete"
    only_files "$ROOT" other
}

@test "GET of an empty file makes an empty file, also where there was content" {
    start_server
    : >"$ROOT/empty"
    : >"$ROOT/other"
    echo content >other
    ferry 127.0.0.1 "$PORT" GET empty other
    succeeds "client receiving file empty (0 bytes)" "Complete" \
        "client receiving file other (0 bytes)" "Complete"
    assert_eq "$(stat -c %s empty other)" $'0\n0' "sizes"
}

@test "PUT of an empty file stores an empty file" {
    start_server
    : >empty
    ferry 127.0.0.1 "$PORT" PUT empty
    succeeds "client sending file empty (0 bytes)" "Complete"
    assert_eq "$(stat -c %s "$ROOT/empty")" 0 "size"
}

@test "a large file comes back as it went" {
    start_server
    random_file large 20000001
    ferry 127.0.0.1 "$PORT" PUT large
    succeeds "client sending file large (20000001 bytes)" "Complete"
    ferry 127.0.0.1 "$PORT" GET large -o back
    succeeds "client receiving file large (20000001 bytes)" "Complete"
    assert_file_eq back large
}

@test "a file with holes and zeros comes back as it went" {
    start_server
    {
        head -c 1000000 /dev/zero
        printf 'an island'
        head -c 20000000 /dev/zero
        head -c 500000 /dev/urandom
        head -c 3000000 /dev/zero
    } >holes
    ferry 127.0.0.1 "$PORT" PUT holes
    ferry 127.0.0.1 "$PORT" GET holes -o back
    succeeds "client receiving file holes (24500009 bytes)" "Complete"
    assert_file_eq back holes
}

@test "sizes past 4 GiB go over the wire whole, in both directions" {
    fake send READY expect $'GET vast\n' send OK expect READY size 4294967297 expect OK close
    ferry 127.0.0.1 "$PORT" GET vast -o /dev/null
    prints "$OUT" "client receiving file vast (4294967297 bytes)"
    fake_is_content

    truncate -s 4294967298 vast
    fake send READY expect $'PUT vast\n' send OK expect-size 4294967298 send "ERROR: seen"
    ferry 127.0.0.1 "$PORT" PUT vast
    prints "$ERR" "server error: seen"
    fake_is_content
}

# ---- names ----

@test "GET of a path lands in the current directory, under its last name" {
    start_server
    mkdir -p "$ROOT/sub/deep"
    echo content >"$ROOT/sub/deep/x"
    ferry 127.0.0.1 "$PORT" GET sub/deep/x
    succeeds "client receiving file sub/deep/x (8 bytes)" "Complete"
    only_files . x
    assert_file_eq x "$ROOT/sub/deep/x"
}

@test "PUT of a path is stored under its last name" {
    start_server
    mkdir -p dir/deep
    echo content >dir/deep/x
    ferry 127.0.0.1 "$PORT" PUT dir/deep/x
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    only_files "$ROOT" x
    assert_file_eq "$ROOT/x" dir/deep/x
}

@test "what limits a name on the wire does not limit the path of a local file" {
    local dir
    dir=$(printf '%0200d/%0200d/%0200d/%0200d/%0200d/%0200d' 1 2 3 4 5 6)
    start_server
    mkdir -p "$dir"
    echo content >"$dir/x"
    ferry 127.0.0.1 "$PORT" PUT "$dir/x"
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    assert_file_eq "$ROOT/x" "$dir/x"
}

@test "names with spaces, quotes, backslashes and UTF-8 are taken as they are" {
    local name
    start_server
    for name in "two words" " edges " "don't \"quote\"" 'back\slash' '*' $'\u00fcml\u00e4ut \u2603'; do
        printf 'content of %s' "$name" >"$name"
        cp "$name" expected
        ferry 127.0.0.1 "$PORT" PUT "$name"
        succeeds "client sending file $name ($(stat -c %s expected) bytes)" "Complete"
        assert_file_eq "$ROOT/$name" expected
        rm "$name"
        ferry 127.0.0.1 "$PORT" GET "$name"
        succeeds "client receiving file $name ($(stat -c %s expected) bytes)" "Complete"
        assert_file_eq "$name" expected
        ferry 127.0.0.1 "$PORT" DEL "$name"
        succeeds "client deleting file $name" "Complete"
        [ ! -e "$ROOT/$name" ]
    done
}

@test "control bytes in a name do not reach the terminal" {
    start_server
    echo content >"$ROOT/"$'bell\a\e[2J'
    ferry 127.0.0.1 "$PORT" GET $'bell\a\e[2J'
    succeeds 'client receiving file bell\x07\x1b[2J (8 bytes)' "Complete"
    ferry 127.0.0.1 "$PORT" DEL $'bell\a\e[2J'
    succeeds 'client deleting file bell\x07\x1b[2J' "Complete"
}

@test "several files are fetched, stored and deleted in the order given" {
    start_server
    echo 1 >"$ROOT/a"
    echo 22 >"$ROOT/b"
    echo 333 >"$ROOT/c"
    ferry 127.0.0.1 "$PORT" GET c a b
    succeeds "client receiving file c (4 bytes)" "Complete" \
        "client receiving file a (2 bytes)" "Complete" "client receiving file b (3 bytes)" "Complete"
    only_files . a b c
    ferry 127.0.0.1 "$PORT" DEL a c
    succeeds "client deleting file a" "Complete" "client deleting file c" "Complete"
    only_files "$ROOT" b
    ferry 127.0.0.1 "$PORT" PUT c a
    succeeds "client sending file c (4 bytes)" "Complete" "client sending file a (2 bytes)" "Complete"
    only_files "$ROOT" a b c
}

@test "one file that fails does not keep the others from coming, but the exit status tells" {
    start_server
    echo 1 >"$ROOT/a"
    echo 2 >"$ROOT/b"
    ferry 127.0.0.1 "$PORT" GET a missing b
    assert_eq "$STATUS" 1 "exit status"
    prints "$OUT" "client receiving file a (2 bytes)" "Complete" \
        "client receiving file b (2 bytes)" "Complete"
    prints "$ERR" "server error: missing does not exist"
    only_files . a b
}

# ---- where the bytes go ----

@test "-o FILE writes there, and only there" {
    local option
    start_server
    mkdir "$BATS_TEST_TMPDIR/elsewhere"
    echo content >"$ROOT/x"
    for option in "-o $BATS_TEST_TMPDIR/elsewhere/y" "-o$BATS_TEST_TMPDIR/elsewhere/y" \
        "--output $BATS_TEST_TMPDIR/elsewhere/y" "--output=$BATS_TEST_TMPDIR/elsewhere/y"; do
        rm -f "$BATS_TEST_TMPDIR/elsewhere/y"
        # shellcheck disable=SC2086 # two words, where there are two
        ferry $option 127.0.0.1 "$PORT" GET x
        succeeds "client receiving file x (8 bytes)" "Complete"
        assert_file_eq "$BATS_TEST_TMPDIR/elsewhere/y" "$ROOT/x"
        only_files "$BATS_TEST_TMPDIR/elsewhere" y
    done
    assert_eq "$(ls -A)" "" "files here"
}

@test "-o - writes the bytes to standard output, and the lines to standard error" {
    start_server
    random_file "$ROOT/x" 300000
    ferry 127.0.0.1 "$PORT" GET x -o -
    assert_eq "$STATUS" 0 "exit status"
    assert_file_eq "$OUT" "$ROOT/x"
    prints "$ERR" "client receiving file x (300000 bytes)" "Complete"
    assert_eq "$(ls -A)" "" "files here"
}

@test "-o - goes through a pipe whole" {
    start_server
    random_file "$ROOT/x" 3000000
    "$FERRY" 127.0.0.1 "$PORT" GET x -o - 2>"$ERR" | cat >"$OUT"
    assert_file_eq "$OUT" "$ROOT/x"
}

@test "PUT -o NAME names the file on the server" {
    start_server
    mkdir "$ROOT/sub"
    echo content >x
    ferry 127.0.0.1 "$PORT" PUT x -o sub/y
    succeeds "client sending file x (8 bytes)" "Complete"
    assert_file_eq "$ROOT/sub/y" x
    only_files "$ROOT" sub
}

@test "-o /dev/null takes the bytes and stays what it is" {
    start_server
    random_file "$ROOT/x" 100000
    ferry 127.0.0.1 "$PORT" GET x -o /dev/null
    succeeds "client receiving file x (100000 bytes)" "Complete"
    [ -c /dev/null ]
}

@test "-o FIFO hands the bytes to whoever reads it" {
    start_server
    random_file "$ROOT/x" 1000000
    mkfifo fifo
    cat fifo >"$BATS_TEST_TMPDIR/read" 3>&- 4>&- &
    local reader=$!
    track "$reader"
    ferry 127.0.0.1 "$PORT" GET x -o fifo
    succeeds "client receiving file x (1000000 bytes)" "Complete"
    wait "$reader"
    assert_file_eq "$BATS_TEST_TMPDIR/read" "$ROOT/x"
    [ -p fifo ]
    only_files . fifo
}

@test "a new local file gets the mode that the umask leaves" {
    start_server
    echo content >"$ROOT/x"
    chmod 600 "$ROOT/x"
    umask 027
    ferry 127.0.0.1 "$PORT" GET x
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    assert_eq "$(stat -c %a x)" 640 "mode"
}

@test "a local file that is replaced keeps its mode, whatever the umask" {
    local mode
    start_server
    echo new >"$ROOT/x"
    umask 077
    for mode in 640 755 400; do
        rm -f x
        echo old >x
        chmod "$mode" x
        ferry 127.0.0.1 "$PORT" GET x
        succeeds "client receiving file x (4 bytes)" "Complete"
        assert_file_eq x "$ROOT/x"
        assert_eq "$(stat -c %a x)" "$mode" "mode"
    done
    only_files . x
}

@test "a symbolic link in the place of the local file is followed and stays" {
    start_server
    echo new >"$ROOT/x"
    mkdir elsewhere
    echo old >elsewhere/real
    chmod 604 elsewhere/real
    ln -s elsewhere/real x
    ferry 127.0.0.1 "$PORT" GET x
    succeeds "client receiving file x (4 bytes)" "Complete"
    assert_eq "$(readlink x)" elsewhere/real "the link"
    assert_file_eq elsewhere/real "$ROOT/x"
    assert_eq "$(stat -c %a elsewhere/real)" 604 "mode"
    only_files elsewhere real
    only_files . elsewhere x
}

@test "PUT reads through a symbolic link" {
    start_server
    echo content >real
    ln -s real link
    ferry 127.0.0.1 "$PORT" PUT link
    succeeds "client sending file link (8 bytes)" "Complete"
    assert_file_eq "$ROOT/link" real
    [ ! -L "$ROOT/link" ]
}

@test "GET - fetches a file of that name into a file of that name" {
    start_server
    echo content >"$ROOT/-"
    ferry 127.0.0.1 "$PORT" GET -
    succeeds "client receiving file - (8 bytes)" "Complete"
    assert_file_eq ./- "$ROOT/-"
    only_files . -
    rm ./-
    ferry 127.0.0.1 "$PORT" GET - -o ./-
    assert_file_eq ./- "$ROOT/-"
}

@test "-o DIR, with a slash or without, takes any number of files, each under its last name" {
    local dir
    start_server
    mkdir -p "$ROOT/sub" dir
    echo 1 >"$ROOT/sub/x"
    echo 2 >"$ROOT/y"
    for dir in dir dir/ dir/.; do
        rm -f dir/*
        ferry 127.0.0.1 "$PORT" GET sub/x -o "$dir"
        succeeds "client receiving file sub/x (2 bytes)" "Complete"
        ferry 127.0.0.1 "$PORT" GET sub/x y -o "$dir"
        assert_eq "$STATUS" 0 "$(<"$ERR")"
        only_files dir x y
        assert_file_eq dir/x "$ROOT/sub/x"
    done
    only_files . dir
}

@test "PUT -o DIR/ stores any number of files there, each under its last name" {
    start_server
    mkdir -p "$ROOT/sub" from
    echo 1 >from/x
    echo 2 >y
    ferry 127.0.0.1 "$PORT" PUT from/x -o sub/
    succeeds "client sending file from/x (2 bytes)" "Complete"
    only_files "$ROOT/sub" x
    ferry -j 2 127.0.0.1 "$PORT" PUT from/x y -o sub/
    assert_eq "$STATUS" 0 "$(<"$ERR")"
    only_files "$ROOT/sub" x y
    assert_file_eq "$ROOT/sub/y" y
}

@test "a line waits for a reader who is slow, and is not lost" {
    mkfifo fifo
    exec 7<>fifo
    # What a pipe holds; the next byte finds it full.
    dd if=/dev/zero of=fifo bs=1 count=1048576 oflag=nonblock 2>/dev/null || true
    fake send READY expect $'GET x\n' send OK expect READY size 4 expect OK send data say sent \
        send DONE gone
    "$FERRY" 127.0.0.1 "$PORT" GET x >fifo 2>"$ERR" 3>&- 4>&- 7>&- &
    CLIENT=$!
    track "$CLIENT"
    wait_for_line "$FAKE.out" sent
    timeout 20 sed -u 's/^\x00*//; /^Complete$/q' <&7 >"$OUT" || true
    exec 7>&-
    prints "$OUT" "client receiving file x (4 bytes)" "Complete"
    client_ends
    assert_eq "$STATUS" 0 "$(<"$ERR")"
}

# ---- the server's address ----

@test "an IPv6 number may stand in brackets" {
    grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || skip "no IPv6 loopback"
    start_server
    echo content >"$ROOT/x"
    ferry '[::1]' "$PORT" GET x
    succeeds "client receiving file x (8 bytes)" "Complete"
    RES_OPTIONS="timeout:1 attempts:1" ferry '[127.0.0.1]' "$PORT" GET x
    assert_eq "$STATUS" 1 "exit status"
    assert_contains "$(<"$ERR")" "no address for [127.0.0.1]"
}

@test "the server may be given by name, by IPv4 number and by IPv6 number" {
    local host hosts=(127.0.0.1)
    ! grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || hosts+=(::1)
    hosts+=(localhost)
    start_server
    echo content >"$ROOT/x"
    for host in "${hosts[@]}"; do
        rm -f x
        [ "$host" != localhost ] || has_localhost
        ferry "$host" "$PORT" GET x
        succeeds "client receiving file x (8 bytes)" "Complete"
        assert_file_eq x "$ROOT/x"
    done
}

@test "of a name's several addresses, the one that answers is found" {
    local address
    # In a mount namespace of its own, ferry has an /etc/hosts of its own.
    printf '%s twofold\n' 127.0.0.1 ::1 >"$BATS_TEST_TMPDIR/hosts"
    # shellcheck disable=SC2016 # for the inner shell
    PREFIX=(unshare --map-root-user --mount
        bash -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$BATS_TEST_TMPDIR/hosts")
    [ "$("${PREFIX[@]}" getent ahosts twofold 2>/dev/null | grep -c STREAM)" -eq 2 ] ||
        skip "no name can be given two addresses here"
    for address in 127.0.0.1 ::1; do
        start_server -b "$address"
        echo "content of $address" >"$ROOT/x"
        ferry twofold "$PORT" GET x
        assert_eq "$STATUS" 0 "$(<"$ERR")"
        assert_file_eq x "$ROOT/x"
        stop_server
    done
}

# ---- options ----

@test "options may stand before, between and after the operands" {
    start_server
    echo content >"$ROOT/x"
    ferry -q -o 1 127.0.0.1 "$PORT" GET x
    succeeds "client receiving file x (8 bytes)" "Complete"
    ferry 127.0.0.1 -o 2 "$PORT" GET -q x
    succeeds "client receiving file x (8 bytes)" "Complete"
    ferry 127.0.0.1 "$PORT" GET x -qo 3 --wait=60 --jobs 2
    succeeds "client receiving file x (8 bytes)" "Complete"
    only_files . 1 2 3
}

@test "after -- a name may begin with a dash" {
    start_server
    echo content >"$ROOT/-o"
    ferry 127.0.0.1 "$PORT" GET -- -o
    succeeds "client receiving file -o (8 bytes)" "Complete"
    only_files . -o
}

@test "-q changes neither the lines nor the bytes" {
    start_server
    echo content >"$ROOT/x"
    ferry -q 127.0.0.1 "$PORT" GET x
    succeeds "client receiving file x (8 bytes)" "Complete"
    ferry --quiet 127.0.0.1 "$PORT" PUT x
    succeeds "client sending file x (8 bytes)" "Complete"
    assert_file_eq x "$ROOT/x"
}

@test "-s says nothing but errors" {
    start_server
    echo content >"$ROOT/x"
    ferry -s 127.0.0.1 "$PORT" GET x
    succeeds_silently
    ferry 127.0.0.1 "$PORT" PUT x --silent
    succeeds_silently
    ferry -s -j 2 127.0.0.1 "$PORT" GET x missing
    assert_eq "$STATUS" 1 "exit status"
    prints_nothing "$OUT"
    prints "$ERR" "server error: missing does not exist"
    ferry -s 127.0.0.1 "$PORT" GET x -o -
    assert_eq "$(cat "$OUT" "$ERR")" content "the bytes and no more"
    ferry -s 127.0.0.1 "$PORT" DEL x
    succeeds_silently
    only_files "$ROOT"
}

succeeds_silently() {
    assert_eq "$STATUS" 0 "exit status"
    assert_eq "$(cat "$OUT" "$ERR")" "" "what was printed"
}

@test "the verbs may be written in small letters" {
    start_server
    echo content >"$ROOT/x"
    ferry 127.0.0.1 "$PORT" get x
    succeeds "client receiving file x (8 bytes)" "Complete"
    ferry 127.0.0.1 "$PORT" put x
    succeeds "client sending file x (8 bytes)" "Complete"
    ferry 127.0.0.1 "$PORT" del x
    succeeds "client deleting file x" "Complete"
}

@test "--wait lets a client through whose turn comes in time" {
    start_server -v -- 1
    echo content >"$ROOT/x"
    hold one
    held one
    ferry_behind --wait 600 127.0.0.1 "$PORT" GET x
    wait_for_line "$SERVER_OUT" '^server connected to client' 2
    release one
    client_ends
    succeeds "client receiving file x (8 bytes)" "Complete"
}

@test "--help says how to use it, on standard output, and connects to nobody" {
    local option
    for option in -h --help; do
        ferry "$option"
        assert_eq "$STATUS" 0 "exit status"
        prints_nothing "$ERR"
        assert_contains "$(<"$OUT")" "Usage: ferry [OPTION]... HOST PORT GET|PUT|DEL FILE..."
    done
    for option in -o --output -q --quiet -j --jobs -w --wait -t --timeout --connect-timeout -s \
        --silent --bare -h --help -V --version; do
        assert_contains "$(<"$OUT")" " $option"
    done
}

@test "--version prints one line with the version" {
    local option
    for option in -V --version; do
        ferry "$option"
        assert_eq "$STATUS" 0 "exit status"
        prints_nothing "$ERR"
        assert_eq "$(wc -l <"$OUT")" 1 "lines"
        grep -qxE 'ferry [0-9]+\.[0-9]+\.[0-9]+' "$OUT"
    done
}

# ---- on the wire ----

@test "a request ends with a newline" {
    fake send READY expect $'DEL some name\n' send DONE gone
    ferry 127.0.0.1 "$PORT" DEL "some name"
    succeeds "client deleting file some name" "Complete"
    fake_is_content
}

@test "with --bare, a request has no newline" {
    fake send READY expect "GET x" send OK expect READY size 4 expect OK send data send DONE gone
    ferry --bare 127.0.0.1 "$PORT" GET x
    succeeds "client receiving file x (4 bytes)" "Complete"
    assert_eq "$(cat x)" data "content"
    fake_is_content

    fake send READY expect "PUT x" send OK expect-size 4 send OK expect data send DONE gone
    ferry 127.0.0.1 "$PORT" PUT x --bare
    succeeds "client sending file x (4 bytes)" "Complete"
    fake_is_content

    fake send READY expect "DEL x" send DONE gone
    ferry 127.0.0.1 --bare "$PORT" DEL x
    succeeds "client deleting file x" "Complete"
    fake_is_content
}

@test "the server's words may come torn, and with others in one piece" {
    fake send REA send DY expect $'GET x\n' send O send K expect READY \
        size 4 expect OK send da send taDO send NE gone
    ferry 127.0.0.1 "$PORT" GET x
    succeeds "client receiving file x (4 bytes)" "Complete"
    assert_eq "$(cat x)" data "content"
    fake_is_content
}

@test "PUT sends no more than it announced, though the file grows" {
    fake send READY expect $'PUT x\n' send OK expect-size 8 say announced wait \
        send OK expect $'content\n' send DONE gone
    echo content >x
    ferry_behind 127.0.0.1 "$PORT" PUT x
    wait_for_line "$FAKE.out" announced
    echo more >>x
    echo go on 1<>"$FAKE.in"
    client_ends
    succeeds "client sending file x (8 bytes)" "Complete"
    fake_is_content
}
