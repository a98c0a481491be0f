/* client_main.c - ferry: one process per job, one file at a time in each.
 *
 * Runs in: the client. The only file of the client that may exit. */
#include "client/client_options.h"
#include "client/commands.h"
#include "client/say.h"
#include "common/io.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_in_turn(const struct client_options *options)
{
    int failed = 0;

    for (size_t i = 0; i < options->name_count; i++)
        if (command_run(options, options->names[i]) < 0)
            failed++;
    return failed == 0 ? 0 : -1;
}

struct job {
    pid_t pid;        /* 0: none */
    const char *name; /* its file */
};

struct jobs {
    struct job *list;
    size_t most, running; /* places in the list, and those taken */
};

/* Returns 0 where the job went well; it has said itself what went wrong, unless it was killed. */
static int judge_job(const struct job *job, int status)
{
    if (WIFSIGNALED(status))
        return say_error("%s: killed by signal %d", job->name, WTERMSIG(status));
    return WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -1;
}

/* Waits for one job. Returns 0 where it went well. A child that somebody left us when we were
 * started is none of ours. */
static int finish_job(struct jobs *jobs)
{
    for (;;) {
        int status;
        pid_t child = wait(&status);
        if (child < 0 && errno != EINTR)
            return -1;
        for (size_t i = 0; child > 0 && i < jobs->most; i++) {
            if (jobs->list[i].pid != child)
                continue;
            jobs->list[i].pid = 0;
            jobs->running--;
            return judge_job(&jobs->list[i], status);
        }
    }
}

/* A job ends with the ferry that started it. */
__attribute__((noreturn)) static void run_job(const struct client_options *options,
                                              const char *name, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    _exit(command_run(options, name) < 0 || say_failed() ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Starts a process for one file; there must be a place for it. Returns 0, or -1 with errno. */
static int start_job(struct jobs *jobs, const struct client_options *options, const char *name)
{
    pid_t parent = getpid();
    pid_t child = fork();

    if (child == 0)
        run_job(options, name, parent);
    if (child < 0)
        return -1;
    for (size_t i = 0; i < jobs->most; i++) {
        if (jobs->list[i].pid == 0) {
            jobs->list[i] = (struct job){.pid = child, .name = name};
            break;
        }
    }
    jobs->running++;
    return 0;
}

static int run_at_once(const struct client_options *options)
{
    struct jobs jobs = {.most = options->jobs};
    size_t started = 0, failed = 0;

    jobs.list = calloc(jobs.most, sizeof *jobs.list);
    while (jobs.list != NULL && (started < options->name_count || jobs.running > 0)) {
        bool room = started < options->name_count && jobs.running < jobs.most;
        if (room && start_job(&jobs, options, options->names[started]) == 0) {
            started++;
            continue;
        }
        if (jobs.running == 0)
            break;
        failed += finish_job(&jobs) < 0;
    }
    int error = errno;
    free(jobs.list);
    for (size_t i = started; i < options->name_count; i++)
        say_error("%s: cannot start a job: %s", options->names[i], strerror(error));
    return failed == 0 && started == options->name_count ? 0 : -1;
}

/* What stdio holds is written, and what a file system tells at close(2) alone is heard. musl has
 * written a line before fflush(3), and tells only once whether it could. */
static bool output_is_whole(void)
{
    if (fflush(stdout) != 0 || ferror(stdout) || close(STDOUT_FILENO) < 0)
        say_output_failed(errno);
    return !say_failed();
}

int main(int argc, char **argv)
{
    struct client_options options;
    bool stdout_is_closed = fcntl(STDOUT_FILENO, F_GETFD) < 0;

    log_open("ferry", STDOUT_FILENO);
    if (io_fill_standard_fds() < 0) {
        log_error("cannot open /dev/null: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    switch (client_options_parse(&options, argc, argv)) {
    case CMDLINE_EXIT:
        return output_is_whole() ? EXIT_SUCCESS : EXIT_FAILURE;
    case CMDLINE_WRONG:
        return EXIT_USAGE;
    case CMDLINE_RUN:
        break;
    }
    options.mask = umask(0);
    if (client_options_to_stdout(&options) && stdout_is_closed) {
        say_error("cannot write -: %s", strerror(EBADF));
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN); /* a connection that is gone is an error to report, not a death */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would lose the jobs' exit statuses */
    int outcome = options.at_once ? run_at_once(&options) : run_in_turn(&options);
    return output_is_whole() && outcome == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
