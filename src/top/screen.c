/* screen.c - a snapshot as lines of text.
 *
 * Runs in: ferrytop. One write(2) a frame, so that it does not flicker. */
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

enum { FRAME_BYTES = 256 * 1024, LINE_BYTES = 2048 };

/* From so many columns on there is room for the door that clients came by, and for all of a verb,
 * beside a name. */
enum { WIDE_COLUMNS = 100, VERB_COLUMNS = 7, VERB_COLUMNS_NARROW = 4 };

struct frame {
    char text[FRAME_BYTES];
    size_t len;
    int rows, columns, row;
    bool redraw;
};

static void append(struct frame *frame, const char *text, size_t len)
{
    if (len <= sizeof frame->text - frame->len) {
        memcpy(frame->text + frame->len, text, len);
        frame->len += len;
    }
}

/* How many bytes of `line` fill at most `columns`; a character counts as one column. */
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

/* Of any two numbers: a worker may have made one of them up. */
static double seconds_between(int64_t from_ns, int64_t to_ns)
{
    return ((double)to_ns - (double)from_ns) / 1e9;
}

static void add_heading(struct frame *frame, const struct snapshot *s)
{
    const struct board_header *h = &s->header;
    char up[TEXT_UNIT_MAX], moved[TEXT_UNIT_MAX];
    uint64_t troubled = 0;

    for (int i = OUTCOME_REFUSED + 1; i < OUTCOMES; i++)
        troubled += h->counts.ended[i];
    add_line(frame,
             "port %" PRIu32 ", server %" PRIu32 "%s, up %s   running %" PRIu64 " of %" PRIu64
             ", waiting %" PRIu64 " of %" PRIu64,
             h->port, h->pid, s->alive ? "" : " (it has ended)",
             text_time(seconds_between(h->began_ns, s->now_ns), up), h->counts.running,
             h->max_running, h->counts.waiting, h->max_pending);
    add_line(frame,
             "clients %" PRIu64 ": %" PRIu64 " done, %" PRIu64 " refused, %" PRIu64
             " otherwise ended   %s moved",
             h->counts.accepted, h->counts.ended[OUTCOME_DONE], h->counts.ended[OUTCOME_REFUSED],
             troubled, text_bytes((double)h->counts.bytes_moved, moved));
}

static const struct board_client *find_client(const struct snapshot *s, uint64_t serial)
{
    for (uint64_t i = 0; s != NULL && i < s->header.counts.running; i++)
        if (s->running[i].stay.serial == serial)
            return &s->running[i];
    return NULL;
}

/* Bytes a second since the previous look, or since its first byte. */
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

static bool is_wide(const struct frame *frame)
{
    return frame->columns >= WIDE_COLUMNS;
}

static int verb_columns(const struct frame *frame)
{
    return is_wide(frame) ? VERB_COLUMNS : VERB_COLUMNS_NARROW;
}

enum { DOOR_TEXT = 4 * STAY_SERVICE_MAX + 2 };

/* The column of the door, with a blank before it; "" where there is no room. */
static const char *door_column(const struct frame *frame, const char *name, char text[DOOR_TEXT])
{
    char escaped[4 * STAY_SERVICE_MAX];

    text_escape(escaped, sizeof escaped, name, strlen(name));
    (void)snprintf(text, DOOR_TEXT, " %-4s", escaped);
    return is_wide(frame) ? text : "";
}

static void add_client(struct frame *frame, const struct snapshot *s,
                       const struct snapshot *previous, const struct board_client *client)
{
    const struct claims *claims = &client->claims;
    char peer[PEER_TEXT_MAX], name[4 * PROTO_REQUEST_MAX + 1], moved[TEXT_UNIT_MAX],
        rate[TEXT_UNIT_MAX];
    char age[TEXT_UNIT_MAX], percent[8] = "   -", per_second[TEXT_UNIT_MAX + 2];
    char door[DOOR_TEXT];
    const int verb = verb_columns(frame);

    text_escape(name, sizeof name, claims->name, strlen(claims->name));
    if (claims->size > 0)
        (void)snprintf(percent, sizeof percent, "%3.0f%%",
                       (double)claims->moved * 100 / (double)claims->size);
    (void)snprintf(per_second, sizeof per_second, "%s/s",
                   text_bytes(rate_of(s, previous, client), rate));
    add_line(frame, "%4zu %8" PRId64 " %-21s%s %-*.*s %10s %12s %s %6s  %.1000s", client->stay.slot,
             client->stay.worker, peer_format(&client->stay.client, peer),
             door_column(frame, client->stay.service, door), verb, verb,
             claims_verb_name(claims->verb), text_bytes((double)claims->moved, moved), per_second,
             percent, text_time(seconds_between(client->stay.started_ns, s->now_ns), age), name);
}

static void add_waiting(struct frame *frame, const struct snapshot *s)
{
    char peer[PEER_TEXT_MAX], since[TEXT_UNIT_MAX], door[DOOR_TEXT];
    const uint64_t count = s->header.counts.waiting;
    uint64_t shown = 0;

    for (; shown < s->header.waiting_shown; shown++) {
        const struct stay *stay = &s->waiting[shown];
        if (frame->row == frame->rows - 1 && shown + 1 < count)
            break;
        add_line(frame, "%4" PRIu64 ". client %-8" PRIu64 " %-21s%s waits %s", shown + 1,
                 stay->serial, peer_format(&stay->client, peer),
                 door_column(frame, stay->service, door),
                 text_time(seconds_between(stay->accepted_ns, s->now_ns), since));
    }
    if (shown < count)
        add_line(frame, "     and %" PRIu64 " more", count - shown);
}

int screen_draw(const struct snapshot *s, const struct snapshot *previous, int rows, int columns,
                bool redraw)
{
    static struct frame frame; /* too large for a stack that somebody may have made small */
    char door[DOOR_TEXT];

    frame = (struct frame){.rows = rows, .columns = columns, .redraw = redraw};
    if (redraw)
        append(&frame, HOME, sizeof HOME - 1);
    add_heading(&frame, s);
    add_line(&frame, "%s", "");
    add_line(&frame, "slot %8s %-21s%s %-*s %10s %12s %4s %6s  %s", s->header.kind, "peer",
             door_column(&frame, "door", door), verb_columns(&frame), "verb", "bytes", "rate",
             "done", "age", "name");
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
