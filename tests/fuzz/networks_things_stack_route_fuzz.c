// SPDX-License-Identifier: MIT
/* The headers that name a way back, one a line: push, replace, key. */
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "networks/things_stack/things_stack.h"

#define BASE "https://eu1.cloud.thethings.network/api/v3/as/applications"

static const char *find(const struct webhook *webhook, const char *name)
{
        static const char *const names[] = {"X-Downlink-Push", "X-Downlink-Replace",
                                            "X-Downlink-Apikey"};
        char *const *lines = webhook->context;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (strcmp(name, names[i]) == 0)
                        return lines[i];
        }
        return NULL;
}

/* Whatever was written there, a good way leads to the one allowed host. */
static void check_way(const struct downlink_way *way)
{
        require(strcasecmp(way->base_url, BASE) == 0 ||
                strcasecmp(way->base_url, "https://eu1.cloud.thethings.network:443"
                                          "/api/v3/as/applications") == 0);
        require(way->webhook_id[0] != '\0' && !strpbrk(way->webhook_id, "/.%?#@:"));
        require(way->api_key[0] != '\0' && !strpbrk(way->api_key, " \r\n\t"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        static char application[] = "orchard";
        static char device[] = "soil-04";
        static const char *const allowed[] = {"eu1.cloud.thethings.network"};
        CLEANUP(downlink_way_deinit) struct downlink_way way = DOWNLINK_WAY_INIT;
        CLEANUP(mem_cleanup) char *text = mem_text_n((const char *)bytes, size);
        char *rest = text;
        char *lines[3] = {strsep(&rest, "\n"), strsep(&rest, "\n"), strsep(&rest, "\n")};
        struct webhook webhook = {.header = find, .context = lines};
        struct event event = {.application = application, .device = device};
        struct reason reason = REASON_INIT;

        switch (things_stack_route(&webhook, &event, &(struct downlink_hosts){allowed, 1}, &way,
                                   &reason)) {
        case 0:
                check_way(&way);
                break;
        case DOWNLINK_E_BAD_WAY:
                require(reason.text[0] != '\0');
                break;
        default:
                require(reason.text[0] == '\0');
                break;
        }
        return 0;
}
