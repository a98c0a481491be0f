/* screen.h - a snapshot as lines of text. */
#ifndef FERRY_SCREEN_H
#define FERRY_SCREEN_H

#include "top/snapshot.h"

#include <stddef.h>

/* Prints the snapshot to standard output, in at most `rows` lines of at most `columns` columns. If
 * not all clients fit, the last line says how many more there are. `previous` is an earlier look at
 * the same board, for the rates, or NULL. `redraw` draws over what is on the terminal.
 * Returns 0, or -1 with errno. */
int screen_draw(const struct snapshot *snapshot, const struct snapshot *previous, int rows,
                int columns, bool redraw);

#endif
