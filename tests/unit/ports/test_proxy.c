#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ports/proxy.h"

/* Which proxy serves a URL: a plain decision (WS-120..123). */
static const char *const (*variables)[2];

static const char *env(void *arg, const char *name)
{
    (void)arg;
    for (size_t i = 0; variables[i][0] != NULL; i++) {
        if (strcmp(variables[i][0], name) == 0) {
            return variables[i][1];
        }
    }
    return NULL;
}

/* WS-120, WS-121: order of the variables; upper case first; empty counts as not set. */
START_TEST(the_first_variable_that_is_set_wins)
{
    static const struct {
        const char *const variables[5][2];
        const char *url, *host; /* host NULL = direct */
    } rows[] = {
        {{{"HTTPS_PROXY", "a"}, {"https_proxy", "b"}, {"HTTP_PROXY", "c"}}, "https://x.test", "a"},
        {{{"https_proxy", "b"}, {"HTTP_PROXY", "c"}, {"http_proxy", "d"}}, "https://x.test", "b"},
        {{{"HTTPS_PROXY", ""}, {"HTTP_PROXY", "c"}, {"http_proxy", "d"}}, "https://x.test", "c"},
        {{{"http_proxy", "d"}}, "https://x.test", "d"},
        {{{"HTTPS_PROXY", "a"}, {"http_proxy", "d"}}, "http://x.test", "d"},
        {{{"HTTPS_PROXY", "a"}}, "http://x.test", NULL},
        {{{"HTTPS_PROXY", "a"}, {"http_proxy", "d"}}, "wss://x.test", "a"},
        {{{"HTTPS_PROXY", "a"}, {"http_proxy", "d"}}, "ws://x.test", "d"},
        {{{"ALL_PROXY", "e"}}, "https://x.test", NULL},
        {{{NULL, NULL}}, "https://x.test", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_proxy_settings settings;
        struct eca_proxy proxy = {0};
        struct eca_err err = {0};

        variables = rows[i].variables;
        eca_proxy_settings_read(env, NULL, &settings);
        ck_assert_msg(eca_proxy_choose(&settings, eca_view_str(rows[i].url), &proxy, &err) == 0,
                      "row %zu: %s", i, err.msg);
        ck_assert_msg(proxy.used == (rows[i].host != NULL), "row %zu", i);
        if (rows[i].host != NULL) {
            ck_assert_msg(strcmp(proxy.host, rows[i].host) == 0, "row %zu: %s", i, proxy.host);
        }
    }
}
END_TEST

/* WS-122 */
START_TEST(hosts_are_bypassed_by_the_list)
{
    static const struct {
        const char *list, *host;
        bool bypassed;
    } rows[] = {
        {"", "foo.com", false},
        {NULL, "foo.com", false},
        {"*", "foo.com", true},
        {"foo.com", "foo.com", true},
        {"foo.com", "x.foo.com", true},
        {"foo.com", "xfoo.com", false},
        {".foo.com", "foo.com", true},
        {".foo.com", "a.b.foo.com", true},
        {".foo.com", "xfoo.com", false},
        {"FOO.com", "foo.COM", true},
        {" bar.com , foo.com ", "foo.com", true},
        {"foo.com:8080", "foo.com", true},
        {"169.254.169.254", "169.254.169.254", true},
        {"10.0.0.0/8", "10.1.2.3", false},
        {",,", "foo.com", false},
        {"a*", "abc", false},
        {"", "localhost", true},
        {NULL, "127.0.0.1", true},
        {NULL, "127.3.2.1", true},
        {NULL, "::1", true},
        {NULL, "128.0.0.1", false},
        {NULL, "localhost.foo.com", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(eca_proxy_is_bypassed(rows[i].list, eca_view_str(rows[i].host)) ==
                          rows[i].bypassed,
                      "'%s' for %s", rows[i].list == NULL ? "(none)" : rows[i].list, rows[i].host);
    }
}
END_TEST

/* WS-123, WS-124: forms of the value; user info is percent-decoded. */
START_TEST(values_are_read_in_every_form)
{
    static const struct {
        const char *value, *host;
        uint16_t port;
        bool tls;
        const char *user, *password;
        bool refused;
    } rows[] = {
        {"proxy.test:3128", "proxy.test", 3128, false, "", "", false},
        {"proxy.test", "proxy.test", 80, false, "", "", false},
        {"http://proxy.test", "proxy.test", 80, false, "", "", false},
        {"http://proxy.test:8080/", "proxy.test", 8080, false, "", "", false},
        {"https://proxy.test", "proxy.test", 443, true, "", "", false},
        {"http://u%40x:p%3Aw@proxy.test:1", "proxy.test", 1, false, "u@x", "p:w", false},
        {"http://user@proxy.test", "proxy.test", 80, false, "user", "", false},
        {"http://[::1]:3128", "::1", 3128, false, "", "", false},
        {"socks5://proxy.test", NULL, 0, false, NULL, NULL, true},
        {"http://", NULL, 0, false, NULL, NULL, true},
        {"http://proxy.test:99999", NULL, 0, false, NULL, NULL, true},
        {"http://proxy.test:x", NULL, 0, false, NULL, NULL, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct eca_proxy_settings settings = {.https_proxy = rows[i].value};
        struct eca_proxy proxy = {0};
        struct eca_err err = {0};
        int rc = eca_proxy_choose(&settings, eca_view_str("https://acs.test/ws"), &proxy, &err);

        if (rows[i].refused) {
            ck_assert_msg(rc == ECA_E_INVALID, "%s", rows[i].value);
            ck_assert(err.msg[0] != '\0');
            continue;
        }
        ck_assert_msg(rc == 0, "%s: %s", rows[i].value, err.msg);
        ck_assert_msg(strcmp(proxy.host, rows[i].host) == 0, "%s: %s", rows[i].value, proxy.host);
        ck_assert_uint_eq(proxy.port, rows[i].port);
        ck_assert(proxy.tls == rows[i].tls);
        ck_assert_str_eq(proxy.user, rows[i].user);
        ck_assert_str_eq(proxy.password, rows[i].password);
    }
}
END_TEST

/* A password never reaches an error text (DESIGN rule 6). */
START_TEST(a_refused_value_is_not_quoted_with_its_password)
{
    static const char *const values[] = {"http://u:SECRETMARKER@proxy.test:99999",
                                         "socks5://u:SECRETMARKER@proxy.test",
                                         "http://u:SECRETMARKER@"};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct eca_proxy_settings settings = {.https_proxy = values[i]};
        struct eca_proxy proxy = {0};
        struct eca_err err = {0};

        ck_assert_int_eq(
            eca_proxy_choose(&settings, eca_view_str("https://acs.test/ws"), &proxy, &err),
            ECA_E_INVALID);
        ck_assert_msg(strstr(err.msg, "SECRETMARKER") == NULL, "%s", err.msg);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ports/proxy");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, the_first_variable_that_is_set_wins);
    tcase_add_test(tcase, hosts_are_bypassed_by_the_list);
    tcase_add_test(tcase, values_are_read_in_every_form);
    tcase_add_test(tcase, a_refused_value_is_not_quoted_with_its_password);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
