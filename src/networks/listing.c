// SPDX-License-Identifier: MIT
#include "networks/listing.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "networks/event.h"

void device_list_deinit(struct device_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                free(list->devices[i].device);
                free(list->devices[i].dev_eui);
                free(list->devices[i].remark);
                device_attributes_deinit(&list->devices[i].attributes);
        }
        free(list->devices);
        free(list->next);
        *list = DEVICE_LIST_INIT;
}

void device_list_add(struct device_list *list, const char *device, const char *dev_eui,
                     struct json_object *attributes)
{
        struct listed_device *added;
        struct reason remark = REASON_INIT;

        list->devices = mem_resize(list->devices, list->count + 1, sizeof(*list->devices));
        added = &list->devices[list->count++];
        *added = (struct listed_device){
                .device = mem_text(device),
                .dev_eui = text_is_empty(dev_eui) ? NULL : mem_text(dev_eui),
        };
        event_eui(added->dev_eui);
        device_attributes_read(attributes, &added->attributes, &remark);
        if (remark.text[0] != '\0')
                added->remark = mem_text(remark.text);
}
