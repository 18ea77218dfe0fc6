// SPDX-License-Identifier: MIT
#include "flow/uplink_trust.h"

#include "base/text.h"

bool uplink_trust(const struct settings *settings, const struct event *event, struct reason *reason)
{
        enum settings_signature_mode mode = settings->myriota.signature_mode;

        if (!text_equal(event->network, "myriota") || mode == SETTINGS_SIGNATURE_OFF ||
            mode == SETTINGS_SIGNATURE_WARN)
                return true;
        reason_set(reason, "Myriota.SignatureMode asks for a signature check, which this version "
                           "does not have; set it to Off to trust the webhook key alone");
        return false;
}
