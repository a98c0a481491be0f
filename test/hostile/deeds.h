/* deeds.h - what a worker that has been taken over tries.
 *
 * A deed is one attempt at something that a worker should not be able to do, or at something that
 * it can do all the same. docs/security.md has a table of them, and test/sandbox.bats compares.
 * A deed acts on files of its own name, so none spoils another one. */
#ifndef HOSTILE_DEEDS_H
#define HOSTILE_DEEDS_H

#include "session/service.h"

#include <stddef.h>
#include <sys/types.h>

/* What a deed can know. */
struct stage {
    const struct session_config *config;
    const struct claims *claims; /* its page, and others around it? */
    int fd;                      /* its client */
    const char *name;            /* the deed's own, and of the files it acts on */
    const char *outside;         /* a directory outside the root */
    pid_t sibling;               /* the worker of a client that has asked to KEEP something */
    char *text;                  /* in place of "ok", where a deed has more to say */
    size_t text_len;             /* room in `text` */
};

struct deed {
    const char *name;
    int (*run)(struct stage *stage); /* returns 0 or more where it could be done, or -1, errno */
};

extern const struct deed outside_deeds[], inside_deeds[], process_deeds[], memory_deeds[];
extern const size_t outside_deed_count, inside_deed_count, process_deed_count, memory_deed_count;

enum { KEPT_MAX = 64 };
#define KEPT_MARK "kept: " /* before it in the claims of who keeps it */
extern char kept[KEPT_MAX];

/* Closes `fd`, where there is one. Returns 0, or -1 where it is -1; keeps errno. */
int got_descriptor(int fd);

/* Tries every number a system call can have, and says which of them got through. */
int try_every_call(struct stage *stage);

#endif
