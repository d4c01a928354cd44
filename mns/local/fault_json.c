/* Rules as JSON: strict, since a rule that silently means nothing would make a test pass. */
#include "errors.h"
#include "fault.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20 };

typedef struct reader {
    char *sentence;
    size_t rule; /**< the one that is being read */
} reader_t;

/* -- saying what is wrong ------------------------------------------------------------------ */

static void complain(const reader_t *r, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void complain(const reader_t *r, const char *member, const char *format, ...)
{
    va_list args;
    int len = snprintf(r->sentence, FAULT_SENTENCE_MAX, "faults[%zu]%s%.40s: ", r->rule,
                       member[0] != '\0' ? "." : "", member);
    va_start(args, format);
    vsnprintf(r->sentence + len, FAULT_SENTENCE_MAX - (size_t)len, format, args);
    va_end(args);
}

/* Appends a table's names: "error, delay, hang". */
static void complain_choice(const reader_t *r, const char *member, const char *text,
                            const char *const *names, size_t count)
{
    complain(r, member, "\"%.40s\" is not ", text);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(r->sentence);
        snprintf(r->sentence + len, FAULT_SENTENCE_MAX - len, "%s%s",
                 i == 0           ? ""
                 : i + 1 == count ? " or "
                                  : ", ",
                 names[i]);
    }
}

/* -- members ------------------------------------------------------------------------------- */

static bool read_operation(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    const char *text = cJSON_GetStringValue(value);
    for (unsigned i = 0; text != NULL && i < OPERATION_COUNT; i++)
        if (strcmp(text, operation_names[i]) == 0) {
            rule->operation = (operation_t)i;
            return true;
        }
    complain(r, "op", "\"%.40s\" is no operation, such as SendMessage, Push or *",
             text != NULL ? text : "");
    return false;
}

static bool read_action(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    const char *text = cJSON_GetStringValue(value);
    for (unsigned i = 0; text != NULL && i < FAULT_ACTION_COUNT; i++)
        if (strcmp(text, fault_action_names[i]) == 0) {
            rule->fault.action = (fault_action_t)i;
            return true;
        }
    complain_choice(r, "action", text != NULL ? text : "", fault_action_names, FAULT_ACTION_COUNT);
    return false;
}

static bool read_text(const reader_t *r, const cJSON *value, char *out, size_t max)
{
    const char *text = cJSON_GetStringValue(value);
    size_t len = text != NULL ? strlen(text) : 0;
    if (len == 0 || len > max ||
        text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")] !=
            '\0') {
        complain(r, value->string, "must be 1 to %zu letters, digits, hyphens and dots", max);
        return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

static bool read_resource(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    return read_text(r, value, rule->resource, FAULT_RESOURCE_MAX);
}

static bool read_code(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    return read_text(r, value, rule->fault.code, FAULT_CODE_MAX);
}

static bool read_whole(const reader_t *r, const cJSON *value, double least, double most,
                       uint64_t *out)
{
    double number = cJSON_GetNumberValue(value);
    if (!(number >= least && number <= most) || number != floor(number)) { /* NaN: no number */
        complain(r, value->string, "must be a whole number from %.0f to %.0f", least, most);
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

static bool read_next(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    return read_whole(r, value, 1, 1e9, &rule->left);
}

static bool read_rate(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    rule->rate = cJSON_GetNumberValue(value);
    rule->by_rate = true;
    if (rule->rate > 0 && rule->rate <= 1)
        return true;
    complain(r, "rate", "must be a number above 0 and not above 1");
    return false;
}

static bool read_status(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    uint64_t status = 0;
    bool fine = read_whole(r, value, 400, 599, &status);
    rule->fault.status = (unsigned)status;
    return fine;
}

static bool read_ms(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    uint64_t ms = 0;
    bool fine = read_whole(r, value, 1, FAULT_DELAY_MAX_MS, &ms);
    rule->fault.ms = (uint32_t)ms;
    return fine;
}

static bool read_before(const reader_t *r, const cJSON *value, fault_rule_t *rule)
{
    rule->fault.before = cJSON_IsTrue(value);
    if (cJSON_IsBool(value))
        return true;
    complain(r, "before", "must be true or false");
    return false;
}

/* -- rules --------------------------------------------------------------------------------- */

enum { ALL_ACTIONS = (1 << FAULT_ACTION_COUNT) - 1 };

/* Member, and the actions for which it means something. */
static const struct member {
    const char *name;
    bool (*read)(const reader_t *r, const cJSON *value, fault_rule_t *rule);
    unsigned actions;
} members[] = {
    {"op", read_operation, ALL_ACTIONS},
    {"action", read_action, ALL_ACTIONS},
    {"resource", read_resource, ALL_ACTIONS},
    {"next", read_next, ALL_ACTIONS},
    {"rate", read_rate, ALL_ACTIONS},
    {"code", read_code, 1 << FAULT_ERROR | 1 << FAULT_PARTIAL},
    {"status", read_status, 1 << FAULT_ERROR},
    {"ms", read_ms, 1 << FAULT_DELAY},
    {"before", read_before, 1 << FAULT_RESET | 1 << FAULT_HANG},
};
enum { MEMBER_COUNT = sizeof members / sizeof members[0] };

static bool read_members(const reader_t *r, const cJSON *json, fault_rule_t *rule, unsigned *seen)
{
    const cJSON *value;
    cJSON_ArrayForEach(value, json)
    {
        size_t i = 0;
        while (i < MEMBER_COUNT && strcmp(members[i].name, value->string) != 0)
            i++;
        if (i == MEMBER_COUNT || (*seen & 1u << i) != 0) {
            complain(r, value->string, "%s",
                     i == MEMBER_COUNT ? "a rule has no such member" : "stands there twice");
            return false;
        }
        if (!members[i].read(r, value, rule))
            return false;
        *seen |= 1u << i;
    }
    return true;
}

static bool has(unsigned seen, const char *name)
{
    size_t i = 0;
    while (strcmp(members[i].name, name) != 0)
        i++;
    return (seen & 1u << i) != 0;
}

/* What no member shows alone. */
static bool check_rule(const reader_t *r, const fault_rule_t *rule, unsigned seen)
{
    const char *action = fault_action_names[rule->fault.action];
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if ((seen & 1u << i) != 0 && (members[i].actions & 1u << rule->fault.action) == 0) {
            complain(r, members[i].name, "means nothing for the action %s", action);
            return false;
        }
    if (!has(seen, "op") || !has(seen, "action"))
        complain(r, has(seen, "op") ? "action" : "op", "is missing");
    else if (has(seen, "next") == has(seen, "rate"))
        complain(r, "", "needs either next or rate");
    else if (rule->fault.action == FAULT_DELAY && !has(seen, "ms"))
        complain(r, "ms", "is missing");
    else if (!fault_fits(rule->fault.action, rule->operation))
        complain(r, "action", "%s does not go with %s", action, operation_names[rule->operation]);
    else
        return true;
    return false;
}

static bool read_rule(const reader_t *r, const cJSON *json, fault_rule_t *rule)
{
    unsigned seen = 0;
    *rule = (fault_rule_t){.operation = OPERATION_ANY};
    if (!cJSON_IsObject(json)) {
        complain(r, "", "must be an object");
        return false;
    }
    if (!read_members(r, json, rule, &seen) || !check_rule(r, rule, seen))
        return false;
    if (rule->fault.code[0] == '\0')
        strcpy(rule->fault.code, local_error(LOCAL_InternalError)->code);
    if (rule->fault.status == 0)
        rule->fault.status = local_error_status(rule->fault.code);
    return true;
}

static sl_err read_rules(faults_t *f, const cJSON *list, char *sentence)
{
    reader_t r = {.sentence = sentence};
    int count = cJSON_GetArraySize(list);
    fault_rule_t *rules = calloc((size_t)count + 1, sizeof *rules);
    if (rules == NULL)
        return SL_ENOMEM;
    const cJSON *json;
    sl_err err = SL_OK;
    cJSON_ArrayForEach(json, list)
    {
        if (!read_rule(&r, json, &rules[r.rule])) {
            err = SL_EINVAL;
            break;
        }
        r.rule++;
    }
    if (err == SL_OK)
        err = faults_append(f, rules, r.rule);
    if (err == SL_ELIMIT)
        snprintf(sentence, FAULT_SENTENCE_MAX, "there may be %d rules at one time",
                 FAULT_RULES_MAX);
    free(rules);
    return err;
}

/* {"seed":N,"faults":[…]} */
static sl_err read_object(faults_t *f, const cJSON *json, char *sentence)
{
    const cJSON *list = NULL, *seed = NULL, *value;
    cJSON_ArrayForEach(value, json)
    {
        if (strcmp(value->string, "faults") == 0 && cJSON_IsArray(value)) {
            list = value;
        } else if (strcmp(value->string, "seed") == 0 && cJSON_IsNumber(value)) {
            seed = value;
        } else {
            snprintf(sentence, FAULT_SENTENCE_MAX,
                     "%.40s: expected \"faults\" with a list and perhaps \"seed\" with a number",
                     value->string);
            return SL_EINVAL;
        }
    }
    double number = seed != NULL ? cJSON_GetNumberValue(seed) : 0;
    if (list == NULL || number < 0 || number > 0x1p53 || number != floor(number)) {
        snprintf(sentence, FAULT_SENTENCE_MAX, "%s",
                 list == NULL ? "faults: is missing" : "seed: must be a whole number from 0");
        return SL_EINVAL;
    }
    sl_err err = read_rules(f, list, sentence);
    if (err == SL_OK && seed != NULL)
        faults_seed(f, (uint64_t)number);
    return err;
}

static size_t line_of(const char *json, const char *at)
{
    size_t line = 1;
    for (; json < at; json++)
        line += *json == '\n';
    return line;
}

sl_err faults_read(faults_t *f, const char *json, size_t len, char sentence[FAULT_SENTENCE_MAX])
{
    const char *end = json;
    sentence[0] = '\0';
    cJSON *tree = cJSON_ParseWithLengthOpts(json, len, &end, false);
    const char *rest = end;
    while (rest < json + len && strchr(" \t\r\n", *rest) != NULL)
        rest++;
    sl_err err = SL_EINVAL;
    if (tree == NULL || rest != json + len)
        snprintf(sentence, FAULT_SENTENCE_MAX, "line %zu: this is not JSON", line_of(json, end));
    else if (cJSON_IsArray(tree))
        err = read_rules(f, tree, sentence);
    else if (cJSON_IsObject(tree))
        err = read_object(f, tree, sentence);
    else
        snprintf(sentence, FAULT_SENTENCE_MAX, "expected {\"faults\": [...]} or a list of rules");
    cJSON_Delete(tree);
    return err;
}

static sl_err read_all(const char *path, sl_buf_t *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return SL_EIO;
    sl_err err = sl_buf_reserve(out, FILE_BYTES_MAX);
    if (err == SL_OK) {
        out->len = fread(out->data, 1, FILE_BYTES_MAX, file);
        err = ferror(file) ? SL_EIO : out->len == FILE_BYTES_MAX ? SL_ELIMIT : SL_OK;
    }
    fclose(file);
    return err;
}

sl_err faults_read_file(faults_t *f, const char *path, char sentence[FAULT_SENTENCE_MAX])
{
    sl_buf_t text = SL_BUF_INIT;
    sl_err err = read_all(path, &text);
    if (err == SL_OK)
        err = faults_read(f, (const char *)text.data, text.len, sentence);
    else
        snprintf(sentence, FAULT_SENTENCE_MAX, "%s",
                 err == SL_EIO ? strerror(errno) : "larger than 1 MiB");
    sl_buf_fini(&text);
    return err;
}

/* -- and back ------------------------------------------------------------------------------ */

static void write_rule(sl_buf_t *out, const fault_rule_t *rule)
{
    const fault_t *fault = &rule->fault;
    sl_buf_printf(out, "{\"op\":\"%s\",", operation_names[rule->operation]);
    if (rule->resource[0] != '\0')
        sl_buf_printf(out, "\"resource\":\"%s\",", rule->resource);
    if (rule->by_rate)
        sl_buf_printf(out, "\"rate\":%.9g,", rule->rate);
    else
        sl_buf_printf(out, "\"next\":%llu,", (unsigned long long)rule->left);
    sl_buf_printf(out, "\"action\":\"%s\",", fault_action_names[fault->action]);
    if (fault->action == FAULT_ERROR || fault->action == FAULT_PARTIAL)
        sl_buf_printf(out, "\"code\":\"%s\",", fault->code);
    if (fault->action == FAULT_ERROR)
        sl_buf_printf(out, "\"status\":%u,", fault->status);
    if (fault->action == FAULT_DELAY)
        sl_buf_printf(out, "\"ms\":%u,", fault->ms);
    if (fault->before)
        sl_buf_append_str(out, "\"before\":true,");
    sl_buf_printf(out, "\"fired\":%llu}", (unsigned long long)rule->fired);
}

void faults_write(const faults_t *f, sl_buf_t *out)
{
    sl_buf_printf(out, "{\"seed\":%llu,\"faults\":[", (unsigned long long)f->seed);
    for (size_t i = 0; i < f->count; i++) {
        sl_buf_append_str(out, i > 0 ? ",\n" : "\n");
        write_rule(out, &f->rules[i]);
    }
    sl_buf_append_str(out, "\n]}\n");
}
