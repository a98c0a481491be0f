/* units.c - sizes and times for people.
 *
 * Called by: progress.c, screen.c.
 * Runs in:   the client and ferrytop. */
#include "units.h"

#include <stddef.h>

const char *units_bytes(double bytes, char text[UNITS_TEXT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1024;
    (void)snprintf(text, UNITS_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

const char *units_time(double seconds, char text[UNITS_TEXT])
{
    enum { MOST = 359999 };

    if (seconds < 0 || seconds > MOST) {
        (void)snprintf(text, UNITS_TEXT, "-:--");
        return text;
    }
    unsigned long s = (unsigned long)seconds;
    if (s >= 3600)
        (void)snprintf(text, UNITS_TEXT, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(text, UNITS_TEXT, "%lu:%02lu", s / 60, s % 60);
    return text;
}
