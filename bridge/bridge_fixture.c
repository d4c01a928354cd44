#include "bridge_fixture.h"

#include "base/log.h"

static void no_log(const char *line, size_t len, void *ctx)
{
    (void)line, (void)len, (void)ctx;
}

static source_options_t source_named(const char *queue)
{
    return (source_options_t){.queue = queue,
                              .endpoint = "http://127.0.0.1:1",
                              .region = "cn-hangzhou",
                              .account = "123456789012",
                              .polls = 4,
                              .polls_min = 1,
                              .wait_s = 30,
                              .undeleted = 2000,
                              .margin_ms = 2000};
}

/* Nothing may be deleted that the broker does not have. */
static void on_delete(void *ctx, const fake_message_t *message)
{
    const fake_queue_t *queue = ctx;
    char source[128];
    snprintf(source, sizeof source, "acs:mns:cn-hangzhou:123456789012:/queues/%s", queue->name);
    if (!fake_broker_has(source, message->id))
        fail_msg("%s was deleted before the broker had it", message->id);
}

int fixture_setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    log_set_sink(no_log, NULL);
    sl_clock_manual_init(&f->clock, (uint64_t)5000 * NS_PER_MS,
                         (uint64_t)1780315200000 * NS_PER_MS);
    fake_broker_reset();
    f->q = fake_queue_create("q", &f->clock);
    f->other = fake_queue_create("other", &f->clock);
    f->q->on_delete = f->other->on_delete = on_delete;
    f->q->ctx = f->q;
    f->other->ctx = f->other;
    f->sources[0] = source_named("q");
    f->sources[1] = source_named("other");
    f->options = (bridge_options_t){.broker = "tcp://127.0.0.1:5550",
                                    .name = "test",
                                    .delete_linger_ms = 5,
                                    .drain_ms = 10000,
                                    .sources = {f->sources, 1}};
    f->registry = COUNTER_REGISTRY_INIT;
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_t *f = *state;
    bridge_destroy(&f->bridge);
    fake_queues_destroy();
    fake_broker_reset();
    log_set_sink(NULL, NULL);
    free(f);
    return 0;
}

void fixture_start(fixture_t *f)
{
    const char *failed;
    assert_int_equal(
        bridge_create(&f->bridge, &f->options, &f->clock.clock, &f->registry, -1, &failed), SL_OK);
}

void fixture_run(fixture_t *f, uint64_t ms)
{
    for (uint64_t passed = 0; passed <= ms; passed += STEP_MS) {
        for (int turns = 0; turns < 100; turns++) {
            int work = bridge_turn(f->bridge, 0);
            assert_true(work >= 0);
            if (work == 0)
                break;
        }
        if (passed < ms)
            sl_clock_manual_advance(&f->clock, (uint64_t)STEP_MS * NS_PER_MS);
    }
}

void fixture_put_many(fake_queue_t *q, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fake_queue_put(q, EVENT("job-1"));
}

long fixture_metric(fixture_t *f, const char *name)
{
    sl_buf_t text = SL_BUF_INIT;
    char line[160];
    snprintf(line, sizeof line, "\nsluice_bridge_%s ", name);
    counter_render(&f->registry, &text);
    sl_buf_append_byte(&text, '\0');
    const char *at = strstr((const char *)text.data, line);
    long value = at != NULL ? strtol(at + strlen(line), NULL, 10) : -1;
    sl_buf_fini(&text);
    return value;
}
