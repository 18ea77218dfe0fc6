// SPDX-License-Identifier: MIT
#include "conf/vault_refer.h"

#include "azure/vault_reference.h"
#include "conf/engine/load.h"

enum conf_reference vault_refer(const struct conf_load *load, const char *text, bool named,
                                struct buf *url, struct reason *reason)
{
        static const struct conf_subject vault = {.path = VAULT_REFER_PATH};
        const struct conf_binding *known = conf_find_binding(load, &vault);
        bool good;

        if (!named && !vault_reference_is(text))
                return CONF_REFERENCE_NONE;
        good = named ? vault_reference_complete(text, known ? known->entry->text : NULL, url,
                                                reason)
                     : vault_reference_read(text, url, reason);
        return good ? CONF_REFERENCE_GOOD : CONF_REFERENCE_WRONG;
}
