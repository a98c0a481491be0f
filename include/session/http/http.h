/* http.h - HTTP/1.1, one request to a connection (docs/http.md; RFC 9110, RFC 9112). */
#ifndef FERRY_HTTP_H
#define FERRY_HTTP_H

#include "session/service.h"

extern const struct service http_service;

#endif
