// SPDX-License-Identifier: MIT
#include "camera/upload/upload_marks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"

#define PREFIX   "x-ms-meta-"
#define NAME_MAX 128 /* of a tag */

static void add(struct upload_marks *marks, const char *name, int64_t count)
{
        if (marks->count == UPLOAD_MARKS_MAX || strlen(name) > NAME_MAX)
                return;
        marks->headers[marks->count] = mem_format(PREFIX "%s", name);
        marks->counts[marks->count++] = mem_format("%" PRId64, count);
}

void upload_marks_read(const char *tally, struct upload_marks *marks)
{
        CLEANUP(json_cleanup)
        struct json_object *object = json_parse(tally, strlen(tally), 2, JSON_STRICT, NULL);

        marks->count = 0;
        for (int is_zero = 0; object && is_zero < 2; is_zero++) {
                json_object_object_foreach (object, name, value) {
                        int64_t count = json_object_get_int64(value);

                        if ((count == 0) == is_zero)
                                add(marks, name, count);
                }
        }
}

void upload_marks_deinit(struct upload_marks *marks)
{
        for (size_t i = 0; i < marks->count; i++) {
                free(marks->headers[i]);
                free(marks->counts[i]);
        }
        marks->count = 0;
}

void upload_marks_tags(const struct upload_marks *marks, struct buf *out)
{
        for (size_t i = 0; i < marks->count && i < UPLOAD_TAGS_MAX; i++)
                buf_add_format(out, "%s%s=%s", i > 0 ? "&" : "", marks->headers[i] + strlen(PREFIX),
                               marks->counts[i]);
}
