// SPDX-License-Identifier: MIT
/* A configuration in the rows' own names, with a comment on each that had another one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "conf/engine/load.h"

/* A part of the file that is written: an object, a list or a value. */
struct node {
        char *name;
        bool list;     /* its children have numbers for names */
        char *value;   /* JSON text; NULL = it has children */
        char *comment; /* or NULL */
        struct node *children;
        size_t count;
};

static void free_node(struct node *node)
{
        for (size_t i = 0; i < node->count; i++)
                free_node(&node->children[i]);
        if (node->value)
                mem_wipe(node->value, strlen(node->value));
        free(node->children);
        free(node->value);
        free(node->comment);
        free(node->name);
}

static struct node *need_child(struct node *node, const char *name, size_t size)
{
        for (size_t i = 0; i < node->count; i++) {
                if (strlen(node->children[i].name) == size &&
                    strncmp(node->children[i].name, name, size) == 0)
                        return &node->children[i];
        }
        node->children = mem_resize(node->children, node->count + 1, sizeof(*node->children));
        node->children[node->count] = (struct node){.name = mem_text_n(name, size)};
        return &node->children[node->count++];
}

/* Where a binding's value goes. */
static struct node *find_place(struct node *root, const struct conf_binding *binding)
{
        const char *path = binding->row->path;
        struct node *node = root;
        size_t capture = 0;
        char index[24];

        while (*path) {
                size_t size = strcspn(path, ".");
                bool star = path[0] == '*' && binding->captures[capture];
                const char *name = star ? binding->captures[capture++] : path;

                /* The items of a list are what its one star stands for. */
                node->list = node->list || (star && conf_row_is_of_item(binding->row));
                node = need_child(node, name, star ? strlen(name) : size);
                path += size + (path[size] == '.' ? 1 : 0);
                if (binding->index == CONF_ITEM && star && !strchr(path, '*'))
                        break;
        }
        if (binding->index < 0)
                return node;
        node->list = true;
        snprintf(index, sizeof(index), "%lld", (long long)binding->index);
        return need_child(node, index, strlen(index));
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_bare(const struct conf_row *row, const char *text)
{
        int64_t number;

        if (row->kind == CONF_INTEGER)
                return text_to_int64(text, INT64_MIN, INT64_MAX, &number);
        return row->kind == CONF_FLAG && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
}

static char *write_value(const struct conf_binding *binding)
{
        const char *text = binding->entry->text;
        struct buf out = BUF_INIT;

        if (binding->via != CONF_PLAIN)
                buf_add_format(&out, "{ \"%s\": ", conf_via_names[binding->via]);
        if (binding->via == CONF_PLAIN &&
            (is_bare(binding->row, text) || binding->entry->shape != CONF_VALUE))
                buf_add_text(&out, text);
        else
                buf_add_json_string(&out, text, strlen(text));
        if (binding->via != CONF_PLAIN)
                buf_add_text(&out, " }");
        return buf_take(&out);
}

/* What it was called before; NULL if it was called so. */
static char *write_comment(const struct conf_binding *binding)
{
        CLEANUP(buf_deinit) struct buf own = BUF_INIT;
        struct buf before = BUF_INIT;

        conf_schema_write_path(binding->row, (const char *const *)binding->captures, -1, &own);
        conf_names_write(&binding->entry->written, &before);
        if (strncasecmp(buf_text(&before), buf_text(&own), own.size) != 0)
                return buf_take(&before);
        buf_deinit(&before);
        return NULL;
}

static void take_binding(struct node *root, const struct conf_binding *binding)
{
        struct node *node;

        if (binding->entry->place.variable || text_is_empty(binding->entry->text) ||
            (binding->row->spare && conf_is_placeholder(binding->entry->text)))
                return;
        node = find_place(root, binding);
        if (binding->index == CONF_ITEM)
                return;
        free(node->value);
        free(node->comment);
        node->value = write_value(binding);
        node->comment = write_comment(binding);
}

/* A list that was given and is empty gives nothing, which is not the same as no list. */
static void take_empty_list(struct node *root, const struct conf_load *load,
                            const struct conf_entry *entry)
{
        struct conf_names own = {.depth = 0};
        struct conf_match match;

        conf_schema_spell(load->schema, &entry->written, &own);
        if (conf_schema_match(load->schema, &own, &match) && match.row->kind == CONF_TEXTS &&
            match.index < 0) {
                struct conf_binding binding = {.row = match.row, .index = -1, .entry = entry};
                struct node *node;

                memcpy(binding.captures, match.captures, sizeof(binding.captures));
                node = find_place(root, &binding);
                if (node->count == 0 && !node->value)
                        node->value = mem_text("[]");
        }
        conf_names_deinit(&own);
}

/* --- the text --------------------------------------------------------------------------------- */

static void indent(struct buf *out, int depth)
{
        buf_add_format(out, "%*s", depth * 2, "");
}

static void write_comment_text(struct buf *out, const char *text)
{
        buf_add_text(out, "// ");
        text_add_printable(out, text, strlen(text));
        buf_add_char(out, '\n');
}

static int compare_numbers(const void *a, const void *b)
{
        const struct node *left = a;
        const struct node *right = b;

        return strtol(left->name, NULL, 10) > strtol(right->name, NULL, 10) ? 1 : -1;
}

static void sort_lists(struct node *node)
{
        if (node->list && node->count > 1)
                qsort(node->children, node->count, sizeof(*node->children), compare_numbers);
        for (size_t i = 0; i < node->count; i++)
                sort_lists(&node->children[i]);
}

static void write_node(struct buf *out, const struct node *node, int depth, bool named)
{
        if (node->comment) {
                indent(out, depth);
                buf_add_text(out, "// was: ");
                text_add_printable(out, node->comment, strlen(node->comment));
                buf_add_char(out, '\n');
        }
        indent(out, depth);
        if (named) {
                buf_add_json_string(out, node->name, strlen(node->name));
                buf_add_text(out, ": ");
        }
        if (node->value) {
                buf_add_text(out, node->value);
                return;
        }
        buf_add_text(out, node->list ? "[\n" : "{\n");
        for (size_t i = 0; i < node->count; i++) {
                write_node(out, &node->children[i], depth + 1, !node->list);
                buf_add_text(out, i + 1 < node->count ? ",\n" : "\n");
        }
        indent(out, depth);
        buf_add_char(out, node->list ? ']' : '}');
}

static void write_findings(struct buf *out, const struct conf_report *report)
{
        for (size_t i = 0; i < report->count; i++) {
                const struct conf_finding *finding = &report->findings[i];
                CLEANUP(mem_cleanup) char *line = NULL;

                if (finding->variable || finding->path[0] == '\0')
                        continue;
                line = mem_format("%s: %s", finding->path, finding->sentence);
                write_comment_text(out, line);
        }
}

void conf_convert(const struct conf_load *load, struct buf *out)
{
        struct node root = {.name = NULL};

        for (size_t i = 0; i < load->count; i++)
                take_binding(&root, &load->bindings[i]);
        for (size_t i = 0; i < load->entries.count; i++) {
                const struct conf_entry *entry = &load->entries.items[i];

                if (entry->shape == CONF_LIST && entry->written.depth > 0)
                        take_empty_list(&root, load, entry);
        }
        write_comment_text(out,
                           "Written by config convert. \"was:\" names the setting that a value "
                           "stood in before.");
        if (load->report->count > 0)
                write_comment_text(out, "What was said of the file that it was made from:");
        write_findings(out, load->report);
        sort_lists(&root);
        write_node(out, &root, 0, false);
        buf_add_char(out, '\n');
        free_node(&root);
}
