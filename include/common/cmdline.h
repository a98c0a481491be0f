/* cmdline.h - command lines: each program has one table of its options, from which they are read
 * and --help is printed. What is wrong with a command line is said in one line. */
#ifndef FERRY_CMDLINE_H
#define FERRY_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXIT_USAGE = 2,   /* exit status for a command line that cannot be understood */
    CMDLINE_ROWS = 32 /* room in a table; the first row without a name is its end */
};

enum cmdline_result {
    CMDLINE_RUN,  /* the options say how */
    CMDLINE_EXIT, /* --help or --version was printed */
    CMDLINE_WRONG /* one line on standard error says what is wrong and what was expected */
};

/* Of which type an option's field is, and what the option leaves there. */
enum cmdline_kind {
    CMDLINE_FLAG,    /* bool: true */
    CMDLINE_COUNT,   /* int: how often it was given */
    CMDLINE_TEXT,    /* const char *, into argv */
    CMDLINE_NUMBER,  /* size_t, from min to max */
    CMDLINE_SECONDS, /* int, in milliseconds: from min seconds to a day */
    CMDLINE_LIMIT,   /* the same, but 0 means that there is no limit, which is -1 */
    CMDLINE_BYTES,   /* uint64_t up to 2^63 - 1; K, M, G or T (powers of 1024) may follow */
    CMDLINE_OWN,     /* what read() makes of it */
    CMDLINE_HELP,    /* these two have no field */
    CMDLINE_VERSION
};

struct cmdline_option {
    const char *name;  /* with its dashes */
    const char *value; /* as --help names it, "=" before it where that is to be seen; NULL: none */
    const char *help;
    enum cmdline_kind kind;
    char letter;  /* '\0': none */
    bool section; /* --help has an empty line before it */
    size_t at;    /* of the field in the program's struct: offsetof() */
    uint64_t min, max;
    const char *not_with, *because; /* the name of an option that it does not go with; NULL: none */
    /* Returns 0; or -1, and has said why. */
    int (*read)(const struct cmdline_option *option, const char *text, void *field);
};

struct cmdline {
    const char *program;
    const char *synopsis; /* what follows the program's name */
    const char *about;    /* what --help says before the options, and after them */
    const char *notes;
    const struct cmdline_option *options; /* CMDLINE_ROWS of them */
};

/* Reads the options in argv into `fields`, the program's struct, up to a wrong one or to --help or
 * --version, which are printed. Afterwards the operands are those from argv + optind (getopt(3))
 * on. Two that do not go together are wrong, in either order. */
enum cmdline_result cmdline_parse(const struct cmdline *cmdline, void *fields, int argc,
                                  char **argv);

/* Reads `text`, the whole of it, as a decimal number from `min` to `max`. Returns 0 and sets
 * *value; or says that `what`, an option or operand, must be such a number, and returns -1. */
int cmdline_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value);

#endif
