// SPDX-License-Identifier: MIT
#include "azure/device_certificate.h"

#include "azure/device_id.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

bool device_certificate_is_due(const struct certificate *certificate, int64_t now_s)
{
        int64_t ends_s = certificate_ends_s(certificate);

        return now_s >= ends_s - (ends_s - certificate_begins_s(certificate)) / 3;
}

static char *path_of(const struct device_certificate_order *order, const char *suffix)
{
        return mem_format("%s/%s%s", order->folder, order->id, suffix);
}

int device_certificate_renew(const struct device_certificate_order *order,
                             struct certificate **certificate, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = path_of(order, ".pem");
        CLEANUP(mem_cleanup) char *key_path = path_of(order, "-key.pem");
        CLEANUP(certificate_cleanup) struct certificate *issuer = NULL;
        CLEANUP(certificate_cleanup) struct certificate *made = NULL;
        struct certificate_order making = {
                .now_s = order->now_s,
                .days = order->days > 0 ? order->days : DEVICE_CERTIFICATE_DAYS,
                .common_name = order->id,
                .use = CERTIFICATE_CLIENT,
        };
        int result = 0;

        if (!device_id_is_registration_id(order->id, reason))
                return -EINVAL;
        if (order->authority)
                result = certificate_read(order->authority, order->authority_key, &issuer, reason);
        making.issuer = issuer;
        if (result == 0)
                result = certificate_make(&making, &made, reason);
        if (result == 0)
                result = certificate_write(made, path, key_path, reason);
        if (result != 0)
                return result;
        log_info("DEVICE_CERTIFICATE_MADE", "Made a device's certificate",
                 LOG_TEXT("hub_device", order->id), LOG_TEXT("path", path), LOG_END);
        *certificate = made;
        made = NULL;
        return 0;
}

/* Is it this device's, and does it still hold? */
static int check(const struct device_certificate_order *order,
                 const struct certificate *certificate, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;

        if (!certificate_common_name(certificate, &name) ||
            !text_equal_nocase(buf_text(&name), order->id)) {
                reason_set(reason,
                           "the certificate in %s/%s.pem is that of '%.128s', not of '%s': its "
                           "common name counts",
                           order->folder, order->id, buf_text(&name), order->id);
                return -EINVAL;
        }
        if (order->now_s < certificate_ends_s(certificate))
                return 0;
        reason_set(reason, "the certificate in %s/%s.pem has ended; put a new one there",
                   order->folder, order->id);
        return -EKEYEXPIRED;
}

int device_certificate_open(const struct device_certificate_order *order,
                            struct certificate **certificate, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = path_of(order, ".pem");
        CLEANUP(mem_cleanup) char *key_path = path_of(order, "-key.pem");
        CLEANUP(certificate_cleanup) struct certificate *read = NULL;
        struct reason trouble = REASON_INIT;
        int result = certificate_read(path, key_path, &read, reason);
        bool is_due = result != 0 || device_certificate_is_due(read, order->now_s);

        if (is_due && order->authority) {
                if (device_certificate_renew(order, certificate, &trouble) == 0)
                        return 0;
                log_error("DEVICE_CERTIFICATE_NOT_MADE", "A device's certificate can't be made",
                          LOG_TEXT("hub_device", order->id), LOG_TEXT("reason", trouble.text),
                          LOG_END);
                if (result != 0)
                        *reason = trouble;
        }
        if (result == 0)
                result = check(order, read, reason);
        if (result != 0)
                return result;
        *certificate = read;
        read = NULL;
        return 0;
}
