// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "cli/provision/provision_file.h"

static const struct provision_defaults defaults = {"things-stack", "herd"};

/* The file's devices as JSON, or the reason why there are none. */
static void assert_read(const char *text, const char *expected)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *devices = provision_file_read(text, strlen(text), &defaults, &reason);
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;

        if (devices)
                json_write(&out, devices);
        else
                buf_add_text(&out, reason.text);
        assert_string_equal(buf_text(&out), expected);
}

#define D(id) "{\"device\":\"" id "\",\"network\":\"things-stack\",\"application\":\"herd\"}"

static void plain_ids_are_one_a_line(void **state)
{
        (void)state;
        assert_read("", "[]");
        assert_read("\n \n", "[]");
        assert_read("cow-1\ncow-2\n", "[" D("cow-1") "," D("cow-2") "]");
        assert_read("\xef\xbb\xbf"
                    "cow-1\r\n\r\n  cow-2",
                    "[" D("cow-1") "," D("cow-2") "]");
        /* Only a header with a column for devices makes it CSV. */
        assert_read("a,b\n", "[" D("a,b") "]");
}

static void csv_has_columns_by_name(void **state)
{
        (void)state;
        assert_read("device\nd1\n\nd2", "[" D("d1") "," D("d2") "]");
        assert_read("Dev_EUI;application-id;Device ID;note\n70B3;;d1;\"a;\nb\"\n71B3;orchard;d2;\n",
                    "[{\"device\":\"d1\",\"devEui\":\"70B3\",\"network\":\"things-stack\","
                    "\"application\":\"herd\"},"
                    "{\"device\":\"d2\",\"application\":\"orchard\",\"devEui\":\"71B3\","
                    "\"network\":\"things-stack\"}]");
        assert_read("\"id\",\"modelId\"\n\"d\"\"1\",dtmi:a;1\n",
                    "[{\"device\":\"d\\\"1\",\"modelId\":\"dtmi:a;1\",\"network\":"
                    "\"things-stack\",\"application\":\"herd\"}]");
        assert_read("network,device\nmyriota,m1\n",
                    "[{\"device\":\"m1\",\"network\":\"myriota\",\"application\":\"herd\"}]");
        assert_read("device,modelId\nd1,x\n,y\n", "line 3: the device has no id");
        assert_read("device,modelId\nd1,\"x\n", "line 2: a quoted field has no end");
}

static void json_lines_are_objects(void **state)
{
        (void)state;
        assert_read("{\"device\":\"d1\"}\n\n{\"deviceId\":\"d2\",\"application\":\"b\",\"n\":1}\n",
                    "[" D("d1") ",{\"device\":\"d2\",\"application\":\"b\",\"network\":"
                                "\"things-stack\"}]");
        assert_read("{\"device\":\"d1\"}\n[]\n", "line 2: this is no JSON object");
        assert_read("{\"device\":1}\n", "line 1: the device has no id");
}

static void each_device_has_a_network(void **state)
{
        const struct provision_defaults none = {NULL, NULL};
        struct reason reason = REASON_INIT;

        (void)state;
        assert_null(provision_file_read("d1\n", 3, &none, &reason));
        assert_string_equal(reason.text,
                            "line 1: the device has no network; --network can name it");
}

static void what_is_no_text_is_refused(void **state)
{
        struct reason reason = REASON_INIT;

        (void)state;
        assert_read("d1\n\xff\n", "this is no text in UTF-8");
        assert_null(provision_file_read("a\0b", 3, &defaults, &reason));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plain_ids_are_one_a_line),
                cmocka_unit_test(csv_has_columns_by_name),
                cmocka_unit_test(json_lines_are_objects),
                cmocka_unit_test(each_device_has_a_network),
                cmocka_unit_test(what_is_no_text_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
