// SPDX-License-Identifier: MIT
/* The input is header lines, as a server may send them. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "http/client/http_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        CLEANUP(http_answer_deinit) struct http_answer answer = {.retry_after_ms = -1};
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;
        int64_t date_ms;
        const char *text = (const char *)bytes;
        int64_t wait_ms;

        for (size_t at = 0; at < size;) {
                const char *end = memchr(text + at, '\n', size - at);
                size_t length = end ? (size_t)(end - text) - at + 1 : size - at;

                if (!http_answer_take_line(&answer, text + at, length))
                        break;
                at += length;
        }
        require(answer.headers.size <= HTTP_ANSWER_HEADERS_MAX);
        require(strlen(buf_text(&answer.headers)) == answer.headers.size);
        http_answer_header(&answer, "Retry-After", &value);
        wait_ms = http_answer_retry_after(&answer, 784111777000);
        require(wait_ms >= -1 && wait_ms <= HTTP_ANSWER_WAIT_MAX_MS);
        require(!strchr(buf_text(&value), '\n'));
        http_answer_date(&answer, &date_ms);
        return 0;
}
