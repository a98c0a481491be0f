# timeline-text.awk - draws scripts/timeline's picture as text, `columns` wide. See
# timeline-common.awk.

# As much of a name as fits into `room` columns. A character of several bytes counts as one column,
# and as two from U+3000 on, where the wide ones are.
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

# Puts `sign` into the cells whose middles lie between two moments; with `always` into at least one.
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

# The cells of the clients first to last. A client that is served is always visible, however short
# the time was, and also when others in its row wait.
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
            fill(quiet[p, i], ended[p, i], "=", quiet[p, i] <= started[p, i])
    for (i = first; i <= last; i++)
        if (started[p, i] >= 0 && quiet[p, i] > started[p, i])
            fill(started[p, i], quiet[p, i], "#", 1)
    for (c = 0; c < width; c++)
        line = line cell[c]
    return line
}

# The most that ran in each column: 0 to 9, and + for more.
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

# Gives row r what it says of the clients first to last beside their bar.
function describe(p, r, first, last,   i, n, wait, stay, served, bad) {
    n = last - first + 1
    for (i = first; i <= last; i++) {
        wait += waited[p, i]
        bad += outcome[p, i] != "done"
        if (started[p, i] >= 0) {
            served++
            stay += ended[p, i] - started[p, i]
        }
    }
    label[p, r] = n > 1 ? number[p, first] "-" number[p, last] : number[p, first]
    wait_text[p, r] = time(wait / n)
    stay_text[p, r] = served ? time(stay / served) : "-"
    end_text[p, r] = n == 1 ? outcome[p, first] : bad ? bad " not done" : "all done"
    request[p, r] = n > 1 ? "" : what[p, first] == "" ? "-" : what[p, first]
    from[p, r] = first
    to[p, r] = last
    label_columns = wider(label_columns, label[p, r])
    wait_columns = wider(wait_columns, wait_text[p, r])
    stay_columns = wider(stay_columns, stay_text[p, r])
    end_columns = wider(end_columns, end_text[p, r])
}

function wider(columns, text) {
    return length(text) > columns ? length(text) : columns
}

function describe_all(p,   i, last) {
    step[p] = int((clients[p] + 39) / 40)
    for (i = 1; i <= clients[p]; i = last + 1) {
        last = i + step[p] - 1 < clients[p] ? i + step[p] - 1 : clients[p]
        describe(p, ++rows[p], i, last)
    }
}

# right(TEXT, N): as the last of N columns; left(TEXT, N): as the first. Not every awk knows %*s.
function right(text, n) {
    return sprintf("%" n "s", text)
}
function left(text, n) {
    return sprintf("%-" n "s", text)
}

function put(name, cells, wait, stay, end, words,   line) {
    line = right(name, label_columns) " |" cells "| " right(wait, wait_columns) " " \
        right(stay, stay_columns) "  " left(substr(end, 1, end_columns), end_columns) "  " \
        clip(words, columns - width - beside)
    sub(/ +$/, "", line)
    print line
}

function draw_panel(p,   r) {
    if (panels > 1)
        print title[p]
    print summary(p)
    print waits(p) "; at most " peak[p] + 0 " at once, the cap is " cap[p]
    if (step[p] > 1)
        print "a row is " step[p] " clients: # while one or more are served; the average wait and stay"
    put("running", running_line(p), "waited", "served", "outcome", "request")
    for (r = 1; r <= rows[p]; r++)
        put(label[p, r], bar(p, from[p, r], to[p, r]), wait_text[p, r], stay_text[p, r], \
            end_text[p, r], request[p, r])
    print right("", label_columns) "  0" right(time(longest), width - 1)
}

function draw(   p) {
    OUTCOME_NARROW = length("client-gone")
    label_columns = length("running")
    wait_columns = stay_columns = length("waited")
    end_columns = length("outcome")
    for (p = 1; p <= panels; p++)
        describe_all(p)
    columns = columns < 60 ? 60 : columns
    if (columns < 80 && end_columns > OUTCOME_NARROW)
        end_columns = OUTCOME_NARROW
    beside = label_columns + 2 + 2 + wait_columns + 1 + stay_columns + 2 + end_columns + 2
    width = int((columns - beside) * 2 / 3) # the rest is for the request
    width = width < 16 ? 16 : width > 100 ? 100 : width
    for (p = 1; p <= panels; p++) {
        if (p > 1)
            print ""
        draw_panel(p)
    }
    print right("", label_columns) "  . waiting  # served  = served, no byte moves"
}
