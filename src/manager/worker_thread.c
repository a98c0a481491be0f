/* worker_thread.c - a worker is a thread.
 *
 * Runs in: the one process there is; worker_main() in the worker's thread, the rest in the
 *          manager's. */
#include "manager/worker.h"

#include "common/io.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

const char worker_kind[] = "thread";
const char worker_program[] = "ferryd-threads";
const size_t worker_fds =
    6; /* connection, file, directory, a pipe's two ends, a temporary name's */
const bool worker_has_own_memory = false;

/* clone3(2) hides its flags behind a pointer, which a filter cannot follow. Refused with ENOSYS, it
 * makes pthread_create(3) fall back to clone(2). */
enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET
};
const struct sandbox_rule worker_rules[] = {
    {.number = SYS_clone, .argument = 0, .mask = CLONE_THREAD | NAMESPACES, .value = CLONE_THREAD},
    {.number = SYS_clone3, .error = ENOSYS},
    /* a stack; nothing that can be executed */
    {.number = SYS_mmap, .argument = 2, .mask = PROT_EXEC, .value = 0},
    {.number = SYS_mprotect, .argument = 2, .mask = PROT_EXEC, .value = 0},
    {.number = SYS_madvise},
    {.number = SYS_set_robust_list},
    {.number = SYS_exit},
};
const size_t worker_rule_count = sizeof worker_rules / sizeof worker_rules[0];

enum { STACK_BYTES = 256 * 1024 }; /* several times what a session takes */

struct worker {
    worker_id id;
    pthread_t thread;
    int fd; /* owned; -1 once closed */
    const struct service *service;
    size_t slot;
    bool finished;
    struct worker *next;
};

static const struct session_config *session_config;
static const struct claims_pages *claims;
static pthread_attr_t attributes; /* of the workers' threads */
static int ended_fd;              /* eventfd: readable when a worker has finished */
static worker_id last_id;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct worker *workers; /* those not yet joined; under `lock`, and so is what is in them */

int worker_init(const struct session_config *config, const struct sandbox *confinement,
                const struct claims_pages *pages, const sigset_t *inherited)
{
    (void)confinement; /* the process is confined as a whole, and its threads with it */
    (void)inherited;   /* nobody sends a thread a signal */
    /* libc keeps the stacks of threads that have ended, up to a number of bytes: with its usual
     * size that is a handful. */
    int error = pthread_attr_init(&attributes);
    if (error == 0)
        error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (error != 0) {
        errno = error;
        return -1;
    }
    session_config = config;
    claims = pages;
    /* No child is ours. As pid 1 of a container we adopt some, which are to vanish when they end
     * (waitpid(2), NOTES). */
    if (signal(SIGCHLD, SIG_IGN) == SIG_ERR)
        return -1;
    ended_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return ended_fd;
}

void worker_wake_clear(int wake_fd)
{
    eventfd_t count;
    (void)eventfd_read(wake_fd, &count);
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;

    pthread_mutex_lock(&lock);
    int fd = self->fd;
    pthread_mutex_unlock(&lock);

    self->service->run(session_config, fd, claims_of(claims, self->slot));

    pthread_mutex_lock(&lock);
    self->fd = -1; /* before it is closed: worker_stop() must not meet the number's next owner */
    self->finished = true;
    pthread_mutex_unlock(&lock);
    io_close(fd);
    (void)eventfd_write(ended_fd, 1);
    return NULL;
}

static void *return_at_once(void *arg)
{
    return arg;
}

int worker_try(struct worker_end *end, int highest_fd)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, return_at_once, NULL);

    (void)highest_fd;
    if (error == 0)
        error = pthread_join(thread, NULL);
    *end = (struct worker_end){.id = 0};
    errno = error;
    return error == 0 ? 0 : -1;
}

worker_id worker_start(struct pending *client, size_t waiting, int highest_fd)
{
    struct worker *worker = malloc(sizeof *worker);

    (void)waiting; /* there is one table of descriptors for all */
    (void)highest_fd;
    if (worker == NULL)
        return -1; /* ENOMEM: the record stays with the caller */
    *worker = (struct worker){
        .id = ++last_id, .fd = client->fd, .service = client->service, .slot = client->stay.slot};
    claims_clear(claims, worker->slot);

    /* Linked in before it runs, and the lock held until pthread_create() has stored its number. */
    pthread_mutex_lock(&lock);
    worker->next = workers;
    workers = worker;
    int error = pthread_create(&worker->thread, &attributes, worker_main, worker);
    if (error != 0)
        workers = worker->next;
    pthread_mutex_unlock(&lock);

    if (error != 0) {
        free(worker);
        errno = error;
        return -1;
    }
    client->fd = -1;
    return last_id;
}

static struct worker *unlink_finished(void)
{
    struct worker *found = NULL;

    pthread_mutex_lock(&lock);
    for (struct worker **link = &workers; *link != NULL; link = &(*link)->next) {
        if ((*link)->finished) {
            found = *link;
            *link = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

bool worker_reap(struct worker_end *end)
{
    struct worker *worker = unlink_finished();

    if (worker == NULL)
        return false;
    pthread_join(worker->thread, NULL);
    *end = (struct worker_end){.id = worker->id};
    free(worker);
    return true;
}

void worker_stop(worker_id id, bool forcibly)
{
    (void)forcibly;
    pthread_mutex_lock(&lock);
    for (const struct worker *worker = workers; worker != NULL; worker = worker->next)
        if (worker->id == id && worker->fd >= 0)
            (void)shutdown(worker->fd, SHUT_RDWR);
    pthread_mutex_unlock(&lock);
}
