// SPDX-License-Identifier: MIT
/* The devices of an application in The Things Stack's Identity Server (its HTTP API). */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/driver.h"
#include "networks/things_stack/things_stack.h"

/* The order is asked for because rows may shift between pages without one. */
#define QUERY "&field_mask=attributes&order=device_id"

static int64_t page_number(const char *page)
{
        int64_t number = 1;

        if (page)
                text_to_int64(page, 1, INT64_C(1) << 30, &number);
        return number;
}

static void make_request(const struct listing_access *access, const char *page,
                         struct network_request *request)
{
        struct buf url = BUF_INIT;

        driver_add_base_url(&url, access->base_url);
        buf_add_text(&url, "/applications/");
        text_url_escape(&url, access->application);
        buf_add_format(&url, "/devices?page=%" PRId64 "&limit=%" PRId64 QUERY, page_number(page),
                       access->page_size);
        request->method = "GET";
        request->url = buf_take(&url);
        request->authorization = mem_format("Bearer %s", access->api_key);
}

static void add_device(struct device_list *list, struct json_object *device, size_t index,
                       struct reason *reason)
{
        struct json_object *ids = json_member(device, "ids");
        const char *id = json_text_member(ids, "device_id");

        if (text_is_empty(id)) {
                reason_add(reason, "device %zu has no ids.device_id", index + 1);
                return;
        }
        device_list_add(list, id, json_text_member(ids, "dev_eui"),
                        json_member(device, "attributes"));
}

/* A page past the end has no member `end_devices` at all. */
static int read_page(const char *page, const char *body, size_t size, struct device_list *list,
                     struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *root = driver_answer(body, size, reason);
        struct json_object *devices = json_member(root, "end_devices");

        if (!root)
                return 1;
        if (devices && !json_object_is_type(devices, json_type_array)) {
                reason_set(reason, "end_devices is not a list");
                return 1;
        }
        if (!devices || json_object_array_length(devices) == 0)
                return 0;
        for (size_t i = 0; i < json_object_array_length(devices); i++)
                add_device(list, json_object_array_get_idx(devices, i), i, reason);
        list->next = mem_format("%" PRId64, page_number(page) + 1);
        return 0;
}

static void explain(int status, const char *body, size_t size, struct reason *reason)
{
        things_stack_explain(status, body, size, reason);
        if (status == 401 || status == 403)
                reason_add(reason, "the API key needs the right to see the application's devices "
                                   "(RIGHT_APPLICATION_DEVICES_READ)");
        else if (status == 404)
                reason_add(reason, "look at TheThingsIndustries.ApiBaseUrl, "
                                   "https://HOST/api/v3, and at the application's name");
}

/* On the vendor's clusters the Identity Server, which knows the devices, is on eu1 only. */
static void doubt_url(const char *url, struct reason *reason)
{
        static const char *const domains[] = {".cloud.thethings.industries",
                                              ".cloud.thethings.network"};
        const char *host = strstr(url, "://") + 3;
        const char *end = host + strcspn(host, ":/");

        for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
                size_t length = strlen(domains[i]);

                if ((size_t)(end - host) >= length + 3 &&
                    strncasecmp(end - length, domains[i], length) == 0 &&
                    strncasecmp(end - length - 3, "eu1", 3) != 0)
                        reason_set(reason,
                                   "devices can be listed on cluster eu1 only, whatever the "
                                   "cluster of the downlinks; write eu1 in this host's name");
        }
}

const struct listing_driver things_stack_listing = {
        .request = make_request,
        .read = read_page,
        .explain = explain,
        .doubt_url = doubt_url,
};
