// SPDX-License-Identifier: MIT
/* The first two bytes choose status and state; the rest is the answer's body. */
#include <string.h>

#include "azure/device_id.h"
#include "azure/dps/dps_machine.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"

static void check_done(const struct dps_result *result)
{
        bool assigned = result->status == DPS_ASSIGNED;

        require(assigned == (result->assigned_hub != NULL));
        require(assigned == (result->device_id != NULL));
        require(!assigned || device_id_is_valid(result->device_id, NULL));
        require(assigned == (result->reason.text[0] == '\0'));
        require(utf8_is_valid(result->reason.text, strlen(result->reason.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static const int statuses[] = {200, 202, 204, 302, 400, 401, 404, 429, 500, 503};
        struct http_answer answer = {.retry_after_ms = -1};
        CLEANUP(dps_machine_deinit) struct dps_machine machine;
        struct dps_next next;

        dps_machine_init(&machine, 300000);
        if (size < 2)
                return 0;
        answer.status = statuses[bytes[0] % ARRAY_SIZE(statuses)];
        buf_add(&answer.body, bytes + 2, size - 2);
        /* The same answer again and again must come to an end. */
        for (int64_t now_ms = 0, steps = 0;; steps++) {
                require(steps < 2000);
                dps_machine_take(&machine, &answer, now_ms, bytes[1] * 0x01010101U, &next);
                if (next.step == DPS_STEP_DONE)
                        break;
                require(next.delay_ms > 0);
                require((next.step == DPS_STEP_POLL) == (machine.operation_id != NULL));
                now_ms += next.delay_ms;
        }
        check_done(&next.result);
        buf_deinit(&answer.body);
        return 0;
}
