// SPDX-License-Identifier: MIT
#include "http/client/http_transfer.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/client/http_answer.h"
#include "http/client/http_reach.h"

/* A server that does not even take the connection is given up earlier than one that is slow. */
#define CONNECT_TIMEOUT_MS 10000

/* The least that curl takes. Of its own 64 KiB each request would cost the allocator's long way. */
#define UPLOAD_BUFFER 16384L

static void add_header(struct http_transfer *transfer, const char *line)
{
        struct curl_slist *longer = curl_slist_append(transfer->headers, line);

        if (!longer)
                abort();
        transfer->headers = longer;
}

static bool has_line_break(const char *text)
{
        return strpbrk(text, "\r\n") != NULL;
}

/* False if a header would end early and start another one. */
static bool add_headers(struct http_transfer *transfer, const struct http_request *request)
{
        for (size_t i = 0; i < request->header_count; i++) {
                const struct http_header *header = &request->headers[i];
                CLEANUP(buf_wipe) struct buf line = BUF_INIT;

                if (has_line_break(header->name) || has_line_break(header->value)) {
                        reason_set(&transfer->answer.reason,
                                   "the value of the header '%.*s' holds a line break",
                                   (int)strcspn(header->name, "\r\n"), header->name);
                        return false;
                }
                buf_reserve(&line, strlen(header->name) + strlen(header->value) + 2);
                /* A header without value is sent only in this form of curl's. */
                buf_add_format(&line, header->value[0] ? "%s: %s" : "%s;%s", header->name,
                               header->value);
                add_header(transfer, buf_text(&line));
        }
        /* Don't ask for permission to send a long body: one round trip less. */
        add_header(transfer, "Expect:");
        return true;
}

/* What makes a request one that is not even tried; the answer says why. */
static bool check_request(struct http_transfer *transfer, const struct http_request *request)
{
        char *credentials = strchr(transfer->origin, '@');

        if (credentials) {
                /* The origin is logged. */
                transfer->origin[strcspn(transfer->origin, ":")] = '\0';
                reason_set(&transfer->answer.reason,
                           "a URL must not hold a user name or a password before '@'");
                return false;
        }
        return add_headers(transfer, request);
}

struct http_transfer *http_transfer_new(const struct http_request *request,
                                        const struct http_transfer_settings *settings,
                                        http_done *done, void *context)
{
        struct http_transfer *transfer = mem_new(1, sizeof(*transfer));

        transfer->method = mem_text(request->method);
        transfer->url = mem_text(request->url);
        transfer->origin = mem_text_n(request->url, http_queue_origin_length(request->url));
        transfer->once = request->once;
        transfer->may_go = request->may_go;
        transfer->public_only = request->public_only;
        transfer->direct = request->direct;
        transfer->for_secrets = request->for_secrets;
        transfer->user = mem_text(request->user);
        transfer->password = mem_text(request->password);
        transfer->certificate = certificate_share(request->certificate);
        transfer->take = request->take;
        transfer->multiplex = request->multiplex;
        if (request->body) {
                transfer->body = mem_text_n(request->body, request->body_size);
                transfer->body_size = request->body_size;
        }
        transfer->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : settings->timeout_ms;
        transfer->maximum_answer =
                request->maximum_answer > 0 ? request->maximum_answer : settings->maximum_answer;
        transfer->answer.retry_after_ms = -1;
        if (!check_request(transfer, request))
                transfer->answer.failure = HTTP_E_CONNECT;
        transfer->done = done;
        transfer->context = context;
        return transfer;
}

void http_transfer_free(struct http_transfer *transfer)
{
        if (!transfer)
                return;
        curl_easy_cleanup(transfer->easy);
        for (struct curl_slist *header = transfer->headers; header; header = header->next)
                mem_wipe(header->data, strlen(header->data));
        curl_slist_free_all(transfer->headers);
        mem_wipe(transfer->body, transfer->body_size);
        free(transfer->body);
        if (transfer->password)
                mem_wipe(transfer->password, strlen(transfer->password));
        free(transfer->password);
        free(transfer->user);
        certificate_free(transfer->certificate);
        free(transfer->method);
        free(transfer->url);
        free(transfer->origin);
        http_answer_deinit(&transfer->answer);
        free(transfer);
}

static size_t take_header(char *line, size_t one, size_t size, void *context)
{
        struct http_transfer *transfer = context;

        (void)one;
        if (http_answer_take_line(&transfer->answer, line, size))
                return size;
        transfer->too_large = true;
        return 0;
}

static bool give_on(struct http_transfer *transfer, const char *bytes, size_t size)
{
        long status = 0;

        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        transfer->answer.status = (int)status;
        return transfer->take(transfer->context, &transfer->answer, bytes, size);
}

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
        struct http_transfer *transfer = context;

        (void)one;
        if (transfer->take)
                return give_on(transfer, bytes, size) ? size : 0;
        if (size > transfer->maximum_answer - transfer->answer.body.size) {
                transfer->too_large = true;
                return 0;
        }
        buf_add(&transfer->answer.body, bytes, size);
        return size;
}

/* Remembers the first option that this libcurl does not take. */
#define SET(result, easy, option, value)                                                           \
        do {                                                                                       \
                CURLcode set_result = curl_easy_setopt((easy), (option), (value));                 \
                                                                                                   \
                if ((result) == CURLE_OK)                                                          \
                        (result) = set_result;                                                     \
        } while (0)

static size_t give_body(char *bytes, size_t one, size_t size, void *context)
{
        struct http_transfer *transfer = context;
        size_t rest = transfer->body_size - transfer->body_given;

        (void)one;
        if (transfer->may_go && transfer->body_given == 0 && !transfer->may_go(transfer->context)) {
                transfer->is_withheld = true;
                return CURL_READFUNC_ABORT;
        }
        if (size > rest)
                size = rest;
        if (size > 0)
                memcpy(bytes, transfer->body + transfer->body_given, size);
        transfer->body_given += size;
        return size;
}

/* Without a way to rewind the body libcurl can't send a request again whose body has left. */
static CURLcode set_body(struct http_transfer *transfer)
{
        CURL *easy = transfer->easy;
        CURLcode result = CURLE_OK;

        SET(result, easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_size);
        if (!transfer->once) {
                SET(result, easy, CURLOPT_POSTFIELDS, transfer->body ? transfer->body : "");
                return result;
        }
        SET(result, easy, CURLOPT_POST, 1L);
        SET(result, easy, CURLOPT_READFUNCTION, give_body);
        SET(result, easy, CURLOPT_READDATA, transfer);
        SET(result, easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
        return result;
}

static CURLcode set_request(struct http_transfer *transfer)
{
        CURL *easy = transfer->easy;
        CURLcode result = CURLE_OK;
        bool has_body = transfer->body || text_equal(transfer->method, "PUT") ||
                        text_equal(transfer->method, "POST");

        SET(result, easy, CURLOPT_URL, transfer->url);
        if (has_body && result == CURLE_OK)
                result = set_body(transfer);
        SET(result, easy, CURLOPT_CUSTOMREQUEST, transfer->method);
        SET(result, easy, CURLOPT_HTTP_VERSION,
            (long)(transfer->multiplex ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
        /* Rather than open a connection of its own. */
        SET(result, easy, CURLOPT_PIPEWAIT, transfer->multiplex ? 1L : 0L);
        SET(result, easy, CURLOPT_HTTPHEADER, transfer->headers);
        if (transfer->take) {
                SET(result, easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
                SET(result, easy, CURLOPT_LOW_SPEED_TIME, (transfer->timeout_ms + 999) / 1000);
        } else {
                SET(result, easy, CURLOPT_TIMEOUT_MS, transfer->timeout_ms);
        }
        SET(result, easy, CURLOPT_CONNECTTIMEOUT_MS,
            transfer->timeout_ms < CONNECT_TIMEOUT_MS ? transfer->timeout_ms : CONNECT_TIMEOUT_MS);
        return result;
}

static CURLcode set_credentials(struct http_transfer *transfer)
{
        CURL *easy = transfer->easy;
        CURLcode result = CURLE_OK;

        if (!transfer->user)
                return result;
        SET(result, easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC | CURLAUTH_DIGEST);
        SET(result, easy, CURLOPT_USERNAME, transfer->user);
        SET(result, easy, CURLOPT_PASSWORD, transfer->password ? transfer->password : "");
        return result;
}

/* Both stay where they are as long as the transfer lives. */
static CURLcode set_certificate(struct http_transfer *transfer)
{
        const struct certificate *certificate = transfer->certificate;
        struct curl_blob blob = {.flags = CURL_BLOB_NOCOPY};
        CURLcode result = CURLE_OK;

        if (!certificate)
                return result;
        blob.data = (void *)(uintptr_t)certificate_chain(certificate);
        blob.len = strlen(certificate_chain(certificate));
        SET(result, transfer->easy, CURLOPT_SSLCERT_BLOB, &blob);
        blob.data = (void *)(uintptr_t)certificate_key(certificate);
        blob.len = strlen(certificate_key(certificate));
        SET(result, transfer->easy, CURLOPT_SSLKEY_BLOB, &blob);
        return result;
}

static CURLcode set_rules(CURL *easy, const struct http_transfer_settings *settings)
{
        CURLcode result = CURLE_OK;

        SET(result, easy, CURLOPT_NOSIGNAL, 1L);
        SET(result, easy, CURLOPT_PROTOCOLS_STR, "http,https");
        SET(result, easy, CURLOPT_FOLLOWLOCATION, 0L);
        SET(result, easy, CURLOPT_TCP_KEEPALIVE, 1L);
        SET(result, easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        SET(result, easy, CURLOPT_SSL_VERIFYPEER, 1L);
        SET(result, easy, CURLOPT_SSL_VERIFYHOST, 2L);
        SET(result, easy, CURLOPT_CAINFO, settings->certificates);
        /* With a directory beside the file curl would read everything anew per connection. */
        SET(result, easy, CURLOPT_CAPATH, (char *)NULL);
        if (settings->user_agent)
                SET(result, easy, CURLOPT_USERAGENT, settings->user_agent);
        if (settings->socket) {
                SET(result, easy, CURLOPT_UNIX_SOCKET_PATH, settings->socket);
                SET(result, easy, CURLOPT_PROXY, "");
        }
        return result;
}

static curl_socket_t open_public_socket(void *context, curlsocktype purpose,
                                        struct curl_sockaddr *address)
{
        struct http_transfer *transfer = context;

        (void)purpose;
        if (http_reach_is_public(&address->addr))
                return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        if (getnameinfo(&address->addr, address->addrlen, transfer->refused,
                        sizeof(transfer->refused), NULL, 0, NI_NUMERICHOST) != 0)
                strcpy(transfer->refused, "?");
        return CURL_SOCKET_BAD;
}

/* A kept connection may have been opened without the check, so none is used. */
static CURLcode set_reach(struct http_transfer *transfer)
{
        CURL *easy = transfer->easy;
        CURLcode result = CURLE_OK;
        const char *proxy;

        if (transfer->direct)
                SET(result, easy, CURLOPT_PROXY, "");
        if (!transfer->public_only)
                return result;
        proxy = http_reach_proxy(transfer->url);
        /* Said outright, so that curl can't decide otherwise. */
        SET(result, easy, CURLOPT_PROXY, proxy ? proxy : "");
        SET(result, easy, CURLOPT_NOPROXY, "");
        SET(result, easy, CURLOPT_FRESH_CONNECT, 1L);
        if (proxy)
                return result;
        SET(result, easy, CURLOPT_OPENSOCKETFUNCTION, open_public_socket);
        SET(result, easy, CURLOPT_OPENSOCKETDATA, transfer);
        return result;
}

static CURLcode set_callbacks(struct http_transfer *transfer)
{
        CURL *easy = transfer->easy;
        CURLcode result = CURLE_OK;

        SET(result, easy, CURLOPT_PRIVATE, transfer);
        SET(result, easy, CURLOPT_ERRORBUFFER, transfer->detail);
        SET(result, easy, CURLOPT_HEADERFUNCTION, take_header);
        SET(result, easy, CURLOPT_HEADERDATA, transfer);
        SET(result, easy, CURLOPT_WRITEFUNCTION, take_body);
        SET(result, easy, CURLOPT_WRITEDATA, transfer);
        return result;
}

bool http_transfer_prepare(struct http_transfer *transfer,
                           const struct http_transfer_settings *settings)
{
        CURLcode result;

        transfer->started_ms = clock_steady_ms();
        if (transfer->answer.failure != HTTP_OK)
                return false;
        transfer->easy = curl_easy_init();
        if (!transfer->easy)
                abort();
        result = set_rules(transfer->easy, settings);
        if (result == CURLE_OK)
                result = set_request(transfer);
        if (result == CURLE_OK)
                result = set_credentials(transfer);
        if (result == CURLE_OK)
                result = set_certificate(transfer);
        if (result == CURLE_OK)
                result = set_reach(transfer);
        if (result == CURLE_OK)
                result = set_callbacks(transfer);
        if (result == CURLE_OK)
                return true;
        transfer->answer.failure = HTTP_E_CONNECT;
        reason_set(&transfer->answer.reason, "%s: %s", transfer->origin,
                   curl_easy_strerror(result));
        return false;
}

/* What went wrong, as far as curl's code alone says it. */
static enum http_failure kind_of(CURLcode result)
{
        switch (result) {
        case CURLE_OK:
                return HTTP_OK;
        case CURLE_OPERATION_TIMEDOUT:
                return HTTP_E_TIMEOUT;
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_INTERFACE_FAILED:
        case CURLE_PROXY:
                return HTTP_E_CONNECT;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_ENGINE_NOTFOUND:
        case CURLE_SSL_ENGINE_SETFAILED:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_USE_SSL_FAILED:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return HTTP_E_TLS;
        default:
                return HTTP_E_BROKEN;
        }
}

static enum http_failure failure_of(const struct http_transfer *transfer, CURLcode result)
{
        enum http_failure kind = kind_of(result);
        long sent = 0;

        if (transfer->too_large)
                return HTTP_E_TOO_LARGE;
        if (transfer->is_withheld)
                return HTTP_E_CONNECT;
        curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
        if (kind == HTTP_E_TIMEOUT && sent == 0)
                return HTTP_E_CONNECT;
        /* For example an answer that is no HTTP: curl speaks of an unsupported protocol. */
        if (kind == HTTP_E_CONNECT && sent > 0)
                return HTTP_E_BROKEN;
        return kind;
}

static void explain(struct http_transfer *transfer, CURLcode result)
{
        const char *detail = transfer->detail[0] ? transfer->detail : curl_easy_strerror(result);

        if (transfer->answer.failure == HTTP_E_TOO_LARGE)
                reason_set(&transfer->answer.reason,
                           "%s: the answer is longer than %zu bytes, or its headers are longer "
                           "than %d",
                           transfer->origin, transfer->maximum_answer, HTTP_ANSWER_HEADERS_MAX);
        else if (transfer->is_withheld)
                reason_set(&transfer->answer.reason, "%s: the request was withdrawn",
                           transfer->origin);
        else if (transfer->answer.failure == HTTP_E_CONNECT && transfer->refused[0] != '\0')
                reason_set(&transfer->answer.reason,
                           "%s: its address %s is not public; nothing was sent", transfer->origin,
                           transfer->refused);
        else
                reason_set(&transfer->answer.reason, "%s: %s", transfer->origin, detail);
}

void http_transfer_finish(struct http_transfer *transfer, CURLcode result)
{
        struct http_answer *answer = &transfer->answer;
        long status = 0;

        answer->failure = failure_of(transfer, result);
        if (answer->failure != HTTP_OK) {
                explain(transfer, result);
                answer->status = 0;
                buf_clear(&answer->body);
                buf_clear(&answer->headers);
        } else {
                curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
                answer->status = (int)status;
                answer->retry_after_ms = http_answer_retry_after(answer, clock_wall_ms());
        }
        log_debug("HTTP_ANSWER", "HTTP request finished", LOG_TEXT("server", transfer->origin),
                  LOG_TEXT("method", transfer->method), LOG_INT("status", answer->status),
                  LOG_TEXT("failure", answer->reason.text),
                  LOG_INT("duration_ms", clock_steady_ms() - transfer->started_ms), LOG_END);
}

void http_transfer_stop(struct http_transfer *transfer)
{
        struct http_answer *answer = &transfer->answer;

        buf_clear(&answer->body);
        buf_clear(&answer->headers);
        answer->failure = HTTP_E_STOPPED;
        answer->status = 0;
        reason_set(&answer->reason, "%s: the program is stopping", transfer->origin);
}
