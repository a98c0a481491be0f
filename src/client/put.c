/* put.c - ferry HOST PORT PUT FILE.
 *
 * Runs in: the client, or one of its jobs. */
#include "client/commands.h"
#include "client/link.h"
#include "client/say.h"
#include "common/path.h"
#include "common/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
    const struct transfer transfer = {
        .conn = &link->conn,
        .file_fd = fd,
        .size = size,
        .idle_ms = link->options->timeout_ms,
        .heed_peer = true,
        .on_progress = progress_moved,
        .arg = &link->progress,
    };

    /* What is here already was said without waiting for the bytes. */
    if (size > 0 && io_unread(&link->conn) > 0)
        return link_explain(link, 0);
    progress_begin(&link->progress, size);
    enum transfer_end end = transfer_send(&transfer);
    int error = errno;
    progress_end(&link->progress, end == TRANSFER_DONE);
    switch (end) {
    case TRANSFER_DONE:
        return 0;
    case TRANSFER_FILE:
        return error == ENODATA ? say_error("%s became shorter while it was sent", path)
                                : say_error("cannot read %s: %s", path, strerror(error));
    case TRANSFER_HEARD:
        error = 0;
        break;
    case TRANSFER_PEER:
        break;
    }
    return link_explain(link, error);
}

static int converse(struct link *link, int fd, const char *path, const char *name, uint64_t size)
{
    unsigned char wire[PROTO_SIZE_LEN];

    proto_put_size(wire, size);
    if (link_request(link, name) < 0 || link_expect(link, PROTO_OK, "answer to PUT") < 0)
        return -1;
    if (link_send(link, wire, sizeof wire) < 0 ||
        link_expect(link, PROTO_OK, "answer to the size") < 0)
        return -1;
    command_say_sized_file(link->options, "sending", path, size);
    if (send_bytes(link, fd, path, size) < 0)
        return -1;
    return link_expect_stored(link, size);
}

int command_put(const struct client_options *options, const char *path)
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
        outcome = converse(&link, fd, path, name, size);
        link_close(&link);
    }
    io_close(fd);
    if (outcome == 0)
        command_say_complete(options, path);
    return outcome;
}
