/* lies.h - what a worker that has been taken over can say of itself. */
#ifndef HOSTILE_LIES_H
#define HOSTILE_LIES_H

#include "session/claims.h"

#include <stddef.h>

/* Each is one field, or all of them, of claims that are true otherwise. */
extern const size_t lie_count;
void tell_lie(struct claims *claims, size_t number);

/* Tells now the truth and now a lie, one after the other, until the client on `fd` says something
 * or leaves. */
void change_story(struct claims *claims, int fd);

/* The same, with its numbers, in a child that outlives us. Returns 0 when it has begun, or -1 with
 * errno. */
int leave_a_liar(struct claims *claims, int fd);

#endif
