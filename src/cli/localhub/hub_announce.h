// SPDX-License-Identifier: MIT
/* What a running local hub says of itself: DIR/hub.json for programs, a summary for people. */
#ifndef ISTHMUS_CLI_LOCALHUB_HUB_ANNOUNCE_H
#define ISTHMUS_CLI_LOCALHUB_HUB_ANNOUNCE_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "cli/localhub/hub_settings.h"
#include "localhub/registry/registry.h"

struct hub_announcement {
        const char *directory;
        const char *authority_path;
        const char *host;
        uint16_t https_port;
        const struct hub_settings *settings;
        uint16_t control_port;
        struct registry *registry;
        struct registry_enrolment group;
};

/* Writes DIR/hub.json in one piece, readable by its owner only: it holds keys. */
int hub_announce_write(const struct hub_announcement *announcement,
                       struct reason *reason) MUST_CHECK;

/* Writes what programs under test want to know, as lines NAME=VALUE; readable by its owner only. */
int hub_announce_write_env(const struct hub_announcement *announcement, const char *path,
                           struct reason *reason) MUST_CHECK;

/* Takes DIR/hub.json away. */
void hub_announce_remove(const char *directory);

/* On standard output. */
void hub_announce_print(const struct hub_announcement *announcement);

#endif
