#!/usr/bin/env bats
# Runs on: ferryd
#
# A worker that crashes costs its own client only: the others' transfers go on, its slot is given
# to the next in line, and the server lives.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

SIZE=12000000 # more than the socket buffers between client and worker hold

setup() {
    EXPECT_CRASH=yes
    ulimit -c 0
    mkdir -p "$ROOT"
    random_file "$ROOT/file" "$SIZE"
    truncate -s 1G "$ROOT/endless"
    random_file "$BATS_TEST_TMPDIR/upload" "$SIZE"
}

# survives SIGNAL VERB: of three clients in the middle of a transfer, one that does VERB loses its
# worker to SIGNAL
survives() {
    local signal=$1 verb=$2 worker
    local -A victim=(
        [GET]="send GET\x20endless\n expect OK send READY learn-size send OK skip 1000"
        [PUT]="send PUT\x20victim\n expect OK size $SIZE expect OK zeros 1000"
    )
    echo old >"$ROOT/victim"
    start_server -vv -- 3 || return
    # shellcheck disable=SC2086 # several steps
    client victim expect READY ${victim[$verb]} say moving wait wait-gone
    says victim moving || return
    worker=$(workers)
    client get expect READY send 'GET file\n' expect OK send READY learn-size send OK \
        save 1000 "$BATS_TEST_TMPDIR/head" say moving wait \
        save $((SIZE - 1000)) "$BATS_TEST_TMPDIR/tail" expect DONE eof
    client put expect READY send 'PUT new\n' expect OK size "$SIZE" expect OK \
        say moving wait sendfile "$BATS_TEST_TMPDIR/upload" expect DONE eof
    says get moving || return
    says put moving || return
    hold next || return
    wait_for_line "$SERVER_OUT" '^server connected to client' 4 || return
    refute is_served next || return

    kill -"$signal" "$worker" || return
    tell victim
    succeeds victim || return
    held next || return
    wait_for_line "$SERVER_OUT" ' client 1 ended, ' || return
    tell get
    tell put
    succeeds get || return
    succeeds put || return
    assert_file_eq <(cat "$BATS_TEST_TMPDIR"/{head,tail}) "$ROOT/file" || return
    assert_file_eq "$BATS_TEST_TMPDIR/upload" "$ROOT/new" || return
    assert_eq "$(<"$ROOT/victim")" old "the file that was being replaced" || return
    assert_eq "$(cd "$ROOT" && echo .[!.]* *)" '.[!.]* endless file new victim' "the root" || return
    release next && stop_server
}

@test "a worker killed in a GET costs its own client only" {
    survives KILL GET
}

@test "a worker killed in a PUT costs its own client only" {
    survives KILL PUT
}

@test "a worker that accesses memory it must not costs its own client only" {
    survives SEGV GET
}

@test "a worker that accesses memory it must not in a PUT costs its own client only" {
    survives SEGV PUT
}

@test "a worker that aborts costs its own client only" {
    survives ABRT GET
}

@test "a worker that aborts in a PUT costs its own client only" {
    survives ABRT PUT
}

@test "the server outlives the crash of every worker it has, again and again" {
    local pid
    start_server -- 3
    for _ in 1 2 3; do
        hold a b c
        held a b c
        for pid in $(workers); do
            kill -KILL "$pid"
        done
        wait_until "$WAIT_SECONDS" workers_are 0
        release a b c
    done
    wire_get file "$BATS_TEST_TMPDIR/copy"
    assert_file_eq "$BATS_TEST_TMPDIR/copy" "$ROOT/file"
}
