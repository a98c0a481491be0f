/* report.c - what a worker tells about its client while it serves it.
 *
 * Called by: ledger.c, ferrytop.
 * Runs in:   the parent and ferrytop, on memory that a worker may be writing to. */
#include "report.h"

void report_read(const struct report *shared, struct report *copy)
{
    memcpy(copy, shared, sizeof *copy);
    if (copy->verb >= REPORT_VERBS)
        copy->verb = REPORT_NO_VERB;
    if (copy->outcome > OUTCOME_BROKEN)
        copy->outcome = OUTCOME_NONE;
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
