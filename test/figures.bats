#!/usr/bin/env bats
# Runs on: once
#
# The figures in the documents' prose are what the commands of test/figures say. test/figure-check
# compares them, and it can say the contrary: most tests run a copy of it on a page of their own.
#
# Dollars and backquotes in quotes are of a table and of a page here:
# shellcheck disable=SC2016

load lib

SAID=${BATS_FILE_TMPDIR:-$BATS_RUN_TMPDIR}/said

# setup_file: what it says of the project
setup_file() {
    BIN=$BIN "$PROJECT/test/figure-check" >"$SAID" 2>&1 ||
        echo "status $?" >>"$SAID"
}

# About the text of a page, as opposed to its figures.
OF_TEXT='this stands there|there is no such page'

setup() {
    TREE=$BATS_TEST_TMPDIR/tree
    TABLE=$TREE/test/figures/page
    PAGE=$TREE/docs/page.md
    mkdir -p "$TREE/docs" "${TABLE%/*}"
    cp "$PROJECT/test/figure-check" "$TREE/test"
    printf '%s\n' '# A page' '' 'A dozen is twelve eggs, and a' 'gross is 1,440 tenths. Pi is 3.14,' \
        'and the page has seven lines or 7 *lines*.' '' 'Two is two.' >"$PAGE"
}

# row TOLERANCE_AND_TEXT COMMAND...: one more row of the table, of lines of a command
row() {
    echo "$1" >>"$TABLE"
    shift
    printf '    %s\n' "$@" >>"$TABLE"
}

# holds: the table does, with so many rows
holds() {
    run "$TREE/test/figure-check"
    assert_eq "$status" 0 "$output"
    assert_eq "$(grep -c '^ok docs/page.md: ' <<<"$output")" "$1" "rows that hold"
}

# is_wrong PART...: it does not, and a line says so with these parts of a text
is_wrong() {
    local part line
    run "$TREE/test/figure-check"
    assert_eq "$status" 1 "$output"
    line=$(grep '^WRONG ' <<<"$output") || fail "no line WRONG in: $output"
    assert_eq "$(wc -l <<<"$line")" 1 "lines: $output"
    for part in "$@"; do
        assert_contains "$line" "$part"
    done
    rm "$TABLE"
}

@test "every figure that has a row in test/figures is what its command says" {
    grep -q '^ok ' "$SAID"
    refute grep -vE -e '^ok ' -e "^WRONG [^:]+: ($OF_TEXT)" -e '^status 1$' "$SAID"
}

@test "every table of test/figures has its page, and every row's text stands there once" {
    refute grep -E "^WRONG [^:]+: ($OF_TEXT)" "$SAID"
}

@test "words, commas and points are figures; lines and spaces may be broken anywhere" {
    row 'exact dozen is {} eggs' 'echo 12'
    row 'exact gross is {}   tenths' 'echo 1440'
    row 'exact Pi is {},' 'echo 3.14'
    row 'exact the page has {} lines' "grep -c '' docs/page.md"
    row 'exact or {} *lines*' 'x=3' 'echo $((x + 4))'
    row 'exact {} is two' '# the case does not count' 'echo 2'
    holds 6
}

@test "a figure that the command does not say is told, with page, text, figure, number and command" {
    row 'exact the page has {} lines' 'wc -l <docs/page.md'
    holds 1
    echo 'One more line.' >>"$PAGE"
    is_wrong 'docs/page.md: ' 'the page has {} lines' 'the page says 7, ' 'the command 8 ' 'wc -l <docs/page.md'
    row 'exact the page has {} lines' 'wc -l <docs/page.md'
    sed -i 's/has seven lines/has eight lines/' "$PAGE"
    holds 1
}

@test "each tolerance has an end" {
    row '10% a gross is {} tenths' 'echo 1600'
    row 'x2 a gross is {} tenths' 'echo 2880'
    row 'x2 a gross is {} tenths' 'echo 720'
    row '>= a gross is {} tenths' 'echo 1440'
    row '<= a gross is {} tenths' 'echo 1440'
    row 'exact a gross is {} tenths' 'echo 1.44e3'
    holds 6
    rm "$TABLE"
    row '10% a gross is {} tenths' 'echo 1601'
    is_wrong '(10%)'
    row '10% a gross is {} tenths' 'echo 1309'
    is_wrong '(10%)'
    row 'x2 a gross is {} tenths' 'echo 2881'
    is_wrong '(x2)'
    row 'x2 a gross is {} tenths' 'echo 719'
    is_wrong '(x2)'
    row 'x2 a gross is {} tenths' 'echo -1440'
    is_wrong '(x2)'
    row '>= a gross is {} tenths' 'echo 1439'
    is_wrong '(>=)'
    row '<= a gross is {} tenths' 'echo 1441'
    is_wrong '(<=)'
    row 'exact a gross is {} tenths' 'echo 1440.1'
    is_wrong '(exact)'
}

@test "a command that prints nothing, or two numbers, or no number, or that fails, is told" {
    local command
    for command in ':' 'echo 12 12' 'echo 12; echo 12' 'echo twelve' 'echo 12 eggs' 'wc -l docs/page.md'; do
        row 'exact dozen is {} eggs' "$command"
        is_wrong 'dozen is {} eggs' 'does not print one number' ": $command"
    done
    row 'exact dozen is {} eggs' 'echo 12' 'echo "out of eggs" >&2' 'exit 3'
    is_wrong 'fails with status 3: out of eggs'
    row 'exact dozen is {} eggs' 'no-such-command'
    is_wrong 'fails with status 127'
}

@test "text that the page does not have, or has twice, or has without a figure, is told" {
    row 'exact score is {} eggs' 'echo 20'
    is_wrong 'stands there 0 times' 'score is {} eggs'
    row 'exact A {} is twelve' 'echo 12'
    is_wrong 'stands there 0 times'
    echo 'A dozen is 12 eggs.' >>"$PAGE"
    row 'exact dozen is {} eggs' 'echo 12'
    is_wrong 'stands there 2 times'
    # A figure is a whole one.
    row 'exact is {}40 tenths' 'echo 14'
    is_wrong 'stands there 0 times'
    row 'exact 1,{} tenths' 'echo 440'
    is_wrong 'stands there 0 times'
    row 'exact a gross is 1{} tenths' 'echo 440'
    is_wrong 'stands there 0 times'
}

@test "a table without a page, without a row or with a broken one is told" {
    row 'exact dozen is {} eggs' 'echo 12'
    mv "$TABLE" "${TABLE%/*}/nowhere"
    run "$TREE/test/figure-check"
    assert_eq "$status $output" "1 WRONG test/figures/nowhere: there is no such page"
    rm "${TABLE%/*}/nowhere"
    echo '# nothing' >"$TABLE"
    is_wrong 'has no row'
    echo 'exact dozen is {} eggs' >"$TABLE"
    is_wrong 'no command below: dozen is {} eggs'
    row 'about dozen is {} eggs' 'echo 12'
    is_wrong 'no tolerance: about dozen'
    row 'exact dozen is twelve eggs' 'echo 12'
    is_wrong 'one {}: exact dozen'
    row 'exact {} is {} eggs' 'echo 12'
    is_wrong 'one {}: exact'
    printf '%s\n' 'exact dozen is {} eggs' '  echo 12' >"$TABLE"
    run "$TREE/test/figure-check"
    assert_eq "$status" 1 "$output"
    assert_contains "$output" 'not indented by four spaces'
}

@test "a table is that of docs/NAME.md, of a folder's README.md, of a manual page, or of README.md" {
    local name
    mkdir "$TREE/docs/folder"
    cp "$PAGE" "$TREE/docs/folder/README.md"
    cp "$PAGE" "$TREE/docs/page.8"
    cp "$PAGE" "$TREE/README.md"
    row 'exact dozen is {} eggs' 'echo 12'
    for name in folder page.8 README; do
        cp "$TABLE" "${TABLE%/*}/$name"
    done
    run "$TREE/test/figure-check"
    assert_eq "$status" 0 "$output"
    assert_eq "$(cut -d : -f 1 <<<"$output" | sort | tr '\n' ' ')" \
        "ok README.md ok docs/folder/README.md ok docs/page.8 ok docs/page.md "
}

@test "the figures in prose that have no row can be listed" {
    printf '%s\n' 'See poll(2), `12 eggs` and [13](14.md).' '' '    15 columns' '' '| 16 |' '' '```' 17 \
        '```' '18 is not checked.' '' '19. An item.' >>"$PAGE"
    row 'exact dozen is {} eggs' 'echo 12'
    row 'exact Pi is {},' 'echo 3.14'
    run "$TREE/test/figure-check" --unchecked page
    assert_eq "$status" 0 "$output"
    assert_eq "$(cut -d : -f 2 <<<"$output" | tr -d '\n')" ' 1,440 seven 7 13 18'
}
