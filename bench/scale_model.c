#include "scale_model.h"

#include <math.h>

/* 10 Gbit/s; of the 1,538 bytes that a full frame takes on the wire (preamble, MAC, checksum, gap),
 * 1,448 are TCP's payload (IPv4, timestamps). */
#define WIRE_BYTES_PER_S (10e9 / 8)
#define WIRE_PAYLOAD     (1448.0 / 1538.0)

/* ZMTP's heads of a message's three frames, 2 or 9 bytes each. */
#define BATCH_FRAMING_BYTES 20.0

/* A line through the two costs; a slope below 0 is noise. */
static void split_sequencer(const scale_costs_t *costs, scale_model_t *model)
{
    double more = costs->sequencer_s_to_many - costs->sequencer_s_to_one;
    model->sequencer_s_per_delivery = fmax(more / (costs->many_subs - 1), 0);
    model->sequencer_s_per_event =
        fmax(costs->sequencer_s_to_one - model->sequencer_s_per_delivery, 0);
}

scale_model_t scale_model(const scale_costs_t *costs)
{
    scale_model_t model = {0};
    double bytes = costs->feed_bytes_per_event + BATCH_FRAMING_BYTES / costs->events_per_batch;
    model.wire_deliveries_per_s = WIRE_BYTES_PER_S * WIRE_PAYLOAD / bytes;
    model.feed_deliveries_per_s = 1 / costs->feed_s_per_delivery;
    split_sequencer(costs, &model);
    double shared = fmin(model.wire_deliveries_per_s, model.feed_deliveries_per_s);
    double left_s = 1 / shared - model.sequencer_s_per_delivery;
    model.deliveries_per_s = left_s > 0 ? shared : 1 / model.sequencer_s_per_delivery;
    model.knee_subs = left_s > 0 ? model.sequencer_s_per_event / left_s : 0;
    return model;
}

double scale_model_events_per_s(const scale_model_t *model, double subs)
{
    double sequencer_s = model->sequencer_s_per_event + subs * model->sequencer_s_per_delivery;
    return fmin(1 / sequencer_s, model->deliveries_per_s / subs);
}
