// SPDX-License-Identifier: MIT
#include "monitor/otlp_pairs.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define BLANKS " \t"

static void add_trimmed(struct buf *out, const char *text, size_t size)
{
        size_t start = strspn(text, BLANKS);

        if (start > size)
                start = size;
        while (size > start && strchr(BLANKS, text[size - 1]))
                size--;
        text_url_unescape(out, text + start, size - start);
}

void otlp_pairs_each(const char *list,
                     void (*visit)(void *context, const char *name, const char *value),
                     void *context)
{
        while (list && *list) {
                CLEANUP(buf_wipe) struct buf name = BUF_INIT;
                CLEANUP(buf_wipe) struct buf value = BUF_INIT;
                size_t size = strcspn(list, ",");
                const char *equals = memchr(list, '=', size);

                if (equals) {
                        add_trimmed(&name, list, (size_t)(equals - list));
                        add_trimmed(&value, equals + 1, size - (size_t)(equals - list) - 1);
                        if (name.size > 0)
                                visit(context, buf_text(&name), buf_text(&value));
                }
                list += size + (list[size] == ',');
        }
}
