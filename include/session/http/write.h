/* write.h - PUT, DELETE and MKCOL (RFC 9110 sections 9.3.4, 9.3.5; RFC 4918 section 9.3). */
#ifndef FERRY_HTTP_WRITE_H
#define FERRY_HTTP_WRITE_H

#include "session/http/exchange.h"

/* Each does what was asked and answers, or says no. */
void http_put(struct exchange *x);
void http_delete(struct exchange *x);
void http_make_directory(struct exchange *x);

#endif
