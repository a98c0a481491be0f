/* storage.h - names that clients send, turned into files under one root.
 *
 * A name is relative to the root. It may lead through directories and through symbolic links that
 * stay inside; a name that leaves the root, by `..`, by a leading slash or by a link, is treated
 * as a name that is not there. Only regular files exist here, and the directories that hold them.
 */
#ifndef FERRY_STORAGE_H
#define FERRY_STORAGE_H

#include "common/staged.h"
#include "session/service.h"

/* Opens the directory to serve. Returns a descriptor the caller closes, or -1 with errno. */
int storage_open_root(const char *path);

/* Is there a filesystem under the root where no file has a name before it is whole (staged.h)?
 * Returns its number (st_dev), which is that of the root; 0: none is known to be. */
dev_t storage_nameless_device(int root_fd);

/* May the name be looked up at all? Absolute names, `..` anywhere and temporary names may not;
 * every function below fails with EACCES for them. */
bool storage_permits(const char *name);

/* Opens a file for reading and sets *size to its size in bytes. Whether it is whole is asked,
 * except on the device `nameless`. Returns a descriptor the caller closes, or -1 with errno; EISDIR
 * where it is no regular file, EACCES for a name that is refused as such. */
int storage_open_file(int root_fd, dev_t nameless, const char *name, uint64_t *size);

/* The same for a file or a directory, "." being the root: st->st_mode tells which. EISDIR where it
 * is neither (a FIFO, a device, a socket), or an upload that is under way. */
int storage_open(int root_fd, dev_t nameless, const char *name, struct stat *st);

/* Begins an upload that will appear at `name`, or replace a regular file there where the server
 * lets that be. With `make`, directories that are missing on the way are made, under the root
 * alone, as storage_make_directory() makes them, and only for a name that can be taken; they stay
 * where the upload comes to nothing, because a worker may remove no directory (sandbox.c). The
 * caller ends `upload` with staged_commit() or staged_discard(). Returns 0, or -1 with errno;
 * EEXIST where there is a file that may not be replaced. */
int storage_create(const struct session_config *config, const char *name, bool make,
                   struct staged *upload);

/* Does it say that only we have no room to look? Then nothing is said of the file: what could be
 * said is not true. */
bool storage_out_of_room(int error);

/* Is there a regular file that may be replaced or deleted? Returns 0 and sets *st, or -1 with
 * errno; everything but storage_out_of_room() says that there is none for a client: EISDIR, where
 * *st says what else is there, and EACCES as above. */
int storage_look(int root_fd, const char *name, struct stat *st);

/* Deletes a file that storage_look() has found; on `terms`, which may be NULL, as staged_remove().
 * With `durable` the directory is on disk on return. Returns 0, or -1 with errno; ENOENT where it
 * has gone meanwhile. */
int storage_delete(int root_fd, const char *name, bool durable, const struct staged_terms *terms);

/* Makes a directory; `mask` is the umask(2) of the user, heeded as staged_open() heeds it. With
 * `durable` the directory that holds it is on disk on return. Returns 0, or -1 with errno; EEXIST,
 * ENOENT where the one to hold it is missing, or mkdir(2)'s. */
int storage_make_directory(int root_fd, const char *name, mode_t mask, bool durable);

#endif
