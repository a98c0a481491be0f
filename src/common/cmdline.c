/* cmdline.c - a program's table of options: reading them, and --help.
 *
 * Runs in: the parent, the client and ferrytop, at start. */
#include "common/cmdline.h"

#include "common/log.h"
#include "common/version.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>

enum {
    SECONDS_MAX = 86400,
    CODE_BASE = 256, /* getopt_long(3) returns what is above for options without a letter */
    HELP_COLUMN = 24,
    HELP_WIDTH = 80
};

/* ---- values ---- */

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

static int read_size(const struct cmdline_option *option, const char *text, size_t *size)
{
    uint64_t number;

    if (cmdline_number(option->name, text, option->min, option->max, &number) < 0)
        return -1;
    *size = (size_t)number;
    return 0;
}

static int read_seconds(const struct cmdline_option *option, const char *text, int *ms)
{
    uint64_t seconds;

    if (cmdline_number(option->name, text, option->min, SECONDS_MAX, &seconds) < 0)
        return -1;
    *ms = seconds == 0 && option->kind == CMDLINE_LIMIT ? -1 : (int)(seconds * 1000);
    return 0;
}

static int read_bytes(const struct cmdline_option *option, const char *text, uint64_t *bytes)
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
    log_error("%s must be a number of bytes, with K, M, G or T or without, not \"%s\"",
              option->name, text);
    return -1;
}

static int read_value(const struct cmdline_option *option, const char *text, void *field)
{
    switch (option->kind) {
    case CMDLINE_FLAG:
        *(bool *)field = true;
        return 0;
    case CMDLINE_COUNT:
        ++*(int *)field;
        return 0;
    case CMDLINE_TEXT:
        *(const char **)field = text;
        return 0;
    case CMDLINE_NUMBER:
        return read_size(option, text, field);
    case CMDLINE_SECONDS:
    case CMDLINE_LIMIT:
        return read_seconds(option, text, field);
    case CMDLINE_BYTES:
        return read_bytes(option, text, field);
    case CMDLINE_OWN:
        return option->read(option, text, field);
    case CMDLINE_HELP:
    case CMDLINE_VERSION:
        break;
    }
    return -1;
}

/* ---- words ---- */

/* The table as getopt_long(3) wants it. */
struct getopt_lists {
    char letters[1 + 2 * CMDLINE_ROWS + 1];
    struct option names[CMDLINE_ROWS + 1];
};

static int code_of(const struct cmdline_option *options, size_t row)
{
    return options[row].letter != '\0' ? options[row].letter : CODE_BASE + (int)row;
}

static void fill_lists(struct getopt_lists *lists, const struct cmdline_option *options)
{
    char *letter = lists->letters + strlen(lists->letters);

    for (size_t row = 0; row < CMDLINE_ROWS && options[row].name != NULL; row++) {
        bool takes_value = options[row].value != NULL;

        lists->names[row] = (struct option){
            .name = options[row].name + 2, .has_arg = takes_value, .val = code_of(options, row)};
        if (options[row].letter == '\0')
            continue;
        *letter++ = options[row].letter;
        if (takes_value)
            *letter++ = ':';
    }
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

/* Returns the code of the next option; -1 at their end; '?' for what is wrong, which is said. */
static int next_code(int argc, char **argv, const struct getopt_lists *lists)
{
    /* Looked up before: after an error optind and the order of argv differ from libc to libc. */
    const char *word = next_option(argv);

    opterr = 0;
    int code = getopt_long(argc, argv, lists->letters, lists->names, NULL);

    if (code != '?' && code != ':')
        return code;
    complain(code, lists->letters, word);
    return '?';
}

/* ---- help ---- */

/* Prints words and line ends of `text` in the column for them, beginning in `column`. */
static void print_help_text(const char *text, int column)
{
    while (*text != '\0') {
        int len = (int)strcspn(text, " \n");

        if (column + 1 + len > HELP_WIDTH) {
            putchar('\n');
            column = 0;
        }
        int blanks = column < HELP_COLUMN ? HELP_COLUMN - column : 1;
        column += printf("%*s%.*s", blanks, "", len, text);
        text += len;
        if (*text == '\n') {
            putchar('\n');
            column = 0;
        }
        if (*text != '\0')
            text++;
    }
    putchar('\n');
}

static void print_option(const struct cmdline_option *option)
{
    const char *value = option->value == NULL ? "" : option->value;

    if (option->section)
        putchar('\n');
    int column = option->letter != '\0' ? printf("  -%c, ", option->letter) : printf("      ");
    column += printf("%s%s%s", option->name, value[0] == '\0' || value[0] == '=' ? "" : " ", value);
    if (column + 2 > HELP_COLUMN) {
        putchar('\n');
        column = 0;
    }
    print_help_text(option->help, column);
}

static void print_help(const struct cmdline *cmdline)
{
    const struct cmdline_option *options = cmdline->options;

    printf("Usage: %s %s\n%s\n", cmdline->program, cmdline->synopsis, cmdline->about);
    for (size_t row = 0; row < CMDLINE_ROWS && options[row].name != NULL; row++)
        print_option(&options[row]);
    printf("\n%s", cmdline->notes);
}

/* ---- all of it ---- */

static bool was_given(const struct cmdline_option *options, const bool given[CMDLINE_ROWS],
                      const char *name)
{
    for (size_t row = 0; row < CMDLINE_ROWS && options[row].name != NULL; row++)
        if (given[row] && strcmp(options[row].name, name) == 0)
            return true;
    return false;
}

/* Only when all are read: what does not go with an option may stand before it. */
static enum cmdline_result check_together(const struct cmdline_option *options,
                                          const bool given[CMDLINE_ROWS])
{
    for (size_t row = 0; row < CMDLINE_ROWS && options[row].name != NULL; row++) {
        const struct cmdline_option *option = &options[row];

        if (given[row] && option->not_with != NULL && was_given(options, given, option->not_with)) {
            log_error("%s does not go with %s: %s", option->name, option->not_with,
                      option->because);
            return CMDLINE_WRONG;
        }
    }
    return CMDLINE_RUN;
}

static enum cmdline_result obey(const struct cmdline *cmdline, const struct cmdline_option *option,
                                const char *text, void *fields)
{
    switch (option->kind) {
    case CMDLINE_HELP:
        print_help(cmdline);
        return CMDLINE_EXIT;
    case CMDLINE_VERSION:
        printf("%s %s\n", cmdline->program, FERRY_VERSION);
        return CMDLINE_EXIT;
    default:
        return read_value(option, text, (char *)fields + option->at) < 0 ? CMDLINE_WRONG
                                                                         : CMDLINE_RUN;
    }
}

enum cmdline_result cmdline_parse(const struct cmdline *cmdline, void *fields, int argc,
                                  char **argv)
{
    /* ':' tells a missing value from an unknown option. */
    struct getopt_lists lists = {.letters = ":"};
    enum cmdline_result result = CMDLINE_RUN;
    bool given[CMDLINE_ROWS] = {false};
    int code;

    fill_lists(&lists, cmdline->options);
    while (result == CMDLINE_RUN && (code = next_code(argc, argv, &lists)) != -1) {
        size_t row = 0;

        if (code == '?')
            return CMDLINE_WRONG;
        while (code_of(cmdline->options, row) != code)
            row++;
        given[row] = true;
        result = obey(cmdline, &cmdline->options[row], optarg, fields);
    }
    return result == CMDLINE_RUN ? check_together(cmdline->options, given) : result;
}
