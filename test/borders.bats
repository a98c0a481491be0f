#!/usr/bin/env bats
# Runs on: once
#
# The borders between the folders of src: who may include whom. What is below knows nothing of what
# is above, so there is no circle; the lab, src/manager, is reached by src/server alone.

load lib

# Each folder of src, and a service's own below src/session.
FOLDERS=(common session session/http record manager server client top)

# may_include FOLDER: what its files may include besides their own headers. A service's folder is not
# a part of src/session: only src/server, which opens the doors, knows which services there are.
may_include() {
    case $1 in
        common) ;;
        session) echo common ;;
        session/http) echo common session ;;
        record) echo common session ;;
        manager) echo common record session ;;
        server) echo common manager record session session/http ;;
        client) echo common ;;
        top) echo common record session ;;
        *) fail "what may src/$1 include? it is not in the table" ;;
    esac
}

# crossings TREE: each include that crosses a border where it may not
crossings() {
    local folder allowed
    for folder in "${FOLDERS[@]}"; do
        allowed=$(may_include "$folder") || return
        grep -H '#include "' "$1/src/$folder/"*.c "$1/include/$folder/"*.h |
            grep -vE "#include \"($folder${allowed:+|${allowed// /|}})/[^/]+\"" || true
    done
}

@test "there is no other folder" {
    assert_eq "$(cd "$PROJECT/src" && find . -mindepth 1 -type d -printf '%P\n' | sort | xargs)" \
        "$(printf '%s\n' "${FOLDERS[@]}" | sort | xargs)" "the folders of src"
}

@test "no file reaches over a border" {
    assert_eq "$(crossings "$PROJECT")" "" "includes"
}

@test "an include that reaches upwards is found" {
    local file
    cp -a "$PROJECT/src" "$PROJECT/include" "$BATS_TEST_TMPDIR"
    for file in src/common/io.c include/common/log.h src/record/board.c src/session/lab.c \
        src/session/http/head.c include/session/http/head.h src/top/screen.c src/manager/manager.c; do
        cp -a "$PROJECT/$file" "$BATS_TEST_TMPDIR/$file"
        echo '#include "server/options.h"' >>"$BATS_TEST_TMPDIR/$file"
        assert_contains "$(crossings "$BATS_TEST_TMPDIR")" "$file"
    done
}

@test "and so is one into a service, from where services are not known" {
    local file
    cp -a "$PROJECT/src" "$PROJECT/include" "$BATS_TEST_TMPDIR"
    for file in src/common/io.c src/session/lab.c src/session/sandbox.c src/record/ledger.c \
        src/manager/acceptor.c include/manager/worker.h src/top/screen.c; do
        echo '#include "session/http/head.h"' >>"$BATS_TEST_TMPDIR/$file"
        assert_contains "$(crossings "$BATS_TEST_TMPDIR")" "$file"
    done
}

@test "every header lies where its source does, and every source has one" {
    local file folder name
    for file in "$PROJECT"/src/*/*.c "$PROJECT"/src/*/*/*.c; do
        folder=${file#"$PROJECT/src/"} name=$(basename "$file" .c)
        folder=${folder%/*}
        case $name in
            *_main) continue ;;
            worker_fork | worker_thread) name=worker ;;
        esac
        [ -f "$PROJECT/include/$folder/$name.h" ] || fail "src/$folder/$name.c has no header"
    done
}
