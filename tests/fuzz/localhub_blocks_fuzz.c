// SPDX-License-Identifier: MIT
/* Lists of blocks that clients put: no id of a sound one leaves its directory. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "localhub/upload/block_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(buf_deinit) struct buf xml = BUF_INIT;
        char id[BLOCK_ID_SIZE];
        size_t counted = 0;
        size_t count;
        size_t at = 0;
        bool sound;

        buf_add(&xml, bytes, size);
        sound = block_list_is_sound(&xml, &count);
        while (block_list_next(&xml, &at, id)) {
                counted++;
                if (sound && !block_id_is_sound(id))
                        abort();
        }
        if (sound && counted != count)
                abort();
        return 0;
}
