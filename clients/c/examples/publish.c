/* publish - sends COUNT events {"Category":"Demo","Event":"OnHello"} and waits until the broker has
 * them.
 *
 *     publish tcp://127.0.0.1:5550 1000 */
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>

static const char topic[] = "Demo.OnHello";
static const char event[] = "\x82\xa8"
                            "Category\xa4"
                            "Demo\xa5"
                            "Event\xa7"
                            "OnHello";

static void on_receipt(void *ctx, const sluice_receipt_t *receipts, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++)
        if (receipts[i].err != SLUICE_OK)
            fprintf(stderr, "publish: %s %s\n", sluice_err_text(receipts[i].err), receipts[i].code);
}

int main(int argc, char **argv)
{
    sluice_pub_t *pub;
    sluice_pub_options_t options = {.size = sizeof options,
                                    .intake = argc > 1 ? argv[1] : NULL,
                                    .name = "publish",
                                    .on_receipt = on_receipt};
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    sluice_err err = sluice_pub_create(&pub, &options);
    if (err != SLUICE_OK) {
        fprintf(stderr, "publish: %s\n", sluice_err_text(err));
        return 1;
    }
    for (long sent = 0; sent < count && (err == SLUICE_OK || err == SLUICE_EAGAIN);) {
        err = sluice_pub_send(pub, topic, sizeof topic - 1, event, sizeof event - 1, NULL, NULL);
        if (err == SLUICE_OK)
            sent++;
        else if (err == SLUICE_EAGAIN) /* as much as may wait is waiting */
            sluice_pub_process(pub, 100);
    }
    err = sluice_pub_drain(pub, 10000);
    sluice_pub_stats_t stats = {.size = sizeof stats};
    sluice_pub_stats(pub, &stats);
    printf("%" PRIu64 " of %ld events acknowledged\n", stats.acked_events, count);
    sluice_pub_destroy(&pub);
    return err == SLUICE_OK ? 0 : 1;
}
