/* calendar.c - seconds since 1970 as dates, in UTC, and dates as days.
 *
 * Runs in: any process or thread; no state.
 *
 * A year begins in March here: so its leap day is at the end, and its months follow one pattern,
 * 153 days in each five. */
#include "session/http/calendar.h"

enum {
    EPOCH_DAYS = 719468, /* from 1 March of the year 0 to 1 January 1970 */
    ERA_DAYS = 146097    /* of CALENDAR_ERA_YEARS */
};

int64_t calendar_days(const struct date *date)
{
    const unsigned era_years = CALENDAR_ERA_YEARS;
    unsigned year = date->month > 2 ? date->year : date->year - 1 + era_years;
    unsigned month = (date->month + 9) % 12;
    unsigned day_of_year = (153 * month + 2) / 5 + date->day - 1;
    int64_t eras = (int64_t)(year / era_years) - (date->month > 2 ? 0 : 1);
    int64_t of_era = year % era_years;

    return eras * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - EPOCH_DAYS;
}

/* The same the other way round. */
static void set_day(struct date *date, int64_t days)
{
    days += EPOCH_DAYS + ERA_DAYS; /* so that nothing here is negative */
    unsigned of_era = (unsigned)(days % ERA_DAYS);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
    unsigned day_of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * day_of_year + 2) / 153;

    date->day = day_of_year - (153 * month + 2) / 5 + 1;
    date->month = month < 10 ? month + 3 : month - 9;
    date->year = (unsigned)(days / ERA_DAYS) * CALENDAR_ERA_YEARS + year - CALENDAR_ERA_YEARS +
                 (month < 10 ? 0 : 1);
}

void calendar_read(struct date *date, int64_t seconds)
{
    unsigned of_day = (unsigned)((seconds % CALENDAR_DAY_S + CALENDAR_DAY_S) % CALENDAR_DAY_S);

    set_day(date, (seconds - of_day) / CALENDAR_DAY_S);
    date->hour = of_day / 3600;
    date->minute = of_day / 60 % 60;
    date->second = of_day % 60;
}
