/* banned.h - string functions that cannot be used safely do not compile.
 *
 * The Makefile puts this before every file (-include), so it first includes the headers that
 * declare these names: their declarations must not trip over the poison.
 * Use snprintf, memcpy with a checked length, or strtoull through parse_number() instead. */
#ifndef FERRY_BANNED_H
#define FERRY_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With _FORTIFY_SOURCE and clang these are macros, of which poisoning would warn. */
#undef sprintf
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef stpcpy

#pragma GCC poison strcpy strcat strncpy strncat stpcpy strtok strtok_r
#pragma GCC poison sprintf vsprintf gets scanf sscanf
#pragma GCC poison atoi atol atoll

#endif
