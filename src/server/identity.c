/* identity.c - becoming somebody with fewer rights, for good.
 *
 * Runs in: the parent. */
#include "server/identity.h"

#include "common/io.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <unistd.h>

struct identity {
    uid_t uid;
    gid_t gid;
};

/* A whole decimal number that an id can be; -1 is "no change" to setresuid(2), so not that one. */
static bool read_id(const char *text, unsigned *id)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *id = (unsigned)number;
    return errno == 0 && *end == '\0' && number < (unsigned)-1;
}

static const char *find_user(const char *name, struct identity *identity, bool *has_group)
{
    const struct passwd *user;
    unsigned id;
    bool number = read_id(name, &id);

    user = number ? getpwuid(id) : getpwnam(name);
    *has_group = user != NULL;
    if (user != NULL)
        *identity = (struct identity){user->pw_uid, user->pw_gid};
    else if (number)
        identity->uid = id;
    else
        return "no such user";
    return NULL;
}

static const char *find_group(const char *name, struct identity *identity)
{
    unsigned id;
    const struct group *group = getgrnam(name);

    if (group != NULL)
        identity->gid = group->gr_gid;
    else if (read_id(name, &id))
        identity->gid = id;
    else
        return "no such group";
    return NULL;
}

/* Returns NULL, or what is wrong with `spec`. */
static const char *look_up(const char *spec, struct identity *identity)
{
    char user[256];
    bool has_group = false;
    const char *colon = strchr(spec, ':');
    size_t len = colon == NULL ? strlen(spec) : (size_t)(colon - spec);

    if (len == 0 || len >= sizeof user)
        return "no such user";
    memcpy(user, spec, len);
    user[len] = '\0';
    const char *wrong = find_user(user, identity, &has_group);
    if (wrong == NULL && colon != NULL)
        wrong = find_group(colon + 1, identity);
    else if (wrong == NULL && !has_group)
        wrong = "this number has no entry among the users, so a :GROUP must be given";
    if (wrong == NULL && identity->uid == 0)
        wrong = "that is root";
    return wrong;
}

/* May this user give a name to an unnamed file by its descriptor alone? Since Linux 6.10 whoever
 * opened it may; before, that took a privilege, without which linkat(2) finds nothing (ENOENT). It
 * is tried with a name that is always taken, so nothing can come of it. */
static bool links_by_descriptor(int root_fd)
{
    int fd = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return false;
    bool found = linkat(fd, "", root_fd, ".", AT_EMPTY_PATH) == 0 || errno != ENOENT;
    io_close(fd);
    return found;
}

/* The order matters: the chroot needs root, and so do the groups, which setuid would freeze.
 * Returns NULL, or the call that failed (errno). */
static const char *step_down(const struct identity *identity, int root_fd)
{
    if (fchdir(root_fd) < 0 || chroot(".") < 0)
        return "chroot";
    if (setgroups(0, NULL) < 0)
        return "setgroups";
    if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
        return "setresgid";
    if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
        return "setresuid";
    errno = EPERM;
    return setuid(0) == 0 ? "giving up root" : NULL;
}

int identity_assume(const char *spec, int root_fd, int *proc_fd, char *reason, size_t reason_len)
{
    struct identity identity = {0, 0};

    const char *wrong = geteuid() == 0 ? look_up(spec, &identity) : "only root can";
    if (wrong != NULL) {
        (void)snprintf(reason, reason_len, "%s", wrong);
        return -1;
    }
    int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC); /* while it is in sight */
    const char *failed = step_down(&identity, root_fd);
    if (failed != NULL) {
        (void)snprintf(reason, reason_len, "%s: %s", failed, strerror(errno));
        io_close(fd);
        return -1;
    }
    if (links_by_descriptor(root_fd))
        io_close(fd);
    else
        *proc_fd = fd;
    if (faccessat(root_fd, ".", R_OK | X_OK, AT_EACCESS) < 0) {
        (void)snprintf(reason, reason_len, "it cannot read the root directory");
        return -1;
    }
    return 0;
}
