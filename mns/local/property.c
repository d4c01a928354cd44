#include "property.h"

#include "xml_out.h"

#include <string.h>

static const struct kind {
    const char *list, *entry;
} kinds[] = {{"UserProperties", "PropertyValue"}, {"SystemProperties", "SystemPropertyValue"}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const char *const types[] = {"STRING", "NUMBER", "BOOLEAN", "BINARY"};

static bool has_type(const char *type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static const char *find_fault(const xml_node_t *entry)
{
    const xml_node_t *name = xml_child(entry, "Name");
    const xml_node_t *value = xml_child(entry, "Value");
    const xml_node_t *type = xml_child(entry, "Type");
    if (name == NULL || name->text_len == 0 || name->text_len > PROPERTY_NAME_MAX)
        return "A property's Name has 1 to 256 bytes.";
    if (value == NULL || value->text_len > PROPERTY_VALUE_MAX)
        return "A property's Value has at most 4096 bytes.";
    if (type == NULL || !has_type(type->text))
        return "A property's Type is STRING, NUMBER, BOOLEAN or BINARY.";
    return NULL;
}

bool properties_check(const xml_node_t *message, const char **why)
{
    for (size_t kind = 0; kind < KINDS; kind++) {
        const xml_node_t *list = xml_child(message, kinds[kind].list);
        size_t count = 0;
        for (const xml_node_t *entry = list != NULL ? list->child : NULL; entry != NULL;
             entry = entry->next) {
            if (strcmp(entry->name, kinds[kind].entry) != 0)
                continue;
            *why = ++count > PROPERTIES_MAX ? "A message has at most 50 properties."
                                            : find_fault(entry);
            if (*why != NULL)
                return false;
        }
    }
    return true;
}

static void write_entry(sl_buf_t *out, const char *name, const xml_node_t *entry)
{
    xml_open(out, name);
    xml_text(out, "Name", xml_child(entry, "Name")->text);
    xml_text(out, "Value", xml_child(entry, "Value")->text);
    xml_text(out, "Type", xml_child(entry, "Type")->text);
    xml_close(out, name);
}

void properties_write(sl_buf_t *out, const xml_node_t *message)
{
    for (size_t kind = 0; kind < KINDS; kind++) {
        const xml_node_t *list = xml_child(message, kinds[kind].list);
        bool open = false;
        for (const xml_node_t *entry = list != NULL ? list->child : NULL; entry != NULL;
             entry = entry->next) {
            if (strcmp(entry->name, kinds[kind].entry) != 0)
                continue;
            if (!open) /* an empty list is no element: one client fails on it */
                xml_open(out, kinds[kind].list);
            open = true;
            write_entry(out, kinds[kind].entry, entry);
        }
        if (open)
            xml_close(out, kinds[kind].list);
    }
}
