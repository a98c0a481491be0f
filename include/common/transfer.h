/* transfer.h - a file's bytes, to and from a socket. */
#ifndef FERRY_TRANSFER_H
#define FERRY_TRANSFER_H

#include "common/io.h"

enum transfer_end {
    TRANSFER_DONE,
    TRANSFER_PEER, /* the connection ended or failed; errno says how (ENODATA: early end of stream,
                      ETIMEDOUT: idle for too long, ETIME: slower than min_rate) */
    TRANSFER_FILE, /* the file failed; errno says how (ENODATA: it is shorter than `size`) */
    TRANSFER_HEARD /* sending stopped because the peer spoke: see `heed_peer` */
};

struct transfer {
    struct io_conn *conn;
    int file_fd;
    uint64_t size;     /* bytes to move */
    int idle_ms;       /* as in pace.h */
    uint64_t min_rate; /* likewise */

    /* Sending: stop as soon as the peer says something. */
    bool heed_peer;
    /* Receiving: the file already reads as `size` zeros, so blocks of zeros need not be written,
     * and a sparse file stays cheap. Otherwise the bytes are written one after the other. */
    bool reads_zero;

    void (*on_progress)(void *arg, uint64_t moved); /* NULL: nobody asks */
    void *arg;
};

/* Sends file_fd's next `size` bytes; never copies them through this process (sendfile(2)). With
 * `heed_peer` it is done when the peer's system has them all, or when the peer speaks after the
 * last; else when there is room for another word. */
enum transfer_end transfer_send(const struct transfer *transfer);

/* Receives `size` bytes into file_fd. What is unread in `conn` comes first. */
enum transfer_end transfer_receive(const struct transfer *transfer);

#endif
