// SPDX-License-Identifier: MIT
/* The modules of an account in Myriota's Device Manager (its HTTP API). */
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "networks/driver.h"
#include "networks/myriota/myriota.h"

static void make_request(const struct listing_access *access, const char *page,
                         struct network_request *request)
{
        struct buf url = BUF_INIT;

        myriota_add_url(&url, access->base_url, "/modules?Destinations=false");
        if (page) {
                buf_add_char(&url, '&');
                text_url_escape(&url, access->paging_parameter);
                buf_add_char(&url, '=');
                text_url_escape(&url, page);
        }
        request->method = "GET";
        request->url = buf_take(&url);
        /* The bare token, without "Bearer". */
        request->authorization = mem_text(access->api_key);
}

static int read_next(struct json_object *root, struct device_list *list, struct reason *reason)
{
        const char *next = json_text_member(root, "NextItem");

        if (text_is_empty(next))
                return 0;
        if (strlen(next) > LISTING_PAGE_SIZE) {
                reason_set(reason, "NextItem is longer than %d bytes", LISTING_PAGE_SIZE);
                return 1;
        }
        list->next = mem_text(next);
        return 0;
}

static int read_page(const char *page, const char *body, size_t size, struct device_list *list,
                     struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *root = driver_answer(body, size, reason);
        struct json_object *items = NULL;

        (void)page;
        if (!root)
                return 1;
        /* An empty list may be null. */
        if (!json_object_object_get_ex(root, "Items", &items) ||
            (items && !json_object_is_type(items, json_type_array))) {
                reason_set(reason, "the answer has no list Items");
                return 1;
        }
        for (size_t i = 0; items && i < json_object_array_length(items); i++) {
                struct json_object *item = json_object_array_get_idx(items, i);
                const char *id = json_text_member(item, "Id");

                if (text_is_empty(id))
                        reason_add(reason, "item %zu has no Id", i + 1);
                else
                        device_list_add(list, id, NULL, json_member(item, "Attributes"));
        }
        return read_next(root, list, reason);
}

static void explain(int status, const char *body, size_t size, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *words = myriota_words(body, size);

        reason_set(reason, "Myriota answered %d%s%s", status, words ? ": " : "",
                   words ? words : "");
        if (status == 401 || status == 403)
                reason_add(reason, "look at Myriota.ApiToken");
        else if (status == 404)
                reason_add(reason, "look at Myriota.BaseUrl");
}

const struct listing_driver myriota_listing = {
        .request = make_request,
        .read = read_page,
        .explain = explain,
};
