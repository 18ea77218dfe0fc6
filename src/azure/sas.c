// SPDX-License-Identifier: MIT
#include "azure/sas.h"

#include <inttypes.h>
#include <string.h>

#include "azure/device_key.h"
#include "azure/names.h"
#include "base/text.h"

/* Without a port; an IPv6 address keeps its brackets. */
static size_t host_length(const char *hub)
{
        const char *behind = hub[0] == '[' ? strchr(hub, ']') : NULL;
        const char *port = strchr(behind ? behind : hub, ':');

        return port ? (size_t)(port - hub) : strlen(hub);
}

void sas_device_resource(struct buf *out, const char *hub, const char *device_id)
{
        buf_add(out, hub, host_length(hub));
        buf_add_text(out, AZURE_PATH_DEVICES);
        buf_add_text(out, device_id);
}

void sas_registration_resource(struct buf *out, const char *id_scope, const char *registration_id)
{
        buf_add_text(out, id_scope);
        buf_add_text(out, AZURE_DPS_REGISTRATIONS);
        buf_add_text(out, registration_id);
}

void sas_device_audience(struct buf *out, const char *hub, const char *device_id)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;

        sas_device_resource(&resource, hub, device_id);
        text_url_escape(out, buf_text(&resource));
}

bool sas_token(struct buf *out, const struct sas_grant *grant, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf escaped = BUF_INIT;
        CLEANUP(buf_deinit) struct buf to_sign = BUF_INIT;
        CLEANUP(buf_wipe) struct buf signature = BUF_INIT;

        text_url_escape(&escaped, grant->resource);
        buf_add_format(&to_sign, "%s\n%" PRId64, buf_text(&escaped), grant->expires_s);
        if (!device_key_sign(&signature, grant->key, buf_text(&to_sign))) {
                reason_set(reason,
                           "the key%s%s is not valid base64: copy it whole, with the '=' "
                           "signs at its end",
                           text_is_empty(grant->key_name) ? "" : " of ",
                           text_is_empty(grant->key_name) ? "" : grant->key_name);
                return false;
        }
        /* One block from the start, so that no grown-out-of copy stays behind unwiped. */
        buf_reserve(out, escaped.size + 3 * signature.size + 128 +
                                 (grant->key_name ? 3 * strlen(grant->key_name) : 0));
        buf_add_format(out, AZURE_SAS_PREFIX "sr=%s&sig=", buf_text(&escaped));
        text_url_escape(out, buf_text(&signature));
        buf_add_format(out, "&se=%" PRId64, grant->expires_s);
        if (!text_is_empty(grant->key_name)) {
                buf_add_text(out, "&skn=");
                text_url_escape(out, grant->key_name);
        }
        return true;
}
