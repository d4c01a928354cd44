#include "ledger.h"

#include "envelope.h"

#include <inttypes.h>

enum { BUFFER_BYTES = 1024 * 1024 };

sl_err ledger_open(ledger_t *ledger, const char *path, bool bodies)
{
    *ledger = (ledger_t){.bodies = bodies};
    if (path == NULL)
        return SL_OK;
    ledger->file = fopen(path, "we");
    if (ledger->file == NULL)
        return SL_EIO;
    setvbuf(ledger->file, NULL, _IOFBF, BUFFER_BYTES);
    return SL_OK;
}

sl_err ledger_add(ledger_t *ledger, const ledger_entry_t *entry)
{
    if (ledger->file == NULL)
        return SL_OK;
    char md5[MD5_HEX_LEN + 1];
    sl_buf_t *line = &ledger->line;
    md5_hex(entry->body, entry->body_len, md5);
    sl_buf_clear(line);
    sl_buf_printf(line, "{\"n\":%" PRIu64 ",\"topic\":\"%s\",\"id\":\"", entry->n, entry->topic);
    json_escape(line, entry->id, strlen(entry->id));
    sl_buf_printf(line, "\",\"time_ms\":%" PRIu64 ",\"md5\":\"%s\"", entry->time_ms, md5);
    if (ledger->bodies) {
        sl_buf_append_str(line, ",\"body\":\"");
        json_escape(line, entry->body, entry->body_len);
        sl_buf_append_byte(line, '"');
    }
    sl_buf_append_str(line, "}\n");
    if (line->failed)
        return SL_ENOMEM;
    return fwrite(line->data, 1, line->len, ledger->file) == line->len ? SL_OK : SL_EIO;
}

sl_err ledger_flush(ledger_t *ledger)
{
    return ledger->file == NULL || fflush(ledger->file) == 0 ? SL_OK : SL_EIO;
}

sl_err ledger_close(ledger_t *ledger)
{
    bool whole = true;
    sl_buf_fini(&ledger->line);
    if (ledger->file != NULL) {
        whole = !ferror(ledger->file);
        whole = fclose(ledger->file) == 0 && whole;
        ledger->file = NULL;
    }
    return whole ? SL_OK : SL_EIO;
}
