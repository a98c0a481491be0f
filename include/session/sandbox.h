/* sandbox.h - what a worker that has been taken over can still do: little (docs/security.md).
 *
 * Confinement is inherited by fork(2), so nearly all of it is put on once, by the parent, on
 * itself, and costs a client nothing. Only what must be narrower for a worker than for the parent
 * is added after fork. */
#ifndef FERRY_SANDBOX_H
#define FERRY_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_mode {
    SANDBOX_OFF,
    SANDBOX_AUTO,   /* with every layer the kernel has */
    SANDBOX_REQUIRE /* with all layers, or not at all */
};

/* One line of the filter: the system call `number` is allowed where its `argument` (0 to 5), masked
 * with `mask`, is `value`, or `or_value` where that is not 0; mask 0: always. Those of its
 * arguments that are named in `not_standard` (a set of SANDBOX_ARG) must be descriptors above
 * standard error: 0 to 2 are the log and whatever else the server was started with. Those in
 * `minus_one` must be -1. With `error` it is refused with that errno instead of EPERM, which is
 * what everything not listed gets. */
struct sandbox_rule {
    int number;
    unsigned argument;
    uint32_t mask, value, or_value;
    unsigned not_standard, minus_one;
    int error;
};
#define SANDBOX_ARG(number) (1U << (number))

enum { SANDBOX_TEXT = 160 };

struct sandbox {
    enum sandbox_mode mode;
    int worker_fd;        /* a Landlock ruleset for the workers; -1: none; owned */
    uint64_t max_size;    /* of a file a worker may write, bytes */
    bool limit_size;      /* make the kernel see to that */
    bool limit_processes; /* of a worker, to none */
    bool landlock, seccomp, rlimits, no_new_privs, not_dumpable; /* in force */
    int landlock_abi;
    char lack[SANDBOX_TEXT]; /* the first layer that is not, and why; "" where all are */
    bool crowded;            /* that was for want of room: there is a number of Landlock layers */
};

/* What a worker puts on itself, and may not be able to. */
enum sandbox_part {
    SANDBOX_WHOLE, /* all of it is on */
    SANDBOX_DOMAIN,
    SANDBOX_DOMAIN_ROOM, /* the same, for want of room */
    SANDBOX_PROCESSES,
    SANDBOX_FILE_SIZE,
    SANDBOX_PARTS
};

/* What the filesystem is reduced to, and what is done there and on connections. */
struct sandbox_places {
    int root_fd;
    bool read_only;
    bool make_directories; /* where it is not */
    bool http;             /* what that service takes, and the lab's does not */
    int ledger_dir_fd;     /* files may be written there by the parent alone; -1: none */
};

/* Confines this process, and so every worker it starts, to these places. `rules` are what starting
 * workers takes besides. Call it when everything is open, before the first client.
 * Returns 0; or -1 where `mode` is SANDBOX_REQUIRE and a layer is missing: `lack` has the words. */
int sandbox_confine_server(struct sandbox *sandbox, const struct sandbox_places *places,
                           const struct sandbox_rule *rules, size_t rule_count);

/* In a worker process: gives up the rest. Returns SANDBOX_WHOLE, or what could not be put on: then
 * it must not go on. */
enum sandbox_part sandbox_confine_worker(const struct sandbox *sandbox);

/* Before the first worker: they will do without `part`. Returns its name for people, "limit on
 * processes"; NULL where it is no part. */
const char *sandbox_leave_out(struct sandbox *sandbox, int part);

/* Writes "sandbox:" and the names of the layers in force to `text`. Returns `text`. */
const char *sandbox_describe(const struct sandbox *sandbox, char *text, size_t len);

#endif
