#include "show.h"

#include "cli.h"
#include "format.h"
#include "table.h"
#include "text.h"

#include "base/mp.h"

#include <stdio.h>
#include <unistd.h>

enum { TABLE_ROWS_MAX = 1000 }; /* then it is written, and the next ones get a head of their own */

void show_init(show_t *show, bool json)
{
    *show = (show_t){.kind = json ? SHOW_JSON : isatty(STDOUT_FILENO) ? SHOW_TABLE : SHOW_TEXT};
}

void show_fini(show_t *show)
{
    sl_buf_fini(&show->record);
    sl_buf_fini(&show->rows);
    sl_buf_fini(&show->out);
}

/* -- fields -------------------------------------------------------------------------------- */

void show_begin(show_t *show, show_shape_t shape)
{
    sl_buf_clear(&show->record);
    show->fields = 0;
    show->shape = shape;
}

static sl_buf_t *field(show_t *show, const char *name)
{
    show->fields++;
    mp_put_str(&show->record, name, strlen(name));
    return &show->record;
}

void show_text(show_t *show, const char *name, const char *text)
{
    sl_buf_t *out = field(show, name);
    if (text == NULL || *text == '\0')
        mp_put_nil(out);
    else
        mp_put_str(out, text, strlen(text));
}

void show_bytes(show_t *show, const char *name, const char *bytes, size_t len)
{
    sl_buf_t *out = field(show, name);
    if (text_is_utf8(bytes, len))
        mp_put_str(out, bytes, len);
    else
        mp_put_bin(out, bytes, len);
}

void show_number(show_t *show, const char *name, int64_t number)
{
    sl_buf_t *out = field(show, name);
    if (number < 0)
        mp_put_nil(out);
    else
        mp_put_int(out, number);
}

void show_uint(show_t *show, const char *name, uint64_t number)
{
    mp_put_uint(field(show, name), number);
}

void show_bool(show_t *show, const char *name, int64_t value)
{
    sl_buf_t *out = field(show, name);
    if (value < 0)
        mp_put_nil(out);
    else
        mp_put_bool(out, value != 0);
}

void show_time_s(show_t *show, const char *name, int64_t unix_s)
{
    sl_buf_t *out = field(show, name);
    if (unix_s < 0)
        mp_put_nil(out);
    else
        mp_put_time(out, unix_s, 0);
}

void show_time_ms(show_t *show, const char *name, int64_t unix_ms)
{
    sl_buf_t *out = field(show, name);
    if (unix_ms <= 0)
        mp_put_nil(out);
    else
        mp_put_time(out, unix_ms / 1000, (uint32_t)(unix_ms % 1000) * 1000000u);
}

void show_time_ns(show_t *show, const char *name, uint64_t unix_ns)
{
    sl_buf_t *out = field(show, name);
    if (unix_ns == 0)
        mp_put_nil(out);
    else
        mp_put_time(out, (int64_t)(unix_ns / 1000000000u), (uint32_t)(unix_ns % 1000000000u));
}

void show_raw(show_t *show, const char *name, const void *value, size_t len)
{
    sl_buf_t *out = field(show, name);
    if (value == NULL)
        mp_put_nil(out);
    else
        sl_buf_append(out, value, len);
}

/* -- text ---------------------------------------------------------------------------------- */

static void put_escaped(sl_buf_t *out, const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text[i];
        if (c == '\t' || c == '\n' || c == '\r' || c == '\\')
            sl_buf_printf(out, "\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : '\\');
        else if (c < 0x20 || c == 0x7f)
            sl_buf_printf(out, "\\x%02x", c);
        else
            sl_buf_append_byte(out, c);
    }
}

/* A value as text has it: strings bare, null nothing, everything else as JSON. */
static void put_value(sl_buf_t *out, mp_cursor_t raw)
{
    mp_cursor_t in = raw;
    mp_value_t value;
    sl_buf_t json = SL_BUF_INIT;
    if (!mp_next(&in, &value) || value.type == MP_NIL)
        return;
    if (value.type == MP_STR) {
        put_escaped(out, value.bytes.data, value.bytes.len);
        return;
    }
    format_value(&json, raw.at, (size_t)(raw.end - raw.at));
    bool quoted = json.len >= 2 && json.data[0] == '"';
    sl_buf_append(out, json.data + quoted, json.len - 2u * quoted);
    out->failed = out->failed || json.failed;
    sl_buf_fini(&json);
}

static void write_text(show_t *show)
{
    mp_cursor_t in = mp_cursor(show->record.data, show->record.len);
    const char *name;
    uint32_t name_len;
    bool rows = show->shape == SHOW_ROWS;
    for (uint32_t i = 0; i < show->fields; i++) {
        mp_cursor_t raw;
        if (!mp_get_str(&in, &name, &name_len))
            break;
        raw.at = in.at;
        mp_skip(&in);
        raw.end = in.at;
        if (rows && i > 0)
            sl_buf_append_byte(&show->out, '\t');
        if (!rows)
            sl_buf_printf(&show->out, "%.*s\t", (int)name_len, name);
        put_value(&show->out, raw);
        if (!rows)
            sl_buf_append_byte(&show->out, '\n');
    }
    if (rows)
        sl_buf_append_byte(&show->out, '\n');
}

/* -- records ------------------------------------------------------------------------------- */

static void write_table_rows(show_t *show)
{
    sl_buf_t table = SL_BUF_INIT;
    if (show->row_count == 0)
        return;
    mp_put_array(&table, show->row_count);
    sl_buf_append(&table, show->rows.data, show->rows.len);
    if (table.failed || table_write_rows(&show->out, table.data, table.len) != SL_OK)
        show->out.failed = true;
    sl_buf_fini(&table);
    sl_buf_clear(&show->rows);
    show->row_count = 0;
}

static void put_record(sl_buf_t *out, const show_t *show)
{
    mp_put_map(out, show->fields);
    sl_buf_append(out, show->record.data, show->record.len);
}

static void write_whole(show_t *show)
{
    sl_buf_t map = SL_BUF_INIT;
    put_record(&map, show);
    sl_err err = map.failed                ? SL_ENOMEM
                 : show->kind == SHOW_JSON ? format_value(&show->out, map.data, map.len)
                                           : table_write(&show->out, map.data, map.len);
    if (show->kind == SHOW_JSON)
        sl_buf_append_byte(&show->out, '\n');
    show->out.failed = show->out.failed || err != SL_OK;
    sl_buf_fini(&map);
}

void show_end(show_t *show)
{
    if (show->record.failed) {
        show->out.failed = true;
    } else if (show->kind == SHOW_TEXT) {
        write_text(show);
    } else if (show->kind == SHOW_JSON || show->shape == SHOW_SINGLE) {
        write_whole(show);
    } else {
        put_record(&show->rows, show);
        show->out.failed = show->out.failed || show->rows.failed;
        if (++show->row_count == TABLE_ROWS_MAX)
            write_table_rows(show);
    }
}

void show_verdict(show_t *show, const char *result, const char *kind, const char *name,
                  const char *location)
{
    if (show->kind != SHOW_JSON) {
        sl_buf_printf(&show->out, "%s %s ", result, kind);
        text_clean(&show->out, name, strlen(name));
        sl_buf_append_byte(&show->out, '\n');
        return;
    }
    show_begin(show, SHOW_SINGLE);
    show_text(show, "Result", result);
    show_text(show, "Kind", kind);
    show_text(show, "Name", name);
    if (location != NULL && *location != '\0')
        show_text(show, "Location", location);
    show_end(show);
}

bool show_flush(show_t *show)
{
    write_table_rows(show);
    if (show->out.failed) {
        fputs("sluice: out of memory\n", stderr);
        return false;
    }
    return cli_flush(&show->out);
}
