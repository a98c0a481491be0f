/* signal_thread.c - sends a signal to one thread of a process: kill(1) knows only whole processes.
 *
 * Used by: scripts/compare, as build/test/signal_thread.
 * Usage:   signal_thread SIGNAL PID TID
 * Exit:    0 sent, 1 not (stderr says why), 2 wrong usage. */

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WENT_WELL = 0, WENT_WRONG = 1, WRONG_USAGE = 2, NUMBERS = 3 };

int main(int argc, char **argv)
{
    long numbers[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) {
        numbers[i] = i + 1 < argc ? strtol(argv[i + 1], NULL, 10) : 0;
        if (numbers[i] <= 0) {
            fputs("usage: signal_thread SIGNAL PID TID\n", stderr);
            return WRONG_USAGE;
        }
    }
    if (syscall(SYS_tgkill, numbers[1], numbers[2], numbers[0]) < 0) {
        fprintf(stderr, "signal_thread: %s\n", strerror(errno));
        return WENT_WRONG;
    }
    return WENT_WELL;
}
