// SPDX-License-Identifier: MIT
/* Devices that leave: to another gateway, or because an operator gives their id free. */
#include "gateway/link/device_link_inside.h"

#include <errno.h>

#include "base/log.h"
#include "base/thread.h"

/* --- shards come and go ---------------------------------------------------------------------- */

struct crossing {
        struct device_link *links;
        const struct store_shards *shards;
};

/* It begins anew, with what was loaded. */
static bool arrive(void *context, struct device *device)
{
        const struct crossing *crossing = context;

        if (!store_shards_has(crossing->shards, device->shard))
                return true;
        if (device->phase == DEVICE_ELSEWHERE)
                device_link_move(device, DEVICE_NEW);
        return device_link_connect_early(crossing->links, device);
}

void device_link_gain(struct device_link *links, const struct store_shards *shards)
{
        THREAD_ASSERT(LOOP_THREAD);
        device_table_each(links->options.devices, arrive, &(struct crossing){links, shards});
}

static bool leave(void *context, struct device *device)
{
        const struct crossing *crossing = context;

        if (!store_shards_has(crossing->shards, device->shard) || device->phase == DEVICE_ELSEWHERE)
                return true;
        device->in_flight = NULL;
        device->leaves = false;
        device->taken_over_ms = 0;
        device->thefts = 0;
        device->claim = DEVICE_UNCLAIMED;
        device_link_unlink(device);
        loop_timer_stop(crossing->links->options.loop, &device->timer);
        device->failures = 0;
        device->asks = 0;
        device->ask_after_ms = 0;
        device->assignment.doubted = false;
        device->changed = false;
        device_link_move(device, DEVICE_ELSEWHERE);
        return true;
}

void device_link_lose(struct device_link *links, const struct store_shards *shards)
{
        THREAD_ASSERT(LOOP_THREAD);
        device_table_each(links->options.devices, leave, &(struct crossing){links, shards});
}

static bool prepare(void *context, struct device *device)
{
        const struct crossing *crossing = context;

        if (store_shards_has(crossing->shards, device->shard) && device->phase != DEVICE_ELSEWHERE)
                device->leaves = true;
        return true;
}

void device_link_prepare_to_lose(struct device_link *links, const struct store_shards *shards)
{
        THREAD_ASSERT(LOOP_THREAD);
        device_table_each(links->options.devices, prepare, &(struct crossing){links, shards});
}

static bool is_quiet(void *context, struct device *device)
{
        struct crossing *crossing = context;

        if (store_shards_has(crossing->shards, device->shard) &&
            (device->in_flight || device->handing_over))
                crossing->links = NULL;
        return crossing->links != NULL;
}

bool device_link_is_quiet(struct device_link *links, const struct store_shards *shards)
{
        struct crossing crossing = {links, shards};

        THREAD_ASSERT(LOOP_THREAD);
        device_table_each(links->options.devices, is_quiet, &crossing);
        return crossing.links != NULL;
}

/* --- an operator releases a device --------------------------------------------------------- */

/* True with the reason if the device can't be released now. */
static bool is_busy(const struct device_link *links, const struct device *device, bool force,
                    struct reason *reason)
{
        size_t commands = device->commands.count + device->held_commands.count;
        bool waiting = device_link_has_events(device);

        if (links->stopped)
                reason_set(reason, "the gateway is stopping");
        else if (device->phase == DEVICE_ELSEWHERE)
                reason_set(reason, "another gateway has the device; ask that one");
        else if (device->phase == DEVICE_CLAIMING || device->phase == DEVICE_REGISTERING)
                reason_set(reason, "the device is being registered; try again in a moment");
        else if (device->lane != device && device->lane->in_flight)
                reason_set(reason, "an event is on its way to the hub; try again in a moment");
        else if (commands > 0)
                reason_set(reason,
                           "%zu of its commands are not finished; `isthmus command cancel` "
                           "ends them",
                           commands);
        else if (waiting && !force)
                reason_set(reason, "events wait to be sent for it; with force they become dead "
                                   "letters");
        else
                return false;
        return true;
}

int device_link_release(struct device_link *links, struct device *device, bool force,
                        char **identity, struct reason *reason)
{
        if (is_busy(links, device, force, reason))
                return -EBUSY;
        *identity = device_table_release(links->options.devices, device, reason);
        if (!*identity)
                return -EBUSY;
        log_info("DEVICE_RELEASED", "An operator has released a device's id in IoT Hub",
                 LOG_TEXT("device", device->key), LOG_TEXT("hub_device", device->hub_id), LOG_END);
        device_link_unlink(device);
        loop_timer_stop(links->options.loop, &device->timer);
        device->failures = 0;
        device->changed = false;
        device_link_move(device, DEVICE_NEW);
        device_places_release(links->options.places, device);
        device_provision_forget(links->options.provision, device);
        /* What was on its way is not settled any more; with the rest it is set aside. */
        if (device->lane == device)
                device->in_flight = NULL;
        device_link_pump(links, device->lane);
        return 0;
}
