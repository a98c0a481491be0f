#!/usr/bin/env bats
# Runs on: once
#
# scripts/variants, and the list test/bench/variants: each variant can still be made, the page's
# table is made of the figures beside it, and in small the measuring itself.
#
# Backquotes are of Markdown here:
# shellcheck disable=SC2016

load lib

LIST=$PROJECT/test/bench/variants
FIGURES=$PROJECT/docs/performance-variants.json

setup() {
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
}

variants() {
    "$PROJECT/scripts/variants" "$@" 3>&- 4>&-
}

# A copy of what a variant is made of, that a test may damage.
copy_project() {
    COPY=$BATS_TEST_TMPDIR/copy
    mkdir -p "$COPY/test"
    cp -a "$PROJECT"/{src,include,Makefile,scripts} "$COPY"
    cp -a "$PROJECT/test/bench" "$COPY/test"
}

# all_of KEY: that key's values, one a line
all_of() {
    sed -n "s/^$1: //p" "$LIST"
}

@test "wrong arguments are told in a line, and nothing is built" {
    local arguments
    for arguments in --only '--only nobody' --into '--into /nowhere' '--into a b c' --nonsense; do
        # shellcheck disable=SC2086 # a list
        BUILD=$BATS_TEST_TMPDIR/build run variants $arguments
        assert_eq "$status" 2 "exit status of $arguments"
        assert_eq "${#lines[@]}" 1 "lines of: $output"
    done
    refute test -e "$BATS_TEST_TMPDIR/build"
}

@test "each variant can still be made of the sources, and says what was expected and what became of it" {
    local key count
    variants --check
    count=$(all_of variant | wc -l)
    [ "$count" -gt 0 ]
    assert_eq "$(all_of variant | sort -u | wc -l)" "$count" "names that are not given twice"
    for key in predicted kept why; do
        assert_eq "$(all_of "$key" | wc -l)" "$count" "$key:"
    done
    assert_eq "$(all_of kept | grep -vxE 'yes|no|option')" ""
    refute grep -E '^(predicted|why): .*["|\\]' "$LIST"
    assert_eq "$(ls -A "$TMPDIR")" "" "what is left of it"
}

@test "a variant that the sources have left behind is named" {
    copy_project
    sed -i 's/^static void sort(/static void sort_fds(/' "$COPY/src/manager/worker_fork.c"
    run "$COPY/scripts/variants" --check
    assert_eq "$status" 1
    assert_contains "$output" "variants: qsort: "
    assert_contains "$output" "changes nothing"

    copy_project
    sed -i 's/claims_keep_only/keep_only/' "$COPY/src/manager/worker_fork.c"
    run "$COPY/scripts/variants" --only claims-lent --check
    assert_eq "$status" 1
    assert_contains "$output" "variants: claims-lent: lend-claims.patch does not fit"
}

@test "the page has the table that its figures make, of every variant" {
    local name page=$BATS_TEST_TMPDIR/page.md
    sed '/^<!-- variants begin/,/^<!-- variants end/{/^<!-- variants/!d}' "$PROJECT/docs/performance.md" >"$page"
    variants --into "$page" "$FIGURES"
    assert_file_eq "$page" "$PROJECT/docs/performance.md"
    variants --into "$page" "$FIGURES" # once more changes nothing
    assert_file_eq "$page" "$PROJECT/docs/performance.md"
    while read -r name; do
        grep -qE "^\| \`$name\`[ ,]" "$page" || fail "no row of $name"
    done < <(all_of variant)
    refute grep -nE 'not measured|not counted' <(sed -n '/^<!-- variants begin/,/^<!-- variants end/p' "$page")
}

@test "a page without marks stays as it is" {
    local page=$BATS_TEST_TMPDIR/page.md
    echo '# A page' | tee "$page" >"$page.before"
    run variants --into "$page" "$FIGURES"
    assert_eq "$status" 1
    assert_contains "$output" "has no marks"
    assert_file_eq "$page" "$page.before"
    assert_eq "$(cd "$BATS_TEST_TMPDIR" && echo page.md*)" "page.md page.md.before"
}

# in_small TREE BIN COMMAND...: one variant, with few transfers, below that command
in_small() {
    local tree=$1 bin=$2 at=$BATS_TEST_TMPDIR/run said
    shift 2
    said=$("$@" env BUILD="$at/build" BIN="$bin" TMPDIR="$at/tmp" ROUNDS=1 TRANSFERS=300 COUNTED=5 \
        "$tree/scripts/variants" --only signals-ignored 2>&1 3>&- 4>&-) || fail "$said" || return
    assert_contains "$said" '| `signals-ignored` | A child that keeps SIGINT' || return
    assert_eq "$(ls -A "$at/tmp")" "" "what is left of it" || return
    refute grep -lzF "$at/build" /proc/[0-9]*/cmdline 2>/dev/null || return
    two_calls_more "$at/build/variants/report.json"
}

# two_calls_more REPORT: the variant makes as many, where strace may look
two_calls_more() {
    strace -f -o /dev/null true 2>/dev/null || return 0
    sed -n 's/.*"system_calls": \[\([0-9.]*\), \([0-9.]*\)\].*/\1 \2/p' "$1" |
        awk '{ n++; good = $2 - $1 > 1 && $2 - $1 < 3 } END { exit !(n == 1 && good) }' ||
        fail "$(cat "$1")"
}

@test "a variant is built and measured beside the present program, by an ordinary user, too" {
    local public=$BATS_TEST_TMPDIR/public at=$BATS_TEST_TMPDIR/run
    mkdir -p "$at/tmp"
    if [ "$EUID" -eq 0 ]; then
        copy_project
        chmod -R a+rX "$COPY"
        mkdir -p "$public/test"
        install -m 755 "$BIN/test/swarm" "$public/test"
        make_readable "$public/test/swarm"
        make_readable "$COPY/scripts/variants"
        chown -R "$NOBODY:$NOBODY" "$at"
        in_small "$COPY" "$public" setpriv "--reuid=$NOBODY" "--regid=$NOBODY" --clear-groups
    fi
    in_small "$PROJECT" "$BIN" # what is built there already is not built again
}
