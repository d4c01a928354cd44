/* mns_answer.h - what does this answer mean?
 *
 * First the status, then the root element, then the error code; an answer that is no MNS answer
 * counts as MNS_EPROTO, except that a 5xx, 408 or 429 is the server's trouble whoever words it. */
#ifndef MNS_ANSWER_H
#define MNS_ANSWER_H

#include "mns_op.h"

typedef struct mns_judge {
    mns_xml_reader_t *reader;
    mns_signer_t *signer; /**< for the MD5 of what was received */
} mns_judge_t;

/** Reads an answer into a cleared store and sets its err, code_id and transient. */
void mns_answer_judge(const mns_judge_t *judge, const mns_asked_t *asked, int status,
                      const char *body, size_t len, mns_store_t *store);

/** The code's constant; MNS_CODE_NONE for "", MNS_CODE_OTHER for one that is not in the list. */
mns_code mns_code_of(const char *code);

/** Does an answer with this status and code pass?  The code knows better than the status. */
bool mns_answer_transient(int status, mns_code code);

#endif
