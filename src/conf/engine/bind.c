// SPDX-License-Identifier: MIT
/* Finds the row that each entry is meant for, and says what is meant for none. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "conf/engine/load.h"

static void free_binding(struct conf_binding *binding)
{
        for (size_t i = 0; i < CONF_CAPTURES_MAX; i++)
                free(binding->captures[i]);
}

void conf_load_deinit(struct conf_load *load)
{
        for (size_t i = 0; i < load->count; i++)
                free_binding(&load->bindings[i]);
        free(load->bindings);
        conf_entries_deinit(&load->entries);
}

void conf_say(struct conf_load *load, enum conf_severity severity, const struct conf_entry *entry,
              const char *format, ...)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        char sentence[1024];
        va_list values;

        va_start(values, format);
        vsnprintf(sentence, sizeof(sentence), format, values);
        va_end(values);
        conf_names_write(&entry->written, &path);
        conf_report_add(load->report, severity, &entry->place, buf_text(&path), sentence);
}

static bool same_captures(const struct conf_row *row, const char *const *a, const char *const *b)
{
        bool any_case = row->map && row->map->any_case;
        bool nested = row->map && row->map->outer;

        /* The innermost name follows its map's rule; an application's around it is exact. */
        if (!text_equal(a[0], b[0]) && (nested || !any_case || !text_equal_nocase(a[0], b[0])))
                return false;
        return text_equal(a[1], b[1]) || (any_case && text_equal_nocase(a[1], b[1]));
}

static struct conf_binding *find_same(const struct conf_load *load, const struct conf_match *match)
{
        for (size_t i = 0; i < load->count; i++) {
                struct conf_binding *known = &load->bindings[i];

                if (known->row == match->row && known->index == match->index &&
                    same_captures(match->row, (const char *const *)known->captures,
                                  match->captures))
                        return known;
        }
        return NULL;
}

/* A list's members stay in their order, from the file or the environment. */
static size_t place_in_order(const struct conf_load *load, const struct conf_match *match)
{
        for (size_t i = 0; match->index >= 0 && i < load->count; i++) {
                if (load->bindings[i].row == match->row && load->bindings[i].index > match->index)
                        return i;
        }
        return load->count;
}

void conf_add_binding(struct conf_load *load, const struct conf_match *match,
                      const struct conf_entry *entry)
{
        size_t at = place_in_order(load, match);
        struct conf_binding made = {
                .row = match->row,
                .index = match->index,
                .via = match->via,
                .entry = entry,
        };

        for (size_t i = 0; i < match->capture_count; i++)
                made.captures[i] = mem_text(match->captures[i]);
        load->bindings = mem_grow(load->bindings, load->count, sizeof(*load->bindings));
        memmove(&load->bindings[at + 1], &load->bindings[at],
                (load->count - at) * sizeof(*load->bindings));
        load->bindings[at] = made;
        load->count++;
}

void conf_drop_binding(struct conf_load *load, size_t index)
{
        free_binding(&load->bindings[index]);
        load->count--;
        memmove(&load->bindings[index], &load->bindings[index + 1],
                (load->count - index) * sizeof(*load->bindings));
}

static void describe_place(const struct conf_place *place, char *text, size_t size)
{
        if (place->variable)
                snprintf(text, size, "environment variable %s", place->variable);
        else
                snprintf(text, size, "line %d column %d", place->line, place->column);
}

/* Whether a binding gives a part of the list that was found. */
static bool is_part(const struct conf_binding *binding, const struct conf_match *list)
{
        if (binding->row != list->row)
                return list->row->map && list->row->map->list && !conf_row_is_of_item(list->row) &&
                       binding->row->map == list->row->map;
        return same_captures(list->row, (const char *const *)binding->captures, list->captures);
}

/* A list that the environment gives as a whole takes the place of the file's. */
static void drop_list(struct conf_load *load, const struct conf_match *list)
{
        size_t kept = 0;

        for (size_t i = 0; i < load->count; i++) {
                if (is_part(&load->bindings[i], list) && !load->bindings[i].entry->place.variable)
                        free_binding(&load->bindings[i]);
                else
                        load->bindings[kept++] = load->bindings[i];
        }
        load->count = kept;
}

static void bind_value(struct conf_load *load, const struct conf_match *match,
                       const struct conf_entry *entry)
{
        struct conf_binding *known;
        char where[256];

        if (entry->place.variable && conf_row_is_list(match->row) && match->index < 0)
                drop_list(load, match);
        known = find_same(load, match);
        if (!known) {
                conf_add_binding(load, match, entry);
                return;
        }
        if (entry->place.variable && !known->entry->place.variable) {
                known->entry = entry;
                known->via = match->via;
                return;
        }
        describe_place(&known->entry->place, where, sizeof(where));
        conf_say(load, CONF_MISTAKE, entry,
                 "this setting is given twice, also at %s; remove one of the two", where);
}

static const struct conf_map *outermost(const struct conf_map *map)
{
        return map && map->outer ? map->outer : map;
}

/*
 * Names of applications given by the environment, which may have lost their case on the way,
 * become those of the file if they differ in case only.
 */
static void adopt_case(const struct conf_load *load, const struct conf_entry *entry,
                       struct conf_match *match)
{
        const struct conf_map *map = outermost(match->row->map);
        const char *adopted = NULL;

        for (size_t i = 0; map && entry->place.variable && i < load->count; i++) {
                const char *known = load->bindings[i].captures[0];

                if (outermost(load->bindings[i].row->map) != map)
                        continue;
                if (text_equal(known, match->captures[0]))
                        return;
                if (!adopted && text_equal_nocase(known, match->captures[0]))
                        adopted = known;
        }
        if (adopted)
                match->captures[0] = adopted;
}

static bool takes_object(const struct conf_row *row)
{
        return row->kind == CONF_JSON || row->secret;
}

/* Whether what was found may stand for this row; sections of a row are not bound themselves. */
static bool check_shape(struct conf_load *load, const struct conf_match *match,
                        const struct conf_entry *entry, bool *bind)
{
        bool list = match->index < 0 && conf_row_is_list(match->row);

        *bind = entry->shape == CONF_VALUE || match->row->kind == CONF_JSON;
        if (*bind || (list && entry->shape == CONF_LIST) ||
            (takes_object(match->row) && entry->shape == CONF_OBJECT && match->via == CONF_PLAIN))
                return true;
        conf_say(load, CONF_MISTAKE, entry, "this must be %s, not %s",
                 list ? "a list of texts in [ ]" : "one value",
                 entry->shape == CONF_OBJECT ? "an object in { }" : "a list in [ ]");
        return false;
}

/* In the items of a list, what is empty could mean nothing or everything. */
static void check_not_empty(struct conf_load *load, const struct conf_match *match,
                            const struct conf_entry *entry)
{
        size_t index = (size_t)(entry - load->entries.items);
        bool whole = !conf_row_is_of_item(match->row) && match->index < 0;

        if (match->row->map && match->row->map->list && !whole &&
            conf_entries_within(&load->entries, index) == 0)
                conf_say(load, CONF_MISTAKE, entry, "this is empty; what is left out means all");
}

/* Whoever names something of his own, or adds to a list, means to say something of it. */
static void check_not_null(struct conf_load *load, const struct conf_match *match,
                           const struct conf_entry *entry)
{
        size_t length = strlen(match->row->path);

        if (entry->shape == CONF_VALUE && !entry->text &&
            (match->index >= 0 || match->row->path[length - 1] == '*'))
                conf_say(load, CONF_MISTAKE, entry,
                         "null says nothing; give a value, or remove this");
}

/* True if the members of an object or list shall be looked at. */
static bool bind_match(struct conf_load *load, struct conf_match *match,
                       const struct conf_entry *entry)
{
        bool bind = false;

        if (!check_shape(load, match, entry, &bind))
                return false;
        check_not_null(load, match, entry);
        if (bind) {
                adopt_case(load, entry, match);
                bind_value(load, match, entry);
        } else {
                check_not_empty(load, match, entry);
        }
        return !bind;
}

static bool report_unknown(struct conf_load *load, const struct conf_names *own,
                           const struct conf_entry *entry)
{
        struct conf_names section = {.depth = own->depth < 2 ? 0 : 1};
        struct reason hint;

        /* Most variables are other programs'. */
        section.parts[0] = own->parts[0];
        if (entry->place.variable &&
            (section.depth == 0 || !conf_schema_is_section(load->schema, &section)))
                return false;
        conf_schema_suggest(load->schema, own, &hint);
        if (conf_schema_is_item(load->schema, own))
                conf_say(load, CONF_MISTAKE, entry, "there is no such member%s", hint.text);
        else
                conf_say(load, CONF_WARNING, entry, "there is no such setting, it has no effect%s",
                         hint.text);
        return false;
}

/* What is named is there, even if nothing is said of it: in { }, for null could mean the opposite.
 */
static void bind_item(struct conf_load *load, const struct conf_names *own,
                      const struct conf_entry *entry)
{
        struct conf_match match;

        if (!conf_schema_find_item(load->schema, own, &match))
                return;
        if (entry->shape == CONF_OBJECT && !find_same(load, &match))
                conf_add_binding(load, &match, entry);
        if (entry->shape == CONF_VALUE && text_is_empty(entry->text) && !entry->place.variable)
                conf_say(load, CONF_MISTAKE, entry,
                         "this must be an object in { }, which may be empty, not %s; or remove it",
                         entry->text ? "an empty text" : "null");
}

static bool bind_section(struct conf_load *load, const struct conf_names *own,
                         const struct conf_entry *entry)
{
        if (conf_schema_is_item(load->schema, own))
                return report_unknown(load, own, entry);
        bind_item(load, own, entry);
        if (entry->shape == CONF_OBJECT)
                return true;
        if (!text_is_empty(entry->text) && !entry->place.variable)
                conf_say(load, CONF_MISTAKE, entry,
                         "this must be an object in { } with settings, not %s",
                         entry->shape == CONF_LIST ? "a list in [ ]" : "one value");
        return false;
}

/* True if the members of an object or list shall be looked at. */
static bool bind_entry(struct conf_load *load, const struct conf_names *own,
                       const struct conf_entry *entry)
{
        const struct conf_ignored *ignored = conf_schema_find_ignored(load->schema, own);
        struct conf_match match;

        if (conf_schema_match(load->schema, own, &match))
                return bind_match(load, &match, entry);
        if (conf_schema_is_section(load->schema, own) ||
            conf_schema_is_section(load->schema, &entry->written))
                return bind_section(load, own, entry);
        if (ignored) {
                if (!entry->place.variable)
                        conf_say(load, CONF_NOTE, entry, "has no effect: %s", ignored->note);
                return false;
        }
        return report_unknown(load, own, entry);
}

void conf_bind(struct conf_load *load)
{
        for (size_t i = 0; i < load->entries.count; i++) {
                const struct conf_entry *entry = &load->entries.items[i];
                struct conf_names own = {.depth = 0};
                bool deeper = true;

                if (entry->written.depth > 0) {
                        conf_schema_spell(load->schema, &entry->written, &own);
                        deeper = bind_entry(load, &own, entry);
                        conf_names_deinit(&own);
                }
                if (!deeper)
                        i += conf_entries_within(&load->entries, i);
        }
}

const struct conf_binding *conf_find_binding(const struct conf_load *load,
                                             const struct conf_subject *subject)
{
        for (size_t i = 0; i < load->count; i++) {
                const struct conf_binding *binding = &load->bindings[i];

                if (binding->index != CONF_ITEM && strcmp(binding->row->path, subject->path) == 0 &&
                    (subject->member == 0 || binding->index == subject->member - 1) &&
                    text_equal(binding->captures[0], subject->captures[0]) &&
                    text_equal(binding->captures[1], subject->captures[1]))
                        return binding;
        }
        return NULL;
}

static size_t count_common(const struct conf_names *a, const struct conf_names *b)
{
        size_t common = 0;

        while (common < a->depth && common < b->depth &&
               text_equal_nocase(a->parts[common], b->parts[common]))
                common++;
        return common;
}

/* The object of the file that comes nearest to where the setting belongs; NULL = none at all. */
static const struct conf_entry *find_nearest(const struct conf_load *load,
                                             const struct conf_names *wanted)
{
        const struct conf_entry *best = NULL;
        size_t best_common = 0;

        for (size_t i = 0; i < load->entries.count; i++) {
                const struct conf_entry *entry = &load->entries.items[i];
                struct conf_names own = {.depth = 0};
                size_t common;

                if (entry->place.variable)
                        continue;
                conf_schema_spell(load->schema, &entry->written, &own);
                common = own.depth <= wanted->depth ? count_common(&own, wanted) : 0;
                if (common == own.depth && (!best || common > best_common)) {
                        best = entry;
                        best_common = common;
                }
                conf_names_deinit(&own);
        }
        return best;
}

static void name_subject(const struct conf_subject *subject, struct conf_names *names)
{
        size_t capture = 0;
        const char *path = subject->path;

        while (*path) {
                size_t size = strcspn(path, ".");
                const char *name = NULL;

                if (path[0] == '*' && capture < CONF_CAPTURES_MAX)
                        name = subject->captures[capture++];
                conf_names_add(names, name ? name : path, name ? strlen(name) : size);
                path += size + (path[size] == '.' ? 1 : 0);
        }
}

void conf_say_about(struct conf_load *load, enum conf_severity severity,
                    const struct conf_subject *subject, const char *format, ...)
{
        const struct conf_binding *binding = conf_find_binding(load, subject);
        CLEANUP(conf_names_deinit) struct conf_names names = {.depth = 0};
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        const struct conf_entry *entry;
        char sentence[1024];
        va_list values;

        va_start(values, format);
        vsnprintf(sentence, sizeof(sentence), format, values);
        va_end(values);
        name_subject(subject, &names);
        if (binding)
                entry = binding->entry;
        else
                entry = load->report->count < CONF_FINDINGS_MAX ? find_nearest(load, &names) : NULL;
        conf_names_write(binding ? &binding->entry->written : &names, &path);
        conf_report_add(load->report, severity, entry ? &entry->place : NULL, buf_text(&path),
                        sentence);
}
