#!/usr/bin/env bats
# Runs on: once
#
# scripts/bench, in small: it measures what it promises, says what it cannot, and leaves nothing
# behind. Most tests read the one run that setup_file() makes. What it finds is no concern of theirs.

# Backticks in quotes are Markdown's:
# shellcheck disable=SC2016

load lib

RUN=${BATS_FILE_TMPDIR:-$BATS_RUN_TMPDIR}/bench
DATA=$RUN/data
JSON=$RUN/report.json
REPORT=$RUN/report.md

setup_file() {
    [ -z "$SANITIZED" ] || return 0
    # The static ones are not among the probes, since not everybody has a libc for them.
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$PROJECT" BUILD="$BIN" bench-programs || return
    bench "$RUN" --quick || fail "a benchmark failed:" "$(cat "$RUN/output")"
}

setup() {
    [ -z "$SANITIZED" ] || skip "a sanitizer's time is not the servers'"
}

# bench FOLDER ARG...: in small, into FOLDER. For each client of a supervisor, where ferryd cannot be
# started by one, the least session.
bench() {
    local folder=$1 session=
    shift
    "$BIN/ferryd" --help | grep -q -e --inetd || session="$BIN/bench/bare_fork -i"
    mkdir -p "$folder/tmp"
    env TMPDIR="$folder/tmp" OUT="$folder" BIN="$BIN" BENCH_SESSION="$session" ROUNDS=2 \
        SECONDS_EACH=0.05 WAITERS=40 MANY=12 BULK_MIB=1 SYNCS=3 COUNTED=4 \
        timeout 300 "$PROJECT/scripts/bench" "$@" >"$folder/output" 2>&1 3>&- 4>&-
}

# The lines that are asked for, by the script that makes them.
lines_asked() {
    grep -o ' line("[a-z0-9-]*", "' "$PROJECT/scripts/bench-report" | cut -d'"' -f2
}

# line NAME: that line of the JSON
line() {
    grep "^{\"line\": \"$1\"," "$JSON" || fail "no line $1"
}

# table NAME DOCUMENT: its rows
table() {
    awk -v name="bench-$1" '/^<!-- end/ { inside = 0 } inside && /^[|]/ { print }
        /^<!-- table: / && $3 == name { inside = 1 }' "$2"
}

# nothing_below PATH: neither a file, nor a process that has it in its command line
nothing_below() {
    local file words
    assert_eq "$(find "$1" -mindepth 1)" "" "files that are left" || return
    for file in /proc/[0-9]*/cmdline; do
        words=$(tr '\0' ' ' 2>/dev/null <"$file") 2>/dev/null || continue # it has ended
        [[ $words != *"$1/"* ]] || fail "left behind: $words" || return
    done
}

@test "the report has every line that is asked for, and a row for each" {
    local name
    [ "$(lines_asked | wc -l)" -ge 30 ]
    for name in $(lines_asked); do
        line "$name" >/dev/null
    done
    assert_eq "$(grep -c '^{"line"' "$JSON")" "$(lines_asked | wc -l)" "lines"
    assert_eq "$(for name in lines http; do table $name "$REPORT"; done | wc -l)" "$(($(lines_asked | wc -l) + 4))" "rows"
    assert_eq "$(table http "$REPORT" | wc -l)" "$(($(lines_asked | grep -c '^http-') + 2))" "rows about HTTP"
    # What is printed ends with it.
    assert_file_eq <(tail -n "$(wc -l <"$REPORT")" "$RUN/output") <(cat "$REPORT")
}

@test "each line that can be measured everywhere has a figure, and those with two a ratio" {
    local name
    for name in small-promises price-of-promises small-threads sandbox record waiting cap passed-over \
        get-1 get-4 put-1 put-4 threads-get-1 threads-put-4 dd sync-1 sync-8 \
        http-small http-small-1 http-small-64 http-threads http-threads-1 http-threads-64; do
        [ -x "$BIN/bench/bare_fork-static" ] || [[ $name =~ ^(sandbox|record|waiting|cap|passed-over|dd|http-.*)$ ]] ||
            continue
        [[ $(line "$name") =~ \"ratio\":\ [0-9.]+,.*\"ratio_low\":\ [0-9.]+,.*\"ratio_high\":\ [0-9.]+, ]] ||
            fail "$(line "$name")"
    done
    for name in faults refill memory-client memory-parent cpu-parent start; do
        [[ $(line "$name") =~ \"ours\":\ [0-9.]+,.*\"verdict\":\ \"(short|enough|aim)\" ]] || fail "$(line "$name")"
    done
    refute grep -n -e nan -e inf "$JSON"
}

@test "the JSON is valid, and what is not known is null" {
    command -v python3 >/dev/null || skip "needs python3"
    python3 - "$JSON" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
for line in report["lines"]:
    assert set(line) == set(report["lines"][0]), line
    for key in ("ours", "theirs", "ratio", "least", "aim"):
        assert line[key] is None or line[key] > 0 or line["line"] == "cpu-parent", line
for turn in report["contenders"]:
    assert turn["turns"] >= 1 and turn["value_low"] <= turn["value_high"], turn
for count in report["counts"]:
    assert count["page_faults"]["all"] is not None, count
END
}

@test "the report says what machine it was, and when" {
    local text
    text=$(cat "$REPORT")
    assert_contains "$text" "$(uname -sr)"
    assert_contains "$text" "$(getconf _NPROCESSORS_ONLN) of "
    assert_contains "$text" "$(date -u +%Y-)"
    assert_contains "$text" "files on $(df -PT "$RUN" | awk 'NR == 2 { print $2 }')"
}

@test "every contender is measured or told to be lacking" {
    local name
    for name in ferryd threads ferryd-open ferryd-record bare-fork bare-promises bare-thread \
        bare-fork-static bare-fork-musl tcpserver socat xinetd systemd-socket-activate lab nginx vsftpd \
        rsync iperf3 ferryd-http threads-http lighttpd busybox darkhttpd http.server; do
        grep -q "^sample [^ ]* $name " "$DATA" || grep -q "^skipped $name: " "$DATA" || fail "nothing of $name"
    done
}

@test "a contender that is not installed is told, and the others are measured" {
    local name folder folders bin=$BATS_TEST_TMPDIR/bin out=$BATS_TEST_TMPDIR/out
    mkdir "$bin"
    IFS=: read -ra folders <<<"$PATH"
    for folder in "${folders[@]}"; do
        [ ! -d "$folder" ] || ln -sf "$folder"/* "$bin"
    done
    rm -f "$bin"/{socat,tcpserver,python3,strace,perf}
    PATH=$bin bench "$out" --only small || fail "$(cat "$out/output")"
    for name in socat tcpserver lab; do
        grep -q "^\"$name: .*not installed\",*$" "$out/report.json" || fail "$name: $(cat "$out/report.json")"
        grep -q "^- $name: " "$out/report.md"
    done
    grep -q '^{"line": "record".*"ratio": [0-9]' "$out/report.json"
    run env PATH="$bin" TMPDIR="$out/tmp" BIN="$BIN" "$PROJECT/scripts/count-calls" -n 2 ferryd-open
    assert_eq "$status" 0 "$output"
    assert_contains "$output" '"calls": null'
    assert_contains "$output" 'strace is not installed'
    nothing_below "$out/tmp"
}

@test "count-calls tells parent from child, call by call" {
    needs_strace
    local counted
    counted=$(BIN=$BIN "$PROJECT/scripts/count-calls" -n 5 ferryd-open)
    assert_contains "$counted" '"contender": "ferryd-open", "verb": "GET", "transfers": 5,'
    [[ $counted =~ \"calls_of_parent\":\ \{[^}]*\"clone\":\ 1[,}] ]] || fail "$counted"
    [[ $counted =~ \"calls_of_child\":\ \{[^}]*\"sendfile\":\ 1[,}] ]] || fail "$counted"
    [[ $counted =~ \"page_faults\":\ \{\"all\":\ [0-9.]+,\ \"parent\":\ [0-9.]+ ]] || fail "$counted"
    [ "$(wc -l <<<"$counted")" -eq 1 ]
}

@test "the same by HTTP, from the request to the last byte" {
    needs_strace
    local counted
    counted=$(BIN=$BIN "$PROJECT/scripts/count-calls" -n 5 -v HTTP ferryd-open)
    assert_contains "$counted" '"contender": "ferryd-open", "verb": "HTTP", "transfers": 5,'
    [[ $counted =~ \"calls_of_child\":\ \{[^}]*\"sendfile\":\ 1[,}] ]] || fail "$counted"
    counted=$(BIN=$BIN "$PROJECT/scripts/count-calls" -n 5 -v HTTP-PUT ferryd-open)
    [[ $counted =~ \"calls_of_child\":\ \{[^}]*\"fsync\":\ 2[,}] ]] || fail "$counted"
}

@test "the load generator stores what it says, and counts no answer that says no" {
    local bytes
    mkdir "$ROOT"
    head -c 100000 /dev/zero >"$ROOT/here"
    start_server --http 127.0.0.1:0
    run "$BIN/bench/load" -c 3 -n 10 "$HTTP_PORT" HTTP here
    assert_eq "$status" 0 "$output"
    assert_contains "$output" '"good": 10, "failed": 0,'
    for bytes in 1000 20000 3000000; do # in one packet; in several; more than the socket takes
        run "$BIN/bench/load" -c 2 -n 3 -s $bytes "$HTTP_PORT" HTTP-PUT up$bytes
        assert_eq "$status" 0 "$output"
        assert_eq "$(cat "$ROOT"/up$bytes-[012] | wc -c)" $((3 * bytes)) "bytes of what was stored"
    done
    run "$BIN/bench/load" -n 3 "$HTTP_PORT" HTTP nowhere
    assert_eq "$status" 1 "$output"
    assert_contains "$output" 'waiting for the head of the answer: HTTP/1.1 404 Not Found'
    assert_contains "$output" '"good": 0, "failed": 3,'
}

@test "wrong arguments: one line, and status 2" {
    local words
    for words in "--only" "--only nothing" "--nonsense" "--into" "quick"; do
        # shellcheck disable=SC2086 # words
        BIN=$BIN run "$PROJECT/scripts/bench" $words
        assert_eq "$status" 2 "exit status of bench $words: $output"
        assert_eq "${#lines[@]}" 1 "lines of: $output"
    done
    for words in "" "-n 0 ferryd" "-v DEL ferryd" "nobody" "-x ferryd" "-v HTTP bare-fork"; do
        # shellcheck disable=SC2086 # words
        BIN=$BIN run "$PROJECT/scripts/count-calls" $words
        assert_eq "$status" 2 "exit status of count-calls $words: $output"
    done
}

@test "it leaves neither a process nor a file behind; nor does one that is interrupted" {
    local bench out=$BATS_TEST_TMPDIR/out
    nothing_below "$RUN/tmp"
    mkdir -p "$out/tmp"
    TMPDIR=$out/tmp OUT=$out BIN=$BIN SECONDS_EACH=30 setsid "$PROJECT/scripts/bench" --only small \
        >"$out/output" 2>&1 3>&- 4>&- &
    bench=$!
    track "$bench"
    wait_until 20 grep -qs 'note syncs' "$out/data"
    wait_until 20 is_argument "^$out/tmp/.*/root"
    kill -TERM -- "-$bench"
    wait_until 20 is_gone "$bench"
    nothing_below "$out/tmp"
}

@test "the page has the tables of the JSON beside it" {
    local name copy=$BATS_TEST_TMPDIR/performance.md
    cp "$PROJECT/docs/performance.md" "$copy"
    "$PROJECT/scripts/bench" --into "$copy" "$PROJECT/docs/performance.json"
    assert_file_eq "$copy" "$PROJECT/docs/performance.md"
    for name in lines http contenders counts; do
        [ "$(table $name "$copy" | wc -l)" -gt 5 ] || fail "the table $name is empty"
    done
    refute grep -F 'sample' "$copy"
}
