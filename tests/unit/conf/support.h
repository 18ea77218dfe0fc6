// SPDX-License-Identifier: MIT
/* Loading configurations in tests, and looking for what was said about them. */
#ifndef ISTHMUS_TESTS_CONF_SUPPORT_H
#define ISTHMUS_TESTS_CONF_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "support/load_settings.h"

/* Keys without use; each contains what assert_no_secret looks for. */
#define GROUP_KEY "bXlUZXN0S2V5T2ZOb1VzZUF0QWxsMDEyMzQ1Njc4OQ=="
#define HUB_KEY   "cG9saWN5S2V5T2ZOb1VzZUF0QWxsMDEyMzQ1Njc4OQ=="
#define HUB_STRING                                                                                 \
        "HostName=example-hub.azure-devices.net;SharedAccessKeyName=device;"                       \
        "SharedAccessKey=" HUB_KEY

/* One of an environment, which isn't const. */
#define VARIABLE(text) ((char[]){text})

struct loaded {
        int result;
        struct settings settings;
        struct conf_report report;
};

static inline void loaded_free(struct loaded *loaded)
{
        settings_deinit(&loaded->settings);
        conf_report_deinit(&loaded->report);
}

/* `file` names the configuration only; `environment` may be NULL. */
static inline void load_text_as(struct loaded *loaded, const char *file, const char *text,
                                char *const *environment)
{
        const struct conf_source source = {.file = file, .environment = environment};

        loaded->report = CONF_REPORT_INIT;
        settings_init(&loaded->settings);
        loaded->result =
                load_settings_text(&source, text, strlen(text), &loaded->settings, &loaded->report);
        assert_int_equal(loaded->result, loaded->report.mistakes > 0 ? CONF_E_MISTAKES : 0);
}

static inline void load_text(struct loaded *loaded, const char *text)
{
        load_text_as(loaded, "test.json", text, NULL);
}

/* Everything that was said, for failures and for searching. */
static inline void say_all(const struct loaded *loaded, struct buf *out)
{
        conf_report_write(&loaded->report, "test.json", CONF_NOTE, out);
}

static inline void assert_usable(const struct loaded *loaded)
{
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        say_all(loaded, &said);
        if (loaded->result != 0)
                fail_msg("not usable:\n%s", buf_text(&said));
}

/* One finding begins like this: "test.json:3:7: warning: Some.Path: " and what it says. */
static inline void assert_said(const struct loaded *loaded, const char *line)
{
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        say_all(loaded, &said);
        if (!strstr(buf_text(&said), line))
                fail_msg("'%s' is not in:\n%s", line, buf_text(&said));
}

static inline void assert_not_said(const struct loaded *loaded, const char *words)
{
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        say_all(loaded, &said);
        if (strstr(buf_text(&said), words))
                fail_msg("'%s' is in:\n%s", words, buf_text(&said));
}

/* Only these numbers of mistakes and warnings; notes don't count. */
static inline void assert_counts(const struct loaded *loaded, size_t mistakes, size_t warnings)
{
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        say_all(loaded, &said);
        if (conf_report_count(&loaded->report, CONF_MISTAKE) != mistakes ||
            conf_report_count(&loaded->report, CONF_WARNING) != warnings)
                fail_msg("not %zu mistakes and %zu warnings:\n%s", mistakes, warnings,
                         buf_text(&said));
}

static inline void assert_text(const char *value, const char *expected)
{
        if (!expected) {
                assert_null(value);
                return;
        }
        assert_non_null(value);
        assert_string_equal(value, expected);
}

#endif
