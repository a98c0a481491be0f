# ferry.bash - shared by the tests of the client: running it, and a scripted server for it.
#
# Used by: client*.bats, with `load ferry`, which loads lib.bash too.
# Local files are in HERE. ferry's output is in OUT and ERR, its exit status in STATUS.
# shellcheck shell=bash

load lib

OUT=$BATS_TEST_TMPDIR/out
ERR=$BATS_TEST_TMPDIR/err
PREFIX=() # goes before ferry: (strace ...)

setup() {
    here
}

# here: for files with their own setup(), which must call it
here() {
    HERE=$BATS_TEST_TMPDIR/here
    mkdir -p "$HERE" "$ROOT"
    cd "$HERE" || return
}

# ferry ARGUMENT...: sets STATUS
ferry() {
    STATUS=0
    timeout 60 "${PREFIX[@]}" "$FERRY" "$@" >"$OUT" 2>"$ERR" || STATUS=$?
}

# ferry_behind ARGUMENT...: the same in the background; client_ends waits for it, and sets STATUS
ferry_behind() {
    : >"$OUT" # or what an earlier one printed would count
    : >"$ERR"
    "${PREFIX[@]}" "$FERRY" "$@" >"$OUT" 2>"$ERR" 3>&- 4>&- &
    CLIENT=$!
    track "$CLIENT"
}

client_ends() {
    wait_until 60 is_gone "$CLIENT"
    STATUS=0
    wait "$CLIENT" || STATUS=$?
}

# prints FILE LINE...: FILE holds these lines and nothing else
prints() {
    local got want
    mapfile got <"$1"
    printf -v got '%s' "${got[@]}"
    printf -v want '%s\n' "${@:2}"
    [ "$got" = "$want" ] || fail "$1 differs" "  got:" "$got" "  want:" "$want"
}

# prints_nothing FILE
prints_nothing() {
    [ ! -s "$1" ] || fail "this should be empty: $1" "$(<"$1")"
}

# succeeds LINE...: status 0, these lines on standard output, nothing on standard error
succeeds() {
    [ "$STATUS" -eq 0 ] || fail "exit status $STATUS: $(<"$ERR")" || return
    prints "$OUT" "$@" || return
    prints_nothing "$ERR"
}

# only_files DIR NAME...: DIR holds these and nothing else, hidden files included, in byte order
only_files() {
    local LC_ALL=C got
    shopt -s nullglob dotglob
    got=("$1"/*)
    shopt -u nullglob dotglob
    got=("${got[@]##*/}")
    assert_eq "${got[*]}" "${*:2}" "files in $1"
}

# fake STEP...: a scripted server for one client; sets PORT. A line in FAKE.in ends its `wait`.
fake() {
    FAKE=$BATS_TEST_TMPDIR/fake
    [ -p "$FAKE.in" ] || mkfifo "$FAKE.in" || return
    : >"$FAKE.out"
    "$BIN/test/fakeserver" "$@" <>"$FAKE.in" >"$FAKE.out" 2>"$FAKE.err" 3>&- 4>&- &
    FAKE_PID=$!
    track "$FAKE_PID"
    wait_until "$WAIT_SECONDS" test -s "$FAKE.out"
    # shellcheck disable=SC2034 # for the caller
    read -r PORT <"$FAKE.out"
}

# The scripted server has got all that it expected.
fake_is_content() {
    wait_until "$WAIT_SECONDS" is_gone "$FAKE_PID"
    wait "$FAKE_PID" || fail "$(<"$FAKE.err")"
}
