/* mns_push_server.h - for tests: where certificates come from, and where nobody must go.
 *
 * The server speaks HTTPS on loopback with a certificate of its own making and gives every request
 * the same answer.  It is bound when it is made, but refuses connections until it is opened.
 * The trap only listens: whoever connects is counted.  Threads: one in the server. */
#ifndef MNS_PUSH_SERVER_H
#define MNS_PUSH_SERVER_H

#include <stddef.h>

typedef struct push_server push_server_t;

/** @param dns_name  whom its TLS certificate names. */
push_server_t *push_server_create(const char *dns_name);
void push_server_destroy(push_server_t **server);
void push_server_open(push_server_t *server);

/** What is said from now on.  NULL: nothing, until the client leaves. */
void push_server_answer(push_server_t *server, const char *head, const void *body, size_t len);
/** 200 with this text. */
void push_server_serve(push_server_t *server, const char *text);

int push_server_port(const push_server_t *server);
/** A PEM file that makes a client trust it. */
const char *push_server_ca(const push_server_t *server);
size_t push_server_requests(push_server_t *server);

typedef struct push_trap {
    int v4, v6; /**< the same port; v6 may be -1: there is no IPv6 here */
    int port;
} push_trap_t;

void push_trap_open(push_trap_t *trap);
void push_trap_close(push_trap_t *trap);
/** How many have connected since it was last asked. */
size_t push_trap_sprung(push_trap_t *trap);

#endif
