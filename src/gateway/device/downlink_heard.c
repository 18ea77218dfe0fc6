// SPDX-License-Identifier: MIT
#include "gateway/device/downlink_heard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json_slice.h"
#include "base/json/json_writer.h"
#include "base/mem.h"

/* The member of a record, as it stands there. */
#define HEARD_NAME "\"heard\""

void downlink_heard_free(struct downlink_heard *heard)
{
        if (!heard)
                return;
        downlink_way_deinit(&heard->way);
        free(heard);
}

void downlink_heard_add(const struct downlink_heard *heard, struct buf *record)
{
        struct json_writer writer;

        assert(record->size > 2 && record->data[record->size - 1] == '}');
        record->size--;
        buf_add_text(record, "," HEARD_NAME ":");
        json_writer_open(&writer, record);
        json_writer_text(&writer, "baseUrl", heard->way.base_url);
        json_writer_text(&writer, "webhookId", heard->way.webhook_id);
        json_writer_text(&writer, "apiKey", heard->way.api_key);
        if (heard->is_named)
                json_writer_bool(&writer, "isNamed", true);
        if (heard->reason.text[0] != '\0')
                json_writer_text(&writer, "reason", heard->reason.text);
        json_writer_close(&writer);
        buf_add_char(record, '}');
}

static bool is_named(const struct json_slice *name, const char *quoted)
{
        return name->size == strlen(quoted) && memcmp(name->at, quoted, name->size) == 0;
}

static struct downlink_heard *heard_read(const struct json_slice *object)
{
        struct downlink_heard *heard = mem_new(1, sizeof(*heard));
        struct json_walk walk = json_walk_of(object->at, object->size);
        struct json_slice name;
        struct json_slice value;
        const struct {
                const char *name;
                char **text;
        } texts[] = {
                {"\"baseUrl\"", &heard->way.base_url},
                {"\"webhookId\"", &heard->way.webhook_id},
                {"\"apiKey\"", &heard->way.api_key},
        };

        while (json_walk_member(&walk, &name, &value)) {
                for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                        if (is_named(&name, texts[i].name) && !*texts[i].text)
                                *texts[i].text = json_slice_text(&value);
                }
                if (is_named(&name, "\"isNamed\""))
                        heard->is_named = value.kind == JSON_TRUE;
                if (is_named(&name, "\"reason\""))
                        json_slice_copy(&value, heard->reason.text, sizeof(heard->reason.text));
        }
        return heard;
}

/* The member of a record; false if there is none. */
static bool find_member(const char *record, size_t size, struct json_slice *name,
                        struct json_slice *value)
{
        struct json_walk walk;

        /* Few have it: a look for the text is cheaper than a walk. */
        if (!memmem(record, size, HEARD_NAME, strlen(HEARD_NAME)))
                return false;
        walk = json_walk_of(record, size);
        while (json_walk_member(&walk, name, value)) {
                if (is_named(name, HEARD_NAME) && value->kind == JSON_OBJECT)
                        return true;
        }
        return false;
}

struct downlink_heard *downlink_heard_find(const char *record, size_t size)
{
        struct json_slice name;
        struct json_slice value;

        return find_member(record, size, &name, &value) ? heard_read(&value) : NULL;
}

void downlink_heard_hide(const char *record, size_t size, struct buf *out)
{
        struct json_slice name;
        struct json_slice value;

        if (!find_member(record, size, &name, &value)) {
                buf_add(out, record, size);
                return;
        }
        /* It is the last one, behind a comma. */
        buf_add(out, record, (size_t)(name.at - record) - 1);
        buf_add_char(out, '}');
}
