/* lab.h - the lab's protocol: GET, PUT and DEL, one to a connection (docs/protocol.md). */
#ifndef FERRY_LAB_H
#define FERRY_LAB_H

#include "session/service.h"

extern const struct service lab_service;

#endif
