#!/usr/bin/env bats
# Runs on: once
#
# The links in the documents lead somewhere, and those to lines of the source to the lines that
# their text names: scripts/link-lines says so, and it can say the contrary. So can scripts/core-lines
# of how many lines the core has. Functions that pages and comments name are there.
#
# Backquotes are of Markdown here:
# shellcheck disable=SC2016

load lib

# A copy of the project that a test may damage.
setup() {
    COPY=$BATS_TEST_TMPDIR/copy
    mkdir "$COPY"
    cp -a "$PROJECT"/{README.md,CHANGELOG.md,LICENSE,Makefile,docs,include,scripts,src} "$COPY"
    mkdir "$COPY/test"
    cp -a "$PROJECT"/test/{*.bats,*.bash,mutants,peers,probes} "$COPY/test"
    PAGE=$COPY/docs/page.md
}

# says TEXT...: link-lines --check finds fault with PAGE, in these words
says() {
    local text
    run "$COPY/scripts/link-lines" --check docs/page.md
    [ "$status" -eq 1 ] || fail "nothing was found in:" "$(<"$PAGE")" || return
    for text in "$@"; do
        assert_contains "$output" "$text" || return
    done
}

@test "every link in the documents leads to what it names" {
    "$PROJECT/scripts/link-lines" --check
}

@test "without a name given, the pages are all looked at" {
    local page
    for page in README.md CHANGELOG.md docs/architecture.md docs/lab-guide.md \
        docs/exercises/README.md; do
        echo '[a](nowhere.md)' >>"$COPY/$page"
        run "$COPY/scripts/link-lines" --check
        [ "$status" -eq 1 ]
        assert_contains "$output" "$page:"
    done
}

@test "a line that has moved is noticed, and its links follow it by one command" {
    printf '%s\n' 'See [`manager_run()`](../src/manager/manager.c#L1), and' \
        '[`reap_stopped(m);` in `manager_run()`].' '' \
        '[`reap_stopped(m);` in `manager_run()`]: ../src/manager/manager.c#L1' >"$PAGE"
    "$COPY/scripts/link-lines" docs/page.md
    "$COPY/scripts/link-lines" --check docs/page.md
    cp "$PAGE" "$BATS_TEST_TMPDIR/before"
    sed -i '1i /* one more line */' "$COPY/src/manager/manager.c"
    says 'out of date'
    assert_file_eq "$PAGE" "$BATS_TEST_TMPDIR/before"
    "$COPY/scripts/link-lines" docs/page.md
    "$COPY/scripts/link-lines" --check docs/page.md
    # The function begins one line further down, and its link says so.
    assert_eq "$(sed -n 's/.*(.*manager.c#L\([0-9]*\)-L.*/\1/p' "$PAGE")" \
        "$(grep -n '^void manager_run(' "$COPY/src/manager/manager.c" | cut -d : -f 1)"
    sed -n "$(sed -n 's/^\[.*#L//p' "$PAGE")p" "$COPY/src/manager/manager.c" |
        grep -q 'reap_stopped(m);'
}

@test "a name that is not there any more, or more than once, is noticed" {
    printf '%s\n' '[`no_such_function()`](../src/manager/manager.c#L1)' \
        '[`return -1;`](../src/session/lab.c#L1)' '[no name](../src/session/lab.c#L1)' \
        '[`fork()`](../src/no_such_file.c#L1)' >"$PAGE"
    says 'page.md:1: no line of src/manager/manager.c with: no_such_function()' \
        'lines of src/session/lab.c with: return -1;' \
        'page.md:3: a link to lines whose text has no `name`' 'page.md:4: no such file'
}

@test "a file or a heading that is not there is noticed" {
    printf '%s\n' '[a](nowhere.md) [b](architecture.md#nowhere) [c](#nowhere)' >"$PAGE"
    says 'no such file: docs/nowhere.md' 'no such heading: architecture.md#nowhere' \
        'no such heading: #nowhere'
    printf '%s\n' '# Here, and `there()`' '[b](architecture.md#the-picture) [c](#here-and-there)' \
        '[d](../README.md) [e](https://example.org/)' >"$PAGE"
    "$COPY/scripts/link-lines" --check docs/page.md
}

@test "a reference without definition and a definition without use are noticed" {
    printf '%s\n' 'See [`fork()`].' '' '[`wait()`]: ../src/manager/manager.c' >"$PAGE"
    says 'page.md:1: no definition of [`fork()`]' 'page.md:3: nobody uses [`wait()`]'
}

@test "the documents know how many lines the core has" {
    "$PROJECT/scripts/core-lines" --check
}

@test "a line more or a file less is noticed, and one command brings the numbers up to date" {
    local page
    echo '/* one more line */' >>"$COPY/src/manager/manager.c"
    run "$COPY/scripts/core-lines" --check
    assert_eq "$status" 1 "exit status: $output"
    for page in README.md docs/architecture.md; do
        assert_contains "$output" "$page: numbers of lines are out of date"
        assert_file_eq "$COPY/$page" "$PROJECT/$page"
    done
    "$COPY/scripts/core-lines"
    "$COPY/scripts/core-lines" --check
    grep -qF "/manager.c) | $(wc -l <"$COPY/src/manager/manager.c") |" "$COPY/docs/architecture.md"
    # Nothing but the numbers has changed.
    diff <(sed 's/[0-9]//g' "$COPY/docs/architecture.md") <(sed 's/[0-9]//g' "$PROJECT/docs/architecture.md")
    rm "$COPY/src/session/lab.c"
    run "$COPY/scripts/core-lines" --check
    assert_eq "$status $output" '1 core-lines: src/session/lab.c is not there'
}

@test "a page that has lost its place for the numbers is noticed, and is left alone" {
    local page
    for page in README.md docs/architecture.md; do
        sed -i -e 's/The core, /A core, /' -e '/core-lines end/d' "$COPY/$page"
        cp "$COPY/$page" "$BATS_TEST_TMPDIR/before"
        run "$COPY/scripts/core-lines"
        assert_eq "$status $output" "1 core-lines: $page has no place for the numbers of lines, or has it twice"
        assert_file_eq "$COPY/$page" "$BATS_TEST_TMPDIR/before"
        cp "$PROJECT/$page" "$COPY/$page"
    done
}

# unknown_in_pages TREE: the functions that its pages name in backquotes and no file has: "PAGE NAME()".
# Those of solutions, of libc, of Python and of the lab's handout need not be there.
unknown_in_pages() {
    (
        cd "$1" || exit
        find README.md docs -name '*.md' ! -path 'docs/exercises/*' -exec \
            grep -oE '`[A-Za-z_][A-Za-z0-9_]*\(\)`' /dev/null {} + | sort -u | tr -d '`' |
            awk -F : '
            FNR == NR { there[$0]; next }
            { name = substr($2, 1, length($2) - 2) }
            !(name in there) && name !~ /^(isAlive|is_alive|set|sleep|module_verb)$/ { print $1, $2 }' <(
                find src include test docs/ladder -name '*.[ch]' -exec cat {} + |
                    grep -oE '[A-Za-z_][A-Za-z0-9_]*\(' | tr -d '(' | sort -u) -
    )
}

# unknown_in_comments TREE: the functions that comments in src and include name, and that no code there
# has or calls; two of libc must not be called
unknown_in_comments() {
    (
        cd "$1" || exit
        find src include -name '*.[ch]' -exec cat {} + | awk '
            { # comments, which do not nest, into one file, and the rest into another
                rest = $0
                while (rest != "") {
                    at = index(rest, inside ? "*/" : "/*")
                    part = at ? substr(rest, 1, at - 1) : rest
                    while (match(part, inside ? "[A-Za-z_][A-Za-z0-9_]*[(][)]" : "[A-Za-z_][A-Za-z0-9_]* *[(]")) {
                        name = substr(part, RSTART, RLENGTH)
                        sub(/ *\(.*/, "", name)
                        if (inside) named[name]; else there[name]
                        part = substr(part, RSTART + RLENGTH)
                    }
                    if (!at) break
                    rest = substr(rest, at + 2)
                    inside = !inside
                }
            }
            END { for (name in named) if (!(name in there) && name !~ /^(chdir|exit)$/) print name "()" }' | sort
    )
}

@test "every function that a page names is there, and one that is not is noticed" {
    assert_eq "$(unknown_in_pages "$PROJECT")" ""
    echo 'See `manager_run()` and `no_such_function()`.' >>"$COPY/docs/architecture.md"
    assert_eq "$(unknown_in_pages "$COPY")" "docs/architecture.md no_such_function()"
}

@test "every function that a comment names is there, and one that is not is noticed" {
    assert_eq "$(unknown_in_comments "$PROJECT")" ""
    printf '%s\n' '/* See manager_run() and' ' * no_such_function(). */' >>"$COPY/src/manager/manager.c"
    assert_eq "$(unknown_in_comments "$COPY")" "no_such_function()"
}
