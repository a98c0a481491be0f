/* storage.h - names that clients send, turned into files under one root.
 *
 * A name is relative to the root. It may lead through directories and through symbolic links that
 * stay inside; a name that leaves the root, by `..`, by a leading slash or by a link, is treated
 * as a name that is not there. Only regular files exist here. */
#ifndef FERRY_STORAGE_H
#define FERRY_STORAGE_H

#include "common/staged.h"

/* Opens the directory to serve. Returns a descriptor the caller closes, or -1 with errno. */
int storage_open_root(const char *path);

/* Is there a filesystem under the root where no file has a name before it is whole (staged.h)?
 * Returns its number (st_dev), which is that of the root; 0: none is known to be. */
dev_t storage_nameless_device(int root_fd);

/* Opens a file for reading and sets *size to its size in bytes. Whether it is whole is asked,
 * except on the device `nameless`. Returns a descriptor the caller
 * closes, or -1 with errno; EISDIR where it is no regular file, EACCES for a name that
 * is refused as such. */
int storage_open_file(int root_fd, dev_t nameless, const char *name, uint64_t *size);

/* Begins an upload that will appear at `name`, or with `overwrite` replace a regular file there.
 * `mask` and `nameless`: see staged_open().
 * The caller ends `upload` with staged_commit() or staged_discard(). Returns 0, or -1 with errno;
 * EEXIST where there is a file that may not be replaced. */
int storage_create(int root_fd, dev_t nameless, const char *name, bool overwrite, mode_t mask,
                   struct staged *upload);

/* Is there such a regular file? Returns 0, or -1 with errno; EMFILE, ENFILE and ENOMEM say that it
 * could not be found out, everything else that there is none for a client: EISDIR and EACCES as
 * above. */
int storage_find(int root_fd, const char *name);

/* Deletes a file that storage_find() has found; with `durable` the directory is on disk on return.
 * Returns 0, or -1 with errno; ENOENT where it has gone meanwhile. */
int storage_delete(int root_fd, const char *name, bool durable);

#endif
