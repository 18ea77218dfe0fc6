// SPDX-License-Identifier: MIT
#include "conf/engine/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/json_scan.h"
#include "base/mem.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Walks through a text that json_relax has made strict and json_scan has found good. */
struct reader {
        const char *text; /* followed by a zero byte */
        size_t at;
        int line;          /* of `at` */
        size_t line_start; /* offset of its first byte */
        struct conf_names names;
        size_t unnamed; /* levels below CONF_DEPTH_MAX, which have no entries */
        struct conf_entries *entries;
        struct conf_report *report;
        bool full; /* was said already */
};

static void skip_blank(struct reader *reader)
{
        for (; strchr(" \t\r\n", reader->text[reader->at]) && reader->text[reader->at];
             reader->at++) {
                if (reader->text[reader->at] == '\n') {
                        reader->line++;
                        reader->line_start = reader->at + 1;
                }
        }
}

static struct conf_place place_of(const struct reader *reader)
{
        return (struct conf_place){
                .line = reader->line,
                .column = (int)(reader->at - reader->line_start) + 1,
        };
}

static void complain(const struct reader *reader, const char *sentence)
{
        struct conf_place place = place_of(reader);
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        conf_names_write(&reader->names, &path);
        conf_report_add(reader->report, CONF_MISTAKE, &place, buf_text(&path), sentence);
}

/* The length of the text that starts with the quote here, with both its quotes. */
static size_t string_size(const struct reader *reader)
{
        const char *start = reader->text + reader->at;
        const char *end = start + 1;

        while (*end != '"')
                end += *end == '\\' ? 2 : 1;
        return (size_t)(end - start) + 1;
}

/* What the text here says; NULL, which is reported, if it holds what C can't. Moves behind it. */
static char *take_string(struct reader *reader)
{
        size_t size = string_size(reader);
        struct reason reason;
        CLEANUP(json_cleanup)
        struct json_object *value =
                json_parse(reader->text + reader->at, size, 1, JSON_STRICT, &reason);
        const char *text = json_object_get_string(value);
        size_t length = (size_t)json_object_get_string_len(value);
        char *copy = NULL;

        if (text && strlen(text) == length)
                copy = mem_text(text);
        else
                complain(reader, "this text holds a zero character (\\u0000)");
        reader->at += size;
        return copy;
}

/* A text; a number, true or false as it is written; NULL for null. */
static char *take_value(struct reader *reader)
{
        const char *start = reader->text + reader->at;
        size_t size = strcspn(start, ",]} \t\r\n");

        if (*start == '"')
                return take_string(reader);
        reader->at += size;
        return strncmp(start, "null", 4) == 0 ? NULL : mem_text_n(start, size);
}

/* The entry of what starts here; NULL where there is none. Valid until the next is made. */
static struct conf_entry *add_entry(struct reader *reader, enum conf_shape shape)
{
        struct conf_entry *entry = NULL;

        if (reader->unnamed == 0)
                entry = conf_entries_add(reader->entries);
        if (!entry) {
                if (reader->unnamed == 0 && !reader->full)
                        complain(reader, "the file holds too many values; the rest is not read");
                reader->full = reader->full || reader->unnamed == 0;
                return NULL;
        }
        conf_names_copy(&entry->written, &reader->names);
        entry->shape = shape;
        entry->place = place_of(reader);
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

static void read_value(struct reader *reader);

/* Enters the member that starts here, up to its value. */
static void enter_member(struct reader *reader, bool object, size_t index)
{
        CLEANUP(mem_cleanup) char *name = object ? take_string(reader) : mem_format("%zu", index);

        enter(reader, name ? name : "");
        if (!object)
                return;
        skip_blank(reader);
        reader->at++;
        skip_blank(reader);
}

static void read_container(struct reader *reader)
{
        size_t from = reader->at;
        bool object = reader->text[from] == '{';
        char close = object ? '}' : ']';
        bool listed = add_entry(reader, object ? CONF_OBJECT : CONF_LIST) != NULL;
        size_t entry = reader->entries->count;

        reader->at++;
        skip_blank(reader);
        for (size_t index = 0; reader->text[reader->at] != close; index++) {
                enter_member(reader, object, index);
                read_value(reader);
                leave(reader);
                skip_blank(reader);
                if (reader->text[reader->at] == ',')
                        reader->at++;
                skip_blank(reader);
        }
        reader->at++;
        if (listed)
                reader->entries->items[entry - 1].text =
                        mem_text_n(reader->text + from, reader->at - from);
}

static void read_value(struct reader *reader)
{
        char first = reader->text[reader->at];
        struct conf_entry *entry;

        if (first == '{' || first == '[') {
                read_container(reader);
                return;
        }
        entry = add_entry(reader, CONF_VALUE);
        if (entry) {
                entry->text = take_value(reader);
                return;
        }
        free(take_value(reader));
}

static void report_fault(const struct json_scan *scan, struct conf_report *report)
{
        CLEANUP(mem_cleanup) char *sentence = NULL;
        struct conf_place place = {.variable = NULL};

        if (scan->at >= scan->size)
                sentence = mem_text("not valid JSON: the file ends too early; a closing brace or "
                                    "quote is missing");
        else
                sentence = mem_format("not valid JSON: %s", scan->fault);
        json_position(scan->text, scan->size, scan->at, &place.line, &place.column);
        conf_report_add(report, CONF_MISTAKE, &place, "", sentence);
}

/* What can't be a configuration at all, with what it probably is. */
static const char *judge_bytes(const char *text, size_t size)
{
        if (size > CONF_DOCUMENT_MAX)
                return "the file is too long for a configuration (1 MiB is allowed)";
        if (memchr(text, '\0', size))
                return "the file holds zero bytes; if it was saved as UTF-16, save it as UTF-8";
        if (strspn(text, " \t\r\n") == size)
                return "the file is empty; an object in { } belongs here";
        return NULL;
}

static bool read_scanned(const struct json_scan *scan, size_t line_start,
                         struct conf_entries *entries, struct conf_report *report)
{
        struct reader reader = {.text = scan->text,
                                .line = 1,
                                .line_start = line_start,
                                .entries = entries,
                                .report = report};
        size_t mistakes = report->mistakes;

        skip_blank(&reader);
        if (!strchr("{[", reader.text[reader.at])) {
                complain(&reader, "the file must hold one object in { }");
                return false;
        }
        read_container(&reader);
        conf_names_deinit(&reader.names);
        return report->mistakes == mistakes;
}

bool conf_document_read(const char *text, size_t size, struct conf_entries *entries,
                        struct conf_report *report)
{
        CLEANUP(buf_wipe) struct buf copy = BUF_INIT;
        struct json_scan scan = {.size = size,
                                 .style = JSON_RELAXED,
                                 .depth = CONF_DOCUMENT_DEPTH,
                                 .values = SIZE_MAX};
        const char *wrong;
        size_t line_start;
        bool good = false;

        buf_add(&copy, text, size);
        wrong = judge_bytes(copy.data, size);
        if (wrong) {
                conf_report_add(report, CONF_MISTAKE, NULL, "", wrong);
                return false;
        }
        scan.text = copy.data;
        line_start = strncmp(copy.data, BYTE_ORDER_MARK, 3) == 0 ? 3 : 0;
        json_relax(copy.data, copy.size);
        if (json_scan(&scan))
                good = read_scanned(&scan, line_start, entries, report);
        else
                report_fault(&scan, report);
        buf_deinit(&scan.long_integers);
        return good;
}
