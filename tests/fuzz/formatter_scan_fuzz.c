// SPDX-License-Identifier: MIT
/* A formatter's text, whatever it is, is looked through without leaving it; a word that leads out
 * is found in front of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "formatter/worker/javascript_scan.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static const char globals[] = " Math JSON Number Date ";
        struct buf text = BUF_INIT;

        buf_add_text(&text, "this;");
        buf_add(&text, bytes, size);
        if (javascript_is_plain(buf_text(&text), text.size, globals))
                abort();
        (void)javascript_is_plain(buf_text(&text) + 5, size, globals);
        buf_deinit(&text);
        return 0;
}
