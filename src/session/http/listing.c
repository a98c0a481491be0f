/* listing.c - a directory, as people and scripts can read it.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers.
 *
 * Names are strangers' words. Each is escaped first, for where it stands: markup.h, and in links
 * http_target_encode(), of which nothing is left that HTML or JSON would have to escape. */
#include "session/http/listing.h"

#include "common/text.h"
#include "session/http/accept.h"
#include "session/http/entries.h"
#include "session/http/markup.h"
#include "session/http/page.h"
#include "session/http/stream.h"
#include "session/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

/* Of the memory, this is for what is on its way, the rest for names. */
enum { STREAM_BYTES = 128 * 1024 };

struct listing {
    struct exchange *x;
    int dir_fd; /* borrowed */
    bool json;
    struct stream stream;
    struct entries entries;
    const char *between;              /* what comes before the next entry */
    size_t dir_len;                   /* bytes of `path` that lead to the directory: "", or "a/" */
    char path[PROTO_REQUEST_MAX + 2]; /* the directory's, then of an entry, as storage.h takes it */
};

/* One entry, as it is shown. */
struct entry {
    const char *name;
    bool directory;
    uint64_t size; /* bytes, of a file */
    int64_t mtime; /* seconds since 1970 */
    char time[MARKUP_TIME_MAX];
    char href[3 * NAME_MAX + 2];
    char text[MARKUP_GROWTH * NAME_MAX + 1]; /* its name, escaped */
};

/* ---- what is shown ---- */

/* Where a symbolic link leads to, by the way a client's name would take. As look_at(). */
static int follow(struct listing *l, struct stat *st)
{
    st->st_mode = 0;
    if (storage_look(l->x->config->root_fd, l->path, st) == 0)
        return 1;
    if (storage_out_of_room(errno))
        return -1;
    return errno == EISDIR && S_ISDIR(st->st_mode) ? 1 : 0;
}

/* Could a client fetch the entry? Returns 1 and sets *st; 0: it could not, or it has gone; -1 with
 * errno: there is no room to find out. */
static int look_at(struct listing *l, const char *name, struct stat *st)
{
    size_t len = strlen(name);

    if (l->dir_len + len > PROTO_REQUEST_MAX)
        return 0;
    memcpy(l->path + l->dir_len, name, len + 1);
    if (fstatat(l->dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return storage_out_of_room(errno) ? -1 : 0;
    if (S_ISLNK(st->st_mode))
        return follow(l, st);
    return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ? 1 : 0;
}

static void describe(struct entry *entry, const char *name, const struct stat *st)
{
    size_t len = strlen(name);

    entry->name = name;
    entry->directory = S_ISDIR(st->st_mode);
    entry->size = (uint64_t)st->st_size;
    entry->mtime = st->st_mtime;
    (void)markup_time(st->st_mtime, entry->time);
    size_t href_len = http_target_encode(entry->href, sizeof entry->href, name, len);
    memcpy(entry->href + href_len, "/", entry->directory ? 2 : 0);
}

/* ---- for people ---- */

static void put_part(struct listing *l, enum page_part part)
{
    size_t len;
    const char *bytes = page_part(part, &len);

    stream_put(&l->stream, bytes, len);
}

/* Of rows there may be several hundred thousand: they are put together by hand. */
static void put_name(struct stream *out, struct entry *entry)
{
    (void)markup_html(entry->text, sizeof entry->text, entry->name, strlen(entry->name));
    stream_put_text(out, "<td class=\"name\"><a href=\"");
    stream_put_text(out, entry->href);
    stream_put_text(out, "\"><bdi>");
    stream_put_text(out, entry->text);
    stream_put_text(out, entry->directory ? "</bdi>/</a></td>" : "</bdi></a></td>");
}

static void put_size(struct stream *out, uint64_t size)
{
    char number[32], unit[TEXT_UNIT_MAX];

    (void)snprintf(number, sizeof number, "%" PRIu64, size);
    stream_put_text(out, "<td class=\"size\" data-n=\"");
    stream_put_text(out, number);
    stream_put_text(out, "\">");
    stream_put_text(out, text_bytes((double)size, unit));
    stream_put_text(out, "</td>");
}

static void put_date(struct stream *out, const struct entry *entry)
{
    static const char day[] = "2026-11-25", time[] = "10:00";
    char number[32];

    (void)snprintf(number, sizeof number, "%" PRId64, entry->mtime);
    stream_put_text(out, "<td class=\"date\" data-n=\"");
    stream_put_text(out, number);
    stream_put_text(out, "\"><time datetime=\"");
    stream_put_text(out, entry->time);
    stream_put_text(out, "\">");
    stream_put(out, entry->time, sizeof day - 1);
    stream_put_text(out, " ");
    stream_put(out, entry->time + sizeof day, sizeof time - 1);
    stream_put_text(out, "</time></td>");
}

static void put_row(struct listing *l, struct entry *entry)
{
    struct stream *out = &l->stream;

    stream_put_text(out, entry->directory ? "<tr class=\"directory\">" : "<tr class=\"file\">");
    put_name(out, entry);
    if (entry->directory)
        stream_put_text(out, "<td class=\"size\" data-n=\"-1\"></td>");
    else
        put_size(out, entry->size);
    put_date(out, entry);
    stream_put_text(out, "</tr>\n");
}

/* Its own frame: it is needed once, and is not small. */
__attribute__((noinline)) static void put_title(struct listing *l)
{
    char text[MARKUP_GROWTH * PROTO_REQUEST_MAX + 1];

    (void)markup_html(text, sizeof text, l->path, l->dir_len);
    stream_put_text(&l->stream, "/");
    stream_put_text(&l->stream, text);
}

/* One directory of the trail, `above` levels up; `len` 0: the root. */
static void put_step(struct listing *l, const char *name, size_t len, size_t above)
{
    char text[MARKUP_GROWTH * NAME_MAX + 1];
    struct stream *out = &l->stream;

    (void)markup_html(text, sizeof text, name, len);
    stream_put_text(out, above == 0 ? "<span aria-current=\"page\">" : "<a href=\"");
    for (size_t i = 0; i < above; i++)
        stream_put_text(out, "../");
    stream_put_text(out, above == 0 ? "" : "\">");
    stream_put_text(out, len == 0 ? "" : "<bdi>");
    stream_put_text(out, text);
    stream_put_text(out, len == 0 ? "" : "</bdi>");
    stream_put_text(out, above == 0 ? "/</span>" : "/</a>");
}

/* How many levels the path from `at` on leads down, as who resolves "../" against it counts them
 * (RFC 3986 section 5.2.4): "." is none, an empty one is one. */
static size_t levels(const char *at)
{
    size_t count = 0;

    for (size_t len; *at != '\0'; at += len + 1) {
        len = strcspn(at, "/");
        count += len != 1 || at[0] != '.';
    }
    return count;
}

static void put_trail(struct listing *l)
{
    const size_t spare = l->x->target.spare_slashes;

    stream_put_text(&l->stream, "<nav id=\"trail\" aria-label=\"Path\" data-allow=\"");
    stream_put_text(&l->stream, l->x->allow);
    stream_put_text(&l->stream, "\">");
    put_step(l, "", 0, levels(l->path) + spare);
    for (const char *at = l->path; *at != '\0';) {
        size_t len = strcspn(at, "/");
        const char *rest = at + len + 1;
        if (len > 0 && (len != 1 || at[0] != '.'))
            put_step(l, at, len, levels(rest) + spare);
        at = rest;
    }
    stream_put_text(&l->stream, "</nav>");
}

static void put_page_head(struct listing *l)
{
    put_part(l, PAGE_BEFORE_TITLE);
    put_title(l);
    put_part(l, PAGE_BEFORE_HEAD);
    put_trail(l);
    put_part(l, PAGE_BEFORE_ROWS);
}

/* ---- for scripts ---- */

static void put_file_size(struct stream *out, uint64_t size)
{
    char number[32];

    (void)snprintf(number, sizeof number, "%" PRIu64, size);
    stream_put_text(out, ",\"size\":");
    stream_put_text(out, number);
}

static void put_object(struct listing *l, struct entry *entry)
{
    struct stream *out = &l->stream;

    (void)markup_json(entry->text, sizeof entry->text, entry->name, strlen(entry->name));
    stream_put_text(out, l->between);
    stream_put_text(out, "\n{\"name\":\"");
    stream_put_text(out, entry->text);
    stream_put_text(out, "\",\"href\":\"");
    stream_put_text(out, entry->href);
    stream_put_text(out, entry->directory ? "\",\"type\":\"directory\"" : "\",\"type\":\"file\"");
    if (!entry->directory)
        put_file_size(out, entry->size);
    stream_put_text(out, ",\"mtime\":\"");
    stream_put_text(out, entry->time);
    stream_put_text(out, "\"}");
    l->between = ",";
}

__attribute__((noinline)) static void put_json_head(struct listing *l)
{
    char text[MARKUP_GROWTH * PROTO_REQUEST_MAX + 1];

    (void)markup_json(text, sizeof text, l->path, l->dir_len);
    stream_put_text(&l->stream, "{\"path\":\"/");
    stream_put_text(&l->stream, text);
    stream_put_text(&l->stream, "\",\"entries\":[");
}

/* ---- all of it ---- */

/* Returns 0, or -1 with errno where the directory cannot be read, or not any more. */
static int put_entries(struct listing *l)
{
    const char *name;
    struct entry entry;
    struct stat st;
    int found;

    while (!l->stream.over && (found = entries_next(&l->entries, &name)) != 0) {
        int shown = found < 0 ? -1 : look_at(l, name, &st);
        if (shown < 0)
            return -1;
        if (shown == 0)
            continue;
        describe(&entry, name, &st);
        if (l->json)
            put_object(l, &entry);
        else
            put_row(l, &entry);
    }
    return 0;
}

static int put_all(struct listing *l)
{
    if (l->json)
        put_json_head(l);
    else
        put_page_head(l);
    if (put_entries(l) < 0)
        return -1;
    if (l->json)
        stream_put_text(&l->stream, "\n]}\n");
    else
        put_part(l, PAGE_END);
    return 0;
}

/* There is nothing that says whether a directory has changed: it is asked for anew. */
static void begin_answer(const struct listing *l, struct answer *answer)
{
    answer_begin(answer, 200);
    answer_text(answer, "Content-Type", l->json ? "application/json" : "text/html; charset=utf-8");
    answer_text(answer, "Content-Security-Policy", l->json ? "sandbox" : page_policy);
    answer_text(answer, "Cache-Control", "no-cache");
    answer_text(answer, "Vary", "Accept");
}

/* `path` becomes the directory's, with a slash at its end where it is not the root. */
static void begin(struct listing *l, struct exchange *x, int dir_fd)
{
    size_t len = strlen(x->target.name);

    l->x = x;
    l->dir_fd = dir_fd;
    l->json = x->target.json || http_prefers_json(&x->head);
    l->between = "";
    l->dir_len = 0;
    if (strcmp(x->target.name, ".") != 0) {
        memcpy(l->path, x->target.name, len);
        l->path[len] = '/';
        l->dir_len = len + 1;
    }
    l->path[l->dir_len] = '\0';
}

/* Once a part of it has been sent, nothing more can be said of what goes wrong; that the end is
 * missing says it. */
static void list(struct listing *l, unsigned char *memory)
{
    struct answer answer;
    struct exchange *x = l->x;

    begin_answer(l, &answer);
    stream_begin(&l->stream, x, &answer, memory, STREAM_BYTES);
    entries_init(&l->entries, l->dir_fd, memory + STREAM_BYTES,
                 SESSION_SCRATCH_BYTES - STREAM_BYTES);
    if (put_all(l) < 0) {
        if (l->stream.begun)
            (void)claims_end(x->claims, OUTCOME_BROKEN, errno);
        else
            answer_refuse_error(x, errno, "read");
    } else if (stream_end(&l->stream) < 0) {
        answer_break_off(x);
    } else {
        answer_done(x);
    }
}

void http_list(struct exchange *x, int dir_fd)
{
    struct listing listing;
    unsigned char *memory = x->config->scratch;

    if (memory == NULL)
        memory = mmap(NULL, SESSION_SCRATCH_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        answer_refuse_error(x, ENOMEM, "read");
        return;
    }
    if (x->head.method == HTTP_GET)
        x->claims->verb = CLAIMS_LIST;
    begin(&listing, x, dir_fd);
    list(&listing, memory);
    if (memory != x->config->scratch)
        (void)munmap(memory, SESSION_SCRATCH_BYTES);
}
