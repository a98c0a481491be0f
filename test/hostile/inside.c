/* inside.c - deeds on what is below the root, and on the descriptors a worker is born with.
 *
 * Each has a file of its own name in the root. */
#include "deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DISK_BYTES = 1024 * 1024, SET_USER_ID = 04755, SET_GROUP_ID = 02755 };

static struct stat status_of(int fd)
{
    struct stat st = {.st_mode = 0};
    (void)fstat(fd, &st);
    return st;
}

static int change_mode(int fd)
{
    return fchmod(fd, status_of(fd).st_mode & 0777);
}

static int read_inside(struct stage *stage)
{
    return got_descriptor(openat(stage->config->root_fd, stage->name, O_RDONLY));
}

static int write_inside(struct stage *stage)
{
    return got_descriptor(openat(stage->config->root_fd, stage->name, O_WRONLY | O_TRUNC));
}

static int create_inside(struct stage *stage)
{
    return got_descriptor(
        openat(stage->config->root_fd, "created", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int delete_inside(struct stage *stage)
{
    return unlinkat(stage->config->root_fd, stage->name, 0);
}

static int rename_inside(struct stage *stage)
{
    return renameat(stage->config->root_fd, stage->name, stage->config->root_fd, "renamed");
}

/* Leaves a device node where the file was. */
static int whiteout_inside(struct stage *stage)
{
    return (int)syscall(SYS_renameat2, stage->config->root_fd, stage->name, stage->config->root_fd,
                        "whited", RENAME_WHITEOUT);
}

static int list_inside(struct stage *stage)
{
    char entries[1024];
    return (int)syscall(SYS_getdents64, stage->config->root_fd, entries, sizeof entries);
}

static int make_dir(struct stage *stage)
{
    return mkdirat(stage->config->root_fd, "made", 0700);
}

/* One whose files belong to its group. */
static int make_dir_set_group_id(struct stage *stage)
{
    return mkdirat(stage->config->root_fd, "made-for-group", SET_GROUP_ID);
}

static int remove_dir(struct stage *stage)
{
    return unlinkat(stage->config->root_fd, "empty-dir", AT_REMOVEDIR);
}

static int make_symlink(struct stage *stage)
{
    return symlinkat("/etc/passwd", stage->config->root_fd, "symlink");
}

static int make_fifo(struct stage *stage)
{
    return mkfifoat(stage->config->root_fd, "fifo", 0600);
}

static int chown_inside(struct stage *stage)
{
    return fchownat(stage->config->root_fd, stage->name, geteuid(), getegid(), 0);
}

/* The root itself, by the descriptor of it. */
static int chmod_root(struct stage *stage)
{
    return change_mode(stage->config->root_fd);
}

/* A program that runs as its owner, whoever starts it, in three ways. */
static int chmod_set_user_id(struct stage *stage)
{
    int fd = openat(stage->config->root_fd, stage->name, O_RDONLY);
    int outcome = fd < 0 ? -1 : fchmod(fd, SET_USER_ID);
    (void)got_descriptor(fd);
    return outcome;
}

static int became_set_user_id(int fd)
{
    if (fd < 0)
        return -1;
    int outcome = (status_of(fd).st_mode & S_ISUID) != 0 ? 0 : -1;
    errno = ENOTTY; /* made, but without the bit */
    (void)got_descriptor(fd);
    return outcome;
}

static int create_set_user_id(struct stage *stage)
{
    return became_set_user_id(
        openat(stage->config->root_fd, "set-user-id", O_WRONLY | O_CREAT | O_EXCL, SET_USER_ID));
}

static int create2_set_user_id(struct stage *stage)
{
    struct open_how how = {.flags = O_WRONLY | O_CREAT | O_EXCL, .mode = SET_USER_ID};
    return became_set_user_id(
        (int)syscall(SYS_openat2, stage->config->root_fd, "set-user-id-2", &how, sizeof how));
}

static int fill_disk(struct stage *stage)
{
    int fd = openat(stage->config->root_fd, "filler", O_WRONLY | O_CREAT | O_EXCL, 0600);
    int outcome = fd < 0 ? -1 : fallocate(fd, 0, 0, DISK_BYTES);
    (void)got_descriptor(fd);
    return outcome;
}

/* Where the server's errors go. This one and the next shorten and write nothing, but take what it
 * takes. */
static int truncate_log(struct stage *stage)
{
    (void)stage;
    return ftruncate(STDERR_FILENO, status_of(STDERR_FILENO).st_size);
}

static int overwrite_log(struct stage *stage)
{
    (void)stage;
    return (int)pwrite(STDERR_FILENO, "", 0, 0);
}

static int extend_log(struct stage *stage)
{
    (void)stage;
    return fallocate(STDERR_FILENO, FALLOC_FL_KEEP_SIZE, 0, DISK_BYTES);
}

static int chmod_log(struct stage *stage)
{
    (void)stage;
    return change_mode(STDERR_FILENO);
}

/* Standard input may be a device that everybody uses, such as /dev/null. */
static int chmod_input(struct stage *stage)
{
    (void)stage;
    return change_mode(STDIN_FILENO);
}

static int read_input(struct stage *stage)
{
    char byte;

    (void)stage;
    return (int)read(STDIN_FILENO, &byte, sizeof byte);
}

/* A descriptor that may only be written to, once more, to read what others have written. */
static int reopen_log(struct stage *stage)
{
    (void)stage;
    return got_descriptor(openat(AT_FDCWD, "/proc/self/fd/2", O_RDONLY));
}

/* The server's descriptors and its workers' share these flags, and there are two ways to them. */
static int change_log_flags(struct stage *stage)
{
    int on = 1;

    (void)stage;
    if (ioctl(STDOUT_FILENO, FIONBIO, &on) == 0)
        return 0;
    return fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
}

/* What is written next would overwrite what is there, if the log is a file. */
static int seek_log(struct stage *stage)
{
    (void)stage;
    return lseek(STDOUT_FILENO, 0, SEEK_CUR) < 0 && errno != ESPIPE ? -1 : 0; /* it was asked */
}

/* As if it had been typed, where standard input is a terminal. */
static int type_at_terminal(struct stage *stage)
{
    (void)stage;
    int outcome = ioctl(STDIN_FILENO, TIOCSTI, "\n");
    return outcome < 0 && errno == ENOTTY ? 0 : outcome; /* it was asked */
}

const struct deed inside_deeds[] = {
    {"read-inside", read_inside},
    {"write-inside", write_inside},
    {"create-inside", create_inside},
    {"delete-inside", delete_inside},
    {"rename-inside", rename_inside},
    {"whiteout-inside", whiteout_inside},
    {"list-inside", list_inside},
    {"make-dir", make_dir},
    {"make-dir-set-group-id", make_dir_set_group_id},
    {"remove-dir", remove_dir},
    {"make-symlink", make_symlink},
    {"make-fifo", make_fifo},
    {"chown-inside", chown_inside},
    {"chmod-root", chmod_root},
    {"chmod-set-user-id", chmod_set_user_id},
    {"create-set-user-id", create_set_user_id},
    {"create2-set-user-id", create2_set_user_id},
    {"fill-disk", fill_disk},
    {"truncate-log", truncate_log},
    {"overwrite-log", overwrite_log},
    {"extend-log", extend_log},
    {"seek-log", seek_log},
    {"chmod-log", chmod_log},
    {"chmod-input", chmod_input},
    {"read-input", read_input},
    {"reopen-log", reopen_log},
    {"change-log-flags", change_log_flags},
    {"type-at-terminal", type_at_terminal},
};
const size_t inside_deed_count = sizeof inside_deeds / sizeof inside_deeds[0];
