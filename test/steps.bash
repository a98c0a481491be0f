# steps.bash - reads from strace(1), call by call, what a worker does to files and what it says.
#
# Used by: durable.bats and http_write.bash, with `load steps` after `load lib`.
# Needs:   strace(1); look_inside first.
# shellcheck shell=bash

# All calls that write a file, make it durable, change a name, or speak to the client.
STEP_CALLS='?write,?writev,?pwrite64,?pwritev,?pwritev2,?splice,?copy_file_range,?sendfile'
STEP_CALLS+=',?fsync,?fdatasync,?sync,?syncfs,?sync_file_range,?msync,?mkdir,?mkdirat'
STEP_CALLS+=',?link,?linkat,?rename,?renameat,?renameat2,?unlink,?unlinkat,?sendto,?sendmsg'

# trace_steps LOG [STRACE-OPTION...]: runs the next server under strace, which writes LOG.ID for
# each process or thread, so that each log is in order, and no call is split over two lines
trace_steps() {
    # shellcheck disable=SC2034 # start_server reads it
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -ff -y -s 16 -o "$1"
        -e trace="$STEP_CALLS" "${@:2}")
}

# steps_in LOG: prints the steps of that process or thread, in order: write, name (link), rename,
# unlink, mkdir, fsync-file, fsync-dir=PATH (below the root: ., dir, or of those in dir that are
# called a, b or c), other-sync; and what it says: DONE, ERROR, the status of an HTTP answer. A step
# that failed ends in !. The same step many times in a row counts once, unless it failed. That a
# name is taken is no failure: it is how one finds out.
steps_in() {
    awk -v root="$(realpath "$ROOT")" '
        function path(line) { line = $0; sub(/^[^<]*</, "", line); sub(/>.*/, "", line); return line }
        function below(whole) {
            whole = path()
            return whole == root ? "." : index(whole, root "/") == 1 ? substr(whole, length(root) + 2) : ""
        }
        function step(name) {
            if ($0 ~ / = -1 EEXIST /) return
            if ($0 ~ / = -1 /) name = name "!"
            else if (name == last) return
            last = name
            row = row (row == "" ? "" : " ") name
        }
        /^(p?write|splice|copy_file_range)/ && index($0, "<" root "/") { step("write") }
        /^f(data)?sync\(/ && below() ~ /^(\.|dir(\/[a-c])*)$/ { step("fsync-dir=" below()); next }
        /^f(data)?sync\(/ { step("fsync-file") }
        /^(sync|msync)/ { step("other-sync") }
        /^mkdir/ { step("mkdir") }
        /^link/ { step("name") }
        /^rename/ { step("rename") }
        /^unlink/ { step("unlink") }
        /^sendto.*"DONE"/ { step("DONE") }
        /^sendto.*"ERROR/ { step("ERROR") }
        /^sendto.*"HTTP\/1.1 [2-5]/ { match($0, /1\.1 [0-9]+/); step(substr($0, RSTART + 4, 3)) }
        END { print row }' "$1"
}
