/* staged.h - a file that gets its name only when it is whole.
 *
 * The life of one: staged_open, staged_reserve, writes to `fd`, then staged_commit or
 * staged_discard. Until staged_commit() nothing of it can be seen, and the old file of that name,
 * if there is one, stays as it was.
 *
 * Where the filesystem has O_TMPFILE (open(2)) the file has no name at all while it is written,
 * and dies with its process. link(2) cannot replace, so a file that takes the place of another is
 * linked to a temporary name and renamed over it at once. Elsewhere it has the temporary name all
 * along. Temporary names are STAGED_PREFIX and a number; a file that bears one is locked
 * (flock(2)) as long as its writer lives, so the next writer in that directory can tell litter
 * from work in progress, and clears it away. The lock says more: exclusive, the file is being
 * written; shared, it is whole. Where not even the owner may open a file, its lock cannot be asked
 * for, and the writers of such lock the directory, shared, besides.
 *
 * Linux has no rename that compares, and no such unlink. So those who write into a directory take
 * turns there, by its lock: who replaces or deletes a file for the moment of that, shared; who does
 * so, or creates one, on terms (struct staged_terms) for as long as it looks at what has the name,
 * judges and acts, alone. A free name is taken without one, since link(2) compares. */
#ifndef FERRY_STAGED_H
#define FERRY_STAGED_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define STAGED_PREFIX ".ferry-tmp."

struct staged {
    int dir_fd;     /* where it will appear; owned */
    int fd;         /* open for writing; owned */
    int proc_fd;    /* /proc, for a process that cannot see it any more; or -1; borrowed */
    bool exclusive; /* it may not replace a file: staged_commit() then fails with EEXIST */
    int turn;       /* the lock that it has on the directory for its turn: LOCK_SH, LOCK_EX; or 0 */
    mode_t mode;    /* its permission bits, which it is created with */
    char name[NAME_MAX + 1];
    char temp[sizeof STAGED_PREFIX + 12]; /* its temporary name, "" while it has none */
};

/* What a commit or a deletion depends on. */
struct staged_terms {
    /* Looks at what has the name, and judges. Returns 1: a file that may go; 0: none has it, and
     * one may come; or -1 with errno, ECANCELED where the terms are not met. No other writer of
     * this server acts in the directory meanwhile; where the filesystem has no locks, one may. */
    int (*judge)(const void *arg);
    const void *arg; /* borrowed */
};

/* Begins a file `name` (one component) in the directory `dir_fd`, which must be open for reading.
 * `replaced` is the file it takes the place of, whose permission bits it gets; or NULL, and `mask`
 * is the umask(2) of the user. The process's own must be 0: the file has the mode it will have from
 * its creation on, and nothing ever changes it. On the device `nameless` it never has a name before
 * it is whole, or there is none; 0: it may. Takes over `dir_fd`, whatever the outcome. Returns 0,
 * or -1 with errno from open(2). */
int staged_open(struct staged *staged, int dir_fd, const char *name, const struct stat *replaced,
                mode_t mask, dev_t nameless);

/* Sets `size` bytes of disk aside, so that a full disk is found out now; they read as zeros.
 * Returns 0, or -1 with errno: ENOSPC, EFBIG, EDQUOT, ... (fallocate(2)). */
int staged_reserve(struct staged *staged, uint64_t size);

/* Gives the file its name, replacing what had it, and ends `staged`; on `terms`, which may be NULL,
 * only if these are met at that moment. With `durable`: the file's bytes are on disk before the
 * name is, and the name is on disk on return. A failed fsync is not retried: the kernel may have
 * dropped the pages it could not write (fsync(2)). Returns 0: the name is a new one; 1: a file was
 * replaced; or -1 with errno, then the old file is still there: the judge's, EWOULDBLOCK where no
 * turn came, ... (Where only the last step, the directory's fsync, failed, the new one is.) */
int staged_commit(struct staged *staged, bool durable, const struct staged_terms *terms);

/* Ends `staged` and leaves nothing. Keeps errno. */
void staged_discard(struct staged *staged);

/* Removes `name` (one component) from the directory `dir_fd`, borrowed; on `terms` as above.
 * Returns 0, or -1 with errno: unlink(2)'s, the judge's, EWOULDBLOCK. */
int staged_remove(int dir_fd, const char *name, const struct staged_terms *terms);

/* The mode of what is new in the directory `dir_fd`: `usual` less `mask`, or all of it where the
 * directory has a default ACL, which takes the umask's place (umask(2)). */
mode_t staged_new_mode(int dir_fd, mode_t usual, mode_t mask);

/* Is this a name that only staged files may have? Also where the filesystem thinks that case makes
 * no difference. */
bool staged_is_temp_name(const char *name);

/* A name that is no such name may lead to an upload all the same, on a filesystem that has names of
 * its own for a file (vfat's short ones) or takes several characters for one. The first call, which
 * is quick, says whether the file open as `fd` may be one that is still being written; the second,
 * whether it is one of those in the directory `dir_fd`. */
bool staged_is_locked(int fd);
bool staged_has_temp_name(int dir_fd, int fd);

#endif
