/* version.h - the version of ferryd, ferryd-threads and ferry; CHANGELOG.md says what it holds. */
#ifndef FERRY_VERSION_H
#define FERRY_VERSION_H

#define FERRY_VERSION "0.1.0"

#endif
