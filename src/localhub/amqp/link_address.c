// SPDX-License-Identifier: MIT
#include "localhub/amqp/link_address.h"

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

/* One decoded part of a path, which is moved on to the slash behind it; false if it is no id. */
static bool take_id(const char **path, char *to, size_t room)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        size_t size = strcspn(*path, "/");

        text_url_unescape(&id, *path, size);
        if (!registry_is_device_id(buf_text(&id)) || strlen(buf_text(&id)) != id.size)
                return false;
        snprintf(to, room, "%s", buf_text(&id));
        *path += size;
        return true;
}

/* `ID` or `ID/modules/ID`, which becomes `ID/ID`. */
static bool take_identity(const char **path, char identity[REGISTRY_IDENTITY_SIZE])
{
        static const char modules[] = "/modules/";
        size_t size;

        if (!take_id(path, identity, REGISTRY_ID_SIZE))
                return false;
        if (strncasecmp(*path, modules, strlen(modules)) != 0)
                return true;
        *path += strlen(modules);
        size = strlen(identity);
        identity[size++] = '/';
        return take_id(path, identity + size, REGISTRY_ID_SIZE);
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

        if (!take_identity(&path, address->device_id))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
                if (strcasecmp(path, tails[i].tail) == 0) {
                        address->function = tails[i].function;
                        return true;
                }
        }
        return false;
}

/* Copies `size` bytes, if they fit and there are any. */
static bool take(char *to, size_t room, const char *from, size_t size)
{
        if (size == 0 || size >= room)
                return false;
        memcpy(to, from, size);
        to[size] = '\0';
        return true;
}

static bool skip(const char **at, const char *word)
{
        size_t size = strlen(word);

        if (strncasecmp(*at, word, size) != 0)
                return false;
        *at += size;
        return true;
}

/* `HUB/ConsumerGroups/GROUP/Partitions/N` or `HUB/$management`. */
static bool parse_events(const char *path, struct link_address *address)
{
        size_t hub_size = strcspn(path, "/");
        const char *at = path + hub_size;
        size_t group_size;
        int64_t partition;

        if (!take(address->hub, sizeof(address->hub), path, hub_size))
                return false;
        address->function = LINK_MANAGEMENT;
        if (strcasecmp(at, "/$management") == 0)
                return true;
        address->function = LINK_EVENTS;
        if (!skip(&at, "/ConsumerGroups/"))
                return false;
        group_size = strcspn(at, "/");
        if (!take(address->group, sizeof(address->group), at, group_size))
                return false;
        at += group_size;
        if (!skip(&at, "/Partitions/") || !text_to_int64(at, 0, INT32_MAX, &partition))
                return false;
        address->partition = (int)partition;
        return true;
}

/* `SCOPE/registrations/ID`, whose parts may have percent escapes. */
static bool parse_registration(const char *path, struct link_address *address)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        size_t scope_size = strcspn(path, "/");
        const char *at = path + scope_size;

        if (!take(address->id_scope, sizeof(address->id_scope), path, scope_size) ||
            !skip(&at, "/registrations/"))
                return false;
        text_url_unescape(&id, at, strlen(at));
        address->function = LINK_REGISTRATION;
        return registry_is_registration_id(buf_text(&id)) && strlen(buf_text(&id)) == id.size &&
               take(address->registration_id, sizeof(address->registration_id), buf_text(&id),
                    id.size);
}

/* `messages/events`, the hub's own address of its telemetry, and what is below it. */
static bool parse_redirect(const char *path, struct link_address *address)
{
        if (!skip(&path, "messages/events") || (*path != '\0' && *path != '/') ||
            strlen(path) >= sizeof(address->below))
                return false;
        address->function = LINK_REDIRECT;
        snprintf(address->below, sizeof(address->below), "%s", path);
        return true;
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
        address->function = LINK_SERVICE;
        if (strcasecmp(text, "/messages/devicebound") == 0)
                return true;
        address->function = LINK_FEEDBACK;
        if (strcasecmp(text, "/messages/servicebound/feedback") == 0)
                return true;
        address->function = LINK_UPLOADS;
        if (strcasecmp(text, "/messages/servicebound/filenotifications") == 0)
                return true;
        text += *text == '/';
        address->function = LINK_MANAGEMENT;
        return strcasecmp(text, "$management") == 0 || parse_redirect(text, address) ||
               parse_registration(text, address) || parse_events(text, address);
}
