/* listing.h - a directory, as people and scripts can read it.
 *
 * What is written between the parts of the page (page.h), and what its script may count on:
 *
 *   title  "/a/b/": the path in words, as HTML text; the root is "/"
 *   trail  <nav id="trail" aria-label="Path" data-allow="GET, HEAD, PUT, DELETE, OPTIONS">
 *          <a href="../../">/</a>
 *          <a href="../"><bdi>a</bdi>/</a>
 *          <span aria-current="page"><bdi>b</bdi>/</span>
 *          </nav>, without the line ends; in the root <span aria-current="page">/</span>
 *          alone. data-allow is what the field Allow would say here: is there PUT, DELETE, MKCOL?
 *   rows   one line each, sorted by the bytes of their names; nothing at all where there are none:
 *          <tr class="file"><td class="name"><a href="x%20y"><bdi>x y</bdi></a></td>
 *          <td class="size" data-n="1234">1.2 KiB</td>
 *          <td class="date" data-n="1795600800">
 *          <time datetime="2026-11-25T10:00:00Z">2026-11-25 10:00</time></td></tr>
 *          data-n is the number to sort by: bytes; seconds since 1970. A directory is
 *          <tr class="directory">, its href and its text (<bdi>sub</bdi>/) end in a slash, and its
 *          size is an empty cell with data-n="-1". The times are UTC.
 *
 * Every href is relative and holds for GET, PUT and DELETE alike, also of a name that cannot be
 * shown as it is: in words, a control character is its picture (U+2400 and on), and what is no
 * UTF-8 is U+FFFD. */
#ifndef FERRY_HTTP_LISTING_H
#define FERRY_HTTP_LISTING_H

#include "session/http/exchange.h"

/* Answers with what is in the directory open as `dir_fd`, borrowed: a page for people, or JSON
 * where the request prefers that. Sorted by name, in memory that is bounded however much is in
 * it. What no client could fetch is not shown. */
void http_list(struct exchange *x, int dir_fd);

#endif
