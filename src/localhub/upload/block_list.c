// SPDX-License-Identifier: MIT
#include "localhub/upload/block_list.h"

#include <string.h>

static const char *const tags[] = {"<Latest>", "<Committed>", "<Uncommitted>"};

bool block_id_is_sound(const char *id)
{
        size_t length = strlen(id);

        return length > 0 && length < BLOCK_ID_SIZE &&
               strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
                       length;
}

/* Behind the next opening tag; NULL = there is none. */
static const char *next_tag(const char *text)
{
        const char *first = NULL;

        for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
                const char *found = strstr(text, tags[i]);

                if (found && (!first || found + strlen(tags[i]) < first))
                        first = found + strlen(tags[i]);
        }
        return first;
}

bool block_list_next(const struct buf *xml, size_t *at, char id[BLOCK_ID_SIZE])
{
        const char *text = buf_text(xml);
        const char *begin = *at <= strlen(text) ? next_tag(text + *at) : NULL;
        size_t length = begin ? strcspn(begin, "<") : 0;

        if (!begin)
                return false;
        *at = (size_t)(begin - text) + length;
        id[0] = '\0'; /* which is not sound */
        if (length < BLOCK_ID_SIZE) {
                memcpy(id, begin, length);
                id[length] = '\0';
        }
        return true;
}

bool block_list_is_sound(const struct buf *xml, size_t *count)
{
        const char *text = buf_text(xml);
        char id[BLOCK_ID_SIZE];
        size_t at = 0;

        *count = 0;
        if (strlen(text) != xml->size || !strstr(text, "<BlockList") ||
            !(strstr(text, "</BlockList>") || strstr(text, "/>")))
                return false;
        while (block_list_next(xml, &at, id)) {
                if (!block_id_is_sound(id) || ++*count > BLOCK_LIST_MAX)
                        return false;
        }
        return true;
}
