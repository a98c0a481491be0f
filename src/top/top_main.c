/* top_main.c - ferrytop: shows which clients a ferryd serves now, and which wait.
 *
 * Runs in: a process of its own, which only reads the server's board. The server does not know
 *          about it, and it cannot disturb the server. */
#include "common/cmdline.h"
#include "common/io.h"
#include "common/log.h"
#include "top/screen.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { FRAME_MS = 500, ROWS_DEFAULT = 24, COLUMNS_DEFAULT = 80, ONCE_ROWS = 2000 };

struct top_options {
    const char *path;
    bool once;
};

static const struct cmdline_option table[CMDLINE_ROWS] = {
    {"--once", NULL, "print one picture and exit", CMDLINE_FLAG,
     .at = offsetof(struct top_options, once)},
    {"--help", NULL, "print this and exit", CMDLINE_HELP, .letter = 'h'},
    {"--version", NULL, "print the version and exit", CMDLINE_VERSION, .letter = 'V'},
};

static const struct cmdline cmdline = {
    .program = "ferrytop",
    .synopsis = "[OPTION]... FILE",
    .about = "Show which clients a ferryd serves, and which wait.\n"
             "The server must have been started with --board FILE.\n",
    .notes = "q quits. Exit status: 0 done, 1 FILE cannot be shown, 2 wrong usage.\n",
    .options = table,
};

static enum cmdline_result parse(struct top_options *options, int argc, char **argv)
{
    enum cmdline_result result = cmdline_parse(&cmdline, options, argc, argv);

    if (result != CMDLINE_RUN)
        return result;
    if (argc - optind != 1) {
        log_error("one FILE is needed, not %d; usage: ferrytop %s", argc - optind,
                  cmdline.synopsis);
        return CMDLINE_WRONG;
    }
    options->path = argv[optind];
    return CMDLINE_RUN;
}

static void terminal_size(int *rows, int *columns)
{
    struct winsize size;

    *rows = ROWS_DEFAULT;
    *columns = COLUMNS_DEFAULT;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        *rows = size.ws_row;
        *columns = size.ws_col;
    }
}

static int show_once(const struct board_view *view)
{
    struct snapshot snapshot;
    int rows, columns;

    if (snapshot_take(&snapshot, view) < 0)
        return -1;
    terminal_size(&rows, &columns);
    int drawn =
        screen_draw(&snapshot, NULL, ONCE_ROWS, isatty(STDOUT_FILENO) ? columns : ONCE_ROWS, false);
    snapshot_free(&snapshot);
    return drawn;
}

/* SIGWINCH, Ctrl-Z and what ends us, as a descriptor; or -1. */
static int open_signals(void)
{
    static const int wanted[] = {SIGWINCH, SIGTSTP, SIGINT, SIGQUIT, SIGTERM, SIGHUP};
    sigset_t signals;

    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        sigaddset(&signals, wanted[i]);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* The terminal as it was before the first frame. After the last one it is so again. */
struct terminal {
    struct termios before;
    bool keyboard; /* standard input is a terminal, too */
};

/* Changes to the other screen, without a cursor. Keys come one by one and are not shown. */
static void enter(const struct terminal *terminal)
{
    static const char sequence[] = "\033[?1049h\033[?25l";

    if (terminal->keyboard) {
        struct termios raw = terminal->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    (void)io_write_all(STDOUT_FILENO, sequence, sizeof sequence - 1);
}

static void leave(const struct terminal *terminal)
{
    static const char sequence[] = "\033[?25h\033[?1049l";

    (void)io_write_all(STDOUT_FILENO, sequence, sizeof sequence - 1);
    if (terminal->keyboard)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
}

/* Returns false for a signal that ends us. */
static bool obey_signal(int signal_fd, const struct terminal *terminal)
{
    struct signalfd_siginfo info;

    if (read(signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    if (info.ssi_signo == SIGTSTP) {
        leave(terminal);
        (void)kill(getpid(), SIGSTOP);
        enter(terminal);
        return true;
    }
    return info.ssi_signo == SIGWINCH;
}

/* Waits for the next frame's time. Returns false when it is time to quit. */
static bool wait_for_frame(int signal_fd, const struct terminal *terminal)
{
    struct pollfd slots[] = {{.fd = signal_fd, .events = POLLIN},
                             {.fd = terminal->keyboard ? STDIN_FILENO : -1, .events = POLLIN}};
    char key = 'q';

    if (poll(slots, 2, FRAME_MS) <= 0)
        return true;
    if (slots[0].revents != 0)
        return obey_signal(signal_fd, terminal);
    return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
}

static void redraw_until_quit(const struct board_view *view, int signal_fd,
                              const struct terminal *terminal)
{
    struct snapshot snapshot, previous = {.running = NULL};
    int rows, columns;

    do {
        terminal_size(&rows, &columns);
        if (snapshot_take(&snapshot, view) < 0)
            continue;
        (void)screen_draw(&snapshot, previous.running == NULL ? NULL : &previous, rows, columns,
                          true);
        snapshot_free(&previous);
        previous = snapshot;
    } while (wait_for_frame(signal_fd, terminal));
    snapshot_free(&previous);
}

static int show_live(const struct board_view *view)
{
    struct terminal terminal;
    int signal_fd = open_signals();

    if (signal_fd < 0)
        return -1;
    terminal.keyboard = tcgetattr(STDIN_FILENO, &terminal.before) == 0;
    enter(&terminal);
    redraw_until_quit(view, signal_fd, &terminal);
    leave(&terminal);
    io_close(signal_fd);
    return 0;
}

int main(int argc, char **argv)
{
    struct top_options options = {.path = NULL};
    struct board_view view;

    log_open(cmdline.program, STDOUT_FILENO);
    switch (parse(&options, argc, argv)) {
    case CMDLINE_EXIT:
        return EXIT_SUCCESS;
    case CMDLINE_WRONG:
        return EXIT_USAGE;
    case CMDLINE_RUN:
        break;
    }
    const char *reason = board_view_open(&view, options.path);
    if (reason != NULL) {
        log_error("cannot show %s: %s", options.path, reason);
        return EXIT_FAILURE;
    }
    int outcome = options.once || !isatty(STDOUT_FILENO) ? show_once(&view) : show_live(&view);
    if (outcome < 0)
        log_error("cannot show %s: %s", options.path, strerror(errno));
    board_view_close(&view);
    return outcome < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
