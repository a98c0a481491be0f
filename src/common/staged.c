/* staged.c - a file that gets its name only when it is whole.
 *
 * Runs in: the worker, the client; no state but the caller's. */
#include "common/staged.h"

#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* At most about so many writers at once in one directory. It also ends the search where nothing
 * comes of it, as on a filesystem whose inode numbers change. */
enum { TEMP_ATTEMPTS = 10000 };

/* How long to wait for a directory's lock, in tries of a millisecond each. Those that wait for a
 * turn may be many. */
enum { LOCK_ATTEMPTS = 1000, TURN_ATTEMPTS = 5000 };

bool staged_is_temp_name(const char *name)
{
    /* Nearly every name differs in its first character. */
    return name[0] == STAGED_PREFIX[0] &&
           strncasecmp(name, STAGED_PREFIX, sizeof STAGED_PREFIX - 1) == 0;
}

static void set_temp_name(struct staged *staged, int number)
{
    (void)snprintf(staged->temp, sizeof staged->temp, STAGED_PREFIX "%d", number);
}

/* Does the temporary name lead to this very file? */
static bool is_at_temp_name(const struct staged *staged, int fd)
{
    struct stat here, there;
    return fstat(fd, &here) == 0 &&
           fstatat(staged->dir_fd, staged->temp, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

bool staged_is_locked(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK;
    (void)flock(fd, LOCK_UN);
    return false;
}

bool staged_has_temp_name(int dir_fd, int fd)
{
    struct staged other = {.dir_fd = dir_fd};

    for (int number = 0; number < TEMP_ATTEMPTS; number++) {
        set_temp_name(&other, number);
        if (is_at_temp_name(&other, fd))
            return true;
    }
    return false;
}

/* Removes the temporary name, if it is still this file's. */
static void drop_temp_name(struct staged *staged)
{
    if (staged->temp[0] != '\0' && is_at_temp_name(staged, staged->fd))
        (void)unlinkat(staged->dir_fd, staged->temp, 0);
    staged->temp[0] = '\0';
}

/* Not even by its owner. */
static bool can_be_opened(mode_t mode)
{
    return (mode & (S_IRUSR | S_IWUSR)) != 0;
}

/* `how` is LOCK_SH or LOCK_EX. Returns 0, also on a filesystem without locks; or -1 with errno,
 * EWOULDBLOCK. */
static int lock_directory(int dir_fd, int how, int attempts)
{
    for (int attempt = 0; attempt < attempts; attempt++) {
        if (flock(dir_fd, how | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return 0;
        (void)poll(NULL, 0, 1);
    }
    errno = EWOULDBLOCK;
    return -1;
}

/* May the file get a temporary name now? While the directory is locked, no other writer may clear
 * away what nobody can open; so one that nobody can open gets no name without that lock. Who is
 * clearing holds the lock for some microseconds; who holds it longer is no writer. A filesystem
 * without locks clears nothing, either. */
static bool may_take_temp_name(const struct staged *staged)
{
    return can_be_opened(staged->mode) || staged->turn != 0 ||
           lock_directory(staged->dir_fd, LOCK_SH, LOCK_ATTEMPTS) == 0;
}

/* clear_litter() for a file that cannot be asked. Whoever has the directory to itself knows that no
 * writer of such a file lives. Our own lock is lost on the way, whatever comes of it (flock(2)),
 * unless it is that very one: that of a turn is taken again at once, another one before a name is.
 */
static bool clear_unopenable(struct staged *staged)
{
    struct stat st;
    bool alone = staged->turn == LOCK_EX, cleared = false;

    if (alone || flock(staged->dir_fd, LOCK_EX | LOCK_NB) == 0) {
        if (fstatat(staged->dir_fd, staged->temp, &st, AT_SYMLINK_NOFOLLOW) < 0)
            cleared = errno == ENOENT;
        else if (S_ISREG(st.st_mode) && !can_be_opened(st.st_mode))
            cleared = unlinkat(staged->dir_fd, staged->temp, 0) == 0;
    }
    if (alone)
        return cleared;
    (void)flock(staged->dir_fd, LOCK_UN);
    if (staged->turn != 0 && lock_directory(staged->dir_fd, staged->turn, TURN_ATTEMPTS) < 0)
        staged->turn = 0;
    return cleared;
}

/* Removes the file at the temporary name if its writer is dead, which its lock tells: a lock goes
 * with its process. Returns true when the name is free to try again. */
static bool clear_litter(struct staged *staged)
{
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = openat(staged->dir_fd, staged->temp, O_RDONLY | flags);

    if (fd < 0 && errno == EACCES)
        fd = openat(staged->dir_fd, staged->temp, O_WRONLY | flags);
    if (fd < 0)
        return errno == ENOENT || (errno == EACCES && clear_unopenable(staged));
    /* Who holds the lock of the file that is at this name may remove the name: its writer, living,
     * would hold the lock, and everybody else needs it first. The file we opened may have moved on
     * meanwhile, though; then the name is another writer's by now. */
    bool stale = flock(fd, LOCK_EX | LOCK_NB) == 0;
    bool cleared =
        stale && (!is_at_temp_name(staged, fd) || unlinkat(staged->dir_fd, staged->temp, 0) == 0);
    io_close(fd);
    return cleared;
}

/* Creates the file under a temporary name, for filesystems without O_TMPFILE. */
static int create_temp(struct staged *staged)
{
    for (int number = 0, attempt = 0; attempt < TEMP_ATTEMPTS; attempt++) {
        if (!may_take_temp_name(staged))
            break;
        set_temp_name(staged, number);
        staged->fd = openat(staged->dir_fd, staged->temp,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, staged->mode);
        if (staged->fd < 0 && errno != EEXIST)
            break;
        if (staged->fd < 0) {
            number += !clear_litter(staged);
            continue;
        }
        /* Between its creation and our lock, another writer may have taken it for litter. Where
         * the filesystem has no locks at all, nobody clears anything. */
        bool ours = flock(staged->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
        if (ours && is_at_temp_name(staged, staged->fd))
            return 0;
        io_close(staged->fd);
    }
    staged->fd = -1;
    staged->temp[0] = '\0';
    return -1;
}

mode_t staged_new_mode(int dir_fd, mode_t usual, mode_t mask)
{
    return fgetxattr(dir_fd, "system.posix_acl_default", NULL, 0) > 0 ? usual : usual & ~mask;
}

static mode_t mode_for(int dir_fd, const struct stat *replaced, mode_t mask)
{
    const mode_t permissions = S_IRWXU | S_IRWXG | S_IRWXO;

    return replaced != NULL ? replaced->st_mode & permissions : staged_new_mode(dir_fd, 0666, mask);
}

/* Keeps errno. */
static bool is_on(int fd, dev_t device)
{
    struct stat st;
    int saved = errno;
    bool is = device != 0 && fstat(fd, &st) == 0 && st.st_dev == device;

    errno = saved;
    return is;
}

int staged_open(struct staged *staged, int dir_fd, const char *name, const struct stat *replaced,
                mode_t mask, dev_t nameless)
{
    *staged = (struct staged){.dir_fd = dir_fd, .fd = -1, .proc_fd = -1};
    staged->mode = mode_for(dir_fd, replaced, mask);
    size_t len = strlen(name);
    if (len > NAME_MAX) {
        errno = ENAMETOOLONG;
        goto fail;
    }
    memcpy(staged->name, name, len + 1);

    staged->fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, staged->mode);
    if (staged->fd >= 0)
        return 0;
    /* open(2): EOPNOTSUPP from the filesystem; EISDIR or ENOENT from kernels that know no such
     * flag. Where the reason was another one, creating by name meets it again. */
    if (!is_on(dir_fd, nameless) && create_temp(staged) == 0)
        return 0;
fail:
    staged_discard(staged);
    return -1;
}

int staged_reserve(struct staged *staged, uint64_t size)
{
    if (size > INT64_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (size == 0 || fallocate(staged->fd, 0, 0, (off_t)size) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return -1;
    return ftruncate(staged->fd, (off_t)size);
}

/* Gives the nameless file a name. AT_EMPTY_PATH needs a privilege on kernels before 6.10 and then
 * fails with ENOENT; the detour through /proc does not (open(2), O_TMPFILE). */
static int link_as(const struct staged *staged, const char *name)
{
    char path[64];

    if (linkat(staged->fd, "", staged->dir_fd, name, AT_EMPTY_PATH) == 0)
        return 0;
    if (errno != ENOENT)
        return -1;
    bool hidden = staged->proc_fd >= 0;
    (void)snprintf(path, sizeof path, "%sself/fd/%d", hidden ? "" : "/proc/", staged->fd);
    return linkat(hidden ? staged->proc_fd : AT_FDCWD, path, staged->dir_fd, name,
                  AT_SYMLINK_FOLLOW);
}

static int link_temp(struct staged *staged)
{
    for (int number = 0, attempt = 0; attempt < TEMP_ATTEMPTS; attempt++) {
        if (!may_take_temp_name(staged))
            break;
        set_temp_name(staged, number);
        if (link_as(staged, staged->temp) == 0)
            return 0;
        if (errno != EEXIST)
            break;
        number += !clear_litter(staged);
    }
    staged->temp[0] = '\0';
    return -1;
}

/* `flags` are renameat2(2)'s. */
static int replace(struct staged *staged, unsigned flags)
{
    if (staged->temp[0] == '\0' && link_temp(staged) < 0)
        return -1;
    /* Whoever may write to the directory may have taken the name away, or given it to another file:
     * what is said to be done must be this one. */
    if (!is_at_temp_name(staged, staged->fd)) {
        errno = ESTALE;
        return -1;
    }
    /* Not every libc has a function for it. */
    if (syscall(SYS_renameat2, staged->dir_fd, staged->temp, staged->dir_fd, staged->name,
                staged->exclusive ? RENAME_NOREPLACE : flags) < 0)
        return -1;
    staged->temp[0] = '\0';
    return 0;
}

/* replace() with every signal held back, so that one that ends the process finds the temporary name
 * either not yet made or already gone. */
static int replace_undisturbed(struct staged *staged, unsigned flags)
{
    sigset_t all, before;
    bool nameless = staged->temp[0] == '\0';

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int outcome = replace(staged, flags);
    if (outcome < 0 && nameless) {
        int saved = errno;
        drop_temp_name(staged);
        errno = saved;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return outcome;
}

static int take_turn(struct staged *staged, int how)
{
    (void)flock(staged->fd, LOCK_SH | LOCK_NB); /* it is whole now, and no litter */
    if (lock_directory(staged->dir_fd, how, TURN_ATTEMPTS) < 0)
        return -1;
    staged->turn = how;
    return 0;
}

/* Keeps errno. */
static void end_turn(struct staged *staged)
{
    int saved = errno;

    if (staged->turn != 0)
        (void)flock(staged->dir_fd, LOCK_UN);
    staged->turn = 0;
    errno = saved;
}

/* A name that is free is taken at once, and needs neither a temporary one nor a turn. Who holds the
 * directory for longer than a turn takes is no writer, and keeps nobody from it who has no terms.
 */
static int take_any_name(struct staged *staged, bool *replaced)
{
    struct stat there;

    *replaced = false;
    if (staged->temp[0] == '\0') {
        if (link_as(staged, staged->name) == 0)
            return 0;
        if (errno != EEXIST || staged->exclusive)
            return -1;
        *replaced = true;
    }
    (void)take_turn(staged, LOCK_SH);
    if (!*replaced)
        *replaced = fstatat(staged->dir_fd, staged->name, &there, AT_SYMLINK_NOFOLLOW) == 0;
    int outcome = replace_undisturbed(staged, 0);
    end_turn(staged);
    return outcome;
}

/* Fails with EEXIST where it is not free. A filesystem that cannot tell (EINVAL) has no O_TMPFILE,
 * either: so nobody takes a name there without a turn, and this one is ours alone. */
static int take_free_name(struct staged *staged)
{
    if (staged->temp[0] == '\0')
        return link_as(staged, staged->name);
    int outcome = replace_undisturbed(staged, RENAME_NOREPLACE);
    return outcome < 0 && errno == EINVAL ? replace_undisturbed(staged, 0) : outcome;
}

/* A name that was free may have been taken without a turn meanwhile, and is judged anew; once,
 * since in this turn nobody sets it free. */
static int take_name_on_terms(struct staged *staged, const struct staged_terms *terms,
                              bool *replaced)
{
    int outcome = -1;

    if (take_turn(staged, LOCK_EX) < 0)
        return -1;
    for (int attempt = 0; attempt < 2; attempt++) {
        int there = terms->judge(terms->arg);
        *replaced = there > 0;
        if (there < 0)
            outcome = -1;
        else
            outcome = *replaced ? replace_undisturbed(staged, 0) : take_free_name(staged);
        if (outcome == 0 || there != 0 || errno != EEXIST)
            break;
    }
    end_turn(staged);
    return outcome;
}

static int take_name(struct staged *staged, const struct staged_terms *terms, bool *replaced)
{
    return terms == NULL ? take_any_name(staged, replaced)
                         : take_name_on_terms(staged, terms, replaced);
}

/* The order is the promise:
 * 1. the file's bytes are on disk before any name leads to them,
 * 2. then the name,
 * 3. and the directory that holds it is on disk before anybody is told. */
int staged_commit(struct staged *staged, bool durable, const struct staged_terms *terms)
{
    bool replaced = false;
    int outcome = -1;

    if (durable && fsync(staged->fd) < 0)
        goto out;
    if (take_name(staged, terms, &replaced) < 0)
        goto out;
    if (durable && fsync(staged->dir_fd) < 0)
        goto out;
    outcome = replaced ? 1 : 0;
out:
    staged_discard(staged);
    return outcome;
}

int staged_remove(int dir_fd, const char *name, const struct staged_terms *terms)
{
    int there = 1;

    if (lock_directory(dir_fd, terms == NULL ? LOCK_SH : LOCK_EX, TURN_ATTEMPTS) < 0 &&
        terms != NULL)
        return -1;
    if (terms != NULL)
        there = terms->judge(terms->arg);
    if (there == 0)
        errno = ENOENT;
    int outcome = there > 0 ? unlinkat(dir_fd, name, 0) : -1;
    int saved = errno;
    (void)flock(dir_fd, LOCK_UN);
    errno = saved;
    return outcome;
}

void staged_discard(struct staged *staged)
{
    int saved = errno;
    drop_temp_name(staged);
    errno = saved;
    io_close(staged->fd);
    io_close(staged->dir_fd);
    *staged = (struct staged){.dir_fd = -1, .fd = -1, .proc_fd = -1};
}
