// SPDX-License-Identifier: MIT
/* A gateway's devices and links over the world of link_world.h; for one test file each. */
#ifndef ISTHMUS_TESTS_UNIT_GATEWAY_LINK_FIXTURE_H
#define ISTHMUS_TESTS_UNIT_GATEWAY_LINK_FIXTURE_H

#include "base/loop.h"
#include "link_world.h"

#include "base/list.h"
#include "base/thread.h"
#include "gateway/command/command_arrive.h"
#include "gateway/command/command_ledger.h"
#include "gateway/command/command_network.h"
#include "gateway/device/device.h"
#include "gateway/link/device_link.h"
#include "support/load_records.h"
#include "support/network_places.h"

#define MINUTE INT64_C(60000)
#define DAY    (24 * 60 * MINUTE)

#define HUB_A "a.example"
#define HUB_B "b.example"

static char endpoint[] = "dps.example";
static char id_scope[] = "0ne00123ABC";
static char group_key[] = "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U=";
static char template[] = "{device}";

/* Commands are not the subject here. */
void command_arrive_message(const struct command_arrive *arrive, struct device *device,
                            struct hub_command *delivery)
{
        (void)arrive;
        (void)device;
        (void)delivery;
        fail();
}

void command_arrive_method(const struct command_arrive *arrive, struct device *device,
                           struct hub_method *call)
{
        (void)arrive;
        (void)device;
        (void)call;
        fail();
}

void command_ledger_lost(struct command_ledger *ledger, struct hub_command *delivery)
{
        (void)ledger;
        (void)delivery;
        fail();
}

void command_network_contact(struct command_network *network, struct device *device)
{
        (void)network;
        (void)device;
}

struct fixture {
        struct settings settings;
        struct device_directory *directory;
        struct device_table *devices;
        struct device_places *places;
        struct device_provision *provision;
        struct uplink_queue *queue;
        struct uplink_format *format;
        struct device_link *link;
        int64_t next_id;
};

/* These shards have come: what the store has of their devices is loaded. */
static inline void gain(struct fixture *fixture, const struct store_shards *shards)
{
        assert_int_equal(load_records(NULL, DEVICE_OWNER_KIND, device_table_take, fixture->devices),
                         0);
        assert_int_equal(load_records(NULL, DEVICE_PLACE_KIND, device_places_take, fixture->places),
                         0);
        assert_int_equal(load_records(NULL, DEVICE_ASSIGNMENT_KIND, device_provision_take,
                                      fixture->provision),
                         0);
        device_table_gain(fixture->devices, shards, clock_steady_ms());
        device_link_gain(fixture->link, shards);
}

static inline void begin_run(struct fixture *fixture)
{
        struct store_shards all = store_shards_all();
        struct reason reason = REASON_INIT;
        struct settings *settings = &fixture->settings;

        fixture->directory = device_directory_new(settings, NULL);
        fixture->devices = device_table_new(settings, NULL, fixture->directory, NULL);
        fixture->places = device_places_new(fixture->devices);
        fixture->provision =
                device_provision_new(&(struct device_provision_options){.settings = settings});
        fixture->queue =
                uplink_queue_new(&(struct uplink_queue_options){.devices = fixture->devices});
        fixture->format = uplink_format_new(&(struct uplink_format_options){.settings = settings});
        fixture->link =
                device_link_new(&(struct device_link_options){.settings = settings,
                                                              .sender = {.settings = settings,
                                                                         .queue = fixture->queue,
                                                                         .format = fixture->format},
                                                              .devices = fixture->devices,
                                                              .places = fixture->places,
                                                              .provision = fixture->provision});
        assert_int_equal(device_directory_load(fixture->directory, &reason), 0);
        device_link_start(fixture->link);
        gain(fixture, &all);
}

static inline void end_run(struct fixture *fixture)
{
        device_link_stop(fixture->link);
        uplink_queue_stop(fixture->queue);
        uplink_format_stop(fixture->format);
        device_places_free(fixture->places);
        device_table_free(fixture->devices);
        device_directory_free(fixture->directory);
        device_provision_free(fixture->provision);
        uplink_queue_free(fixture->queue);
        uplink_format_free(fixture->format);
        device_link_free(fixture->link);
}

static inline void restart(struct fixture *fixture)
{
        end_run(fixture);
        world_restart();
        begin_run(fixture);
}

static inline int set_up(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        thread_enter(LOOP_THREAD);
        world_begin();
        fixture->settings.azure.connection_type = SETTINGS_DEVICE_PROVISIONING_SERVICE;
        fixture->settings.azure.dps.global_device_endpoint = endpoint;
        fixture->settings.azure.dps.id_scope = id_scope;
        fixture->settings.azure.dps.group_enrollment_key = group_key;
        fixture->settings.azure.device_id_template = template;
        fixture->settings.networks[THINGS_STACK].device_integration = true;
        begin_run(fixture);
        *state = fixture;
        return 0;
}

static inline int tear_down(void **state)
{
        struct fixture *fixture = *state;

        end_run(fixture);
        world_end();
        free(fixture);
        return 0;
}

/* An uplink is stored, and arrives at the thread "loop". */
static inline void uplink_by(struct fixture *fixture, const char *network, const char *application,
                             const char *name)
{
        struct uplink_event *event = mem_new(1, sizeof(*event));
        struct list events;
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;

        event->event = (struct event){
                .kind = EVENT_UPLINK,
                .network = network,
                .application = mem_text(application),
                .device = mem_text(name),
        };
        event_device_key(&event->event, &key);
        event->device_key = buf_take(&key);
        event->id = ++fixture->next_id;
        list_init(&events);
        list_push_back(&events, &event->node);
        uplink_queue_add(fixture->queue, &events);
        world_run_posts();
}

static inline void uplink_of(struct fixture *fixture, const char *application, const char *name)
{
        uplink_by(fixture, "things-stack", application, name);
}

static inline void uplink(struct fixture *fixture, const char *name)
{
        uplink_of(fixture, "app", name);
}

static inline struct device *device_named(struct fixture *fixture, const char *name)
{
        CLEANUP(mem_cleanup) char *key = mem_format("things-stack/app/%s", name);
        struct device *device = device_table_find(fixture->devices, key);

        assert_non_null(device);
        return device;
}

static inline void assert_phase(struct fixture *fixture, const char *name, enum device_phase phase)
{
        assert_string_equal(device_phase_name(device_named(fixture, name)->phase),
                            device_phase_name(phase));
}

/* A device that the service has assigned and its hub has authorised; its uplink has arrived. */
static inline void connect(struct fixture *fixture, const char *name, const char *hub)
{
        uplink(fixture, name);
        world_assign(name, hub);
        world_ready(name);
        world_answer_send(name, HUB_ACCEPTED);
}

/* What the client would tell of the hub from now on. */
static inline void hub_is_away(const char *name, size_t devices)
{
        world_hubs[0] = (struct hub_summary){.name = name, .devices = devices, .failures = 3};
        world_hub_count = 1;
}

static inline bool remembers(const char *name, const char *hub)
{
        CLEANUP(mem_cleanup) char *key = mem_format("things-stack/app/%s", name);
        CLEANUP(mem_cleanup) char *member = mem_format("\"hub\":\"%s\"", hub);
        const char *record = world_record("assignment", key);

        return record && strstr(record, member);
}

#endif
