// SPDX-License-Identifier: MIT
#include "networks/downlink.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

void downlink_deinit(struct downlink *downlink)
{
        free(downlink->application);
        free(downlink->device);
        free(downlink->payload);
        free(downlink->decoded);
        *downlink = DOWNLINK_INIT;
}

bool downlink_fits(const struct downlink_driver *driver, size_t size, struct reason *reason)
{
        if (driver->maximum_bytes == 0 ||
            (size >= driver->minimum_bytes && size <= driver->maximum_bytes))
                return true;
        reason_set(reason, "the payload has %zu bytes; the network takes %zu to %zu", size,
                   driver->minimum_bytes, driver->maximum_bytes);
        return false;
}

const char *downlink_reference(const char *correlation_id)
{
        size_t length = strlen(DOWNLINK_CORRELATION_PREFIX);

        if (strncmp(correlation_id, DOWNLINK_CORRELATION_PREFIX, length) != 0 ||
            strlen(correlation_id) != length + CRYPTO_UUID_SIZE - 1)
                return NULL;
        return correlation_id + length;
}

enum downlink_answer downlink_answer_of(int status)
{
        static const int final[] = {400, 404, 410, 413, 414, 415, 422, 431};

        if (status >= 200 && status <= 299)
                return DOWNLINK_TAKEN;
        if (status >= 500)
                return status == 500 || status == 501 || status == 503 ? DOWNLINK_FAILED
                                                                       : DOWNLINK_IN_DOUBT;
        for (size_t i = 0; i < ARRAY_SIZE(final); i++) {
                if (status == final[i])
                        return DOWNLINK_REFUSED;
        }
        return DOWNLINK_LATER;
}

void network_request_deinit(struct network_request *request)
{
        free(request->url);
        mem_wipe(request->authorization,
                 request->authorization ? strlen(request->authorization) : 0);
        free(request->authorization);
        buf_deinit(&request->body);
        *request = NETWORK_REQUEST_INIT;
}

void downlink_way_deinit(struct downlink_way *way)
{
        free(way->base_url);
        free(way->webhook_id);
        mem_wipe(way->api_key, way->api_key ? strlen(way->api_key) : 0);
        free(way->api_key);
        *way = DOWNLINK_WAY_INIT;
}

bool downlink_way_equal(const struct downlink_way *a, const struct downlink_way *b)
{
        return text_equal(a->base_url, b->base_url) && text_equal(a->webhook_id, b->webhook_id) &&
               text_equal(a->api_key, b->api_key);
}
