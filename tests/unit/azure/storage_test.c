// SPDX-License-Identifier: MIT
/* Connection strings and signatures of Azure Storage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/storage/storage_request.h"
#include "base/mem.h"

/* Account and key of the storage emulator are public. */
#define KEY                                                                                        \
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define EMULATOR "UseDevelopmentStorage=true"

/* 2 January 2023, 03:04:05. */
#define NOW 1672628645

static void parse(const char *text, struct storage_account *account)
{
        struct reason reason = REASON_INIT;

        if (!storage_account_parse(text, account, &reason))
                fail_msg("%s: %s", text, reason.text);
}

static void S1_every_form_names_its_endpoints_and_its_key(void **state)
{
        static const struct {
                const char *text;
                const char *name;
                const char *queue;
                const char *blob;
                const char *signature;
        } cases[] = {
                {"DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=" KEY
                 ";EndpointSuffix=core.windows.net",
                 "contoso", "https://contoso.queue.core.windows.net",
                 "https://contoso.blob.core.windows.net", NULL},
                {"accountname=contoso;ACCOUNTKEY=" KEY, "contoso",
                 "https://contoso.queue.core.windows.net", "https://contoso.blob.core.windows.net",
                 NULL},
                {"AccountName=contoso;AccountKey=" KEY ";EndpointSuffix=core.chinacloudapi.cn; ",
                 "contoso", "https://contoso.queue.core.chinacloudapi.cn",
                 "https://contoso.blob.core.chinacloudapi.cn", NULL},
                {"AccountName=contoso;AccountKey=" KEY ";QueueEndpoint=https://q.contoso.com/;"
                 "Other=1",
                 "contoso", "https://q.contoso.com", "https://contoso.blob.core.windows.net", NULL},
                {"QueueEndpoint=https://contoso.queue.core.windows.net/;"
                 "SharedAccessSignature=?sv=2021-12-02&ss=q&sp=rp&sig=a%2Bb%3D",
                 NULL, "https://contoso.queue.core.windows.net", NULL,
                 "sv=2021-12-02&ss=q&sp=rp&sig=a%2Bb%3D"},
                {"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=" KEY
                 ";QueueEndpoint=http://127.0.0.1:9/devstoreaccount1;",
                 "devstoreaccount1", "http://127.0.0.1:9/devstoreaccount1", NULL, NULL},
                {EMULATOR, "devstoreaccount1", "http://127.0.0.1:10001/devstoreaccount1",
                 "http://127.0.0.1:10000/devstoreaccount1", NULL},
                {EMULATOR ";DevelopmentStorageProxyUri=http://localhost", "devstoreaccount1",
                 "http://localhost:10001/devstoreaccount1",
                 "http://localhost:10000/devstoreaccount1", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(storage_account_deinit) struct storage_account account;

                parse(cases[i].text, &account);
                if (cases[i].name)
                        assert_string_equal(account.name, cases[i].name);
                assert_string_equal(account.endpoints[STORAGE_QUEUE], cases[i].queue);
                if (cases[i].blob)
                        assert_string_equal(account.endpoints[STORAGE_BLOB], cases[i].blob);
                else
                        assert_null(account.endpoints[STORAGE_BLOB]);
                assert_int_equal(account.key.size, cases[i].signature ? 0 : 64);
                if (cases[i].signature)
                        assert_string_equal(account.signature, cases[i].signature);
                else
                        assert_null(account.signature);
        }
}

static void S1_what_is_malformed_is_refused_with_the_part_named(void **state)
{
        static const struct {
                const char *text;
                const char *said;
        } cases[] = {
                {"", "empty"},
                {"contoso", "no '='"},
                {"DefaultEndpointsProtocol=https;AccountKey=" KEY, "AccountName is missing"},
                {"DefaultEndpointsProtocol=https;AccountName=contoso", "AccountKey is missing"},
                {"AccountName=contoso;AccountKey=%%%", "AccountKey is not valid base64"},
                {"AccountName=Contoso!;AccountKey=" KEY, "AccountName is 3 to 24"},
                {"DefaultEndpointsProtocol=ftp;AccountName=contoso;AccountKey=" KEY,
                 "DefaultEndpointsProtocol"},
                {"DefaultEndpointsProtocol=http;AccountName=contoso;AccountKey=" KEY, "plain http"},
                {"SharedAccessSignature=sv=1&sig=a", "needs QueueEndpoint or BlobEndpoint"},
                {"QueueEndpoint=https://q.contoso.com;SharedAccessSignature=sv=1", "no sig="},
                {"QueueEndpoint=http://q.contoso.com;SharedAccessSignature=sig=a", "plain http"},
                {"QueueEndpoint=http://127.evil.com;SharedAccessSignature=sig=a", "plain http"},
                {"QueueEndpoint=https://q.contoso.com?a=b;SharedAccessSignature=sig=a",
                 "QueueEndpoint is not the URL"},
                {"QueueEndpoint=q.contoso.com;SharedAccessSignature=sig=a", "no https:// URL"},
                {EMULATOR ";DevelopmentStorageProxyUri=http://contoso.com", "plain http"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct storage_account account;
                struct reason reason = REASON_INIT;

                assert_false(storage_account_parse(cases[i].text, &account, &reason));
                if (!strstr(reason.text, cases[i].said))
                        fail_msg("'%s' gave: %s", cases[i].text, reason.text);
                assert_null(strstr(reason.text, KEY));
                assert_null(account.name);
                assert_null(account.signature);
        }
}

static void S14_a_signature_s_end_and_rights_are_read(void **state)
{
        CLEANUP(storage_account_deinit) struct storage_account account;
        CLEANUP(storage_account_deinit) struct storage_account unlimited;

        (void)state;
        parse("QueueEndpoint=https://c.queue.core.windows.net;SharedAccessSignature="
              "sv=2021-12-02&spr=https&se=2023-01-02T03%3A04%3A05Z&sp=rp&sig=x",
              &account);
        assert_int_equal(storage_account_expires_s(&account), NOW - 5);
        assert_true(storage_account_may(&account, 'p'));
        assert_false(storage_account_may(&account, 'a'));
        parse(EMULATOR, &unlimited);
        assert_true(storage_account_expires_s(&unlimited) == INT64_MAX);
        assert_true(storage_account_may(&unlimited, 'p'));
}

static const char *header(const struct storage_signed *made, const char *name)
{
        for (size_t i = 0; i < made->request.header_count; i++) {
                if (strcmp(made->headers[i].name, name) == 0)
                        return made->headers[i].value;
        }
        return NULL;
}

static void S2_requests_are_signed_as_microsoft_s_client_signs_them(void **state)
{
        static const struct {
                const char *account;
                struct storage_request request;
                const char *url;
                const char *authorization;
        } cases[] = {
                {EMULATOR,
                 {.service = STORAGE_QUEUE,
                  .method = "GET",
                  .path = "/uplink/messages",
                  .query = "numofmessages=32&visibilitytimeout=300"},
                 "http://127.0.0.1:10001/devstoreaccount1/uplink/"
                 "messages?numofmessages=32&visibilitytimeout=300",
                 "SharedKey devstoreaccount1:zwrGuL70Q+qj4H3dZsI7FwXa6J/2+q+nzoePML4HA1w="},
                {EMULATOR,
                 {.service = STORAGE_QUEUE,
                  .method = "POST",
                  .path = "/uplink/messages",
                  .query = "",
                  .content_type = "application/xml",
                  .body_size = 68},
                 "http://127.0.0.1:10001/devstoreaccount1/uplink/messages",
                 "SharedKey devstoreaccount1:pXtxuFoH54nOdPn/ZC6z/4/NP2DIWCfRRfx40wfiy/M="},
                {EMULATOR,
                 {.service = STORAGE_QUEUE, .method = "PUT", .path = "/uplink", .query = ""},
                 "http://127.0.0.1:10001/devstoreaccount1/uplink",
                 "SharedKey devstoreaccount1:jnmViyfR0AzR8i8X9MItwL+jkxs17+7P7TbtNfEo4t8="},
                {EMULATOR,
                 {.service = STORAGE_QUEUE,
                  .method = "PUT",
                  .path = "/uplink/messages/59c442ba-252b-4bb0-aa6c-6218ba3deff3",
                  .query = "popreceipt=AgAAAAMAAAAAAAAA%2Babc%3D&visibilitytimeout=300"},
                 "http://127.0.0.1:10001/devstoreaccount1/uplink/messages/"
                 "59c442ba-252b-4bb0-aa6c-6218ba3deff3?popreceipt=AgAAAAMAAAAAAAAA%2Babc%3D&"
                 "visibilitytimeout=300",
                 "SharedKey devstoreaccount1:oEvmlOk6tn9oAVMIynR1VUlJSUJl3Ehr9dWdwyzaboc="},
                {EMULATOR,
                 {.service = STORAGE_QUEUE,
                  .method = "DELETE",
                  .path = "/uplink/messages/59c442ba-252b-4bb0-aa6c-6218ba3deff3",
                  .query = "popreceipt=AgAAAAMAAAAAAAAA%2Babc%3D"},
                 "http://127.0.0.1:10001/devstoreaccount1/uplink/messages/"
                 "59c442ba-252b-4bb0-aa6c-6218ba3deff3?popreceipt=AgAAAAMAAAAAAAAA%2Babc%3D",
                 "SharedKey devstoreaccount1:nbWwUeH0MrCt9DofNIPMUcrJYDM3F+EvrIsuiAJW6So="},
                {EMULATOR,
                 {.service = STORAGE_QUEUE,
                  .method = "GET",
                  .path = "/uplink",
                  .query = "comp=metadata"},
                 "http://127.0.0.1:10001/devstoreaccount1/uplink?comp=metadata",
                 "SharedKey devstoreaccount1:hwDllJ7nNm8bSk5MzkARmM0JSjGsqxd9TRbaVu7mebc="},
                {EMULATOR,
                 {.service = STORAGE_BLOB,
                  .method = "GET",
                  .path = "/uplinkformatters",
                  .query = "restype=container&comp=list&prefix=tr%20a"},
                 "http://127.0.0.1:10000/devstoreaccount1/"
                 "uplinkformatters?restype=container&comp=list&prefix=tr%20a",
                 "SharedKey devstoreaccount1:57vzFpCI2x+1lRSzzpglf1gAevwMH9Kqi0diJA7PeD0="},
                {EMULATOR,
                 {.service = STORAGE_BLOB,
                  .method = "GET",
                  .path = "/uplinkformatters/sub/deep%20name.js",
                  .query = "",
                  .if_none_match = "\"0x8D4BCC2E4835CD0\""},
                 "http://127.0.0.1:10000/devstoreaccount1/uplinkformatters/sub/deep%20name.js",
                 "SharedKey devstoreaccount1:VR8iD9J3S8SOtKx63aSHCasEQkT+CFAvDw3Xsyz/tOg="},
                {"AccountName=contoso;AccountKey=" KEY,
                 {.service = STORAGE_QUEUE,
                  .method = "GET",
                  .path = "/uplink/messages",
                  .query = "numofmessages=32"},
                 "https://contoso.queue.core.windows.net/uplink/messages?numofmessages=32",
                 "SharedKey contoso:n8J9CWt1etEp3moVfhJUENOnAWCmMZvuwuajNm3iOUw="},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(storage_account_deinit) struct storage_account account;
                CLEANUP(storage_signed_deinit) struct storage_signed made;

                parse(cases[i].account, &account);
                storage_sign(&account, &cases[i].request, NOW, &made);
                assert_string_equal(made.request.url, cases[i].url);
                assert_string_equal(header(&made, "x-ms-date"), "Mon, 02 Jan 2023 03:04:05 GMT");
                assert_string_equal(header(&made, "Authorization"), cases[i].authorization);
        }
}

static void a_signature_is_the_query_and_nothing_else_is_sent(void **state)
{
        static const struct storage_request request = {
                .service = STORAGE_QUEUE, .method = "GET", .path = "/q/messages", .query = "a=1"};
        static const struct storage_request bare = {
                .service = STORAGE_QUEUE, .method = "PUT", .path = "/q", .query = ""};
        CLEANUP(storage_account_deinit) struct storage_account account;
        CLEANUP(storage_signed_deinit) struct storage_signed made;
        CLEANUP(storage_signed_deinit) struct storage_signed other;

        (void)state;
        parse("QueueEndpoint=https://c.queue.core.windows.net/;SharedAccessSignature=sv=1&sig=x",
              &account);
        storage_sign(&account, &request, NOW, &made);
        assert_string_equal(made.request.url,
                            "https://c.queue.core.windows.net/q/messages?a=1&sv=1&sig=x");
        assert_null(header(&made, "Authorization"));
        storage_sign(&account, &bare, NOW, &other);
        assert_string_equal(other.request.url, "https://c.queue.core.windows.net/q?sv=1&sig=x");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(S1_every_form_names_its_endpoints_and_its_key),
                cmocka_unit_test(S1_what_is_malformed_is_refused_with_the_part_named),
                cmocka_unit_test(S2_requests_are_signed_as_microsoft_s_client_signs_them),
                cmocka_unit_test(S14_a_signature_s_end_and_rights_are_read),
                cmocka_unit_test(a_signature_is_the_query_and_nothing_else_is_sent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
