// SPDX-License-Identifier: MIT
#include <string.h>

#include "networks/myriota/myriota.h"
#include "networks/network.h"
#include "networks/things_stack/things_stack.h"

const struct network *const networks[] = {
        &things_stack,
        &myriota,
        NULL,
};

const struct network *network_by_name(const char *name)
{
        for (size_t i = 0; networks[i]; i++) {
                if (strcmp(networks[i]->name, name) == 0)
                        return networks[i];
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
