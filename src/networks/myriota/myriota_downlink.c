// SPDX-License-Identifier: MIT
/*
 * Downlinks to Myriota's modules, which its Device Manager calls control messages (myriota.md 5).
 * One of them may wait for a module; there is no queue, no list, and no word of delivery.
 */
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "networks/myriota/myriota.h"

#define ERROR_DEPTH 32

/* UltraLite's messages. */
#define MINIMUM_BYTES 1
#define MAXIMUM_BYTES 20

#define VERSION "/v1"

/* Longer texts that are no JSON are pages for browsers. */
#define PLAIN_TEXT_MAX 256

void myriota_add_url(struct buf *url, const char *base, const char *path)
{
        size_t length = strlen(base);
        size_t version = strlen(VERSION);

        while (length > 0 && base[length - 1] == '/')
                length--;
        buf_add(url, base, length);
        if (length < version || memcmp(base + length - version, VERSION, version) != 0)
                buf_add_text(url, VERSION);
        buf_add_text(url, path);
}

static int make_request(const struct downlink *downlink, const struct network_access *access,
                        struct network_request *request, struct reason *reason)
{
        const char *payload = downlink->payload ? downlink->payload : "";
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct buf url = BUF_INIT;

        if (!crypto_base64_decode(&bytes, payload, strlen(payload))) {
                reason_set(reason, "the payload is not base64");
                return 1;
        }
        if (!downlink_fits(&myriota_downlink, bytes.size, reason))
                return 1;
        myriota_add_url(&url, access->base_url, "/control-messages");
        request->method = "POST";
        request->url = buf_take(&url);
        request->authorization = mem_text(access->api_key);
        buf_add_text(&request->body, "{\"ModuleId\":");
        buf_add_json_string(&request->body, downlink->device, strlen(downlink->device));
        buf_add_text(&request->body, ",\"Message\":\"");
        crypto_hex_encode(&request->body, bytes.data, bytes.size);
        buf_add_text(&request->body, "\"}");
        return 0;
}

char *myriota_words(const char *body, size_t size)
{
        CLEANUP(json_cleanup)
        struct json_object *error =
                json_parse_foreign(body, size, ERROR_DEPTH, JSON_VALUES_USUAL, NULL);
        static const char *const names[] = {"message", "Message", "error", "errorMessage"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *text = json_text_member(error, names[i]);

                if (text)
                        return mem_text(text);
        }
        if (error || size == 0 || size > PLAIN_TEXT_MAX || body[0] == '<' ||
            !utf8_is_valid(body, size) || memchr(body, '\0', size))
                return NULL;
        return mem_text_n(body, size);
}

static const char *advice(int status)
{
        if (status == 401 || status == 403)
                return " (is Myriota.ApiToken a valid token?)";
        if (status == 404)
                return " (does the module belong to the token's account?)";
        return "";
}

static bool says_pending(int status, const char *words)
{
        return (status == 400 || status == 409) && words && strcasestr(words, "pending");
}

static enum downlink_answer judge_answer(int status, const char *body, size_t size,
                                         struct reason *reason)
{
        enum downlink_answer answer = downlink_answer_of(status);
        CLEANUP(mem_cleanup) char *words = NULL;

        if (answer == DOWNLINK_TAKEN)
                return answer;
        words = myriota_words(body, size);
        reason_set(reason, "Myriota answered %d%s%s%s", status, words ? ": " : "",
                   words ? words : "", advice(status));
        return says_pending(status, words) ? DOWNLINK_BUSY : answer;
}

const struct downlink_driver myriota_downlink = {
        .minimum_bytes = MINIMUM_BYTES,
        .maximum_bytes = MAXIMUM_BYTES,
        .request = make_request,
        .answer = judge_answer,
};
