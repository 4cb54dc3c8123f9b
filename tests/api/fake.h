/* An agent without an agent: an api over a real brain and a host that says what a test wants. */
#ifndef SHOAL_TESTS_API_FAKE_H
#define SHOAL_TESTS_API_FAKE_H

#include "api/api.h"

struct fake {
    struct api *api;
    struct brain *brain;
    struct effects effects;
    struct instant now;
    struct api_connection *connection;
    struct buf out;      /* what the connection wrote */
    size_t queued_bytes; /* as its transport says */
    bool closed;
};

/* A brain of its own that has been started alone, and a connection. */
void fake_init(struct fake *fake);
void fake_fini(struct fake *fake);
/* Sends the head of a GET and returns all that was written meanwhile, as text. */
const char *fake_get(struct fake *fake, const char *path);
/* A datagram from another node comes in. */
void fake_datagram(struct fake *fake, uint64_t from_node, struct bytes payload);
/* Steps the brain with a timer, `later_ms` later, and hands its effects to the api, as an agent
 * does. */
void fake_step(struct fake *fake, uint64_t later_ms);

#endif
