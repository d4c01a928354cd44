/* --help, from the same rows as everything else. */
#include "config_impl.h"

#include <string.h>

enum { HELP_COLUMNS = 100, HELP_LEFT_MAX = 34, HELP_TEXT_BYTES = 1024 };

/* Columns on a terminal: the bytes that begin a character.  Our texts hold no wide ones. */
static size_t columns(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Prints words; a line goes on at `indent` when the next word would pass the last column. */
static void print_wrapped(FILE *out, size_t at, size_t indent, const char *text)
{
    bool first = true;
    while (*text != '\0') {
        size_t len = strcspn(text, " \n");
        size_t width = columns(text, len);
        if (!first && at + 1 + width > HELP_COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            putc(' ', out);
            at++;
        }
        fwrite(text, 1, len, out);
        at += width;
        first = false;
        text += len;
        text += strspn(text, " ");
        if (*text == '\n') {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
            text++;
        }
    }
    putc('\n', out);
}

static const char *argument_of(const config_opt_t *opt)
{
    if (opt->arg != NULL)
        return opt->arg;
    switch (opt->kind) {
    case CONFIG_BOOL:
        return "";
    case CONFIG_CHOICE:
        return opt->choices;
    case CONFIG_U64:
        return "N";
    case CONFIG_BYTES:
        return "BYTES";
    case CONFIG_MS:
    case CONFIG_US:
        return "TIME";
    case CONFIG_OBJECTS:
        return "[ { … } ]";
    default:
        return "TEXT";
    }
}

/* "default 16", "1 to 64", "variable NAME" (where it is not called as its flag would have it). */
static void describe_value(const config_opt_t *opt, char def[CONFIG_PATH_BYTES], char limits[80],
                           char variable[CONFIG_PATH_BYTES])
{
    char least[32], most[32], flag[CONFIG_PATH_BYTES];
    flag_name(opt, flag);
    value_print_number(opt->kind, opt->min, least, sizeof least);
    value_print_number(opt->kind, opt->max, most, sizeof most);
    if ((opt->flags & CONFIG_REQUIRED) != 0)
        snprintf(def, CONFIG_PATH_BYTES, "required");
    else if (opt->kind == CONFIG_BOOL && opt->def != NULL && strcmp(opt->def, "true") == 0)
        snprintf(def, CONFIG_PATH_BYTES, "the default; --no-%.100s turns it off", flag + 2);
    else if (opt->kind != CONFIG_BOOL && opt->def != NULL && *opt->def != '\0')
        snprintf(def, CONFIG_PATH_BYTES, "default %.200s", opt->def);
    if (opt->max != 0)
        snprintf(limits, 80, "%s to %s", least, most);
    else if (opt->min != 0)
        snprintf(limits, 80, "at least %s", least);
    if (opt->env != NULL && flag_exists(opt))
        snprintf(variable, CONFIG_PATH_BYTES, "variable %.200s", opt->env);
}

/* "help text (default 16; 1 to 64)" */
static void describe(const config_opt_t *opt, char out[HELP_TEXT_BYTES])
{
    char facts[3][CONFIG_PATH_BYTES] = {"", "", ""};
    describe_value(opt, facts[0], facts[1], facts[2]);
    int len = snprintf(out, HELP_TEXT_BYTES, "%.400s", opt->help != NULL ? opt->help : "");
    const char *before = " (";
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (*facts[i] != '\0') {
            len += snprintf(out + len, HELP_TEXT_BYTES - (size_t)len, "%s%.180s", before, facts[i]);
            before = "; ";
        }
    if (*before == ';')
        snprintf(out + len, HELP_TEXT_BYTES - (size_t)len, ")");
}

static void print_row(FILE *out, const char *left, size_t left_columns, const char *text)
{
    size_t width = columns(left, strlen(left));
    fprintf(out, "  %s", left);
    if (width > left_columns) {
        fprintf(out, "\n%*s", (int)left_columns + 4, "");
    } else {
        fprintf(out, "%*s", (int)(left_columns - width + 2), "");
    }
    print_wrapped(out, left_columns + 4, left_columns + 4, text);
}

/* A section is what can be given in one way. */
typedef enum { HELP_COMMAND, HELP_FLAGS, HELP_VARIABLES, HELP_FILE } section_t;

/* Options on the command line only have a section of their own where a program has some; the few
 * that every program has do not make one. */
static bool is_split(const config_table_t *table)
{
    for (size_t i = 0; i < table->count; i++)
        if ((table->opts[i].flags & CONFIG_FLAG_ONLY) != 0)
            return true;
    return false;
}

static bool in_section(const config_opt_t *opt, section_t section, bool split)
{
    char buffer[CONFIG_PATH_BYTES];
    if (flag_exists(opt) && split && (opt->flags & CONFIG_FLAG_ONLY) != 0)
        return section == HELP_COMMAND;
    if (flag_exists(opt))
        return section == HELP_FLAGS;
    return section == (env_name(opt, buffer) != NULL ? HELP_VARIABLES : HELP_FILE);
}

static void left_of(const config_opt_t *opt, section_t section, const char *prefix,
                    char out[CONFIG_PATH_BYTES])
{
    char name[CONFIG_PATH_BYTES];
    const char *argument = argument_of(opt);
    if (section == HELP_COMMAND || section == HELP_FLAGS) {
        flag_name(opt, name);
        snprintf(out, CONFIG_PATH_BYTES, "%.200s%s%.200s", name, *argument != '\0' ? " " : "",
                 argument);
    } else if (section == HELP_VARIABLES) {
        snprintf(out, CONFIG_PATH_BYTES, "%s", env_name(opt, name));
    } else {
        snprintf(out, CONFIG_PATH_BYTES, "%s%s%s", prefix, opt->key,
                 opt->kind == CONFIG_OBJECTS ? "[]" : "");
    }
}

/* Prints a table's rows of one section, or only measures them; returns the widest left side. */
static size_t rows(FILE *out, const config_table_t *table, section_t section, bool split,
                   const char *prefix, size_t left_columns)
{
    size_t widest = 0;
    for (size_t i = 0; i < table->count; i++) {
        const config_opt_t *opt = &table->opts[i];
        char left[CONFIG_PATH_BYTES], text[HELP_TEXT_BYTES];
        if (*prefix == '\0' && !in_section(opt, section, split))
            continue;
        left_of(opt, section, prefix, left);
        size_t width = columns(left, strlen(left));
        if (width > widest && width <= HELP_LEFT_MAX)
            widest = width;
        if (out != NULL) {
            describe(opt, text);
            print_row(out, left, left_columns, text);
        }
        if (opt->kind == CONFIG_OBJECTS) {
            snprintf(text, sizeof text, "%.300s.", left);
            size_t inner = rows(out, opt->sub, section, split, text, left_columns);
            widest = inner > widest ? inner : widest;
        }
    }
    return widest;
}

static void print_section(FILE *out, const char *title, const config_table_t *tables[CONFIG_SCOPES],
                          section_t section)
{
    size_t widest = 0;
    bool split = is_split(tables[0]);
    for (size_t t = 0; t < CONFIG_SCOPES; t++) {
        size_t width = rows(NULL, tables[t], section, split, "", 0);
        widest = width > widest ? width : widest;
    }
    if (widest == 0)
        return;
    fprintf(out, "\n%s\n", title);
    for (size_t t = 0; t < CONFIG_SCOPES; t++)
        rows(out, tables[t], section, split, "", widest);
}

void help_print(const config_program_t *program, const config_table_t *common, FILE *out)
{
    const config_table_t *tables[CONFIG_SCOPES] = {&program->table, common};
    fprintf(out, "Usage: %s [options]%s%s\n\n", program->name,
            program->positional != NULL ? " " : "",
            program->positional != NULL ? program->positional : "");
    print_wrapped(out, 0, 0, program->summary);
    bool split = is_split(tables[0]);
    print_section(out, "Options:", tables, HELP_COMMAND);
    print_section(
        out, split ? "Options that the environment and the file may give too:" : "Options:", tables,
        HELP_FLAGS);
    print_section(out, "From the environment (or the file), never as an option:", tables,
                  HELP_VARIABLES);
    print_section(out, "In the file only:", tables, HELP_FILE);
    fprintf(out, "\n");
    print_wrapped(out, 0, 0,
                  split ? "An option of the second list may also be given as its variable "
                          "(SLUICE_SOME_NAME for --some-name, where none is named), or in the file "
                          "under its key. Options win over variables, variables over the file."
                        : "An option --some-name may also be given as the variable "
                          "SLUICE_SOME_NAME, or in the file under its key. Options win over "
                          "variables, variables over the file.");
    if (program->epilog != NULL) {
        fprintf(out, "\n");
        print_wrapped(out, 0, 0, program->epilog);
    }
}
