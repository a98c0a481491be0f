/* commands.h - what ferry does with one file. */
#ifndef FERRY_COMMANDS_H
#define FERRY_COMMANDS_H

#include "client/client_options.h"

/* Each does the whole of it: connect, wait, transfer, report. Returns 0, or -1 with the reason
 * said in one line on standard error. */
int command_get(const struct client_options *options, const char *name);
int command_put(const struct client_options *options, const char *path);
int command_del(const struct client_options *options, const char *name);

/* Prints one of the lab's lines, "client VERB file NAME", with its size where there is one, or
 * "Complete", and its file's name where several are under way at once: on standard output, or on
 * standard error where the file's bytes go there. Says nothing with --silent. */
void command_say_file(const struct client_options *options, const char *verb, const char *name);
void command_say_sized_file(const struct client_options *options, const char *verb,
                            const char *name, uint64_t size);
void command_say_complete(const struct client_options *options, const char *name);

#endif
