/* report.c - what a worker tells about its client while it serves it.
 *
 * Runs in: the parent and ferrytop, on memory that a worker may be writing to. */
#include "session/claims.h"

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
    [ENOTDIR] = {"ENOTDIR", "a part of the path is no directory"},
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

void report_read(const struct report *shared, struct report *copy)
{
    memcpy(copy, shared, sizeof *copy);
    if (copy->verb >= REPORT_VERBS)
        copy->verb = REPORT_NO_VERB;
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

const char *report_outcome_name(enum outcome outcome)
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

const char *report_verb_name(uint32_t verb)
{
    static const char *const names[REPORT_VERBS] = {"", "GET", "PUT", "DEL"};
    return names[verb];
}

static const char *numbered(uint32_t reason, char text[REPORT_REASON_TEXT])
{
    (void)snprintf(text, REPORT_REASON_TEXT, "errno %u", (unsigned)reason);
    return text;
}

const char *report_reason_name(uint32_t reason, char text[REPORT_REASON_TEXT])
{
    if (reason < REASONS && reasons[reason].name != NULL)
        return reasons[reason].name;
    return numbered(reason, text);
}

const char *report_reason_words(uint32_t reason, char text[REPORT_REASON_TEXT])
{
    if (reason >= REASONS || reasons[reason].words == NULL)
        return numbered(reason, text);
    (void)snprintf(text, REPORT_REASON_TEXT, "%s (%s)", reasons[reason].words,
                   reasons[reason].name);
    return text;
}
