/* path.h - a path's last component and the directory before it. */
#ifndef FERRY_PATH_H
#define FERRY_PATH_H

/* The last component; "" where the path ends in a slash. Points into `path`. */
const char *path_base_name(const char *path);

/* Opens the directory that holds `path`, with `flags` (open(2)) besides O_DIRECTORY and O_CLOEXEC.
 * Returns a descriptor the caller closes, or -1 with errno. */
int path_open_directory(const char *path, int flags);

#endif
