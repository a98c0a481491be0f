/* http_versions.c - are dates, entity tags, conditions and ranges read as the RFC has it?
 *
 * Used by: test/http_versions.bats, as build/test/http_versions. Linked with the service's
 *          validators.o and head.o.
 * Usage:   http_versions dates
 *             every date is written as libc writes it, and read back in all three forms; what is no
 *             date is not read
 *          http_versions tags
 *             files that differ in one of the things that a tag is made of have different tags
 *          http_versions conditions, http_versions ranges
 *             the tables below
 * Prints:  what was wrong (stderr), and how many cases there were
 * Exit:    0 all went well, 1 something did not, 2 wrong usage. */
#include "session/http/validators.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, WRONG_USAGE = 2 };
enum { SIZE = 10, REQUEST_MAX = 1024, ANSWER_MAX = 64 };
enum { CHANGED = 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT, a time that the RFC has, too */ };

static unsigned cases, wrong;

__attribute__((format(printf, 2, 3))) static void check(bool good, const char *format, ...)
{
    va_list args;

    cases++;
    if (good)
        return;
    wrong++;
    va_start(args, format);
    fputs("http_versions: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- dates ---- */

static void check_read(const char *text, time_t when)
{
    time_t read;

    check(http_date_parse(text, &read) && read == when, "\"%s\" is not read", text);
}

static void check_date(time_t when)
{
    const time_t now = time(NULL), half_a_century = (time_t)49 * 365 * 24 * 60 * 60;
    char want[64], got[HTTP_DATE_MAX];
    struct tm parts;

    gmtime_r(&when, &parts);
    (void)strftime(want, sizeof want, "%a %b %e %H:%M:%S %Y", &parts);
    check_read(want, when);
    size_t len = strftime(want, sizeof want, "%A, %d-%b-", &parts);
    snprintf(want + len, sizeof want - len, "%02d %02d:%02d:%02d GMT", (parts.tm_year + 1900) % 100,
             parts.tm_hour, parts.tm_min, parts.tm_sec);
    if (when > now - half_a_century && when < now + half_a_century)
        check_read(want, when);
    (void)strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    check_read(want, when);
    check(strcmp(http_date(when, got), want) == 0, "\"%s\" instead of \"%s\"", got, want);
}

/* Every day of 800 years, at a time of day that is another one each day; what is about the turn of
 * leap years and of centuries is in there. */
static void check_calendar(void)
{
    enum { DAY = 24 * 60 * 60, DAYS = 800 * 366, STEP = DAY + 3607 };

    for (time_t when = -(time_t)DAYS / 2 * DAY; when < (time_t)DAYS / 2 * DAY; when += STEP)
        check_date(when);
    check_date(-1);
    check_date(0);
    check_date(INT32_MAX);
    check_date((time_t)INT32_MAX + 1);
    check_date(time(NULL));
}

static void check_ends_of_time(void)
{
    static const struct {
        int64_t when;
        const char *text;
    } ends[] = {
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {253402300800, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-62167219200, "Sat, 01 Jan 0000 00:00:00 GMT"},
        {-62167219201, "Sat, 01 Jan 0000 00:00:00 GMT"},
        {INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT"},
        {-62162035201, "Tue, 29 Feb 0000 23:59:59 GMT"},
    };
    char got[HTTP_DATE_MAX];

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        check(strcmp(http_date((time_t)ends[i].when, got), ends[i].text) == 0,
              "\"%s\" instead of \"%s\"", got, ends[i].text);
        if (ends[i].when >= -62167219200 && ends[i].when <= 253402300799)
            check_read(ends[i].text, (time_t)ends[i].when);
    }
}

/* Of two digits of a year: the last year that ends so and is not more than 50 years ahead. */
static void check_two_digits(void)
{
    char text[64];
    struct tm today;
    time_t now = time(NULL), when;

    gmtime_r(&now, &today);
    for (int year = today.tm_year + 1900 - 49; year <= today.tm_year + 1900 + 50; year++) {
        struct tm then = {.tm_year = year - 1900, .tm_mon = 6, .tm_mday = 1};
        snprintf(text, sizeof text, "Monday, 01-Jul-%02d 00:00:00 GMT", year % 100);
        check(http_date_parse(text, &when) && when == timegm(&then), "\"%s\" is not of %d", text,
              year);
    }
}

static void check_no_dates(void)
{
    static const char *const texts[] = {
        "",
        "now",
        "0",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 ",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT,",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 01994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Day, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nav 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 32 Dec 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:3\xb9 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov 06 08:49:37 94",
    };
    time_t when;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(!http_date_parse(texts[i], &when), "\"%s\" is read as a date", texts[i]);
    check(http_date_parse("Fri, 30 Jun 1972 23:59:60 GMT", &when) && when == 78796800,
          "the leap second is not read");
    check(http_date_parse("Tue, 29 Feb 2000 00:00:00 GMT", &when) && when == 951782400,
          "the leap day is not read");
}

static void check_dates(void)
{
    check_calendar();
    check_ends_of_time();
    check_two_digits();
    check_no_dates();
}

/* ---- tags ---- */

static struct stat a_file(void)
{
    return (struct stat){.st_dev = 7,
                         .st_ino = 11,
                         .st_size = SIZE,
                         .st_mode = S_IFREG | 0644,
                         .st_mtim = {.tv_sec = CHANGED, .tv_nsec = 500000000}};
}

/* Quotes, and between them what section 8.8.3 of RFC 9110 lets be there. */
static bool is_strong_tag(const char *tag)
{
    size_t len = strlen(tag);

    return len > 2 && len < HTTP_ETAG_MAX && tag[0] == '"' && tag[len - 1] == '"' &&
           strspn(tag + 1, "0123456789abcdef-") == len - 2;
}

static void check_tags(void)
{
    struct stat files[] = {a_file(), a_file(), a_file(), a_file(), a_file(), a_file()};
    enum { FILES = sizeof files / sizeof files[0] };
    char tags[FILES][HTTP_ETAG_MAX], again[HTTP_ETAG_MAX];

    files[1].st_dev++;
    files[2].st_ino++;
    files[3].st_size++;
    files[4].st_mtim.tv_sec++;
    files[5].st_mtim.tv_nsec++;
    for (size_t i = 0; i < FILES; i++) {
        check(is_strong_tag(http_etag(&files[i], tags[i])), "%s is no strong tag", tags[i]);
        check(strcmp(tags[i], http_etag(&files[i], again)) == 0, "%s and then %s", tags[i], again);
        for (size_t j = 0; j < i; j++)
            check(strcmp(tags[i], tags[j]) != 0, "files %zu and %zu have the same tag", i, j);
    }
    struct stat largest = {.st_size = INT64_MAX,
                           .st_mtim = {.tv_sec = INT64_MAX, .tv_nsec = 999999999}};
    largest.st_dev--;
    largest.st_ino--;
    check(is_strong_tag(http_etag(&largest, again)), "%s is no strong tag", again);
}

/* ---- conditions and ranges ---- */

/* %T in a case stands for the file's tag, %A for the same in capitals, which is another one. */
static void put_tag(char *request, size_t *len, bool capitals)
{
    struct stat file = a_file();
    char tag[HTTP_ETAG_MAX];

    for (const char *c = http_etag(&file, tag); *c != '\0'; c++)
        request[(*len)++] = (char)(capitals && *c >= 'a' && *c <= 'f' ? *c - 'a' + 'A' : *c);
}

/* `fields` has its lines separated by "|". */
static void read_request(struct http_head *head, const char *method, const char *fields)
{
    char request[REQUEST_MAX];
    size_t len = (size_t)snprintf(request, sizeof request, "%s /f HTTP/1.1\r\nHost: h\r\n", method);

    for (const char *c = fields; *c != '\0'; c++) {
        if (c[0] == '%' && (c[1] == 'T' || c[1] == 'A')) {
            put_tag(request, &len, *++c == 'A');
        } else if (*c == '|') {
            request[len++] = '\r';
            request[len++] = '\n';
        } else {
            request[len++] = *c;
        }
    }
    len += (size_t)snprintf(request + len, sizeof request - len, "%s\r\n",
                            *fields == '\0' ? "" : "\r\n");
    http_head_init(head);
    if (http_head_feed(head, request, len) != len || !head->whole || head->status != 0) {
        fprintf(stderr, "http_versions: this is no request: %s\n", request);
        exit(WENT_WRONG);
    }
}

enum there { FILE_THERE, NOTHING_THERE, DIRECTORY_THERE };

#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME    "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER   "Sun, 06 Nov 1994 08:49:38 GMT"

/* RFC 9110 section 13. */
static const struct {
    const char *method, *fields;
    enum there there;
    unsigned status; /* 0: it goes on */
} conditions[] = {
    {"GET", "", FILE_THERE, 0},
    /* If-Match: the strong comparison (13.1.1) */
    {"GET", "If-Match: %T", FILE_THERE, 0},
    {"GET", "If-Match: *", FILE_THERE, 0},
    {"GET", "if-match:%T", FILE_THERE, 0},
    {"GET", "If-Match: \"x\", %T", FILE_THERE, 0},
    {"GET", "If-Match: \"x\",%T,\"y\"", FILE_THERE, 0},
    {"GET", "If-Match: , ,%T,,", FILE_THERE, 0},
    {"GET", "If-Match: \"a,b\", %T", FILE_THERE, 0},
    {"GET", "If-Match: \"x\"|If-Match: %T", FILE_THERE, 0},
    {"GET", "If-Match: %T|If-Match: \"x\"", FILE_THERE, 0},
    {"GET", "If-Match: \"x\"", FILE_THERE, 412},
    {"GET", "If-Match: \"\"", FILE_THERE, 412},
    {"GET", "If-Match: W/%T", FILE_THERE, 412},
    {"GET", "If-Match: W/%T, %T", FILE_THERE, 0},
    {"GET", "If-Match: %A", FILE_THERE, 412},
    {"GET", "If-Match: x%T", FILE_THERE, 412},
    {"GET", "If-Match: %T%T", FILE_THERE, 412},
    {"GET", "If-Match: %T \"x\"", FILE_THERE, 412},
    {"GET", "If-Match: \"x", FILE_THERE, 412},
    {"GET", "If-Match: \"*\"", FILE_THERE, 412},
    {"GET", "If-Match: *, %T", FILE_THERE, 412},
    {"GET", "If-Match: *|If-Match: \"x\"", FILE_THERE, 412},
    {"HEAD", "If-Match: \"x\"", FILE_THERE, 412},
    {"PUT", "If-Match: %T", FILE_THERE, 0},
    {"PUT", "If-Match: *", FILE_THERE, 0},
    {"PUT", "If-Match: \"x\"", FILE_THERE, 412},
    {"PUT", "If-Match: W/%T", FILE_THERE, 412},
    {"DELETE", "If-Match: %T", FILE_THERE, 0},
    {"DELETE", "If-Match: \"x\"", FILE_THERE, 412},
    {"PUT", "If-Match: *", NOTHING_THERE, 412},
    {"PUT", "If-Match: %T", NOTHING_THERE, 412},
    {"PUT", "If-Match: \"\"", NOTHING_THERE, 412},
    /* If-None-Match: the weak one (13.1.2) */
    {"GET", "If-None-Match: %T", FILE_THERE, 304},
    {"GET", "If-None-Match: W/%T", FILE_THERE, 304},
    {"GET", "If-None-Match: *", FILE_THERE, 304},
    {"GET", "If-None-Match: \"x\", W/\"y\", %T", FILE_THERE, 304},
    {"GET", "If-None-Match: \"x\"|If-None-Match: %T", FILE_THERE, 304},
    {"GET", "If-None-Match: \"x\"", FILE_THERE, 0},
    {"GET", "If-None-Match: w/%T", FILE_THERE, 0},
    {"GET", "If-None-Match: %A", FILE_THERE, 0},
    {"GET", "If-None-Match: nonsense, %T", FILE_THERE, 0},
    {"HEAD", "If-None-Match: %T", FILE_THERE, 304},
    {"HEAD", "If-None-Match: \"x\"", FILE_THERE, 0},
    {"PUT", "If-None-Match: *", FILE_THERE, 412},
    {"PUT", "If-None-Match: %T", FILE_THERE, 412},
    {"PUT", "If-None-Match: W/%T", FILE_THERE, 412},
    {"PUT", "If-None-Match: \"x\"", FILE_THERE, 0},
    {"PUT", "If-None-Match: x", FILE_THERE, 412},
    {"PUT", "If-None-Match: *, \"x\"", FILE_THERE, 412},
    {"DELETE", "If-None-Match: *", FILE_THERE, 412},
    {"PUT", "If-None-Match: *", NOTHING_THERE, 0},
    {"PUT", "If-None-Match: %T", NOTHING_THERE, 0},
    {"PUT", "If-None-Match: x", NOTHING_THERE, 412},
    /* If-Modified-Since: of GET and HEAD alone (13.1.3) */
    {"GET", "If-Modified-Since: " EARLIER, FILE_THERE, 0},
    {"GET", "If-Modified-Since: " SAME, FILE_THERE, 304},
    {"GET", "If-Modified-Since: " LATER, FILE_THERE, 304},
    {"GET", "If-Modified-Since: Sun Nov  6 08:49:37 1994", FILE_THERE, 304},
    {"GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT", FILE_THERE, 0},
    {"GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", FILE_THERE, 304},
    {"GET", "If-Modified-Since: yesterday", FILE_THERE, 0},
    {"GET", "If-Modified-Since: " LATER "|If-Modified-Since: " LATER, FILE_THERE, 0},
    {"HEAD", "If-Modified-Since: " SAME, FILE_THERE, 304},
    {"PUT", "If-Modified-Since: " SAME, FILE_THERE, 0},
    {"DELETE", "If-Modified-Since: " SAME, FILE_THERE, 0},
    {"PUT", "If-Modified-Since: " SAME, NOTHING_THERE, 0},
    /* If-Unmodified-Since (13.1.4) */
    {"GET", "If-Unmodified-Since: " EARLIER, FILE_THERE, 412},
    {"GET", "If-Unmodified-Since: " SAME, FILE_THERE, 0},
    {"GET", "If-Unmodified-Since: " LATER, FILE_THERE, 0},
    {"GET", "If-Unmodified-Since: yesterday", FILE_THERE, 0},
    {"HEAD", "If-Unmodified-Since: " EARLIER, FILE_THERE, 412},
    {"PUT", "If-Unmodified-Since: " EARLIER, FILE_THERE, 412},
    {"PUT", "If-Unmodified-Since: " SAME, FILE_THERE, 0},
    {"DELETE", "If-Unmodified-Since: " EARLIER, FILE_THERE, 412},
    {"PUT", "If-Unmodified-Since: " EARLIER, NOTHING_THERE, 0},
    /* the order (13.2.2): a tag has precedence over a date, what may not be over what need not be
     */
    {"GET", "If-Match: %T|If-Unmodified-Since: " EARLIER, FILE_THERE, 0},
    {"GET", "If-Match: \"x\"|If-Unmodified-Since: " LATER, FILE_THERE, 412},
    {"GET", "If-None-Match: \"x\"|If-Modified-Since: " LATER, FILE_THERE, 0},
    {"GET", "If-None-Match: %T|If-Modified-Since: " EARLIER, FILE_THERE, 304},
    {"GET", "If-None-Match: %T|If-Match: \"x\"", FILE_THERE, 412},
    {"GET", "If-None-Match: %T|If-Match: %T", FILE_THERE, 304},
    {"GET", "If-None-Match: \"x\"|If-Match: %T", FILE_THERE, 0},
    {"GET", "If-Modified-Since: " SAME "|If-Unmodified-Since: " EARLIER, FILE_THERE, 412},
    {"GET", "If-Modified-Since: " SAME "|If-Unmodified-Since: " SAME, FILE_THERE, 304},
    {"PUT", "If-Match: %T|If-None-Match: *", FILE_THERE, 412},
    /* a directory is there, and has neither tag nor date */
    {"GET", "If-Match: *", DIRECTORY_THERE, 0},
    {"GET", "If-Match: %T", DIRECTORY_THERE, 412},
    {"GET", "If-Match: \"\"", DIRECTORY_THERE, 412},
    {"GET", "If-None-Match: %T", DIRECTORY_THERE, 0},
    {"GET", "If-None-Match: *", DIRECTORY_THERE, 304},
    {"GET", "If-Modified-Since: " LATER, DIRECTORY_THERE, 0},
    {"GET", "If-Unmodified-Since: " EARLIER, DIRECTORY_THERE, 0},
};

static void check_conditions(void)
{
    static const unsigned statuses[] = {
        [HTTP_GOES_ON] = 0, [HTTP_NOT_MODIFIED] = 304, [HTTP_TERMS_UNMET] = 412};
    static struct http_head head;

    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        struct stat st = a_file();
        const struct stat *file = conditions[i].there == NOTHING_THERE ? NULL : &st;
        if (conditions[i].there == DIRECTORY_THERE)
            st.st_mode = S_IFDIR | 0755;
        read_request(&head, conditions[i].method, conditions[i].fields);
        unsigned status = statuses[http_conditions(&head, file)];
        check(status == conditions[i].status, "%s of case %u, %s: %u instead of %u",
              conditions[i].method, (unsigned)conditions[i].there, conditions[i].fields, status,
              conditions[i].status);
    }
}

/* RFC 9110 section 14, of a file of 10 bytes, or none. */
static const struct {
    uint64_t size;
    const char *method, *fields, *part; /* "first+count", "whole", "none" */
} ranges[] = {
    {10, "GET", "", "whole"},
    {10, "GET", "Range: bytes=0-0", "0+1"},
    {10, "GET", "Range: bytes=0-", "0+10"},
    {10, "GET", "Range: bytes=0-9", "0+10"},
    {10, "GET", "Range: bytes=3-5", "3+3"},
    {10, "GET", "Range: bytes=9-9", "9+1"},
    {10, "GET", "Range: bytes=9-", "9+1"},
    {10, "GET", "Range: bytes=9-10", "9+1"},
    {10, "GET", "Range: bytes=5-99", "5+5"},
    {10, "GET", "Range: bytes=10-", "none"},
    {10, "GET", "Range: bytes=10-10", "none"},
    {10, "GET", "Range: bytes=-1", "9+1"},
    {10, "GET", "Range: bytes=-10", "0+10"},
    {10, "GET", "Range: bytes=-11", "0+10"},
    {10, "GET", "Range: bytes=-0", "none"},
    {10, "GET", "Range: BYTES=3-5", "3+3"},
    {10, "GET", "range:bytes=3-5", "3+3"},
    {10, "GET", "Range: bytes= 3-5", "3+3"},
    {10, "GET", "Range: bytes=003-0005", "3+3"},
    {10, "GET", "Range: bytes=,3-5 ,", "3+3"},
    /* numbers that no integer holds */
    {10, "GET", "Range: bytes=3-18446744073709551615", "3+7"},
    {10, "GET", "Range: bytes=3-18446744073709551616", "3+7"},
    {10, "GET", "Range: bytes=3-99999999999999999999999999999999", "3+7"},
    {10, "GET", "Range: bytes=18446744073709551616-", "none"},
    {10, "GET", "Range: bytes=18446744073709551617-18446744073709551618", "none"},
    {10, "GET", "Range: bytes=99999999999999999999999999999999-", "none"},
    {10, "GET", "Range: bytes=-18446744073709551616", "0+10"},
    {10, "GET", "Range: bytes=-99999999999999999999999999999999", "0+10"},
    {UINT64_C(5368709121), "GET", "Range: bytes=5368709120-", "5368709120+1"},
    {UINT64_C(5368709121), "GET", "Range: bytes=4294967295-4294967296", "4294967295+2"},
    {UINT64_C(5368709121), "GET", "Range: bytes=-4294967297", "1073741824+4294967297"},
    {INT64_MAX, "GET", "Range: bytes=9223372036854775806-", "9223372036854775806+1"},
    {INT64_MAX, "GET", "Range: bytes=9223372036854775807-", "none"},
    /* several are not served, and what is wrong is ignored (14.2) */
    {10, "GET", "Range: bytes=0-0,2-3", "whole"},
    {10, "GET", "Range: bytes=0-0, -1", "whole"},
    {10, "GET", "Range: bytes=0-0|Range: bytes=2-3", "whole"},
    {10, "GET", "Range: bytes=0-0|Range: bytes=0-0", "whole"},
    {10, "GET", "Range: bytes=5-3", "whole"},
    {10, "GET", "Range: bytes=", "whole"},
    {10, "GET", "Range: bytes=-", "whole"},
    {10, "GET", "Range: bytes=,", "whole"},
    {10, "GET", "Range: bytes=3", "whole"},
    {10, "GET", "Range: bytes=--3", "whole"},
    {10, "GET", "Range: bytes=3--5", "whole"},
    {10, "GET", "Range: bytes=+3-5", "whole"},
    {10, "GET", "Range: bytes=3 -5", "whole"},
    {10, "GET", "Range: bytes=0x3-5", "whole"},
    {10, "GET", "Range: bytes=3-5x", "whole"},
    {10, "GET", "Range: bytes=3-5-7", "whole"},
    {10, "GET", "Range: bytes 3-5", "whole"},
    {10, "GET", "Range: bytes =3-5", "whole"},
    {10, "GET", "Range: 3-5", "whole"},
    {10, "GET", "Range: lines=3-5", "whole"},
    {10, "GET", "Range: bytesx=3-5", "whole"},
    {10, "GET", "Range: none", "whole"},
    /* of other methods there is none (14.2) */
    {10, "HEAD", "Range: bytes=3-5", "whole"},
    {10, "HEAD", "Range: bytes=10-", "whole"},
    {10, "PUT", "Range: bytes=3-5", "whole"},
    /* nothing has no part, and a suffix of it is all of it */
    {0, "GET", "Range: bytes=0-", "none"},
    {0, "GET", "Range: bytes=0-0", "none"},
    {0, "GET", "Range: bytes=-1", "whole"},
    {0, "GET", "Range: bytes=-0", "none"},
    /* If-Range (13.1.5): the strong comparison, or the very date */
    {10, "GET", "Range: bytes=3-5|If-Range: %T", "3+3"},
    {10, "GET", "Range: bytes=3-5|If-Range: \"x\"", "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: W/%T", "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: %A", "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: *", "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: %T, %T", "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: %T|If-Range: %T", "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range:", "whole"},
    {10, "GET", "Range: bytes=10-|If-Range: \"x\"", "whole"},
    {10, "GET", "Range: bytes=10-|If-Range: %T", "none"},
    {10, "GET", "If-Range: %T", "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: " SAME, "3+3"},
    {10, "GET", "Range: bytes=3-5|If-Range: Sun Nov  6 08:49:37 1994", "3+3"},
    {10, "GET", "Range: bytes=3-5|If-Range: " EARLIER, "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: " LATER, "whole"},
    {10, "GET", "Range: bytes=3-5|If-Range: yesterday", "whole"},
};

static const char *find_range(const struct http_head *head, const struct stat *file,
                              char text[ANSWER_MAX])
{
    uint64_t first = 0, count = 0;

    switch (http_range(head, file, &first, &count)) {
    case HTTP_PART:
        snprintf(text, ANSWER_MAX, "%" PRIu64 "+%" PRIu64, first, count);
        return text;
    case HTTP_NO_SUCH_PART:
        return "none";
    case HTTP_WHOLE:
        break;
    }
    return first == 0 && count == (uint64_t)file->st_size ? "whole" : "something else";
}

/* A second that is not over yet may see the file change once more. */
static void check_this_second(struct http_head *head)
{
    char fields[REQUEST_MAX], date[HTTP_DATE_MAX], text[ANSWER_MAX];
    struct stat file = a_file();

    file.st_mtim.tv_sec = time(NULL) + 60;
    snprintf(fields, sizeof fields, "Range: bytes=3-5|If-Range: %s",
             http_date(file.st_mtim.tv_sec, date));
    read_request(head, "GET", fields);
    check(strcmp(find_range(head, &file, text), "whole") == 0, "%s is taken at its word", fields);
}

static void check_ranges(void)
{
    static struct http_head head;
    char text[ANSWER_MAX];

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct stat file = a_file();
        file.st_size = (off_t)ranges[i].size;
        if (ranges[i].size != SIZE && strchr(ranges[i].fields, '%') != NULL)
            check(false, "the tag is that of another size: %s", ranges[i].fields);
        read_request(&head, ranges[i].method, ranges[i].fields);
        const char *part = find_range(&head, &file, text);
        check(strcmp(part, ranges[i].part) == 0, "%s of %" PRIu64 " bytes, %s: %s instead of %s",
              ranges[i].method, ranges[i].size, ranges[i].fields, part, ranges[i].part);
    }
    check_this_second(&head);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } all[] = {{"dates", check_dates},
               {"tags", check_tags},
               {"conditions", check_conditions},
               {"ranges", check_ranges}};

    for (size_t i = 0; argc == 2 && i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(argv[1], all[i].name) != 0)
            continue;
        all[i].run();
        printf("%u cases\n", cases);
        return wrong == 0 ? WENT_WELL : WENT_WRONG;
    }
    fputs("usage: http_versions dates|tags|conditions|ranges\n", stderr);
    return WRONG_USAGE;
}
