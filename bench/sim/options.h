/* options.h - what batch-sim may be told. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "config/config.h"
#include "notification.h"

typedef struct batch_options {
    const char *endpoint, *topic, *queue, *notification;
    config_list_t events;
    bool print, base64, ledger_bodies;
    int format; /**< envelope_format_t */
    const char *account, *subscription;
    uint64_t rate, count, seconds, seed, jobs, clusters, in_flight, give_up_ms;
    const char *ledger;
    const char *key_id, *key_secret, *token;
} batch_options_t;

extern const config_program_t batch_program;

/** Which events to publish, and where: the flags' word before the notification block's.
 *  @return SL_OK; SL_EIO, SL_EPROTO, SL_ENOMEM with `why`, a sentence without a full stop. */
sl_err batch_options_resolve(batch_options_t *options, notification_t *block, event_set_t *events,
                             char why[NOTIFICATION_WHY_MAX]);

/** The account in "http://123456789012.mns.cn-hangzhou.aliyuncs.com", else what `fallback` says.
 *  @param out  room for a short text. */
const char *batch_account(const char *endpoint, const char *fallback, char *out, size_t size);

#endif
