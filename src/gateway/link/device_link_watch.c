// SPDX-License-Identifier: MIT
/* What is looked after all the time: hubs that are away, clocks that are wrong, idle devices. */
#include "gateway/link/device_link_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/thread.h"

#define WATCH_MS 1000

/* How often idle devices are looked for. */
#define IDLE_MS (10 * 1000)

/* How often certificates near their end are looked after. */
#define CERTIFICATES_MS (10 * 60 * 1000)

static void observe(void *context, const struct hub_summary *summary)
{
        struct device_link *links = context;

        links->connections += summary->connections;
        links->wanting += summary->devices;
        metrics_set_label(METRIC_HUB_CONNECTED, summary->name, summary->ready > 0);
        hub_health_observe(&links->healths, summary, clock_steady_ms());
}

/* For the device that is to ask the service about a hub, on behalf of all of its devices. */
struct search {
        const struct device_link *links;
        const char *hub;
        struct device *asker;
};

static bool pick_asker(void *context, struct device *device)
{
        struct search *search = context;

        if (device_link_is_stuck(search->links, device, search->hub))
                search->asker = device;
        return !search->asker;
}

/* One device of a hub that is away, or refuses everybody, asks the service for all. */
static void ask_for_all(struct device_link *links, struct hub_health *health, int64_t now_ms)
{
        struct search search = {.links = links, .hub = health->name};

        device_table_each(links->options.devices, pick_asker, &search);
        hub_health_ask(health, search.asker, now_ms);
        if (search.asker)
                device_link_doubt(links, search.asker);
}

static bool renew_certificate(void *context, struct device *device)
{
        struct device_link *links = context;

        if (device->link)
                device_provision_renew(links->options.provision, device);
        return true;
}

/* Its next uplink connects it again. */
static bool detach_idle(void *context, struct device *device)
{
        struct device_link *links = context;
        int64_t quiet_since_ms =
                device->contact_ms > device->ready_ms ? device->contact_ms : device->ready_ms;

        if (device->phase != DEVICE_READY || device_link_has_events(device->lane) ||
            device->lane->in_flight || device_link_takes_commands(links, device) ||
            clock_steady_ms() - quiet_since_ms < device_link_idle_ms(links))
                return true;
        log_debug("DEVICE_DETACHED", "A device that is idle is disconnected",
                  LOG_TEXT("device", device->key), LOG_END);
        device_link_unlink(device);
        device_link_move(device, DEVICE_NEW);
        return true;
}

static void set_able(struct device_link *links, bool able)
{
        links->unable = !able;
        store_share_set_able(links->options.sender.store, able);
}

/*
 * Others may reach the hubs that this gateway does not reach. Once it has given all away it can't
 * know any more: then it tries again after the same time.
 */
static void judge_reach(struct device_link *links, int64_t now_ms)
{
        int64_t absence_ms = links->options.settings->store.postgresql.hub_absence_s * 1000;
        bool is_hubless = links->connections == 0 && (links->wanting > 0 || links->unable);

        if (absence_ms == 0)
                return;
        if (!is_hubless || links->hubless_ms == 0) {
                if (links->unable && !is_hubless)
                        set_able(links, true);
                links->hubless_ms = is_hubless ? now_ms : 0;
        } else if (now_ms - links->hubless_ms >= absence_ms) {
                set_able(links, links->unable && links->wanting == 0);
                links->hubless_ms = now_ms;
        }
}

static void watch(struct timer *timer)
{
        struct device_link *links = list_entry(timer, struct device_link, watch);
        int64_t now_ms = clock_steady_ms();

        loop_timer_start(links->options.loop, timer, WATCH_MS);
        device_link_check_clock(links, now_ms);
        links->connections = links->wanting = 0;
        hub_client_each(links->options.hubs, observe, links);
        judge_reach(links, now_ms);
        list_for_each (node, &links->healths.hubs) {
                struct hub_health *health = list_entry(node, struct hub_health, node);

                if (hub_health_is_due(health, now_ms))
                        ask_for_all(links, health, now_ms);
        }
        if (device_link_idle_ms(links) > 0 && now_ms >= links->idle_ms) {
                links->idle_ms = now_ms + IDLE_MS;
                device_table_each(links->options.devices, detach_idle, links);
        }
        if (now_ms >= links->certificates_ms) {
                links->certificates_ms = now_ms + CERTIFICATES_MS;
                device_table_each(links->options.devices, renew_certificate, links);
        }
}

void device_link_start(struct device_link *links)
{
        clock_check_init(&links->clock, clock_wall_ms(), clock_steady_ms());
        links->watch.run = watch;
        loop_timer_start(links->options.loop, &links->watch, WATCH_MS);
}

void device_link_stop(struct device_link *links)
{
        THREAD_ASSERT(LOOP_THREAD);
        links->stopped = true;
        loop_timer_stop(links->options.loop, &links->watch);
}
