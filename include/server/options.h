/* options.h - ferryd's command line. */
#ifndef FERRY_OPTIONS_H
#define FERRY_OPTIONS_H

#include "common/cmdline.h"
#include "manager/manager.h"
#include "session/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where clients of HTTP come in. */
struct http_door {
    bool open;                       /* it was asked for */
    char address[HTTP_NAME_MAX + 1]; /* "": where the others come in */
    unsigned port;                   /* 0: a free one */
};

struct options {
    bool inetd;    /* serve one client, which is connected already; the port means nothing */
    unsigned port; /* 0: a free one */
    const char *root;
    const char *bind; /* NULL: every address */
    struct http_door http;
    const char *user; /* NULL: stay who we are */
    enum sandbox_mode sandbox;
    int ready_fd;         /* -1: nobody asks */
    struct policy policy; /* each of these as far as the command line says */
    struct session_config session;
    struct record_config record;
};

/* `program` names the program in messages; strings in `options` point into `argv`. */
enum cmdline_result options_parse(struct options *options, const char *program, int argc,
                                  char **argv);

#endif
