// SPDX-License-Identifier: MIT
/* The first byte chooses the status; then one line of headers, then the body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "azure/insights_string.h"
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "http/client/http_answer.h"
#include "monitor/insights_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static const int statuses[] = {200, 206, 307, 308, 400, 402, 429, 439, 503};
        struct http_answer answer = {.retry_after_ms = -1};
        struct monitor_verdict verdict = {.failed = false};
        struct reason reason = REASON_INIT;
        const uint8_t *end;

        if (size < 1)
                return 0;
        answer.status = statuses[bytes[0] % (sizeof(statuses) / sizeof(statuses[0]))];
        end = memchr(bytes, '\n', size);
        if (end && end > bytes &&
            http_answer_take_line(&answer, (const char *)bytes + 1, (size_t)(end - bytes)))
                buf_add(&answer.body, end + 1, size - (size_t)(end - bytes) - 1);
        insights_answer_read(&answer, MONITOR_BATCH_MAX, 0, &verdict);
        if (verdict.moved_to && !insights_endpoint_check(verdict.moved_to, &reason))
                abort();
        if (verdict.pause_ms < -1)
                abort();
        free(verdict.moved_to);
        http_answer_deinit(&answer);
        return 0;
}
