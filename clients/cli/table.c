#include "table.h"

#include "format.h"
#include "text.h"

#include "base/mp.h"

enum { COLUMNS_MAX = 12, INDENT = 2, DEPTH_MAX = 4 };

/* A value as a cell: strings without quotes, null empty, nothing that a terminal obeys. */
static sl_err cell(sl_buf_t *out, mp_cursor_t raw)
{
    sl_buf_t json = SL_BUF_INIT;
    sl_err err = format_value(&json, raw.at, (size_t)(raw.end - raw.at));
    const char *text = (const char *)json.data;
    size_t len = json.len;
    if (err == SL_OK && *text == '"') {
        text++;
        len -= 2;
    } else if (err == SL_OK && len == 4 && memcmp(text, "null", 4) == 0) {
        len = 0;
    }
    if (err == SL_OK)
        text_clean(out, text, len);
    sl_buf_fini(&json);
    return err;
}

static void pad(sl_buf_t *out, size_t columns)
{
    while (columns-- > 0)
        sl_buf_append_byte(out, ' ');
}

/* Reads a pair's name and moves over its value. */
static bool next_pair(mp_cursor_t *in, const char **name, uint32_t *name_len, mp_cursor_t *raw)
{
    if (!mp_get_str(in, name, name_len))
        return false;
    raw->at = in->at;
    if (!mp_skip(in))
        return false;
    raw->end = in->at;
    return true;
}

static mp_type_t type_of(mp_cursor_t raw)
{
    mp_value_t value;
    return mp_next(&raw, &value) ? value.type : MP_NIL;
}

/* -- an array of maps ------------------------------------------------------------------------ */

/* Is it an array whose first element is a map with names to head columns? */
static bool heads_of(mp_cursor_t raw, uint32_t *rows, uint32_t *columns)
{
    mp_cursor_t in = raw;
    return mp_get_array(&in, rows) && *rows > 0 && mp_get_map(&in, columns) && *columns > 0 &&
           *columns <= COLUMNS_MAX;
}

/* Calls `each` for the head line and for each row's cells in turn; the first row's order is the
 * table's. */
typedef struct grid {
    sl_buf_t *out;
    size_t widths[COLUMNS_MAX];
    size_t indent;
    bool measuring;
} grid_t;

static void put_cell(grid_t *grid, uint32_t column, uint32_t columns, const sl_buf_t *text)
{
    size_t width = text_columns(text->data, text->len);
    if (grid->measuring) {
        if (width > grid->widths[column])
            grid->widths[column] = width;
        return;
    }
    if (column == 0)
        pad(grid->out, grid->indent);
    sl_buf_append(grid->out, text->data, text->len);
    if (column + 1 < columns) {
        pad(grid->out, grid->widths[column] - width + 2);
        return;
    }
    while (grid->out->len > 0 && grid->out->data[grid->out->len - 1] == ' ')
        grid->out->len--; /* the last cell was empty */
    sl_buf_append_byte(grid->out, '\n');
}

static sl_err put_row(grid_t *grid, mp_cursor_t *in, uint32_t columns, bool head)
{
    uint32_t pairs;
    sl_buf_t text = SL_BUF_INIT;
    sl_err err = SL_OK;
    if (!mp_get_map(in, &pairs))
        return SL_EPROTO;
    for (uint32_t i = 0; i < pairs && err == SL_OK; i++) {
        const char *name;
        uint32_t name_len;
        mp_cursor_t raw;
        sl_buf_clear(&text);
        if (!next_pair(in, &name, &name_len, &raw))
            err = SL_EPROTO;
        else if (head)
            text_clean(&text, name, name_len);
        else
            err = cell(&text, raw);
        if (err == SL_OK && i < columns)
            put_cell(grid, i, columns, &text);
    }
    if (err == SL_OK && !grid->measuring && pairs < columns)
        sl_buf_append_byte(grid->out, '\n');
    sl_buf_fini(&text);
    return err;
}

static sl_err write_grid(sl_buf_t *out, mp_cursor_t raw, uint32_t rows, uint32_t columns,
                         size_t indent)
{
    grid_t grid = {.out = out, .indent = indent};
    sl_err err = SL_OK;
    for (int pass = 0; pass < 2 && err == SL_OK; pass++) {
        grid.measuring = pass == 0;
        mp_cursor_t in = raw, first;
        uint32_t count;
        mp_get_array(&in, &count);
        first = in;
        err = put_row(&grid, &first, columns, true);
        for (uint32_t i = 0; i < rows && err == SL_OK; i++)
            err = put_row(&grid, &in, columns, false);
    }
    return err;
}

/* -- a map ----------------------------------------------------------------------------------- */

static sl_err write_map(sl_buf_t *out, mp_cursor_t in, size_t depth);

static sl_err write_pair(sl_buf_t *out, const char *name, uint32_t name_len, mp_cursor_t raw,
                         size_t widest, size_t depth)
{
    uint32_t rows, columns;
    pad(out, depth * INDENT);
    text_clean(out, name, name_len);
    if (type_of(raw) == MP_MAP && depth < DEPTH_MAX) {
        sl_buf_append_byte(out, '\n');
        return write_map(out, raw, depth + 1);
    }
    if (heads_of(raw, &rows, &columns)) {
        sl_buf_append_byte(out, '\n');
        return write_grid(out, raw, rows, columns, (depth + 1) * INDENT);
    }
    size_t width = text_columns(name, name_len);
    pad(out, (widest > width ? widest - width : 0) + 2);
    size_t before = out->len;
    sl_err err = cell(out, raw);
    while (out->len == before && before > 0 && out->data[before - 1] == ' ')
        out->len = --before; /* nothing stands there: no blanks at the end */
    sl_buf_append_byte(out, '\n');
    return err;
}

static sl_err write_map(sl_buf_t *out, mp_cursor_t in, size_t depth)
{
    uint32_t pairs;
    size_t widest = 0;
    const char *name;
    uint32_t name_len;
    mp_cursor_t raw;
    if (!mp_get_map(&in, &pairs))
        return SL_EPROTO;
    mp_cursor_t measured = in;
    for (uint32_t i = 0; i < pairs; i++) {
        if (!next_pair(&measured, &name, &name_len, &raw))
            return SL_EPROTO;
        size_t width = text_columns(name, name_len);
        if (width > widest && type_of(raw) != MP_MAP)
            widest = width;
    }
    sl_err err = SL_OK;
    for (uint32_t i = 0; i < pairs && err == SL_OK; i++) {
        next_pair(&in, &name, &name_len, &raw);
        err = write_pair(out, name, name_len, raw, widest, depth);
    }
    return err == SL_OK && out->failed ? SL_ENOMEM : err;
}

sl_err table_write(sl_buf_t *out, const void *map, size_t len)
{
    return write_map(out, mp_cursor(map, len), 0);
}

sl_err table_write_rows(sl_buf_t *out, const void *array, size_t len)
{
    mp_cursor_t raw = mp_cursor(array, len), in = raw;
    uint32_t rows, columns;
    if (mp_get_array(&in, &rows) && rows == 0)
        return SL_OK;
    if (!heads_of(raw, &rows, &columns))
        return SL_EPROTO;
    sl_err err = write_grid(out, raw, rows, columns, 0);
    return err == SL_OK && out->failed ? SL_ENOMEM : err;
}
