/* page.h - the page that a browser shows for a directory: page.html, linked into the program. */
#ifndef FERRY_HTTP_PAGE_H
#define FERRY_HTTP_PAGE_H

#include <stddef.h>

/* The page in its parts. Between them comes what is different in each directory. */
enum page_part {
    PAGE_BEFORE_TITLE, /* then the directory's name, escaped for HTML text */
    PAGE_BEFORE_HEAD,  /* then the trail of links to the directories above */
    PAGE_BEFORE_ROWS,  /* then the rows of the table */
    PAGE_END,          /* to the end */
    PAGE_PARTS
};

/* The bytes of a part; *len is how many. */
const char *page_part(enum page_part part, size_t *len);

/* The Content-Security-Policy of the page: this script and this style alone. */
extern const char page_policy[];

#endif
