/* read.h - GET and HEAD (RFC 9110 sections 9.3.1, 9.3.2). */
#ifndef FERRY_HTTP_READ_H
#define FERRY_HTTP_READ_H

#include "session/http/exchange.h"

/* Answers with the file that the target names, or a part of it; with a listing where it is a
 * directory; or says no. */
void http_read(struct exchange *x);

#endif
