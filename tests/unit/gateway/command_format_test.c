// SPDX-License-Identifier: MIT
/* The laws of gateway/command/command_format.h, with formatters that the test plays. */
#include "base/loop.h"
#include "command_world.h"
#include "gateway/command/command_begin.h"

#include "gateway/command/command_format.h"

static struct {
        struct {
                char *formatter;
                char *data;
                char *device;
                char *method;
                uint8_t bytes[64];
                size_t size;
                int port;
        } input; /* of the last call */
        size_t calls;
        formatter_done *done;
        void *context;
} pool;

static void forget_input(void)
{
        free(pool.input.formatter);
        free(pool.input.data);
        free(pool.input.device);
        free(pool.input.method);
        memset(&pool.input, 0, sizeof(pool.input));
}

void formatter_call(struct formatter_pool *unused, const char *name,
                    enum formatter_function function, const struct formatter_input *input,
                    formatter_done *done, void *context)
{
        (void)unused;
        assert_int_equal(function, FORMATTER_ENCODE_DOWNLINK);
        assert_true(input->size <= sizeof(pool.input.bytes));
        forget_input();
        pool.input.formatter = mem_text(name);
        pool.input.data = mem_text(input->data);
        pool.input.device = mem_text(input->device);
        pool.input.method = mem_text(input->method);
        memcpy(pool.input.bytes, input->bytes, input->size);
        pool.input.size = input->size;
        pool.input.port = input->port;
        pool.calls++;
        pool.done = done;
        pool.context = context;
}

static struct {
        struct settings settings;
        struct command_ledger *ledger;
        struct command_format *format;
        struct device device;
        struct command *handed[8]; /* to the network */
        size_t handed_count;
} site;

enum command_state command_beginning(const struct command *command)
{
        return command->downlink.payload ? COMMAND_BEGUN : COMMAND_WAITING;
}

enum command_turn command_network_hand_over(struct command_network *network,
                                            struct command *command)
{
        (void)network;
        assert_true(site.handed_count < ARRAY_SIZE(site.handed));
        site.handed[site.handed_count++] = command;
        return COMMAND_TURN_GOES_ON;
}

static void open_site(struct formatter_pool *formatters)
{
        site.ledger =
                command_ledger_new(&(struct command_ledger_options){.settings = &site.settings});
        site.format = command_format_new(&(struct command_format_options){
                .pool = formatters,
                .ledger = site.ledger,
        });
        command_ledger_join(site.ledger, site.format);
}

/* The address of no pool: the played formatter_call does not look into it. */
static char some_pool;

static int setup(void **state)
{
        (void)state;
        memset(&site, 0, sizeof(site));
        memset(&pool, 0, sizeof(pool));
        disk_clear();
        post_count = 0;
        device_prepare(&site.device);
        open_site((struct formatter_pool *)&some_pool);
        return 0;
}

static void close_site(void)
{
        commit();
        command_format_stop(site.format);
        command_format_free(site.format);
        command_ledger_free(site.ledger);
}

static int teardown(void **state)
{
        (void)state;
        close_site();
        disk_clear();
        forget_input();
        return 0;
}

static void use_myriota(void)
{
        static char network[] = "myriota";

        site.device.network = network;
}

/* A command for the formatter "led" with `{"on":1}` as its data and the bytes 1, 2 as its body. */
static struct command *add(const char *identity)
{
        struct command *command = make_command(&site.device, identity);

        free(command->downlink.payload);
        command->downlink.payload = NULL;
        command->downlink.decoded = mem_text("{\"on\":1}");
        command->formatter = mem_text("led");
        command->body = mem_text("AQI=");
        command->name = mem_text("Light");
        command_ledger_add(site.ledger, command);
        return command;
}

static void answer(enum formatter_status status, const char *bytes, size_t size, int port)
{
        struct formatter_result result = {.status = status, .port = port, .reason = REASON_INIT};
        formatter_done *done = pool.done;

        assert_non_null(done);
        pool.done = NULL;
        if (status != FORMATTER_GOOD)
                reason_set(&result.reason, "it failed");
        buf_add(&result.bytes, bytes, size);
        done(pool.context, &result);
        buf_deinit(&result.bytes);
        run_posts();
}

static void law_the_bytes_are_on_disk_before_they_are_handed_over(void **state)
{
        struct command *command = add("m");

        (void)state;
        assert_int_equal(pool.calls, 0);
        commit();
        assert_string_equal(pool.input.formatter, "led");
        assert_string_equal(pool.input.data, "{\"on\":1}");
        assert_string_equal(pool.input.device, "dev");
        assert_string_equal(pool.input.method, "Light");
        assert_int_equal(pool.input.port, 10);
        assert_int_equal(pool.input.size, 2);
        assert_memory_equal(pool.input.bytes, "\1\2", 2);
        answer(FORMATTER_GOOD, "\0\xff", 2, 12);
        assert_int_equal(site.handed_count, 0);
        commit();
        assert_int_equal(site.handed_count, 1);
        assert_ptr_equal(site.handed[0], command);
        assert_string_equal(command->downlink.payload, "AP8=");
        assert_int_equal(command->downlink.port, 12);
        assert_non_null(strstr(on_disk("things-stack/app/dev\nm"), "\"payload\":\"AP8=\""));
        assert_int_equal(pool.calls, 1);
}

static void law_each_attempt_sends_the_same_bytes(void **state)
{
        struct command *command = add("m");

        (void)state;
        commit();
        answer(FORMATTER_GOOD, "\1", 1, 0);
        commit();
        command_ledger_release(site.ledger, command);
        assert_int_equal(site.handed_count, 2);
        assert_int_equal(pool.calls, 1);
        assert_int_equal(command->downlink.port, 10);
}

static void what_has_no_formatter_goes_on(void **state)
{
        (void)state;
        command_ledger_add(site.ledger, make_command(&site.device, "m"));
        commit();
        assert_int_equal(site.handed_count, 1);
        assert_int_equal(pool.calls, 0);
}

static void check_refused(const struct command *command, const char *reason)
{
        assert_int_equal(command->outcome, COMMAND_REFUSED);
        if (!strstr(command->reason, reason))
                fail_msg("%s", command->reason);
        assert_int_equal(site.handed_count, 0);
}

static void law_a_failure_is_a_refusal_with_its_reason(void **state)
{
        struct delivered message = {.gone = false};
        struct called call = {.lost = false};
        struct command *first = add("first");
        struct command *second = add("second");

        (void)state;
        first->delivery = &message.command;
        second->is_method = true;
        second->call = &call.method;
        commit();
        answer(FORMATTER_TIMEOUT, "", 0, 0);
        check_refused(first, "it failed");
        commit();
        assert_int_equal(message.settlement, HUB_REJECT);
        answer(FORMATTER_FAILED, "", 0, 0);
        commit();
        check_refused(second, "it failed");
        assert_int_equal(call.status, 422);
        assert_non_null(strstr(call.body, "it failed"));
        free(call.body);
        free(message.record);
}

static void rule_D4_bytes_that_the_network_does_not_take_are_refused(void **state)
{
        static const struct {
                size_t size;
                bool good;
        } rows[] = {{0, false}, {1, true}, {20, true}, {21, false}};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct command *command;

                use_myriota();
                command = add("m");
                commit();
                answer(FORMATTER_GOOD, "012345678901234567890", rows[i].size, 300);
                commit();
                if (rows[i].good)
                        assert_int_equal(site.handed_count, 1);
                else
                        check_refused(command, "1 to 20");
                teardown(state);
                setup(state);
        }
}

static void a_port_that_is_none_is_refused(void **state)
{
        struct command *command = add("m");

        (void)state;
        commit();
        answer(FORMATTER_GOOD, "\1", 1, 224);
        check_refused(command, "payload formatter 'led': fPort is 224");
}

static void what_is_cancelled_meanwhile_is_not_handed_over(void **state)
{
        struct command *command = add("m");

        (void)state;
        commit();
        command_ledger_finish(site.ledger, command, COMMAND_CANCELLED, NULL);
        answer(FORMATTER_GOOD, "\1", 1, 0);
        commit();
        assert_int_equal(site.handed_count, 0);
        assert_null(site.device.handing_over);
}

static void stopping_waits_for_no_result(void **state)
{
        (void)state;
        add("m");
        commit();
        command_format_stop(site.format);
        answer(FORMATTER_STOPPED, "", 0, 0);
        assert_int_equal(post_count, 0);
        assert_int_equal(site.handed_count, 0);
}

static void workers_that_can_not_be_had_refuse_nothing(void **state)
{
        (void)state;
        add("m");
        commit();
        answer(FORMATTER_UNAVAILABLE, "", 0, 0);
        assert_int_equal(post_count, 0);
        assert_int_equal(site.handed_count, 0);
        assert_non_null(site.device.handing_over);
}

static void without_formatters_it_waits_and_its_time_can_end(void **state)
{
        struct command *first;

        (void)state;
        close_site();
        open_site(NULL);
        first = add("first");
        command_ledger_add(site.ledger, make_command(&site.device, "second"));
        commit();
        for (int i = 0; i < 2; i++) {
                run_timer(&site.device.command_timer);
                assert_int_equal(first->state, COMMAND_WAITING);
                assert_int_equal(site.handed_count, 0);
        }
        command_ledger_finish(site.ledger, first, COMMAND_EXPIRED, "its time was over");
        commit();
        assert_int_equal(site.handed_count, 1);
        assert_string_equal(site.handed[0]->identity, "second");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define FORMAT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                FORMAT_TEST(law_the_bytes_are_on_disk_before_they_are_handed_over),
                FORMAT_TEST(law_each_attempt_sends_the_same_bytes),
                FORMAT_TEST(what_has_no_formatter_goes_on),
                FORMAT_TEST(law_a_failure_is_a_refusal_with_its_reason),
                FORMAT_TEST(rule_D4_bytes_that_the_network_does_not_take_are_refused),
                FORMAT_TEST(a_port_that_is_none_is_refused),
                FORMAT_TEST(what_is_cancelled_meanwhile_is_not_handed_over),
                FORMAT_TEST(stopping_waits_for_no_result),
                FORMAT_TEST(workers_that_can_not_be_had_refuse_nothing),
                FORMAT_TEST(without_formatters_it_waits_and_its_time_can_end),
        };

        thread_enter(LOOP_THREAD);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
