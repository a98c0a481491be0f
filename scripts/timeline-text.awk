# timeline-text.awk - scripts/timeline's picture as text, `columns` wide. See timeline-common.awk.

# So much of a name as fits `room` columns; a character of several bytes counts as one.
function clip(text, room,   i, used) {
    for (i = 1; i <= length(text); i++)
        if (substr(text, i, 1) !~ /[\200-\277]/ && ++used > room)
            return substr(text, 1, i - 1)
    return text
}

# What the clients first to last do at that moment: more of them are served, or wait, or none is
# there.
function mark(p, first, last, ns,   i, served, waiting) {
    for (i = first; i <= last; i++)
        if (ns >= began[p, i] && ns < ended[p, i]) {
            if (started[p, i] >= 0 && ns >= started[p, i])
                served++
            else
                waiting++
        }
    return served > 0 && served >= waiting ? "#" : waiting > 0 ? "." : " "
}

function bar(p, first, last,   c, line) {
    for (c = 0; c < width; c++)
        line = line mark(p, first, last, (c + 0.5) * longest / width)
    return line
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

function draw_panel(p,   i, last, step, label, note) {
    if (panels > 1)
        print title[p]
    print summary(p)
    print waits(p) "; at most " peak[p] + 0 " at once, the cap is " cap[p]
    step = int((clients[p] + 39) / 40)
    if (step > 1)
        print "a row is " step " clients: what most of them do, the average wait and the average stay"
    printf "%11s |%s| %8s %8s  . waiting  # served\n", "running", running_line(p), "waited", "served"
    for (i = 1; i <= clients[p]; i = last + 1) {
        last = i + step - 1 < clients[p] ? i + step - 1 : clients[p]
        total_wait = total_served = 0
        for (k = i; k <= last; k++) {
            total_wait += waited[p, k]
            total_served += started[p, k] < 0 ? 0 : ended[p, k] - started[p, k]
        }
        label = last > i ? number[p, i] "-" number[p, last] : number[p, i]
        note = last > i ? "" : (outcome[p, i] == "done" ? "" : outcome[p, i] ": ") what[p, i]
        printf "%11s |%s| %8s %8s  %s\n", label, bar(p, i, last), \
            time(total_wait / (last - i + 1)), time(total_served / (last - i + 1)), \
            clip(note, columns - width - 34)
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
