# timeline-svg.awk - draws scripts/timeline's picture as SVG. See timeline-common.awk.
#
# The picture has no script and no font of its own. A browser shows a row's <title> under the
# pointer. It has colours for a light and for a dark page. The three tones differ in lightness, too,
# and the third has a border, so that they can be told apart in print.

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

# A round number without its zeros.
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

# What the tooltip says of one client; the request is last, because there may be anything in it.
function about(p, i,   words) {
    words = "client " number[p, i] ", " peer[p, i] ", " outcome[p, i] ": waited " time(waited[p, i])
    if (started[p, i] < 0)
        words = words ", never served"
    else
        words = words ", served " time(ended[p, i] - started[p, i]) still(p, i) ", " bytes(moved[p, i])
    return words "; " (what[p, i] == "" ? "no request" : what[p, i])
}

function still(p, i) {
    return ended[p, i] <= quiet[p, i] ? "" : \
        quiet[p, i] <= started[p, i] ? " (nothing moved)" : \
        " (nothing moved in the last " time(ended[p, i] - quiet[p, i]) ")"
}

# A border would make a short time longer, and hide its colour.
function quiet_rect(from, to, y, h) {
    if (x_of(to) - x_of(from) >= 3)
        rect("quiet border", x_of(from) + 0.5, y + 0.5, x_of(to) - x_of(from) - 1, h - 1)
    else
        rect("quiet", x_of(from), y, x_of(to) - x_of(from), h)
}

function one_row(p, i, y, h,   start) {
    start = started[p, i] < 0 ? ended[p, i] : started[p, i]
    print "<g><title>" xml(about(p, i)) "</title>"
    # The whole row answers to the pointer.
    rect("row", LEFT, y, WIDTH, h)
    if (start > began[p, i])
        rect("waiting", x_of(began[p, i]), y + 1, x_of(start) - x_of(began[p, i]), h - 2)
    if (started[p, i] >= 0 && ended[p, i] > quiet[p, i])
        quiet_rect(quiet[p, i], ended[p, i], y + 1, h - 2)
    if (started[p, i] >= 0 && quiet[p, i] > start)
        rect("served", x_of(start), y + 1, x_of(quiet[p, i]) - x_of(start), h - 2)
    if (outcome[p, i] != "done")
        printf "<text class=\"mark\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x_of(ended[p, i]) + 3, \
            y + h / 2 + 4, (h >= 12 ? "\303\227 " xml(outcome[p, i]) : "\303\227")
    print "</g>"
}

# Several clients: above, from the first accept to the last start; below, from the first start to
# the last end, with the third tone from the moment when the last of them has moved its last byte.
function group_row(p, i, last, y, h,   k, from, to, start, stop, hush, end, total, worst, bad) {
    from = began[p, i]
    start = hush = end = -1
    to = worst = 0
    for (k = i; k <= last; k++) {
        from = began[p, k] < from ? began[p, k] : from
        stop = started[p, k] < 0 ? ended[p, k] : started[p, k]
        to = stop > to ? stop : to
        if (started[p, k] >= 0) {
            start = start < 0 || started[p, k] < start ? started[p, k] : start
            hush = quiet[p, k] > hush ? quiet[p, k] : hush
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
    if (end > hush)
        rect("quiet", x_of(hush), y + h / 2, x_of(end) - x_of(hush), h / 2 - 0.5)
    if (hush > start)
        rect("served", x_of(start), y + h / 2, x_of(hush) - x_of(start), h / 2 - 0.5)
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

# How many clients share a row, so that there are at most 120 rows: 1, 2, 5, 10, ...
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

# As much of a ledger's name as has room beside the rest of the title.
function short(name) {
    return length(name) <= 80 ? name : substr(name, 1, 77) "..."
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

function legend(y) {
    rect("waiting", LEFT, y, 14, 10)
    text("words", LEFT + 20, y + 9, "waiting")
    rect("served", LEFT + 90, y, 14, 10)
    text("words", LEFT + 110, y + 9, "served")
    rect("quiet border", LEFT + 176.5, y + 0.5, 13, 9)
    text("words", LEFT + 196, y + 9, "served, but nothing moves: its slot is not free yet")
    if (any_bad) {
        text("mark", LEFT + 510, y + 9, "\303\227")
        text("words", LEFT + 524, y + 9, "not done")
    }
}

# Colours for a light page, or for a dark one.
function colours(ink, muted, line, waiting, served, quiet, running, mark) {
    print "text { fill: " ink " } .words, .label, .tick { fill: " muted " } .mark { fill: " mark " }"
    print ".grid { stroke: " line " } .cap { stroke: " muted " } .row { fill: " muted " }"
    print ".band { fill: " line " } .running { fill: " running " } .waiting { fill: " waiting " }"
    print ".served { fill: " served " } .quiet { fill: " quiet " } .border { stroke: " served " }"
}

function draw(   p, y, total) {
    LEFT = 92
    WIDTH = 768
    BAND = 48
    HEAD = 78 # the panel's words
    RIGHT = 150 # what the longest outcome needs, after a row that ends at the end
    TOTAL = LEFT + WIDTH + RIGHT
    LEGEND = 34
    total = LEGEND + 4
    for (p = 1; p <= panels; p++) {
        layout(p)
        total += height[p]
        any_bad = any_bad || count_of[p, "done"] + 0 < clients[p]
    }
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" " \
        "viewBox=\"0 0 %d %d\" role=\"img\">\n", TOTAL, total, TOTAL, total
    print "<title>Who waited and who was served</title>"
    print "<style>"
    print "text { font: 12px sans-serif } .title { font-weight: bold; font-size: 14px }"
    print ".label { text-anchor: end; font-size: 11px } .tick { text-anchor: middle; font-size: 11px }"
    print ".mark { font-size: 11px; font-weight: bold } .cap { stroke-dasharray: 5 3 }"
    print ".band { fill-opacity: 0.35 } .row { fill-opacity: 0 } g:hover .row { fill-opacity: 0.15 }"
    print ".paper { fill: #ffffff }"
    colours("#1f2328", "#59636e", "#d1d9e0", "#e0b27f", "#1f5f9e", "#cfe0f1", "#7fa3c8", "#b3202c")
    print "@media (prefers-color-scheme: dark) {"
    print ".paper { fill: #0d1117 }"
    colours("#e6edf3", "#9198a1", "#3d444d", "#8a5a2b", "#6cb6ff", "#1c3553", "#3f6ea0", "#f47067")
    print "}"
    print "</style>"
    print "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>"
    legend(14)
    y = LEGEND
    for (p = 1; p <= panels; p++)
        y = panel(p, y)
    print "</svg>"
}
