#!/usr/bin/env bats
# Runs on: once
#
# docs/http.md says what the program does, and each requirement in it has a test. All of it is asked of
# copies, too, in which something is wrong.
#
# Backquotes are of Markdown here, and tests are subshells:
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153

load lib
load http

PAGE=$PROJECT/docs/http.md
COPY=$BATS_TEST_TMPDIR/copy.md

# section HEADING PAGE: its lines
section() {
    awk -v heading="## $1" '/^## / { inside = $0 == heading } inside' "$2"
}

# ---- each requirement, and its test ----

declare -gA TESTS=() # by the name of a file, the names of those that are in it, one a line
ENTRIES=            # of the table of http_bad.bats: "[GROUP] WHAT", one a line

know_tests() {
    local file line
    while IFS=: read -r file line; do
        line=${line#@test \"}
        TESTS[${file##*/}]+=$'\n'${line%\" \{}
    done < <(grep '^@test "' "$PROJECT"/test/*.bats)
    ENTRIES=$'\n'$(grep '^\[' "$PROJECT/test/corpus/http-requests.txt")$'\n'
}

# has_test FILE NAME [ENTRY]: there is one test whose name has NAME in it, which reads that ENTRY
has_test() {
    local names=${TESTS[$1]:-} name
    [ -n "$names" ] || fail "no such file: $1" || return
    [[ $names == *"$2"* ]] || fail "no test of $1 has in its name: $2" || return
    [[ ${names#*"$2"} != *"$2"* ]] || fail "several tests of $1 have in their names: $2" || return
    [ -n "${3:-}" ] || return 0
    name=${names%"$2"*}
    name=${name##*$'\n'}$2
    [[ $1 == http_bad.bats && $ENTRIES == *$'\n['"${name%%:*}] $3"$'\n'* ]] ||
        fail "no entry of $1, \"${name%%:*}\": $3"
}

TEST_FORM='^`([a-z_]+\.bats)`: "([^"]*)"(, of them "([^"]*)")?(; )?'

# rows_have_tests PAGE: and there are many of them
rows_have_tests() {
    local row rest cells rows=0
    while IFS= read -r row; do
        IFS='|' read -ra cells <<<"$row"
        [ "${#cells[@]}" -eq 4 ] || fail "not three columns: $row" || return
        rest=${cells[3]# } rest=${rest% }
        [ -n "$rest" ] || fail "no test: $row" || return
        while [ -n "$rest" ]; do
            [[ $rest =~ $TEST_FORM ]] || fail "this names no test: $rest" || return
            rest=${rest:${#BASH_REMATCH[0]}}
            has_test "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[4]}" || return
        done
        rows=$((rows + 1))
    done < <(section 'Each requirement, and its test' "$1" | grep '^|' | grep -vE '^\|(---| section )')
    ((rows >= 100)) || fail "rows: $rows"
}

# spoilt SED-SCRIPT COMMAND...: in a copy that is changed so, COMMAND finds fault
spoilt() {
    sed -E "$1" "$PAGE" >"$COPY"
    refute cmp -s "$COPY" "$PAGE" || fail "nothing has changed by: $1" || return
    refute "${@:2}" "$COPY" 2>/dev/null || fail "nothing was found after: $1"
}

@test "every requirement has a test, and that test is there" {
    know_tests
    rows_have_tests "$PAGE"
}

@test "a test that is not there, or is not the only one of that name, is noticed" {
    know_tests
    spoilt 's/"HEAD is answered as GET is"/"HEAD is answered as GET was"/' rows_have_tests
    spoilt 's/^(\| 9110 9\.3\.2 .*\|).*\|/\1 |/' rows_have_tests
    spoilt '0,/`http_get.bats`/s//`http_got.bats`/' rows_have_tests
    spoilt '0,/"conditions are judged"/s//"a"/' rows_have_tests
    spoilt '0,/of them "no Host"/s//of them "a Host"/' rows_have_tests
    spoilt '0,/"; `http_/s//", `http_/' rows_have_tests
    spoilt '0,/^\| 9112 2\.2 \|/s//| 9112 | 2.2 |/' rows_have_tests
    spoilt '/^### Body/,$d' rows_have_tests
}

# ---- statuses and options ----

# statuses_in_code: of answer.c, which is where each has its words
statuses_in_code() {
    sed -nE 's/^ *\{([0-9]{3}), "[A-Za-z -]+"\},$/\1/p' "$PROJECT/src/session/http/answer.c" | sort
}

# statuses_in PAGE: of its two tables
statuses_in() {
    section 'What is answered' "$1" | awk -F '|' '
        /^\| method / { column = 4 }
        /^\| status / { column = 2 }
        /^\|/ { print $column }' | grep -oE '\b[2-5][0-9]{2}\b' | sort -u
}

# statuses_agree PAGE
statuses_agree() {
    local code
    code=$(statuses_in_code)
    [[ $code == *200*404*507* ]] || fail "no statuses were found in answer.c" || return
    assert_eq "$(statuses_in "$1")" "$code" "the statuses of answer.c"
}

# options_agree PAGE: each that it names is in --help
options_agree() {
    local help option options
    help=$("$BIN/ferryd" --help)
    options=$(sed 's/"[^"]*"//g' "$1" | grep -oE -- '--[a-z][a-z-]+' | sort -u)
    assert_contains "$options" --http-host || return
    for option in $options; do
        grep -qE -- "(^|[ ,])$option([ =]|\$)" <<<"$help" || fail "no such option: $option" || return
    done
}

@test "every status that the program knows is in the tables of the page, and no other" {
    statuses_agree "$PAGE"
    spoilt '/^\| 409 /d' statuses_agree
    spoilt 's/^\| 417 /| 418 /' statuses_agree
    spoilt 's/ 301 to the name/ 302 to the name/' statuses_agree
    spoilt 's/; 416 \|$/ |/; /^\| 416 /d' statuses_agree
}

@test "every option that the page names is one" {
    options_agree "$PAGE"
    spoilt 's/--no-overwrite/--never-overwrite/' options_agree
    spoilt 's/--http-host/--http-hosts/' options_agree
}

# ---- what is sent, and what is typed ----

# example PAGE: the listing that it shows
example() {
    section Directories "$1" | sed -n 's/^    //p'
}

# example_is_right PAGE: that is what the server sends where there are these two
example_is_right() {
    assert_eq "$(example "$1")" "$(<"$BODY")" "what the server sends"
}

@test "the listing for scripts has the form that the page shows" {
    mkdir -p "$ROOT/photos/old"
    truncate -s 48213 "$ROOT/photos/a b.jpg"
    touch -d 2026-11-24T10:00:00Z "$ROOT/photos/a b.jpg"
    touch -d 2026-11-20T08:30:00Z "$ROOT/photos/old"
    start_http
    request GET '/photos/?json'
    assert_status 200
    example_is_right "$PAGE"
    spoilt '/^    \{"name":"old"/s/"mtime"/"time"/' example_is_right
    spoilt '/^    \{"name":"old"/s/"directory",/"directory","size":null,/' example_is_right
    spoilt '/^    \{"path"/d' example_is_right
}

# commands PAGE: what it says to type at the client, here
commands() {
    sed -n '/^## /q; s/^    //p' "$1" | grep -E '(^|\| )(curl|wget) ' |
        sed "s,http://host:8000,$URL,; s/  *# .*//"
}

# type_all PAGE: each command by itself, in the order of the page
type_all() {
    local line
    while IFS= read -r line; do
        [[ $line != wget* ]] || command -v wget >/dev/null || continue
        timeout 60 bash -c "$line" >>said 2>>errors </dev/null || fail "$line: $(<errors)" || return
        LINES_TYPED+=("$line")
        look_after "$line" || return
    done < <(commands "$1")
}

# look_after LINE: it has done what it is for
look_after() {
    case $1 in
    *'-T report.pdf'*) assert_file_eq "$ROOT/report.pdf" report.pdf ;;
    *'-T - '*) tar tf "$ROOT/etc.tar" | grep -q '^etc/passwd$' || fail "that is no archive of /etc" ;;
    *'-C -'*) assert_file_eq large.iso "$ROOT/large.iso" ;;
    *'-X DELETE'*) refute test -e "$ROOT/report.pdf" ;;
    *'?json'*) assert_contains "$(<said)" '{"path":"/","entries":[' ;;
    wget*) assert_file_eq "${URL#http://}/photos/2026/one.jpg" "$ROOT/photos/2026/one.jpg" ;;
    *) fail "what should it have done? $1" ;;
    esac
}

@test "the commands on the page do what it says of them" {
    needs curl tar
    LINES_TYPED=()
    export HOME=$BATS_TEST_TMPDIR
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
    mkdir -p "$ROOT/photos/2026" "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here"
    random_file report.pdf 100000
    random_file "$ROOT/large.iso" 3000000
    head -c 1000000 "$ROOT/large.iso" >large.iso
    random_file "$ROOT/photos/2026/one.jpg" 1000
    start_http
    type_all "$PAGE"
    ((${#LINES_TYPED[@]} >= 5)) || fail "only these were tried: ${LINES_TYPED[*]}"
    spoilt 's/curl -X DELETE/curl -X HEAD -f -m 1/' type_all
    spoilt 's/-O -C -/-O/; s/large.iso  /small.iso  /' type_all
}

@test "the first screen of the README has the one line that it takes" {
    head -n 25 "$PROJECT/README.md" | grep -qF 'curl -T report.pdf http://host:8000/'
}
