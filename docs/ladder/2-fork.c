/* 2-fork.c PORT - serves the files of this directory, with a child process for each client.
 *
 * New: fork(). The child serves and exits; the parent accepts the next client at once. Each closes
 *      the descriptor that only the other one needs.
 * Question: a child has exited. What is left of it, and for how long? (See 3-waitpid.c.) */
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* One GET. A toy: it takes what one recv() brings for one message, and believes every word. */
static void serve(int fd)
{
    char text[256] = "", *name = text + 4;
    struct stat st;

    send(fd, "READY", 5, 0);
    recv(fd, text, sizeof text - 1, 0); /* GET name */
    name[strcspn(name, "\r\n")] = '\0';
    int file = name[0] == '.' || strchr(name, '/') ? -1 : open(name, O_RDONLY | O_NONBLOCK);
    if (strncmp(text, "GET ", 4) != 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
        dprintf(fd, "ERROR: %s does not exist", name);
    } else {
        uint64_t size = htobe64((uint64_t)st.st_size);
        send(fd, "OK", 2, 0);
        recv(fd, text, sizeof text, 0); /* READY */
        send(fd, &size, sizeof size, 0);
        recv(fd, text, sizeof text, 0); /* OK */
        if (sendfile(fd, file, NULL, (size_t)st.st_size) == st.st_size)
            send(fd, "DONE", 4, 0);
    }
    close(file);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    char *end;
    long port = strtol(argc > 1 ? argv[1] : "?", &end, 10);

    if (*end != '\0' || port < 0 || port > 65535)
        errx(2, "usage: PORT");
    at.sin_port = htons((uint16_t)port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&at, len) < 0 || listen(listener, SOMAXCONN) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) < 0)
        err(1, "port %ld", port);
    dprintf(STDOUT_FILENO, "waiting on port %d\n", ntohs(at.sin_port));
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fork() == 0) {
            close(listener);
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}
