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

/** Reads an answer into a cleared store and sets its err.
 *  @param count  how many messages or handles the request named. */
void mns_answer_judge(const mns_judge_t *judge, const mns_op_row_t *row, uint32_t count, int status,
                      const char *body, size_t len, mns_store_t *store);

#endif
