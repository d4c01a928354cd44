/* link.h - libzmq sockets, one timer, and one descriptor over all of them.
 *
 *     epoll_fd --+-- ZMQ_FD, of each socket  "its state may have changed", edge-triggered by nature
 *                +-- timer_fd                "look again at ..."
 *
 * ZMQ_FD tells of a change once.  Whoever uses the socket takes that news away, even by a send; so
 * the owner receives until EAGAIN before it lets anybody wait, or calls link_wake_at(link, 0).
 *
 * A socket is made anew, rather than trusted, whenever its peer has been silent too long: link_open
 * again.  The descriptor that the user polls stays the same. */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include "sluice.h"

#include <zmq.h>

enum {
    LINK_HEARTBEAT_MS = 1000,
    LINK_HEARTBEAT_TIMEOUT_MS = 3000,
    LINK_RECONNECT_MS = 100,
    LINK_RECONNECT_MAX_MS = 1000,
    LINK_CONNECT_TIMEOUT_MS = 1500, /* else the kernel asks ever more seldom, after a cut too */
    LINK_HANDSHAKE_MS = 5000,
    LINK_MESSAGE_BYTES_MAX = 64 * 1024 * 1024, /* a frame larger than this is no batch of ours */
};

typedef struct link {
    void *context;
    bool own_context;
    int epoll_fd, timer_fd;
    uint64_t armed_ns; /**< when timer_fd fires; UINT64_MAX: it does not */
} link_t;

/** One socket of a link.  Zeros: none yet. */
typedef struct link_socket {
    void *socket; /**< NULL: closed */
    int fd;       /**< its ZMQ_FD, if it is in the link's descriptor */
    bool watched;
} link_socket_t;

/** Makes context and descriptors.  On failure the link is as if never made.
 *  @param shared_context  NULL: one of its own. */
sluice_err link_init(link_t *link, void *shared_context);
/** Its sockets must be closed. */
void link_fini(link_t *link);

/** Closes the socket there is, and makes one of `type` with the settings above, not connected yet.
 *  @return SLUICE_OK, SLUICE_EIO. */
sluice_err link_open(link_t *link, link_socket_t *s, int type);
/** A socket that is closed already is fine. */
void link_close(link_t *link, link_socket_t *s);

/** Connects, and makes the descriptor fire once, since news from before anybody waited tells itself
 * to nobody.  @return SLUICE_OK, SLUICE_EINVAL (malformed endpoint), SLUICE_EIO. */
sluice_err link_connect(link_t *link, link_socket_t *s, const char *endpoint);

/** Is it one that could be connected to?  For endpoints that are connected to later. */
bool link_endpoint_valid(const char *endpoint);

/** Takes away what the socket's descriptor tells; the caller sees to it that it is looked at. */
void link_settle(link_socket_t *s);

bool link_set(link_socket_t *s, int option, int value);

/** Makes the descriptor fire at `mono_ns` at the latest; 0: at once. */
void link_wake_at(link_t *link, uint64_t mono_ns);

/** Takes the timer's news away.  Call when looking at what is due. */
void link_timer_taken(link_t *link, uint64_t now_ns);

/** Waits for the descriptor.  @param timeout_ns UINT64_MAX: for ever.
 *  @return 1: it fired; 0: the time is up; -1: a signal came. */
int link_wait(const link_t *link, uint64_t timeout_ns);

uint64_t link_now_ns(void);

/** Random bytes from the system, for names that must not repeat. */
void link_random(void *out, size_t len);

/** Copies an options struct that may be older (shorter) or newer (longer) than ours.
 *  @return false: no size, or a member this library does not know is set. */
bool options_copy(void *ours, size_t our_size, const void *theirs, size_t their_size);

/** The other way: hands out `ours`, as much of it as `theirs` has room for.  Both begin with their
 * size; theirs is kept. */
void stats_copy(void *theirs, const void *ours, size_t our_size);

#endif
