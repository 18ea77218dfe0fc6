// SPDX-License-Identifier: MIT
#include <proton/codec.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "localhub/amqp/amqp_core.h"
#include "localhub/sessions/device_twin.h"

/* What IoT Hub says with a condition when nobody knows better. */
static const struct {
        const char *condition;
        int code;
        const char *text;
} usual[] = {
        {"amqp:not-found", 404001, "The device does not exist."},
        {"amqp:unauthorized-access", 401002, "The authorization token is invalid or has expired."},
        {"amqp:resource-limit-exceeded", 403002, "The quota of this hub is exceeded."},
        {"amqp:link:message-size-exceeded", 413001, "The message is too large."},
        {"amqp:link:detach-forced", 503005, "Server Busy. Please retry operation"},
        {"amqp:link:stolen", 409002, "Another connection of the same device was opened."},
        {"amqp:internal-error", 500001, "The server met an error."},
        {"com.microsoft:link-creation-conflict", 409002,
         "Another connection of the same device was opened."},
        {"com.microsoft:device-container-throttled", 429001,
         "The rate of operations is over the limit."},
        {"com.microsoft:message-lock-lost", 412002, "The lock of the message was lost."},
        {"com.microsoft:quota-exceeded", 403002, "The daily quota of messages is used up."},
        {"com.microsoft:timeout", 500008, "The operation timed out."},
};

static void add_usual(struct buf *out, const char *condition)
{
        for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
                if (strcmp(usual[i].condition, condition) == 0) {
                        device_error_text(out, usual[i].code, usual[i].text);
                        return;
                }
        }
        buf_add_text(out, condition);
}

static void put_symbol(pn_data_t *data, const char *text)
{
        pn_data_put_symbol(data, pn_bytes(strlen(text), text));
}

static void put_string(pn_data_t *data, const char *text)
{
        pn_data_put_string(data, pn_bytes(strlen(text), text));
}

/* Begins a map with it. */
static void put_tracking(pn_data_t *data)
{
        char tracking[CRYPTO_UUID_SIZE];

        crypto_uuid4(tracking);
        pn_data_put_map(data);
        pn_data_enter(data);
        put_symbol(data, "com.microsoft:tracking-id");
        put_string(data, tracking);
}

void amqp_error_track(pn_data_t *properties)
{
        put_tracking(properties);
        pn_data_exit(properties);
}

static void put_info(pn_data_t *info, int retry_after_s)
{
        put_tracking(info);
        put_symbol(info, "com.microsoft:is-filtered");
        pn_data_put_bool(info, true);
        if (retry_after_s > 0) {
                put_symbol(info, "retry-after");
                pn_data_put_int(info, retry_after_s);
        }
        pn_data_exit(info);
}

void amqp_error_redirect(pn_condition_t *to, const struct amqp_redirect *redirect)
{
        pn_data_t *info = pn_condition_info(to);

        pn_data_clear(info);
        pn_data_put_map(info);
        pn_data_enter(info);
        put_symbol(info, "hostname");
        put_string(info, redirect->host);
        put_symbol(info, "network-host");
        put_string(info, redirect->host);
        put_symbol(info, "port");
        pn_data_put_int(info, redirect->port);
        put_symbol(info, "address");
        put_string(info, buf_text(&redirect->address));
        pn_data_exit(info);
}

void amqp_error_retry(pn_condition_t *to, const char *condition, const char *description,
                      int retry_after_s)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (text_is_empty(description))
                add_usual(&text, condition);
        else
                buf_add_text(&text, description);
        pn_condition_set_name(to, condition);
        pn_condition_set_description(to, buf_text(&text));
        put_info(pn_condition_info(to), retry_after_s);
}

void amqp_error_set(pn_condition_t *to, const char *condition, const char *description)
{
        amqp_error_retry(to, condition, description, 0);
}
