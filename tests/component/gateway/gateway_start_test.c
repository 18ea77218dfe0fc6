// SPDX-License-Identifier: MIT
/*
 * A gateway whose start fails at each of its steps in turn says why, gives everything back, and can
 * be started on the same folder afterwards. The steps fail by the linker's --wrap (see
 * tests/CMakeLists.txt); everything else is real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "azure/hub/hub_client.h"
#include "base/mem.h"
#include "formatter/formatter.h"
#include "gateway/command/command_record.h"
#include "gateway/control/control.h"
#include "gateway/device/device.h"
#include "gateway/device/device_directory.h"
#include "gateway/device/device_place.h"
#include "gateway/device/downlink_route.h"
#include "gateway/gateway.h"
#include "gateway/intake/uplink_trust.h"
#include "gateway/intake/webhook_intake.h"
#include "gateway/provision/device_provision.h"
#include "http/client/http_client.h"
#include "store/store.h"
#include "support/directory.h"
#include "support/load_settings.h"

/* --- steps that fail ------------------------------------------------------------------------ */

static const char *failing; /* the name of the function that is to fail; NULL = none */
static int failed;

static bool fails(const char *function, struct reason *reason)
{
        if (!failing || strcmp(function, failing) != 0)
                return false;
        failed++;
        if (reason)
                reason_set(reason, "the test wants it");
        return true;
}

#define STEP(function, parameters, arguments)                                                      \
        int __real_##function parameters;                                                          \
        int __wrap_##function parameters;                                                          \
        int __wrap_##function parameters                                                           \
        {                                                                                          \
                return fails(#function, reason) ? -EIO : __real_##function arguments;              \
        }

typedef bool visit_device_key(void *context, const char *device, int64_t waiting);
typedef bool visit_record(void *context, const struct store_record *record);

STEP(store_open, (const struct store_options *options, struct store **store, struct reason *reason),
     (options, store, reason))
STEP(http_client_new,
     (const struct http_client_options *options, struct http_client **client,
      struct reason *reason),
     (options, client, reason))
STEP(hub_client_new,
     (const struct hub_client_options *options, struct hub_client **client, struct reason *reason),
     (options, client, reason))
STEP(uplink_trust_new,
     (const struct uplink_trust_options *options, struct uplink_trust **trust,
      struct reason *reason),
     (options, trust, reason))
STEP(device_directory_load, (struct device_directory * directory, struct reason *reason),
     (directory, reason))
STEP(control_start,
     (const struct control_options *options, struct control **control, struct reason *reason),
     (options, control, reason))
STEP(webhook_intake_start,
     (const struct delivery_means *means, const struct queue_intake *queues,
      struct webhook_intake **webhook, struct reason *reason),
     (means, queues, webhook, reason))

int __real_formatter_pool_new(const struct formatter_options *options, struct formatter_pool **pool,
                              struct reason *reason);
int __wrap_formatter_pool_new(const struct formatter_options *options, struct formatter_pool **pool,
                              struct reason *reason);

/* The worker is not beside this program. */
int __wrap_formatter_pool_new(const struct formatter_options *options, struct formatter_pool **pool,
                              struct reason *reason)
{
        struct formatter_options with_worker = *options;

        with_worker.program = TEST_FORMATTER;
        return fails("formatter_pool_new", reason)
                       ? -EIO
                       : __real_formatter_pool_new(&with_worker, pool, reason);
}

int __real_store_devices_each(struct store *store, const struct store_shards *shards,
                              visit_device_key *visit, void *context);
int __wrap_store_devices_each(struct store *store, const struct store_shards *shards,
                              visit_device_key *visit, void *context);

int __wrap_store_devices_each(struct store *store, const struct store_shards *shards,
                              visit_device_key *visit, void *context)
{
        return fails("store_devices_each", NULL)
                       ? -EIO
                       : __real_store_devices_each(store, shards, visit, context);
}

int __real_store_records_each(struct store *store, const char *kind,
                              const struct store_shards *shards, visit_record *visit,
                              void *context);
int __wrap_store_records_each(struct store *store, const char *kind,
                              const struct store_shards *shards, visit_record *visit,
                              void *context);

/* The name of this step is the kind. */
int __wrap_store_records_each(struct store *store, const char *kind,
                              const struct store_shards *shards, visit_record *visit, void *context)
{
        return fails(kind, NULL) ? -EIO
                                 : __real_store_records_each(store, kind, shards, visit, context);
}

/* --- the gateway ---------------------------------------------------------------------------- */

struct fixture {
        char *folder;
        char *formatters;
        struct settings settings;
};

static int set_up(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));
        CLEANUP(conf_report_deinit) struct conf_report report = CONF_REPORT_INIT;
        CLEANUP(mem_cleanup) char *text = NULL;

        fixture->folder = test_directory_new();
        fixture->formatters = test_directory_new();
        text = mem_format(
                "{\"Listen\":\"127.0.0.1:0\",\"DataDirectory\":\"%s\","
                "\"PayloadFormatters\":{\"Directory\":\"%s\"},"
                "\"AzureIoT\":{\"AzureIoTHub\":{\"ConnectionString\":\"HostName=hub.example;"
                "SharedAccessKeyName=device;SharedAccessKey=a2V5\"}}}",
                fixture->folder, fixture->formatters);
        settings_init(&fixture->settings);
        if (load_settings_text(&(struct conf_source){.file = "/test.json"}, text, strlen(text),
                               &fixture->settings, &report) != 0)
                fail_msg("the settings are not fit for use");
        failing = NULL;
        failed = 0;
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;

        settings_deinit(&fixture->settings);
        test_directory_remove(fixture->folder);
        test_directory_remove(fixture->formatters);
        free(fixture);
        return 0;
}

static void start_and_stop(struct fixture *fixture)
{
        struct gateway *gateway = NULL;
        struct reason reason = REASON_INIT;

        if (gateway_start(&fixture->settings, &gateway, &reason) != 0)
                fail_msg("%s", reason.text);
        assert_true(gateway_port(gateway) != 0);
        gateway_stop(gateway);
}

static void a_start_that_fails_at_any_step_leaves_nothing_behind(void **state)
{
        static const char *const steps[] = {
                "store_open",           "http_client_new",    "hub_client_new",
                "uplink_trust_new",     "formatter_pool_new", "device_directory_load",
                DEVICE_OWNER_KIND,      DEVICE_PLACE_KIND,    DEVICE_ASSIGNMENT_KIND,
                DOWNLINK_WAY_KIND,      COMMAND_KIND,         "store_devices_each",
                "webhook_intake_start",
        };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                struct gateway *gateway = NULL;
                struct reason reason = REASON_INIT;

                failing = steps[i];
                if (gateway_start(&fixture->settings, &gateway, &reason) == 0)
                        fail_msg("it has started without %s", steps[i]);
                assert_null(gateway);
                assert_string_not_equal(reason.text, "");
                assert_int_equal(failed, i + 1);
        }
        failing = NULL;
        start_and_stop(fixture);
}

static void without_a_control_socket_it_starts_all_the_same(void **state)
{
        failing = "control_start";
        start_and_stop(*state);
        assert_int_equal(failed, 1);
}

static void it_can_be_started_again_and_again(void **state)
{
        for (int i = 0; i < 3; i++)
                start_and_stop(*state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_start_that_fails_at_any_step_leaves_nothing_behind, set_up, tear_down),
                cmocka_unit_test_setup_teardown(without_a_control_socket_it_starts_all_the_same,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(it_can_be_started_again_and_again, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
