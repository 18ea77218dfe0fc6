// SPDX-License-Identifier: MIT
#include "conf/signature_check.h"

#include <time.h>

#include "base/clock.h"

#define DAY_S  (INT64_C(24) * 60 * 60)
#define SOON_S (30 * DAY_S)

static void check_end(struct conf_load *load, const struct conf_subject *subject, int64_t end_s)
{
        int64_t left_s = end_s - (int64_t)time(NULL);
        char text[CLOCK_TEXT_SIZE];

        if (left_s >= SOON_S)
                return;
        clock_format_utc(text, end_s * CLOCK_NS_PER_S, CLOCK_SECONDS);
        if (left_s <= 0)
                conf_say_about(load, CONF_MISTAKE, subject,
                               "its SharedAccessSignature has ended on %sZ; make a new one", text);
        else
                conf_say_about(load, CONF_WARNING, subject,
                               "its SharedAccessSignature ends on %sZ, in %lld days; make a new "
                               "one in time",
                               text, (long long)(left_s / DAY_S));
}

void signature_check(struct conf_load *load, const struct conf_subject *subject,
                     const struct storage_account *account, enum storage_service service,
                     const struct signature_need *needs)
{
        struct reason reason = REASON_INIT;

        if (!account->signature)
                return;
        check_end(load, subject, storage_account_expires_s(account));
        if (!storage_account_reaches(account, service, &reason))
                conf_say_about(load, CONF_WARNING, subject, "%s", reason.text);
        for (; needs->right; needs++) {
                if (!storage_account_may(account, needs->right))
                        conf_say_about(load, needs->severity, subject,
                                       "its SharedAccessSignature lacks the right %s",
                                       needs->without);
        }
}
