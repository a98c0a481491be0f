/* claims_reader.c - what a worker claims, read as what a stranger says.
 *
 * Runs in: the parent, on memory that a worker may be writing to; and in ferrytop, on a file that
 *          anybody may have written. */
#include "record/claims_reader.h"

#include <errno.h>

/* Words of our own where errno's do not say what it means here; and the same ones in every libc. */
static const struct {
    const char *name, *words;
} reasons[] = {
    [EPERM] = {"EPERM", "not permitted"},
    [ENOENT] = {"ENOENT", "no such file"},
    [EINTR] = {"EINTR", "interrupted"},
    [EIO] = {"EIO", "input/output error"},
    [ENXIO] = {"ENXIO", "not a regular file"}, /* open(2) of a socket */
    [EAGAIN] = {"EAGAIN", "try again"},
    [ENOMEM] = {"ENOMEM", "out of memory"},
    [EACCES] = {"EACCES", "permission denied"},
    [EBUSY] = {"EBUSY", "busy"},
    [EEXIST] = {"EEXIST", "there is one already"},
    [EXDEV] = {"EXDEV", "outside of the root"},
    [ENODEV] = {"ENODEV", "no such device"},
    [ENOTDIR] = {"ENOTDIR", "a part of the path is not a directory"},
    [EISDIR] = {"EISDIR", "not a regular file"},
    [EINVAL] = {"EINVAL", "invalid argument"},
    [ENFILE] = {"ENFILE", "too many open files in the system"},
    [EMFILE] = {"EMFILE", "too many open files"},
    [ETXTBSY] = {"ETXTBSY", "the program is running"},
    [EFBIG] = {"EFBIG", "too large"},
    [ENOSPC] = {"ENOSPC", "no space left on device"},
    [EROFS] = {"EROFS", "read-only"},
    [EMLINK] = {"EMLINK", "too many links"},
    [EPIPE] = {"EPIPE", "broken pipe"},
    [ENAMETOOLONG] = {"ENAMETOOLONG", "name too long"},
    [ENOSYS] = {"ENOSYS", "the system has no such call"},
    [ELOOP] = {"ELOOP", "too many symbolic links"},
    [ENODATA] = {"ENODATA", "the file became shorter"},
    [EPROTO] = {"EPROTO", "the client said something else"},
    [EBADMSG] = {"EBADMSG", "not a request"},
    [EOVERFLOW] = {"EOVERFLOW", "too large"},
    [EOPNOTSUPP] = {"EOPNOTSUPP", "not supported"},
    [ENETDOWN] = {"ENETDOWN", "the network is down"},
    [ENETUNREACH] = {"ENETUNREACH", "the network is unreachable"},
    [ECONNABORTED] = {"ECONNABORTED", "connection aborted"},
    [ECONNRESET] = {"ECONNRESET", "connection reset"},
    [ENOBUFS] = {"ENOBUFS", "no buffer space"},
    [ENOTCONN] = {"ENOTCONN", "not connected"},
    [EHOSTDOWN] = {"EHOSTDOWN", "the host is down"},
    [EHOSTUNREACH] = {"EHOSTUNREACH", "no route to the host"},
    [ESTALE] = {"ESTALE", "stale file handle"},
    [EDQUOT] = {"EDQUOT", "disk quota exceeded"},
};
enum { REASONS = sizeof reasons / sizeof reasons[0], ERRNO_MAX = 4095 /* what Linux can return */ };

/* Three digits, of which the first is 1 to 5 (RFC 9110 section 15). */
enum { STATUS_MIN = 100, STATUS_MAX = 599 };

typedef unsigned long __attribute__((may_alias)) claims_word;
enum { CLAIMS_WORDS = sizeof(struct claims) / sizeof(claims_word) };
_Static_assert(CLAIMS_WORDS * sizeof(claims_word) == sizeof(struct claims), "whole words");

/* Each word is read once, whole: what is made sane is what is used. Its worker may be writing to it
 * (a thread sanitizer need not tell). */
__attribute__((no_sanitize("thread"))) static void copy_words(const struct claims *shared,
                                                              struct claims *copy)
{
    const volatile claims_word *from = (const void *)shared;
    claims_word *to = (void *)copy;

    for (size_t i = 0; i < CLAIMS_WORDS; i++)
        to[i] = from[i];
}

void claims_read(const struct claims *shared, struct claims *copy)
{
    copy_words(shared, copy);
    if (copy->verb >= CLAIMS_VERBS)
        copy->verb = CLAIMS_NO_VERB;
    if (copy->status < STATUS_MIN || copy->status > STATUS_MAX)
        copy->status = 0;
    if (copy->outcome > OUTCOME_BROKEN)
        copy->outcome = OUTCOME_NONE;
    if (copy->reason > ERRNO_MAX || copy->outcome == OUTCOME_DONE)
        copy->reason = 0;
    if (copy->size > INT64_MAX)
        copy->size = 0;
    if (copy->moved > copy->size)
        copy->moved = copy->size;
    copy->name[sizeof copy->name - 1] = '\0';
    copy->error[sizeof copy->error - 1] = '\0';
}

const char *claims_outcome_name(enum outcome outcome)
{
    static const char *const names[OUTCOMES] = {
        [OUTCOME_NONE] = "unknown",      [OUTCOME_DONE] = "done",
        [OUTCOME_REFUSED] = "refused",   [OUTCOME_CLIENT_GONE] = "client-gone",
        [OUTCOME_TIMEOUT] = "timeout",   [OUTCOME_TOO_SLOW] = "too-slow",
        [OUTCOME_BROKEN] = "broken",     [OUTCOME_ABANDONED] = "abandoned-in-queue",
        [OUTCOME_SHUTDOWN] = "shutdown", [OUTCOME_SIGNAL] = "signal",
        [OUTCOME_SANDBOX] = "sandbox",
    };
    return names[outcome];
}

const char *claims_verb_name(uint32_t verb)
{
    static const char *const names[CLAIMS_VERBS] = {
        [CLAIMS_NO_VERB] = "",        [CLAIMS_GET] = "GET",     [CLAIMS_PUT] = "PUT",
        [CLAIMS_DEL] = "DEL",         [CLAIMS_HEAD] = "HEAD",   [CLAIMS_DELETE] = "DELETE",
        [CLAIMS_OPTIONS] = "OPTIONS", [CLAIMS_MKCOL] = "MKCOL", [CLAIMS_LIST] = "LIST",
    };
    return names[verb];
}

static const char *numbered(uint32_t reason, char text[CLAIMS_REASON_TEXT])
{
    (void)snprintf(text, CLAIMS_REASON_TEXT, "errno %u", (unsigned)reason);
    return text;
}

const char *claims_reason_name(uint32_t reason, char text[CLAIMS_REASON_TEXT])
{
    if (reason < REASONS && reasons[reason].name != NULL)
        return reasons[reason].name;
    return numbered(reason, text);
}

const char *claims_reason_words(uint32_t reason, char text[CLAIMS_REASON_TEXT])
{
    if (reason >= REASONS || reasons[reason].words == NULL)
        return numbered(reason, text);
    (void)snprintf(text, CLAIMS_REASON_TEXT, "%s (%s)", reasons[reason].words,
                   reasons[reason].name);
    return text;
}
