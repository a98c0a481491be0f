/* units.h - sizes and times for people. */
#ifndef FERRY_UNITS_H
#define FERRY_UNITS_H

enum { UNITS_TEXT = 32 };

/* "12.3 MiB". Returns `text`. */
const char *units_bytes(double bytes, char text[UNITS_TEXT]);

/* "0:07", "1:02:03"; "-:--" where nobody can know (negative, or over 99 hours). Returns `text`. */
const char *units_time(double seconds, char text[UNITS_TEXT]);

#endif
