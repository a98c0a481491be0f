/* identity.h - becoming somebody with fewer rights, for good. */
#ifndef FERRY_IDENTITY_H
#define FERRY_IDENTITY_H

#include <stddef.h>

/* Turns this process, which must be root's, into the one of `spec`, NAME[:GROUP] by name or number,
 * in a chroot of the directory `root_fd`, without supplementary groups. There is no way back.
 * Where the kernel is too old to link unnamed files without it, *proc_fd becomes an O_PATH
 * descriptor of /proc, which the chroot hides; otherwise it is left as it is.
 * Returns 0; or -1 with what failed written to `reason`. */
int identity_assume(const char *spec, int root_fd, int *proc_fd, char *reason, size_t reason_len);

#endif
