/* storage.h - names that clients send, turned into files under one root.
 *
 * A name is relative to the root. It may lead through directories and through symbolic links that
 * stay inside; a name that leaves the root, by `..`, by a leading slash or by a link, is treated
 * as a name that is not there. Only regular files exist here. */
#ifndef FERRY_STORAGE_H
#define FERRY_STORAGE_H

#include "staged.h"

/* Opens the directory to serve. Returns a descriptor the caller closes, or -1 with errno. */
int storage_open_root(const char *path);

/* Opens a file for reading and sets *size to its size in bytes. Returns a descriptor the caller
 * closes, or -1 with errno; ENOENT stands for everything that is not a regular file. */
int storage_open_file(int root_fd, const char *name, uint64_t *size);

/* Begins an upload that will appear at `name`, or with `overwrite` replace a regular file there.
 * `mask`: see staged_open().
 * The caller ends `upload` with staged_commit() or staged_discard(). Returns 0, or -1 with errno;
 * EEXIST where there is a file that may not be replaced. */
int storage_create(int root_fd, const char *name, bool overwrite, mode_t mask,
                   struct staged *upload);

/* Is there such a regular file? */
bool storage_exists(int root_fd, const char *name);

/* Deletes a file; with `durable` the directory is on disk on return. Returns 0, or -1 with errno;
 * ENOENT, and only then, when there is no such regular file. */
int storage_delete(int root_fd, const char *name, bool durable);

#endif
