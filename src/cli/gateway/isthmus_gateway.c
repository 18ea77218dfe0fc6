// SPDX-License-Identifier: MIT
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "conf/settings.h"
#include "conf/settings_load.h"
#include "gateway/gateway.h"

/* 128, and some for webhook connections that are being closed. */
#define FILES_FOR_THE_REST 160

/* Returns the signal that asks for the end. */
static int wait_for_end(struct gateway *gateway, const sigset_t *signals)
{
        int number = 0;

        while (sigwait(signals, &number) != 0 || number == SIGHUP) {
                if (number == SIGHUP)
                        gateway_refresh(gateway);
        }
        return number;
}

static int run(struct settings *settings, const sigset_t *signals)
{
        struct gateway *gateway = NULL;
        struct reason reason = REASON_INIT;

        if (gateway_start(settings, &gateway, &reason) != 0) {
                log_error("GATEWAY_NOT_STARTED", "The gateway can't start",
                          LOG_TEXT("reason", reason.text), LOG_END);
                return CLI_FAILED;
        }
        log_info("GATEWAY_READY", "Webhooks are taken", LOG_TEXT("host", settings->listen.host),
                 LOG_INT("port", gateway_port(gateway)), LOG_END);
        log_info("GATEWAY_STOPPING", "The gateway was asked to end",
                 LOG_TEXT("signal", strsignal(wait_for_end(gateway, signals))), LOG_END);
        gateway_stop(gateway);
        log_info("GATEWAY_STOPPED", "The gateway has ended", LOG_END);
        return CLI_GOOD;
}

/* Nothing here needs root's rights, and a fault would have them. */
static void warn_of_root(void)
{
        if (geteuid() == 0)
                log_warn("RUNNING_AS_ROOT", "The gateway runs as root, which it need not", LOG_END);
}

/* Webhooks must leave files enough for the hubs, the store, the networks and the control socket. */
static void fit_connections(struct settings *settings)
{
        int64_t files = (int64_t)(process_raise_file_limit() & INT64_MAX);
        int64_t most = files > 2 * FILES_FOR_THE_REST ? files - FILES_FOR_THE_REST : files / 2;

        if (settings->limits.connections <= most)
                return;
        log_warn("CONNECTIONS_LOWERED", "The system allows too few open files for all connections",
                 LOG_INT("configured", settings->limits.connections), LOG_INT("connections", most),
                 LOG_INT("files", files), LOG_END);
        settings->limits.connections = most;
}

static int load_and_run(const char *path)
{
        struct settings settings;
        sigset_t signals;
        int status = CLI_USAGE;

        process_keep_files_private();
        process_keep_memory_private();
        /* Before the first thread, so that only wait_for_end gets them. */
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        signal(SIGPIPE, SIG_IGN);
        settings_init(&settings);
        if (settings_load_or_complain(&settings, path)) {
                log_configure(settings.log.level, settings.log.format);
                warn_of_root();
                fit_connections(&settings);
                status = run(&settings, &signals);
        }
        settings_deinit(&settings);
        return status;
}

struct order {
        const char *config;
};

static const struct options_row rows[] = {
        OPTION_CONFIG(struct order, config,
                      "settings (default " SETTINGS_DEFAULT_FILE
                      "); `isthmus config check` explains "
                      "mistakes in it, isthmus.json(5) describes it"),
        {.name = NULL},
};

const struct options isthmus_gateway_options = {
        .command = "gateway",
        .synopsis = "[--config FILE]",
        .summary = "Takes the webhooks of LoRaWAN and satellite networks, keeps them safely, and "
                   "sends "
                   "them as telemetry of each device to Azure IoT Hub or IoT Central.",
        .rows = rows,
        .notes = "Ends on SIGTERM or SIGINT. What was taken and not yet accepted by a hub is sent "
                 "after the next start. SIGHUP makes it read the networks' lists of devices, the "
                 "secrets in files and Key Vaults, and the files for TLS again.",
};

int isthmus_gateway(int argc, char **argv)
{
        struct order order = {.config = SETTINGS_DEFAULT_FILE};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_gateway_options, argc, argv, &order, &found, &status))
                return status;
        return load_and_run(order.config);
}
