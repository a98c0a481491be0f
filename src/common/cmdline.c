/* cmdline.c - what the command lines of ferryd and ferry have in common.
 *
 * Called by: options.c, client_options.c.
 * Runs in:   the parent and the client, at start. */
#include "cmdline.h"

#include "log.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>

enum { SECONDS_MAX = 86400 };

static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    char *end = NULL;

    /* strtoull(3) takes blanks and signs, and turns "-1" into 2^64 - 1. */
    if (text[0] < '0' || text[0] > '9')
        return -1;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < min || number > max)
        return -1;
    *value = number;
    return 0;
}

int cmdline_number(const char *program, const char *what, const char *text, uint64_t min,
                   uint64_t max, uint64_t *value)
{
    if (parse_number(text, min, max, value) == 0)
        return 0;
    log_error(program, "%s must be a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"", what, min,
              max, text);
    return -1;
}

int cmdline_seconds(const char *program, const char *what, const char *text, uint64_t min, int *ms)
{
    uint64_t seconds;
    if (cmdline_number(program, what, text, min, SECONDS_MAX, &seconds) < 0)
        return -1;
    *ms = (int)(seconds * 1000);
    return 0;
}

int cmdline_bytes(const char *program, const char *what, const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "KMGT";
    char digits[32];
    size_t len = strspn(text, "0123456789");
    const char *suffix = text[len] == '\0' ? NULL : strchr(suffixes, text[len]);
    unsigned shift = suffix == NULL ? 0 : 10 * (unsigned)(suffix - suffixes + 1);

    if (len < sizeof digits && strlen(text) == len + (suffix != NULL)) {
        memcpy(digits, text, len);
        digits[len] = '\0';
        if (parse_number(digits, 0, (uint64_t)INT64_MAX >> shift, bytes) == 0) {
            *bytes <<= shift;
            return 0;
        }
    }
    log_error(program, "%s must be a number of bytes, with K, M, G or T or without, not \"%s\"",
              what, text);
    return -1;
}

/* ':' in the list is not an option. */
static bool is_short_option(const char *short_options, int option)
{
    return option != ':' && strchr(short_options, option) != NULL;
}

/* The word getopt_long(3) is in the middle of, or the one it has just finished. */
static const char *word_with(char **argv, char letter)
{
    const char *next = argv[optind];
    return next != NULL && next[0] == '-' && strchr(next, letter) != NULL ? next : argv[optind - 1];
}

int cmdline_complain(const char *program, int result, const char *short_options, char **argv)
{
    const char *word = argv[optind - 1];
    bool ascii = optopt > 0 && optopt <= SCHAR_MAX;

    if (result == ':')
        log_error(program, "option %s needs a value; see --help", word);
    else if (ascii && !is_short_option(short_options, optopt))
        log_error(program, "unknown option -%c; see --help", optopt);
    else if (optopt < 0 || (optopt > SCHAR_MAX && optopt <= UCHAR_MAX))
        /* A byte of a longer letter: the whole word says more. */
        log_error(program, "unknown option %s; see --help", word_with(argv, (char)optopt));
    else
        log_error(program, "%s: %s; see --help",
                  optopt == 0 ? "unknown option" : "a value where none belongs", word);
    return -1;
}
