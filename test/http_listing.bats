#!/usr/bin/env bats
#
# A directory over HTTP: what is in it, sorted, for people and for scripts; every name is shown so
# that it can do no harm, and leads to its file; and a directory may be as large as it likes.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031

load lib
load http

setup() {
    mkdir -p "$ROOT"
}

# rows: those of the last answer, a page
rows() {
    LC_ALL=C sed -n 's/^<tbody>//; /^<tr class="/p' "$BODY"
}

# hrefs: of its rows
hrefs() {
    LC_ALL=C awk -F '"' '/^(<tbody>)?<tr class="/ { print $6 }' "$BODY"
}

# python CODE...: with the last answer, read as JSON, as `listing`, and the bytes of ROOT as `root`
python() {
    command -v python3 >/dev/null || skip "needs python3"
    python3 - "$BODY" "$ROOT" <<<"
import json, os, sys
from urllib.parse import unquote_to_bytes
listing = json.load(open(sys.argv[1], encoding='utf-8'))
root = os.fsencode(sys.argv[2])
$1"
}

# row of a FILE: NAME SIZE UNITS
row() {
    printf '<tr class="file"><td class="name"><a href="%s"><bdi>%s</bdi></a></td>%s\n' "$1" "$1" \
        "<td class=\"size\" data-n=\"$2\">$3</td><td class=\"date\" data-n=\"1795600800\"><time datetime=\"2026-11-25T10:00:00Z\">2026-11-25 10:00</time></td></tr>"
}

@test "a page has a row for each file and directory: its name, size and date, sorted by bytes" {
    mkdir "$ROOT/a" "$ROOT/a/m"
    truncate -s 1234 "$ROOT/a/B"
    truncate -s 0 "$ROOT/a/a"
    truncate -s 5368709121 "$ROOT/a/z"
    touch -d '2026-11-25T10:00:00Z' "$ROOT/a"/*
    start_http -v
    request GET /a/
    assert_status 200
    assert_field content-type 'text/html; charset=utf-8'
    assert_field cache-control no-cache
    assert_field vary Accept
    assert_contains "${FIELD[content-security-policy]}" "default-src 'none'"
    assert_contains "${FIELD[content-security-policy]}" "frame-ancestors 'none'"
    assert_eq "$(rows)" "$(
        row B 1234 '1.2 KiB'
        row a 0 '0 B'
        echo '<tr class="directory"><td class="name"><a href="m/"><bdi>m</bdi>/</a></td><td class="size" data-n="-1"></td><td class="date" data-n="1795600800"><time datetime="2026-11-25T10:00:00Z">2026-11-25 10:00</time></td></tr>'
        row z 5368709121 '5.0 GiB'
    )" "the rows"
    grep -q '^<title>/a/</title>$' "$BODY" || fail "the title: $(grep '<title' "$BODY")"
    assert_eq "$(tail -n 1 "$BODY")" '</html>' "the last line"
    wait_for_line "$SERVER_OUT" "^server sending ${FIELD[content-length]} bytes$"
    request GET /a/m/
    assert_eq "$(rows)" "" "the rows of an empty directory"
}

@test "the trail leads to every directory above, and says what is allowed here" {
    local allowed='data-allow="GET, HEAD, PUT, DELETE, OPTIONS"' here
    mkdir -p "$ROOT/a/<b> c"
    start_http
    here='<span aria-current="page"><bdi>&lt;b&gt; c</bdi>/</span></nav>'
    # A slash more is a step more, for who follows a link; "." is none.
    while read -r target trail; do
        request GET "$target"
        assert_contains "$(<"$BODY")" "<nav id=\"trail\" aria-label=\"Path\" $allowed>$trail"
    done <<END
/ <span aria-current="page">/</span></nav>
/a/%3Cb%3E%20c/ <a href="../../">/</a><a href="../"><bdi>a</bdi>/</a>$here
/a//%3Cb%3E%20c/ <a href="../../../">/</a><a href="../../"><bdi>a</bdi>/</a>$here
/./a/./%3Cb%3E%20c/ <a href="../../">/</a><a href="../"><bdi>a</bdi>/</a>$here
/a// <a href="../../">/</a><a href="../"><bdi>a</bdi>/</a></nav>
END
    stop_server
    start_http --read-only
    request GET /
    assert_contains "$(<"$BODY")" 'data-allow="GET, HEAD, OPTIONS"'
}

@test "whatever bytes a name has, its link leads to its file, and it cannot be markup" {
    local names sorted links i
    names=('two words' '"quoted"' "it's" '<b>bold' '&amp;' '100%' '%41' 'a?b#c' 'a:b' 'a;b=c,d' +plus -dash
        .hidden ... 'back\slash' '~' $'new\nline' $'esc\e[1m' $'tab\there' $'\x7f' $'\xff\xfe' $'cut\xe2\x82'
        $'next\xc2\x85line' 'שלום.txt' $'image\xe2\x80\xaegpj.exe' 日本語 😀 '"><script>'
        'javascript:alert(1)' "$(printf '%255s' '' | tr ' ' '"')")
    mkdir "$ROOT/odd"
    mapfile -d '' -t sorted < <(printf '%s\0' "${names[@]}" | LC_ALL=C sort -z)
    for i in "${!sorted[@]}"; do
        printf 'the file %s' "$i" >"$ROOT/odd/${sorted[i]}"
    done
    start_http
    request GET /odd/
    refute grep -q '[[:cntrl:]]' <<<"$(rows)"
    for i in '<bdi>&quot;&gt;&lt;script&gt;</bdi>' '<bdi>&quot;quoted&quot;</bdi>' \
        '<bdi>it&#39;s</bdi>' '<bdi>&amp;amp;</bdi>' '<bdi>new␊line</bdi>' '<bdi>esc␛[1m</bdi>' '<bdi>␡</bdi>' \
        '<bdi>��</bdi>' '<bdi>cut��</bdi>' '<bdi>next�line</bdi>' '<bdi>שלום.txt</bdi>' '<bdi>image�gpj.exe</bdi>'; do
        assert_contains "$(rows)" "$i"
    done
    mapfile -t links < <(hrefs)
    assert_eq "${#links[@]}" "${#names[@]}" "links"
    for i in "${!links[@]}"; do
        request GET "/odd/${links[i]}"
        assert_body "the file $i"
    done
    request GET '/odd/?json'
    python '
names = [entry["name"] for entry in listing["entries"]]
found = sorted(os.listdir(root + b"/odd"))
assert [name.encode("utf-8", "surrogateescape") for name in names] == found, names
assert [unquote_to_bytes(entry["href"]) for entry in listing["entries"]] == found
for name in names:
    size = os.stat(root + b"/odd/" + name.encode("utf-8", "surrogateescape")).st_size
    assert [size] == [entry["size"] for entry in listing["entries"] if entry["name"] == name]'
    refute grep -q $'[\x7f-\x9f]' <<<"$(LC_ALL=C grep -a esc "$BODY")"
}

@test "for scripts there is JSON: path, names, links, kinds, sizes and times" {
    mkdir -p "$ROOT/a\"b/sub"
    printf 12345 >"$ROOT/a\"b/f"
    touch -d '1969-12-31T23:59:59.5Z' "$ROOT/a\"b/f"
    touch -d '2000-02-29T12:34:56Z' "$ROOT/a\"b/sub"
    start_http
    request GET '/a%22b/?json'
    assert_field content-type application/json
    assert_field content-security-policy sandbox
    assert_field vary Accept
    assert_body '{"path":"/a\"b/","entries":[
{"name":"f","href":"f","type":"file","size":5,"mtime":"1969-12-31T23:59:59Z"},
{"name":"sub","href":"sub/","type":"directory","mtime":"2000-02-29T12:34:56Z"}
]}
'
    request GET '/a%22b/sub/?json'
    assert_body $'{"path":"/a\\"b/sub/","entries":[\n]}\n'
    request GET '/?x=y&json'
    python '
assert listing["path"] == "/"
assert [entry["name"] for entry in listing["entries"]] == ["a\"b"]'
}

@test "the form is the one that Accept likes better, and the page where it does not say" {
    local accept type
    start_http
    request GET /
    assert_field content-type 'text/html; charset=utf-8'
    while read -r type accept; do
        request GET / "Accept: $accept"
        [[ ${FIELD[content-type]} == *"/$type"* ]] || fail "Accept: $accept: ${FIELD[content-type]}"
    done <<'END'
html */*
html *
html text/html
html text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8
html text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2
html application/json, text/html
html application/json;q=0.5, text/html;q=0.5
html application/json;q=0.5, */*
html application/jsonp
html application/json;q=0
html image/png
html text/*, application/json;q=0.999
html text/html;q=0.5;note="a,application/json,b"
html text/html;q=0.5;note="b\\",application/json,c"
html */json
json application/json
json APPLICATION/JSON
json application/json;charset=utf-8
json application/json, */*;q=0.5
json text/html;q=0.4, application/json;q=0.41
json text/html;q=0, */*
json text/html;q=0.999, application/json;q=1.000
json text/*;q=0.1, */*;q=0.2
json image/png, application/*
json text/html ; q=0.9 , application/json
json ,, application/json ,,
END
    request GET / 'Accept: text/html;q=0.5' 'Accept: application/json'
    assert_field content-type application/json
    request GET '/?json' 'Accept: text/html'
    assert_field content-type application/json
}

@test "only what a client could fetch is shown" {
    local long target links i
    mkdir "$ROOT/dir" "$ROOT/dir/sub" "$BATS_TEST_TMPDIR/elsewhere"
    printf 123 >"$ROOT/dir/file"
    printf part >"$ROOT/dir/.ferry-tmp.7"
    printf part >"$ROOT/dir/.Ferry-Tmp.8"
    printf secret >"$BATS_TEST_TMPDIR/outside"
    mkfifo "$ROOT/dir/fifo"
    # An ordinary user cannot make one.
    mknod "$ROOT/dir/device" c 1 3 2>/dev/null || true
    ln -s nowhere "$ROOT/dir/dangling"
    ln -s loop "$ROOT/dir/loop"
    ln -s ../../outside "$ROOT/dir/out"
    ln -s ../../elsewhere "$ROOT/dir/out-there"
    ln -s "$ROOT/dir/file" "$ROOT/dir/absolute"
    ln -s fifo "$ROOT/dir/link-to-fifo"
    ln -s .ferry-tmp.7 "$ROOT/dir/link-to-none"
    ln -s file "$ROOT/dir/link"
    ln -s ../dir "$ROOT/dir/link-to-dir"
    start_http
    request GET '/dir/?json'
    # Kernels before 5.6 follow no link (storage.c).
    python '
shown = [(entry["name"], entry["type"], entry.get("size")) for entry in listing["entries"]]
links = [("link", "file", 3), ("link-to-dir", "directory", None)]
assert [entry for entry in shown if entry not in links and entry[0] != "link-to-none"] == [
    ("file", "file", 3), ("sub", "directory", None)], shown
assert links[0] in shown and links[1] in shown, shown'
    mapfile -t links < <(sed -n 's/.*"href":"\([^"]*\)".*/\1/p' "$BODY")
    for i in "${links[@]}"; do
        request GET "/dir/$i"
        assert_status 200
    done
    # The name of a file is told with all that leads to it, and that has its limit.
    long=$(printf '%250s' '' | tr ' ' n)
    target=$long/$long/$long/$long
    mkdir -p "$ROOT/$target"
    touch "$ROOT/$target/$(printf '%20s' '' | tr ' ' a)" "$ROOT/$target/$(printf '%21s' '' | tr ' ' b)"
    request GET "/$target/"
    assert_eq "$(hrefs)" aaaaaaaaaaaaaaaaaaaa "the names that are not too long"
    request GET "/$target/$(hrefs)"
    assert_status 200
}

@test "HEAD, and HTTP/1.0, are answered as GET is; without the slash there is a way to it" {
    local fields
    mkdir "$ROOT/a b"
    touch "$ROOT/a b/f"
    start_http
    request GET '/a%20b/'
    fields=$(declare -p FIELD)
    cp "$BODY" "$BATS_TEST_TMPDIR/page"
    request HEAD '/a%20b/'
    assert_status 200
    assert_eq "${fields//[0-9]:[0-9][0-9] GMT/}" "$(declare -p FIELD | sed 's/[0-9]:[0-9][0-9] GMT//')" "fields"
    answer send "GET /a%20b/ HTTP/1.0\r\nHost: localhost\r\n\r\n"
    assert_status 200
    assert_field content-length "$BODY_BYTES"
    assert_file_eq "$BODY" "$BATS_TEST_TMPDIR/page"
    request GET '/a%20b?json'
    assert_status 301
    assert_field location 'a%20b/?json'
}

@test "a directory that may not be read, and one that is not there, are told apart" {
    mkdir "$ROOT/closed" "$ROOT/open"
    touch "$ROOT/open/f"
    make_readable "$ROOT"
    chmod 311 "$ROOT/closed"
    # shellcheck disable=SC2034  # read by start_server
    SERVER_PREFIX=(unprivileged)
    start_http
    request GET /closed/
    assert_status 403
    request GET /missing/
    assert_status 404
    request GET /open/f/
    assert_status 404
    request GET /open/
    assert_eq "$(hrefs)" f "what is shown"
}

# ---- 100,000 entries ----

MANY=100000

PREFIX=a-name-that-is-somewhat-longer-than-others-

# make_many: that many files in ROOT/many, made in an order that is not theirs
make_many() {
    mkdir "$ROOT/many"
    "$BIN/test/make_names" "$ROOT/many" "$MANY" "$PREFIX"
}

# own_memory ID: of a worker, KiB; that of all threads is the server's
own_memory() {
    local pid=$1
    ! is_threads || pid=$SERVER_PID
    sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"
}

# churn: names come and go in ROOT/many, up to the end of the process
churn() {
    cd "$ROOT/many" || return
    while :; do
        touch churn.{1..20} "a churn."{1..20}
        rm churn.{1..20} "a churn."{1..20}
    done
}

# many_are FILE: names, one in a line; those that stay are all there, and all are in order
many_are() {
    LC_ALL=C sort -cu "$1" || fail "not in order, or some twice"
    grep -v churn "$1" | cmp - <(seq -f "$PREFIX%06.0f" "$MANY") || fail "some are missing, or there is more"
}

# reader ID STEP...: a client in the background that asks for ROOT/many, with a small window
reader() {
    local base=$BATS_TEST_TMPDIR/client.$1
    mkfifo "$base.in"
    "$WIRE" -r 65536 "$HTTP_PORT" timeout 60000 \
        send "GET /many/ HTTP/1.1\r\nHost: localhost\r\n\r\n" "${@:2}" \
        <>"$base.in" >"$base.out" 2>"$base.err" 3>&- 4>&- &
    # shellcheck disable=SC2034 # for says and succeeds
    TOLD[$1]=$!
    track "$!"
}

@test "100,000 entries come whole and in order, in little memory; who does not read is ended" {
    local churner before worker list=$BATS_TEST_TMPDIR/list
    make_many

    # While others come and go, and somebody does not read.
    start_http -vv --timeout 1
    reader stalled expect HTTP/1.1 say asked wait wait-gone
    says stalled asked
    churn 3>&- 4>&- &
    churner=$!
    track "$churner"
    answer send "GET /many/ HTTP/1.0\r\n\r\n"
    assert_status 200
    refute_field content-length transfer-encoding
    hrefs >"$list"
    many_are "$list"
    assert_eq "$(tail -n 1 "$BODY")" '</html>' "the last line"
    request HEAD /many/
    assert_field transfer-encoding chunked
    if command -v curl >/dev/null; then
        plain_curl -o "$BODY" "$URL/many/?json"
        assert_eq "$(head -n 1 "$BODY")$(tail -n 1 "$BODY")" '{"path":"/many/","entries":[]}' "the ends"
        sed -n 's/^{"name":"\([^"]*\)".*/\1/p' "$BODY" >"$list"
        many_are "$list"
        assert_eq "$(grep -c '},$' "$BODY")" "$(($(wc -l <"$list") - 1))" "commas"
    fi
    kill "$churner"
    wait_for_line "$SERVER_OUT" ' client 1 ended, .* timeout after '
    tell stalled
    succeeds stalled
    stop_server

    # What cannot go on, because the directory is gone, has no last chunk.
    start_http -vv
    before=$(own_memory "$SERVER_PID")
    reader half skip 12000000 say half wait save-rest "$BATS_TEST_TMPDIR/rest"
    says half half
    worker=$(workers)
    # A sanitizer has its own ideas of memory.
    [ -n "$SANITIZED" ] || (($(own_memory "$worker") - before < 1536)) ||
        fail "KiB before: $before, then: $(own_memory "$worker")"
    rm -rf "$ROOT/many"
    tell half
    succeeds half
    refute grep -q '</html>' "$BATS_TEST_TMPDIR/rest"
    [ "$(tail -c 5 "$BATS_TEST_TMPDIR/rest" | tr '\r\n' .)" != 0.... ] || fail "there is a last chunk"
    wait_for_line "$SERVER_OUT" ' client 1 ended, .* broken after '
}
