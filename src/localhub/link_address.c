// SPDX-License-Identifier: MIT
#include "localhub/link_address.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* `amqps://host:port/path` is `/path`. */
static const char *strip_authority(const char *text)
{
        static const char *const schemes[] = {"amqps://", "amqp://"};

        for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
                size_t size = strlen(schemes[i]);
                const char *slash;

                if (strncasecmp(text, schemes[i], size) != 0)
                        continue;
                slash = strchr(text + size, '/');
                return slash ? slash : "";
        }
        return text;
}

static bool parse_device(const char *path, struct link_address *address)
{
        static const struct {
                const char *tail;
                enum link_function function;
        } tails[] = {
                {"/messages/events", LINK_TELEMETRY},
                {"/messages/devicebound", LINK_COMMANDS},
                {"/methods/devicebound", LINK_METHODS},
                {"/twin", LINK_TWIN},
        };
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        const char *tail = strchr(path, '/');

        if (!tail)
                return false;
        text_url_unescape(&id, path, (size_t)(tail - path));
        if (!registry_is_device_id(buf_text(&id)) || strlen(buf_text(&id)) != id.size)
                return false;
        snprintf(address->device_id, sizeof(address->device_id), "%s", buf_text(&id));
        for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
                if (strcasecmp(tail, tails[i].tail) == 0) {
                        address->function = tails[i].function;
                        return true;
                }
        }
        return false;
}

bool link_address_parse(const char *text, struct link_address *address)
{
        static const char devices[] = "/devices/";

        *address = (struct link_address){.function = LINK_CBS};
        if (!text)
                return false;
        text = strip_authority(text);
        if (strcasecmp(text, "$cbs") == 0 || strcasecmp(text, "/$cbs") == 0)
                return true;
        if (strncasecmp(text, devices, strlen(devices)) == 0)
                return parse_device(text + strlen(devices), address);
        if (strcasecmp(text, "/messages/devicebound") == 0)
                address->function = LINK_SERVICE;
        else if (strcasecmp(text, "/messages/servicebound/feedback") == 0)
                address->function = LINK_FEEDBACK;
        else
                return false;
        return true;
}
