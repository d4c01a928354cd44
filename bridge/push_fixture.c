#include "push_fixture.h"

#include "event/reader.h"

int push_setup(void **state)
{
    int failed = fixture_setup(state);
    fixture_t *f = *state;
    fake_verifier_reset();
    f->sources[0] = (source_options_t){.type = OPTIONS_PUSH,
                                       .name = "p",
                                       .listen = "127.0.0.1:0",
                                       .path = PATH,
                                       .region = "cn-hangzhou",
                                       .account = "123456789012",
                                       .topic = "t",
                                       .connections = 100,
                                       .in_hand = 50,
                                       .answer_within_ms = ANSWER_WITHIN_MS};
    return failed;
}

void push_turn(void *ctx)
{
    assert_true(bridge_turn(((fixture_t *)ctx)->bridge, 1) >= 0);
}

void push_start(fixture_t *f)
{
    fixture_start(f);
    fixture_run(f, 0);
}

void push_client_open(raw_client_t *c, fixture_t *f)
{
    raw_open(c, bridge_source_url(f->bridge, 0), push_turn, f);
}

void push_say(raw_client_t *c, const char *head, const char *body)
{
    char text[4096];
    snprintf(text, sizeof text, "%s\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n%s",
             "POST " PATH " HTTP/1.1", head, strlen(body), body);
    raw_say(c, text);
}

void push_say_event(raw_client_t *c)
{
    push_say(c, "x-mns-message-id: " ID "\r\n", EVENT("job-1"));
}

int push_one(fixture_t *f, const char *head, const char *body)
{
    raw_client_t c;
    push_client_open(&c, f);
    push_say(&c, head, body);
    int status = raw_hear(&c).status;
    raw_close(&c);
    return status;
}

int push_one_event(fixture_t *f)
{
    return push_one(f, "x-mns-message-id: " ID "\r\n", EVENT("job-1"));
}

void push_advance_ms(fixture_t *f, uint64_t ms)
{
    sl_clock_manual_advance(&f->clock, ms * NS_PER_MS);
}

void push_stall_broker(void)
{
    fake_broker.stalled = true;
    fake_broker.silent_ms = 1;
}

const fake_event_t *push_last_event(void)
{
    assert_true(fake_broker.count > 0);
    return &fake_broker.events[fake_broker.count - 1];
}

void push_assert_member(const char *key, const char *expected)
{
    mp_value_t value;
    const fake_event_t *e = push_last_event();
    assert_true(event_find(e->data, e->len, key, strlen(key), &value, NULL));
    assert_int_equal(value.bytes.len, strlen(expected));
    assert_memory_equal(value.bytes.data, expected, value.bytes.len);
}

/* Of every request for the path one thing becomes. */
void push_assert_books_balance(fixture_t *f)
{
    static const char *const ends[] = {M("push_answered_total"),
                                       M("push_refused_as_forged_total"),
                                       M("push_unavailable_total"),
                                       M("push_timeouts_total"),
                                       M("push_busy_total"),
                                       M("push_refused_total"),
                                       M("push_hung_up_total"),
                                       M("push_malformed_total"),
                                       M("push_open")};
    long sum = 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        long count = fixture_metric(f, ends[i]);
        assert_true(count >= 0);
        sum += count;
    }
    assert_int_equal(fixture_metric(f, M("pushes_total")), sum);
}
