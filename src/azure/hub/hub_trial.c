// SPDX-License-Identifier: MIT
#include "azure/hub/hub_trial.h"

bool hub_trial_failed(struct hub_trial *trial, uint64_t token, uint64_t accepted)
{
        if (trial->tries == 0 || trial->token != token)
                *trial = (struct hub_trial){.token = token, .accepted = accepted};
        if (trial->tries < HUB_TRIAL_MOST_TRIES)
                trial->tries++;
        return trial->tries == HUB_TRIAL_MOST_TRIES && accepted > trial->accepted;
}

void hub_trial_ended(struct hub_trial *trial, uint64_t token)
{
        if (trial->token == token)
                *trial = (struct hub_trial){0};
}
