#!/usr/bin/env bats
# Runs on: once
#
# The borders between the folders of src: who may include whom. What is below knows nothing of what
# is above, so there is no circle; the lab, src/manager, is reached by src/server alone.

load lib

# may_include FOLDER: what its files may include besides their own headers
may_include() {
    case $1 in
        common) ;;
        session) echo common ;;
        record) echo common session ;;
        manager) echo common record session ;;
        server) echo common manager record session ;;
        client) echo common ;;
        top) echo common record session ;;
        *) fail "what may src/$1 include? it is not in the table" ;;
    esac
}

# crossings TREE: each include that crosses a border where it may not
crossings() {
    local dir folder allowed
    for dir in "$1"/src/*/; do
        folder=$(basename "$dir")
        allowed=$(may_include "$folder") || return
        grep -H '#include "' "$dir"*.c "$1/include/$folder/"*.h |
            grep -vE "#include \"($folder${allowed:+|${allowed// /|}})/" || true
    done
}

@test "no file reaches over a border" {
    assert_eq "$(crossings "$PROJECT")" "" "includes"
}

@test "an include that reaches upwards is found" {
    local file
    cp -a "$PROJECT/src" "$PROJECT/include" "$BATS_TEST_TMPDIR"
    for file in src/common/io.c include/common/log.h src/record/board.c src/session/lab.c \
        src/top/screen.c src/manager/manager.c; do
        cp -a "$PROJECT/$file" "$BATS_TEST_TMPDIR/$file"
        echo '#include "server/options.h"' >>"$BATS_TEST_TMPDIR/$file"
        assert_contains "$(crossings "$BATS_TEST_TMPDIR")" "$file"
    done
}

@test "every header lies where its source does, and every source has one" {
    local file folder name
    for file in "$PROJECT"/src/*/*.c; do
        folder=$(basename "$(dirname "$file")") name=$(basename "$file" .c)
        case $name in
            *_main) continue ;;
            worker_fork | worker_thread) name=worker ;;
        esac
        [ -f "$PROJECT/include/$folder/$name.h" ] || fail "src/$folder/$name.c has no header"
    done
}
