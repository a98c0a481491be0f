/* load.c - a load generator: conversations one after the other, so and so many at once.
 *
 * Used by: scripts/bench and scripts/count-calls, as build/bench/load.
 * Usage:   load [-c AT_ONCE] [-n TOTAL | -t SECS] [-u SECS] [-s BYTES] [-i IDLE] PORT VERB [NAME]
 *            GET      fetches NAME and throws the bytes away where they are, uncopied
 *            PUT      sends BYTES bytes to NAME-<i>, i counts from 0; none of them is zero
 *            HTTP     fetches /NAME by HTTP/1.1, with the same reader as GET; no connection is kept
 *            HTTP-PUT sends BYTES bytes to /NAME-<i> by HTTP/1.1, behind the head of the request
 *            HOLD     IDLE connections and nothing else, until standard input ends
 *            PORT     prints a port that is free, whatever PORT is
 *          There are AT_ONCE (8) of them at once; whenever one is over the next one begins. It ends
 *          after TOTAL of them, or, with -t, after so many seconds; those that are not over then
 *          do not count. With -u the clock starts after so many seconds, and what was over by then
 *          does not count. With -i, IDLE connections come first, from IDLE_SOURCE, and are silent.
 *          The others come from SOURCES addresses in turn, so that neither the ports of one run
 *          out nor is anybody's share (--per-source) in the way.
 * Prints:  one line of JSON: how many were good and failed, seconds, conversations and bytes of
 *          content per second, microseconds from connect to the last word (p50, p99), and
 *          microseconds from the end of any conversation to the next READY (refill, p50 and p99),
 *          which says something where one client is served at a time and others wait.
 * Exit:    0 none failed, 1 some did (stderr: the first), 2 wrong usage.
 *
 * One process, one epoll(7). A conversation is a row of steps: what is waited for, and what is said
 * when it has come. Nothing is read that has not been announced, so that a step costs a recv, a
 * send and its part of an epoll_wait: the generator shares the machine with what it measures. */
#include <arpa/inet.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ALL_GOOD = 0, SOME_FAILED = 1, WRONG_USAGE = 2 };
enum {
    NAME_MAX_BYTES = 200,
    BUFFER_BYTES = 8192,         /* a small file and DONE; the head of an HTTP answer */
    CONTENT_BYTES = 1024 * 1024, /* what uploads are made of, again and again */
    TURN_BYTES = 1024 * 1024,    /* moved before others have their turn */
    EVENTS = 512,
    SOURCES = 64,
    FIRST_SOURCE = 0x7f000101, /* 127.0.1.1 */
    IDLE_SOURCE = 0x7f000002,  /* 127.0.0.2 */
    SERVER = 0x7f000001,
    PATIENCE_S = 60, /* no conversation takes that long: then the run has failed */
};
static const int64_t NS = 1000000000;

enum verb { GET, PUT, HTTP, HTTP_PUT, HOLD, FREE_PORT, VERBS };
static const char *const verb_names[VERBS] = {"GET", "PUT", "HTTP", "HTTP-PUT", "HOLD", "PORT"};

/* What others of this kind say, too (ab, wrk), and that nobody need keep the connection. */
#define HTTP_FIELDS                                                                                \
    " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\nConnection: close\r\n"

enum step { AT_READY, AT_OK, AT_SIZE, AT_GO, AT_SENDING, AT_BODY, AT_DONE, AT_ASKING, AT_HEAD };
static const char *const step_names[] = {"READY",         "OK",         "the size",
                                         "the second OK", "room",       "the content",
                                         "DONE",          "the server", "the head of the answer"};

struct conversation {
    int fd;
    enum step step;
    uint64_t number;
    uint64_t left; /* of the content */
    size_t got;    /* bytes of `text` */
    char text[24]; /* an answer that came in parts */
    int64_t began_ns;
};

struct samples {
    int64_t *ns;
    size_t count, room;
};

struct load {
    uint16_t port;
    enum verb verb;
    const char *name;
    uint64_t at_once, total, idle, bytes;
    double seconds, warm_up;

    int epoll_fd;
    int content_fd; /* CONTENT_BYTES of memory, for sendfile(2) */
    char *content;  /* the same */
    struct conversation *places;
    uint64_t begun, good, failed, moved;
    int64_t start_ns, stop_ns; /* of the clock; stop 0: after `total` */
    int64_t freed_ns;          /* when a conversation was over, if no READY came since; or 0 */
    struct samples latency, refill;
};

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(SOME_FAILED);
}

static bool uploads(const struct load *load)
{
    return load->verb == PUT || load->verb == HTTP_PUT;
}

static bool speaks_http(const struct load *load)
{
    return load->verb == HTTP || load->verb == HTTP_PUT;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS + now.tv_nsec;
}

/* ---- samples ---- */

static void add_sample(struct samples *samples, int64_t ns)
{
    if (samples->count == samples->room) {
        samples->room = samples->room == 0 ? EVENTS : samples->room * 2;
        samples->ns = realloc(samples->ns, samples->room * sizeof *samples->ns);
        if (samples->ns == NULL)
            die("memory");
    }
    samples->ns[samples->count++] = ns;
}

static int by_value(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Microseconds; 0 where there is no sample. They must be sorted. */
static double percentile_us(const struct samples *samples, size_t percent)
{
    if (samples->count == 0)
        return 0;
    size_t rank = (samples->count - 1) * percent / 100;
    return (double)samples->ns[rank] / 1000;
}

static void sort(struct samples *samples)
{
    if (samples->count > 0)
        qsort(samples->ns, samples->count, sizeof *samples->ns, by_value);
}

/* ---- one conversation ---- */

enum progress { WAITS, OVER, FAILED };

/* Counts the failure, and tells the first. */
static enum progress failure(struct load *load, const struct conversation *c, const char *what)
{
    if (load->failed++ == 0)
        fprintf(stderr, "load: %s %ju, waiting for %s: %s\n", verb_names[load->verb],
                (uintmax_t)c->number, step_names[c->step], what);
    return FAILED;
}

/* What a call on the connection came to that moved no byte. */
static enum progress nothing_moved(struct load *load, const struct conversation *c, ssize_t n)
{
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return WAITS;
    return failure(load, c, n == 0 ? "the server has ended its side" : strerror(errno));
}

/* Says so much, all at once: a connection that has just been listened to has room for it. The
 * content of an upload by HTTP waits for no word, and goes into the same packet. */
static enum progress say(struct load *load, struct conversation *c, const void *text, size_t len,
                         enum step next)
{
    int more = load->verb == HTTP_PUT ? MSG_MORE : 0;
    ssize_t sent = send(c->fd, text, len, MSG_NOSIGNAL | more);
    if (sent != (ssize_t)len)
        return failure(load, c, sent < 0 ? strerror(errno) : "no room for a word");
    c->step = next;
    c->got = 0;
    return WAITS;
}

/* Reads what is still missing of `len` bytes of an answer. Returns OVER when c->text has them. */
static enum progress hear(struct load *load, struct conversation *c, size_t len)
{
    ssize_t n = recv(c->fd, c->text + c->got, len - c->got, 0);
    if (n <= 0)
        return nothing_moved(load, c, n);
    c->got += (size_t)n;
    return c->got == len ? OVER : WAITS;
}

/* The same for a word that is known. */
static enum progress hear_word(struct load *load, struct conversation *c, const char *word)
{
    enum progress progress = hear(load, c, strlen(word));
    if (progress == FAILED || memcmp(c->text, word, c->got) == 0)
        return progress;
    char answer[sizeof c->text + 8];
    (void)snprintf(answer, sizeof answer, "got %.*s", (int)c->got, c->text);
    return failure(load, c, answer);
}

static void listen_for(struct load *load, const struct conversation *c, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(c - load->places)};
    if (epoll_ctl(load->epoll_fd, how, c->fd, &event) < 0)
        die("epoll_ctl");
}

/* The content of an upload, as much as there is room for; a small one in one call. */
static enum progress send_content(struct load *load, struct conversation *c)
{
    for (uint64_t turn = 0; c->left > 0 && turn < TURN_BYTES;) {
        off_t from = (off_t)((load->bytes - c->left) % CONTENT_BYTES);
        size_t len = (size_t)(CONTENT_BYTES - from);
        if (len > c->left)
            len = (size_t)c->left;
        ssize_t sent = load->bytes <= BUFFER_BYTES
                           ? send(c->fd, load->content + from, len, MSG_NOSIGNAL)
                           : sendfile(c->fd, load->content_fd, &from, len);
        if (sent <= 0) {
            if (nothing_moved(load, c, sent) == FAILED)
                return FAILED;
            break;
        }
        c->left -= (uint64_t)sent;
        turn += (uint64_t)sent;
    }
    enum step before = c->step;
    c->step = c->left > 0 ? AT_SENDING : speaks_http(load) ? AT_HEAD : AT_DONE;
    if ((before == AT_SENDING) != (c->step == AT_SENDING))
        listen_for(load, c, c->step == AT_SENDING ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
    return WAITS;
}

static enum progress ask(struct load *load, struct conversation *c)
{
    char request[NAME_MAX_BYTES + 256];
    uintmax_t number = c->number, bytes = load->bytes;
    int len = 0;

    switch (load->verb) {
    case PUT:
        len = snprintf(request, sizeof request, "PUT %s-%ju\n", load->name, number);
        break;
    case HTTP:
        len = snprintf(request, sizeof request, "GET /%s" HTTP_FIELDS "\r\n", load->name);
        break;
    case HTTP_PUT:
        len = snprintf(request, sizeof request,
                       "PUT /%s-%ju" HTTP_FIELDS "Content-Length: %ju\r\n\r\n", load->name, number,
                       bytes);
        break;
    default:
        len = snprintf(request, sizeof request, "GET %s\n", load->name);
        break;
    }
    enum progress progress =
        say(load, c, request, (size_t)len, speaks_http(load) ? AT_HEAD : AT_OK);
    if (load->verb != HTTP_PUT || progress == FAILED)
        return progress;
    c->left = load->bytes;
    return send_content(load, c);
}

/* The last bytes of a download come together with DONE, if one is quick. */
static enum progress hear_end(struct load *load, struct conversation *c)
{
    char buffer[BUFFER_BYTES];
    size_t word = speaks_http(load) ? 0 : strlen("DONE");
    ssize_t n = recv(c->fd, buffer, (size_t)c->left + word, 0);

    if (n <= 0)
        return nothing_moved(load, c, n);
    if ((uint64_t)n < c->left) {
        c->left -= (uint64_t)n;
        return WAITS;
    }
    c->got = (size_t)((uint64_t)n - c->left);
    memcpy(c->text, buffer + c->left, c->got);
    c->left = 0;
    if (memcmp(c->text, "DONE", c->got) != 0)
        return failure(load, c, "the content is longer than announced");
    c->step = AT_DONE;
    return c->got == word ? OVER : WAITS;
}

/* tcp(7): with MSG_TRUNC the bytes are thrown away. */
static enum progress skip_content(struct load *load, struct conversation *c)
{
    if (c->left <= BUFFER_BYTES / 2)
        return hear_end(load, c);
    ssize_t n = recv(c->fd, NULL, (size_t)c->left, MSG_TRUNC);
    if (n <= 0)
        return nothing_moved(load, c, n);
    c->left -= (uint64_t)n;
    return c->left == 0 && speaks_http(load) ? OVER : WAITS;
}

static enum progress learn_size(struct load *load, struct conversation *c)
{
    uint64_t wire;
    enum progress progress = hear(load, c, sizeof wire);
    if (progress != OVER)
        return progress;
    memcpy(&wire, c->text, sizeof wire);
    c->left = be64toh(wire);
    if (load->bytes == 0)
        load->bytes = c->left;
    return say(load, c, "OK", 2, AT_BODY);
}

/* Is this the head of an answer that says yes? Sets *size to what it says of the content. */
static bool is_good(const char *head, uint64_t *size)
{
    static const char version[] = "HTTP/1.", field[] = "\r\ncontent-length:";

    if (strncmp(head, version, sizeof version - 1) != 0)
        return false;
    unsigned long status = strtoul(head + sizeof "HTTP/1.1", NULL, 10);
    const char *length = strcasestr(head, field);
    if (length != NULL)
        *size = strtoull(length + sizeof field - 1, NULL, 10);
    return (length != NULL && (status == 200 || status == 201)) || status == 204;
}

/* The head of an answer comes whole: it is short, and the first thing that is said. */
static enum progress read_head(struct load *load, struct conversation *c)
{
    char head[BUFFER_BYTES + 1];
    ssize_t n = recv(c->fd, head, BUFFER_BYTES, 0);

    if (n <= 0)
        return nothing_moved(load, c, n);
    head[n] = '\0';
    char *end = strstr(head, "\r\n\r\n");
    if (end == NULL)
        return failure(load, c, "only a part of it came at once");
    *end = '\0';
    uint64_t size = 0, here = (uint64_t)(head + n - (end + 4));
    if (!is_good(head, &size)) {
        head[strcspn(head, "\r")] = '\0';
        return failure(load, c, head);
    }
    if (load->bytes == 0)
        load->bytes = size;
    c->left = size - (here < size ? here : size);
    c->step = AT_BODY;
    return c->left == 0 ? OVER : WAITS;
}

static enum progress hear_ready(struct load *load, struct conversation *c)
{
    enum progress progress = hear_word(load, c, "READY");
    if (progress != OVER)
        return progress;
    if (load->freed_ns > 0 && load->freed_ns >= load->start_ns)
        add_sample(&load->refill, now_ns() - load->freed_ns);
    load->freed_ns = 0;
    return ask(load, c);
}

static enum progress take_step(struct load *load, struct conversation *c)
{
    enum progress progress = WAITS;
    uint64_t wire = htobe64(load->bytes);

    switch (c->step) {
    case AT_READY:
        return hear_ready(load, c);
    case AT_OK:
        progress = hear_word(load, c, "OK");
        if (progress != OVER)
            return progress;
        return load->verb == PUT ? say(load, c, &wire, sizeof wire, AT_GO)
                                 : say(load, c, "READY", strlen("READY"), AT_SIZE);
    case AT_SIZE:
        return learn_size(load, c);
    case AT_GO:
        progress = hear_word(load, c, "OK");
        c->left = load->bytes;
        if (progress == OVER)
            c->got = 0;
        return progress == OVER ? send_content(load, c) : progress;
    case AT_SENDING:
        return send_content(load, c);
    case AT_BODY:
        return skip_content(load, c);
    case AT_DONE:
        return hear_word(load, c, "DONE");
    case AT_ASKING:
        listen_for(load, c, EPOLLIN, EPOLL_CTL_MOD);
        return ask(load, c);
    case AT_HEAD:
        return read_head(load, c);
    }
    return FAILED;
}

/* ---- all of them ---- */

/* A socket that is bound to `source`. IP_BIND_ADDRESS_NO_PORT leaves the port to connect(2), which
 * knows that one may be used for several servers. */
static int open_socket(uint32_t source, int flags)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), on = 1;

    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
        die("socket");
    return fd;
}

static struct sockaddr_in server_address(const struct load *load)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(load->port), .sin_addr.s_addr = htonl(SERVER)};
}

/* The server speaks first, so that nobody need wait for the connection; but not by HTTP. */
static void begin(struct load *load, struct conversation *c)
{
    struct sockaddr_in server = server_address(load);
    int on = 1;

    *c = (struct conversation){.number = load->begun++, .began_ns = now_ns()};
    c->fd = open_socket((uint32_t)(FIRST_SOURCE + c->number % SOURCES), SOCK_NONBLOCK);
    c->step = speaks_http(load) ? AT_ASKING : AT_READY;
    /* Of what is said here only an upload's end need not wait for the word before it. */
    if (uploads(load) && load->bytes > BUFFER_BYTES)
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        die("connect");
    listen_for(load, c, speaks_http(load) ? EPOLLOUT : EPOLLIN, EPOLL_CTL_ADD);
}

static bool goes_on(const struct load *load)
{
    return load->stop_ns > 0 || load->begun < load->total;
}

/* One step of the conversation in that place; where it was the last, the next one takes the place.
 */
static void serve(struct load *load, struct conversation *c)
{
    enum progress progress = take_step(load, c);
    if (progress == WAITS)
        return;
    close(c->fd);
    c->fd = -1;
    int64_t now = now_ns();
    load->freed_ns = now;
    if (progress == OVER && now >= load->start_ns) {
        load->good++;
        load->moved += load->bytes;
        add_sample(&load->latency, now - c->began_ns);
    }
    if (goes_on(load))
        begin(load, c);
}

static bool is_over(const struct load *load, int64_t now, int64_t patience_ns)
{
    if (now >= patience_ns) {
        fprintf(stderr, "load: not over after %d s\n", PATIENCE_S);
        exit(SOME_FAILED);
    }
    return load->stop_ns > 0 ? now >= load->stop_ns : load->good + load->failed == load->total;
}

static void run(struct load *load)
{
    static struct epoll_event events[EVENTS];
    int64_t now = now_ns(), patience_ns = now + PATIENCE_S * NS;

    load->start_ns = now;
    load->stop_ns = load->seconds > 0 ? patience_ns : 0;
    for (uint64_t i = 0; i < load->at_once && goes_on(load); i++)
        begin(load, &load->places[i]);
    if (load->warm_up > 0) /* which begins when all are there: ten thousand take a while */
        load->start_ns = now_ns() + (int64_t)(load->warm_up * (double)NS);
    if (load->seconds > 0)
        load->stop_ns = load->start_ns + (int64_t)(load->seconds * (double)NS);
    while (!is_over(load, now = now_ns(), patience_ns)) {
        int64_t until_ns = load->stop_ns > 0 ? load->stop_ns : patience_ns;
        int count =
            epoll_wait(load->epoll_fd, events, EVENTS, (int)((until_ns - now) / 1000000) + 1);
        for (int i = 0; i < count; i++)
            serve(load, &load->places[events[i].data.u64]);
    }
}

static void report(struct load *load)
{
    double seconds = (double)(now_ns() - load->start_ns) / (double)NS;

    sort(&load->latency);
    sort(&load->refill);
    printf("{\"good\": %ju, \"failed\": %ju, \"seconds\": %.4f, \"per_second\": %.1f, "
           "\"bytes_per_second\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"refill_p50_us\": %.1f, \"refill_p99_us\": %.1f}\n",
           (uintmax_t)load->good, (uintmax_t)load->failed, seconds, (double)load->good / seconds,
           (double)load->moved / seconds, percentile_us(&load->latency, 50),
           percentile_us(&load->latency, 99), percentile_us(&load->refill, 50),
           percentile_us(&load->refill, 99));
}

static void raise_fd_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* They stay until this process ends. */
static void open_idle(const struct load *load)
{
    struct sockaddr_in server = server_address(load);

    for (uint64_t i = 0; i < load->idle; i++)
        if (connect(open_socket(IDLE_SOURCE, 0), (struct sockaddr *)&server, sizeof server) < 0)
            die("connect");
}

static int hold(const struct load *load)
{
    char byte;

    raise_fd_limit();
    open_idle(load);
    printf("holding %ju\n", (uintmax_t)load->idle);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return ALL_GOOD;
}

/* For servers that cannot be told to take any port and to say which. */
static int print_free_port(void)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(SERVER)};
    socklen_t len = sizeof self;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&self, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&self, &len) < 0)
        die("a free port");
    printf("%u\n", (unsigned)ntohs(self.sin_port));
    return ALL_GOOD;
}

/* A block of zeros may be left out by who stores it: here there is none. */
static void make_content(struct load *load)
{
    uint32_t state = 1;

    load->content_fd = memfd_create("content", MFD_CLOEXEC);
    if (load->content_fd < 0 || ftruncate(load->content_fd, CONTENT_BYTES) < 0)
        die("memory");
    load->content =
        mmap(NULL, CONTENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, load->content_fd, 0);
    if (load->content == MAP_FAILED)
        die("memory");
    for (size_t i = 0; i < CONTENT_BYTES; i++) {
        state = state * 1664525 + 1013904223; /* Numerical Recipes' generator */
        load->content[i] = (char)(state >> 24 | 1);
    }
}

static void prepare(struct load *load)
{
    raise_fd_limit();
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load->places = calloc((size_t)load->at_once, sizeof *load->places);
    if (load->epoll_fd < 0 || load->places == NULL)
        die("epoll");
    if (uploads(load))
        make_content(load);
}

/* ---- arguments ---- */

static int usage(void)
{
    fputs("usage: load [-c AT_ONCE] [-n TOTAL | -t SECS] [-u SECS] [-s BYTES] [-i IDLE]\n"
          "            PORT GET|PUT|HTTP|HTTP-PUT|HOLD|PORT [NAME]\n",
          stderr);
    return WRONG_USAGE;
}

/* A number above 0; K, M and G may follow. Returns 0 where it is none. */
static uint64_t whole(const char *text)
{
    static const char units[] = "KMG";
    char *end;

    uint64_t number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]))
        return 0;
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (unit != NULL) {
        number <<= 10 * (unit - units + 1);
        end++;
    }
    return *end == '\0' ? number : 0;
}

static bool parse_option(struct load *load, int option, const char *value)
{
    switch (option) {
    case 'c':
        return (load->at_once = whole(value)) > 0;
    case 'n':
        return (load->total = whole(value)) > 0;
    case 's':
        return (load->bytes = whole(value)) > 0;
    case 'i':
        return (load->idle = whole(value)) > 0;
    case 't':
        return (load->seconds = strtod(value, NULL)) > 0;
    case 'u':
        return (load->warm_up = strtod(value, NULL)) > 0;
    default:
        return false;
    }
}

static bool parse_arguments(struct load *load, int argc, char **argv)
{
    int option, verb = 0;

    while ((option = getopt(argc, argv, "c:n:t:u:s:i:")) != -1)
        if (!parse_option(load, option, optarg))
            return false;
    if (argc - optind < 2)
        return false;
    uint64_t port = whole(argv[optind]);
    while (verb < VERBS && strcmp(argv[optind + 1], verb_names[verb]) != 0)
        verb++;
    load->port = (uint16_t)port;
    load->verb = (enum verb)verb;
    load->name = argv[optind + 2];
    if (verb == HOLD || verb == FREE_PORT)
        return true;
    return verb < VERBS && argc - optind == 3 && port <= UINT16_MAX &&
           strlen(load->name) <= NAME_MAX_BYTES && (!uploads(load) || load->bytes > 0);
}

int main(int argc, char **argv)
{
    struct load load = {.at_once = 8, .total = 1000};

    if (!parse_arguments(&load, argc, argv))
        return usage();
    if (load.verb == FREE_PORT)
        return print_free_port();
    if (load.verb == HOLD)
        return hold(&load);
    prepare(&load);
    open_idle(&load);
    run(&load);
    report(&load);
    free(load.places);
    return load.failed == 0 ? ALL_GOOD : SOME_FAILED;
}
