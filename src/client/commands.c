/* commands.c - GET, PUT and DEL of one file: connect, wait, transfer, report.
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
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what they have in common ---- */

static int report_fd(const struct client_options *options)
{
    return client_options_to_stdout(options) ? STDERR_FILENO : STDOUT_FILENO;
}

static void say_begun(const struct client_options *options, const char *verb, const char *name,
                      uint64_t size)
{
    if (!options->silent)
        say_line(report_fd(options), "client %s file %s (%" PRIu64 " bytes)", verb, name, size);
}

static void say_complete(const struct client_options *options, const char *name)
{
    if (options->silent)
        return;
    if (options->at_once)
        say_line(report_fd(options), "Complete %s", name);
    else
        say_line(report_fd(options), "Complete");
}

/* Moves the file's bytes between `fd` and the server, and shows how far they are. */
static enum transfer_end move_bytes(struct link *link, int fd, uint64_t size, bool reads_zero,
                                    enum transfer_end (*move)(const struct transfer *transfer))
{
    const struct transfer transfer = {
        .conn = &link->conn,
        .file_fd = fd,
        .size = size,
        .idle_ms = link->options->timeout_ms,
        .heed_peer = true, /* whoever sends does */
        .reads_zero = reads_zero,
        .on_progress = progress_moved,
        .arg = &link->progress,
    };

    progress_begin(&link->progress, size);
    enum transfer_end end = move(&transfer);
    int error = errno;
    progress_end(&link->progress, end == TRANSFER_DONE);
    errno = error;
    return end;
}

/* ---- GET ---- */

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
    return staged_open(&target->staged, dir_fd, path_base_name(path), replaced, mask, 0);
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

static int receive_bytes(struct link *link, const struct target *target, uint64_t size,
                         const char *path)
{
    switch (move_bytes(link, target_fd(target), size, target->direct_fd < 0, transfer_receive)) {
    case TRANSFER_DONE:
        return 0;
    case TRANSFER_FILE:
        return say_error("cannot write %s: %s", path, strerror(errno));
    default:
        return link_explain(link, errno);
    }
}

static int converse_get(struct link *link, const char *name, struct target *target,
                        const char *path)
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
    say_begun(link->options, "receiving", name, size);
    if (receive_bytes(link, target, size, path) < 0 ||
        link_expect(link, PROTO_DONE, PROTO_DONE) < 0)
        return -1;
    if (target->direct_fd < 0 && staged_commit(&target->staged, false, NULL) < 0)
        return say_error("unable to create file %s: %s", path, strerror(errno));
    return 0;
}

static int get(const struct client_options *options, const char *name)
{
    struct link link;
    struct target target;
    int outcome = -1;
    char path[PATH_MAX];

    if (choose_target(&target, options, name, path) < 0)
        return say_error("unable to create file %s: %s", path[0] != '\0' ? path : name,
                         strerror(errno));
    if (link_open(&link, options, name) == 0) {
        outcome = converse_get(&link, name, &target, path);
        link_close(&link);
    }
    target_discard(&target);
    return outcome;
}

/* ---- PUT ---- */

/* Opens the local file and sets *size. Returns a descriptor, or -1 with the reason said. */
static int open_source(const char *path, uint64_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return say_error("%s does not exist", path);
    if (fd < 0)
        return say_error("cannot read %s: %s", path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        io_close(fd);
        return say_error("%s is not a regular file", path);
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

static int send_bytes(struct link *link, int fd, const char *path, uint64_t size)
{
    /* What is here already was said without waiting for the bytes. */
    if (size > 0 && io_unread(&link->conn) > 0)
        return link_explain(link, 0);
    switch (move_bytes(link, fd, size, false, transfer_send)) {
    case TRANSFER_DONE:
        return 0;
    case TRANSFER_FILE:
        return errno == ENODATA ? say_error("%s became shorter while it was sent", path)
                                : say_error("cannot read %s: %s", path, strerror(errno));
    case TRANSFER_HEARD:
        return link_explain(link, 0);
    case TRANSFER_PEER:
        break;
    }
    return link_explain(link, errno);
}

static int converse_put(struct link *link, int fd, const char *path, const char *name,
                        uint64_t size)
{
    unsigned char wire[PROTO_SIZE_LEN];

    proto_put_size(wire, size);
    if (link_request(link, name) < 0 || link_expect(link, PROTO_OK, "answer to PUT") < 0)
        return -1;
    if (link_send(link, wire, sizeof wire) < 0 ||
        link_expect(link, PROTO_OK, "answer to the size") < 0)
        return -1;
    say_begun(link->options, "sending", path, size);
    if (send_bytes(link, fd, path, size) < 0)
        return -1;
    return link_expect_stored(link, size);
}

static int put(const struct client_options *options, const char *path)
{
    struct link link;
    uint64_t size = 0;
    int outcome = -1;
    char name[PROTO_REQUEST_MAX];
    int fd = open_source(path, &size);

    if (fd < 0)
        return -1;
    (void)client_options_target(options, path, name, sizeof name); /* it fits: check_names() */
    if (link_open(&link, options, path) == 0) {
        outcome = converse_put(&link, fd, path, name, size);
        link_close(&link);
    }
    io_close(fd);
    return outcome;
}

/* ---- DEL ---- */

static int del(const struct client_options *options, const char *name)
{
    struct link link;

    if (link_open(&link, options, name) < 0)
        return -1;
    if (!options->silent)
        say_line(STDOUT_FILENO, "client deleting file %s", name);
    int outcome = link_request(&link, name);
    if (outcome == 0)
        outcome = link_expect(&link, PROTO_DONE, PROTO_DONE);
    link_close(&link);
    return outcome;
}

/* ---- any of them ---- */

int command_run(const struct client_options *options, const char *name)
{
    int outcome = -1;

    switch (options->verb) {
    case PROTO_GET:
        outcome = get(options, name);
        break;
    case PROTO_PUT:
        outcome = put(options, name);
        break;
    case PROTO_DEL:
        outcome = del(options, name);
        break;
    }
    if (outcome == 0)
        say_complete(options, name);
    return outcome;
}
