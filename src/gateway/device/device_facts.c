// SPDX-License-Identifier: MIT
#include "gateway/device/device_facts.h"

#include <stdlib.h>

#include "base/loop.h"
#include "base/mem.h"
#include "gateway/device/device_inside.h"

/* On its way to the thread "loop". */
struct telling {
        struct device_table *table;
        char *device_key;
        struct event event; /* its kind, its time and its facts only */
};

static void take_telling(void *context)
{
        struct telling *telling = context;
        struct device *device = device_table_find(telling->table, telling->device_key);

        if (device)
                device_take_facts(device, &telling->event);
        free(telling->device_key);
        free(telling);
}

void device_table_tell_facts(struct device_table *table, const char *device_key,
                             const struct event *event)
{
        struct telling *telling;

        if (event->facts.told == 0 && event->kind != EVENT_JOIN_ACCEPT)
                return;
        telling = mem_new(1, sizeof(*telling));
        telling->table = table;
        telling->device_key = mem_text(device_key);
        telling->event = (struct event){
                .kind = event->kind, .time_ns = event->time_ns, .facts = event->facts};
        loop_post(table->claims.loop, take_telling, telling);
}
