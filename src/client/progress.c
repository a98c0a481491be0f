/* progress.c - how far a transfer is, on a terminal.
 *
 * Runs in: the client. Writes to standard error, each redraw one write(2). */
#include "client/progress.h"

#include "common/io.h"
#include "common/proto.h"
#include "common/text.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    REDRAW_MS = 100,
    MEASURABLE_MS = 100, /* in less, bytes only went from one buffer to the next */
    LINE_MAX_COLUMNS = 400,
    FIGURES_COLUMNS = 50, /* the line without its bar */
    BAR_MAX = 60,
    BAR_MIN = 8
};

/* RETURN, and "erase to the end of the line" (ECMA-48, EL). */
#define FRESH_LINE "\r\033[K"

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < LINE_MAX_COLUMNS ? size.ws_col : LINE_MAX_COLUMNS;
}

/* Puts `text`, which has one column a byte, in the place of the line, as much as the terminal has
 * room for, and `end` after it. */
static void put(const char *text, const char *end)
{
    char line[LINE_MAX_COLUMNS + 16];
    int len = snprintf(line, sizeof line, FRESH_LINE "%.*s%s", columns() - 1, text, end);

    /* Nothing to be done where the terminal is gone. */
    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0) {
    }
}

void progress_init(struct progress *progress, bool wanted)
{
    *progress = (struct progress){.on = wanted && isatty(STDERR_FILENO)};
}

void progress_waiting(struct progress *progress, const char *what, int64_t since_ms)
{
    char line[LINE_MAX_COLUMNS], escaped[LINE_MAX_COLUMNS / 2], since[TEXT_UNIT_MAX] = "";
    int64_t seconds = (io_now_ms() - since_ms) / 1000;

    if (!progress->on)
        return;
    if (seconds > 0)
        (void)snprintf(since, sizeof since, ", %" PRId64 " s", seconds);
    text_escape(escaped, sizeof escaped, what, strlen(what));
    (void)snprintf(line, sizeof line, "%s%s", escaped, since);
    put(line, "");
}

static void draw_bar(char *bar, int width, double share)
{
    int filled = (int)(share * width);
    for (int i = 0; i < width; i++)
        bar[i] = "=> "[(i >= filled) + (i > filled)];
    bar[width] = '\0';
}

/* Bytes a second. While the transfer is young this says too little rather than too much. */
static double rate_of(uint64_t moved, int64_t took_ms)
{
    return (double)moved * 1000 / (double)(took_ms > MEASURABLE_MS ? took_ms : MEASURABLE_MS);
}

static void draw(const struct progress *progress, uint64_t moved)
{
    char line[LINE_MAX_COLUMNS + 64], bar[BAR_MAX + 1], done[TEXT_UNIT_MAX], rate[TEXT_UNIT_MAX],
        left[TEXT_UNIT_MAX];
    double share = progress->size > 0 ? (double)moved / (double)progress->size : 1;
    double per_second = rate_of(moved, io_now_ms() - progress->began_ms);
    double seconds = per_second > 0 ? (double)(progress->size - moved) / per_second : -1;
    int width = columns() - FIGURES_COLUMNS;

    if (width > BAR_MAX)
        width = BAR_MAX;
    if (width >= BAR_MIN)
        draw_bar(bar, width, share);
    (void)snprintf(line, sizeof line, "%3d%% %s%s%s%s  %s/s  %s left", (int)(share * 100),
                   width >= BAR_MIN ? "[" : "", width >= BAR_MIN ? bar : "",
                   width >= BAR_MIN ? "] " : "", text_bytes((double)moved, done),
                   text_bytes(per_second, rate), text_time(seconds, left));
    put(line, "");
}

void progress_begin(struct progress *progress, uint64_t size)
{
    progress->size = size;
    progress->moved = 0;
    progress->began_ms = progress->moved_ms = io_now_ms();
    progress->shown_ms = 0;
}

void progress_moved(void *arg, uint64_t moved)
{
    struct progress *progress = arg;

    int64_t now_ms = io_now_ms();

    if (moved != progress->moved)
        progress->moved_ms = now_ms;
    progress->moved = moved;
    if (!progress->on || now_ms - progress->shown_ms < REDRAW_MS)
        return;
    progress->shown_ms = now_ms;
    draw(progress, moved);
}

static void draw_total(const struct progress *progress)
{
    char line[160], size[TEXT_UNIT_MAX], rate[TEXT_UNIT_MAX];
    int64_t took_ms = io_now_ms() - progress->began_ms;

    text_bytes((double)progress->size, size);
    if (took_ms < 1)
        (void)snprintf(line, sizeof line, "100%% %s in less than 1 ms", size);
    else if (took_ms < MEASURABLE_MS)
        (void)snprintf(line, sizeof line, "100%% %s in %" PRId64 " ms", size, took_ms);
    else
        (void)snprintf(line, sizeof line, "100%% %s in %.1f s, %s/s", size, (double)took_ms / 1000,
                       text_bytes(rate_of(progress->size, took_ms), rate));
    put(line, "\n");
}

void progress_end(struct progress *progress, bool complete)
{
    if (!progress->on)
        return;
    if (complete)
        draw_total(progress);
    else
        put("", "");
}
