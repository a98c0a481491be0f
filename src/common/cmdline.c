/* cmdline.c - what the command lines of ferryd and ferry have in common.
 *
 * Runs in: the parent, the client and ferrytop, at start. */
#include "common/cmdline.h"

#include "common/log.h"

#include <errno.h>
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

int cmdline_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    if (parse_number(text, min, max, value) == 0)
        return 0;
    log_error("%s must be a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"", what, min, max,
              text);
    return -1;
}

int cmdline_seconds(const char *what, const char *text, uint64_t min, int *ms)
{
    uint64_t seconds;
    if (cmdline_number(what, text, min, SECONDS_MAX, &seconds) < 0)
        return -1;
    *ms = (int)(seconds * 1000);
    return 0;
}

int cmdline_bytes(const char *what, const char *text, uint64_t *bytes)
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
    log_error("%s must be a number of bytes, with K, M, G or T or without, not \"%s\"", what, text);
    return -1;
}

/* ':' in the list is not an option. */
static bool is_short_option(const char *short_options, int option)
{
    return option != ':' && strchr(short_options, option) != NULL;
}

/* The word that getopt_long(3) takes an option from next: the one it is in the middle of, or the
 * first that begins like one. */
static const char *next_option(char **argv)
{
    char **word = argv + optind;

    while (*word != NULL && !((*word)[0] == '-' && (*word)[1] != '\0'))
        word++;
    return *word;
}

/* Says what getopt_long(3) stumbled over in `word` when it returned `result`; optopt is its too. */
static void complain(int result, const char *short_options, const char *word)
{
    bool is_long = word[0] == '-' && word[1] == '-';

    if (result == ':')
        log_error("option %s needs a value; see --help", word);
    else if (is_long)
        log_error("%s: %s; see --help",
                  optopt == 0 ? "unknown option" : "a value where none belongs", word);
    else if (optopt > 0 && optopt <= SCHAR_MAX && !is_short_option(short_options, optopt))
        log_error("unknown option -%c; see --help", optopt);
    else
        /* What is no ASCII character each libc tells in its own way: the whole word says more. */
        log_error("unknown option %s; see --help", word);
}

int cmdline_next(int argc, char **argv, const char *short_options,
                 const struct option *long_options)
{
    /* Looked up before: after an error optind and the order of argv differ from libc to libc. */
    const char *word = next_option(argv);

    opterr = 0;
    int option = getopt_long(argc, argv, short_options, long_options, NULL);

    if (option != '?' && option != ':')
        return option;
    complain(option, short_options, word);
    return '?';
}
