// SPDX-License-Identifier: MIT
/* A store on another machine's disk is refused with the reason (rule P4). */
#include "component/store/support.h"

#include <sys/vfs.h>

#include "store/store.h"

static long type_told;

int __wrap_statfs(const char *path, struct statfs *status);
int __wrap_statfs64(const char *path, struct statfs *status);

int __wrap_statfs(const char *path, struct statfs *status)
{
        (void)path;
        *status = (struct statfs){.f_type = type_told};
        return 0;
}

/* The name that 64-bit file offsets make of it. */
int __wrap_statfs64(const char *path, struct statfs *status)
{
        return __wrap_statfs(path, status);
}

static int try_open(long type, bool allowed, struct reason *reason)
{
        char *directory = support_directory();
        const struct store_options options = {
                .backend = "sqlite", .directory = directory, .network_file_system = allowed};
        struct store *store = NULL;
        int result;

        type_told = type;
        result = store_open(&options, &store, reason);
        if (result == 0)
                store_close(store);
        support_remove_directory(directory);
        return result;
}

static void P4_a_network_file_system_is_refused_with_the_reason(void **state)
{
        static const struct {
                long type;
                const char *name;
        } cases[] = {{0x6969, "(NFS)"}, {0xFF534D42, "(CIFS)"}, {0xFE534D42, "(SMB)"}};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct reason reason = REASON_INIT;

                assert_true(try_open(cases[i].type, false, &reason) < 0);
                assert_non_null(strstr(reason.text, cases[i].name));
                assert_non_null(strstr(reason.text, "Store.AllowNetworkFileSystem"));
        }
}

static void P4_it_is_used_where_the_user_insists(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(try_open(0xFF534D42, true, &reason), 0);
}

static void a_disk_is_not_asked_about(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(try_open(0xEF53, false, &reason), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(P4_a_network_file_system_is_refused_with_the_reason),
                cmocka_unit_test(P4_it_is_used_where_the_user_insists),
                cmocka_unit_test(a_disk_is_not_asked_about),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
