// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/mem.h"
#include "networks/myriota/myriota.h"
#include "networks/network.h"
#include "networks/things_stack/things_stack.h"

const struct network *const networks[] = {
        &things_stack,
        &myriota,
        NULL,
};

_Static_assert(ARRAY_SIZE(networks) <= NETWORKS_MAX + 1, "raise NETWORKS_MAX");

const struct network *network_by_name(const char *name)
{
        for (size_t i = 0; networks[i]; i++) {
                if (strcmp(networks[i]->name, name) == 0)
                        return networks[i];
        }
        return NULL;
}

size_t network_index(const struct network *network)
{
        size_t i = 0;

        while (networks[i] != network)
                i++;
        return i;
}

const char *network_setting_path(const struct network *network, enum network_field field)
{
        for (const struct network_setting *setting = network->settings; setting->path; setting++) {
                if (setting->field == field)
                        return setting->path;
        }
        return NULL;
}

const struct network *network_by_path(const char *path, const char **rest)
{
        for (size_t i = 0; networks[i]; i++) {
                size_t length = strlen(networks[i]->route);

                if (strncmp(path, networks[i]->route, length) != 0)
                        continue;
                if (path[length] != '\0' && path[length] != '/')
                        continue;
                *rest = path + length + strspn(path + length, "/");
                return networks[i];
        }
        return NULL;
}
