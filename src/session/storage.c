/* storage.c - names that clients send, turned into files under one root.
 *
 * Runs in: the worker; storage_open_root() and storage_nameless_device() in the parent, at start.
 * Everything is relative to the root's descriptor: no chdir(), no path that the process's working
 * directory could change the meaning of. */
#include "session/storage.h"

#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RESOLVE_ATTEMPTS = 100 /* openat2(2): EAGAIN when a rename raced with the look-up */ };

int storage_open_root(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

dev_t storage_nameless_device(int root_fd)
{
    struct stat st;
    int fd = openat(root_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    bool is_nameless = fd >= 0 && fstat(root_fd, &st) == 0;

    io_close(fd);
    return is_nameless ? st.st_dev : 0;
}

/* Loops of our own, not strcspn(3) and strspn(3): each would be a page more that every child
 * touches. */
static size_t component_len(const char *component)
{
    size_t len = 0;

    while (component[len] != '/' && component[len] != '\0')
        len++;
    return len;
}

static const char *skip_slashes(const char *path)
{
    while (*path == '/')
        path++;
    return path;
}

/* Refuses what no look-up need be asked about: absolute names, `..` anywhere, temporary names. */
bool storage_permits(const char *name)
{
    if (name[0] == '\0' || name[0] == '/')
        return false;
    for (const char *part = name; *part != '\0';) {
        size_t len = component_len(part);
        if (staged_is_temp_name(part) || (len == 2 && memcmp(part, "..", 2) == 0))
            return false;
        part = skip_slashes(part + len);
    }
    return true;
}

/* open_beneath() for kernels before 5.6: one component at a time, following no link at all. */
static int walk_beneath(int root_fd, const char *path, int flags)
{
    char part[NAME_MAX + 1];
    int dir_fd = root_fd, next_fd;

    for (;;) {
        size_t len = component_len(path);
        const char *rest = skip_slashes(path + len);
        bool last = *rest == '\0';
        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
            next_fd = -1;
        } else {
            memcpy(part, path, len);
            part[len] = '\0';
            bool directory = !last || path[len] == '/';
            int how = last ? flags : O_PATH | O_CLOEXEC;
            next_fd = openat(dir_fd, part, how | O_NOFOLLOW | (directory ? O_DIRECTORY : 0));
        }
        if (dir_fd != root_fd)
            io_close(dir_fd);
        if (next_fd < 0 || last)
            return next_fd;
        dir_fd = next_fd;
        path = rest;
    }
}

/* Opens `path` under the root, or not at all. RESOLVE_BENEATH makes the kernel itself refuse every
 * step that would leave it, links included, with no moment to race against (openat2(2)). */
static int open_beneath(int root_fd, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;

    for (int attempt = 0; attempt < RESOLVE_ATTEMPTS; attempt++) {
        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    /* EPERM: what container sandboxes that do not know the call answer in place of ENOSYS. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return walk_beneath(root_fd, path, flags | O_CLOEXEC);
    return (int)fd;
}

/* Opens the directory that holds `name` and sets *final to the last component. Its path takes a
 * page of the stack, which is not to be touched by those who do not come here. */
__attribute__((noinline)) static int open_parent(int root_fd, const char *name, const char **final)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(name, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - name);

    *final = slash == NULL ? name : slash + 1;
    if (**final == '\0' || strcmp(*final, ".") == 0) {
        errno = EISDIR;
        return -1;
    }
    if (len >= sizeof dir) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(dir, name, len);
    dir[len] = '\0';
    return open_beneath(root_fd, len == 0 ? "." : dir, O_RDONLY | O_DIRECTORY);
}

/* Is the file open as `fd`, found by a name that is no temporary one, whole? Then returns 0; or -1
 * with errno, EISDIR where it is an upload that is under way. Others may lock files that we serve,
 * so the lock alone does not say so. */
__attribute__((noinline)) static int check_whole(int root_fd, const char *name, int fd)
{
    const char *final;

    if (!staged_is_locked(fd))
        return 0;
    int dir_fd = open_parent(root_fd, name, &final);
    if (dir_fd < 0)
        return -1;
    bool found = staged_has_temp_name(dir_fd, fd);
    io_close(dir_fd);
    errno = EISDIR;
    return found ? -1 : 0;
}

/* Opens a regular file, or with `directory_too` a directory, and sets *st. Returns a descriptor, or
 * -1 with errno; EISDIR where it is something else. */
static int open_regular(int root_fd, const char *name, int flags, bool directory_too,
                        struct stat *st)
{
    int fd = open_beneath(root_fd, name, flags);

    /* What fstat(3) calls, with an empty path of ours: libc's is on a page that nothing else needs.
     */
    if (fd >= 0 && fstatat(fd, "", st, AT_EMPTY_PATH) == 0 && S_ISREG(st->st_mode))
        return fd;
    if (fd >= 0 && directory_too && S_ISDIR(st->st_mode))
        return fd;
    if (fd >= 0)
        errno = EISDIR;
    io_close(fd);
    return -1;
}

/* The same for reading, and only where it is whole. Without O_NONBLOCK a FIFO would hold us until
 * somebody writes to it (fifo(7)). */
static int open_whole(int root_fd, dev_t nameless, const char *name, bool directory_too,
                      struct stat *st)
{
    int fd = open_regular(root_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, directory_too, st);

    if (fd < 0 || st->st_dev == nameless || !S_ISREG(st->st_mode) ||
        check_whole(root_fd, name, fd) == 0)
        return fd;
    io_close(fd);
    return -1;
}

/* A file that we may not read, that is leased or that is broken cannot be asked whether it is
 * whole; replaced and deleted it can be. */
static bool cannot_be_asked(int error)
{
    return error == EACCES || error == EWOULDBLOCK || error == EIO || error == ESTALE;
}

/* storage_look() for a name that is permitted. What it is, is seen before it is opened: to open a
 * device may do something. */
static int find_regular(int root_fd, const char *name, struct stat *st)
{
    int fd = open_regular(root_fd, name, O_PATH, false, st);

    if (fd < 0)
        return -1;
    io_close(fd);
    fd = open_whole(root_fd, 0, name, false, st);
    io_close(fd);
    return fd >= 0 || cannot_be_asked(errno) ? 0 : -1;
}

static int check_name(const char *name)
{
    if (storage_permits(name))
        return 0;
    errno = EACCES;
    return -1;
}

int storage_open_file(int root_fd, dev_t nameless, const char *name, uint64_t *size)
{
    struct stat st;

    if (check_name(name) < 0)
        return -1;
    int fd = open_whole(root_fd, nameless, name, false, &st);
    if (fd < 0)
        return -1;
    *size = (uint64_t)st.st_size;
    return fd;
}

int storage_open(int root_fd, dev_t nameless, const char *name, struct stat *st)
{
    if (check_name(name) < 0)
        return -1;
    int fd = open_whole(root_fd, nameless, name, true, st);
    /* open(2): what a socket answers, and a device without a driver. */
    if (fd < 0 && (errno == ENXIO || errno == ENODEV))
        errno = EISDIR;
    return fd;
}

bool storage_out_of_room(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

int storage_look(int root_fd, const char *name, struct stat *st)
{
    return check_name(name) < 0 ? -1 : find_regular(root_fd, name, st);
}

/* storage_make_directory() for a name that is permitted. Where it `may_be_there`, what holds it is
 * flushed all the same: who made it at the same time promises that it is on disk, and so do we. */
static int make_directory(int root_fd, const char *name, mode_t mask, bool durable,
                          bool may_be_there)
{
    const char *final;
    int dir_fd = open_parent(root_fd, name, &final);

    if (dir_fd < 0)
        return -1;
    int outcome = mkdirat(dir_fd, final, staged_new_mode(dir_fd, 0777, mask));
    if (outcome < 0 && errno == EEXIST && may_be_there)
        outcome = 0;
    if (outcome == 0 && durable)
        outcome = fsync(dir_fd);
    io_close(dir_fd);
    return outcome;
}

int storage_make_directory(int root_fd, const char *name, mode_t mask, bool durable)
{
    if (check_name(name) < 0)
        return -1;
    int outcome = make_directory(root_fd, name, mask, durable, false);
    if (outcome < 0 && errno == EISDIR) /* "." is there */
        errno = EEXIST;
    return outcome;
}

/* No component may be too long: what is found out too late has made directories for nothing. */
static int check_components(const char *name)
{
    while (*name != '\0') {
        size_t len = component_len(name);
        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        name = skip_slashes(name + len);
    }
    return 0;
}

/* Makes the directory `path`, unless it is there. */
static int make_missing(const struct session_config *config, const char *path)
{
    int fd = open_beneath(config->root_fd, path, O_PATH | O_DIRECTORY);

    io_close(fd);
    if (fd >= 0 || errno != ENOENT)
        return fd < 0 ? -1 : 0;
    return make_directory(config->root_fd, path, config->mask, config->durable, true);
}

/* Makes those that are missing of the directories that lead to `name`, from the root on, each in
 * the one that was opened beneath the root to hold it: so no link leads a new one out. */
__attribute__((noinline)) static int make_parents(const struct session_config *config,
                                                  const char *name)
{
    char path[PATH_MAX];

    if (check_components(name) < 0)
        return -1;
    for (size_t len = component_len(name); name[len] != '\0';) {
        if (len >= sizeof path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(path, name, len);
        path[len] = '\0';
        if (make_missing(config, path) < 0)
            return -1;
        const char *next = skip_slashes(name + len);
        len = (size_t)(next - name) + component_len(next);
    }
    return 0;
}

int storage_create(const struct session_config *config, const char *name, bool make,
                   struct staged *upload)
{
    struct stat old;
    const char *final;

    if (check_name(name) < 0)
        return -1;
    bool replaces = find_regular(config->root_fd, name, &old) == 0;
    if (!replaces && errno != ENOENT)
        return -1;
    if (replaces && config->no_overwrite) {
        errno = EEXIST;
        return -1;
    }
    int dir_fd = open_parent(config->root_fd, name, &final);
    if (dir_fd < 0 && errno == ENOENT && make && make_parents(config, name) == 0)
        dir_fd = open_parent(config->root_fd, name, &final);
    if (dir_fd < 0)
        return -1;
    if (staged_open(upload, dir_fd, final, replaces ? &old : NULL, config->mask, config->nameless) <
        0)
        return -1;
    upload->exclusive = config->no_overwrite;
    upload->proc_fd = config->proc_fd;
    return 0;
}

int storage_delete(int root_fd, const char *name, bool durable, const struct staged_terms *terms)
{
    const char *final;

    if (check_name(name) < 0)
        return -1;
    int dir_fd = open_parent(root_fd, name, &final);
    if (dir_fd < 0)
        return -1;
    int outcome = staged_remove(dir_fd, final, terms);
    if (outcome == 0 && durable)
        outcome = fsync(dir_fd);
    io_close(dir_fd);
    return outcome;
}
