#include "sim_impl.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EVENTS = 20000 };

static sim_t *sim_of(uint64_t seed)
{
    sim_t *sim = NULL;
    assert_int_equal(sim_create(&sim, &(sim_options_t){.seed = seed}), SL_OK);
    return sim;
}

static sim_event_t next(sim_t *sim)
{
    sim_event_t event;
    assert_int_equal(sim_next(sim, &event), SL_OK);
    assert_int_equal(event.body_len, strlen(event.body));
    return event;
}

/* FNV-1a over the bodies: what one machine makes, every machine makes. */
static uint64_t digest(uint64_t seed, int count)
{
    uint64_t hash = 0xCBF29CE484222325u;
    sim_t *sim = sim_of(seed);
    for (int i = 0; i < count; i++) {
        sim_event_t event = next(sim);
        for (size_t k = 0; k <= event.body_len; k++)
            hash = (hash ^ (unsigned char)event.body[k]) * 0x100000001B3u;
    }
    sim_destroy(&sim);
    return hash;
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    assert_int_equal(digest(1, EVENTS), digest(1, EVENTS));
    assert_int_equal(digest(1, 1000), 0x5AB8DE77B831CA05u);
}

static void another_seed_gives_another_workload(void **state)
{
    (void)state;
    assert_int_not_equal(digest(1, 100), digest(2, 100));
}

static void all_19_events_occur(void **state)
{
    (void)state;
    size_t seen[EVENT_KIND_COUNT] = {0};
    sim_t *sim = sim_of(7);
    for (int i = 0; i < EVENTS; i++)
        seen[next(sim).kind]++;
    for (size_t kind = 0; kind < EVENT_KIND_COUNT; kind++)
        assert_int_not_equal(seen[kind], 0);
    sim_destroy(&sim);
}

static void an_event_has_the_catalogues_fields_and_no_others(void **state)
{
    (void)state;
    sim_t *sim = sim_of(3);
    for (int i = 0; i < EVENTS; i++) {
        sim_event_t event = next(sim);
        const event_row_t *row = &event_catalogue[event.kind];
        cJSON *body = cJSON_Parse(event.body), *member = body->child;
        for (const char *const *field = row->fields; *field != NULL; field++) {
            assert_non_null(member);
            assert_string_equal(member->string, *field);
            assert_true(cJSON_IsString(member));
            member = member->next;
        }
        assert_null(member);
        char topic[128];
        snprintf(topic, sizeof topic, "%s.%s", cJSON_GetObjectItem(body, "Category")->valuestring,
                 cJSON_GetObjectItem(body, "Event")->valuestring);
        assert_string_equal(event.topic, topic);
        cJSON_Delete(body);
    }
    sim_destroy(&sim);
}

/* -- lives ------------------------------------------------------------------------------------ */

/* What the notifications alone say of one object. */
typedef struct life {
    char key[160], state[16];
    int retries;
} life_t;

enum { LIVES_MAX = 1 << 16 };
static life_t *lives;

static life_t *life_of(const char *key)
{
    uint32_t at = 2166136261u;
    for (const char *c = key; *c != '\0'; c++)
        at = (at ^ (unsigned char)*c) * 16777619u;
    for (at %= LIVES_MAX; lives[at].key[0] != '\0'; at = (at + 1) % LIVES_MAX)
        if (strcmp(lives[at].key, key) == 0)
            return &lives[at];
    snprintf(lives[at].key, sizeof lives[at].key, "%s", key);
    return &lives[at];
}

static const char *text(const cJSON *body, const char *name)
{
    const cJSON *member = cJSON_GetObjectItem(body, name);
    return member == NULL ? "" : member->valuestring;
}

/* May this state follow that one?  "" is: never heard of. */
static bool follows(const char *from, const char *to)
{
    static const char *const steps[][2] = {
        {"", "Waiting"},         {"Waiting", "Running"}, {"Waiting", "Stopped"},
        {"Running", "Finished"}, {"Running", "Failed"},  {"Running", "Stopped"},
        {"Failed", "Waiting"},   {"Stopped", "Waiting"}, {"", "Starting"},
        {"Starting", "Running"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(steps[i][0], from) == 0 && strcmp(steps[i][1], to) == 0)
            return true;
    return false;
}

static void step(const char *key, const cJSON *body)
{
    life_t *life = life_of(key);
    const char *state = text(body, "State");
    /* Tasks and instances that had ended begin anew when their job does. */
    bool anew = strcmp(state, "Waiting") == 0 && strcmp(life->state, "Finished") == 0;
    if (!anew && !follows(life->state, state))
        fail_msg("%s went from '%s' to '%s'", key, life->state, state);
    snprintf(life->state, sizeof life->state, "%s", state);
}

static void step_instance(const char *key, const cJSON *body)
{
    life_t *life = life_of(key);
    int retries = atoi(text(body, "RetryCount"));
    bool again = strcmp(life->state, "Failed") == 0;
    if (strcmp(text(body, "State"), "Waiting") != 0)
        assert_int_equal(retries, life->retries);
    else if (retries != 0) /* else its job began anew */
        assert_true(again && retries == life->retries + 1);
    life->retries = retries;
    step(key, body);
}

static void step_any(const sim_event_t *event)
{
    char key[160];
    cJSON *body = cJSON_Parse(event->body);
    const char *job = text(body, "JobId"), *task = text(body, "Task");
    const char *instance = text(body, "InstanceId"), *cluster = text(body, "ClusterId");
    if (event->kind == EVENT_Cluster_OnClusterDeleted) {
        snprintf(life_of(cluster)->state, sizeof lives->state, "Deleted");
    } else if (*cluster != '\0') {
        assert_string_equal(life_of(cluster)->state, "");
        snprintf(key, sizeof key, "%s/%s", cluster, instance);
        step(key, body);
    } else if (event->kind == EVENT_Job_OnPriorityChange) {
        assert_string_equal(life_of(job)->state, text(body, "State"));
        assert_string_not_equal(text(body, "State"), "Running");
        assert_string_not_equal(text(body, "From"), text(body, "To"));
    } else {
        snprintf(key, sizeof key, "%s/%s/%s", job, task, instance);
        if (*instance != '\0')
            step_instance(key, body);
        else
            step(*task != '\0' ? key : job, body);
    }
    cJSON_Delete(body);
}

static void every_object_walks_its_life_cycle(void **state)
{
    (void)state;
    lives = calloc(LIVES_MAX, sizeof *lives);
    sim_t *sim = sim_of(5);
    for (int i = 0; i < EVENTS; i++) {
        sim_event_t event = next(sim);
        step_any(&event);
    }
    sim_destroy(&sim);
    free(lives);
}

static void jobs_are_tried_again_and_started_again(void **state)
{
    (void)state;
    int retried = 0, restarted = 0;
    lives = calloc(LIVES_MAX, sizeof *lives);
    sim_t *sim = sim_of(5);
    for (int i = 0; i < EVENTS; i++) {
        sim_event_t event = next(sim);
        cJSON *body = cJSON_Parse(event.body);
        retried += event.kind == EVENT_Job_OnInstanceWaiting && *text(body, "RetryCount") != '0';
        restarted += event.kind == EVENT_Job_OnJobWaiting && *life_of(text(body, "JobId"))->state;
        if (event.kind == EVENT_Job_OnJobFailed || event.kind == EVENT_Job_OnJobStopped)
            life_of(text(body, "JobId"))->state[0] = 'E';
        cJSON_Delete(body);
    }
    assert_in_range(retried, 10, EVENTS);
    assert_in_range(restarted, 10, EVENTS);
    sim_destroy(&sim);
    free(lives);
}

/* -- values ----------------------------------------------------------------------------------- */

static void times_are_known_when_they_have_come(void **state)
{
    (void)state;
    sim_t *sim = sim_of(9);
    for (int i = 0; i < EVENTS; i++) {
        sim_event_t event = next(sim);
        cJSON *body = cJSON_Parse(event.body);
        const char *at = text(body, "State"), *started = text(body, "StartTime"),
                   *ended = text(body, "EndTime");
        if (strncmp(event.topic, "Job.", 4) == 0) {
            if (strcmp(at, "Waiting") == 0)
                assert_true(*started == '\0' && *ended == '\0');
            else if (strcmp(at, "Running") == 0)
                assert_true(strlen(started) == 27 && *ended == '\0');
            else
                assert_true(strlen(ended) == 27 && strcmp(started, ended) <= 0);
        } else {
            assert_int_equal(strlen(text(body, "CreationTime")), 27);
        }
        cJSON_Delete(body);
    }
    sim_destroy(&sim);
}

static void a_time_has_six_fractional_digits(void **state)
{
    (void)state;
    char out[TIME_BYTES];
    assert_string_equal(sim_time(1478013902837728, out), "2016-11-01T15:25:02.837728Z");
    assert_string_equal(sim_time(1780272000 * SECOND_US, out), "2026-06-01T00:00:00.000000Z");
    assert_string_equal(sim_time(0, out), "");
}

static void its_own_time_never_goes_back(void **state)
{
    (void)state;
    int64_t last_us = 0;
    sim_t *sim = sim_of(11);
    for (int i = 0; i < EVENTS; i++) {
        sim_event_t event = next(sim);
        assert_true(event.time_us >= last_us);
        last_us = event.time_us;
    }
    sim_destroy(&sim);
}

static void more_slots_than_allowed_are_refused(void **state)
{
    (void)state;
    sim_t *sim = NULL;
    assert_int_equal(sim_create(&sim, &(sim_options_t){.jobs = SIM_SLOTS_MAX + 1}), SL_EINVAL);
    assert_int_equal(sim_create(&sim, &(sim_options_t){.clusters = SIM_SLOTS_MAX + 1}), SL_EINVAL);
    assert_null(sim);
}

static void one_job_and_one_cluster_are_enough(void **state)
{
    (void)state;
    sim_t *sim = NULL;
    assert_int_equal(sim_create(&sim, &(sim_options_t){.jobs = 1, .clusters = 1}), SL_OK);
    for (int i = 0; i < EVENTS; i++)
        next(sim);
    sim_destroy(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(another_seed_gives_another_workload),
        cmocka_unit_test(all_19_events_occur),
        cmocka_unit_test(an_event_has_the_catalogues_fields_and_no_others),
        cmocka_unit_test(every_object_walks_its_life_cycle),
        cmocka_unit_test(jobs_are_tried_again_and_started_again),
        cmocka_unit_test(times_are_known_when_they_have_come),
        cmocka_unit_test(a_time_has_six_fractional_digits),
        cmocka_unit_test(its_own_time_never_goes_back),
        cmocka_unit_test(more_slots_than_allowed_are_refused),
        cmocka_unit_test(one_job_and_one_cluster_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
