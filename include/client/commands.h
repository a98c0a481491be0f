/* commands.h - what ferry does with one file. */
#ifndef FERRY_COMMANDS_H
#define FERRY_COMMANDS_H

#include "client/client_options.h"

/* GET, PUT or DEL of `name`, the whole of it: connect, wait, transfer, report. It prints the lab's
 * lines, "client VERB file NAME", with its size where there is one, and "Complete", with its name
 * where several are under way at once: on standard output, or on standard error where the file's
 * bytes go there; nothing with --silent. Returns 0, or -1 with the reason said in one line on
 * standard error. */
int command_run(const struct client_options *options, const char *name);

#endif
