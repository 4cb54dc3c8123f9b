#include "seal_fixture.h"

static void make_token(char text[static SEAL_TOKEN_TEXT_BYTES_MAX])
{
    struct seal_cluster cluster = fixture_cluster(0x40);
    seal_token_format(&cluster, 1800000000, text);
}

START_TEST(a_token_carries_cluster_and_a_secret_that_is_not_the_key)
{
    struct seal_cluster cluster = fixture_cluster(0x40);
    struct seal_key second = fixture_key(200, 0xee);
    struct error error = ERROR_INIT;
    ck_assert_int_eq(seal_cluster_install_key(&cluster, &second, &error), 0);
    ck_assert_int_eq(seal_cluster_use_key(&cluster, 200, &error), 0);
    char text[SEAL_TOKEN_TEXT_BYTES_MAX];
    seal_token_format(&cluster, 1800000000, text);
    ck_assert_uint_eq(strlen(text), 90);

    char padded[SEAL_TOKEN_TEXT_BYTES_MAX + 8];
    (void)snprintf(padded, sizeof(padded), " \t%s\r\n", text);
    struct seal_cluster parsed;
    ck_assert_int_eq(seal_token_parse(padded, &parsed, &error), 0);
    ck_assert_mem_eq(parsed.id, cluster.id, sizeof(parsed.id));
    ck_assert_uint_eq(parsed.keys_count, 1);
    ck_assert_uint_eq(parsed.keys[0].id, 200);
    ck_assert_uint_eq(parsed.token_expires_wall_s, 1800000000);
    ck_assert_mem_ne(parsed.keys[0].bytes, second.bytes, SEAL_KEY_BYTES);
    uint8_t secret[SEAL_KEY_BYTES];
    seal_token_secret(cluster.id, &second, 1800000000, secret);
    ck_assert_mem_eq(parsed.keys[0].bytes, secret, sizeof(secret));
    /* Nobody makes a longer one of it. */
    seal_token_secret(cluster.id, &second, 1800000001, secret);
    ck_assert_mem_ne(parsed.keys[0].bytes, secret, sizeof(secret));
}
END_TEST

START_TEST(a_key_file_carries_the_primary_key)
{
    struct seal_cluster cluster = fixture_cluster(0x40);
    struct seal_cluster parsed;
    struct error error = ERROR_INIT;
    char text[SEAL_TOKEN_TEXT_BYTES_MAX];
    seal_key_file_format(&cluster, text);
    ck_assert_uint_eq(strlen(text), 82);
    ck_assert_int_eq(seal_key_file_parse(text, &parsed, &error), 0);
    ck_assert_mem_eq(parsed.id, cluster.id, sizeof(parsed.id));
    ck_assert_mem_eq(parsed.keys[0].bytes, cluster.keys[0].bytes, SEAL_KEY_BYTES);
    ck_assert_uint_eq(parsed.token_expires_wall_s, 0);
    /* Neither is taken for the other. */
    ck_assert_int_eq(seal_token_parse(text, &parsed, &error), -1);
    ck_assert_msg(strstr(error.message, "not a Shoal token") != NULL, "%s", error.message);
    make_token(text);
    ck_assert_int_eq(seal_key_file_parse(text, &parsed, &error), -1);
    ck_assert_msg(strstr(error.message, "not a Shoal key file") != NULL, "%s", error.message);
}
END_TEST

START_TEST(bad_tokens_are_explained)
{
    static const struct {
        const char *text;
        const char *says;
        enum error_code code;
    } cases[] = {
        {"", "is empty", ERROR_INVALID},
        {" \n", "is empty", ERROR_INVALID},
        {"SWMTKN-1-abc", "not a Shoal token", ERROR_INVALID},
        {"shoalX.abc", "not a Shoal token", ERROR_INVALID},
        {"sh", "cut off", ERROR_INVALID},
        {"shoal2.", "cut off", ERROR_INVALID},
        {"shoal2.AUBAQEBA", "cut off: it has 15 characters of 90", ERROR_INVALID},
        {"shoal2.AUBA+EBA", "character at position 12", ERROR_INVALID},
        {"shoal2.AUBA EBA", "character at position 12", ERROR_INVALID},
        {"shoal1.AUBAQEBA", "version 1", ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seal_cluster parsed;
        struct error error = ERROR_INIT;
        ck_assert_int_eq(seal_token_parse(cases[i].text, &parsed, &error), -1);
        ck_assert_int_eq(error.code, cases[i].code);
        ck_assert_msg(strstr(error.message, cases[i].says) != NULL, "case %zu: %s", i,
                      error.message);
    }
}
END_TEST

/* Every prefix is "cut off", more is "goes on", and every changed character is noticed. */
START_TEST(damage_is_noticed_wherever_it_is)
{
    char text[SEAL_TOKEN_TEXT_BYTES_MAX + 1];
    make_token(text);
    size_t size_bytes = strlen(text);
    struct seal_cluster parsed;
    struct error error = ERROR_INIT;
    for (size_t i = 1; i < size_bytes; i++) {
        char cut[SEAL_TOKEN_TEXT_BYTES_MAX] = "";
        memcpy(cut, text, i);
        ck_assert_int_eq(seal_token_parse(cut, &parsed, &error), -1);
        ck_assert_msg(strstr(error.message, "cut off") != NULL, "%zu: %s", i, error.message);
        /* A secret does not belong into messages. */
        ck_assert(i < 20 || strstr(error.message, cut + 7) == NULL);
    }
    for (size_t i = strlen("shoal2."); i < size_bytes; i++) {
        char changed[SEAL_TOKEN_TEXT_BYTES_MAX];
        memcpy(changed, text, size_bytes + 1);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        ck_assert_int_eq(seal_token_parse(changed, &parsed, &error), -1);
        ck_assert_msg(strstr(error.message, "damaged") != NULL, "%zu: %s", i, error.message);
    }
    text[size_bytes] = 'A';
    text[size_bytes + 1] = '\0';
    ck_assert_int_eq(seal_token_parse(text, &parsed, &error), -1);
    ck_assert_msg(strstr(error.message, "goes on") != NULL, "%s", error.message);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("token");
    tcase_add_test(cases, a_token_carries_cluster_and_a_secret_that_is_not_the_key);
    tcase_add_test(cases, a_key_file_carries_the_primary_key);
    tcase_add_test(cases, bad_tokens_are_explained);
    tcase_add_test(cases, damage_is_noticed_wherever_it_is);
    return fixture_run(cases, "seal-token");
}
