#include "base/mp.h"
#include "event/normalise.h"

static const struct {
    const char *name, *text;
} reasons[EVENT_REASON_COUNT] = {
#define X(name, topic, text) [EVENT_REASON_##name] = {topic, text},
    EVENT_REASON_MAP(X)
#undef X
};

const char *event_reason_name(event_reason_t reason)
{
    return reasons[reason].name;
}

const char *event_reason_text(event_reason_t reason)
{
    return reasons[reason].text;
}

static void put_time_ms(sl_buf_t *out, int64_t time_ms)
{
    int64_t sec = time_ms / 1000, ms = time_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        sec--;
    }
    mp_put_time(out, sec, (uint32_t)ms * 1000000u);
}

void event_dead_letter(sl_buf_t *out, const event_origin_t *origin, event_reason_t reason,
                       const void *body, size_t len, const char *detail, uint32_t attempt)
{
    enum { MEMBERS = 8 };
    const size_t before = out->len;
    const char *name = event_reason_name(reason);
    mp_put_map(out, MEMBERS);
    mp_put_lit(out, "Category");
    mp_put_lit(out, "$dead");
    mp_put_lit(out, "Event");
    mp_put_str(out, name, strlen(name));
    mp_put_lit(out, "id");
    mp_put_str(out, origin->id, origin->id_len);
    mp_put_lit(out, "source");
    mp_put_str(out, origin->source, origin->source_len);
    mp_put_lit(out, "time");
    put_time_ms(out, origin->time_ms);
    mp_put_lit(out, "Body");
    mp_put_bin(out, body, len);
    mp_put_lit(out, "Detail");
    mp_put_str(out, detail, strlen(detail));
    mp_put_lit(out, "Attempt");
    mp_put_uint(out, attempt);
    if (out->failed)
        out->len = before;
}
