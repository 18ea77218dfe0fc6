// SPDX-License-Identifier: MIT
/* What a service asks of the fleet (rules W31 to W33): jobs and configurations of any JSON. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "localhub/certificates.h"
#include "localhub/fleet/fleet.h"

static struct fleet *fleet;

static struct json_object *twin_of(void *context, const struct registry_device *device)
{
        struct json_object *twin = json_object_new_object();

        (void)context;
        json_add_text(twin, "deviceId", device->id);
        fleet_describe(fleet, device->hub, device->id, twin);
        return twin;
}

static const struct fleet_documents documents = {.twin = twin_of};

/* A hub without ports, with a device. */
static void start(void)
{
        const struct registry_device_settings settings = {.primary_key = NULL};
        struct reason reason = REASON_INIT;
        char directory[] = "/tmp/isthmus-fuzz-XXXXXX";
        CLEANUP(certificates_cleanup) struct certificates *certificates = NULL;
        struct local_hub *hub = NULL;
        struct registry *registry;
        int index;

        if (!mkdtemp(directory) ||
            certificates_open(&(struct certificates_options){.directory = directory}, &certificates,
                              &reason) != 0 ||
            local_hub_new(&(struct local_hub_options){.certificate = certificates->server_path,
                                                      .key = certificates->server_key_path},
                          &hub, &reason) != 0)
                abort();
        registry = local_hub_registry(hub);
        if (registry_hub_add(registry, "hub1", 1, &index, &reason) != 0 ||
            registry_device_put(registry, index, "dev1", REGISTRY_CREATE, &settings, NULL,
                                &reason) != 0 ||
            fleet_new(&(struct fleet_options){.hub = hub, .documents = &documents}, &fleet,
                      &reason) != 0)
                abort();
}

static void check(int result, struct json_object *answer, const struct reason *reason)
{
        if (result == 0 ? !answer : !reason->text[0])
                abort();
        json_object_put(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *request =
                json_parse_foreign((const char *)bytes, size, 32, 1000, &reason);
        struct json_object *answer = NULL;
        CLEANUP(mem_cleanup) char *id = NULL;
        static int number;
        int result;

        if (!fleet)
                start();
        if (!request)
                return 0;
        id = mem_format("job-%d", ++number);
        result = fleet_job_put(fleet, 0, id, request, &answer, &reason);
        check(result, answer, &reason);
        (void)fleet_job_cancel(fleet, 0, id);
        answer = NULL;
        result = fleet_configuration_put(fleet, 0, "one", false, request, &answer, &reason);
        check(result, answer, &reason);
        (void)fleet_content_apply(fleet, 0, "dev1", request, &reason);
        if (result == 0 && !fleet_configuration_remove(fleet, 0, "one"))
                abort();
        return 0;
}
