# timeline-svg.awk - scripts/timeline's picture as SVG. See timeline-common.awk.
#
# No script and no font of its own; a row's <title> is what a browser shows under the pointer. The
# two colours differ in lightness, so that they do in print.

function xml(words) {
    gsub(/&/, "\\&amp;", words)
    gsub(/</, "\\&lt;", words)
    gsub(/>/, "\\&gt;", words)
    gsub(/"/, "\\&quot;", words)
    return words
}

function x_of(ns) {
    return LEFT + ns * WIDTH / longest
}

function rect(class, x, y, w, h) {
    printf "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"/>\n", \
        class, x, y, (w < 0.4 ? 0.4 : w), h
}

function text(class, x, y, words) {
    printf "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, xml(words)
}

# The least of 1, 2, 5, 10, ... that makes at most eight steps.
function tick_step(  step) {
    for (step = 1; longest / step > 80; step *= 10)
        ;
    return longest / step <= 8 ? step : longest / step <= 16 ? 2 * step : \
        longest / step <= 40 ? 5 * step : 10 * step
}

# A round number's zeros say nothing.
function tick(ns,   words) {
    words = time(ns)
    sub(/\.0+ /, " ", words)
    return ns == 0 ? "0" : words
}

function grid(y, height,   ns, step) {
    step = tick_step()
    for (ns = 0; ns <= longest; ns += step) {
        printf "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", \
            x_of(ns), y, x_of(ns), y + height
        text("tick", x_of(ns), y + height + 14, tick(ns))
    }
}

function band(p, y,   k, top, points, level) {
    top = cap[p] > peak[p] ? cap[p] : peak[p]
    rect("band", LEFT, y + BAND - BAND * cap[p] / top, WIDTH, BAND * cap[p] / top)
    points = sprintf("%.2f,%.1f", x_of(0), y + BAND)
    level = y + BAND
    for (k = 1; k <= events[p]; k++) {
        points = points sprintf(" %.2f,%.1f", x_of(at[p, k]), level)
        level = y + BAND - BAND * running[p, k] / top
        points = points sprintf(" %.2f,%.1f", x_of(at[p, k]), level)
    }
    printf "<polygon class=\"running\" points=\"%s %.2f,%.1f\"><title>at most %d at once</title>" \
        "</polygon>\n", points, x_of(span[p]), y + BAND, peak[p]
    printf "<line class=\"cap\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", LEFT, \
        y + BAND - BAND * cap[p] / top, LEFT + WIDTH, y + BAND - BAND * cap[p] / top
    text("label", LEFT - 8, y + BAND - BAND * cap[p] / top + 4, "cap " cap[p])
    text("label", LEFT - 8, y + BAND, "running")
}

function one_row(p, i, y, h,   start) {
    start = started[p, i] < 0 ? ended[p, i] : started[p, i]
    printf "<g><title>%s</title>\n", xml("client " number[p, i] ", " peer[p, i] ": " what[p, i] ", " outcome[p, i] \
        "; waited " time(waited[p, i]) (started[p, i] < 0 ? ", never served" : \
        ", served " time(ended[p, i] - start) ", " bytes(moved[p, i])))
    # The whole row answers to the pointer.
    rect("row", LEFT, y, WIDTH, h)
    if (start > began[p, i])
        rect("waiting", x_of(began[p, i]), y + 1, x_of(start) - x_of(began[p, i]), h - 2)
    if (started[p, i] >= 0)
        rect("served", x_of(start), y + 1, x_of(ended[p, i]) - x_of(start), h - 2)
    if (outcome[p, i] != "done")
        printf "<text class=\"mark\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x_of(ended[p, i]) + 3, \
            y + h / 2 + 4, (h >= 12 ? "\303\227 " xml(outcome[p, i]) : "\303\227")
    print "</g>"
}

# Several clients: above, from the first one's accept to the last one's start; below, from the first
# start to the last end.
function group_row(p, i, last, y, h,   k, from, to, start, end, total, worst, bad) {
    from = began[p, i]
    start = end = -1
    to = worst = 0
    for (k = i; k <= last; k++) {
        from = began[p, k] < from ? began[p, k] : from
        stop = started[p, k] < 0 ? ended[p, k] : started[p, k]
        to = stop > to ? stop : to
        if (started[p, k] >= 0) {
            start = start < 0 || started[p, k] < start ? started[p, k] : start
            end = ended[p, k] > end ? ended[p, k] : end
        }
        total += waited[p, k]
        worst = waited[p, k] > worst ? waited[p, k] : worst
        bad += outcome[p, k] != "done"
    }
    printf "<g><title>%s</title>\n", xml("clients " number[p, i] " to " number[p, last] \
        ": waited " time(total / (last - i + 1)) " on average, " time(worst) " at most" \
        (bad ? "; " bad " not done" : ""))
    rect("row", LEFT, y, WIDTH, h)
    rect("waiting", x_of(from), y + 0.5, x_of(to) - x_of(from), h / 2 - 0.5)
    if (start >= 0)
        rect("served", x_of(start), y + h / 2, x_of(end) - x_of(start), h / 2 - 0.5)
    if (bad)
        printf "<text class=\"mark\" x=\"%.1f\" y=\"%.1f\">\303\227</text>\n", \
            x_of(end > to ? end : to) + 3, y + h / 2 + 4
    print "</g>"
}

function label_of(p, i, last) {
    return last > i ? number[p, i] "\342\200\223" number[p, last] : number[p, i]
}

function rows(p, y,   i, last, h, every) {
    h = row_height[p]
    every = int((12 + h) / h) # rows for a label
    every = h >= 12 ? 1 : every
    for (i = 1; i <= clients[p]; i = last + 1) {
        last = i + group[p] - 1 < clients[p] ? i + group[p] - 1 : clients[p]
        if (group[p] > 1)
            group_row(p, i, last, y, h)
        else
            one_row(p, i, y, h)
        if (int((i - 1) / group[p]) % every == 0)
            text("label", LEFT - 8, y + h / 2 + 4, label_of(p, i, last))
        y += h
    }
    return y
}

# How many clients share a row, so that there are at most 120 rows: a number one can count in.
function share(n,   power) {
    for (power = 1; n > 120 * 10 * power; power *= 10)
        ;
    return n <= 120 * power ? power : n <= 240 * power ? 2 * power : \
        n <= 600 * power ? 5 * power : 10 * power
}

function layout(p) {
    group[p] = share(clients[p])
    row_count[p] = int((clients[p] + group[p] - 1) / group[p])
    row_height[p] = row_count[p] <= 40 ? 16 : 8
    height[p] = HEAD + BAND + 14 + row_count[p] * row_height[p] + 34
}

# So much of a ledger's name as does not reach the legend.
function short(name) {
    return length(name) <= 50 ? name : substr(name, 1, 47) "..."
}

function panel(p, y,   top) {
    top = y
    text("title", 20, y + 18, (panels > 1 ? short(title[p]) ": " : "") \
        clients[p] " client" (clients[p] == 1 ? "" : "s") " in " time(span[p]))
    text("words", 20, y + 37, outcomes[p])
    text("words", 20, y + 54, waits(p) \
        (group[p] > 1 ? "; a row is " group[p] " clients: waiting above, served below" : ""))
    y += HEAD
    grid(y, BAND + 14 + row_count[p] * row_height[p])
    band(p, y)
    rows(p, y + BAND + 14)
    return top + height[p]
}

function legend() {
    rect("waiting", TOTAL - 240, 14, 14, 10)
    text("words", TOTAL - 221, 23, "waiting")
    rect("served", TOTAL - 160, 14, 14, 10)
    text("words", TOTAL - 141, 23, "served")
    printf "<text class=\"mark\" x=\"%d\" y=\"24\">\303\227</text>\n", TOTAL - 87
    text("words", TOTAL - 74, 23, "not done")
}

function draw(   p, y, total) {
    LEFT = 92
    WIDTH = 768
    BAND = 48
    HEAD = 78 # the panel's words
    RIGHT = 150 # what the longest outcome needs, after a row that ends at the end
    TOTAL = LEFT + WIDTH + RIGHT
    total = 10
    for (p = 1; p <= panels; p++) {
        layout(p)
        total += height[p]
    }
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" " \
        "viewBox=\"0 0 %d %d\" role=\"img\">\n", TOTAL, total, TOTAL, total
    print "<title>Who waited and who was served</title>"
    print "<style>"
    print "text { font: 12px sans-serif; fill: #222 }"
    print ".title { font-weight: bold; font-size: 14px } .words { fill: #444 }"
    print ".label { text-anchor: end; fill: #444; font-size: 11px }"
    print ".tick { text-anchor: middle; fill: #666; font-size: 11px }"
    print ".mark { fill: #b00020; font-size: 11px; font-weight: bold }"
    print ".grid { stroke: #e2e2e2 } .cap { stroke: #555; stroke-dasharray: 5 3 }"
    print ".band { fill: #eef1f5 } .running { fill: #8fa9c4 }"
    print ".row { fill: #fff; fill-opacity: 0 } g:hover .row { fill: #888; fill-opacity: 0.15 }"
    print ".waiting { fill: #f0c36d } .served { fill: #1f4e79 }"
    print "</style>"
    print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    y = 6
    for (p = 1; p <= panels; p++)
        y = panel(p, y)
    legend()
    print "</svg>"
}
