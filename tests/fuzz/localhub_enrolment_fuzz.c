// SPDX-License-Identifier: MIT
/* An enrollment of the provisioning service's REST API, made, told and made again from that. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "fuzz/fuzz.h"
#include "localhub/dps/dps_enrolment.h"

#define DEPTH  64
#define VALUES 1000

static struct registry *registry;

static void put(enum registry_enrolment_kind kind, struct json_object *document)
{
        struct registry_enrolment enrolment = {.kind = kind, .id = "e", .enabled = true};
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup) struct json_object *told = NULL;

        if (dps_enrolment_put(registry, document, &enrolment, &reason) != 0) {
                if (!reason.text[0])
                        abort();
                return;
        }
        told = dps_enrolment_document(registry, &enrolment);
        json_object_put(dps_enrolment_attestation(registry, &enrolment));
        /* What the service tells can be put back. */
        if (dps_enrolment_put(registry, told, &enrolment, &reason) != 0)
                abort();
        (void)registry_enrolment_remove(registry, kind, "e");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *document =
                json_parse_foreign((const char *)bytes, size, DEPTH, VALUES, &reason);
        int hub;

        if (!registry && (registry_open(&(struct registry_options){.directory = NULL}, &registry,
                                        &reason) != 0 ||
                          registry_hub_add(registry, "hub1", 1, &hub, &reason) != 0))
                abort();
        if (!document)
                return 0;
        put(REGISTRY_INDIVIDUAL, document);
        put(REGISTRY_GROUP, document);
        return 0;
}
