#!/usr/bin/env bats
# Runs on: once
#
# The README's first screen, as the three kinds of reader meet it: what it has them type does what it
# says. And its options are the programs' own, but fewer.

# The dollars in the snippet are its own:
# shellcheck disable=SC2016

load lib

README=$PROJECT/README.md

# block TEXT: the first block of commands of the README that has TEXT in it, without its indent
block() {
    awk -v text="$1" '
        /^    / { block = block substr($0, 5) "\n"; found = found || index($0, text); next }
        found { exit }
        { block = "" }
        END { printf "%s", block; exit !found }' "$README"
}

# A folder that looks like the project after `make`: `make` itself is tested elsewhere.
stand_in_project() {
    mkdir "$BATS_TEST_TMPDIR/project"
    cd "$BATS_TEST_TMPDIR/project" || return
    ln -s "$BIN" build
    cp "$README" .
    printf 'all:\n' >Makefile
}

@test "the first twenty lines have something for each reader" {
    local first
    first=$(head -n 20 "$README")
    assert_contains "$first" 'Atomic, durable, takes turns, no passwords'
    assert_contains "$first" "$(block 'build/ferry localhost' | sed 's/^/    /')"
    assert_contains "$first" "$(block '--ready-fd' | sed 's/^/    /')"
    assert_contains "$first" '(docs/ladder/README.md)'
    assert_contains "$first" '(docs/exercises/README.md)'
    assert_contains "$first" '(docs/teaching.md)'
}

@test "the shell user's two commands move a file" {
    local commands
    commands=$(block 'build/ferry localhost')
    assert_eq "$(wc -l <<<"$commands")" 2 'the commands'
    stand_in_project
    # Not everybody's port 9000 is free: 0 stands for one that is.
    sed -n 's/9000/0/; s/build\/ferryd/exec &/; 1p' <<<"$commands" >server.sh
    sh -e server.sh >said 2>&1 3>&- 4>&- &
    track "$!"
    wait_for_line said '^server waiting on port [0-9]+$'
    sed -n "s/9000/$(sed -n 's/.*port //p' said)/; 2p" <<<"$commands" >client.sh
    run sh -e client.sh
    assert_eq "$status" 0 "exit status: $output"
    assert_contains "$output" Complete
    assert_file_eq files/README.md README.md
}

# snippet: the test author's, which tells what its server is
snippet() {
    printf 'dir=$1\ncd "$2"\n'
    block '--ready-fd'
    printf 'echo "$server" >server\n'
}

@test "the test author's snippet moves a file, has no sleep in it, and leaves no server" {
    local moved=$BATS_TEST_TMPDIR/work
    mkdir "$ROOT" "$moved"
    random_file "$moved/data.bin" 100000
    refute grep -q sleep <(block '--ready-fd')
    snippet >"$BATS_TEST_TMPDIR/snippet"
    for shell in sh bash; do
        rm -f "$moved/ready" "$ROOT/data.bin"
        PATH=$BIN:$PATH timeout 60 "$shell" -e "$BATS_TEST_TMPDIR/snippet" "$ROOT" "$moved" 3>&- 4>&-
        assert_file_eq "$ROOT/data.bin" "$moved/data.bin"
        track "$(<"$moved/server")"
        wait_until "$WAIT_SECONDS" is_gone "$(<"$moved/server")"
    done
}

@test "the test author's snippet ends where the server cannot start, or is not there" {
    local moved=$BATS_TEST_TMPDIR/work
    mkdir "$moved"
    snippet >"$BATS_TEST_TMPDIR/snippet"
    PATH=$BIN:$PATH run timeout 60 sh "$BATS_TEST_TMPDIR/snippet" "$ROOT/nowhere" "$moved" 3>&- 4>&-
    assert_eq "$status" 1 "exit status: $output"
    assert_contains "$output" 'ferryd: '
    refute grep -q Complete <<<"$output"
    rm "$moved/ready"
    PATH=/usr/bin:/bin run timeout 60 sh "$BATS_TEST_TMPDIR/snippet" "$BATS_TEST_TMPDIR" "$moved" 3>&- 4>&-
    assert_eq "$status" 1 "exit status: $output"
    assert_contains "$output" 'ferryd: '
}

# options_of PROGRAM: those that the README's table of it names, one on a line
options_of() {
    awk -v program="$1" '
        index($0, "| `" program " ") == 1 { inside = 1; next }
        inside && !/^\|/ { exit }
        inside { split($0, cell, "|"); print cell[2] }' "$README" |
        grep -oE -- '(^|[ `])--?[a-z][a-z-]*' | tr -d ' `' | sort -u
}

@test "the options in the README are the programs', and fewer than --help has" {
    local program option help
    for program in ferryd ferry; do
        help=$("$BIN/$program" --help)
        options_of "$program" >"$BATS_TEST_TMPDIR/options"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/options")" -ge 4 ]
        while read -r option; do
            grep -qE -- "(^|[ ,])${option/#-vv/-v}([^a-z-]|\$)" <<<"$help" ||
                fail "$program --help has no $option"
        done <"$BATS_TEST_TMPDIR/options"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/options")" -le "$(($(grep -cE '^ +-' <<<"$help") * 2 / 3))" ] ||
            fail "the README has nearly all of $program --help"
    done
}
