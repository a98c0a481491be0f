#!/usr/bin/env bats
#
# Other people's programs as clients of the other door: what curl, wget, busybox and Python send and
# receive is the same, byte by byte.

load lib
load http

HERE=$BATS_TEST_TMPDIR/here # where the clients have their files

setup() {
    mkdir -p "$HERE" "$ROOT"
    # Nobody's proxies and settings.
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
    export HOME=$HERE LC_ALL=C.UTF-8
}

# code ARGUMENT...: curl, which tells the status of the answer alone
code() {
    plain_curl -o /dev/null -w '%{http_code}\n' "$@"
}

# a_wget ARGUMENT...: says what it does where somebody looks for it
a_wget() {
    timeout 60 wget --no-config -nv --tries 1 --no-proxy "$@" 2>>"$BATS_TEST_TMPDIR/said" ||
        fail "wget: $(<"$BATS_TEST_TMPDIR/said")"
}

# sized_file NAME BYTES: in ROOT
sized_file() {
    random_file "$ROOT/$1" "$2"
}

# Names that a URL, a shell, HTML or a header would take for something else.
NAMES=('a b' ' in front' 'ümläut' '日本語.txt' '100%' '%41' 'a%2fb' 'what?' 'a#b' 'a&b=c' 'a+b' 'a;b' "it's" '"quoted"'
    '<b>bold' 'back\slash' '[list]' 'index' '~tilde' '*' 'a:b' '...')

# ---- curl ----

@test "curl -T stores a file as it is, of any size, and curl gets it as it was" {
    local bytes
    needs curl
    start_http
    for bytes in 0 1 4095 65536 1048577 5000000; do
        random_file "$HERE/file" "$bytes"
        assert_eq "$(code -T "$HERE/file" "$URL/stored.$bytes")" 201
        assert_file_eq "$ROOT/stored.$bytes" "$HERE/file"
        plain_curl -f -o "$HERE/back" "$URL/stored.$bytes"
        assert_file_eq "$HERE/back" "$HERE/file"
    done
    # Again, in place of what is there.
    assert_eq "$(code -T "$HERE/file" "$URL/stored.1")" 204
    assert_file_eq "$ROOT/stored.1" "$HERE/file"
}

@test "curl -T - stores what comes through a pipe, however long it turns out to be" {
    local bytes from
    needs curl
    start_http
    for bytes in 0 1 100000 3000000; do
        random_file "$HERE/file" "$bytes"
        for from in - .; do
            # shellcheck disable=SC2002 # a pipe is what is tested
            cat "$HERE/file" | plain_curl -f -T "$from" "$URL/piped"
            assert_file_eq "$ROOT/piped" "$HERE/file"
        done
    done
    # One that is written slowly, in pieces.
    {
        printf 'one '
        _nap 0.2
        printf 'two '
        _nap 0.2
        printf three
    } | plain_curl -f -N -T - "$URL/pieces"
    assert_eq "$(<"$ROOT/pieces")" 'one two three'
}

@test "curl -C - goes on with a download where it was broken off" {
    local had
    needs curl
    sized_file f 3000000
    start_http
    for had in 0 1 1500000 2999999; do
        head -c "$had" "$ROOT/f" >"$HERE/part"
        assert_eq "$(plain_curl -C - -o "$HERE/part" -w '%{size_download}' "$URL/f")" $((3000000 - had))
        assert_file_eq "$HERE/part" "$ROOT/f"
    done
    # One that is broken off in fact, by the client's clock.
    rm "$HERE/part"
    sized_file f 20000000
    refute plain_curl --limit-rate 1M --max-time 1 -o "$HERE/part" "$URL/f" 2>/dev/null
    [ -s "$HERE/part" ]
    plain_curl -f -C - -o "$HERE/part" "$URL/f"
    assert_file_eq "$HERE/part" "$ROOT/f"
}

@test "curl -C - on an upload is refused, and the file stays as it was" {
    needs curl
    printf 'all of it' >"$ROOT/f"
    printf 'something else, and longer' >"$HERE/f"
    start_http
    assert_eq "$(code -C 4 -T "$HERE/f" "$URL/f")" 400
    assert_eq "$(<"$ROOT/f")" 'all of it'
}

@test "curl -r gets the part that it asks for, and the whole where it asks for several" {
    local range from count
    needs curl
    sized_file f 100000
    start_http
    while read -r range from count; do
        assert_eq "$(plain_curl -r "$range" -o "$HERE/part" -w '%{http_code}' "$URL/f")" 206
        assert_file_eq "$HERE/part" <(tail -c "+$((from + 1))" "$ROOT/f" | head -c "$count")
    done <<'END'
0-0 0 1
0-99999 0 100000
99999-99999 99999 1
500-1499 500 1000
70000- 70000 30000
-1 99999 1
-30000 70000 30000
90000-200000 90000 10000
END
    assert_eq "$(plain_curl -r 0-9,20-29 -o "$HERE/part" -w '%{http_code}' "$URL/f")" 200
    assert_file_eq "$HERE/part" "$ROOT/f"
    assert_eq "$(code -r 100000- "$URL/f")" 416
}

@test "curl -z and --etag-compare get nothing again that has not changed, and -R the file's own date" {
    needs curl
    printf first >"$ROOT/f"
    touch -d '2020-02-29 12:34:56 UTC' "$ROOT/f"
    start_http
    plain_curl -f -R --etag-save "$HERE/tag" -o "$HERE/f" "$URL/f"
    assert_eq "$(stat -c %Y "$HERE/f")" "$(stat -c %Y "$ROOT/f")"
    assert_eq "$(code -z "$HERE/f" "$URL/f")" 304
    assert_eq "$(code --etag-compare "$HERE/tag" "$URL/f")" 304
    assert_eq "$(code -z "2020-02-29 12:34:55 UTC" "$URL/f")" 200
    # The other way round: only where it has not changed since.
    assert_eq "$(code -z "-29 Feb 2020 12:34:55 UTC" "$URL/f")" 412
    # A new version of the same size and date is a new one by its tag.
    printf other >"$HERE/new" && touch -r "$ROOT/f" "$HERE/new" && mv "$HERE/new" "$ROOT/f"
    assert_eq "$(code -z "$HERE/f" "$URL/f")" 304
    plain_curl -f --etag-compare "$HERE/tag" --etag-save "$HERE/tag" -o "$HERE/f" "$URL/f"
    assert_eq "$(<"$HERE/f")" other
    assert_eq "$(code --etag-compare "$HERE/tag" "$URL/f")" 304
}

@test "dozens of curl's transfers at once, up and down, share two slots and are all whole" {
    local i
    needs curl
    mkdir "$HERE/up" "$HERE/down" "$ROOT/up"
    for i in {1..30}; do
        random_file "$HERE/up/$i" $((i * 10000))
        sized_file "down.$i" $((i * 10007))
        printf '%s\n' "upload-file = \"$HERE/up/$i\"" "url = \"@/up/$i\"" next \
            "output = \"$HERE/down/$i\"" "url = \"@/down.$i\"" next
    done >"$HERE/jobs"
    start_http -- 2
    sed -i "s,@,$URL,; \$d" "$HERE/jobs"
    # What is said once counts for the transfers up to the next only.
    sed -i 's,^next$,noproxy = "*"\nfail\nnext,; $a noproxy = "*"\nfail' "$HERE/jobs"
    timeout 120 curl -q -sS -Z --parallel-immediate --parallel-max 60 -K "$HERE/jobs"
    for i in {1..30}; do
        assert_file_eq "$ROOT/up/$i" "$HERE/up/$i"
        assert_file_eq "$HERE/down/$i" "$ROOT/down.$i"
    done
}

@test "curl is told to go on where it waits for that, and does not wait for ever where it need not" {
    needs curl
    random_file "$HERE/file" 200000
    start_http
    # It would send the body after these 30 s, too: that is longer than it may take.
    plain_curl -f -v -H 'Expect: 100-continue' --expect100-timeout 30 --max-time 20 \
        -T "$HERE/file" "$URL/told" 2>"$HERE/said"
    assert_contains "$(<"$HERE/said")" 'HTTP/1.1 100 Continue'
    assert_file_eq "$ROOT/told" "$HERE/file"
    plain_curl -f -H 'Expect: 100-continue' --expect100-timeout 30 --max-time 20 -T - "$URL/piped" \
        <"$HERE/file"
    assert_file_eq "$ROOT/piped" "$HERE/file"
    plain_curl -f -v -H 'Expect:' -T "$HERE/file" "$URL/untold" 2>"$HERE/said"
    refute grep -q '100 Continue' "$HERE/said"
    assert_file_eq "$ROOT/untold" "$HERE/file"
}

# refused STATUS ARGUMENT...: an upload of a megabyte ends in this, and no byte of it was sent
refused() {
    assert_eq "$(code -H 'Expect: 100-continue' --expect100-timeout 30 --max-time 20 -T "$HERE/file" \
        -w '%{http_code} %{size_upload}\n' "${@:2}")" "$1 0"
}

# refused_late STATUS ARGUMENT...: the same where the client does not wait: the answer is read
refused_late() {
    assert_eq "$(code -H 'Expect:' -T "$HERE/file" "${@:2}")" "$1"
}

@test "curl hears a refusal before it has sent anything, or else while it sends" {
    local refuse i
    needs curl
    random_file "$HERE/file" 1048576
    printf kept >"$ROOT/f"
    mkdir "$ROOT/dir"
    start_http --max-size 1M --no-delete
    for refuse in refused refused_late; do
        "$refuse" 409 "$URL/missing/f"
        "$refuse" 409 "$URL/dir"
        "$refuse" 403 "$URL/.ferry-tmp.1"
        "$refuse" 403 -H 'Origin: http://elsewhere.example' "$URL/f"
        "$refuse" 412 -H 'If-None-Match: *' "$URL/f"
        "$refuse" 412 -H 'If-Match: "other"' "$URL/f"
        "$refuse" 415 -H 'Content-Encoding: gzip' "$URL/f"
        "$refuse" 421 -H 'Host: elsewhere.example' "$URL/f"
        "$refuse" 405 -X MKCOL "$URL/f"
        "$refuse" 501 -X POST "$URL/f"
    done
    assert_eq "$(code -H 'Expect: 200-ok' -T "$HERE/file" "$URL/f")" 417
    assert_eq "$(code -X PUT "$URL/f")" 411
    # However often: none is lost in a reset.
    for i in {1..20}; do
        refused_late 409 "$URL/missing/f"
    done
    printf x >>"$HERE/file"
    refused 413 "$URL/f"
    refused_late 413 "$URL/f"
    # One that only shows when it comes.
    assert_eq "$(code -T - "$URL/f" <"$HERE/file")" 413
    stop_server
    assert_eq "$(<"$ROOT/f")" kept
    start_http --read-only
    refused 405 "$URL/f"
    refused_late 405 "$URL/f"
    assert_eq "$(find "$ROOT" -type f)" "$ROOT/f"
}

@test "curl speaks HTTP/1.0 with it, up and down" {
    needs curl
    random_file "$HERE/file" 1500000
    mkdir "$ROOT/dir"
    (cd "$ROOT/dir" && touch entry{1..2000})
    start_http
    plain_curl -0 -f -T "$HERE/file" "$URL/f"
    assert_file_eq "$ROOT/f" "$HERE/file"
    plain_curl -0 -f -o "$HERE/back" "$URL/f"
    assert_file_eq "$HERE/back" "$HERE/file"
    # A listing, whose length nobody knows, has no chunks then.
    plain_curl -0 -f -i -o "$HERE/back" "$URL/dir/"
    refute grep -qi '^transfer-encoding' "$HERE/back"
    assert_eq "$(grep -o 'href="entry[0-9]*"' "$HERE/back" | sort -u | wc -l)" 2000 "links"
}

@test "curl -I tells what a GET would, and gets nothing" {
    local what
    needs curl
    sized_file f 12345
    mkdir "$ROOT/dir"
    start_http
    for what in f missing dir dir/; do
        plain_curl -I "$URL/$what" >"$HERE/head"
        plain_curl -D - -o /dev/null "$URL/$what" >"$HERE/get"
        # The date may have gone on, and a listing need not be counted.
        assert_eq "$(grep -viE '^(date|transfer-encoding|content-length)' "$HERE/head")" \
            "$(grep -viE '^(date|transfer-encoding|content-length)' "$HERE/get")" "$what"
    done
    assert_eq "$(code -w '%{size_download}\n' -I "$URL/f")" 0
    plain_curl -I "$URL/f" | grep -qx $'Content-Length: 12345\r'
}

@test "curl -X DELETE deletes, and -X MKCOL makes a directory where that is allowed" {
    needs curl
    : >"$ROOT/f"
    mkdir "$ROOT/dir"
    start_http
    assert_eq "$(code -X DELETE "$URL/f")" 204
    [ ! -e "$ROOT/f" ]
    assert_eq "$(code -X DELETE "$URL/f")" 404
    assert_eq "$(code -X DELETE "$URL/dir")" 405
    assert_eq "$(code -X MKCOL "$URL/new")" 405
    [ ! -e "$ROOT/new" ]
    stop_server
    start_http --make-directories
    assert_eq "$(code -X MKCOL "$URL/new")" 201
    [ -d "$ROOT/new" ]
    assert_eq "$(code -X MKCOL "$URL/new")" 405
    assert_eq "$(code -X MKCOL "$URL/a/b")" 409
    # And an upload makes those that are missing.
    printf hi | plain_curl -f -T - "$URL/a/b/c"
    assert_eq "$(<"$ROOT/a/b/c")" hi
}

@test "curl --compressed, -L at a directory, and -f at what is not there" {
    needs curl
    sized_file f 100000
    mkdir "$ROOT/dir"
    : >"$ROOT/dir/inside"
    start_http
    plain_curl -f --compressed -o "$HERE/f" "$URL/f"
    assert_file_eq "$HERE/f" "$ROOT/f"
    assert_eq "$(code "$URL/dir")" 301
    plain_curl -f -L -w '%{url_effective}\n' "$URL/dir?json" >"$HERE/list"
    assert_contains "$(<"$HERE/list")" '"inside"'
    assert_eq "$(tail -n 1 "$HERE/list")" "$URL/dir/?json"
    run plain_curl -f "$URL/missing"
    assert_eq "$status" 22
}

@test "names are stored, listed, got and deleted as they are, whatever is in them" {
    local name target link
    needs curl python3
    start_http
    for name in "${NAMES[@]}"; do
        printf '%s' "$name" >"$HERE/$name"
        # With -g, or curl would read brackets; it takes the name from the file, and escapes it. Of
        # one with a backslash, it would take what comes after that.
        target=
        [[ $name != 'back\slash' ]] || target='back%5cslash'
        (cd "$HERE" && plain_curl -g -f -T "$name" "$URL/$target")
        assert_file_eq "$ROOT/$name" "$HERE/$name"
    done
    assert_eq "$(find "$ROOT" -type f | wc -l)" "${#NAMES[@]}"
    # By the links of the listing.
    plain_curl -f -H 'Accept: application/json' "$URL/" >"$HERE/list.json"
    python3 - "$HERE/list.json" "$URL/" <<'END' >"$HERE/links"
import json, sys
for entry in json.load(open(sys.argv[1]))["entries"]:
    print(sys.argv[2] + entry["href"])
END
    assert_eq "$(wc -l <"$HERE/links")" "${#NAMES[@]}"
    mkdir "$HERE/got"
    while read -r link; do
        name=$(plain_curl -g -f "$link")
        assert_file_eq "$ROOT/$name" "$HERE/$name"
        assert_eq "$(code -g -X DELETE "$link")" 204
        [ ! -e "$ROOT/$name" ] || fail "$name is still there"
    done <"$HERE/links"
    assert_eq "$(find "$ROOT" -type f)" ""
}

# ---- wget ----

@test "wget gets a file, goes on with one with -c, and leaves alone with -N what has not changed" {
    needs wget
    sized_file f 3000000
    touch -d '2021-03-04 05:06:07 UTC' "$ROOT/f"
    start_http
    a_wget -P "$HERE" "$URL/f"
    assert_file_eq "$HERE/f" "$ROOT/f"
    assert_eq "$(stat -c %Y "$HERE/f")" "$(stat -c %Y "$ROOT/f")"
    head -c 1234567 "$ROOT/f" >"$HERE/f"
    a_wget -c -P "$HERE" "$URL/f"
    assert_file_eq "$HERE/f" "$ROOT/f"
    a_wget -c -P "$HERE" "$URL/f" # there is nothing left
    assert_file_eq "$HERE/f" "$ROOT/f"
    # That what is here is not got again shows in a change of it, which stays.
    printf X | dd of="$HERE/f" conv=notrunc status=none
    touch -r "$ROOT/f" "$HERE/f"
    a_wget -N -P "$HERE" "$URL/f"
    assert_eq "$(head -c 1 "$HERE/f")" X
    random_file "$ROOT/f" 3000000
    a_wget -N -P "$HERE" "$URL/f"
    assert_file_eq "$HERE/f" "$ROOT/f"
}

@test "wget -r makes the same tree out of the listings, whatever its names are" {
    local name
    needs wget
    mkdir -p "$ROOT/tree/a/b/c" "$ROOT/tree/d e/100%" "$ROOT/tree/empty"
    sized_file tree/a/b/c/deep 100000
    sized_file "tree/d e/100%/f" 1000
    for name in "${NAMES[@]}"; do
        # These wget asks for as they are, and then decodes them once more, for its own file.
        [[ $name == %41 || $name == a%2fb ]] || printf '%s' "$name" >"$ROOT/tree/$name"
    done
    start_http
    # What it has no name for is index.html, which it also needs for itself.
    a_wget -r -l inf -np -nH --restrict-file-names=nocontrol --default-page=.listing \
        -R '.listing*' -P "$HERE/got" "$URL/tree/"
    find "$HERE/got" -name '.listing*' -delete
    rmdir "$ROOT/tree/empty" # it leads to no file, and so wget makes nothing of it
    [ ! -d "$HERE/got/tree/empty" ] || rmdir "$HERE/got/tree/empty"
    assert_eq "$(contents "$HERE/got/tree")" "$(contents "$ROOT/tree")"
}

# contents DIR: names and checksums
contents() (
    cd "$1" && find . -type d -printf '%p/\n' -o -exec sha256sum {} + | sort
)

@test "wget is told what is wrong, and stores nothing" {
    needs wget
    start_http
    run a_wget -O "$HERE/f" "$URL/missing"
    assert_contains "$output" '404: Not Found'
    [ ! -s "$HERE/f" ]
    run a_wget --method=PUT --body-data=hello -O "$HERE/f" "$URL/missing/f"
    assert_contains "$output" '409: Conflict'
    a_wget --method=PUT --body-data=hello -O "$HERE/f" "$URL/f"
    assert_eq "$(<"$ROOT/f")" hello
    a_wget --method=DELETE -O "$HERE/f" "$URL/f"
    [ ! -e "$ROOT/f" ]
}

# ---- busybox ----

box() {
    timeout 60 busybox wget -q -Y off "$@"
}

@test "busybox wget gets a file, goes on with one with -c, and asks whether there is one" {
    needs busybox
    busybox wget --help >/dev/null 2>&1 || skip "needs a busybox with wget"
    sized_file f 3000000
    start_http
    box -O "$HERE/f" "$URL/f"
    assert_file_eq "$HERE/f" "$ROOT/f"
    box -O - "$URL/f" | cmp - "$ROOT/f"
    head -c 1234567 "$ROOT/f" >"$HERE/f"
    box -c -O "$HERE/f" "$URL/f"
    assert_file_eq "$HERE/f" "$ROOT/f"
    box --spider "$URL/f"
    refute box --spider "$URL/missing" 2>/dev/null
    refute box -O "$HERE/no" "$URL/missing" 2>/dev/null
    mkdir "$ROOT/dir"
    : >"$ROOT/dir/inside"
    box -O "$HERE/list" "$URL/dir/"
    grep -q inside "$HERE/list"
}

# ---- Python ----

@test "Python's urllib and http.client put, get and delete, in chunks and in parts" {
    needs python3
    python3 -c 'import http.client, urllib.request' 2>/dev/null || skip "needs python3 with http.client"
    start_http
    python3 - "$HTTP_PORT" <<'END' || fail "as it says"
import http.client, sys, urllib.error, urllib.request

port = int(sys.argv[1])
data = bytes(i * i % 251 for i in range(100000))
url = "http://127.0.0.1:%d/f" % port
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))

def ask(method, name, body=None, chunked=False, **fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, name, body, {k.replace("_", "-"): v for k, v in fields.items()},
                       encode_chunked=chunked)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.will_close, "it should have said Connection: close"
    connection.close()
    return answer, text

def pieces():
    for at in range(0, len(data), 7777):
        yield data[at:at + 7777]

answer, _ = ask("PUT", "/f", data)
assert answer.status == 201, answer.status
tag = answer.getheader("ETag")
assert urllib.request.urlopen(url).read() == data
answer, text = ask("GET", "/f", Range="bytes=10-19", If_Range=tag)
assert (answer.status, text) == (206, data[10:20])
assert answer.getheader("Content-Range") == "bytes 10-19/100000"
answer, _ = ask("PUT", "/f", pieces(), chunked=True, If_Match=tag, Transfer_Encoding="chunked")
assert answer.status == 204, answer.status
assert urllib.request.urlopen(url).read() == data
answer, _ = ask("PUT", "/f", data, If_Match=tag)
assert answer.status == 412, answer.status
answer, text = ask("GET", "/f", If_None_Match=answer.getheader("ETag") or "*")
assert (answer.status, text) == (304, b"")
answer, _ = ask("DELETE", "/f")
assert answer.status == 204
try:
    urllib.request.urlopen(url)
    raise AssertionError("it should have been gone")
except urllib.error.HTTPError as error:
    assert error.code == 404
END
    assert_eq "$(find "$ROOT" -type f)" ""
}
