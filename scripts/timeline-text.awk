# timeline-text.awk - scripts/timeline's picture as text, `columns` wide. See timeline-common.awk.

# So much of a name as fits `room` columns. A character of several bytes counts as one column, from
# U+3000 on, where the wide ones are, as two.
function clip(text, room,   i, byte, used) {
    for (i = 1; i <= length(text); i++) {
        byte = substr(text, i, 1)
        if (byte ~ /[\200-\277]/)
            continue
        used += byte ~ /[\343-\364]/ ? 2 : 1
        if (used > room)
            return substr(text, 1, i - 1)
    }
    return text
}

function ceiling(x) {
    return int(x) < x ? int(x) + 1 : int(x)
}

# Puts `sign` into the cells whose middles lie between two moments; `always` into one, at least.
function fill(from, to, sign, always,   c, last) {
    c = ceiling(from * width / longest - 0.5)
    last = ceiling(to * width / longest - 0.5) - 1
    if (always && last < c) {
        c = int((from + to) / 2 * width / longest)
        last = c = c < width ? c : width - 1
    }
    for (; c <= last; c++)
        cell[c] = sign
}

# The cells of the clients first to last: who is served is seen, however short it was, also where
# others wait.
function bar(p, first, last,   i, c, line) {
    for (c = 0; c < width; c++)
        cell[c] = " "
    for (i = first; i <= last; i++)
        if (started[p, i] < 0)
            fill(began[p, i], ended[p, i], ".", 1)
        else
            fill(began[p, i], started[p, i], ".", 0)
    for (i = first; i <= last; i++)
        if (started[p, i] >= 0)
            fill(started[p, i], ended[p, i], "#", 1)
    for (c = 0; c < width; c++)
        line = line cell[c]
    return line
}

# What there is to say of the clients first to last, other than how long it took.
function note_on(p, first, last,   i, bad) {
    if (first == last)
        return (outcome[p, first] == "done" ? "" : outcome[p, first] ": ") what[p, first]
    for (i = first; i <= last; i++)
        bad += outcome[p, i] != "done"
    return bad ? bad " not done" : ""
}

# The most that ran in each column: 1 to 9, and + for more.
function running_line(p,   c, k, now, most, line) {
    k = 1
    for (c = 0; c < width; c++) {
        most = now
        while (k <= events[p] && at[p, k] < (c + 1) * longest / width) {
            now = running[p, k++]
            if (now > most)
                most = now
        }
        line = line (most > 9 ? "+" : most > 0 ? most : c * longest / width < span[p] ? "0" : " ")
    }
    return line
}

function draw_panel(p,   i, k, last, step, label, row) {
    if (panels > 1)
        print title[p]
    print summary(p)
    print waits(p) "; at most " peak[p] + 0 " at once, the cap is " cap[p]
    step = int((clients[p] + 39) / 40)
    if (step > 1)
        print "a row is " step " clients: # while one or more are served; the average wait and stay"
    printf "%11s |%s| %8s %8s  . waiting  # served\n", "running", running_line(p), "waited", "served"
    for (i = 1; i <= clients[p]; i = last + 1) {
        last = i + step - 1 < clients[p] ? i + step - 1 : clients[p]
        total_wait = total_served = 0
        for (k = i; k <= last; k++) {
            total_wait += waited[p, k]
            total_served += started[p, k] < 0 ? 0 : ended[p, k] - started[p, k]
        }
        label = last > i ? number[p, i] "-" number[p, last] : number[p, i]
        row = sprintf("%11s |%s| %8s %8s  %s", label, bar(p, i, last), \
            time(total_wait / (last - i + 1)), time(total_served / (last - i + 1)), \
            clip(note_on(p, i, last), columns - width - 34))
        sub(/ +$/, "", row)
        print row
    }
    printf "%11s  0%" (width - 1) "s\n", "", time(longest)
}

function draw(   p) {
    columns = columns < 60 ? 60 : columns
    width = int((columns - 34) * 2 / 3) # the rest is for the request
    width = width < 16 ? 16 : width > 100 ? 100 : width
    for (p = 1; p <= panels; p++) {
        if (p > 1)
            print ""
        draw_panel(p)
    }
}
