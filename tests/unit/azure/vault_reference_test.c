// SPDX-License-Identifier: MIT
/* How configurations name secrets of Key Vault (rules K4 and K11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "azure/vault_reference.h"
#include "base/error.h"

static void assert_read(const char *text, const char *expected)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_true(vault_reference_is(text));
        if (!vault_reference_read(text, &url, &reason))
                fail_msg("%s: %s", text, reason.text);
        assert_string_equal(buf_text(&url), expected);
}

static void assert_refused(const char *text, const char *words)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_true(vault_reference_is(text));
        assert_false(vault_reference_read(text, &url, &reason));
        if (!strstr(reason.text, words))
                fail_msg("'%s' is not in '%s'", words, reason.text);
        assert_int_equal(url.size, 0);
}

static void k4_both_forms_in_any_case(void **state)
{
        (void)state;
        assert_read("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/n)",
                    "https://v.vault.azure.net/secrets/n");
        assert_read("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/n/)",
                    "https://v.vault.azure.net/secrets/n");
        assert_read(" @MICROSOFT.keyvault( secreturi = https://V.vault.azure.cn/secrets/n/12ab ) ",
                    "https://V.vault.azure.cn/secrets/n/12ab");
        assert_read("@Microsoft.KeyVault(VaultName=v-1;SecretName=Group-Key)",
                    "https://v-1.vault.azure.net/secrets/Group-Key");
        assert_read("@microsoft.keyvault(secretname=n;VAULTNAME=v;SecretVersion=0a1b)",
                    "https://v.vault.azure.net/secrets/n/0a1b");
        assert_read("@Microsoft.KeyVault(VaultName=v;SecretName=n;SecretVersion=)",
                    "https://v.vault.azure.net/secrets/n");
}

static void k4_what_is_missing_is_named(void **state)
{
        (void)state;
        assert_refused("@Microsoft.KeyVault(SecretName=n)", "VaultName is missing");
        assert_refused("@Microsoft.KeyVault(VaultName=v)", "SecretName is missing");
        assert_refused("@Microsoft.KeyVault()", "stands SecretUri");
        assert_refused("@Microsoft.KeyVault(hello)", "stands SecretUri");
        assert_refused("@Microsoft.KeyVault(VaultName=v;SecretName=n", "the ')'");
        assert_refused("@Microsoft.KeyVault(", "the ')'");
        assert_refused("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net)", "/secrets/NAME");
        assert_refused("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/)",
                       "NAME/VERSION");
        assert_refused("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/keys/n)",
                       "/secrets/NAME");
}

static void k4_other_texts_are_no_references(void **state)
{
        (void)state;
        assert_false(vault_reference_is(""));
        assert_false(vault_reference_is("secret"));
        assert_false(vault_reference_is("Microsoft.KeyVault(SecretUri=x)"));
}

static void k11_tokens_go_to_key_vaults_only(void **state)
{
        static const char *const hosts[] = {"http://v.vault.azure.net/secrets/n",
                                            "https://v.vault.azure.net.example.com/secrets/n",
                                            "https://vault.azure.net/secrets/n",
                                            "https://a.b.vault.azure.net/secrets/n",
                                            "https://v.vault.azure.net:444/secrets/n",
                                            "https://me@v.vault.azure.net/secrets/n",
                                            "https://example.com/secrets/n",
                                            "https://v.vault.azure.net/secrets/n?x=1",
                                            "https://v.vault.azure.net/secrets/../keys/n",
                                            "https://v.vault.azure.net/secrets/n/1/2"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
                CLEANUP(buf_deinit) struct buf url = BUF_INIT;
                struct reason reason = REASON_INIT;

                if (vault_reference_complete(hosts[i], NULL, &url, &reason))
                        fail_msg("%s became %s", hosts[i], buf_text(&url));
                assert_string_not_equal(reason.text, "");
        }
}

static void k4_a_name_needs_its_vault(void **state)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_false(vault_reference_complete("group-key", NULL, &url, &reason));
        assert_non_null(strstr(reason.text, "KeyVaultURI"));
        assert_false(vault_reference_complete("group-key", "https://example.com/", &url, &reason));
        assert_non_null(strstr(reason.text, "KeyVaultURI: 'example.com'"));
        assert_false(
                vault_reference_complete("group key", "https://v.vault.azure.net/", &url, &reason));
        assert_true(
                vault_reference_complete("group-key", "https://v.vault.azure.net/", &url, &reason));
        assert_string_equal(buf_text(&url), "https://v.vault.azure.net/secrets/group-key");
}

static void a_version_is_fixed(void **state)
{
        (void)state;
        assert_true(vault_reference_is_fixed("https://v.vault.azure.net/secrets/n/1"));
        assert_false(vault_reference_is_fixed("https://v.vault.azure.net/secrets/n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(k4_both_forms_in_any_case),
                cmocka_unit_test(k4_what_is_missing_is_named),
                cmocka_unit_test(k4_other_texts_are_no_references),
                cmocka_unit_test(k4_a_name_needs_its_vault),
                cmocka_unit_test(k11_tokens_go_to_key_vaults_only),
                cmocka_unit_test(a_version_is_fixed),
        };

        return cmocka_run_group_tests_name("azure.vault_reference", tests, NULL, NULL);
}
