/* io.h - exact reads and writes on a connection, each with a deadline.
 *
 * No call here waits in a send or receive: it tries first and sleeps in poll(2) only when it must;
 * io_be_patient() is the exception.
 * Times are milliseconds of CLOCK_MONOTONIC. Nothing here is resumed after an error. */
#ifndef FERRY_IO_H
#define FERRY_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IO_NO_DEADLINE INT64_MAX

enum {
    IO_BUFFER = 2048,      /* what is read ahead of the conversation: a request and more */
    IO_DRAIN_MS = 1000,    /* how long io_finish() waits for the peer to close */
    IO_PATIENCE_MS = 1000, /* the longest a call on a blocking socket waits: see io_bound_waits() */
    /* What a socket takes before it has found a way for it: enough to keep the way busy (`make
     * bench`), and little enough that bytes taken are bytes sent, but for a moment. */
    IO_UNSENT_BYTES = 256 * 1024
};

/* A connection and the bytes that came before anyone asked for them. */
struct io_conn {
    int fd;
    size_t start, end; /* the unread bytes are buf[start..end) */
    bool patient;      /* see io_be_patient() */
    char buf[IO_BUFFER];
};

int64_t io_now_ms(void);
int64_t io_now_ns(void);
int64_t io_wall_ns(void); /* CLOCK_REALTIME, since 1970 */

/* Waits for `events` (poll(2)) on `fd`. Returns 0, or -1 with errno: ETIMEDOUT, or poll's. */
int io_wait(int fd, short events, int64_t deadline_ms);

/* The same, where a call has said EAGAIN for the `turn`-th time, counted from 0. poll(2) may call a
 * descriptor ready on which the call finds nothing to do (poll(2), BUGS; or a mark of urgent data,
 * where splice(2) stops). So no loop may rest on its word: from the second turn on this looks at
 * the clock first, and sleeps for a moment. */
int io_wait_again(int fd, short events, int64_t deadline_ms, unsigned turn);

/* Sends all of it. Returns 0, or -1 with errno: ETIMEDOUT, or send(2)'s. */
int io_send_all(int fd, const void *data, size_t len, int64_t deadline_ms);

/* The same, for the first part of what is one message: the kernel waits for the rest of it, for a
 * moment (send(2), MSG_MORE). */
int io_send_part(int fd, const void *data, size_t len, int64_t deadline_ms);

/* Receives what there is, up to `len`. Returns the count, 0 at the peer's end of stream, or -1
 * with errno: ETIMEDOUT, or recv(2)'s. */
ssize_t io_recv_some(int fd, void *data, size_t len, int64_t deadline_ms);

void io_conn_init(struct io_conn *conn, int fd);
size_t io_unread(const struct io_conn *conn);

/* Adds to the unread bytes. Returns as io_recv_some(); ENOBUFS when the buffer is full. */
ssize_t io_fill(struct io_conn *conn, int64_t deadline_ms);

/* For the next io_fill() alone: it may wait in recv(2) for as long as the socket's own timeout lets
 * it, before it looks at its deadline. That is one system call where a wait takes three otherwise.
 * For sockets that have io_bound_waits(), where the deadline is no sooner than
 * IO_PATIENCE_MS, or by so much does not matter. */
void io_be_patient(struct io_conn *conn);

/* Takes up to `len` of the bytes already read; returns how many. Never waits. */
size_t io_take(struct io_conn *conn, void *data, size_t len);

/* Reads exactly `len` bytes. Returns 0, or -1 with errno: ENODATA at an early end of stream,
 * ETIMEDOUT, or recv(2)'s. */
int io_read_exact(struct io_conn *conn, void *data, size_t len, int64_t deadline_ms);

/* Reads the bytes of `word` and nothing else, after any CR and LF before it. Fails at the first
 * byte that differs. Returns 0, or -1 with errno: EPROTO, ENODATA, ETIMEDOUT, or recv(2)'s. */
int io_expect_word(struct io_conn *conn, const char *word, int64_t deadline_ms);

/* Drops CR and LF at the head of what comes. Returns 0 with at least one other byte unread, or -1
 * as io_read_exact(). */
int io_skip_line_ends(struct io_conn *conn, int64_t deadline_ms);

/* Writes all of it to a file, pipe or terminal; waits as long as that takes.
 * Returns 0, or -1 with write(2)'s errno. */
int io_write_all(int fd, const void *data, size_t len);

/* pwrite(2) as the system call of that name: a libc may make another one of it (musl 1.2.5:
 * pwritev2(2)), which the sandbox's filter takes for what it is not. */
ssize_t io_pwrite(int fd, const void *data, size_t len, off_t offset);

/* Says the last word: half-closes, then reads and discards until the peer closes, IO_DRAIN_MS at
 * most. Closing with unread input would send a reset, and that can destroy what was just sent
 * before the peer has read it (RFC 1122 section 4.2.2.13). The caller still closes the descriptor.
 * For sockets that have io_bound_waits(). */
void io_finish(struct io_conn *conn);

/* The same, but goes on reading for up to `most_ms` while bytes keep coming: for a peer that is in
 * the middle of a long message, and will read the last word when it has said that. */
void io_finish_within(struct io_conn *conn, int64_t most_ms);

/* Do the two descriptors lead to one file? Not where either cannot be asked. */
bool io_same_file(int one_fd, int other_fd);

/* Closes `fd` unless it is -1. Never retried: on Linux the descriptor is gone whatever close(2)
 * returns. Keeps errno. */
void io_close(int fd);

/* Opens /dev/null as descriptors 0, 1 and 2 where they are closed: otherwise a socket would get one
 * of these numbers, and then whatever is printed. Returns 0, or -1 with errno. */
int io_fill_standard_fds(void);

/* The highest descriptor that is open, or where /proc does not tell, one that none can exceed. */
int io_highest_fd(void);

/* Closes the descriptors from `first` to `last`; none that is open is higher than `highest`. */
void io_close_between(unsigned first, unsigned last, unsigned highest);

/* What both ends of a connection want, and accepted sockets inherit: no delay for words (tcp(7),
 * TCP_NODELAY); a byte sent as urgent is one byte among the others (RFC 6093 section 6); and no
 * more than IO_UNSENT_BYTES wait in the socket for their turn. Best effort. */
void io_prepare_socket(int fd);

/* What a blocking socket waits for, in a call that is not told to wait for nothing, takes no longer
 * than IO_PATIENCE_MS (socket(7), SO_RCVTIMEO). Accepted sockets inherit it. Returns 0, or -1 with
 * errno. */
int io_bound_waits(int fd);

/* Makes the socket non-blocking, for calls that cannot be told to wait for nothing. */
void io_never_block(int fd);

/* Hangs up a TCP connection whose peer's machine has vanished after about `timeout_ms`. */
void io_keepalive(int fd, int timeout_ms);

#endif
