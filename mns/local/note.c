#include "note.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* -- what may stand in the attributes ------------------------------------------------------ */

static bool is_text(const cJSON *value)
{
    return cJSON_IsString(value);
}

/* 0 or 1; some clients write it as text. */
static bool is_flag(const cJSON *value)
{
    if (cJSON_IsString(value))
        return strcmp(value->valuestring, "0") == 0 || strcmp(value->valuestring, "1") == 0;
    return cJSON_IsNumber(value) && (value->valuedouble == 0 || value->valuedouble == 1);
}

static bool is_sms_type(const cJSON *value)
{
    return cJSON_IsString(value) && (strcmp(value->valuestring, "singleContent") == 0 ||
                                     strcmp(value->valuestring, "multiContent") == 0);
}

/* A JSON object, written as text inside of JSON. */
static bool is_params(const cJSON *value)
{
    cJSON *params =
        cJSON_IsString(value) ? cJSON_ParseWithOpts(value->valuestring, NULL, true) : NULL;
    bool good = cJSON_IsObject(params);
    cJSON_Delete(params);
    return good;
}

typedef struct member {
    const char *name;
    bool (*fits)(const cJSON *value);
} member_t;

static const member_t mail_members[] = {{"AccountName", is_text},
                                        {"Subject", is_text},
                                        {"AddressType", is_flag},
                                        {"IsHtml", is_flag},
                                        {"ReplyToAddress", is_flag}};
static const member_t sms_members[] = {{"FreeSignName", is_text},
                                       {"TemplateCode", is_text},
                                       {"Type", is_sms_type},
                                       {"Receiver", is_text},
                                       {"SmsParams", is_params}};
enum { MEMBERS = 5 };

/* @return false: it is there and malformed. */
static bool read_object(cJSON **out, const xml_node_t *node, const member_t members[MEMBERS])
{
    *out = NULL;
    if (node == NULL || node->text_len == 0)
        return true;
    *out = cJSON_ParseWithOpts(node->text, NULL, true); /* nothing behind it */
    bool good = cJSON_IsObject(*out);
    for (size_t i = 0; good && i < MEMBERS; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(*out, members[i].name);
        good = value == NULL || members[i].fits(value);
    }
    return good;
}

bool note_attributes_read(note_attributes_t *out, const xml_node_t *message, const char **why)
{
    *out = (note_attributes_t){0};
    const xml_node_t *all = xml_child(message, "MessageAttributes");
    if (all == NULL)
        return true;
    *why = NULL;
    if (!read_object(&out->mail, xml_child(all, "DirectMail"), mail_members))
        *why = "DirectMail is a JSON object: AccountName, Subject, and AddressType, IsHtml, "
               "ReplyToAddress of 0 or 1.";
    else if (!read_object(&out->sms, xml_child(all, "DirectSMS"), sms_members))
        *why = "DirectSMS is a JSON object: FreeSignName, TemplateCode, Type (singleContent or "
               "multiContent), Receiver, and SmsParams, a JSON object as text.";
    if (*why != NULL)
        note_attributes_fini(out);
    return *why == NULL;
}

void note_attributes_fini(note_attributes_t *a)
{
    cJSON_Delete(a->mail);
    cJSON_Delete(a->sms);
    *a = (note_attributes_t){0};
}

/* -- what is shown ------------------------------------------------------------------------- */

static const char *receiver_text(const subscription_t *s, const note_attributes_t *a)
{
    if (!endpoint_anonymous(&s->spec.endpoint))
        return endpoint_rest(&s->spec.endpoint);
    const cJSON *receiver = cJSON_GetObjectItemCaseSensitive(a->sms, "Receiver");
    return receiver != NULL ? receiver->valuestring : "";
}

/* Adds each part of a comma-separated list. */
static bool add_receivers(cJSON *to, const char *list)
{
    cJSON *all = cJSON_AddArrayToObject(to, "to");
    if (all == NULL)
        return false;
    for (const char *at = list; *at != '\0';) {
        size_t len = strcspn(at, ",");
        char *one = strndup(at, len);
        cJSON *item = one != NULL ? cJSON_CreateString(one) : NULL;
        free(one);
        if (item == NULL || !cJSON_AddItemToArray(all, item))
            return false;
        at += len + (at[len] == ',');
    }
    return true;
}

static bool add_text(cJSON *to, const char *name, const char *text)
{
    return cJSON_AddStringToObject(to, name, text) != NULL;
}

/* The attributes as they were published, none as an empty object. */
static bool add_attributes(cJSON *to, const cJSON *attributes)
{
    cJSON *copy = attributes != NULL ? cJSON_Duplicate(attributes, true) : cJSON_CreateObject();
    return copy != NULL && cJSON_AddItemToObject(to, "attributes", copy);
}

char *note_write(const subscription_t *s, const notification_t *n, const note_attributes_t *a)
{
    char *text = NULL;
    cJSON *note = cJSON_CreateObject();
    bool is_mail = s->spec.endpoint.kind == ENDPOINT_MAIL;
    if (note != NULL && add_receivers(note, receiver_text(s, a)) &&
        add_text(note, "topic", n->topic) && add_text(note, "subscription", s->name) &&
        add_text(note, "message_id", n->message_id) && add_text(note, "message_tag", n->tag) &&
        cJSON_AddNumberToObject(note, "publish_time_ms", (double)n->publish_ms) != NULL &&
        add_text(note, "body", n->message) && add_attributes(note, is_mail ? a->mail : a->sms))
        text = cJSON_PrintUnformatted(note);
    cJSON_Delete(note);
    return text;
}

bool note_has_receiver(const subscription_t *s, const note_attributes_t *a)
{
    return receiver_text(s, a)[0] != '\0';
}
