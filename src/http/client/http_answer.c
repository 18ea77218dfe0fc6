// SPDX-License-Identifier: MIT
#include "http/client/http_answer.h"

#include <locale.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"

void http_answer_deinit(struct http_answer *answer)
{
        buf_wipe(&answer->body);
        buf_deinit(&answer->headers);
}

/* Without blanks and line ends around it. */
static void trim(const char **text, size_t *size)
{
        while (*size > 0 && strchr(" \t", (*text)[0])) {
                (*text)++;
                (*size)--;
        }
        while (*size > 0 && strchr(" \t\r\n", (*text)[*size - 1]))
                (*size)--;
}

bool http_answer_take_line(struct http_answer *answer, const char *line, size_t size)
{
        const char *colon = memchr(line, ':', size);
        const char *value;
        size_t value_size;

        if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
                buf_clear(&answer->headers);
                return true;
        }
        /* The empty line at the end, or a zero byte that would cut the text. */
        if (!colon || memchr(line, '\0', size))
                return true;
        if (answer->headers.size + size + 3 > HTTP_ANSWER_HEADERS_MAX)
                return false;
        value = colon + 1;
        value_size = size - (size_t)(value - line);
        trim(&value, &value_size);
        buf_add(&answer->headers, line, (size_t)(colon - line));
        buf_add_text(&answer->headers, ": ");
        buf_add(&answer->headers, value, value_size);
        buf_add_char(&answer->headers, '\n');
        return true;
}

bool http_answer_header(const struct http_answer *answer, const char *name, struct buf *out)
{
        size_t length = strlen(name);

        for (const char *line = buf_text(&answer->headers); *line;) {
                size_t line_length = strcspn(line, "\n");

                if (line_length >= length + 2 && strncasecmp(line, name, length) == 0 &&
                    line[length] == ':') {
                        buf_add(out, line + length + 2, line_length - length - 2);
                        return true;
                }
                line += line_length + (line[line_length] == '\n' ? 1 : 0);
        }
        return false;
}

/* Dates are in English whatever the program's locale is. */
static bool parse_date(const char *text, int64_t *wall_ms)
{
        static const char *const forms[] = {
                "%a, %d %b %Y %H:%M:%S GMT",
                "%A, %d-%b-%y %H:%M:%S GMT",
                "%a %b %e %H:%M:%S %Y",
        };
        locale_t english = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        bool found = false;

        for (size_t i = 0; i < ARRAY_SIZE(forms) && !found && english; i++) {
                struct tm tm = {0};
                const char *end = strptime_l(text, forms[i], &tm, english);

                if (end && *end == '\0') {
                        *wall_ms = (int64_t)timegm(&tm) * 1000;
                        found = true;
                }
        }
        if (english)
                freelocale(english);
        return found;
}

bool http_answer_time(const struct http_answer *answer, const char *name, int64_t *wall_ms)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;

        return http_answer_header(answer, name, &value) && parse_date(buf_text(&value), wall_ms);
}

bool http_answer_date(const struct http_answer *answer, int64_t *wall_ms)
{
        return http_answer_time(answer, "Date", wall_ms);
}

int64_t http_answer_retry_after(const struct http_answer *answer, int64_t wall_ms)
{
        return http_answer_wait(answer, wall_ms, HTTP_ANSWER_WAIT_MAX_MS);
}

int64_t http_answer_wait(const struct http_answer *answer, int64_t wall_ms, int64_t maximum_ms)
{
        CLEANUP(buf_deinit) struct buf value = BUF_INIT;
        const char *text;
        int64_t number;
        int64_t wait;

        if (!http_answer_header(answer, "Retry-After", &value))
                return -1;
        text = buf_text(&value);
        if (text[0] != '\0' && strspn(text, "0123456789") == value.size) {
                /* Digits beyond 64 bits ask for the longest wait as well. */
                if (!text_to_int64(text, 0, maximum_ms / 1000, &number))
                        return maximum_ms;
                return number * 1000;
        }
        if (!parse_date(text, &number))
                return -1;
        http_answer_date(answer, &wall_ms);
        wait = number > wall_ms ? number - wall_ms : 0;
        return wait < maximum_ms ? wait : maximum_ms;
}
