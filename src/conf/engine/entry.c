// SPDX-License-Identifier: MIT
#include "conf/engine/entry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

void conf_names_deinit(struct conf_names *names)
{
        for (size_t i = 0; i < names->depth; i++)
                free(names->parts[i]);
        names->depth = 0;
}

bool conf_names_add(struct conf_names *names, const char *part, size_t size)
{
        if (names->depth == CONF_DEPTH_MAX)
                return false;
        names->parts[names->depth++] = mem_text_n(part, size);
        return true;
}

void conf_names_copy(struct conf_names *to, const struct conf_names *from)
{
        to->depth = from->depth;
        for (size_t i = 0; i < from->depth; i++)
                to->parts[i] = mem_text(from->parts[i]);
}

void conf_names_write(const struct conf_names *names, struct buf *out)
{
        for (size_t i = 0; i < names->depth; i++) {
                if (i > 0)
                        buf_add_char(out, '.');
                buf_add_text(out, names->parts[i]);
        }
}

/* The length of the part that `text` starts with, and that of the separator behind it. */
static size_t first_part(const char *text, size_t *separator)
{
        for (size_t i = 0; text[i]; i++) {
                bool colon = text[i] == ':';

                if (colon || (text[i] == '_' && text[i + 1] == '_')) {
                        *separator = colon ? 1 : 2;
                        return i;
                }
        }
        *separator = 0;
        return strlen(text);
}

/*
 * Adds the parts of "A:B__C", as .NET takes names of environment variables and of flat JSON
 * members apart. False if there are too many or an empty one.
 */
static bool split_names(struct conf_names *names, const char *text)
{
        size_t separator;

        do {
                size_t size = first_part(text, &separator);

                if (size == 0 || !conf_names_add(names, text, size))
                        return false;
                text += size + separator;
        } while (separator > 0);
        return true;
}

void conf_entry_deinit(struct conf_entry *entry)
{
        conf_names_deinit(&entry->written);
        if (entry->text)
                mem_wipe(entry->text, strlen(entry->text));
        free(entry->text);
        free(entry->variable);
}

void conf_entries_deinit(struct conf_entries *entries)
{
        for (size_t i = 0; i < entries->count; i++)
                conf_entry_deinit(&entries->items[i]);
        free(entries->items);
        *entries = CONF_ENTRIES_INIT;
}

struct conf_entry *conf_entries_add(struct conf_entries *entries)
{
        size_t count = entries->count;

        if (count == CONF_ENTRIES_MAX)
                return NULL;
        entries->items = mem_grow(entries->items, count, sizeof(*entries->items));
        memset(&entries->items[count], 0, sizeof(*entries->items));
        entries->count++;
        return &entries->items[count];
}

size_t conf_entries_within(const struct conf_entries *entries, size_t index)
{
        const struct conf_entry *entry = &entries->items[index];
        size_t i = index + 1;

        if (entry->shape == CONF_VALUE)
                return 0;
        while (i < entries->count && !entries->items[i].place.variable &&
               entries->items[i].written.depth > entry->written.depth)
                i++;
        return i - index - 1;
}

/* Replaces the first `drop` parts by those of `text`; leaves it alone if there are too many. */
static void replace_front(struct conf_names *names, size_t drop, const char *text)
{
        struct conf_names made = {.depth = 0};
        bool fits = split_names(&made, text);

        for (size_t i = drop; fits && i < names->depth; i++)
                fits = conf_names_add(&made, names->parts[i], strlen(names->parts[i]));
        if (!fits) {
                conf_names_deinit(&made);
                return;
        }
        conf_names_deinit(names);
        *names = made;
}

static void unfold_names(struct conf_names *names)
{
        bool below_values = names->depth > 0 && text_equal_nocase(names->parts[0], "Values");
        size_t front = below_values ? 1 : 0;
        CLEANUP(mem_cleanup) char *text = NULL;

        if (names->depth <= front) {
                conf_names_deinit(names);
                return;
        }
        text = mem_text(names->parts[front]);
        replace_front(names, front + 1, text);
}

static bool is_member(const struct conf_entry *entry, const char *name)
{
        return entry->written.depth == 2 && entry->shape == CONF_VALUE && entry->text &&
               text_equal_nocase(entry->written.parts[1], name);
}

/* The `value` among the members that stand behind the object at `index`. */
static const struct conf_entry *find_member(const struct conf_entries *entries, size_t index,
                                            const char *name)
{
        for (size_t i = index + 1; i < entries->count; i++) {
                if (entries->items[i].written.depth < 2)
                        return NULL;
                if (is_member(&entries->items[i], name))
                        return &entries->items[i];
        }
        return NULL;
}

/* `[{"name": "A:B", "value": "c"}, ...]` becomes the entry A.B with the value c, ... */
static void unfold_pairs(struct conf_entries *entries)
{
        struct conf_entries made = CONF_ENTRIES_INIT;

        for (size_t i = 0; i < entries->count; i++) {
                const struct conf_entry *name = NULL;
                const struct conf_entry *value = NULL;
                struct conf_entry *entry;

                if (entries->items[i].written.depth == 1) {
                        name = find_member(entries, i, "name");
                        value = find_member(entries, i, "value");
                }
                if (!name || !value)
                        continue;
                entry = conf_entries_add(&made);
                conf_names_add(&entry->written, name->text, strlen(name->text));
                entry->text = mem_text(value->text);
                entry->place = name->place;
        }
        conf_entries_deinit(entries);
        *entries = made;
}

void conf_entries_unfold(struct conf_entries *entries)
{
        bool pairs = entries->count > 0 && entries->items[0].shape == CONF_LIST;

        if (pairs)
                unfold_pairs(entries);
        for (size_t i = 0; i < entries->count; i++)
                unfold_names(&entries->items[i].written);
}

/* Azure App Service marks its connection strings so, and .NET knows these marks. */
static const char *const connection_string_marks[] = {
        "CUSTOMCONNSTR_", "SQLCONNSTR_", "SQLAZURECONNSTR_", "MYSQLCONNSTR_", "POSTGRESQLCONNSTR_",
};

/* The name of a variable's setting; the caller's. */
static char *name_setting(const char *variable, size_t size)
{
        for (size_t i = 0; i < ARRAY_SIZE(connection_string_marks); i++) {
                size_t mark = strlen(connection_string_marks[i]);

                if (size > mark && strncasecmp(variable, connection_string_marks[i], mark) == 0)
                        return mem_format("ConnectionStrings:%.*s", (int)(size - mark),
                                          variable + mark);
        }
        return mem_text_n(variable, size);
}

void conf_entries_add_environment(struct conf_entries *entries, char *const *environment)
{
        for (; environment && *environment; environment++) {
                const char *equals = strchr(*environment, '=');
                CLEANUP(mem_cleanup) char *name = NULL;
                struct conf_names names = {.depth = 0};
                struct conf_entry *entry;

                if (!equals || equals == *environment)
                        continue;
                name = name_setting(*environment, (size_t)(equals - *environment));
                entry = split_names(&names, name) ? conf_entries_add(entries) : NULL;
                if (!entry) {
                        conf_names_deinit(&names);
                        continue;
                }
                entry->written = names;
                entry->text = mem_text(equals + 1);
                entry->variable = mem_text_n(*environment, (size_t)(equals - *environment));
                entry->place.variable = entry->variable;
        }
}
