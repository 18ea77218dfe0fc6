// SPDX-License-Identifier: MIT
/* Tokens that the local hub verifies: the only one that may pass is signed with a known key. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "localhub/gate/token_check.h"
#include "localhub/registry/registry.h"

static struct registry *registry;

static void open_registry(void)
{
        struct registry_device_settings device = {
                .primary_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="};
        struct registry_device made;
        int hub;

        if (registry_open(&(struct registry_options){.directory = NULL}, &registry, NULL) != 0 ||
            registry_hub_add(registry, "hub1", 1, &hub, NULL) != 0)
                abort();
        registry_hub_listens(registry, hub, "myhub.azure-devices.net", 5671);
        if (registry_device_put(registry, hub, "dev0001", REGISTRY_CREATE, &device, &made, NULL) !=
            0)
                abort();
}

static bool holds(const uint8_t *bytes, size_t size, const char *text)
{
        return memmem(bytes, size, text, strlen(text)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct token_grant grant;
        struct reason reason = REASON_INIT;

        if (!registry)
                open_registry();
        if (token_check_hub(registry, 0, (const char *)bytes, size, 1700000000, &grant, &reason) ==
            0) {
                /* Nobody guesses a signature; its escapes may differ. */
                if (!holds(bytes, size, "tTdQ3NpfRr7xRWfeGD5lE") ||
                    !holds(bytes, size, "1800000000"))
                        abort();
        } else if (reason.text[0] == '\0') {
                abort();
        }
        return 0;
}
