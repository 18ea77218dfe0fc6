// SPDX-License-Identifier: MIT
#include "localhub/gate/certificate_check.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

static int check_thumbprint(const struct registry_device *device, const struct client_chain *chain,
                            struct reason *reason)
{
        if (client_chain_has_thumbprint(chain, device->thumbprints[0]) ||
            client_chain_has_thumbprint(chain, device->thumbprints[1]))
                return 0;
        reason_set(reason, "the certificate's thumbprint %s is none of device '%s'",
                   chain->own.sha1, device->id);
        return -EACCES;
}

static int check_authority(struct registry *registry, const struct registry_device *device,
                           const struct client_chain *chain, int64_t now_s, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf authorities = BUF_INIT;

        if (strcmp(chain->own.common_name, device->id) != 0) {
                reason_set(reason, "the certificate's common name is '%s', not the device id '%s'",
                           chain->own.common_name, device->id);
                return -EACCES;
        }
        registry_authorities(registry, &authorities);
        return client_chain_is_from(chain, buf_text(&authorities), now_s, reason) ? 0 : -EACCES;
}

static int check(struct registry *registry, const struct registry_device *device,
                 const struct client_chain *chain, int64_t now_s, struct reason *reason)
{
        if (!device->enabled) {
                reason_set(reason, "device '%s' is disabled", device->id);
                return -EACCES;
        }
        switch (device->authentication) {
        case REGISTRY_SELF_SIGNED:
                return check_thumbprint(device, chain, reason);
        case REGISTRY_AUTHORITY:
                return check_authority(registry, device, chain, now_s, reason);
        default:
                reason_set(reason, "device '%s' has keys, not certificates", device->id);
                return -EACCES;
        }
}

int certificate_check_device(struct registry *registry, int hub, const char *device_id,
                             const struct client_chain *chain, int64_t now_s, struct reason *reason)
{
        struct registry_device device = {.hub = hub};
        int r = -EACCES;

        if (!chain)
                reason_set(reason, "the client has shown no certificate");
        else if (!registry_device_get(registry, hub, device_id, &device))
                reason_set(reason, "device '%.140s' does not exist", device_id);
        else
                r = check(registry, &device, chain, now_s, reason);
        mem_wipe(&device, sizeof(device));
        return r;
}
