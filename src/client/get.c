/* get.c - ferry HOST PORT GET FILE.
 *
 * Runs in: the client, or one of its jobs. */
#include "client/commands.h"
#include "client/link.h"
#include "client/say.h"
#include "common/path.h"
#include "common/staged.h"
#include "common/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the bytes go: a file that takes its name when they are all there, or straight into
 * something that is no regular file (standard output, a device, a pipe). */
struct target {
    struct staged staged;
    int direct_fd; /* -1: staged */
    bool owned;    /* close direct_fd */
};

static int target_fd(const struct target *target)
{
    return target->direct_fd >= 0 ? target->direct_fd : target->staged.fd;
}

static void target_discard(struct target *target)
{
    if (target->direct_fd < 0)
        staged_discard(&target->staged);
    else if (target->owned)
        io_close(target->direct_fd);
}

/* Returns 0, or -1 with errno. */
static int open_staged(struct target *target, const char *path, const struct stat *replaced,
                       mode_t mask)
{
    char real[PATH_MAX];

    /* The file that a link leads to is replaced, not the link. */
    if (realpath(path, real) != NULL)
        path = real;
    int dir_fd = path_open_directory(path, O_RDONLY);
    if (dir_fd < 0)
        return -1;
    return staged_open(&target->staged, dir_fd, path_base_name(path), replaced, mask);
}

/* Does the path end in something that can be a file's name? */
static bool is_file_name(const char *path)
{
    const char *name = path_base_name(path);
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Returns 0, or -1 with errno. */
static int target_open(struct target *target, const char *path, mode_t mask)
{
    struct stat st;

    *target = (struct target){.direct_fd = -1};
    if (!is_file_name(path)) {
        errno = path[0] == '\0' ? ENOENT : EISDIR;
        return -1;
    }
    if (stat(path, &st) < 0)
        return open_staged(target, path, NULL, mask);
    if (S_ISREG(st.st_mode))
        return open_staged(target, path, &st, mask);
    target->direct_fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    target->owned = true;
    return target->direct_fd < 0 ? -1 : 0;
}

static int receive_bytes(struct link *link, const struct target *target, uint64_t size,
                         const char *path)
{
    const struct transfer transfer = {
        .conn = &link->conn,
        .file_fd = target_fd(target),
        .size = size,
        .idle_ms = link->options->timeout_ms,
        .reads_zero = target->direct_fd < 0,
        .on_progress = progress_moved,
        .arg = &link->progress,
    };

    progress_begin(&link->progress, size);
    enum transfer_end end = transfer_receive(&transfer);
    int error = errno;
    progress_end(&link->progress, end == TRANSFER_DONE);
    if (end == TRANSFER_DONE)
        return 0;
    if (end == TRANSFER_FILE)
        return say_error("cannot write %s: %s", path, strerror(error));
    return link_explain(link, error);
}

static int converse(struct link *link, const char *name, struct target *target, const char *path)
{
    uint64_t size = 0;

    if (link_request(link, name) < 0 || link_expect(link, PROTO_OK, "answer to GET") < 0)
        return -1;
    if (link_send(link, PROTO_READY, sizeof PROTO_READY - 1) < 0 || link_read_size(link, &size) < 0)
        return -1;
    if (target->direct_fd < 0 && staged_reserve(&target->staged, size) < 0)
        return say_error("unable to create file %s: %s", path, strerror(errno));
    if (link_send(link, PROTO_OK, sizeof PROTO_OK - 1) < 0)
        return -1;
    command_say_sized_file(link->options, "receiving", name, size);
    if (receive_bytes(link, target, size, path) < 0 ||
        link_expect(link, PROTO_DONE, PROTO_DONE) < 0)
        return -1;
    if (target->direct_fd < 0 && staged_commit(&target->staged, false) < 0)
        return say_error("unable to create file %s: %s", path, strerror(errno));
    return 0;
}

/* Where `name` goes. Returns 0, or -1 with errno. */
static int choose_target(struct target *target, const struct client_options *options,
                         const char *name, char path[PATH_MAX])
{
    size_t len = client_options_target(options, name, path, PATH_MAX);

    if (client_options_to_stdout(options)) {
        *target = (struct target){.direct_fd = STDOUT_FILENO};
        return 0;
    }
    if (len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return target_open(target, path, options->mask);
}

int command_get(const struct client_options *options, const char *name)
{
    struct link link;
    struct target target;
    int outcome = -1;
    char path[PATH_MAX];

    if (choose_target(&target, options, name, path) < 0)
        return say_error("unable to create file %s: %s", path[0] != '\0' ? path : name,
                         strerror(errno));
    if (link_open(&link, options, name) == 0) {
        outcome = converse(&link, name, &target, path);
        link_close(&link);
    }
    target_discard(&target);
    if (outcome == 0)
        command_say_complete(options, name);
    return outcome;
}
