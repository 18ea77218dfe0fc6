// SPDX-License-Identifier: MIT
#include "support/mutate_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"

#define DEPTH  64
#define NESTED 10000

/* Stands in the tree for what no tree can hold; the text has it once. */
#define PLACE "@@here@@"

void mutate_truncate(const char *body, size_t size, size_t pieces, struct mutate_sink *sink)
{
        size_t step = size / pieces + 1;

        for (size_t end = 0; end < size; end += step) {
                /* In a block of its own size, so that a read behind it is found by sanitizers. */
                char *cut = mem_new(end ? end : 1, 1);

                memcpy(cut, body, end);
                sink->take(sink, cut, end, false);
                free(cut);
        }
}

void mutate_bytes(const char *body, size_t size, size_t pieces, struct mutate_sink *sink)
{
        static const char bytes[] = "\xff\xc0\"{]\\\x01 7";
        CLEANUP(mem_cleanup) char *copy = mem_text_n(body, size);
        size_t step = size / pieces + 1;

        for (size_t at = 0; at < size; at += step) {
                copy[at] = bytes[(at / step) % (sizeof(bytes) - 1)];
                sink->take(sink, copy, size, false);
                copy[at] = body[at];
        }
}

/* --- members ---------------------------------------------------------------------------- */

static const char *const literals[] = {
        "null",
        "true",
        "0",
        "-1",
        "7.25",
        "1e400",
        "123456789012345678901234567890",
        "-9223372036854775809",
        "\"\"",
        "\"text\"",
        "\"a\\u0000b\"",
        "\"\\ud800\"",
        "\"\xff\"",
        "[]",
        "{}",
        "[null]",
        "[[1]]",
        "{\"x\":{}}",
        "NaN",
};

struct member {
        struct json_object *parent; /* an object */
        const char *name;
};

/* The document with the literal in the place of the marked value. */
static void take_with(struct json_object *root, const char *literal, size_t literal_size, bool same,
                      struct mutate_sink *sink)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        const char *place;
        size_t before;

        json_write(&text, root);
        place = strstr(buf_text(&text), "\"" PLACE "\"");
        if (!place)
                abort();
        before = (size_t)(place - text.data);
        buf_add(&out, text.data, before);
        buf_add(&out, literal, literal_size);
        buf_add_text(&out, place + strlen("\"" PLACE "\""));
        sink->take(sink, out.data, out.size, same);
}

static void take_nested(struct json_object *root, struct mutate_sink *sink)
{
        CLEANUP(buf_deinit) struct buf nested = BUF_INIT;

        for (int i = 0; i < NESTED; i++)
                buf_add_char(&nested, '[');
        for (int i = 0; i < NESTED; i++)
                buf_add_char(&nested, ']');
        take_with(root, nested.data, nested.size, false, sink);
}

/* A wrong value and a right one under the same name: the last one counts. */
static void take_doubled(struct json_object *root, const struct member *member,
                         struct json_object *right, struct mutate_sink *sink)
{
        CLEANUP(buf_deinit) struct buf literal = BUF_INIT;

        buf_add_text(&literal, "[\"wrong\"],");
        buf_add_json_string(&literal, member->name, strlen(member->name));
        buf_add_char(&literal, ':');
        json_write(&literal, right);
        take_with(root, literal.data, literal.size, true, sink);
}

/* Puts documents that were made of a text's content back into that text. */
struct inner {
        struct json_object *root;
        struct mutate_sink *outer;
};

static void take_inner(struct mutate_sink *sink, const char *body, size_t size, bool same)
{
        struct inner *inner = sink->context;
        CLEANUP(buf_deinit) struct buf literal = BUF_INIT;

        buf_add_json_string(&literal, body, size);
        take_with(inner->root, literal.data, literal.size, same, inner->outer);
}

static void mutate_text(struct json_object *root, struct json_object *value,
                        struct mutate_sink *sink)
{
        struct inner inner = {.root = root, .outer = sink};
        struct mutate_sink inner_sink = {.take = take_inner, .context = &inner};
        const char *text = json_object_get_string(value);

        if (!json_object_is_type(value, json_type_string) || text[0] != '{')
                return;
        mutate_members(text, strlen(text), &inner_sink);
        mutate_truncate(text, strlen(text), 40, &inner_sink);
}

static void mutate_member(struct json_object *root, const struct member *member,
                          struct mutate_sink *sink)
{
        struct json_object *value =
                json_object_get(json_object_object_get(member->parent, member->name));

        json_object_object_add(member->parent, member->name, json_object_new_string(PLACE));
        for (size_t i = 0; i < ARRAY_SIZE(literals); i++)
                take_with(root, literals[i], strlen(literals[i]), false, sink);
        take_nested(root, sink);
        take_doubled(root, member, value, sink);
        mutate_text(root, value, sink);
        json_object_object_add(member->parent, member->name, value);
}

/* `value` is somewhere in `root`. */
static void walk(struct json_object *root, struct json_object *value, struct mutate_sink *sink)
{
        if (json_object_is_type(value, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(value); i++)
                        walk(root, json_object_array_get_idx(value, i), sink);
                return;
        }
        if (!json_object_is_type(value, json_type_object))
                return;
        json_object_object_foreach (value, name, child) {
                struct member member = {.parent = value, .name = name};

                walk(root, child, sink);
                mutate_member(root, &member, sink);
        }
}

void mutate_members(const char *body, size_t size, struct mutate_sink *sink)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *root = json_parse(body, size, DEPTH, JSON_STRICT, &reason);

        if (root)
                walk(root, root, sink);
}
