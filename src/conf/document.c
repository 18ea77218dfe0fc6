// SPDX-License-Identifier: MIT
#include "conf/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/reason.h"
#include "base/text.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct reader {
        const char *text;
        size_t size;
        size_t at;
        int line;          /* of `at` */
        size_t line_start; /* offset of its first byte */
        struct conf_names names;
        size_t unnamed; /* levels below CONF_DEPTH_MAX, which have no entries */
        size_t level;
        struct conf_entries *entries;
        struct conf_report *report;
        bool full; /* was said already */
};

static struct conf_place place_of(const struct reader *reader, size_t offset)
{
        return (struct conf_place){
                .line = reader->line,
                .column = (int)(offset - reader->line_start) + 1,
        };
}

static bool fail_at(const struct reader *reader, size_t offset, const char *sentence)
{
        struct conf_place place = place_of(reader, offset);
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        conf_names_write(&reader->names, &path);
        conf_report_add(reader->report, CONF_MISTAKE, &place, buf_text(&path), sentence);
        return false;
}

static bool fail(const struct reader *reader, const char *sentence)
{
        return fail_at(reader, reader->at, sentence);
}

/* The byte at `at`; zero at the end. */
static char peek(const struct reader *reader)
{
        return reader->at < reader->size ? reader->text[reader->at] : '\0';
}

static bool starts_with(const struct reader *reader, const char *word)
{
        size_t length = strlen(word);

        return reader->size - reader->at >= length &&
               memcmp(reader->text + reader->at, word, length) == 0;
}

static void step(struct reader *reader)
{
        if (reader->text[reader->at++] == '\n') {
                reader->line++;
                reader->line_start = reader->at;
        }
}

static void skip_line(struct reader *reader)
{
        while (reader->at < reader->size && peek(reader) != '\n')
                step(reader);
}

static bool skip_block_comment(struct reader *reader)
{
        struct reader start = *reader;

        while (reader->at < reader->size && !starts_with(reader, "*/"))
                step(reader);
        if (reader->at == reader->size)
                return fail(&start, "the comment that starts here has no end; write */ behind it");
        reader->at += 2;
        return true;
}

/* White space and comments. */
static bool skip_blank(struct reader *reader)
{
        while (reader->at < reader->size) {
                if (starts_with(reader, "//"))
                        skip_line(reader);
                else if (starts_with(reader, "/*")) {
                        if (!skip_block_comment(reader))
                                return false;
                } else if (strchr(" \t\r\n", peek(reader)))
                        step(reader);
                else
                        return true;
        }
        return true;
}

/* json-c's view of a token; NULL if it is none. */
static struct json_object *judge(const struct reader *reader, size_t from)
{
        struct reason reason;

        return json_parse(reader->text + from, reader->at - from, 1, JSON_STRICT, &reason);
}

static bool read_string(struct reader *reader, char **text)
{
        size_t from = reader->at;
        CLEANUP(json_cleanup) struct json_object *value = NULL;
        size_t length;

        for (reader->at++; peek(reader) != '"'; reader->at++) {
                if (reader->at < reader->size && peek(reader) == '\\')
                        reader->at++;
                if (reader->at >= reader->size || peek(reader) == '\n')
                        return fail_at(reader, from,
                                       "the text that starts here has no closing quote");
        }
        reader->at++;
        value = judge(reader, from);
        if (!value)
                return fail_at(reader, from,
                               "this is not a JSON text; write a backslash as \\\\, a quote as "
                               "\\\", a tab as \\t");
        length = (size_t)json_object_get_string_len(value);
        if (strlen(json_object_get_string(value)) != length)
                return fail_at(reader, from, "this text holds a zero character (\\u0000)");
        *text = mem_text(json_object_get_string(value));
        return true;
}

/* A number, true, false (as they are written) or null (NULL). */
static bool read_word(struct reader *reader, char **text)
{
        size_t from = reader->at;
        CLEANUP(json_cleanup) struct json_object *value = NULL;
        size_t size;

        while (reader->at < reader->size && !strchr(",:[]{}/\" \t\r\n", peek(reader)))
                reader->at++;
        size = reader->at - from;
        *text = NULL;
        if (size == 4 && memcmp(reader->text + from, "null", 4) == 0)
                return true;
        if (size > 0)
                value = judge(reader, from);
        if (!value)
                return fail_at(reader, from,
                               size == 0 ? "a value is missing here"
                                         : "this is no JSON value; a text needs \"quotes\"");
        *text = mem_text_n(reader->text + from, size);
        return true;
}

/* The entry of what starts at `from`; NULL where there is none. Valid until the next is made. */
static struct conf_entry *add_entry(struct reader *reader, enum conf_shape shape, size_t from)
{
        struct conf_entry *entry;

        if (reader->unnamed > 0)
                return NULL;
        entry = conf_entries_add(reader->entries);
        if (!entry && !reader->full) {
                reader->full = true;
                fail(reader, "the file holds too many values; the rest from here is not read");
        }
        if (!entry)
                return NULL;
        conf_names_copy(&entry->written, &reader->names);
        entry->shape = shape;
        entry->place = place_of(reader, from);
        return entry;
}

static void enter(struct reader *reader, const char *name)
{
        if (reader->unnamed > 0 || !conf_names_add(&reader->names, name, strlen(name)))
                reader->unnamed++;
}

static void leave(struct reader *reader)
{
        if (reader->unnamed > 0)
                reader->unnamed--;
        else
                free(reader->names.parts[--reader->names.depth]);
}

static bool read_value(struct reader *reader);

/* The key with its ':'. */
static bool read_key(struct reader *reader)
{
        CLEANUP(mem_cleanup) char *key = NULL;

        if (peek(reader) != '"')
                return fail(reader, "a name in \"quotes\" is missing here");
        if (!read_string(reader, &key))
                return false;
        enter(reader, key);
        if (!skip_blank(reader))
                return false;
        if (peek(reader) != ':')
                return fail(reader, "a ':' is missing between the name and its value");
        reader->at++;
        return skip_blank(reader);
}

static bool read_item(struct reader *reader, enum conf_shape shape, size_t index)
{
        char number[24];

        if (shape == CONF_OBJECT)
                return read_key(reader) && read_value(reader);
        snprintf(number, sizeof(number), "%zu", index);
        enter(reader, number);
        return read_value(reader);
}

/* What stands between the braces or brackets, and the closing one. */
static bool read_items(struct reader *reader, enum conf_shape shape)
{
        char close = shape == CONF_OBJECT ? '}' : ']';

        for (size_t index = 0;; index++) {
                if (!skip_blank(reader))
                        return false;
                if (peek(reader) == close)
                        break;
                if (reader->at == reader->size)
                        return fail(reader, close == '}' ? "the file ends here; a '}' is missing"
                                                         : "the file ends here; a ']' is missing");
                if (!read_item(reader, shape, index))
                        return false;
                leave(reader);
                if (!skip_blank(reader))
                        return false;
                if (peek(reader) == ',')
                        reader->at++;
                else if (peek(reader) != close)
                        return fail(reader, close == '}' ? "a ',' or '}' is missing here"
                                                         : "a ',' or ']' is missing here");
        }
        reader->at++;
        return true;
}

static bool read_container(struct reader *reader, enum conf_shape shape)
{
        size_t from = reader->at;
        bool listed = add_entry(reader, shape, from) != NULL;
        size_t entry = reader->entries->count;

        if (reader->level == CONF_DOCUMENT_DEPTH)
                return fail(reader, "too many objects and lists inside one another");
        reader->level++;
        reader->at++;
        if (!read_items(reader, shape))
                return false;
        reader->level--;
        if (listed)
                reader->entries->items[entry - 1].text =
                        mem_text_n(reader->text + from, reader->at - from);
        return true;
}

static bool read_value(struct reader *reader)
{
        size_t from = reader->at;
        struct conf_entry *entry;
        char *text = NULL;

        if (peek(reader) == '{')
                return read_container(reader, CONF_OBJECT);
        if (peek(reader) == '[')
                return read_container(reader, CONF_LIST);
        if (peek(reader) == '"' ? !read_string(reader, &text) : !read_word(reader, &text))
                return false;
        entry = add_entry(reader, CONF_VALUE, from);
        if (entry)
                entry->text = text;
        else
                free(text);
        return true;
}

/* What can't be JSON at all, with what it probably is. */
static const char *judge_bytes(const char *text, size_t size)
{
        if (size > CONF_DOCUMENT_MAX)
                return "the file is too long for a configuration (1 MiB is allowed)";
        if (memchr(text, '\0', size))
                return "the file holds zero bytes; if it was saved as UTF-16, save it as UTF-8";
        return NULL;
}

/* Places the reader at the first byte that is not UTF-8; true if there is none. */
static bool is_utf8(struct reader *reader)
{
        while (reader->at < reader->size) {
                size_t length =
                        text_utf8_length(reader->text + reader->at, reader->size - reader->at);

                if (length == 0)
                        return fail(reader, "this byte is not UTF-8; save the file as UTF-8");
                for (; length > 0; length--)
                        step(reader);
        }
        return true;
}

static bool read_document(struct reader *reader)
{
        if (!skip_blank(reader))
                return false;
        if (reader->at == reader->size)
                return fail(reader, "the file is empty; an object in { } belongs here");
        if (peek(reader) != '{' && peek(reader) != '[')
                return fail(reader, "the file must hold one object in { }");
        if (!read_value(reader) || !skip_blank(reader))
                return false;
        if (reader->at < reader->size)
                return fail(reader, "the configuration has ended before this; perhaps there is a "
                                    "closing brace too many above");
        return true;
}

bool conf_document_read(const char *text, size_t size, struct conf_entries *entries,
                        struct conf_report *report)
{
        struct reader reader = {
                .text = text, .size = size, .line = 1, .entries = entries, .report = report};
        const char *wrong = judge_bytes(text, size);
        struct reader check;
        bool good;

        if (wrong) {
                conf_report_add(report, CONF_MISTAKE, NULL, "", wrong);
                return false;
        }
        if (starts_with(&reader, BYTE_ORDER_MARK))
                reader.at = reader.line_start = strlen(BYTE_ORDER_MARK);
        check = reader;
        good = is_utf8(&check) && read_document(&reader);
        conf_names_deinit(&reader.names);
        return good;
}
