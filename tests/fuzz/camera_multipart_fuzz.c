// SPDX-License-Identifier: MIT
/* A camera's stream of pictures: first line the Content-Type, then the body, in two ways of
 * cutting. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "camera/source/multipart.h"
#include "fuzz/fuzz.h"

#define PART_MAX 1000

static void take(void *context, const struct multipart_part *part)
{
        struct buf *all = context;

        assert(part->size <= PART_MAX);
        assert(part->began_ms == 1);
        buf_add(all, part->bytes, part->size);
        buf_add_char(all, '|');
}

/* How the bytes are cut must not matter. */
static bool run(const char *type, const char *body, size_t size, size_t piece, struct buf *all)
{
        struct multipart multipart;
        struct reason reason = REASON_INIT;
        bool is_good = multipart_init(&multipart, type, PART_MAX, &reason);

        multipart.take = take;
        multipart.context = all;
        for (size_t at = 0; is_good && at < size; at += piece)
                is_good = multipart_push(&multipart, body + at,
                                         size - at < piece ? size - at : piece, 1, &reason);
        assert(is_good || reason.text[0] != '\0');
        multipart_deinit(&multipart);
        return is_good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        const char *line_end = size > 0 ? memchr(text, '\n', size) : NULL;
        CLEANUP(mem_cleanup) char *type = NULL;
        CLEANUP(buf_deinit) struct buf whole = BUF_INIT;
        CLEANUP(buf_deinit) struct buf pieces = BUF_INIT;
        size_t used;
        bool is_good;

        if (!line_end)
                return 0;
        type = mem_text_n(text, (size_t)(line_end - text));
        used = (size_t)(line_end - text) + 1;
        is_good = run(type, text + used, size - used, size, &whole);
        if (is_good && run(type, text + used, size - used, 3, &pieces)) {
                assert(whole.size == pieces.size);
                assert(whole.size == 0 || memcmp(whole.data, pieces.data, whole.size) == 0);
        }
        return 0;
}
