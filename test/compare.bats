#!/usr/bin/env bats
# Runs on: once
#
# scripts/compare, in small: it measures what it promises, and what it finds makes sense. Most tests
# read the one comparison that setup_file() makes, in three parts side by side, since most of its
# time is spent waiting for servers that sleep.

# Backticks in quotes are Markdown's:
# shellcheck disable=SC2016

load lib

RUN=${BATS_FILE_TMPDIR:-$BATS_RUN_TMPDIR}/compare
DATA=$RUN/data
REPORT=$RUN/report.md
CLIENTS_OF_LEAK=400

setup_file() {
    local pids=() pid
    [ -z "$SANITIZED" ] || return 0
    mkdir -p "$RUN"
    compare a small start bare reach 3>&- &
    pids+=($!)
    compare b large refill held 3>&- &
    pids+=($!)
    compare c calls crash leak 3>&- &
    pids+=($!)
    for pid in "${pids[@]}"; do
        wait "$pid" || fail "a comparison failed:" "$(cat "$RUN"/*/output)" || return
    done
    cat "$RUN"/[abc]/data >"$DATA"
    "$PROJECT/scripts/compare-report" "$DATA" >"$REPORT" &&
        "$PROJECT/scripts/compare-charts" "$DATA" "$RUN" >"$RUN/charts"
}

setup() {
    [ -z "$SANITIZED" ] || skip "a sanitizer's memory and time are not the servers'"
}

# compare FOLDER PART...: into $RUN/FOLDER
compare() {
    local folder=$RUN/$1
    shift
    mkdir -p "$folder/tmp"
    TMPDIR=$folder/tmp OUT=$folder BIN=$BIN PARTS="$*" ROUNDS=1 CLIENTS=50 TICKS=1 FDS=256 \
        LEAKS=$CLIENTS_OF_LEAK "$PROJECT/scripts/compare" >"$folder/output" 2>&1
}

has_python() {
    python3 -c pass 2>/dev/null
}

# median METRIC SERVER: of the samples, as a whole number
median() {
    awk -v metric="$1" -v server="$2" '$1 == metric && $2 == server { print $3 }' "$DATA" |
        sort -n | awk '{ v[NR] = $1 } END { if (NR == 0) exit 1; printf "%.0f", v[int((NR + 1) / 2)] }' ||
        fail "no $1 of $2"
}

# is_median METRIC SERVER TEST...: as in `is_median refill_us tick -ge 100000`
is_median() {
    local got
    got=$(median "$1" "$2") || return
    test "$got" "$3" "$4" || fail "$1 of $2 is $got, which is not $3 $4"
}

# table NAME: the rows of that table
table() {
    awk -v name="$1" '/^<!-- end/ { inside = 0 } inside && /^[|]/ { print }
        /^<!-- table: / && $3 == name { inside = 1 }' "${2:-$REPORT}"
}

# step head|tail SERVER FIELD: the first or last of its leak; FIELD is 3 clients, 4 KiB, 5 descriptors
step() {
    awk -v server="$2" -v field="$3" '$1 == "leak_step" && $2 == server { print $field }' "$DATA" |
        "$1" -n 1
}

# serves_nothing_below PATH: no process has it in its command line as its --root
serves_nothing_below() {
    local file words
    for file in /proc/[0-9]*/cmdline; do
        words=$(tr '\0' ' ' 2>/dev/null <"$file") 2>/dev/null || continue # it has ended
        [[ $words != *"--root $1"* ]] || fail "left behind: $words" || return
    done
}

@test "the report has every table, and every server a number in each row" {
    local name
    for name in small costs large refill start held bare crash leak sandbox reach differences; do
        [ "$(table "$name" | wc -l)" -ge 3 ] || fail "table $name: $(table "$name")"
    done
    refute grep -n -e 'not measured' -e '| *|$' -e nan -e inf "$REPORT"
    assert_contains "$(table small | head -n 1)" '`ferryd` | `ferryd-threads` | `ferryd --tick-only`'
    ! has_python || assert_contains "$(table small | head -n 1)" '`lab_server.py`'
    for cap in 1 5 50; do
        for row in 'transfers a second' 'latency p50, ms' 'latency p99, ms'; do
            assert_contains "$(table small)" "| $cap: $row |"
        done
    done
    assert_contains "$(table large)" "| GET |"
    assert_contains "$(table large)" "| PUT |"
}

@test "the report names the kernel and the number of cores" {
    grep -F "$(uname -sr), $(uname -m), $(getconf _NPROCESSORS_ONLN) cores" "$REPORT"
}

@test "a freed slot is empty for long only where the server sleeps" {
    is_median refill_us tick -ge 100000
    is_median refill_us fork -lt 100000
    is_median refill_us threads -lt 100000
    ! has_python || is_median refill_us lab -ge 100000
}

@test "a server that sleeps serves its few slots once a second, the others many times more" {
    is_median per_second_1 tick -le 2
    is_median per_second_5 tick -le 20
    is_median per_second_1 fork -ge 20
    is_median per_second_1 threads -ge 20
}

@test "SIGSEGV costs one client where they are processes, and all of them where they are threads" {
    local server
    for server in fork tick; do
        is_median crash_running_done "$server" -eq 19
        is_median crash_running_cut "$server" -eq 1
        is_median crash_waiting_done "$server" -eq 10
        is_median crash_next "$server" -eq 1
    done
    for server in threads $(has_python && echo lab); do
        is_median crash_running_done "$server" -eq 0
        is_median crash_running_cut "$server" -eq 20
        is_median crash_waiting_done "$server" -eq 0
        is_median crash_next "$server" -eq 0
    done
}

@test "what a worker process leaks goes with it; what a thread leaks stays, until there is no more" {
    is_median leak_served fork -eq "$CLIENTS_OF_LEAK"
    is_median leak_next fork -eq 20
    assert_eq "$(step tail fork 5)" "$(step head fork 5)" "descriptors of ferryd"
    [ "$(step tail fork 4)" -lt $(($(step head fork 4) + 16 * CLIENTS_OF_LEAK / 2)) ]
    is_median leak_served threads -lt 256
    is_median leak_next threads -lt 20
    is_median leak_served threads-wide -eq "$CLIENTS_OF_LEAK"
    [ "$(step tail threads-wide 5)" -ge "$CLIENTS_OF_LEAK" ]
    [ "$(step tail threads-wide 4)" -ge $(($(step head threads-wide 4) + 16 * CLIENTS_OF_LEAK)) ]
}

@test "a client takes memory and descriptors, of its own process or of the only one" {
    is_median client_private fork -ge 4
    is_median client_private threads -ge 4
    is_median client_shared fork -ge 100
    [ "$(median client_tables fork)" -gt "$(median client_tables threads)" ]
    is_median client_fds fork -eq 0
    is_median client_fds threads -ge 2
    is_median worker_fds fork -lt 10
    is_median worker_fds threads -ge 100
}

@test "private memory is a part of all that a client takes, in each sample of each server" {
    local samples
    samples=$(awk '$1 == "client_private" { n++; private[n] = $3; of[n] = $2 }
        $1 == "client_all" { if ($3 + 0 < private[n] || $2 != of[n]) exit 1; pairs++ }
        END { print pairs }' "$DATA") || fail "$(grep -E '^client_(private|all) ' "$DATA")"
    [ "$samples" -ge 3 ]
}

@test "what a client has for itself is a part of what it takes in all" {
    awk '$1 == "client_private" { private[$2, ++n[$2]] = $3 }
        $1 == "client_all" && ++samples && private[$2, ++m[$2]] > $3 + 0 {
            print $2 ": private " private[$2, m[$2]] ", in all " $3; bad = 1 }
        END { exit bad || samples < 3 }' "$DATA"
}

@test "a client of processes costs a fork and a wait, one of threads a thread, and each its calls" {
    needs_strace
    is_median calls fork -ge 20
    is_median calls threads -ge 20
    is_median call_clone fork -eq 1
    is_median call_wait4 fork -ge 1
    is_median call_sendfile fork -eq 1
    is_median call_sendfile threads -eq 1
    refute grep -q '^call_wait4 threads' "$DATA"
    refute grep -q '^call_close_range threads' "$DATA"
    assert_contains "$(table calls)" '| `wait4` |'
}

@test "no deed of a worker process ends the server; some of a thread do" {
    refute grep -E '^deed_[^ ]+ fork server$' "$DATA"
    [ "$(grep -cE '^deed_[^ ]+ threads server$' "$DATA")" -ge 5 ]
    grep -x 'deed_touch-nothing fork worker' "$DATA"
    grep -x 'deed_touch-nothing threads server' "$DATA"
    grep -x 'deed_read-outside off ok' "$DATA"
    assert_contains "$(table sandbox)" '| `ferryd --sandbox=off` | off |'
}

@test "a server is ready within a second of its exec, and 15 starts were measured" {
    for server in fork threads tick; do
        is_median start_us "$server" -lt 1000000
        [ "$(grep -c "^start_us $server " "$DATA")" -ge 15 ]
    done
}

@test "the charts are well-formed, and need nothing from elsewhere" {
    local chart name names=(transfers refill memory leak)
    ! grep -q '^calls ' "$DATA" || names+=(calls) # where strace(1) may trace
    for name in "${names[@]}"; do
        [ -s "$RUN/compare-$name.svg" ] || fail "no chart compare-$name.svg"
    done
    assert_eq "$(wc -l <"$RUN/charts")" "${#names[@]}" charts
    while read -r chart; do
        assert_eq "$(head -c 4 "$chart") $(tail -n 1 "$chart")" "<svg </svg>" "$chart"
        refute grep -n -i -e nan -e '"-*inf' -e '<script' -e 'href' -e '\(width\|height\)="-' "$chart"
        # Each element ends in its line, but for the first one and the style.
        refute grep -v -e '/>$' -e '</text>$' -e '</title>$' -e '^<svg ' -e '^</svg>$' \
            <(sed '/^<style>$/,/^<.style>$/d' "$chart")
        ! has_python ||
            python3 -c 'import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])' "$chart"
    done <"$RUN/charts"
}

# medians ROW [FILE]: of the row with these words in the table TABLE
medians() {
    table "$TABLE" "${2:-$REPORT}" | awk -F ' *[|] *' -v row="$1" \
        '$2 == row { for (i = 3; i < NF; i++) { sub(/ .*/, "", $i); print $i } }'
}

# chart_says CHART TABLE ROW...: the values in the chart are the medians in these rows of the table
# of $REPORT
chart_says() {
    local chart=$1 TABLE=$2 row
    shift 2
    assert_eq "$(sed -n 's/.*class="value".*>\(.*\)<.*/\1/p' "$chart")" \
        "$(for row in "$@"; do medians "$row"; done)" "$chart"
}

# charts_say FOLDER: all charts there say what is in the tables of $REPORT
charts_say() {
    local group rows=()
    chart_says "$1/compare-transfers.svg" small '1: transfers a second' '5: transfers a second' \
        '50: transfers a second'
    chart_says "$1/compare-refill.svg" refill 'empty for, ms'
    while read -r group; do
        rows+=("for each client, $group, KiB")
    done < <(sed -n 's/.*class="group".*>\(.*\)<.*/\1/p' "$1/compare-memory.svg")
    [ "${#rows[@]}" -ge 2 ]
    chart_says "$1/compare-memory.svg" held "${rows[@]}"
    [ ! -e "$1/compare-calls.svg" ] || chart_says "$1/compare-calls.svg" calls all
}

@test "the charts say what the tables say, those of the page, too" {
    charts_say "$RUN"
    REPORT=$PROJECT/docs/fork-vs-threads.md charts_say "$PROJECT/docs/pictures"
}

@test "what the tables and charts of the page were made of lies beside it, and makes them again" {
    local data=$PROJECT/docs/fork-vs-threads.txt chart
    cp "$PROJECT/docs/fork-vs-threads.md" "$BATS_TEST_TMPDIR/page"
    "$PROJECT/scripts/compare-report" "$data" >"$BATS_TEST_TMPDIR/report"
    "$PROJECT/scripts/compare-report" --into "$BATS_TEST_TMPDIR/page" "$BATS_TEST_TMPDIR/report"
    assert_file_eq "$BATS_TEST_TMPDIR/page" "$PROJECT/docs/fork-vs-threads.md"
    while read -r chart; do
        assert_file_eq "$chart" "$PROJECT/docs/pictures/${chart##*/}"
    done < <("$PROJECT/scripts/compare-charts" "$data" "$BATS_TEST_TMPDIR")
}

@test "on a logarithmic axis there are dots, where the axis says; where there are bars, it begins at 0" {
    local name shapes=('<circle class="fork"' '<polygon class="tick"' '<rect class="threads"')
    ! has_python || shapes+=('<polygon class="lab"')
    for name in transfers refill; do
        refute grep -E '<rect class="(fork|tick|lab)"' "$RUN/compare-$name.svg"
        # Between the first and the last number of the axis, by the logarithm.
        awk -F '"' '
            /class="scale"/ { v = $7; gsub(/[<>\/a-z]/, "", v); if (low == "") { low = v; left = $4 } high = v; right = $4 }
            /class="fork" cx=/ { at[++dots] = $4 }
            /class="row".*>ferryd</ { ours = 1 }
            /class="value"/ && ours { v = $7; gsub(/[<>\/a-z]/, "", v); value[++values] = v; ours = 0 }
            END {
                for (i = 1; i <= dots; i++) {
                    want = left + log(value[i] / low) / log(high / low) * (right - left)
                    if (at[i] - want > 3 || want - at[i] > 3) { print value[i] " is at " at[i] ", not " want; bad = 1 }
                }
                exit bad || dots == 0 || dots != values
            }' "$RUN/compare-$name.svg" || fail "compare-$name.svg"
    done
    # Each server has a shape of its own.
    assert_eq "$(grep -oE '<(circle|rect|polygon) class="(fork|threads|tick|lab)"' "$RUN/compare-refill.svg" | sort)" \
        "$(printf '%s\n' "${shapes[@]}" | sort)" "shapes"
    for name in memory $([ ! -e "$RUN/compare-calls.svg" ] || echo calls); do
        grep -q 'class="scale" x="170.0".*>0<' "$RUN/compare-$name.svg"
        grep -q '<rect class="fork" x="170.0"' "$RUN/compare-$name.svg"
    done
}

@test "the tables of a report can be put into a document, and nothing else of it changes" {
    local document=$BATS_TEST_TMPDIR/document
    printf '%s\n' before '<!-- table: crash -->' old '<!-- end -->' after >"$document"
    "$PROJECT/scripts/compare-report" --into "$document" "$REPORT"
    assert_eq "$(head -n 2 "$document" | tr '\n' ' ')" 'before <!-- table: crash --> '
    assert_eq "$(tail -n 2 "$document" | tr '\n' ' ')" '<!-- end --> after '
    assert_eq "$(table crash "$document")" "$(table crash)"
    refute grep -x old "$document"
}

@test "a document that asks for a table that was not measured stays as it is" {
    local document=$BATS_TEST_TMPDIR/document
    printf '%s\n' '<!-- table: nothing -->' old '<!-- end -->' | tee "$document" >"$document.copy"
    run "$PROJECT/scripts/compare-report" --into "$document" "$REPORT"
    assert_eq "$status" 1
    assert_contains "$output" "no table nothing"
    assert_file_eq "$document" "$document.copy"
}

@test "docs/fork-vs-threads.md has tables that a report has, and its charts are there" {
    local name document=$PROJECT/docs/fork-vs-threads.md
    [ -s "$document" ]
    [ "$(grep -c '^<!-- table' "$document")" -gt 0 ]
    while read -r name; do
        [ "$name" = calls ] || grep -qF "<!-- table: $name -->" "$REPORT" || fail "no table $name"
    done < <(sed -n 's/^<!-- table: \(.*\) -->/\1/p' "$document")
    [ "$(grep -c '^<!-- table' "$document")" = "$(grep -c '^<!-- end' "$document")" ]
    while read -r name; do
        [ -s "$PROJECT/docs/$name" ] || fail "no chart $name"
    done < <(sed -n 's/.*!\[.*\](\(.*\)).*/\1/p' "$document")
}

@test "where python3 and strace are missing, the report says so and has the rest" {
    local folder folders bin=$BATS_TEST_TMPDIR/bin
    mkdir "$bin"
    IFS=: read -ra folders <<<"$PATH"
    for folder in "${folders[@]}"; do
        [ ! -d "$folder" ] || ln -sf "$folder"/* "$bin"
    done
    rm -f "$bin/python3" "$bin/strace"
    RUN=$BATS_TEST_TMPDIR PATH=$bin compare out start calls || fail "$(cat out/output)"
    grep -q 'python3 was not found' "$BATS_TEST_TMPDIR/out/report.md"
    grep -q 'strace was not found' "$BATS_TEST_TMPDIR/out/report.md"
    REPORT=$BATS_TEST_TMPDIR/out/report.md
    assert_eq "$(table start | head -n 1)" '|  | `ferryd` | `ferryd-threads` | `ferryd --tick-only` |'
    assert_eq "$(table calls)" "" "table of calls"
}

@test "a comparison that fails says why, with status 1, and leaves nothing behind" {
    mkdir -p "$BATS_TEST_TMPDIR/bin/test" "$BATS_TEST_TMPDIR/tmp"
    ln -s "$BIN"/* "$BATS_TEST_TMPDIR/bin/" 2>/dev/null || true
    ln -s "$BIN"/test/* "$BATS_TEST_TMPDIR/bin/test/"
    rm "$BATS_TEST_TMPDIR/bin/test/swarm"
    ln -s "$(command -v false)" "$BATS_TEST_TMPDIR/bin/test/swarm"
    run env BIN="$BATS_TEST_TMPDIR/bin" OUT="$BATS_TEST_TMPDIR/out" TMPDIR="$BATS_TEST_TMPDIR/tmp" \
        PARTS=small ROUNDS=1 "$PROJECT/scripts/compare"
    assert_eq "$status" 1
    assert_contains "$output" "compare: "
    assert_eq "$(find "$BATS_TEST_TMPDIR/tmp" -mindepth 1)" "" "temporary files"
    serves_nothing_below "$BATS_TEST_TMPDIR/tmp"
}

@test "a comparison that succeeds leaves nothing behind, either" {
    assert_eq "$(find "$RUN"/[abc]/tmp -mindepth 1)" "" "temporary files"
    serves_nothing_below "$RUN/"
}
