/* hostile.c - a session that has been taken over.
 *
 * Linked in place of lab.c into build/test/ferryd-hostile and ferryd-threads-hostile. All else
 * is the same objects, so it runs behind the same confinement.
 *
 * Used by:  test/sandbox.bats, test/user.bats, test/lies.bats.
 * Requests, one to a connection, each a line:
 *           DEED NAME PID DIR   tries the deed; answers "NAME: ok", or the errno it failed with
 *           DEEDS               answers with the names of all of them
 *           KEEP TEXT           keeps TEXT in memory, answers "kept", and stays
 *           LIE NUMBER          tells that lie in its claims, answers "lied", and stays
 *           LIES                answers with how many of them there are
 *           WAVER               answers "wavering", and changes its claims until the client speaks
 *           BEQUEATH            leaves that to a child, until the client leaves, and ends */
#include "common/io.h"
#include "deeds.h"
#include "lies.h"
#include "session/lab.h"

#include <errno.h>

enum { PATIENCE_MS = 600000, REQUEST_MAX = 1024, TEXT_MAX = 4096 };

char kept[KEPT_MAX];

static struct {
    const struct deed *deeds;
    const size_t *count;
} const lists[] = {
    {outside_deeds, &outside_deed_count},
    {inside_deeds, &inside_deed_count},
    {memory_deeds, &memory_deed_count},
    {process_deeds, &process_deed_count},
};
enum { LISTS = sizeof lists / sizeof lists[0] };

int got_descriptor(int fd)
{
    io_close(fd);
    return fd < 0 ? -1 : 0;
}

static void say(int fd, const char *text)
{
    (void)io_send_all(fd, text, strlen(text), io_now_ms() + PATIENCE_MS);
}

static void say_error(int fd, int number)
{
    static const struct {
        int number;
        const char *name;
    } errors[] = {
        {EPERM, "EPERM"},     {EACCES, "EACCES"}, {ENOENT, "ENOENT"}, {EXDEV, "EXDEV"},
        {EAGAIN, "EAGAIN"},   {ENOMEM, "ENOMEM"}, {EFBIG, "EFBIG"},   {EBADF, "EBADF"},
        {ESRCH, "ESRCH"},     {ENOSYS, "ENOSYS"}, {EINVAL, "EINVAL"}, {ENOTTY, "ENOTTY"},
        {EISCONN, "EISCONN"}, {EFAULT, "EFAULT"},
    };
    char text[32];

    (void)snprintf(text, sizeof text, "errno %d", number);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].number == number)
            (void)snprintf(text, sizeof text, "%s", errors[i].name);
    say(fd, text);
}

static const struct deed *find_deed(const char *name)
{
    for (size_t list = 0; list < LISTS; list++)
        for (size_t i = 0; i < *lists[list].count; i++)
            if (strcmp(lists[list].deeds[i].name, name) == 0)
                return &lists[list].deeds[i];
    return NULL;
}

static void list_deeds(int fd)
{
    for (size_t list = 0; list < LISTS; list++) {
        for (size_t i = 0; i < *lists[list].count; i++) {
            say(fd, lists[list].deeds[i].name);
            say(fd, "\n");
        }
    }
}

/* `words` is "NAME PID DIR". */
static void try_deed(struct stage *stage, char *words)
{
    stage->name = strsep(&words, " ");
    stage->sibling = words == NULL ? 0 : (pid_t)strtol(words, &words, 10);
    stage->outside = words == NULL || *words == '\0' ? "" : words + 1;

    /* A signal to 0, 1 or -1 would go to others than a sibling. */
    const struct deed *deed = stage->sibling > 1 ? find_deed(stage->name) : NULL;
    int outcome = deed == NULL ? 0 : deed->run(stage);
    int error = errno;
    say(stage->fd, stage->name);
    say(stage->fd, ": ");
    if (deed == NULL)
        say(stage->fd, "no such deed");
    else if (outcome < 0)
        say_error(stage->fd, error);
    else
        say(stage->fd, stage->text[0] == '\0' ? "ok" : stage->text);
    say(stage->fd, "\n");
}

/* Until the client leaves. */
static void stay(struct io_conn *conn)
{
    conn->start = conn->end = 0;
    while (io_fill(conn, io_now_ms() + PATIENCE_MS) > 0)
        conn->start = conn->end = 0;
}

static void keep(struct io_conn *conn, struct claims *claims, const char *text)
{
    (void)snprintf(kept, sizeof kept, "%.*s", KEPT_MAX - 1, text);
    (void)snprintf(claims->name, sizeof claims->name, KEPT_MARK "%s", kept);
    say(conn->fd, "kept\n");
    stay(conn);
}

static void lie(struct io_conn *conn, struct claims *claims, const char *number)
{
    tell_lie(claims, (size_t)strtoul(number, NULL, 10));
    say(conn->fd, "lied\n");
    stay(conn);
}

static void count_lies(int fd)
{
    char text[16];

    (void)snprintf(text, sizeof text, "%zu", lie_count);
    say(fd, text);
}

static void waver(int fd, struct claims *claims)
{
    say(fd, "wavering\n");
    change_story(claims, fd);
}

/* Reads a line, without its end. */
static int read_line(struct io_conn *conn, char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (io_read_exact(conn, &line[i], 1, io_now_ms() + PATIENCE_MS) < 0)
            return -1;
        if (line[i] == '\n') {
            line[i] = '\0';
            return 0;
        }
    }
    return -1;
}

static void hostile_run(const struct session_config *config, int fd, struct claims *claims)
{
    char text[TEXT_MAX] = "", line[REQUEST_MAX];
    struct stage stage = {
        .config = config, .claims = claims, .fd = fd, .text = text, .text_len = sizeof text};
    struct io_conn conn;

    io_conn_init(&conn, fd);
    say(fd, "READY");
    if (read_line(&conn, line, sizeof line) < 0)
        return;
    if (strcmp(line, "BEQUEATH") == 0) { /* whose heir needs the connection as it is */
        (void)leave_a_liar(claims, fd);
        return;
    }
    if (strncmp(line, "KEEP ", 5) == 0)
        keep(&conn, claims, line + 5);
    else if (strncmp(line, "LIE ", 4) == 0)
        lie(&conn, claims, line + 4);
    else if (strcmp(line, "LIES") == 0)
        count_lies(fd);
    else if (strcmp(line, "WAVER") == 0)
        waver(fd, claims);
    else if (strcmp(line, "DEEDS") == 0)
        list_deeds(fd);
    else if (strncmp(line, "DEED ", 5) == 0)
        try_deed(&stage, line + 5);
    io_finish(&conn);
}

const struct service lab_service = {.name = "hostile", .run = hostile_run};
