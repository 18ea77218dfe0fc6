// SPDX-License-Identifier: MIT
/* The words of Myriota's section in the configuration. */
#include <stddef.h>

#include "networks/myriota/myriota.h"
#include "networks/myriota/myriota_signature.h"

const struct network_setting myriota_settings[] = {
        {"Myriota.BaseUrl", NETWORK_BASE_URL, "https://api.myriota.com",
         "Myriota's API, with or without /v1; http:// on this machine only"},
        {"Myriota.ApiToken", NETWORK_API_KEY, NULL,
         "Token of Myriota's Device Manager, for modules and downlinks"},
        {"Myriota.DownlinkEnabled", NETWORK_DOWNLINK_SWITCH, NULL,
         "Whether commands are sent to modules; if not, callers get an error"},
        {"Myriota.SignatureMode", NETWORK_SIGNATURE_MODE, "Require",
         "Require: messages without a valid signature are refused; Strict: also those of an "
         "expired or self-signed certificate; Warn: they are only logged; Off: no check, allowed "
         "on a loopback address only"},
        {"Myriota.CertificateHost", NETWORK_CERTIFICATE_HOST, MYRIOTA_CERTIFICATE_HOST,
         "The one host that signing certificates are fetched from"},
        {"Myriota.CertificateFingerprints", NETWORK_CERTIFICATE_FINGERPRINTS, NULL,
         "SHA-256 fingerprints of the certificates that are accepted; none = every one from "
         "CertificateHost"},
        {"Myriota.CertificateFiles", NETWORK_CERTIFICATE_FILES, NULL,
         "The certificates themselves, one PEM or DER file each; nothing is fetched then"},
        {"Myriota.MaximumAgeMinutes", NETWORK_MAXIMUM_AGE, NULL,
         "Deliveries whose Timestamp is further away from now are refused as repetitions; 0 = "
         "none are"},
        {"Myriota.RefreshMinutes", NETWORK_REFRESH_MINUTES, "60",
         "How often the list of modules is read again; 0 = at start only"},
        {"Myriota.PagingParameter", NETWORK_PAGING_PARAMETER, "NextItem",
         "Query parameter in which an answer's NextItem is given back to get the next page of "
         "modules"},
        {.path = NULL},
};
