/* record.c - what the manager tells of its clients, written down.
 *
 * Runs in: the parent. */
#include "record/record.h"

#include "common/io.h"
#include "common/log.h"
#include "common/memory.h"
#include "record/claims_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

int record_open(struct record *record, const struct record_config *config)
{
    const mode_t mode = 0644 & ~config->mask;

    *record = (struct record){.config = *config,
                              .began_ns = io_now_ns(),
                              .ledger = {.dir_fd = -1, .fd = -1},
                              .board = {.fd = -1}};
    record->entry = memory_private(sizeof *record->entry);
    if (record->entry == NULL) {
        log_error("cannot keep a record: %s", strerror(errno));
        return -1;
    }
    struct board_header header = {
        .max_running = config->max_running,
        .max_pending = config->max_pending,
        .began_ns = record->began_ns,
        .port = config->port,
    };
    (void)snprintf(header.kind, sizeof header.kind, "%s", config->kind);
    if (board_open(&record->board, config->board, mode, &header) < 0) {
        log_error("cannot make the board %s: %s", config->board, strerror(errno));
        return -1;
    }
    if (ledger_open(&record->ledger, config->ledger, mode, config->kind, config->max_running) < 0) {
        log_error("cannot write the ledger %s: %s", config->ledger, strerror(errno));
        return -1;
    }
    return 0;
}

void record_close(struct record *record)
{
    ledger_close(&record->ledger);
    board_close(&record->board);
    memory_free(record->entry, sizeof *record->entry);
    record->entry = NULL;
}

/* ---- what was decided ---- */

/* One of -vv's lines: the time since the start, and what was decided. */
__attribute__((format(printf, 2, 3))) static void tell_decision(const struct record *record,
                                                                const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int64_t ms = (io_now_ns() - record->began_ns) / 1000000;
    log_line("manager %" PRId64 ".%03d s: %s (%" PRIu64 " running, %" PRIu64 " waiting)", ms / 1000,
             (int)(ms % 1000), text, record->counts.running, record->counts.waiting);
}

/* Where nobody asked for them, they cost nothing: after each fork(2), the parent's next write to a
 * page of its stack copies the page, and the text above takes one. */
#define decision(record, ...)                                                                      \
    ((record)->config.verbosity < 2 ? (void)0 : tell_decision((record), __VA_ARGS__))

void record_note(const struct record *record, const char *text)
{
    decision(record, "%s", text);
}

void record_reopen(struct record *record)
{
    decision(record, "reopening the ledger");
    ledger_reopen(&record->ledger);
}

void record_turned_away(const struct record *record, const struct stay *stay, const char *why)
{
    char peer[PEER_TEXT_MAX];

    decision(record, "client %" PRIu64 " %s, %s", stay->serial, why,
             peer_format(&stay->client, peer));
}

void record_paused(const struct record *record, int error)
{
    decision(record, "accepting paused: %s", strerror(error));
}

void record_swept(const struct record *record, const char *where, size_t count)
{
    if (count > 0)
        decision(record, "%s, but %zu had left", where, count);
}

void record_no_worker(struct record *record, int error)
{
    if (!record->short_of_workers)
        log_error("cannot start a worker: %s; clients wait", strerror(error));
    record->short_of_workers = true;
}

/* ---- a client's stay ---- */

void record_queued(struct record *record, const struct stay *stay)
{
    char client[PEER_TEXT_MAX], connection[PEER_TEXT_MAX];

    record->counts.accepted++;
    record->counts.waiting++;
    record->board.changed = true;
    if (record->config.verbosity < 1)
        return;
    (void)peer_format(&stay->client, client);
    (void)peer_format(&stay->connection, connection);
    log_line("server connected to client at %s", client);
    bool handed_on = strcmp(client, connection) != 0;
    decision(record, "client %" PRIu64 " queued, %s%s%s", stay->serial, client,
             handed_on ? " by way of " : "", handed_on ? connection : "");
}

void record_started(struct record *record, const struct stay *stay)
{
    record->counts.waiting--;
    record->counts.running++;
    record->short_of_workers = false;
    record->board.changed = true;
    decision(record, "client %" PRIu64 " started, %s %" PRId64 ", waited %" PRId64 " ms",
             stay->serial, record->config.kind, stay->worker,
             (stay->started_ns - stay->accepted_ns) / 1000000);
}

enum { HOW_TEXT = 48 };

static const char *how_it_ended(const struct ledger_entry *entry, char text[HOW_TEXT])
{
    if (entry->signal == 0)
        return claims_outcome_name(entry->outcome);
    (void)snprintf(text, HOW_TEXT, "killed by signal %d", entry->signal);
    return text;
}

static void log_done(const struct ledger_entry *entry)
{
    const uint32_t reason = entry->claims.reason;
    char peer[PEER_TEXT_MAX], how[HOW_TEXT], words[CLAIMS_REASON_TEXT];

    log_line("server done with client at %s: %s%s%s", peer_format(&entry->stay->client, peer),
             how_it_ended(entry, how), reason == 0 ? "" : ", ",
             reason == 0 ? "" : claims_reason_words(reason, words));
}

/* The end of a stay, with a worker or without. */
static void account(struct record *record, const struct ledger_entry *entry)
{
    record->counts.ended[entry->outcome]++;
    record->counts.bytes_moved += entry->claims.moved;
    record->board.changed = true;
    ledger_write(&record->ledger, entry);
    if (record->config.verbosity >= 1)
        log_done(entry);
}

static void leave_the_queue(struct record *record, const struct stay *stay, enum outcome outcome)
{
    *record->entry =
        (struct ledger_entry){.stay = stay, .ended_ns = io_now_ns(), .outcome = outcome};
    record->counts.waiting--;
    account(record, record->entry);
}

void record_left(struct record *record, const struct stay *stay, bool swept)
{
    if (!swept)
        decision(record, "client %" PRIu64 " had left", stay->serial);
    leave_the_queue(record, stay, OUTCOME_ABANDONED);
}

void record_sent_away(struct record *record, const struct stay *stay)
{
    leave_the_queue(record, stay, OUTCOME_SHUTDOWN);
}

/* What the parent itself saw of the end weighs more than what the worker claims; but where the
 * parent has told it to end, what was done by then is done. */
static enum outcome judge(struct ending ending, const struct claims *claims)
{
    bool said = claims->outcome == OUTCOME_DONE || claims->outcome == OUTCOME_REFUSED;

    if (ending.told_to)
        return said ? (enum outcome)claims->outcome : OUTCOME_SHUTDOWN;
    if (ending.signal != 0)
        return OUTCOME_SIGNAL;
    if (ending.unconfined)
        return OUTCOME_SANDBOX;
    return (enum outcome)claims->outcome;
}

void record_ended(struct record *record, const struct stay *stay, struct ending ending)
{
    struct ledger_entry *entry = record->entry;
    char how[HOW_TEXT];

    entry->stay = stay;
    entry->ended_ns = io_now_ns();
    entry->signal = ending.signal;
    claims_read(claims_of(record->config.claims, stay->slot), &entry->claims);
    entry->outcome = judge(ending, &entry->claims);
    if (entry->outcome != (enum outcome)entry->claims.outcome)
        entry->claims.reason = 0; /* it was another one's */
    record->counts.running--;
    account(record, entry);
    decision(record, "client %" PRIu64 " ended, %s %" PRId64 ", %s after %" PRId64 " ms",
             stay->serial, record->config.kind, stay->worker, how_it_ended(entry, how),
             (entry->ended_ns - stay->started_ns) / 1000000);
}

/* ---- the board ---- */

int record_due_in(const struct record *record, int most_ms)
{
    return board_due_in(&record->board, record->counts.running > 0, most_ms);
}

bool record_is_due(const struct record *record)
{
    return record_due_in(record, 1) == 0;
}

bool record_begin_look(struct record *record)
{
    return board_begin(&record->board, &record->counts);
}

void record_show_running(struct record *record, const struct stay *stay)
{
    board_add_running(&record->board, stay, claims_of(record->config.claims, stay->slot));
}

bool record_show_waiting(struct record *record, const struct stay *stay)
{
    return board_add_waiting(&record->board, stay);
}

void record_end_look(struct record *record)
{
    board_write(&record->board);
}
