// SPDX-License-Identifier: MIT
/* The caller of the control socket never waits for a gateway that does not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/gateway/gateway_control.h"
#include "gateway/control/control.h"
#include "support/directory.h"

#define CALLERS_MAX 16

/* A socket at which nobody takes connections. */
static int listen_at(const char *path, struct sockaddr_un *address)
{
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *address = (struct sockaddr_un){.sun_family = AF_UNIX};
        assert_true(strlen(path) < sizeof(address->sun_path));
        memcpy(address->sun_path, path, strlen(path) + 1);
        assert_int_equal(bind(listener, (struct sockaddr *)address, sizeof(*address)), 0);
        assert_int_equal(listen(listener, 0), 0);
        return listener;
}

static void a_gateway_that_takes_no_connection_is_not_waited_for(void **state)
{
        char *directory = test_directory_new();
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, CONTROL_SOCKET);
        struct http_client *control = NULL;
        struct reason reason = REASON_INIT;
        struct sockaddr_un address;
        int listener = listen_at(path, &address);
        int callers[CALLERS_MAX];
        size_t count = 0;
        bool full = false;

        (void)state;
        while (!full && count < CALLERS_MAX) {
                callers[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                full = connect(callers[count++], (struct sockaddr *)&address, sizeof(address)) != 0;
        }
        assert_true(full);
        assert_true(gateway_control_open(directory, &control, &reason) < 0);
        assert_non_null(strstr(reason.text, "it is too busy, or it hangs"));
        assert_null(control);
        while (count > 0)
                close(callers[--count]);
        close(listener);
        test_directory_remove(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_gateway_that_takes_no_connection_is_not_waited_for),
        };

        return cmocka_run_group_tests_name("cli.gateway_control", tests, NULL, NULL);
}
