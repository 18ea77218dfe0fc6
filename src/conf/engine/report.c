// SPDX-License-Identifier: MIT
#include "conf/engine/report.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

void conf_report_deinit(struct conf_report *report)
{
        for (size_t i = 0; i < report->count; i++) {
                free(report->findings[i].variable);
                free(report->findings[i].path);
                free(report->findings[i].sentence);
        }
        for (size_t i = 0; i < report->origin_count; i++) {
                free(report->origins[i].path);
                free(report->origins[i].place);
        }
        free(report->findings);
        free(report->origins);
        *report = CONF_REPORT_INIT;
}

void conf_report_add(struct conf_report *report, enum conf_severity severity,
                     const struct conf_place *place, const char *path, const char *sentence)
{
        if (severity == CONF_MISTAKE)
                report->mistakes++;
        if (report->count == CONF_FINDINGS_MAX) {
                report->omitted++;
                return;
        }
        report->findings =
                mem_resize(report->findings, report->count + 1, sizeof(*report->findings));
        report->findings[report->count++] = (struct conf_finding){
                .severity = severity,
                .line = place ? place->line : 0,
                .column = place ? place->column : 0,
                .variable = place ? mem_text(place->variable) : NULL,
                .path = mem_text(path),
                .sentence = mem_text(sentence),
        };
}

void conf_report_add_origin(struct conf_report *report, const char *path, const char *place)
{
        report->origins =
                mem_resize(report->origins, report->origin_count + 1, sizeof(*report->origins));
        report->origins[report->origin_count++] = (struct conf_origin){
                .path = mem_text(path),
                .place = mem_text(place),
        };
}

const char *conf_report_origin(const struct conf_report *report, const char *path)
{
        for (size_t i = 0; i < report->origin_count; i++) {
                if (text_equal(report->origins[i].path, path))
                        return report->origins[i].place;
        }
        return NULL;
}

static bool is_before(const struct conf_finding *a, const struct conf_finding *b)
{
        if (!a->variable != !b->variable)
                return !a->variable;
        if (a->line != b->line)
                return a->line < b->line;
        return a->column < b->column;
}

/* By insertion: what has the same place keeps its order, and there are few. */
void conf_report_sort(struct conf_report *report)
{
        for (size_t i = 1; i < report->count; i++) {
                struct conf_finding moving = report->findings[i];
                size_t to = i;

                for (; to > 0 && is_before(&moving, &report->findings[to - 1]); to--)
                        report->findings[to] = report->findings[to - 1];
                report->findings[to] = moving;
        }
}

static void write_finding(const struct conf_finding *finding, const char *file, struct buf *out)
{
        static const char *const words[] = {
                [CONF_MISTAKE] = "",
                [CONF_WARNING] = "warning: ",
                [CONF_NOTE] = "note: ",
        };
        CLEANUP(buf_deinit) struct buf line = BUF_INIT;

        if (finding->variable)
                buf_add_format(&line, "environment variable %s: ", finding->variable);
        else if (finding->line > 0)
                buf_add_format(&line, "%s:%d:%d: ", file, finding->line, finding->column);
        else
                buf_add_format(&line, "%s: ", file);
        buf_add_text(&line, words[finding->severity]);
        if (finding->path[0] != '\0')
                buf_add_format(&line, "%s: ", finding->path);
        buf_add_text(&line, finding->sentence);
        text_add_printable(out, buf_text(&line), line.size);
        buf_add_char(out, '\n');
}

void conf_report_write(const struct conf_report *report, const char *file, enum conf_severity least,
                       struct buf *out)
{
        for (size_t i = 0; i < report->count; i++) {
                if (report->findings[i].severity <= least)
                        write_finding(&report->findings[i], file, out);
        }
        if (report->omitted > 0)
                buf_add_format(out, "%s: and %zu more\n", file, report->omitted);
}

size_t conf_report_count(const struct conf_report *report, enum conf_severity severity)
{
        size_t count = 0;

        for (size_t i = 0; i < report->count; i++)
                count += report->findings[i].severity == severity ? 1 : 0;
        return severity == CONF_MISTAKE ? report->mistakes : count;
}
