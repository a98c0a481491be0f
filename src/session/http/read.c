/* read.c - GET and HEAD: a file, a part of it, or that the client has it already.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers. */
#include "session/http/read.h"

#include "common/io.h"
#include "common/log.h"
#include "common/text.h"
#include "common/transfer.h"
#include "session/http/answer.h"
#include "session/http/listing.h"
#include "session/http/types.h"
#include "session/http/validators.h"
#include "session/storage.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

enum {
    QUERY_MAX = HTTP_ANSWER_MAX / 2, /* bytes; it has room in the answer that repeats it */
    ENCODED_MAX = 3 * NAME_MAX + 1
};

static const char *last_component(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

/* What a file can be told by, in every answer that is about it. no-cache: who has stored it asks
 * whether it is still the same (RFC 9111 section 5.2.2.4). */
static void add_version(struct answer *answer, const struct stat *file)
{
    char tag[HTTP_ETAG_MAX];

    answer_text(answer, "ETag", http_etag(file, tag));
    answer_text(answer, "Cache-Control", "no-cache");
}

/* Is it a byte that every client reads alike between quotes? A percent sign would be the beginning
 * of an encoded byte for some (RFC 6266 appendix D). */
static bool is_plain(char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '%';
}

/* Writes `name` with "_" in place of what is not plain. Returns whether nothing was. */
static bool write_plain(char *text, const char *name, size_t len)
{
    bool same = true;

    for (size_t i = 0; i < len; i++) {
        bool plain = is_plain(name[i]);
        text[i] = '_';
        if (plain)
            text[i] = name[i];
        same = same && plain;
    }
    text[len] = '\0';
    return same;
}

static bool is_utf8(const char *name, size_t len)
{
    size_t n = 1;

    for (; len > 0 && n > 0; name += n, len -= n)
        n = text_utf8_len(name, len);
    return n > 0;
}

/* To be saved, under its own name (RFC 6266). What is not plain comes a second time, for those who
 * know RFC 8187; where it is not even UTF-8, nobody can be told. */
__attribute__((noinline)) static void add_disposition(struct answer *answer, const char *name)
{
    char plain[NAME_MAX + 1], encoded[ENCODED_MAX];
    size_t len = strlen(name);

    if (len > NAME_MAX)
        return;
    if (write_plain(plain, name, len) || !is_utf8(name, len)) {
        answer_field(answer, "Content-Disposition", "attachment; filename=\"%s\"", plain);
        return;
    }
    (void)http_target_encode(encoded, sizeof encoded, name, len);
    answer_field(answer, "Content-Disposition", "attachment; filename=\"%s\"; filename*=UTF-8''%s",
                 plain, encoded);
}

/* Sends the head, and of the file the `count` bytes from where it stands. */
static void send_bytes(struct exchange *x, struct answer *answer, int file_fd, uint64_t count)
{
    bool has_body = x->head.method == HTTP_GET && count > 0;
    enum transfer_end end = TRANSFER_DONE;

    if (answer_send(x, answer, NULL, 0, has_body) < 0) {
        answer_break_off(x);
        return;
    }
    if (x->head.method == HTTP_GET && x->config->verbose)
        log_line("server sending %" PRIu64 " bytes", count);
    if (has_body) {
        x->claims->size = count;
        const struct transfer transfer = {
            .conn = &x->conn,
            .file_fd = file_fd,
            .size = count,
            .idle_ms = x->config->idle_ms,
            .min_rate = x->config->min_rate,
            .on_progress = claims_moved,
            .arg = x->claims,
        };
        end = transfer_send(&transfer);
    }
    if (end == TRANSFER_FILE) /* it was ours to keep what the length promised */
        (void)claims_end(x->claims, OUTCOME_BROKEN, errno);
    else if (end == TRANSFER_PEER)
        answer_break_off(x);
    else
        answer_done(x);
}

/* 200 or 206. The security policy: a page that somebody has stored must not act in the server's
 * name, whoever looks at it. */
static void send_part(struct exchange *x, int file_fd, const struct stat *file, enum http_part part,
                      uint64_t first, uint64_t count)
{
    const char *name = last_component(x->target.name);
    struct answer answer;

    if (first > 0 && lseek(file_fd, (off_t)first, SEEK_SET) < 0) {
        answer_refuse_error(x, errno, "read");
        return;
    }
    answer_begin(&answer, part == HTTP_PART ? 206 : 200);
    answer_number(&answer, "Content-Length", count);
    answer_text(&answer, "Content-Type", http_type(name));
    if (part == HTTP_PART)
        answer_field(&answer, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
                     first + count - 1, (uint64_t)file->st_size);
    answer_last_modified(&answer, file->st_mtim.tv_sec);
    add_version(&answer, file);
    answer_text(&answer, "Accept-Ranges", "bytes");
    answer_text(&answer, "Content-Security-Policy", "sandbox");
    if (x->target.download)
        add_disposition(&answer, name);
    send_bytes(x, &answer, file_fd, count);
}

static void refuse_range(struct exchange *x, const struct stat *file)
{
    struct answer answer;

    answer_begin(&answer, 416);
    answer_field(&answer, "Content-Range", "bytes */%" PRIu64, (uint64_t)file->st_size);
    answer_refuse_with(x, &answer, 0, "%s has no such part: its size is %" PRIu64 " bytes",
                       x->target.name, (uint64_t)file->st_size);
}

static void send_file(struct exchange *x, int file_fd, const struct stat *file)
{
    uint64_t first, count;

    enum http_part part = http_range(&x->head, file, &first, &count);
    if (part == HTTP_NO_SUCH_PART)
        refuse_range(x, file);
    else
        send_part(x, file_fd, file, part, first, count);
}

/* What the 200 would have said that a cache goes by (RFC 9110 section 15.4.5). A directory has no
 * version. */
static void tell_not_modified(struct exchange *x, const struct stat *file)
{
    struct answer answer;

    answer_begin(&answer, 304);
    if (S_ISREG(file->st_mode)) {
        add_version(&answer, file);
    } else {
        answer_text(&answer, "Cache-Control", "no-cache");
        answer_text(&answer, "Vary", "Accept");
    }
    answer_tell_empty(x, &answer);
}

/* To the same name with a slash, so that links in the listing lead into the directory. Relative,
 * because we do not know under which name a proxy in front shows us; an encoded name has no colon
 * that would make it a scheme (RFC 3986 section 4.2). */
__attribute__((noinline)) static void redirect(struct exchange *x)
{
    const char *name = last_component(x->target.name), *query = x->target.query;
    char encoded[ENCODED_MAX];
    struct answer answer;

    if (query != NULL && strlen(query) > QUERY_MAX) {
        answer_refuse(x, 414, 0, "the query is too long");
        return;
    }
    (void)http_target_encode(encoded, sizeof encoded, name, strlen(name));
    answer_begin(&answer, 301);
    answer_field(&answer, "Location", "%s/%s%s", encoded, query == NULL ? "" : "?",
                 query == NULL ? "" : query);
    /* Browsers keep it for good otherwise; but there may be a file of that name some day. */
    answer_text(&answer, "Cache-Control", "no-cache");
    answer_tell_empty(x, &answer);
}

/* Conditions count only where the answer would be a good one without them (RFC 9110 section
 * 13.2.1). */
static void send_opened(struct exchange *x, int fd, const struct stat *file)
{
    bool directory = S_ISDIR(file->st_mode);

    if (directory && !x->target.directory) {
        redirect(x);
        return;
    }
    if (!directory && x->target.directory) {
        answer_refuse_error(x, ENOTDIR, "read");
        return;
    }
    enum http_verdict verdict = http_conditions(&x->head, file);
    if (verdict == HTTP_TERMS_UNMET)
        answer_refuse(x, 412, 0, "%s is not the version that was asked for", x->target.name);
    else if (verdict == HTTP_NOT_MODIFIED)
        tell_not_modified(x, file);
    else if (directory)
        http_list(x, fd);
    else
        send_file(x, fd, file);
}

void http_read(struct exchange *x)
{
    struct stat file;

    if (!storage_permits(x->target.name)) {
        answer_refuse(x, 404, EACCES, "%s does not exist", x->target.name);
        return;
    }
    int fd = storage_open(x->config->root_fd, x->config->nameless, x->target.name, &file);
    if (fd < 0) {
        answer_refuse_error(x, errno, "read");
        return;
    }
    send_opened(x, fd, &file);
    close(fd); /* io_close() would look at errno, which is on a page of libc's */
}
