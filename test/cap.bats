#!/usr/bin/env bats
#
# The cap: never more than MAX workers at once, those that have ended but are not reaped included,
# and nobody else hears anything before one of them is gone.
#
# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib

# stays_within MAX ID: for a while there are MAX workers at most, and ID is not served
stays_within() {
    local i count
    for i in {1..6}; do
        _workers
        count=${#WORKERS[@]}
        ((count <= $1)) || fail "$count workers, with a cap of $1 (sample $i)" || return
        refute is_served "$2" || return
        _nap "$POLL_SECONDS"
    done
}

# keeps_cap MAX: of MAX + 2 clients that stay, the last two wait until somebody leaves
keeps_cap() {
    local max=$1
    local -a ids
    mapfile -t ids < <(seq "$((max + 2))")
    hold "${ids[@]}" || return
    held "${ids[@]:0:max}" || return
    wait_for_line "$SERVER_OUT" '^server connected to client' "$((max + 2))" || return
    stays_within "$max" "$((max + 1))" || return
    workers_are "$max" || fail "not $max workers: ${WORKERS[*]}" || return
    release "$max" || return
    held "$((max + 1))" || return
    stays_within "$max" "$((max + 2))"
}

@test "with MAX 1, the second client waits until the first has left" {
    start_server -v -- 1
    keeps_cap 1
}

@test "with MAX 2, the third client waits until one has left" {
    start_server -v -- 2
    keeps_cap 2
}

@test "without MAX, the sixth client waits until one has left" {
    start_server -v
    keeps_cap 5
}

@test "a worker that has ended counts until it is reaped" {
    processes_only
    needs_strace
    # Once the workers have been tried, waitpid(2) finds nobody six times; the server looks when
    # one has ended, and each second.
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -o /dev/null
        -e trace=wait4 -e inject=wait4:retval=0:when=3..8)
    start_server -vv -- 2
    hold a b next
    held a b
    release a b
    wait_until 5 zombies_are 2
    refute is_served next
    held next
    wait_for_line "$SERVER_OUT" ': client 3 started'
    run grep -oE 'client [0-9]+ (ended|started).*' "$SERVER_OUT"
    [ "${#lines[@]}" -eq 5 ]
    [[ ${lines[2]} == *" ended, "*"(1 running, 1 waiting)" ]]
    [[ ${lines[3]} == *" ended, "*"(0 running, 1 waiting)" ]]
    [[ ${lines[4]} == "client 3 started, "* ]]
}

zombies_are() {
    [ "$(zombies | wc -l)" -eq "$1" ]
}

@test "the cap holds, zombies counted, while clients come and go as fast as they can" {
    processes_only
    local i most=0 crowd until=$((SECONDS + 30))
    start_server -- 3
    random_file "$ROOT/file" 20000
    "$SWARM" -c 30 -n 1000000 "$PORT" GET file >/dev/null 2>&1 3>&- 4>&- &
    crowd=$!
    track "$crowd"
    # A worker lives for well under a millisecond: one read(2) must tell of all there are (proc(5)),
    # and it takes a while to catch three of them.
    for ((i = 1; i <= 400 || (most < 3 && SECONDS < until); i++)); do
        _workers
        [ "${#WORKERS[@]}" -le 3 ] || fail "${#WORKERS[@]} workers, with a cap of 3 (sample $i)"
        most=$((${#WORKERS[@]} > most ? ${#WORKERS[@]} : most))
    done
    is_alive "$crowd"
    assert_eq "$most" 3 "the most workers that were seen"
}

@test "by its own account too, the server runs as many clients as it may and never more" {
    local most
    start_server -vv -- 4
    random_file "$ROOT/file" 20000
    "$SWARM" -c 30 -n 300 "$PORT" GET file
    most=$(sed -nE 's/.*\(([0-9]+) running, [0-9]+ waiting\)$/\1/p' "$SERVER_OUT" | sort -n | tail -n 1)
    assert_eq "$most" 4 "the most workers at once"
}
