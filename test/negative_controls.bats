#!/usr/bin/env bats
# Runs on: once
#
# The tests of the guarantees can fail: each build of ferryd that is broken on purpose (the file
# `mutants`) is noticed by the test that is there to notice it, and by its assertion.

load lib

MUTANTS=$PROJECT/test/mutants

setup() {
    [ -z "$SANITIZED" ] || skip "the plain build shows it"
    # One plain build that the mutants of all tests here start from.
    SHARED=${BATS_FILE_TMPDIR:-$BATS_TEST_TMPDIR}
    BASE=$SHARED/base
    [ -e "$SHARED/base-is-built" ] || build_base
}

build_base() {
    mkdir -p "$BASE/test"
    cp -a "$PROJECT/src" "$PROJECT/include" "$PROJECT/Makefile" "$BASE"
    cp -a "$PROJECT/test/probes" "$PROJECT/test/hostile" "$PROJECT/test/doors" "$BASE/test"
    plain_make "$BASE" -j2 all probes
    touch "$SHARED/base-is-built"
}

# plain_make DIR ARG...: make, as if called by hand with nothing set
plain_make() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CFLAGS -u LDFLAGS -u CPPFLAGS -u LDLIBS \
        make -s -C "$1" BUILD=build CFLAGS=-O0 "${@:2}" 2>"$1/make.err" || fail "$(cat "$1/make.err")"
}

# ---- the table ----

# mutants_of GUARANTEE: their names
mutants_of() {
    awk -v number="$1" '$1 == "mutant:" { name = $2 } $1 == "breaks:" && $2 == number { print name }' \
        "$MUTANTS"
}

# values NAME KEY: the values of that key of that mutant, one a line
values() {
    awk -v name="$1" -v key="$2:" '
        $1 == "mutant:" { ours = $2 == name }
        ours && $1 == key { sub(/^[a-z]+: /, ""); print }' "$MUTANTS"
}

# ---- running tests in tests ----

# server_of NAME: on which of the two its test runs
server_of() {
    local server
    server=$(values "$1" server)
    echo "${server:-ferryd}"
}

# program_of NAME: what of it is built
program_of() {
    local program
    program=$(values "$1" program)
    echo "build/${program:-$(server_of "$1")}"
}

# nested DIR SERVER FILE FILTER: runs those tests on that server in DIR; prints what they say
nested() {
    local unset=() name bats=${BATS_ROOT:-}/bin/bats # the one that runs us
    [ -x "$bats" ] || bats=bats
    for name in $(compgen -e | grep '^BATS'); do
        unset+=(-u "$name")
    done
    env "${unset[@]}" -u SANITIZED BIN="$1/build" SERVER="$2" \
        timeout 300 "$bats" --tap -f "$4" "$PROJECT/test/$3" 3>&- 4>&- </dev/null 2>&1
}

# build_mutant NAME DIR: a copy of the base, changed and built
build_mutant() {
    local file script program count=0
    cp -a "$BASE" "$2"
    file=$2/$(values "$1" file)
    while IFS= read -r script; do
        cp "$file" "$file.before"
        sed -E -i "$script" "$file"
        refute cmp -s "$file" "$file.before" || fail "mutant $1: $script changes nothing" || return
        rm "$file.before"
        count=$((count + 1))
    done < <(values "$1" sed)
    [ "$count" -gt 0 ] || fail "mutant $1 has no sed" || return
    program=$(program_of "$1")
    plain_make "$2" "$program" || fail "mutant $1 does not compile" || return
    refute cmp -s "$2/$program" "$BASE/$program" || fail "mutant $1 is the same program"
}

# is_noticed NAME: the mutant's test fails, not because it could not run but because of what it saw
is_noticed() {
    local dir=$BATS_TEST_TMPDIR/$1 file filter said status=0
    build_mutant "$1" "$dir" || return
    read -r file filter < <(values "$1" test)
    said=$(nested "$dir" "$(server_of "$1")" "$file" "$filter") || status=$?
    printf '%s\n' "$said"
    rm -rf "$dir"
    if [ "$status" -eq 0 ]; then
        [[ $said == *"# skip"* ]] || fail "mutant $1: nobody noticed"
    else
        [[ $said == *"not ok 1 "* && $said != *"did not get ready"* ]] ||
            fail "mutant $1: the test could not run"
    fi
}

# passes SERVER FILE FILTER: on the build that is not broken
passes() {
    local said
    said=$(nested "$BASE" "$@") || fail "$said" || return
    printf '%s\n' "$said"
    assert_contains "$said" "ok 1 "
}

# ---- several at a time: a test that fails does so at the end of some wait, more often than not ----

AT_ONCE=4
RUNNING=0
STARTED=()

# at_once ID COMMAND...: in the background, as soon as fewer than AT_ONCE are there
at_once() {
    local base=$BATS_TEST_TMPDIR/$1
    if [ "$RUNNING" -eq "$AT_ONCE" ]; then
        wait -n || true
        RUNNING=$((RUNNING - 1))
    fi
    { "${@:2}" && touch "$base.good"; } >"$base.says" 2>&1 3>&- 4>&- &
    track "$!"
    RUNNING=$((RUNNING + 1))
    STARTED+=("$1")
}

# all_good: waits for them; shows what those said that failed
all_good() {
    local id failed=0
    wait
    for id in "${STARTED[@]}"; do
        [ -e "$BATS_TEST_TMPDIR/$id.good" ] && continue
        cat "$BATS_TEST_TMPDIR/$id.says"
        failed=1
    done
    [ "$failed" -eq 0 ]
}

# are_noticed GUARANTEE: each of its mutants is
are_noticed() {
    local name skipped
    for name in $(mutants_of "$1"); do
        at_once "$name" is_noticed "$name"
    done
    [ "${#STARTED[@]}" -gt 0 ]
    all_good
    skipped=$(cat "$BATS_TEST_TMPDIR"/*.says | grep -m 1 '# skip') || return 0
    skip "not all of them: ${skipped#*# skip }"
}

@test "each mutant's test is one that there is, and on a build that is not broken such tests pass" {
    local name server file filter count
    while read -r name; do
        server=$(server_of "$name")
        read -r file filter < <(values "$name" test)
        count=$(grep -cE "^@test \".*$filter.*\"" "$PROJECT/test/$file")
        assert_eq "$count" 1 "tests of $file that $filter stands for"
        # One of each file will do: the others pass or fail under their own name.
        [[ " ${STARTED[*]} " == *" $file.$server "* ]] ||
            at_once "$file.$server" passes "$server" "$file" "$filter"
    done < <(sed -n 's/^mutant: //p' "$MUTANTS")
    [ "${#STARTED[@]}" -gt 0 ]
    all_good
}

@test "a file that is not durable when DONE is said is noticed" {
    are_noticed 1
}

@test "a file that is seen before it is whole is noticed" {
    are_noticed 2
}

@test "a client too many is noticed" {
    are_noticed 3
}

@test "a client that jumps the queue is noticed" {
    are_noticed 4
}

@test "a slot that stays empty is noticed" {
    are_noticed 5
}

@test "a crash that costs others is noticed" {
    are_noticed 6
}

@test "a name that leaves the root is noticed" {
    are_noticed 7
}

@test "a client that holds its slot for ever is noticed" {
    are_noticed 8
}

@test "a client that is dropped, and a server that spins, are noticed" {
    are_noticed 9
}

@test "a promise of the manual that is broken is noticed" {
    are_noticed manual
}
