// SPDX-License-Identifier: MIT
/* What a signature (SAS) in a connection string of a storage account allows, and for how long. */
#ifndef ISTHMUS_CONF_SIGNATURE_CHECK_H
#define ISTHMUS_CONF_SIGNATURE_CHECK_H

#include "azure/storage/storage_account.h"
#include "conf/engine/load.h"

/* A right that is needed: a letter of `sp`. A list of them ends with right 0. */
struct signature_need {
        char right;
        enum conf_severity severity; /* of its absence */
        const char *without;         /* its name, and what is not possible without it */
};

/* Reports about the account's signature, if it has one (rule S14). */
void signature_check(struct conf_load *load, const struct conf_subject *subject,
                     const struct storage_account *account, enum storage_service service,
                     const struct signature_need *needs);

#endif
