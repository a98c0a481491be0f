/* stay.h - one client's stay, as far as it has come: what is told of it, and written down. */
#ifndef FERRY_STAY_H
#define FERRY_STAY_H

#include "common/peer.h"

#include <stddef.h>
#include <stdint.h>

enum { STAY_SERVICE_MAX = 8 /* bytes, with the terminator */ };

struct stay {
    uint64_t serial;          /* 1 for the first client accepted, then 2, ... */
    union peer client;        /* whose address counts, and is told */
    union peer connection;    /* whose it is at the other end: the same, or one who hands it on */
    int64_t accepted_ns;      /* io_now_ns() */
    int64_t accepted_wall_ns; /* io_wall_ns(), at the same moment */
    uint64_t place;           /* how many waited before it when it came */
    char service[STAY_SERVICE_MAX]; /* the name of the one it came for, or as much as fits */

    int64_t started_ns; /* io_now_ns(); 0: it has no worker yet, and the rest means nothing */
    int64_t worker;     /* its worker's id */
    uint64_t beside;    /* how many ran when it started, itself included */
    size_t slot;        /* of its worker's claims */
};

#endif
