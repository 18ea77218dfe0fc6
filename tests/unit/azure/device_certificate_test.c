// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "azure/device_certificate.h"
#include "base/log.h"
#include "base/mem.h"
#include "support/directory.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

struct world {
        char *folder;
        char *authority;
        char *authority_key;
        struct device_certificate_order order; /* of dev1, by the authority */
        struct certificate *first;
        struct certificate *second;
        struct reason reason;
};

static int set_up(void **state)
{
        struct world *world = mem_new(1, sizeof(*world));
        CLEANUP(certificate_cleanup) struct certificate *authority = NULL;

        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        world->folder = test_directory_new();
        world->authority = test_directory_file(world->folder, "ca.pem");
        world->authority_key = test_directory_file(world->folder, "ca-key.pem");
        world->order = (struct device_certificate_order){
                .folder = world->folder,
                .id = "dev1",
                .authority = world->authority,
                .authority_key = world->authority_key,
                .days = 30,
                .now_s = NOW,
        };
        *state = world;
        return certificate_make(&(struct certificate_order){.now_s = NOW,
                                                            .days = 365,
                                                            .common_name = "middle",
                                                            .use = CERTIFICATE_AUTHORITY},
                                &authority, &world->reason) == 0
                       ? certificate_write(authority, world->authority, world->authority_key,
                                           &world->reason)
                       : -1;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        certificate_free(world->first);
        certificate_free(world->second);
        free(world->authority);
        free(world->authority_key);
        test_directory_remove(world->folder);
        free(world);
        return 0;
}

static int open_first(struct world *world)
{
        return device_certificate_open(&world->order, &world->first, &world->reason);
}

static int open_second(struct world *world)
{
        return device_certificate_open(&world->order, &world->second, &world->reason);
}

static bool are_same(const struct world *world)
{
        return strcmp(certificate_fingerprint(world->first),
                      certificate_fingerprint(world->second)) == 0;
}

static void what_is_missing_is_made_once(void **state)
{
        struct world *world = *state;

        assert_int_equal(open_first(world), 0);
        world->order.now_s = NOW + 19 * DAY;
        assert_false(device_certificate_is_due(world->first, world->order.now_s));
        assert_int_equal(open_second(world), 0);
        assert_true(are_same(world));
        assert_int_equal(certificate_ends_s(world->first), NOW + 30 * DAY);
}

static void what_is_due_is_made_anew(void **state)
{
        struct world *world = *state;

        assert_int_equal(open_first(world), 0);
        world->order.now_s = NOW + 21 * DAY;
        assert_true(device_certificate_is_due(world->first, world->order.now_s));
        assert_int_equal(open_second(world), 0);
        assert_false(are_same(world));
        assert_int_equal(certificate_ends_s(world->second), NOW + 51 * DAY);
}

static void what_can_not_be_made_anew_is_used_to_its_end(void **state)
{
        struct world *world = *state;

        assert_int_equal(open_first(world), 0);
        world->order.now_s = NOW + 29 * DAY;
        test_directory_write(world->folder, "ca-key.pem", "nonsense");
        assert_int_equal(open_second(world), 0);
        assert_true(are_same(world));
        certificate_free(world->second);
        world->second = NULL;
        world->order.authority = NULL;
        world->order.now_s = NOW + 31 * DAY;
        assert_int_equal(open_second(world), -EKEYEXPIRED);
        assert_non_null(strstr(world->reason.text, "dev1.pem has ended"));
}

static void without_an_authority_there_must_be_one(void **state)
{
        struct world *world = *state;

        world->order.authority = NULL;
        assert_int_equal(open_first(world), -ENOENT);
        assert_non_null(strstr(world->reason.text, "dev1.pem"));
}

static void another_devices_certificate_is_none(void **state)
{
        struct world *world = *state;
        CLEANUP(mem_cleanup) char *path = mem_format("%s/dev2.pem", world->folder);
        CLEANUP(mem_cleanup) char *key_path = mem_format("%s/dev2-key.pem", world->folder);

        assert_int_equal(open_first(world), 0);
        assert_int_equal(certificate_write(world->first, path, key_path, &world->reason), 0);
        world->order.id = "dev2";
        assert_int_equal(open_second(world), -EINVAL);
        assert_non_null(strstr(world->reason.text, "that of 'dev1', not of 'dev2'"));
}

/* Registration ids are compared without case, and a path is none. */
static void an_id_that_dps_does_not_take_is_refused(void **state)
{
        struct world *world = *state;

        world->order.id = "a/../b";
        assert_int_equal(device_certificate_renew(&world->order, &world->first, &world->reason),
                         -EINVAL);
        assert_null(world->first);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_missing_is_made_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_due_is_made_anew, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_can_not_be_made_anew_is_used_to_its_end,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(without_an_authority_there_must_be_one, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(another_devices_certificate_is_none, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(an_id_that_dps_does_not_take_is_refused, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
