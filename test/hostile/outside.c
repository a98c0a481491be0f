/* outside.c - deeds on files that are not below the root.
 *
 * Each has a file of its own name outside, "DIR/NAME", and one in the root; what it makes is called
 * NAME.new. */
#include "deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct path {
    char text[PATH_MAX];
};

static struct path outside(const struct stage *stage, const char *suffix)
{
    struct path path;
    (void)snprintf(path.text, sizeof path.text, "%s/%s%s", stage->outside, stage->name, suffix);
    return path;
}

static struct path inside(const struct stage *stage, const char *suffix)
{
    struct path path;
    (void)snprintf(path.text, sizeof path.text, "%s%s", stage->name, suffix);
    return path;
}

/* By the call whose flags no filter can see. */
static int open2(int dir_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)flags};
    return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
}

static int open_either_way(int dir_fd, const char *path, int flags)
{
    int fd = openat(dir_fd, path, flags);
    return fd < 0 ? open2(dir_fd, path, flags) : fd;
}

static int read_outside(struct stage *stage)
{
    return got_descriptor(open_either_way(AT_FDCWD, outside(stage, "").text, O_RDONLY));
}

static int write_outside(struct stage *stage)
{
    int fd = open_either_way(AT_FDCWD, outside(stage, "").text, O_WRONLY);
    if (fd >= 0 && write(fd, "X", 1) < 0) {
    }
    return got_descriptor(fd);
}

static int create_outside(struct stage *stage)
{
    return got_descriptor(
        openat(AT_FDCWD, outside(stage, ".new").text, O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int truncate_outside(struct stage *stage)
{
    int fd = open_either_way(AT_FDCWD, outside(stage, "").text, O_WRONLY | O_TRUNC);
    return fd < 0 ? truncate(outside(stage, "").text, 0) : got_descriptor(fd);
}

static int list_outside(struct stage *stage)
{
    return got_descriptor(open_either_way(AT_FDCWD, stage->outside, O_RDONLY | O_DIRECTORY));
}

static int make_dir_outside(struct stage *stage)
{
    return mkdirat(AT_FDCWD, outside(stage, ".dir").text, 0700);
}

/* By the root's parent. */
static int climb_outside(struct stage *stage)
{
    struct path path;
    const char *slash = strrchr(stage->outside, '/');

    (void)snprintf(path.text, sizeof path.text, "..%s/%s", slash == NULL ? "" : slash, stage->name);
    return got_descriptor(open_either_way(stage->config->root_fd, path.text, O_RDONLY));
}

/* O_PATH asks for no right, so Landlock grants it. Can it be made into more? */
static int reopen_outside(struct stage *stage)
{
    char again[64];
    int handle = openat(AT_FDCWD, outside(stage, "").text, O_PATH);

    if (handle < 0)
        return -1;
    (void)snprintf(again, sizeof again, "/proc/self/fd/%d", handle);
    int fd = open_either_way(AT_FDCWD, again, O_RDONLY);
    if (fd < 0 &&
        linkat(handle, "", stage->config->root_fd, inside(stage, ".new").text, AT_EMPTY_PATH) == 0)
        fd = openat(stage->config->root_fd, inside(stage, ".new").text, O_RDONLY);
    (void)got_descriptor(handle);
    return got_descriptor(fd);
}

static int stat_outside(struct stage *stage)
{
    struct stat st;
    /* Not by fstatat(3): musl's takes another call, which is not on the list. */
    return (int)syscall(SYS_newfstatat, AT_FDCWD, outside(stage, "").text, &st, 0);
}

static int chmod_outside(struct stage *stage)
{
    return fchmodat(AT_FDCWD, outside(stage, "").text, 0777, 0);
}

static int unlink_outside(struct stage *stage)
{
    return unlinkat(AT_FDCWD, outside(stage, "").text, 0);
}

static int link_in(struct stage *stage)
{
    return linkat(AT_FDCWD, outside(stage, "").text, stage->config->root_fd,
                  inside(stage, ".new").text, 0);
}

static int link_out(struct stage *stage)
{
    return linkat(stage->config->root_fd, inside(stage, "").text, AT_FDCWD,
                  outside(stage, ".new").text, 0);
}

static int rename_in(struct stage *stage)
{
    return renameat(AT_FDCWD, outside(stage, "").text, stage->config->root_fd,
                    inside(stage, ".new").text);
}

static int rename_out(struct stage *stage)
{
    return renameat(stage->config->root_fd, inside(stage, "").text, AT_FDCWD,
                    outside(stage, ".new").text);
}

/* Into another directory of its own: no right outside is involved but those outside. */
static int rename_outside(struct stage *stage)
{
    return renameat(AT_FDCWD, outside(stage, "").text, AT_FDCWD, outside(stage, ".new").text);
}

/* The directory that all names start from, for calls that take no descriptor. */
static int change_root(struct stage *stage)
{
    (void)stage;
    return chdir("/") < 0 ? -1 : chroot("/");
}

const struct deed outside_deeds[] = {
    {"read-outside", read_outside},
    {"write-outside", write_outside},
    {"create-outside", create_outside},
    {"truncate-outside", truncate_outside},
    {"list-outside", list_outside},
    {"make-dir-outside", make_dir_outside},
    {"climb-outside", climb_outside},
    {"reopen-outside", reopen_outside},
    {"stat-outside", stat_outside},
    {"chmod-outside", chmod_outside},
    {"unlink-outside", unlink_outside},
    {"rename-outside", rename_outside},
    {"link-in", link_in},
    {"link-out", link_out},
    {"rename-in", rename_in},
    {"rename-out", rename_out},
    {"change-root", change_root},
};
const size_t outside_deed_count = sizeof outside_deeds / sizeof outside_deeds[0];
