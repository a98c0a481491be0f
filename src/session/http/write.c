/* write.c - PUT, DELETE and MKCOL.
 *
 * Runs in: the worker (child process or thread), never in the manager.
 * So:      no exit(), chdir(), umask(), static buffers. */
#include "session/http/write.h"

#include "common/log.h"
#include "common/text.h"
#include "session/http/answer.h"
#include "session/http/body.h"
#include "session/http/validators.h"
#include "session/storage.h"

#include <errno.h>

/* ---- the request's conditions (RFC 9110 section 13.1) ---- */

/* A staged_terms' judge, of an exchange: looks at the file that the target names now. It is asked
 * before the body, so that nobody sends one for nothing, and again at the moment that counts. */
static int judge(const void *arg)
{
    const struct exchange *x = arg;
    struct stat st;
    bool there = storage_look(x->config->root_fd, x->target.name, &st) == 0;

    if (!there && errno != ENOENT)
        return -1;
    if (http_conditions(&x->head, there ? &st : NULL) == HTTP_GOES_ON)
        return there;
    errno = ECANCELED;
    return -1;
}

/* NULL where the request has none: then nobody need wait for a turn. */
static const struct staged_terms *choose_terms(const struct exchange *x,
                                               const struct staged_terms *terms)
{
    return http_has_conditions(&x->head) ? terms : NULL;
}

/* Says no for reasons that the three methods share; returns false where `error` is none of these.
 */
static bool refuse_on_terms(struct exchange *x, int error)
{
    if (error == ECANCELED)
        answer_refuse(x, 412, 0, "%s is not as the request's conditions want it", x->target.name);
    else if (error == EWOULDBLOCK) /* no turn came (staged.h) */
        answer_refuse(x, 503, error, "others write beside %s at the moment", x->target.name);
    else
        return false;
    return true;
}

/* Something new was to get the name, which is why none that could be there is not a 404. */
static void refuse_to_come(struct exchange *x, int error, const char *doing)
{
    const char *name = x->target.name;

    if (error == ENOENT || error == ENOTDIR)
        answer_refuse(x, 409, error, "there is no directory to hold %s", name);
    else if (error == ENAMETOOLONG)
        answer_refuse(x, 414, error, "a part of %s is too long for a name", name);
    else
        answer_refuse_error(x, error, doing);
}

/* ---- PUT ---- */

static void refuse_to_store(struct exchange *x, int error)
{
    const char *name = x->target.name;

    if (refuse_on_terms(x, error))
        return;
    if (error == EEXIST)
        answer_refuse(x, 412, error, "%s exists already, and no file is replaced here", name);
    else if (error == EISDIR)
        answer_refuse(x, 409, error, "%s is not a file", name);
    else
        refuse_to_come(x, error, "store");
}

/* A file is stored as it comes: what is encoded would be served as if it were not. */
static bool is_encoded(const struct exchange *x)
{
    const char *encoding = http_head_value(&x->head, "Content-Encoding");

    return encoding != NULL && (http_head_count(&x->head, "Content-Encoding") > 1 ||
                                !http_is_word(encoding, strlen(encoding), "identity"));
}

/* 415 says which codings would do (RFC 9110 section 12.5.3). A frame of its own: see
 * log_deleting(). */
__attribute__((noinline)) static void refuse_coding(struct exchange *x)
{
    struct answer answer;

    answer_begin(&answer, 415);
    answer_text(&answer, "Accept-Encoding", "identity");
    answer_refuse_with(x, &answer, 0, "files are stored as they are, without a Content-Encoding");
}

/* What can be said of an upload without looking at a file, in the order in which it would be met.
 * Returns true where it was refused. */
static bool refuse_unseen(struct exchange *x)
{
    if (x->config->read_only)
        answer_refuse(x, 405, EROFS, "this server stores nothing");
    else if (http_head_value(&x->head, "Content-Range") != NULL) /* RFC 9110 section 14.5 */
        answer_refuse(x, 400, 0, "a part of a file cannot be stored");
    else if (is_encoded(x))
        refuse_coding(x);
    else if (!x->framing.chunked && !x->framing.sized)
        answer_refuse(x, 411, 0, "the request has no Content-Length");
    else if (x->target.directory)
        refuse_to_store(x, EISDIR);
    else if (x->framing.length > x->config->max_size)
        answer_refuse_error(x, EFBIG, "store");
    else
        return false;
    return true;
}

/* Opens `upload`, if all is well so far. A condition counts only where the request would succeed
 * without it (RFC 9110 section 13.2.1), and directories are made only where it does. Returns 0; or
 * -1, and it was refused. */
static int begin_upload(struct exchange *x, struct staged *upload)
{
    const struct session_config *config = x->config;
    bool open = storage_create(config, x->target.name, false, upload) == 0;

    if (!open && !(errno == ENOENT && config->make_directories)) {
        refuse_to_store(x, errno);
        return -1;
    }
    if (http_has_conditions(&x->head) && judge(x) < 0) {
        int error = errno;
        if (open)
            staged_discard(upload);
        refuse_to_store(x, error);
        return -1;
    }
    if (!open && storage_create(config, x->target.name, true, upload) < 0) {
        refuse_to_store(x, errno);
        return -1;
    }
    return 0;
}

/* `file` is the new one. */
static void tell_stored(struct exchange *x, bool replaced, const struct stat *file)
{
    struct answer answer;
    char tag[HTTP_ETAG_MAX];

    answer_begin(&answer, replaced ? 204 : 201);
    answer_text(&answer, "ETag", http_etag(file, tag));
    answer_last_modified(&answer, file->st_mtim.tv_sec);
    answer_done(x);
    (void)answer_send_empty(x, &answer);
}

void http_put(struct exchange *x)
{
    const struct staged_terms terms = {.judge = judge, .arg = x};
    struct staged upload;
    struct stat st;

    if (refuse_unseen(x) || begin_upload(x, &upload) < 0)
        return;
    if (http_receive_body(x, &upload) < 0) {
        staged_discard(&upload);
        return;
    }
    /* By name, it might be another's already. */
    if (fstat(upload.fd, &st) < 0) {
        refuse_to_store(x, errno);
        staged_discard(&upload);
        return;
    }
    int outcome = staged_commit(&upload, x->config->durable, choose_terms(x, &terms));
    if (outcome < 0)
        refuse_to_store(x, errno);
    else
        tell_stored(x, outcome > 0, &st);
}

/* ---- DELETE ---- */

/* Neither a directory nor a file knows every method of this server (RFC 9110 section 10.2.1), which
 * is none that is read-only: that has said no before. */
static void refuse_method(struct exchange *x, bool is_directory)
{
    if (is_directory) {
        x->allow = "GET, HEAD, OPTIONS";
        answer_refuse(x, 405, EISDIR, "%s is a directory", x->target.name);
    } else {
        x->allow =
            x->config->no_delete ? "GET, HEAD, PUT, OPTIONS" : "GET, HEAD, PUT, DELETE, OPTIONS";
        answer_refuse(x, 405, EEXIST, "%s is there already", x->target.name);
    }
}

static void refuse_to_delete(struct exchange *x, int error)
{
    if (!refuse_on_terms(x, error))
        answer_refuse_error(x, error, "delete");
}

static void tell_empty(struct exchange *x, unsigned status)
{
    struct answer answer;

    answer_begin(&answer, status);
    answer_done(x);
    (void)answer_send_empty(x, &answer);
}

/* So large a text takes pages of the stack that are copied for a child: it has its own frame. */
__attribute__((noinline)) static void log_deleting(const struct exchange *x)
{
    char text[LOG_TEXT_MAX];

    if (!x->config->verbose)
        return;
    text_escape(text, sizeof text, x->target.name, strlen(x->target.name));
    log_line("server deleting file %s", text);
}

static bool refuse_to_delete_unseen(struct exchange *x)
{
    if (x->config->read_only || x->config->no_delete)
        answer_refuse(x, 405, x->config->read_only ? EROFS : EPERM, "this server deletes nothing");
    else if (http_has_body(x)) /* it would mean nothing (RFC 9110 section 9.3.5) */
        answer_refuse(x, 400, 0, "a request to delete has no body");
    else if (!storage_permits(x->target.name))
        answer_refuse_error(x, ENOENT, "delete");
    else
        return false;
    return true;
}

/* What is there that can be deleted? Returns 0; or -1, and it was refused. A name with a slash at
 * its end is a directory's. Conditions come last: see begin_upload(). */
static int find_deletable(struct exchange *x)
{
    struct stat st = {.st_mode = 0};
    int error = storage_look(x->config->root_fd, x->target.name, &st) == 0 ? 0 : errno;

    if (error == EISDIR && S_ISDIR(st.st_mode)) {
        refuse_method(x, true);
    } else if (error == 0 && x->target.directory) {
        refuse_to_delete(x, ENOTDIR);
    } else if (error != 0) {
        refuse_to_delete(x, error);
    } else if (http_conditions(&x->head, &st) != HTTP_GOES_ON) {
        refuse_to_delete(x, ECANCELED);
    } else {
        return 0;
    }
    return -1;
}

void http_delete(struct exchange *x)
{
    const struct staged_terms terms = {.judge = judge, .arg = x};

    if (refuse_to_delete_unseen(x) || find_deletable(x) < 0)
        return;
    int outcome = storage_delete(x->config->root_fd, x->target.name, x->config->durable,
                                 choose_terms(x, &terms));
    int error = outcome < 0 ? errno : 0;
    if (error != ENOENT && error != ECANCELED && error != EWOULDBLOCK)
        log_deleting(x);
    if (error != 0)
        refuse_to_delete(x, error);
    else
        tell_empty(x, 204);
}

/* ---- MKCOL ---- */

static void refuse_to_make(struct exchange *x, int error)
{
    struct stat st = {.st_mode = 0};

    if (error != EEXIST) {
        refuse_to_come(x, error, "make");
        return;
    }
    (void)storage_look(x->config->root_fd, x->target.name, &st);
    refuse_method(x, S_ISDIR(st.st_mode));
}

/* Is there a directory for the new one to be in? */
static bool has_holder(const struct exchange *x)
{
    char holder[PROTO_REQUEST_MAX + 1];
    struct stat st = {.st_mode = 0};
    size_t len = strlen(x->target.name);

    while (len > 0 && x->target.name[len - 1] != '/')
        len--;
    while (len > 0 && x->target.name[len - 1] == '/')
        len--;
    if (len == 0)
        return true;
    memcpy(holder, x->target.name, len);
    holder[len] = '\0';
    return storage_look(x->config->root_fd, holder, &st) < 0 && S_ISDIR(st.st_mode);
}

void http_make_directory(struct exchange *x)
{
    const struct session_config *config = x->config;
    struct stat st;

    if (config->read_only || !config->make_directories) {
        answer_refuse(x, 405, config->read_only ? EROFS : EPERM,
                      "this server makes no directories");
    } else if (http_has_body(x)) { /* RFC 4918 section 9.3 */
        answer_refuse(x, 415, 0, "a request to make a directory has no body");
    } else if (storage_look(config->root_fd, x->target.name, &st) == 0 || errno == EISDIR) {
        refuse_to_make(x, EEXIST);
    } else if (errno == ENOENT && has_holder(x) &&
               http_conditions(&x->head, NULL) != HTTP_GOES_ON) {
        (void)refuse_on_terms(x, ECANCELED);
    } else if (storage_make_directory(config->root_fd, x->target.name, config->mask,
                                      config->durable) < 0) {
        refuse_to_make(x, errno);
    } else {
        tell_empty(x, 201);
    }
}
