// SPDX-License-Identifier: MIT
/* How the two earlier camera programs spelled settings, and what they had that has no effect. */
#include "camera/settings/camera_rows.h"

const struct conf_spelling camera_spellings[] = {
        {"Application.PredicitionScoreThreshold", "Application.PredictionScoreThreshold"},
        {"Cameras.*.Application.PredicitionScoreThreshold",
         "Cameras.*.Application.PredictionScoreThreshold"},
        {NULL, NULL},
};

#define HOST     "isthmus-camera is a program of its own and needs no host"
#define INSIGHTS "logs go to standard error, metrics to /metrics"
#define FONT     "the font is the system's, and its size follows the picture's"

const struct conf_ignored camera_ignored[] = {
        {"Application.ImageMarkUpFontPath", FONT},
        {"Application.ImageMarkUpFontSize", FONT},
        {"Cameras.*.Application.ImageMarkUpFontPath", FONT},
        {"Cameras.*.Application.ImageMarkUpFontSize", FONT},
        {"Logging", "Log.Level and Log.Format take its place"},
        {"ApplicationInsights", INSIGHTS},
        {"ConnectionStrings", INSIGHTS},
        {"AllowedHosts", HOST},
        {"Kestrel", "Listen takes its place"},
        {"WebhookKeys", "belongs to the gateway"},
        {"TheThingsIndustries", "belongs to the gateway"},
        {"Myriota", "belongs to the gateway"},
        {"PayloadFormatters", "belongs to the gateway"},
        {NULL, NULL},
};
