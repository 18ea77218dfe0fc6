// SPDX-License-Identifier: MIT
/*
 * A floor for HTTP in: a bare libmicrohttpd server that reads every body and answers 202. Prints
 * its port and runs until its standard input ends.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *data,
                             size_t *size, void **request)
{
        static int begun;
        struct MHD_Response *answer = context;

        (void)url, (void)method, (void)version, (void)data;
        if (!*request) {
                *request = &begun;
                return MHD_YES;
        }
        if (*size > 0) {
                *size = 0;
                return MHD_YES;
        }
        return MHD_queue_response(connection, MHD_HTTP_ACCEPTED, answer);
}

int main(void)
{
        static char empty[] = "";
        struct MHD_Response *answer =
                MHD_create_response_from_buffer(0, empty, MHD_RESPMEM_PERSISTENT);
        struct MHD_Daemon *daemon = MHD_start_daemon(
                MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, serve, answer,
                MHD_OPTION_CONNECTION_LIMIT, 20000U, MHD_OPTION_END);
        const union MHD_DaemonInfo *info =
                daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
        char byte;

        if (!info) {
                perror("floor_microhttpd");
                return 1;
        }
        printf("%u\n", info->port);
        fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0 || errno == EINTR)
                continue;
        MHD_stop_daemon(daemon);
        MHD_destroy_response(answer);
        return 0;
}
