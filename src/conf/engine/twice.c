// SPDX-License-Identifier: MIT
/* Finds the names that an object of the file has twice. */
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "conf/engine/load.h"

/* By name in any case; those of one name in their order. */
static int compare(const void *left, const void *right)
{
        const struct conf_entry *a = *(const struct conf_entry *const *)left;
        const struct conf_entry *b = *(const struct conf_entry *const *)right;
        int order = 0;

        for (size_t i = 0; order == 0 && i < a->written.depth && i < b->written.depth; i++)
                order = strcasecmp(a->written.parts[i], b->written.parts[i]);
        if (order == 0 && a->written.depth != b->written.depth)
                order = a->written.depth < b->written.depth ? -1 : 1;
        if (order == 0)
                order = a < b ? -1 : 1;
        return order;
}

/* Names of sections are the same in any case; the user's own, and what is no setting, are not. */
static bool counts_case(const struct conf_schema *schema, const struct conf_names *names)
{
        CLEANUP(conf_names_deinit) struct conf_names own = {.depth = 0};
        struct conf_match match;

        conf_schema_spell(schema, names, &own);
        if (conf_schema_find_item(schema, &own, &match))
                return !match.row->map->any_case;
        return !conf_schema_is_section(schema, &own);
}

static bool is_same(const struct conf_schema *schema, const struct conf_names *a,
                    const struct conf_names *b)
{
        struct conf_names part = *a;

        for (size_t i = 0; i < a->depth; i++) {
                part.depth = i + 1;
                if (!text_equal(a->parts[i], b->parts[i]) &&
                    (!text_equal_nocase(a->parts[i], b->parts[i]) || counts_case(schema, &part)))
                        return false;
        }
        return true;
}

/* The nearest before this one that has its name; NULL = there is none. */
static const struct conf_entry *find_other(const struct conf_schema *schema,
                                           struct conf_entry *const *sorted, size_t index)
{
        const struct conf_names *names = &sorted[index]->written;

        for (size_t i = index; i-- > 0;) {
                const struct conf_names *other = &sorted[i]->written;

                if (names->depth == 0 || other->depth != names->depth ||
                    !text_equal_nocase(other->parts[names->depth - 1],
                                       names->parts[names->depth - 1]))
                        return NULL;
                if (is_same(schema, names, other))
                        return sorted[i];
        }
        return NULL;
}

/* For each entry the other one of its name, or NULL; the caller's to free. */
static const struct conf_entry **find_others(const struct conf_load *load)
{
        const struct conf_entries *entries = &load->entries;
        struct conf_entry **sorted = mem_new(entries->count + 1, sizeof(struct conf_entry *));
        const struct conf_entry **others =
                mem_new(entries->count + 1, sizeof(const struct conf_entry *));

        for (size_t i = 0; i < entries->count; i++)
                sorted[i] = &entries->items[i];
        qsort(sorted, entries->count, sizeof(struct conf_entry *), compare);
        for (size_t i = 0; i < entries->count; i++)
                others[sorted[i] - entries->items] = find_other(load->schema, sorted, i);
        free(sorted);
        return others;
}

static void complain(struct conf_load *load, const struct conf_entry *entry,
                     const struct conf_entry *other)
{
        bool objects = entry->shape == CONF_OBJECT && other->shape == CONF_OBJECT;

        conf_say(load, CONF_MISTAKE, entry,
                 "this name is given twice, also at line %d column %d; %s", other->place.line,
                 other->place.column,
                 objects ? "put what both hold into one object" : "remove one of the two");
}

void conf_check_twice(struct conf_load *load)
{
        struct conf_entries *entries = &load->entries;
        const struct conf_entry **others = find_others(load);
        size_t kept = 0;

        for (size_t i = 0; i < entries->count; i++) {
                size_t end = i + 1 + (others[i] ? conf_entries_within(entries, i) : 0);

                if (others[i])
                        complain(load, &entries->items[i], others[i]);
                /* What lies within it goes with it. */
                for (; i + 1 < end; i++)
                        others[i + 1] = others[i];
        }
        for (size_t i = 0; i < entries->count; i++) {
                if (others[i])
                        conf_entry_deinit(&entries->items[i]);
                else
                        entries->items[kept++] = entries->items[i];
        }
        entries->count = kept;
        free(others);
}
