/* cmdline.h - what the command lines of ferryd and ferry have in common: reading them and saying
 * in one line what is wrong with them. */
#ifndef FERRY_CMDLINE_H
#define FERRY_CMDLINE_H

#include <getopt.h>
#include <stdint.h>

enum { EXIT_USAGE = 2 /* exit status for a command line that cannot be understood */ };

enum cmdline_result {
    CMDLINE_RUN,  /* the options say how */
    CMDLINE_EXIT, /* --help or --version was printed */
    CMDLINE_WRONG /* one line on standard error says what is wrong and what was expected */
};

/* Reads `text`, the whole of it, as a decimal number from `min` to `max`. Returns 0 and sets
 * *value; or says that `what`, an option or operand, must be such a number, and
 * returns -1. */
int cmdline_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* As cmdline_number(), in seconds up to a day, for milliseconds. */
int cmdline_seconds(const char *what, const char *text, uint64_t min, int *ms);

/* As cmdline_number(), for a number of bytes up to 2^63 - 1 that K, M, G or T (powers of 1024) may
 * follow. */
int cmdline_bytes(const char *what, const char *text, uint64_t *bytes);

/* getopt_long(3), for a list of short options that begins with ':', and the words about what it
 * stumbles over. Returns what it does, but '?' for whatever was wrong, and said. */
int cmdline_next(int argc, char **argv, const char *short_options,
                 const struct option *long_options);

#endif
