/* caseless.c - a filesystem to which names that differ only by case are the same.
 *
 * Used by: caseless.bats, as build/test/caseless.
 * Usage:   caseless DIR
 *          Mounts it on DIR, empty, and serves it until something ends it. The mount is in a mount
 *          namespace of its own (nsenter -m shows it), and goes with the last process there. Who is
 *          not root needs a user namespace around it: unshare -r caseless DIR.
 * Prints:  ready     once it is mounted
 * Exit:    1 something went wrong (stderr says what), 2 wrong usage, 3 this place allows no such
 *          thing (stderr says what).
 *
 * It is like vfat and others of that kind: it keeps a name as it was first written, knows no
 * O_TMPFILE, no hard links and no fallocate, and every file has a second name that nobody gave it:
 * "~" and its inode number. Files are in memory, and whatever was a file once stays there: a test
 * has few. The protocol is the kernel's own, fuse(4) and <linux/fuse.h>. A process that a test
 * forgot ends itself after LIFETIME_S. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WENT_WRONG = 1, WRONG_USAGE = 2, NOT_HERE = 3 };
enum { NODES_MAX = 4096, FILE_MAX = 1 << 26, IO_MAX = 128 * 1024, BLOCK = 4096, LIFETIME_S = 600 };

/* A file or directory; its number, which is its place in the array, is its inode's. */
struct node {
    uint64_t dir; /* the directory that it is in; 0: in none any more */
    char name[NAME_MAX + 1], second_name[16];
    uint32_t mode, uid, gid;
    size_t size;
    char *bytes; /* of a file: `size` */
};

static struct node nodes[NODES_MAX];
static uint64_t nodes_end = FUSE_ROOT_ID; /* behind the last one used; 0 is none */

/* What the kernel wrote, and what it is told. */
static union {
    struct fuse_in_header head;
    char room[sizeof(struct fuse_in_header) + IO_MAX + BLOCK];
} request;

static union {
    struct fuse_init_out init;
    struct fuse_entry_out entry;
    struct fuse_attr_out attr;
    struct fuse_open_out open;
    struct {
        struct fuse_entry_out entry;
        struct fuse_open_out open;
    } created;
    struct fuse_write_out write;
    struct fuse_statfs_out statfs;
    char bytes[IO_MAX];
} reply;

/* ---- files ---- */

/* Returns the number of what has this name there, or 0. */
static uint64_t find_node(uint64_t dir, const char *name)
{
    for (uint64_t id = FUSE_ROOT_ID; id < nodes_end; id++)
        if (nodes[id].dir == dir &&
            (strcasecmp(nodes[id].name, name) == 0 || strcasecmp(nodes[id].second_name, name) == 0))
            return id;
    return 0;
}

static void set_name(struct node *node, const char *name)
{
    (void)snprintf(node->name, sizeof node->name, "%s", name);
}

/* Returns its number, or 0 with errno. */
static uint64_t add_node(uint64_t dir, const char *name, uint32_t mode, uint32_t uid, uint32_t gid)
{
    if (nodes_end == NODES_MAX || strlen(name) > NAME_MAX) {
        errno = nodes_end == NODES_MAX ? ENOSPC : ENAMETOOLONG;
        return 0;
    }
    struct node *node = &nodes[nodes_end];
    *node = (struct node){.dir = dir, .mode = mode, .uid = uid, .gid = gid};
    set_name(node, name);
    (void)snprintf(node->second_name, sizeof node->second_name, "~%u", (unsigned)nodes_end);
    return nodes_end++;
}

/* What is new reads as zeros. Returns 0, or -1 with errno. */
static int resize(struct node *node, uint64_t size)
{
    if (size > FILE_MAX) {
        errno = EFBIG;
        return -1;
    }
    char *bytes = size == 0 ? node->bytes : realloc(node->bytes, (size_t)size);
    if (bytes == NULL && size > 0)
        return -1;
    if (size > node->size)
        memset(bytes + node->size, 0, (size_t)size - node->size);
    node->bytes = bytes;
    node->size = (size_t)size;
    return 0;
}

/* ---- what the kernel asks ----
 *
 * Each returns the length of its reply, or a negative errno. request.head.nodeid is what it is
 * about or, with names, the directory; `body` is a struct, a name, or first one and then the other.
 */

static int describe(uint64_t id, struct fuse_attr *attr)
{
    const struct node *node = &nodes[id];
    *attr = (struct fuse_attr){.ino = id,
                               .size = node->size,
                               .blocks = (node->size + 511) / 512,
                               .mode = node->mode,
                               .nlink = node->dir != 0,
                               .uid = node->uid,
                               .gid = node->gid,
                               .blksize = BLOCK};
    return sizeof reply.attr;
}

/* Times of validity are 0: the kernel asks each time, so what it sees is what is there. */
static int enter(uint64_t id)
{
    reply.entry.nodeid = id;
    describe(id, &reply.entry.attr);
    return sizeof reply.entry;
}

static int do_init(const void *body)
{
    (void)body;
    reply.init.major = FUSE_KERNEL_VERSION;
    reply.init.minor = FUSE_KERNEL_MINOR_VERSION;
    reply.init.flags = FUSE_BIG_WRITES;
    reply.init.max_write = IO_MAX;
    return sizeof reply.init;
}

static int do_lookup(const void *body)
{
    uint64_t id = find_node(request.head.nodeid, body);
    return id == 0 ? -ENOENT : enter(id);
}

static int do_getattr(const void *body)
{
    (void)body;
    return describe(request.head.nodeid, &reply.attr.attr);
}

static int do_setattr(const void *body)
{
    const struct fuse_setattr_in *in = body;
    struct node *node = &nodes[request.head.nodeid];
    if ((in->valid & FATTR_SIZE) != 0 && resize(node, in->size) != 0)
        return -errno;
    if ((in->valid & FATTR_MODE) != 0)
        node->mode = in->mode;
    return describe(request.head.nodeid, &reply.attr.attr);
}

static int do_mkdir(const void *body)
{
    const struct fuse_mkdir_in *in = body;
    const char *name = (const char *)(in + 1);
    if (find_node(request.head.nodeid, name) != 0)
        return -EEXIST;
    uint64_t id =
        add_node(request.head.nodeid, name, S_IFDIR | in->mode, request.head.uid, request.head.gid);
    return id == 0 ? -errno : enter(id);
}

static int do_create(const void *body)
{
    const struct fuse_create_in *in = body;
    const char *name = (const char *)(in + 1);
    uint64_t id = find_node(request.head.nodeid, name);
    if (id != 0 && (in->flags & O_EXCL) != 0)
        return -EEXIST;
    if (id == 0)
        id = add_node(request.head.nodeid, name, in->mode, request.head.uid, request.head.gid);
    if (id == 0)
        return -errno;
    enter(id);
    return sizeof reply.created;
}

static int do_open(const void *body)
{
    (void)body;
    return sizeof reply.open;
}

/* What needs no work: FLUSH, RELEASE, FSYNC, and the like. */
static int do_nothing(const void *body)
{
    (void)body;
    return 0;
}

static int do_read(const void *body)
{
    const struct fuse_read_in *in = body;
    const struct node *node = &nodes[request.head.nodeid];
    size_t left = in->offset < node->size ? node->size - (size_t)in->offset : 0;
    size_t len = left < in->size ? left : in->size;
    if (len > sizeof reply.bytes)
        len = sizeof reply.bytes;
    if (len > 0)
        memcpy(reply.bytes, node->bytes + in->offset, len);
    return (int)len;
}

static int do_write(const void *body)
{
    const struct fuse_write_in *in = body;
    struct node *node = &nodes[request.head.nodeid];
    uint64_t end = in->offset + in->size;
    if (end > node->size && resize(node, end) != 0)
        return -errno;
    if (in->size > 0)
        memcpy(node->bytes + in->offset, in + 1, in->size);
    reply.write.size = in->size;
    return sizeof reply.write;
}

/* The offset of an entry is the number of the node behind it. */
static int do_readdir(const void *body)
{
    const struct fuse_read_in *in = body;
    size_t room = in->size < sizeof reply.bytes ? in->size : sizeof reply.bytes, used = 0;
    for (uint64_t id = in->offset == 0 ? FUSE_ROOT_ID + 1 : in->offset; id < nodes_end; id++) {
        uint32_t len = (uint32_t)strlen(nodes[id].name);
        size_t next = used + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + len);
        if (nodes[id].dir != request.head.nodeid)
            continue;
        if (next > room)
            break;
        struct fuse_dirent entry = {
            .ino = id, .off = id + 1, .namelen = len, .type = (nodes[id].mode & S_IFMT) >> 12};
        memcpy(reply.bytes + used, &entry, FUSE_NAME_OFFSET);
        memcpy(reply.bytes + used + FUSE_NAME_OFFSET, nodes[id].name, len);
        used = next;
    }
    return (int)used;
}

static int do_unlink(const void *body)
{
    uint64_t id = find_node(request.head.nodeid, body);
    if (id == 0)
        return -ENOENT;
    nodes[id].dir = 0;
    return 0;
}

/* What takes another's place takes over its name as it was written there. */
static int move(uint64_t new_dir, unsigned flags, const char *old_name)
{
    const char *new_name = old_name + strlen(old_name) + 1;
    uint64_t id = find_node(request.head.nodeid, old_name), other = find_node(new_dir, new_name);
    if (id == 0)
        return -ENOENT;
    if ((flags & ~1U) != 0) /* 1: RENAME_NOREPLACE */
        return -EINVAL;
    if (other != 0 && flags != 0)
        return -EEXIST;
    nodes[other].dir = 0;
    nodes[id].dir = new_dir;
    set_name(&nodes[id], other != 0 && other != id ? nodes[other].name : new_name);
    return 0;
}

static int do_rename(const void *body)
{
    const struct fuse_rename_in *in = body;
    return move(in->newdir, 0, (const char *)(in + 1));
}

static int do_rename2(const void *body)
{
    const struct fuse_rename2_in *in = body;
    return move(in->newdir, in->flags, (const char *)(in + 1));
}

static int do_statfs(const void *body)
{
    const uint64_t many = 1 << 20;
    (void)body;
    reply.statfs.st = (struct fuse_kstatfs){.blocks = many,
                                            .bfree = many,
                                            .bavail = many,
                                            .bsize = BLOCK,
                                            .frsize = BLOCK,
                                            .namelen = NAME_MAX};
    return sizeof reply.statfs;
}

/* To what is not here the answer is ENOSYS, of which the kernel makes what a filesystem says that
 * has no such thing: for O_TMPFILE and fallocate EOPNOTSUPP. Locks it keeps itself. */
static int (*const handlers[])(const void *body) = {
    [FUSE_INIT] = do_init,       [FUSE_LOOKUP] = do_lookup,      [FUSE_GETATTR] = do_getattr,
    [FUSE_SETATTR] = do_setattr, [FUSE_MKDIR] = do_mkdir,        [FUSE_CREATE] = do_create,
    [FUSE_OPEN] = do_open,       [FUSE_OPENDIR] = do_open,       [FUSE_READ] = do_read,
    [FUSE_WRITE] = do_write,     [FUSE_READDIR] = do_readdir,    [FUSE_UNLINK] = do_unlink,
    [FUSE_RENAME] = do_rename,   [FUSE_RENAME2] = do_rename2,    [FUSE_STATFS] = do_statfs,
    [FUSE_RELEASE] = do_nothing, [FUSE_RELEASEDIR] = do_nothing, [FUSE_FLUSH] = do_nothing,
    [FUSE_FSYNC] = do_nothing,   [FUSE_FSYNCDIR] = do_nothing,   [FUSE_ACCESS] = do_nothing,
};

/* ---- the mount ---- */

/* Answers the one request that has been read. Returns 0, or -1 with errno. */
static int answer(int fuse_fd)
{
    uint32_t opcode = request.head.opcode;
    if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT)
        return 0; /* these have no answer */
    int outcome = -ENOSYS;
    memset(&reply, 0, sizeof reply.created);
    if (opcode < sizeof handlers / sizeof handlers[0] && handlers[opcode] != NULL)
        outcome = handlers[opcode](&request.head + 1);
    size_t len = outcome < 0 ? 0 : (size_t)outcome;
    struct fuse_out_header head = {.len = (uint32_t)(sizeof head + len),
                                   .error = outcome < 0 ? outcome : 0,
                                   .unique = request.head.unique};
    struct iovec parts[] = {{&head, sizeof head}, {&reply, len}};
    /* ENOENT: whoever asked was killed meanwhile. */
    return writev(fuse_fd, parts, 2) < 0 && errno != ENOENT ? -1 : 0;
}

static int serve(int fuse_fd)
{
    for (;;) {
        /* ENOENT: the request was taken back before we had it (fuse(4)). */
        if (read(fuse_fd, request.room, sizeof request.room) >= 0) {
            if (answer(fuse_fd) != 0)
                return -1;
        } else if (errno != EINTR && errno != ENOENT) {
            return -1;
        }
    }
}

/* Returns the descriptor that its requests come by, or -1 with errno. */
static int mount_here(const char *dir)
{
    char options[128];
    int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse_fd < 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return -1;
    (void)snprintf(options, sizeof options,
                   "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions,"
                   "max_read=%d",
                   fuse_fd, (unsigned)getuid(), (unsigned)getgid(), IO_MAX);
    return mount("caseless", dir, "fuse.caseless", MS_NOSUID | MS_NODEV, options) == 0 ? fuse_fd
                                                                                       : -1;
}

/* No /dev/fuse, no filesystem of that kind in this kernel, or no right to either. */
static int is_refusal(int error)
{
    return error == ENOENT || error == ENXIO || error == ENODEV || error == EPERM ||
           error == EACCES;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: caseless DIR\n", stderr);
        return WRONG_USAGE;
    }
    alarm(LIFETIME_S);
    nodes[FUSE_ROOT_ID] = (struct node){
        .dir = FUSE_ROOT_ID, .mode = S_IFDIR | 0755, .uid = getuid(), .gid = getgid()};
    nodes_end = FUSE_ROOT_ID + 1;
    int fuse_fd = mount_here(argv[1]);
    if (fuse_fd < 0) {
        int error = errno;
        fprintf(stderr, "caseless: cannot mount: %s\n", strerror(error));
        return is_refusal(error) ? NOT_HERE : WENT_WRONG;
    }
    puts("ready");
    fflush(stdout);
    serve(fuse_fd);
    fprintf(stderr, "caseless: %s\n", strerror(errno));
    return WENT_WRONG;
}
