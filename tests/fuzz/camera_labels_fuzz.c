// SPDX-License-Identifier: MIT
/*
 * The text of a model's metadata: any text is taken or refused with a reason, and so are the names
 * that it gives to telemetry.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "camera/count/tally_names.h"
#include "camera/detect/labels.h"
#include "fuzz/fuzz.h"

static void check_names(const struct labels *labels)
{
        struct zone zone = {.name = "gate"};
        struct tally_rules rules;
        struct reason reason = REASON_INIT;

        tally_rules_init(&rules, labels);
        rules.zones = &zone;
        rules.zone_count = 1;
        if (tally_names_check(&rules, TALLY_NAMES_DETAILS, &reason) != 0 && reason.text[0] == '\0')
                abort();
        tally_rules_deinit(&rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)data, size);
        CLEANUP(labels_deinit) struct labels labels = LABELS_INIT;
        struct reason reason = REASON_INIT;

        if (labels_read_metadata(text, &labels, &reason) == 0) {
                if (labels.count == 0)
                        abort();
                check_names(&labels);
        } else if (reason.text[0] == '\0') {
                abort();
        }
        return 0;
}
