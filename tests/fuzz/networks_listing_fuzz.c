// SPDX-License-Identifier: MIT
/* Any bytes as a page of devices, in every network that lists them; and as the name of a page. */
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "networks_fuzz.h"

static void fuzz_request(const struct listing_driver *driver, const char *page)
{
        CLEANUP(network_request_deinit) struct network_request request = NETWORK_REQUEST_INIT;
        const struct listing_access access = {.base_url = "https://a/",
                                              .api_key = "k",
                                              .application = "a",
                                              .paging_parameter = "NextItem",
                                              .page_size = 1};

        driver->request(&access, page, &request);
        require(strncmp(request.url, "https://a/", 10) == 0 &&
                strpbrk(request.url, " \r\n#") == NULL);
}

static void fuzz_registry(const struct listing_driver *driver, const uint8_t *data, size_t size)
{
        struct device_list list = DEVICE_LIST_INIT;
        struct reason reason = REASON_INIT;

        if (driver->read("1", (const char *)data, size, &list, &reason) != 0)
                require(reason.text[0] != '\0');
        for (size_t i = 0; i < list.count; i++)
                require(!text_is_empty(list.devices[i].device));
        if (list.next) {
                require(list.next[0] != '\0' && strlen(list.next) <= LISTING_PAGE_SIZE);
                fuzz_request(driver, list.next);
        }
        driver->explain(400, (const char *)data, size, &reason);
        require(reason.text[0] != '\0');
        device_list_deinit(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        for (size_t i = 0; networks[i]; i++) {
                if (networks[i]->listing)
                        fuzz_registry(networks[i]->listing, data, size);
        }
        return 0;
}
