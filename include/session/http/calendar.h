/* calendar.h - seconds since 1970 as dates, in UTC, and dates as days: no I/O.
 *
 * libc's reads the time zones (tzset(3)), which are out of a worker's reach. */
#ifndef FERRY_HTTP_CALENDAR_H
#define FERRY_HTTP_CALENDAR_H

#include <stdint.h>

enum {
    CALENDAR_DAY_S = 24 * 60 * 60,
    CALENDAR_ERA_YEARS = 400 /* after which the calendar repeats itself */
};

struct date {
    unsigned year, month, day; /* month and day from 1 */
    unsigned hour, minute, second;
};

/* The date of that moment, seconds since 1970, in the years from 0 on. */
void calendar_read(struct date *date, int64_t seconds);

/* Days from 1 January 1970 to the date's, whose time of day does not count. */
int64_t calendar_days(const struct date *date);

#endif
