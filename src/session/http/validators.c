/* validators.c - which version of a file a request speaks of, and which part of it.
 *
 * Runs in: the worker; no I/O, no state. Dates are written by hand: libc names days in the locale's
 * words. */
#include "session/http/validators.h"

#include "session/http/calendar.h"

#include <string.h>

/* ---- entity tags ---- */

/* Returns where it ends. By hand: printf(3) would be several pages more that every child touches.
 */
static char *put_hex(char *at, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    unsigned shift = 60;

    while (shift > 0 && number >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        *at++ = digits[number >> shift & 0xf];
        if (shift == 0)
            return at;
    }
}

/* What makes it strong (RFC 9110 section 8.8.1): an upload is a new file, so its inode number is
 * not that of the file it replaces; and what is written into a file moves its time, by steps of the
 * kernel's clock, some milliseconds on many machines (inode(7)). Two versions share a tag where a
 * program writes into one file twice, as many bytes, within one such step, or puts the time back
 * (utimensat(2)); and where a file is replaced twice within one step, and its number used again.
 * That nobody can see from outside. */
const char *http_etag(const struct stat *file, char text[HTTP_ETAG_MAX])
{
    enum { NS = 1000000000 };
    /* Past the year 2262 it is not the time any more, but as good as that. */
    uint64_t changed_ns = (uint64_t)file->st_mtim.tv_sec * NS + (uint64_t)file->st_mtim.tv_nsec;
    char *at = text;

    *at++ = '"';
    at = put_hex(at, (uint64_t)file->st_dev);
    *at++ = '-';
    at = put_hex(at, (uint64_t)file->st_ino);
    *at++ = '-';
    at = put_hex(at, (uint64_t)file->st_size);
    *at++ = '-';
    at = put_hex(at, changed_ns);
    *at++ = '"';
    *at = '\0';
    return text;
}

/* ---- dates ---- */

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec;
}

enum { THURSDAY = 4 /* 1 January 1970 */, FAR_YEARS = 50 };
/* Of the years that can be written with four digits. */
static const int64_t first_second = -INT64_C(62167219200), last_second = INT64_C(253402300799);

static const char day_names[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static void set_digits(char *at, unsigned digits, unsigned number)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

const char *http_date(time_t when, char text[HTTP_DATE_MAX])
{
    static const char layout[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    int64_t seconds = when < first_second ? first_second : when > last_second ? last_second : when;
    struct date date;

    calendar_read(&date, seconds);
    unsigned weekday = (unsigned)((calendar_days(&date) % 7 + 7 + THURSDAY) % 7);
    memcpy(text, layout, sizeof layout);
    memcpy(text, day_names[weekday], 3);
    set_digits(text + 5, 2, date.day);
    memcpy(text + 8, month_names[date.month - 1], 3);
    set_digits(text + 12, 4, date.year);
    set_digits(text + 17, 2, date.hour);
    set_digits(text + 20, 2, date.minute);
    set_digits(text + 23, 2, date.second);
    return text;
}

/* The readers move *text past what they have read; false: it is something else. */

static bool read_word(const char **text, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*text, word, len) != 0)
        return false;
    *text += len;
    return true;
}

static bool read_digits(const char **text, unsigned digits, unsigned *number)
{
    for (*number = 0; digits > 0; digits--, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *number = *number * 10 + (unsigned)(**text - '0');
    }
    return true;
}

/* The name of a day, whose first `len` bytes count, or all: 0. Whether it is that date's is not
 * asked. */
static bool read_weekday(const char **text, size_t len)
{
    for (size_t i = 0; i < sizeof day_names / sizeof day_names[0]; i++) {
        size_t want = len > 0 ? len : strlen(day_names[i]);
        if (strncmp(*text, day_names[i], want) == 0) {
            *text += want;
            return true;
        }
    }
    return false;
}

static bool read_month(const char **text, unsigned *month)
{
    for (*month = 1; *month <= sizeof month_names / sizeof month_names[0]; (*month)++)
        if (read_word(text, month_names[*month - 1]))
            return true;
    return false;
}

static bool read_time(const char **text, struct date *date)
{
    return read_digits(text, 2, &date->hour) && read_word(text, ":") &&
           read_digits(text, 2, &date->minute) && read_word(text, ":") &&
           read_digits(text, 2, &date->second);
}

/* Of the years that end so, the last one that is not more than 50 years ahead. */
static unsigned year_of_two_digits(unsigned digits)
{
    struct date today;

    calendar_read(&today, now());
    return today.year + FAR_YEARS - (today.year + FAR_YEARS - digits) % 100;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_fixdate(const char *text, struct date *date)
{
    return read_weekday(&text, 3) && read_word(&text, ", ") && read_digits(&text, 2, &date->day) &&
           read_word(&text, " ") && read_month(&text, &date->month) && read_word(&text, " ") &&
           read_digits(&text, 4, &date->year) && read_word(&text, " ") && read_time(&text, date) &&
           strcmp(text, " GMT") == 0;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool read_rfc850(const char *text, struct date *date)
{
    unsigned year = 0;
    bool is_one = read_weekday(&text, 0) && read_word(&text, ", ") &&
                  read_digits(&text, 2, &date->day) && read_word(&text, "-") &&
                  read_month(&text, &date->month) && read_word(&text, "-") &&
                  read_digits(&text, 2, &year) && read_word(&text, " ") && read_time(&text, date) &&
                  strcmp(text, " GMT") == 0;

    date->year = is_one ? year_of_two_digits(year) : 0;
    return is_one;
}

/* "Sun Nov  6 08:49:37 1994", as asctime(3) writes it */
static bool read_asctime(const char *text, struct date *date)
{
    return read_weekday(&text, 3) && read_word(&text, " ") && read_month(&text, &date->month) &&
           read_word(&text, " ") &&
           (read_word(&text, " ") ? read_digits(&text, 1, &date->day)
                                  : read_digits(&text, 2, &date->day)) &&
           read_word(&text, " ") && read_time(&text, date) && read_word(&text, " ") &&
           read_digits(&text, 4, &date->year) && *text == '\0';
}

static unsigned days_in_month(const struct date *date)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap =
        date->year % 4 == 0 && (date->year % 100 != 0 || date->year % CALENDAR_ERA_YEARS == 0);

    return days[date->month - 1] + (date->month == 2 && leap ? 1U : 0U);
}

bool http_date_parse(const char *text, time_t *when)
{
    struct date date;

    if (!read_fixdate(text, &date) && !read_rfc850(text, &date) && !read_asctime(text, &date))
        return false;
    if (date.day < 1 || date.day > days_in_month(&date) || date.hour > 23 || date.minute > 59 ||
        date.second > 60) /* one that leaps */
        return false;
    *when = (time_t)(calendar_days(&date) * CALENDAR_DAY_S +
                     (int64_t)(date.hour * 3600 + date.minute * 60 + date.second));
    return true;
}

/* ---- conditions ---- */

/* The field where there is just one of that name; NULL: there is none, or no telling which. */
static const char *single_value(const struct http_head *head, const char *name)
{
    return http_head_count(head, name) == 1 ? http_head_value(head, name) : NULL;
}

/* A directory has no version that could be told from another, and no date of what is listed. */
static bool has_versions(const struct stat *file)
{
    return file != NULL && S_ISREG(file->st_mode);
}

enum match { NO_MATCH, MATCH, MALFORMED };

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

/* How many bytes of `text` are an entity tag's opaque part, quotes included; 0: it is none (RFC
 * 9110 section 8.8.3). There are no escapes in it. */
static size_t opaque_len(const char *text)
{
    size_t len = 1;

    if (text[0] != '"')
        return 0;
    while ((unsigned char)text[len] > ' ' && text[len] != '"' && text[len] != 0x7f)
        len++;
    return text[len] == '"' ? len + 1 : 0;
}

/* Is `tag`, which is strong, in the list? A weak one counts where the comparison is weak, too (RFC
 * 9110 section 8.8.3.2). */
static enum match match_list(const char *list, const char *tag, bool weakly)
{
    enum match match = NO_MATCH;
    bool after_comma = true;

    for (;;) {
        list = skip_blanks(list);
        if (*list == '\0')
            return match;
        if (*list == ',') {
            after_comma = true;
            list++;
            continue;
        }
        bool weak = list[0] == 'W' && list[1] == '/';
        list += weak ? 2 : 0;
        size_t len = opaque_len(list);
        if (len == 0 || !after_comma)
            return MALFORMED;
        if ((weakly || !weak) && len == strlen(tag) && memcmp(list, tag, len) == 0)
            match = MATCH;
        after_comma = false;
        list += len;
    }
}

/* The fields `name`, which are there and make one list, or are "*": does one of them name the
 * version that `file` is, or any there is? */
static enum match match_fields(const struct http_head *head, const char *name,
                               const struct stat *file, bool weakly)
{
    char tag[HTTP_ETAG_MAX] = "";
    enum match match = NO_MATCH;
    const char *only = single_value(head, name), *list;
    size_t at = 0;

    if (only != NULL && strcmp(only, "*") == 0)
        return file != NULL ? MATCH : NO_MATCH;
    if (has_versions(file))
        (void)http_etag(file, tag);
    while ((list = http_head_next(head, name, &at)) != NULL) {
        enum match here = match_list(list, tag, weakly);
        if (here == MALFORMED)
            return MALFORMED;
        match = here == MATCH ? MATCH : match;
    }
    return match;
}

/* Was `file` changed after the date in the field `name`, as far as whole seconds tell? A field that
 * is no date, or comes twice, says nothing (RFC 9110 sections 13.1.3, 13.1.4): false, and *is_date
 * too. */
static bool is_newer(const struct http_head *head, const char *name, const struct stat *file,
                     bool *is_date)
{
    const char *text = single_value(head, name);
    time_t when;

    *is_date = has_versions(file) && text != NULL && http_date_parse(text, &when);
    return *is_date && file->st_mtim.tv_sec > when;
}

/* Steps 1 and 2 of RFC 9110 section 13.2.2. */
static bool is_what_was_expected(const struct http_head *head, const struct stat *file)
{
    bool is_date;

    if (http_head_value(head, "If-Match") != NULL)
        return match_fields(head, "If-Match", file, false) == MATCH;
    return !is_newer(head, "If-Unmodified-Since", file, &is_date);
}

/* Steps 3 and 4. */
static enum http_verdict judge_known(const struct http_head *head, const struct stat *file)
{
    bool writes = http_method_writes(head->method), is_date = false;

    if (http_head_value(head, "If-None-Match") != NULL) {
        enum match match = match_fields(head, "If-None-Match", file, true);
        /* What cannot be understood must not let a write through that was to be held back. */
        if (writes)
            return match == NO_MATCH ? HTTP_GOES_ON : HTTP_TERMS_UNMET;
        return match == MATCH ? HTTP_NOT_MODIFIED : HTTP_GOES_ON;
    }
    if (writes || is_newer(head, "If-Modified-Since", file, &is_date) || !is_date)
        return HTTP_GOES_ON;
    return HTTP_NOT_MODIFIED;
}

enum http_verdict http_conditions(const struct http_head *head, const struct stat *file)
{
    return is_what_was_expected(head, file) ? judge_known(head, file) : HTTP_TERMS_UNMET;
}

bool http_has_conditions(const struct http_head *head)
{
    return http_head_value(head, "If-Match") != NULL ||
           http_head_value(head, "If-None-Match") != NULL ||
           http_head_value(head, "If-Unmodified-Since") != NULL;
}

/* ---- ranges ---- */

/* A strong tag, or the very date. A client may give a date only where it knows that the file did
 * not change twice in that second (RFC 9110 sections 8.8.2.2, 13.1.5); while the second is not
 * over, it cannot know that. */
static bool range_is_of_this_version(const struct http_head *head, const struct stat *file)
{
    const char *text = single_value(head, "If-Range");
    time_t when;

    if (text == NULL)
        return http_head_count(head, "If-Range") == 0;
    if (http_date_parse(text, &when))
        return when == file->st_mtim.tv_sec && now() > when;
    char tag[HTTP_ETAG_MAX];
    return strcmp(text, http_etag(file, tag)) == 0;
}

/* Reads digits, if there are any, into *number; UINT64_MAX stands for whatever is larger. */
static const char *read_number(const char *text, uint64_t *number, bool *is_number)
{
    *is_number = *text >= '0' && *text <= '9';
    for (*number = 0; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        bool fits = *number <= (UINT64_MAX - digit) / 10;
        *number = fits ? *number * 10 + digit : UINT64_MAX;
    }
    return text;
}

/* A range as it is written: "first-", "first-last" or "-last", where `last` counts from the end. */
struct range {
    uint64_t first, last;
    bool has_first, has_last;
};

/* A list may have empty items (RFC 9110 section 5.6.1). */
static const char *skip_empty_items(const char *text)
{
    while (*text == ' ' || *text == '\t' || *text == ',')
        text++;
    return text;
}

/* Is it one range of bytes, and a valid one? */
static bool read_range(const char *text, struct range *range)
{
    static const char unit[] = "bytes=";
    const size_t unit_len = sizeof unit - 1;

    if (text == NULL || strlen(text) < unit_len || !http_same(text, unit, unit_len))
        return false;
    text = skip_empty_items(text + unit_len);
    text = read_number(text, &range->first, &range->has_first);
    if (*text != '-')
        return false;
    text = read_number(text + 1, &range->last, &range->has_last);
    if (*skip_empty_items(text) != '\0' || (!range->has_first && !range->has_last))
        return false;
    return !range->has_first || !range->has_last || range->first <= range->last;
}

/* The part of a file of `size` bytes. Returns false where there is no byte of it. */
static bool find_part(const struct range *range, uint64_t size, uint64_t *first, uint64_t *count)
{
    if (!range->has_first) {
        *count = range->last < size ? range->last : size;
        *first = size - *count;
        return range->last > 0;
    }
    if (range->first >= size)
        return false;
    bool to_end = !range->has_last || range->last >= size;
    *first = range->first;
    *count = (to_end ? size : range->last + 1) - range->first;
    return true;
}

enum http_part http_range(const struct http_head *head, const struct stat *file, uint64_t *first,
                          uint64_t *count)
{
    const uint64_t size = (uint64_t)file->st_size;
    struct range range;

    *first = 0;
    *count = size;
    /* Ranges of other methods are not defined, and ignored (RFC 9110 section 14.2). */
    if (head->method != HTTP_GET || !read_range(single_value(head, "Range"), &range) ||
        !range_is_of_this_version(head, file))
        return HTTP_WHOLE;
    if (!find_part(&range, size, first, count))
        return HTTP_NO_SUCH_PART;
    return *count > 0 ? HTTP_PART : HTTP_WHOLE; /* of an empty file, no part can be named */
}
