/* page.c - the page that a browser shows for a directory: page.html, as it is in the program.
 *
 * Runs in: the worker (child process or thread). Nothing here changes: the page is read-only. */
#include "session/http/page.h"

#include <string.h>

/* The assembler reads the file; its path is seen from where the compiler runs, the top of the
 * project. Hidden, so that the two names are reached without relocations. */
__asm__(".pushsection .rodata\n"
        ".global page_begin, page_end\n"
        ".hidden page_begin\n"
        ".hidden page_end\n"
        "page_begin:\n"
        ".incbin \"src/session/http/page.html\"\n"
        "page_end:\n"
        ".byte 0\n" /* a symbol at the end of a section may be taken for one in the next */
        ".popsection\n");

extern const char page_begin[] __attribute__((visibility("hidden")));
extern const char page_end[] __attribute__((visibility("hidden")));

/* What ends each part in page.html; the last one ends with the file. */
static const char marks[PAGE_PARTS][16] = {
    [PAGE_BEFORE_TITLE] = "<!--TITLE-->",
    [PAGE_BEFORE_HEAD] = "<!--HEAD-->",
    [PAGE_BEFORE_ROWS] = "<!--ROWS-->",
};

/* These hashes are of what stands between the tags (CSP level 3 section 8.4): scripts/page-hashes
 * brings them up to date. The icon is in the page, too, and so is a data: URL. */
const char page_policy[] = "default-src 'none'; "
                           "script-src 'sha256-Rnpm4C+m5Nz0g1JU3wPVYhCzAmR0JtpPjyGFwe3GLu4='; "
                           "style-src 'sha256-Lj/1P3ZVvcdwOvZRKFF7ur8nz9gGPiTAxN/Ug6aksMI='; "
                           "connect-src 'self'; img-src data:; "
                           "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* Where the mark is, from `from` on; the end of the page where there is none. */
static const char *find_mark(const char *from, const char *mark)
{
    size_t mark_len = strlen(mark);
    const char *found = NULL;

    if (mark_len > 0)
        found = memmem(from, (size_t)(page_end - from), mark, mark_len);
    return found != NULL ? found : page_end;
}

const char *page_part(enum page_part part, size_t *len)
{
    const char *begin = page_begin, *end = find_mark(begin, marks[0]);

    for (int i = 0; i < (int)part && end != page_end; i++) {
        begin = end + strlen(marks[i]);
        end = find_mark(begin, marks[i + 1]);
    }
    *len = (size_t)(end - begin);
    return begin;
}
