# timeline-common.awk - reads the lines that scripts/timeline prepares, for both kinds of picture.
#
# It runs together with timeline-svg.awk or timeline-text.awk, and calls their draw() at the end. A
# panel p has
#   title[p], cap[p], clients[p], span[p] (ns), p50[p], p95[p], max[p] (ns of waiting), outcomes[p]
#   began[p, i], started[p, i] (-1: never), quiet[p, i], ended[p, i]
#                                                     ns since the first accept, i from 1
#   waited[p, i], number[p, i], outcome[p, i], what[p, i], peer[p, i], moved[p, i]
#   events[p]; at[p, k], running[p, k]                how many run from then on, k from 1
# and `longest` is the longest span of all panels, ns.

$1 == "A" { title[$2] = $4; next }

$1 == "E" {
    k = ++events[$2]
    at[$2, k] = $3
    running[$2, k] = running[$2, k - 1] + $4
    next
}

{
    i = ++clients[$2]
    number[$2, i] = $3
    began[$2, i] = $4
    started[$2, i] = $5
    ended[$2, i] = $6
    waited[$2, i] = $7
    moved[$2, i] = $8
    outcome[$2, i] = $9
    cap[$2] = $10
    what[$2, i] = $11 == " " ? "" : $11
    peer[$2, i] = $12
    quiet[$2, i] = $13
    if (count_of[$2, $9]++ == 0)
        kind[$2, ++kinds[$2]] = $9
}

# Nearest rank: the shortest wait that at least `share` percent of the clients do not exceed.
function rank(n, share) {
    r = int((n * share + 99) / 100)
    return r < 1 ? 1 : r
}

# Sorts wait[1..n] (heapsort, because not every awk has asort()).
function sift(root, n,   child, t) {
    while ((child = 2 * root) <= n) {
        if (child < n && wait[child + 1] > wait[child])
            child++
        if (wait[root] >= wait[child])
            return
        t = wait[root]; wait[root] = wait[child]; wait[child] = t
        root = child
    }
}
function sort_waits(n,   i, t) {
    for (i = int(n / 2); i >= 1; i--)
        sift(i, n)
    for (i = n; i > 1; i--) {
        t = wait[1]; wait[1] = wait[i]; wait[i] = t
        sift(1, i - 1)
    }
}

function time(ns) {
    if (ns < 999500)
        return sprintf("%.0f us", ns / 1000)
    if (ns < 999500000)
        return sprintf(ns < 9995000 ? "%.1f ms" : "%.0f ms", ns / 1000000)
    if (ns < 119500000000)
        return sprintf(ns < 9950000000 ? "%.2f s" : "%.1f s", ns / 1000000000)
    return sprintf("%.0f:%02d min", int(ns / 60000000000), int(ns / 1000000000) % 60)
}

function bytes(n) {
    if (n < 10240)
        return n " bytes"
    if (n < 10485760)
        return sprintf("%.0f KiB", n / 1024)
    return n < 10737418240 ? sprintf("%.0f MiB", n / 1048576) : sprintf("%.0f GiB", n / 1073741824)
}

# "3 done, 1 timeout", in the order in which the outcomes first occur. `for (x in y)` would have
# another order in another awk.
function outcomes_of(p,   k, list) {
    list = count_of[p, "done"] + 0 " done"
    for (k = 1; k <= kinds[p]; k++)
        if (kind[p, k] != "done")
            list = list ", " count_of[p, kind[p, k]] " " kind[p, k]
    return list
}

function settle(p,   first, i, k, n) {
    n = clients[p]
    first = began[p, 1]
    for (i = 2; i <= n; i++)
        if (began[p, i] < first)
            first = began[p, i]
    span[p] = 1
    for (i = 1; i <= n; i++) {
        began[p, i] -= first
        ended[p, i] -= first
        quiet[p, i] -= first
        started[p, i] = started[p, i] == 0 ? -1 : started[p, i] - first
        if (ended[p, i] > span[p])
            span[p] = ended[p, i]
        wait[i] = waited[p, i] + 0
    }
    for (k = 1; k <= events[p]; k++) {
        at[p, k] -= first
        if (running[p, k] > peak[p])
            peak[p] = running[p, k]
    }
    sort_waits(n)
    p50[p] = wait[rank(n, 50)]
    p95[p] = wait[rank(n, 95)]
    max[p] = wait[n]
    if (span[p] > longest)
        longest = span[p]
    outcomes[p] = outcomes_of(p)
}

function summary(p) {
    return sprintf("%d client%s in %s: %s", clients[p], clients[p] == 1 ? "" : "s", time(span[p]), \
        outcomes[p])
}

function waits(p) {
    return sprintf("waits: p50 %s, p95 %s, max %s", time(p50[p]), time(p95[p]), time(max[p]))
}

END {
    for (p = 1; p <= panels; p++)
        settle(p)
    draw()
}
