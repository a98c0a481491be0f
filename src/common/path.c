/* path.c - a path's last component and the directory before it.
 *
 * Runs in: the parent, the client. */
#include "common/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

const char *path_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

int path_open_directory(const char *path, int flags)
{
    char dir[PATH_MAX];
    int len = (int)(path_base_name(path) - path);

    if (snprintf(dir, sizeof dir, "%.*s", len, path) >= (int)sizeof dir) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(len == 0 ? "." : dir, flags | O_DIRECTORY | O_CLOEXEC);
}
