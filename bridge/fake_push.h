/* fake_push.h - libmns's verification of pushes, answered as a test says.
 *
 * Takes the library's place at link time.  It judges by no signature, but reads the same headers.
 */
#ifndef BRIDGE_FAKE_PUSH_H
#define BRIDGE_FAKE_PUSH_H

#include <mns/push.h>

typedef struct fake_verifier {
    /* The script: */
    mns_push_verdict verdict; /**< of whatever is asked */
    size_t ended;             /**< what the next run says */
    uint64_t certificates;    /**< kept */
    mns_err create_err;

    /* What the test sees: */
    unsigned asked;
    char target[256]; /**< of the last request */
    size_t header_count, body_len;
    size_t host_count; /**< of the options */
    char last_host[64];
} fake_verifier_t;

extern fake_verifier_t fake_verifier;

/** Everything is genuine. */
void fake_verifier_reset(void);

#endif
