#!/usr/bin/env bats
# Runs on: once
#
# The manual pages tell of the same options as --help, with the same letters and values, and of every
# line that the programs print; protocol.md shows some of these. Copies of the pages, in which something
# is wrong, are noticed.
#
# Tests are subshells:
# shellcheck disable=SC2030,SC2031

load lib

COPY=$BATS_TEST_TMPDIR/copy

# spoilt PAGE SED-SCRIPT COMMAND...: in a copy of the page that is changed so, COMMAND finds fault
spoilt() {
    sed -E "$2" "$PROJECT/docs/$1" >"$COPY"
    refute cmp -s "$COPY" "$PROJECT/docs/$1" || fail "nothing has changed by: $2" || return
    refute "${@:3}" "$COPY" 2>/dev/null || fail "nothing was found after: $2"
}

# section HEADING PAGE: its lines
section() {
    awk -v heading=".Sh $1" '/^\.Sh / { inside = $0 == heading } inside' "$2"
}

# ---- options: both are brought into one form, "-d DIR, --root=DIR" ----

# in_help PROGRAM
in_help() {
    "$BIN/$1" --help | sed -nE \
        -e 's/^  (-., |    )(--[a-z-]+([ =][^ ]+)?)(  .*)?$/\1\2/' -e T -e 's/^ +//' \
        -e 's/(--[a-z-]+) /\1=/' -e 's/^(-.), ([^=]+)=(.*)$/\1 \3, \2=\3/' -e p | sort
}

# in_page PAGE
in_page() {
    awk 'sub(/^\.It Fl/, "Fl") {
        if (sub(/Op /, "Oo "))
            $0 = $0 " Oc"
        gsub(/Oo /, "[ Ns ")
        gsub(/ Oc/, " Ns ]")
        gsub(/ Ns /, "")
        gsub(/ :/, ":")
        gsub(/ ,/, ",")
        gsub(/Fl /, "-")
        gsub(/Cm /, "")
        while (match($0, /Ar [a-z]+/))
            $0 = substr($0, 1, RSTART - 1) toupper(substr($0, RSTART + 3, RLENGTH - 3)) \
                substr($0, RSTART + RLENGTH)
        print
    }' "$1" | sort
}

# agree PROGRAM OPTION PAGE: that there is such an OPTION says that they are found at all
agree() {
    assert_contains "$(in_help "$1")" "$2" || return
    assert_eq "$(in_help "$1")" "$(in_page "$3")" "what $1 --help has, and not ${3##*/},"
}

# in_synopsis PAGE: its options, by their letters where they have one
in_synopsis() {
    section SYNOPSIS "$1" | awk '
        /^\.Nm ferryd-threads/ { exit }
        {
            for (i = 1; i < NF; i++) {
                if ($i != "Fl" && $i != ".Fl") continue
                if ($(i + 1) ~ /^-/) print "-" $(i + 1)
                else for (n = 1; n <= length($(i + 1)); n++) print "-" substr($(i + 1), n, 1)
            }
        }' | sort -u
}

# synopsis_is_whole PAGE: each of its options is in its synopsis, by its letter where it has one
synopsis_is_whole() {
    local options
    options=$(in_page "$1" | sed -E 's/^(-[a-zA-Z])[ ,].*/\1/; s/[=[].*//' | sort -u)
    assert_contains "$options" -V || return
    assert_eq "$(in_synopsis "$1")" "$options" "the synopsis"
}

@test "ferryd.8 has every option of --help, and no other" {
    agree ferryd '-u NAME[:GROUP], --user=NAME[:GROUP]' "$PROJECT/docs/ferryd.8"
    agree ferryd-threads '--sync=full|none' "$PROJECT/docs/ferryd.8"
    spoilt ferryd.8 '/^\.It Fl -board /d' agree ferryd --inetd
}

@test "ferry.1 has every option of --help, and no other" {
    agree ferry '-o FILE, --output=FILE' "$PROJECT/docs/ferry.1"
    spoilt ferry.1 's/^(\.It Fl )w Ar secs/\1W Ar secs/' agree ferry --bare
}

@test "ferrytop.1 has every option of --help, and no other" {
    agree ferrytop '--once' "$PROJECT/docs/ferrytop.1"
}

@test "each option of ferryd.8 and ferry.1 is in the synopsis" {
    synopsis_is_whole "$PROJECT/docs/ferryd.8"
    synopsis_is_whole "$PROJECT/docs/ferry.1"
    spoilt ferryd.8 '/^\.Op Fl -board/d' synopsis_is_whole
    spoilt ferry.1 '/^\.Op Fl -bare/d' synopsis_is_whole
}

# not_with_inetd_agree PAGE: what it says does not go with --inetd is what --help and the code say
not_with_inetd_agree() {
    local paged
    paged=$(section 'BEHIND A SUPERVISOR' "$1" | awk '/^cannot be given/ { inside = 1 }
        /are wrong usage/ { exit } inside && $1 == ".Fl" { print "-" $2 }' | sort)
    assert_contains "$paged" --ready-fd || return
    assert_eq "$paged" "$("$BIN/ferryd" --help | awk '/PORT, MAX,/ { inside = 1 } / -v, / { exit } inside' |
        grep -oE -- '--[a-z-]+' | sort)" "what --help says" || return
    local option
    for option in $paged; do
        run "$BIN/ferryd" --inetd "$option=1"
        [ "$status" -eq 2 ] || "$BIN/ferryd" --inetd "$option" 2>&1 </dev/null |
            grep -q 'does not go with --inetd' || fail "$option goes with --inetd" || return
    done
}

@test "the options that do not go with --inetd are those that ferryd.8 names" {
    not_with_inetd_agree "$PROJECT/docs/ferryd.8"
    spoilt ferryd.8 '/^\.Fl -grace ,/d' not_with_inetd_agree
}

# ---- every line that is printed ----

# formats CALLS FILE...: the format strings that are in calls of these functions ("a|b"), one a line,
# with what is printed into them as %; C's adjacent strings are one
formats() {
    awk -v calls="$1" '
        FNR == 1 { gather() }
        { text = text $0 "\n" }
        END { gather() }
        function gather(   statement, at, c, quoted) {
            while (match(text, "(^|[^a-zA-Z_])(" calls ")\\(")) {
                text = substr(text, RSTART + RLENGTH)
                quoted = 0
                for (at = 1; at <= length(text); at++) { # its statement
                    c = substr(text, at, 1)
                    if (c == "\\") at++
                    else if (c == "\"") quoted = !quoted
                    else if (c == ";" && !quoted) break
                }
                strings(substr(text, 1, at))
                text = substr(text, at)
            }
            text = ""
        }
        function strings(statement,   format, open) {
            while (match(statement, /"([^"\\]|\\.)*"/)) {
                if (open && substr(statement, 1, RSTART - 1) !~ /^[ \n]*(PRI[a-zA-Z0-9]*)?[ \n]*$/) {
                    tell(format)
                    format = ""
                }
                format = format (format ~ /%$/ ? "u" : "") substr(statement, RSTART + 1, RLENGTH - 2)
                statement = substr(statement, RSTART + RLENGTH)
                open = 1
                if (format ~ /%$/ && statement !~ /^[ \n]*PRI/) format = format "u"
            }
            if (open) tell(format)
        }
        function tell(format) {
            gsub(/\\n/, "", format)
            gsub(/\\"/, "\"", format)
            gsub(/%[-0-9.*]*(z|l|h)*[a-zA-Z]/, "%", format)
            if (format ~ /[a-z][a-z][a-z][a-z]/)
                print format
        }' "${@:2}"
}

# documented PAGE: what its sections OUTPUT and DIAGNOSTICS, and what it has of BEHIND A SUPERVISOR, show
# of lines: lines of examples, items of lists, quotations; without mdoc's own words
documented() {
    { section OUTPUT "$1"; section DIAGNOSTICS "$1"; section 'BEHIND A SUPERVISOR' "$1"; } | sed -nE '
        /^\.Bd /,/^\.Ed/{ /^\./!p; d }
        /^\.(It|Ql) /{ s/^\.(It )?(Ql )?//; s/^"(.*)"$/\1/; s/ \.$//; s/\\\(dq/"/g; s/\\&//g; p }'
}

# compare WAY FORMATS LINES: those of one file that the other one lacks. WAY "formats": formats that are
# in no line; "lines": lines that no format makes
compare() {
    awk -v way="$1" '
        function escaped(text) {
            gsub(/[][\\.*+?(){}|^$]/, "\\\\&", text)
            gsub(/%/, ".*", text)
            return text
        }
        FNR == NR { if ($0 != "") format[++formats] = $0; next }
        { line[++lines] = $0 }
        END {
            for (f = 1; f <= formats; f++)
                for (l = 1; l <= lines; l++) {
                    if (line[l] ~ escaped(format[f])) found[f] = 1
                    if (line[l] ~ "^" escaped(format[f]) "$" || \
                        "program: " line[l] ~ "^" escaped(format[f]) "$" || \
                        line[l] ~ "^[a-z]+( [a-z0-9.]+)*: " escaped(format[f]) "( [(].*[)])?$") made[l] = 1
                }
            if (way == "formats")
                for (f = 1; f <= formats; f++) if (!found[f]) print format[f]
            if (way == "lines")
                for (l = 1; l <= lines; l++) if (!made[l]) print line[l]
        }' "$2" "$3"
}

# server_formats: what the server can print once its command line is understood
server_formats() {
    local src=$PROJECT/src calls='log_(line|error|escaped|moving)|(tell_)?decision|record_note'
    {
        formats "$calls" "$src"/server/{server_main,confine,inetd}.c "$src"/manager/*.c "$src"/record/*.c \
            "$src"/session/*.c "$src"/session/http/*.c "$src"/common/log.c
        # What one line is put together from in two places.
        formats turn_away "$src/manager/manager.c" | sed 's/.*/client % &, %/'
        formats record_swept "$src/manager/manager.c" | sed 's/.*/&, but % had left/'
        formats snprintf <(sed -n '/^static bool tell_dropped/,/^}/p' "$src/common/log.c")
        formats snprintf <(sed -n '/^const char \*sandbox_describe/,/^}/p' "$src/session/sandbox.c")
    } >"$BATS_TEST_TMPDIR/formats"
    # Nobody hands a client on: both addresses are the same. And what fits any line says nothing.
    sed -i '/^ by way of $/d; /^server % %\( bytes\)\{0,1\}$/d' "$BATS_TEST_TMPDIR/formats"
}

# client_formats
client_formats() {
    {
        formats '(say|link)_(error|line)' "$PROJECT"/src/client/*.c
        formats log_error "$PROJECT/src/client/client_main.c"
    } >"$BATS_TEST_TMPDIR/formats"
}

# lines_agree PAGE: every format is in it, and it shows none that there is not
lines_agree() {
    local missing
    documented "$1" >"$BATS_TEST_TMPDIR/lines"
    missing=$(compare formats "$BATS_TEST_TMPDIR/formats" "$BATS_TEST_TMPDIR/lines")
    [ -z "$missing" ] || fail "${1##*/} lacks:" "$missing" || return
    # Those that begin like a line of the program's: a word or a name alone is only spoken of.
    sed -nE '/:$/d; /^(server |manager |client [0-9we]|cannot|no |--|a worker|dropped|sandbox: |[A-Z]+; )|: reason$/p' \
        "$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/claimed"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/claimed")" -ge 10 ] || fail "only these were found:" \
        "$(cat "$BATS_TEST_TMPDIR/claimed")" || return
    missing=$(compare lines "$BATS_TEST_TMPDIR/formats" "$BATS_TEST_TMPDIR/claimed")
    [ -z "$missing" ] || fail "nothing prints, but ${1##*/} has:" "$missing"
}

@test "ferryd.8 has every line that the server can print, and no other" {
    server_formats
    [ "$(wc -l <"$BATS_TEST_TMPDIR/formats")" -ge 50 ] || fail "$(cat "$BATS_TEST_TMPDIR/formats")"
    lines_agree "$PROJECT/docs/ferryd.8"
    spoilt ferryd.8 '/not allowed, 192/d' lines_agree
    spoilt ferryd.8 '/sandbox: no_new_privs/d' lines_agree
    spoilt ferryd.8 '/reopening the ledger/d' lines_agree
    spoilt ferryd.8 '/serving goes on/d' lines_agree
    spoilt ferryd.8 's/^(manager .*) ended, /\1 finished, /' lines_agree
    spoilt ferryd.8 's/^(\.It "?cannot) serve /\1 offer /' lines_agree
    echo 'log_error("no teacups: %s", why);' >"$BATS_TEST_TMPDIR/new.c"
    formats log_error "$BATS_TEST_TMPDIR/new.c" >>"$BATS_TEST_TMPDIR/formats"
    refute lines_agree "$PROJECT/docs/ferryd.8"
}

@test "ferry.1 has every line that the client can print, and no other" {
    client_formats
    [ "$(wc -l <"$BATS_TEST_TMPDIR/formats")" -ge 20 ] || fail "$(cat "$BATS_TEST_TMPDIR/formats")"
    lines_agree "$PROJECT/docs/ferry.1"
    spoilt ferry.1 '/no address for/d' lines_agree
    spoilt ferry.1 '/^client waiting/d' lines_agree
    spoilt ferry.1 's/took no byte for/got no byte for/' lines_agree
}

# samples_agree PAGE: of protocol.md, what it shows of the programs' lines
samples_agree() {
    local strange
    sed -n '/^## What the server prints/,/^## Getting along/s/^    //p' "$1" >"$BATS_TEST_TMPDIR/lines"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" -ge 15 ] || fail "only:" "$(cat "$BATS_TEST_TMPDIR/lines")" || return
    strange=$(compare lines "$BATS_TEST_TMPDIR/formats" "$BATS_TEST_TMPDIR/lines")
    [ -z "$strange" ] || fail "nothing prints:" "$strange"
}

@test "protocol.md shows no line of the programs that there is not" {
    server_formats
    mv "$BATS_TEST_TMPDIR/formats" "$BATS_TEST_TMPDIR/server"
    client_formats
    cat "$BATS_TEST_TMPDIR/server" >>"$BATS_TEST_TMPDIR/formats"
    samples_agree "$PROJECT/docs/protocol.md"
    spoilt protocol.md 's/^    server sending/    server is sending/' samples_agree
    spoilt protocol.md 's/^    client deleting/    client removing/' samples_agree
}

# ---- outcomes, statuses, exit statuses ----

# outcomes_in_code: as claims_outcome_name() has them
outcomes_in_code() {
    sed -n '/^const char \*claims_outcome_name/,/^}/p' "$PROJECT/src/record/claims_reader.c" |
        grep -oE '"[a-z-]+"' | tr -d '"' | sort
}

# outcomes_agree PAGE: a signal is named there by its number
outcomes_agree() {
    local code
    code=$(outcomes_in_code)
    [[ $code == *abandoned*unknown* ]] || fail "no outcomes were found" || return
    assert_eq "$(section OUTPUT "$1" | sed -n '/^A client ends in one of/,/^\.El/p' |
        sed -nE 's/^\.It Ql (killed by )?([a-z-]+).*/\2/p' | sort)" "$code" "outcomes"
}

# statuses_agree PAGE: the HTTP statuses that it explains and the refusals of answer.c
statuses_agree() {
    assert_eq "$(section HTTP "$1" | sed -n 's/^\.It \([45]\)/\1/p' | tr -s ', ' '\n' | sort)" \
        "$(sed -nE 's/^ *\{([45][0-9]{2}), "[A-Za-z -]+"\},$/\1/p' "$PROJECT/src/session/http/answer.c" |
            sort)" "the refusals"
}

@test "ferryd.8 has every outcome of a client, and every status that refuses a request" {
    outcomes_agree "$PROJECT/docs/ferryd.8"
    statuses_agree "$PROJECT/docs/ferryd.8"
    spoilt ferryd.8 '/^\.It Ql sandbox/d' outcomes_agree
    spoilt ferryd.8 's/^\.It 409/.It 410/' statuses_agree
}

# exit_statuses PAGE
exit_statuses() {
    section 'EXIT STATUS' "$1" | sed -n 's/^\.It \([0-9]\)$/\1/p' | xargs
}

@test "the pages have every exit status, and no other" {
    for page in ferryd.8 ferry.1; do
        assert_eq "$(exit_statuses "$PROJECT/docs/$page")" "0 1 2" "$page"
    done
    for program in ferryd ferry; do
        run "$BIN/$program" --help
        assert_contains "$output" "Exit status: 0 "
        refute grep -E 'Exit status:.* [3-9] ' <<<"$output"
        run "$BIN/$program" --no-such-option
        assert_eq "$status" 2 "wrong usage of $program"
    done
    run "$BIN/ferryd" --root "$BATS_TEST_TMPDIR/none" 0
    assert_eq "$status" 1 "a server that cannot start"
    run "$BIN/ferry" -o "$BATS_TEST_TMPDIR/none/f" 127.0.0.1 1 GET f
    assert_eq "$status" 1 "a client that cannot write"
}

# ---- what SIGHUP does, limits ----

# ended_by_hangup STATUS
ended_by_hangup() {
    assert_eq "$SERVER_STATUS" 129 "the server's status (128 and SIGHUP)"
}

@test "SIGHUP ends a server without a ledger at once, and one with a ledger serves on" {
    start_server --grace 600
    hold a
    held a
    kill -HUP "$SERVER_PID"
    wait_server
    ended_by_hangup
    release a
    start_server -vv --ledger "$BATS_TEST_TMPDIR/ledger"
    mv "$BATS_TEST_TMPDIR/ledger" "$BATS_TEST_TMPDIR/ledger.1"
    kill -HUP "$SERVER_PID"
    wait_for_line "$SERVER_OUT" ': reopening the ledger '
    "$WIRE" "$PORT" expect READY send 'DEL f\n' expect 'ERROR: f does not exist' eof
    wait_for_line "$BATS_TEST_TMPDIR/ledger" '"outcome":"refused"'
    stop_server
}

@test "SIGHUP is no further signal to stop: clients keep their grace" {
    start_server -vv --grace 600 --ledger "$BATS_TEST_TMPDIR/ledger"
    hold a
    held a
    kill -TERM "$SERVER_PID"
    wait_for_line "$SERVER_OUT" ': stopping '
    kill -HUP "$SERVER_PID"
    wait_for_line "$SERVER_OUT" ': reopening the ledger '
    release a
    wait_server
    assert_eq "$SERVER_STATUS" 0 "exit status"
    refute grep 'ending the clients' "$SERVER_OUT"
}

@test "each page names the others" {
    for page in ferryd.8 ferry.1 ferrytop.1; do
        for other in ferryd.8 ferry.1 ferrytop.1; do
            [ "$page" != "$other" ] || continue
            section 'SEE ALSO' "$PROJECT/docs/$page" |
                grep -qE "^\.Xr ${other%.*} ${other##*.}( ,)?\$" || fail "$page does not name $other"
        done
    done
}

@test "the pages are mdoc without a fault" {
    command -v mandoc >/dev/null || skip "needs mandoc"
    cd "$PROJECT/docs"
    run mandoc -T lint -W warning ferryd.8 ferry.1 ferrytop.1
    assert_eq "$output" "" "mandoc says"
}
