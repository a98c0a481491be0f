/* screen.c - a snapshot as lines of text.
 *
 * Runs in: ferrytop. Each frame is one write(2), so that it does not flicker. */
#include "top/screen.h"

#include "common/io.h"
#include "common/proto.h"
#include "common/text.h"
#include "record/claims_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

/* ECMA-48: cursor home, erase to the end of the line, erase to the end of the screen. */
#define HOME       "\033[H"
#define END_LINE   "\033[K"
#define END_SCREEN "\033[J"

enum { FRAME_BYTES = 256 * 1024, LINE_BYTES = 2048, HEADING_BYTES = 256, NUMBER_MAX = 24 };

/* ---- the columns ---- */

enum column { CLIENT, SLOT, WORKER, PEER, DOOR, VERB, BYTES, RATE, DONE, AGE, COLUMNS };

static const struct {
    const char *title; /* NULL: the board says it */
    int width;
    bool to_the_left;
} columns_of[COLUMNS] = {
    [CLIENT] = {"client", 6, false}, [SLOT] = {"slot", 4, false},  [WORKER] = {NULL, 8, false},
    [PEER] = {"peer", 21, true},     [DOOR] = {"door", 4, true},   [VERB] = {"verb", 7, true},
    [BYTES] = {"bytes", 10, false},  [RATE] = {"rate", 12, false}, [DONE] = {"done", 4, false},
    [AGE] = {"age", 6, false},
};

/* What is left out if there is no room, in this order. The share that is done and the name stay,
 * because they say how far a file has come. */
static const enum column dispensable[] = {SLOT, DOOR, WORKER, AGE, PEER, RATE, BYTES, VERB, CLIENT};

enum { NAME_MIN = 11, VERB_NARROW = 4 /* enough to know a verb, where there is no door */ };

struct layout {
    bool has[COLUMNS];
    int width[COLUMNS];
};

static int width_of(const struct layout *layout)
{
    int width = 1; /* there are two blanks before the name */

    for (int c = 0; c < COLUMNS; c++)
        width += layout->has[c] ? layout->width[c] + 1 : 0;
    return width;
}

static struct layout lay_out(int columns)
{
    struct layout layout;

    for (int c = 0; c < COLUMNS; c++) {
        layout.has[c] = true;
        layout.width[c] = columns_of[c].width;
    }
    for (size_t i = 0;
         i < sizeof dispensable / sizeof dispensable[0] && width_of(&layout) + NAME_MIN > columns;
         i++) {
        layout.has[dispensable[i]] = false;
        if (dispensable[i] == DOOR)
            layout.width[VERB] = VERB_NARROW;
    }
    return layout;
}

/* ---- a frame ---- */

struct frame {
    char text[FRAME_BYTES];
    size_t len;
    int rows, columns, row;
    bool redraw;
    struct layout layout;
};

static void append(struct frame *frame, const char *text, size_t len)
{
    if (len <= sizeof frame->text - frame->len) {
        memcpy(frame->text + frame->len, text, len);
        frame->len += len;
    }
}

/* How many bytes of `line` fit into `columns`, if each character takes one column. */
static size_t clip(const char *line, int columns)
{
    size_t len = 0, left = strlen(line);

    for (int column = 0; left > 0 && column < columns; column++) {
        size_t step = text_utf8_len(line + len, left);
        step = step == 0 ? 1 : step;
        len += step;
        left -= step;
    }
    return len;
}

__attribute__((format(printf, 2, 3))) static void add_line(struct frame *frame, const char *format,
                                                           ...)
{
    char line[LINE_BYTES];
    va_list args;

    if (frame->row >= frame->rows)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (frame->row++ > 0)
        append(frame, "\n", 1);
    append(frame, line, clip(line, frame->columns));
    if (frame->redraw)
        append(frame, END_LINE, sizeof END_LINE - 1);
}

/* One row: a cell for each column, and a name. Only verbs are cut. */
static void add_row(struct frame *frame, const char *const cells[COLUMNS], const char *name)
{
    char line[LINE_BYTES] = "";
    size_t len = 0;

    for (int c = 0; c < COLUMNS && len < sizeof line; c++) {
        const int width = frame->layout.width[c];
        if (frame->layout.has[c])
            len += (size_t)snprintf(line + len, sizeof line - len, "%s%*.*s", len == 0 ? "" : " ",
                                    columns_of[c].to_the_left ? -width : width,
                                    c == VERB ? width : PEER_TEXT_MAX, cells[c]);
    }
    add_line(frame, "%s  %.1000s", line, name);
}

/* Two parts of the heading, in one line where there is room for both. */
static void add_pair(struct frame *frame, const char *one, const char *other)
{
    if (strlen(one) + strlen(other) + 3 <= (size_t)frame->columns) {
        add_line(frame, "%s   %s", one, other);
    } else {
        add_line(frame, "%s", one);
        add_line(frame, "%s", other);
    }
}

/* The two numbers may be anything: a worker may have made one of them up. */
static double seconds_between(int64_t from_ns, int64_t to_ns)
{
    return ((double)to_ns - (double)from_ns) / 1e9;
}

/* The bytes of the clients that have ended and of those that run. A worker may claim any number, so
 * the sum is a double, which does not overflow. */
static double moved_so_far(const struct snapshot *s)
{
    double bytes = (double)s->header.counts.bytes_moved;

    for (uint64_t i = 0; i < s->header.counts.running; i++)
        bytes += (double)s->running[i].claims.moved;
    return bytes;
}

static void add_heading(struct frame *frame, const struct snapshot *s)
{
    const struct board_header *h = &s->header;
    char up[TEXT_UNIT_MAX], bytes[TEXT_UNIT_MAX];
    char server[HEADING_BYTES], now[HEADING_BYTES], clients[HEADING_BYTES], moved[HEADING_BYTES];
    uint64_t troubled = 0;

    for (int i = OUTCOME_REFUSED + 1; i < OUTCOMES; i++)
        troubled += h->counts.ended[i];
    (void)snprintf(server, sizeof server, "port %" PRIu32 ", server %" PRIu32 "%s, up %s", h->port,
                   h->pid, s->alive ? "" : " (it has ended)",
                   text_time(seconds_between(h->began_ns, s->now_ns), up));
    (void)snprintf(now, sizeof now,
                   "running %" PRIu64 " of %" PRIu64 ", waiting %" PRIu64 " of %" PRIu64,
                   h->counts.running, h->max_running, h->counts.waiting, h->max_pending);
    (void)snprintf(clients, sizeof clients,
                   "clients %" PRIu64 ": %" PRIu64 " done, %" PRIu64 " refused, %" PRIu64
                   " otherwise ended",
                   h->counts.accepted, h->counts.ended[OUTCOME_DONE],
                   h->counts.ended[OUTCOME_REFUSED], troubled);
    (void)snprintf(moved, sizeof moved, "%s moved so far", text_bytes(moved_so_far(s), bytes));
    add_pair(frame, server, now);
    add_pair(frame, clients, moved);
}

static const struct board_client *find_client(const struct snapshot *s, uint64_t serial)
{
    for (uint64_t i = 0; s != NULL && i < s->header.counts.running; i++)
        if (s->running[i].stay.serial == serial)
            return &s->running[i];
    return NULL;
}

/* Bytes a second since the previous look, or since the client's first byte. */
static double rate_of(const struct snapshot *s, const struct snapshot *previous,
                      const struct board_client *client)
{
    const struct board_client *before = find_client(previous, client->stay.serial);
    uint64_t moved = client->claims.moved;
    int64_t since_ns = client->claims.first_ns;

    if (before != NULL && before->claims.moved > 0 && before->claims.moved <= moved) {
        moved -= before->claims.moved;
        since_ns = previous->header.written_ns;
    }
    double seconds = seconds_between(since_ns, s->header.written_ns);
    return client->claims.first_ns == 0 || seconds <= 0 ? 0 : (double)moved / seconds;
}

static void add_titles(struct frame *frame, const struct snapshot *s)
{
    const char *cells[COLUMNS];

    for (int c = 0; c < COLUMNS; c++)
        cells[c] = columns_of[c].title == NULL ? s->header.kind : columns_of[c].title;
    add_row(frame, cells, "name");
}

static void add_client(struct frame *frame, const struct snapshot *s,
                       const struct snapshot *previous, const struct board_client *client)
{
    const struct claims *claims = &client->claims;
    const struct stay *stay = &client->stay;
    char serial[NUMBER_MAX], slot[NUMBER_MAX], worker[NUMBER_MAX], percent[NUMBER_MAX] = "-";
    char peer[PEER_TEXT_MAX], door[4 * STAY_SERVICE_MAX], name[4 * PROTO_REQUEST_MAX + 1];
    char moved[TEXT_UNIT_MAX], rate[TEXT_UNIT_MAX], per_second[TEXT_UNIT_MAX + 2],
        age[TEXT_UNIT_MAX];

    (void)snprintf(serial, sizeof serial, "%" PRIu64, stay->serial);
    (void)snprintf(slot, sizeof slot, "%zu", stay->slot);
    (void)snprintf(worker, sizeof worker, "%" PRId64, stay->worker);
    if (claims->size > 0)
        (void)snprintf(percent, sizeof percent, "%.0f%%",
                       (double)claims->moved * 100 / (double)claims->size);
    (void)snprintf(per_second, sizeof per_second, "%s/s",
                   text_bytes(rate_of(s, previous, client), rate));
    text_escape(door, sizeof door, stay->service, strlen(stay->service));
    text_escape(name, sizeof name, claims->name, strlen(claims->name));
    const char *const cells[COLUMNS] = {
        [CLIENT] = serial,
        [SLOT] = slot,
        [WORKER] = worker,
        [PEER] = peer_format(&stay->client, peer),
        [DOOR] = door,
        [VERB] = claims_verb_name(claims->verb),
        [BYTES] = text_bytes((double)claims->moved, moved),
        [RATE] = per_second,
        [DONE] = percent,
        [AGE] = text_time(seconds_between(stay->started_ns, s->now_ns), age),
    };
    add_row(frame, cells, name);
}

/* The peer and the door are left out of this line, too, where there is no room for them above. */
static void add_one_waiting(struct frame *frame, uint64_t place, const struct stay *stay,
                            int64_t now_ns)
{
    char peer[PEER_TEXT_MAX + 1] = "", door[4 * STAY_SERVICE_MAX + 1] = "";
    char since[TEXT_UNIT_MAX];

    if (frame->layout.has[PEER]) {
        char text[PEER_TEXT_MAX];
        (void)snprintf(peer, sizeof peer, "%-21s ", peer_format(&stay->client, text));
    }
    if (frame->layout.has[DOOR]) {
        char text[4 * STAY_SERVICE_MAX];
        text_escape(text, sizeof text, stay->service, strlen(stay->service));
        (void)snprintf(door, sizeof door, "%-4s ", text);
    }
    add_line(frame, "%4" PRIu64 ". client %-8" PRIu64 " %s%swaits %s", place, stay->serial, peer,
             door, text_time(seconds_between(stay->accepted_ns, now_ns), since));
}

static void add_waiting(struct frame *frame, const struct snapshot *s)
{
    const uint64_t count = s->header.counts.waiting;
    uint64_t shown = 0;

    for (; shown < s->header.waiting_shown; shown++) {
        if (frame->row == frame->rows - 1 && shown + 1 < count)
            break;
        add_one_waiting(frame, shown + 1, &s->waiting[shown], s->now_ns);
    }
    if (shown < count)
        add_line(frame, "     and %" PRIu64 " more", count - shown);
}

int screen_draw(const struct snapshot *s, const struct snapshot *previous, int rows, int columns,
                bool redraw)
{
    static struct frame frame; /* too large for a stack that somebody may have made small */

    frame = (struct frame){
        .rows = rows, .columns = columns, .redraw = redraw, .layout = lay_out(columns)};
    if (redraw)
        append(&frame, HOME, sizeof HOME - 1);
    add_heading(&frame, s);
    add_line(&frame, "%s", "");
    add_titles(&frame, s);
    for (uint64_t i = 0; i < s->header.counts.running; i++)
        add_client(&frame, s, previous, &s->running[i]);
    if (s->header.counts.waiting > 0)
        add_line(&frame, "%s", "");
    add_waiting(&frame, s);
    if (redraw)
        append(&frame, END_SCREEN, sizeof END_SCREEN - 1);
    else
        append(&frame, "\n", 1);
    return io_write_all(STDOUT_FILENO, frame.text, frame.len);
}
