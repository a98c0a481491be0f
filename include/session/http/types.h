/* types.h - what kind of content a file's name promises (RFC 9110 section 8.3). */
#ifndef FERRY_HTTP_TYPES_H
#define FERRY_HTTP_TYPES_H

/* The Content-Type for the file `name`, by its suffix, compared without case;
 * "application/octet-stream" where that says nothing. */
const char *http_type(const char *name);

#endif
