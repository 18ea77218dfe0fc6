// SPDX-License-Identifier: MIT
#include "gateway/device/device_identity.h"

#include <string.h>
#include <strings.h>

#include "azure/connection_string.h"
#include "azure/device_id.h"
#include "base/mem.h"
#include "base/text.h"

static const char *placeholder_value(const struct event *event, const char *name, size_t length)
{
        const struct {
                const char *name;
                const char *value;
        } rows[] = {
                {"device", event->device},
                {"application", event->application},
                {"dev_eui", event->dev_eui},
                {"network", event->network},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (strlen(rows[i].name) == length && strncasecmp(rows[i].name, name, length) == 0)
                        return rows[i].value;
        }
        return NULL;
}

bool device_identity_make(const struct settings *settings, const struct event *event,
                          struct buf *out, struct reason *reason)
{
        const char *template = settings->azure.device_id_template;

        while (*template) {
                size_t length = strcspn(template, "{");
                const char *close;
                const char *value;

                buf_add(out, template, length);
                template += length;
                close = *template ? strchr(template, '}') : NULL;
                if (!close) {
                        buf_add_text(out, template);
                        return true;
                }
                value = placeholder_value(event, template + 1, (size_t)(close - template - 1));
                if (text_is_empty(value)) {
                        reason_set(reason,
                                   "DeviceIdTemplate needs %.*s, which device '%s' of application "
                                   "'%s' does not have",
                                   (int)(close - template + 1), template, event->device,
                                   event->application ? event->application : "");
                        return false;
                }
                buf_add_text(out, value);
                template = close + 1;
        }
        return true;
}

/* Also where the key is still awaited. */
static bool has_service(const struct settings *settings, const char *application,
                        struct settings_azure *azure)
{
        (void)settings_azure_for(settings, application, azure);
        return azure->connection_type == SETTINGS_DEVICE_PROVISIONING_SERVICE;
}

bool device_identity_check(const struct settings *settings, const struct event *event,
                           struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf id = BUF_INIT;
        struct settings_azure azure;
        bool good = device_identity_make(settings, event, &id, reason);

        if (!good)
                return false;
        if (has_service(settings, event->application, &azure))
                good = device_id_is_registration_id(buf_text(&id), reason);
        else
                good = device_id_is_valid(buf_text(&id), reason);
        if (!good)
                reason_prefix(reason, "'%s' can't be a device id in IoT Hub", buf_text(&id));
        return good;
}

char *device_identity_scope(const struct settings *settings, const char *application)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;
        struct settings_azure azure;

        if (has_service(settings, application, &azure))
                return mem_text(azure.id_scope);
        if (azure.connection_type == SETTINGS_CONNECTION_NONE)
                return mem_text("");
        if (!connection_string_parse(azure.connection_string, &parsed, NULL))
                return mem_text("");
        return mem_text(parsed.host_name);
}

char *device_identity_claim(const struct settings *settings, const char *application,
                            const char *hub_id)
{
        CLEANUP(mem_cleanup) char *scope = device_identity_scope(settings, application);
        CLEANUP(mem_cleanup) char *id = mem_text(hub_id);
        struct settings_azure azure;

        if (has_service(settings, application, &azure))
                text_lower(id);
        return mem_format("%s@%s", id, scope);
}

char *device_identity_key(const struct settings *settings, const char *application,
                          const char *hub_id)
{
        char *key = device_identity_claim(settings, application, hub_id);

        text_lower(strrchr(key, '@'));
        return key;
}
