/* doors.c - a server with two doors, behind a proxy, whose log goes to standard error.
 *
 * Linked into build/test/ferryd-doors and ferryd-threads-doors in the way of three calls (ld(1),
 * --wrap). All else is the same objects.
 *
 * Used by: doors.bats.
 *
 * With a file's name in SECOND_PORT it listens a second time, on a free port, whose number goes to
 * that file; who comes to that port hears "hello".
 *
 * With IPv4 addresses in CLIENTS, a blank between, these are the clients', one after the other and
 * again from the first, in place of the connections'.
 *
 * With LOG_TO_STDERR set, descriptor 1 is not the log's. */
#include "common/io.h"
#include "common/log.h"
#include "manager/acceptor.h"

#include <arpa/inet.h>
#include <unistd.h>

/* ld(1) chooses the names. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
const char *__real_acceptor_open(struct acceptor *acceptor, const struct service *service,
                                 const char *address, unsigned port, int timeout_ms, int silent_ms);
enum accept_result __real_acceptor_take(struct acceptor *acceptor, const struct listener *listener,
                                        struct pending *client);
void __real_log_open(const char *name, int lines_fd);
const char *__wrap_acceptor_open(struct acceptor *acceptor, const struct service *service,
                                 const char *address, unsigned port, int timeout_ms, int silent_ms);
enum accept_result __wrap_acceptor_take(struct acceptor *acceptor, const struct listener *listener,
                                        struct pending *client);
void __wrap_log_open(const char *name, int lines_fd);

static void say_hello(const struct session_config *config, int fd, struct claims *claims)
{
    static const char word[] = "hello\n";
    struct io_conn conn;

    if (io_send_all(fd, word, sizeof word - 1, io_now_ms() + config->turn_ms) == 0)
        claims->outcome = OUTCOME_DONE;
    io_conn_init(&conn, fd);
    io_finish(&conn);
}

static const struct service hello_service = {.name = "hello", .run = say_hello};

const char *__wrap_acceptor_open(struct acceptor *acceptor, const struct service *service,
                                 const char *address, unsigned port, int timeout_ms, int silent_ms)
{
    const char *path = getenv("SECOND_PORT");
    const char *wrong =
        __real_acceptor_open(acceptor, service, address, port, timeout_ms, silent_ms);

    if (wrong != NULL || path == NULL)
        return wrong;
    const size_t second = acceptor->count;
    wrong = __real_acceptor_open(acceptor, &hello_service, address, 0, timeout_ms, silent_ms);
    FILE *file = wrong == NULL ? fopen(path, "w") : NULL;
    if (file != NULL) {
        (void)fprintf(file, "%u\n", acceptor->listeners[second].port);
        (void)fclose(file);
    }
    return wrong;
}

/* Puts the address number `serial` of the list in the place of the client's. */
static void stand_in(union peer *client, uint64_t serial, const char *list)
{
    struct in_addr addresses[8];
    char text[256], *words = text;
    size_t count = 0;

    (void)snprintf(text, sizeof text, "%s", list);
    for (const char *word; count < 8 && (word = strsep(&words, " ")) != NULL;)
        count += inet_pton(AF_INET, word, &addresses[count]) == 1;
    if (count == 0)
        return;
    client->v4.sin_family = AF_INET;
    client->v4.sin_addr = addresses[(serial - 1) % count];
}

enum accept_result __wrap_acceptor_take(struct acceptor *acceptor, const struct listener *listener,
                                        struct pending *client)
{
    const char *list = getenv("CLIENTS");
    enum accept_result result = __real_acceptor_take(acceptor, listener, client);

    if (result == ACCEPT_CLIENT && list != NULL)
        stand_in(&client->stay.client, client->stay.serial, list);
    return result;
}

void __wrap_log_open(const char *name, int lines_fd)
{
    __real_log_open(name, getenv("LOG_TO_STDERR") == NULL ? lines_fd : STDERR_FILENO);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
