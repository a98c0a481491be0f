#!/usr/bin/env bats
# Runs on: once
#
# scripts/timeline: a ledger as a picture, in SVG and in text, whatever is in the ledger.

load lib

TIMELINE=$PROJECT/scripts/timeline
LEDGER=$BATS_TEST_TMPDIR/ledger

# line CLIENT ACCEPTED STARTED ENDED [OUTCOME [NAME [SERVER]]]: a line of a ledger, times in ms
# since a second; STARTED is - for a client that never started. LAST_BYTE, if it is set, is such a
# time, too, or - for a client that moved nothing; otherwise bytes move until ENDED.
line() {
    local accepted=$((1000 + $2))000000 ended=$((1000 + $4))000000 started=null last=null wait
    wait=$(($4 - $2))000000
    if [ "$3" != - ]; then
        started=$((1000 + $3))000000
        wait=$(($3 - $2))000000
    fi
    [ "${LAST_BYTE:-$4}" = - ] || last=$((1000 + ${LAST_BYTE:-$4}))000000
    printf '{"server":%d,"cap":2,"client":%d,"peer":"127.0.0.1:1","accepted":"x","accepted_ns":%s,' \
        "${7:-1}" "$1" "$accepted"
    printf '"started_ns":%s,"last_byte_ns":%s,"reaped_ns":%s,"wait_ns":%s,"verb":"GET",' \
        "$started" "$last" "$ended" "$wait"
    printf '"name":"%s","bytes":7,' "${6:-f}"
    printf '"outcome":"%s"}\n' "${5:-done}"
}

# many N: a ledger of N clients, in the order of their ends
many() {
    local i
    for ((i = 1; i <= $1; i++)); do
        line "$i" "$i" "$((i + 10))" "$((i + 15))"
    done
}

# well_formed FILE: as XML, and nothing in it that runs
well_formed() {
    python3 -c '
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
names = {element.tag.split("}")[1] for element in root.iter()}
assert names <= {"svg", "title", "style", "rect", "text", "line", "polygon", "g"}, names
' "$1"
}

text() {
    COLUMNS=${COLUMNS:-80} "$TIMELINE" --text "$@"
}

@test "text: a row for each client in the order of accept, with what it waited and was served" {
    {
        line 2 0 10 30
        line 1 0 0 40
        line 3 0 30 40
    } >"$LEDGER"
    run text "$LEDGER"
    assert_eq "$status" 0 "exit status"
    assert_eq "$output" \
'3 clients in 40 ms: 3 done
waits: p50 10 ms, p95 30 ms, max 30 ms; at most 2 at once, the cap is 2
running |111111122222222222222222222222| waited served  outcome  request
      1 |##############################|   0 us  40 ms  done     GET f
      2 |.......###############        |  10 ms  20 ms  done     GET f
      3 |......................########|  30 ms  10 ms  done     GET f
         0                        40 ms
         . waiting  # served  = served, no byte moves'
}

@test "text: the time from the last byte until the worker is reaped has a sign of its own" {
    {
        LAST_BYTE=10 line 1 0 0 40
        LAST_BYTE=- line 2 0 20 40 client-gone
        LAST_BYTE=0 line 3 0 0 20
    } >"$LEDGER"
    run text "$LEDGER"
    assert_contains "${lines[3]}" '|#######====================|'
    assert_contains "${lines[4]}" '|.............==============|'
    # Something moved, so something is seen of it.
    line 4 0 0 40 | sed 's/"last_byte_ns":[0-9]*/"last_byte_ns":1000000001/' >>"$LEDGER"
    run text "$LEDGER"
    [[ ${lines[6]} == *'|#=='* ]]
    # A line that does not say is not blamed.
    sed -i 's/"last_byte_ns":[^,]*,//' "$LEDGER"
    run text "$LEDGER"
    [ "$(grep -c '=.*|' <<<"$output")" = 0 ]
}

@test "text: the name of a file cannot be taken for an outcome, and - means that there is nothing" {
    {
        line 1 0 0 40 timeout 'done'
        line 2 0 0 40 'done' timeout
        line 3 0 0 40 client-gone 'x' | sed 's/"verb":"GET","name":"x"/"verb":null,"name":null/'
        line 4 0 - 40 abandoned-in-queue -
    } >"$LEDGER"
    run text "$LEDGER"
    assert_eq "$(sed -n '4,7s/.*| *//p' <<<"$output")" \
'0 us  40 ms  timeout             GET done
0 us  40 ms  done                GET timeout
0 us  40 ms  client-gone         -
40 ms      -  abandoned-in-queue  GET -'
    # On a narrow terminal, too, both are there.
    COLUMNS=60 run text "$LEDGER"
    assert_eq "$(sed -n '4,7s/.*ms  *//p' <<<"$output")" \
'timeout      GET d
done         GET t
client-gone  -
-  abandoned-i  GET -'
    # Of several clients, those that were served have a time on average.
    for i in {1..80}; do
        line "$i" 0 "$( ((i % 4 == 1)) && echo 20 || echo -)" 40 "$( ((i % 4 == 1)) && echo 'done' || echo refused)"
    done >"$LEDGER"
    run text "$LEDGER"
    assert_contains "${lines[4]}" ' 30 ms  20 ms  1 not done'
    assert_contains "${lines[5]}" ' 40 ms      -  2 not done'
}

@test "text: who is served is seen, however short it was, also among those who wait" {
    local i
    {
        line 1 0 500 501
        line 2 0 - 1 abandoned-in-queue
        line 3 0 0 1000
    } >"$LEDGER"
    run text "$LEDGER"
    assert_contains "${lines[3]}" '|...........#          |'
    assert_contains "${lines[4]}" '|.                     |'
    # Fifty in rows of two: of each row one is served for a moment while the other waits on.
    for ((i = 1; i <= 50; i += 2)); do
        line "$i" 0 "$((i * 10))" "$((i * 10 + 1))"
        line "$((i + 1))" 0 - 600 timeout
    done >"$LEDGER"
    run text "$LEDGER"
    assert_eq "$(grep -cE '^ *[0-9]+-[0-9]+ \|[.]*#[.]*\| .*  1 not done$' <<<"$output")" 25 "rows"
}

@test "the percentiles are the nearest rank, of every client" {
    local i
    for i in 7 3 10 1 9 4 6 2 8 5; do
        line "$i" 0 "$i" 20
    done >"$LEDGER"
    run text "$LEDGER"
    # Of 1 to 10 ms.
    assert_contains "${lines[1]}" 'waits: p50 5.0 ms, p95 10 ms, max 10 ms'
    for ((i = 1; i <= 200; i++)); do
        line "$i" 0 "$((201 - i))" 300
    done >"$LEDGER"
    run text "$LEDGER"
    assert_contains "${lines[1]}" 'waits: p50 100 ms, p95 190 ms, max 200 ms'
}

@test "who was not done says how it ended, and who never ran has only waited" {
    {
        line 1 0 0 40 timeout
        line 2 0 - 30 abandoned-in-queue
        line 3 0 - 40 shutdown
    } >"$LEDGER"
    run text "$LEDGER"
    assert_eq "${lines[0]}" \
        '3 clients in 40 ms: 0 done, 1 timeout, 1 abandoned-in-queue, 1 shutdown'
    [[ ${lines[3]} == *'#|'*'  timeout  '*'  GET f' ]]
    [[ ${lines[4]} == *'|.'* && ${lines[4]} != *'#'* ]]
    "$TIMELINE" "$LEDGER" >"$BATS_TEST_TMPDIR/svg"
    well_formed "$BATS_TEST_TMPDIR/svg"
    grep -q '<title>client 2, 127.0.0.1:1, abandoned-in-queue: waited 30 ms, never served; GET f</title>' \
        "$BATS_TEST_TMPDIR/svg"
    assert_eq "$(grep -c 'class="served"' "$BATS_TEST_TMPDIR/svg")" 2 "served parts, the legend's too"
}

@test "SVG: each client is named under the pointer, and the cap and the running are there" {
    many 10 >"$LEDGER"
    "$TIMELINE" "$LEDGER" >"$BATS_TEST_TMPDIR/svg"
    well_formed "$BATS_TEST_TMPDIR/svg"
    assert_eq "$(grep -c '<title>client [0-9]*, 127.0.0.1:1, done: waited 10 ms, served 5.0 ms, 7 bytes; GET f</title>' \
        "$BATS_TEST_TMPDIR/svg")" 10 "rows"
    grep -q '>cap 2</text>' "$BATS_TEST_TMPDIR/svg"
    grep -q '<title>at most 5 at once</title>' "$BATS_TEST_TMPDIR/svg"
    grep -q 'waits: p50 10 ms, p95 10 ms, max 10 ms' "$BATS_TEST_TMPDIR/svg"
}

@test "SVG: the served time in which nothing moved has a third tone, and the legend says so" {
    local svg=$BATS_TEST_TMPDIR/svg
    {
        LAST_BYTE=10 line 1 0 0 40
        LAST_BYTE=- line 2 0 10 30
        line 3 0 30 40
    } >"$LEDGER"
    "$TIMELINE" "$LEDGER" >"$svg"
    well_formed "$svg"
    # The first row's tones meet where its last byte moved, a quarter of the way.
    assert_eq "$(sed -nE '/<title>client 1,/,/^<.g>/s/.*class="(served|quiet border)" x="([0-9.]+)".* width="([0-9.]+)".*/\1 \2 \3/p' "$svg")" \
'quiet border 284.50 575.00
served 92.00 192.00'
    grep -q '<title>client 1, .* served 40 ms (nothing moved in the last 30 ms), 7 bytes; GET f</title>' "$svg"
    grep -q '<title>client 2, .* served 20 ms (nothing moved), 7 bytes; GET f</title>' "$svg"
    grep -q '<title>client 3, .* served 10 ms, 7 bytes; GET f</title>' "$svg"
    grep -q '>served, but nothing moves: its slot is not free yet</text>' "$svg"
    assert_eq "$(grep -c 'class="quiet' "$svg")" 3 "third tones, the legend's too"
}

@test "SVG: each class has a colour for a light page and one for a dark one" {
    local svg=$BATS_TEST_TMPDIR/svg class page
    line 1 0 0 40 timeout >"$LEDGER"
    "$TIMELINE" "$LEDGER" >"$svg"
    sed -n '/prefers-color-scheme: dark/,/^}/p' "$svg" >"$BATS_TEST_TMPDIR/dark"
    sed '/prefers-color-scheme: dark/,/^}/d' "$svg" >"$BATS_TEST_TMPDIR/light"
    for class in $(sed -nE 's/.* class="([^"]*)".*/\1/p' "$svg" | tr ' ' '\n' | sort -u); do
        [ "$class" != title ] || continue # a text without a colour of its own
        for page in light dark; do
            grep -qE "[.]${class}[ ,].*(fill|stroke): #" "$BATS_TEST_TMPDIR/$page" ||
                fail "$class has no colour on a $page page"
        done
    done
    refute grep -nE 'fill="|stroke="' "$svg"
}

@test "a thousand clients are grouped, and the picture stays small" {
    local height
    many 1000 >"$LEDGER"
    "$TIMELINE" "$LEDGER" >"$BATS_TEST_TMPDIR/svg"
    well_formed "$BATS_TEST_TMPDIR/svg"
    height=$(sed -nE '1s/.* height="([0-9]+)".*/\1/p' "$BATS_TEST_TMPDIR/svg")
    [ "$height" -le 1200 ] || fail "$height pixels high"
    grep -q 'a row is 10 clients: ' "$BATS_TEST_TMPDIR/svg"
    grep -q '<title>clients 991 to 1000: waited 10 ms on average, 10 ms at most</title>' \
        "$BATS_TEST_TMPDIR/svg"
    run text "$LEDGER"
    [ "${#lines[@]}" -le 46 ] || fail "${#lines[@]} lines"
    assert_contains "$output" 'a row is 25 clients'
}

@test "names are harmless in both pictures" {
    # shellcheck disable=SC1003,SC2016 # as the ledger writes them
    line 1 0 0 10 'done' '</title><script>x&y\"</script>\u001b[31m\",\"outcome\":\"forged' >"$LEDGER"
    printf '%s\n' "$(line 2 0 0 10 'done' $'\xc2\x9b2J\xef\xbf\xbf ünï \\udcff')" >>"$LEDGER"
    line 3 0 0 10 'done' $'\xff\x9b\xed\xa0\x80 bytes' >>"$LEDGER"
    cp "$LEDGER" "$LEDGER"$'\xff\xc2\x9b'
    "$TIMELINE" "$LEDGER" "$LEDGER"$'\xff\xc2\x9b' >"$BATS_TEST_TMPDIR/svg"
    well_formed "$BATS_TEST_TMPDIR/svg"
    COLUMNS=300 run text "$LEDGER"
    assert_contains "$output" 'GET </title><script>x&y"</script>\u001b[31m","outcome":"forged'
    assert_contains "$output" 'GET ?2J? ünï \udcff'
    assert_contains "$output" 'GET ????? bytes'
    assert_contains "$output" '3 clients in 10 ms: 3 done'
    refute grep -q $'[\x01-\x09\x0b-\x1f\x7f]\|\xc2\x9b' <<<"$output"
}

@test "every awk that is here draws the same" {
    local name command form
    many 130 | sed 's/"done"/"broken"/;n;s/"done"/"timeout"/;n;n;s/"done"/"refused"/' >"$LEDGER"
    mkdir "$BATS_TEST_TMPDIR/bin"
    for form in --text --svg; do
        "$TIMELINE" "$form" "$LEDGER" "$LEDGER" >"$BATS_TEST_TMPDIR/own$form"
    done
    for name in mawk gawk 'busybox awk' original-awk bwk; do
        command=$(command -v "${name%% *}") || continue
        printf '#!/bin/sh\nexec %s "$@"\n' "$command${name#"${name%% *}"}" \
            >"$BATS_TEST_TMPDIR/bin/awk"
        chmod +x "$BATS_TEST_TMPDIR/bin/awk"
        "$BATS_TEST_TMPDIR/bin/awk" 'BEGIN { exit }' || continue # a busybox without it
        for form in --text --svg; do
            PATH=$BATS_TEST_TMPDIR/bin:$PATH "$TIMELINE" "$form" "$LEDGER" "$LEDGER" \
                >"$BATS_TEST_TMPDIR/other"
            assert_file_eq "$BATS_TEST_TMPDIR/own$form" "$BATS_TEST_TMPDIR/other" ||
                fail "drawn by $name"
        done
    done
}

@test "a terminal is shown text that fits, anything else gets SVG" {
    many 5 >"$LEDGER"
    run "$TIMELINE" "$LEDGER"
    [[ $output == '<svg '* ]]
    SHELL=/bin/bash script -qec "unset COLUMNS; stty cols 66; '$TIMELINE' '$LEDGER'" /dev/null \
        </dev/null | tr -d '\r' >"$BATS_TEST_TMPDIR/shown"
    assert_eq "$(awk '/\|/ && !/served$/ && length > 66' "$BATS_TEST_TMPDIR/shown")" "" "too wide"
    assert_contains "$(<"$BATS_TEST_TMPDIR/shown")" '5 clients in 19 ms'
    refute grep -q '<svg' "$BATS_TEST_TMPDIR/shown"
    for width in 60 70 80 132; do
        COLUMNS=$width text "$LEDGER" >"$BATS_TEST_TMPDIR/text"
        assert_eq "$(awk -v w="$width" '/\|/ && !/served$/ && length > w' "$BATS_TEST_TMPDIR/text")" "" \
            "rows wider than $width"
    done
}

@test "a line that is cut short or no ledger's is told, with its number, and the rest is drawn" {
    {
        line 1 0 0 10
        line 2 0 0 10 | head -c 70
        echo
        echo
        echo '{"client":"x"}'
        line 3 0 0 10
    } >"$LEDGER"
    text "$LEDGER" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    assert_contains "$(<"$BATS_TEST_TMPDIR/out")" '2 clients in 10 ms'
    # Numbers that are none, or larger than any, and bytes that JSON has escaped.
    {
        line 4 0 0 10
        line 5 0 0 10 | sed 's/"reaped_ns":[0-9]*/"reaped_ns":99999999999999999999/'
        line 6 0 0 10 | sed $'s/"started_ns":[0-9]*/"started_ns":"20\\t\x1b[31m"/'
        line 7 0 0 10 | sed $'s/"name":"f"/"name":"\x1b[31m"/'
    } >"$BATS_TEST_TMPDIR/hostile"
    run text "$BATS_TEST_TMPDIR/hostile"
    assert_eq "$(grep -c 'is no line of a ledger' <<<"$output")" 3 "lines left out"
    [[ $output != *$'\x1b'* ]]
    assert_eq "$(<"$BATS_TEST_TMPDIR/err")" \
"timeline: $LEDGER line 2 is no line of a ledger, and is left out
timeline: $LEDGER line 4 is no line of a ledger, and is left out"
}

@test "a file that is no ledger is told of in a few lines" {
    seq 1 5000 >"$LEDGER"
    run "$TIMELINE" "$LEDGER"
    assert_eq "$status" 1 "exit status"
    assert_eq "${#lines[@]}" 12 "lines"
    assert_eq "${lines[10]}" "timeline: $LEDGER has 4990 more of them"
    assert_eq "${lines[11]}" "timeline: no client is in $LEDGER"
}

@test "of a ledger that two servers wrote, the last one's clients are drawn" {
    {
        line 1 0 0 10
        line 2 0 0 10 timeout
        line 1 500 500 510 'done' f 2
    } >"$LEDGER"
    run text "$LEDGER"
    assert_eq "${lines[0]}" '1 client in 10 ms: 1 done'
    # In a container each has the same process id; but the numbers begin again.
    sed -i 's/"server":2/"server":1/' "$LEDGER"
    run text "$LEDGER"
    assert_eq "${lines[0]}" '1 client in 10 ms: 1 done'
    # And the first to leave may have a number that the server before never gave.
    {
        line 1 0 0 10
        line 2 0 0 20 timeout
        line 3 520 520 530
        line 1 500 500 550
        line 2 510 510 560
    } >"$LEDGER"
    run text "$LEDGER"
    assert_eq "${lines[0]}" '3 clients in 60 ms: 3 done'
    # The same after a reboot, by a clock that began again.
    {
        line 1 900 900 910
        line 2 900 900 920 timeout
        line 3 20 20 30
        line 1 0 0 50
    } >"$LEDGER"
    run text "$LEDGER"
    assert_eq "${lines[0]}" '2 clients in 50 ms: 2 done'
}

@test "two ledgers are drawn below each other, to one scale" {
    line 1 0 0 10 >"$BATS_TEST_TMPDIR/short one"
    line 1 0 0 20 >"$BATS_TEST_TMPDIR/long"
    cd "$BATS_TEST_TMPDIR"
    run text "short one" long
    assert_eq "${lines[0]}" "short one"
    assert_contains "${lines[4]}" '|###############               |'
    assert_contains "${lines[10]}" '|##############################|'
    "$TIMELINE" "short one" long >svg
    well_formed svg
    grep -q '>short one: 1 client in 10 ms<' svg
}

@test "SVG: the words above a panel have room, however many outcomes there are" {
    local i=0 outcome long=$BATS_TEST_TMPDIR/${BATS_TEST_NAME:0:70}
    for outcome in refused client-gone timeout too-slow broken abandoned-in-queue shutdown signal; do
        line $((++i)) 0 0 "$i" "$outcome"
    done >"$long"
    "$TIMELINE" "$long" "$long" >"$BATS_TEST_TMPDIR/svg"
    well_formed "$BATS_TEST_TMPDIR/svg"
    grep -q '>0 done, 1 refused, 1 client-gone, .*, 1 signal</text>' "$BATS_TEST_TMPDIR/svg"
    # A bold letter of 14 pixels is 9 wide on average, at the most; the picture is 1010 wide.
    assert_eq "$(sed -nE 's/^<text class="title".*>(.*)<.*/\1/p' "$BATS_TEST_TMPDIR/svg" |
        awk 'length * 9 > 970')" "" "titles that are wider than the picture"
}

@test "what cannot be drawn is an error that names it" {
    : >"$BATS_TEST_TMPDIR/empty"
    for file in missing . empty; do
        run "$TIMELINE" "$BATS_TEST_TMPDIR/$file"
        assert_eq "$status" 1 "exit status for $file"
        assert_contains "$output" "$BATS_TEST_TMPDIR/$file"
        assert_eq "${#lines[@]}" 1 "lines"
    done
    for words in '' '--sometimes ledger' '-x'; do
        # shellcheck disable=SC2086 # words
        run "$TIMELINE" $words
        assert_eq "$status" 2 "exit status of $words"
        assert_contains "$output" 'usage: timeline [--svg|--text] LEDGER...'
    done
    run "$TIMELINE" --help
    assert_eq "$status" 0 "exit status"
}

@test "a real server's ledger, whoever waited" {
    start_server --ledger "$LEDGER" -- 1
    printf hello >"$ROOT/f"
    hold a b
    held a
    release a
    held b
    release b
    wire_get f "$BATS_TEST_TMPDIR/got"
    stop_server
    COLUMNS=120 run text "$LEDGER"
    assert_contains "$output" ': 1 done, 2 client-gone'
    assert_contains "$output" 'at most 1 at once, the cap is 1'
    assert_contains "$output" 'GET f'
    # Two said nothing; the third moved its five bytes.
    assert_eq "$(grep -cE '\|[ .]*=+ *\| .*  client-gone  -$' <<<"$output")" 2 "who moved nothing"
    grep -qE '\|[ .]*#+=* *\| .*  done  +GET f$' <<<"$output"
}
