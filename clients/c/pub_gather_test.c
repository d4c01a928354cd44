/* Without a linger time: events that are sent one by one leave one by one while little is
 * unanswered, and gather when much is. */
#include "fake_intake.h"

#include <poll.h>

enum { UNANSWERED = 16, WINDOW = 10000, TRIES = 1000 };

/* Sends an event as whoever has one at a time does.  @return whether it left. */
static bool send_one(fake_t *f, const char *text)
{
    uint64_t before = fake_stats(f).requests;
    fake_send_text(f, "a.b", text, 2);
    while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
        continue;
    return fake_stats(f).requests > before;
}

/* Sends until one waits for others: where this thread was kept from running for half a millisecond
 * it is due by then.  @return the request that it will be. */
static uint64_t gather(fake_t *f)
{
    for (uint64_t request = 1; request <= UNANSWERED; request++) {
        assert_true(send_one(f, "alone"));
        fake_expect_pub(f, request, "a.b", "alone");
    }
    for (uint64_t request = UNANSWERED + 1; request < TRIES; request++) {
        if (!send_one(f, "first"))
            return request;
        fake_expect_pub(f, request, "a.b", "first");
    }
    fail_msg("%d events, and each left by itself", TRIES);
    return 0;
}

static void gathered_events_leave_together_by_the_descriptor_alone(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, WINDOW);
    uint64_t request = gather(f);
    fake_send_text(f, "a.b", "second", 3);
    struct pollfd fd = {.fd = sluice_pub_fd(f->pub), .events = POLLIN};
    while (fake_stats(f).requests < request) {
        assert_int_equal(poll(&fd, 1, TEST_PATIENCE_MS), 1);
        while (sluice_pub_process(f->pub, 0) == SLUICE_OK)
            continue;
    }
    fake_expect_pub(f, request, "a.b", "firstsecond");
}

static void flush_sends_what_gathers(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, WINDOW);
    uint64_t request = gather(f);
    assert_int_equal(sluice_pub_flush(f->pub), SLUICE_OK);
    assert_int_equal(fake_stats(f).requests, request);
    fake_expect_pub(f, request, "a.b", "first");
}

static void answered_requests_end_the_gathering(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, WINDOW);
    uint64_t request = gather(f);
    for (uint64_t answered = 1; answered < request; answered++)
        fake_ack(f, answered, 1, 0);
    fake_expect_receipts(f, request - 1);
    fake_expect_pub(f, request, "a.b", "first");
    assert_true(send_one(f, "alone"));
    fake_expect_pub(f, request + 1, "a.b", "alone");
}

static void what_gathers_follows_what_must_be_sent_again(void **state)
{
    fake_t *f = *state;
    fake_start_ready(f, (sluice_pub_options_t){0}, WINDOW);
    uint64_t request = gather(f);
    fake_nak(f, 1, WIRE_NAK_BUSY, 1);
    for (uint64_t again = 1; again < request; again++)
        fake_expect_pub(f, again, "a.b", again <= UNANSWERED ? "alone" : "first");
    fake_expect_pub(f, request, "a.b", "first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gathered_events_leave_together_by_the_descriptor_alone),
        TEST(flush_sends_what_gathers),
        TEST(answered_requests_end_the_gathering),
        TEST(what_gathers_follows_what_must_be_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
