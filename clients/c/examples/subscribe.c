/* subscribe - prints what arrives on the patterns given, or on every topic.
 *
 *     subscribe tcp://127.0.0.1:5551 'Job.On*Failed' Cluster. */
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>

static void print(const sluice_item_t *item)
{
    char *json;
    if (item->kind == SLUICE_ITEM_LOST)
        printf("%s: %" PRIu64 " to %" PRIu64 " lost (%s)\n",
               item->topic != NULL ? item->topic : "some topic", item->lost_from, item->lost_to,
               item->reason);
    else if (item->kind == SLUICE_ITEM_STREAM)
        printf("the broker goes on under another name: stream %016" PRIx64 "\n", item->stream);
    else if (sluice_event_json(item->data, item->len, &json) == SLUICE_OK) {
        printf("%s #%" PRIu64 " %s\n", item->topic, item->number, json);
        free(json);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    sluice_sub_t *sub;
    sluice_item_t item;
    sluice_sub_options_t options = {
        .size = sizeof options,
        .feed = argc > 1 ? argv[1] : NULL,
        .patterns = argc > 2 ? (const char *const *)argv + 2 : NULL,
    };
    sluice_err err = sluice_sub_create(&sub, &options);
    if (err != SLUICE_OK) {
        fprintf(stderr, "subscribe: %s\n", sluice_err_text(err));
        return 1;
    }
    while ((err = sluice_sub_next(sub, &item, -1)) != SLUICE_EIO)
        if (err == SLUICE_OK)
            print(&item);
    sluice_sub_destroy(&sub);
    return 1;
}
