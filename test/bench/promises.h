/* promises.h - the bare server, with the calls that ferry's promises need and nothing else. */
#ifndef BENCH_PROMISES_H
#define BENCH_PROMISES_H

#include "bare.h"

/* Serves for ever, or ends the process with a word about what this kernel lacks. */
__attribute__((noreturn)) void promises_run(const struct bare *bare);

#endif
