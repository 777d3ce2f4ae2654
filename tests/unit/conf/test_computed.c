/* Defaults that the machine decides. */
#include "folder.h"

#include <limits.h>

static const char *value(struct folder *folder, const char *main_cf, const char *name)
{
    struct conf *conf = folder_load(folder, main_cf);
    const char *text;

    if (conf == NULL)
        fail_msg("\"%s\": %s", main_cf, folder->why.text);
    text = conf_text(conf, name, &folder->why);
    return text ? text : folder->why.text;
}

static const struct {
    const char *main_cf, *name, *value;
} names[] = {
    {"myhostname = a.b.example\n", "mydomain", "b.example"},
    {"myhostname = bare\n", "mydomain", "localdomain"},
    {"mydomain = x.example\n", "mydomain", "x.example"},
    {"myhostname = a.$mydomain\nmydomain = c.example\n", "myhostname", "a.c.example"},
    {"myhostname = a.b.example\n", "myorigin", "a.b.example"},
    {"myhostname = a.b.example\n", "mydestination",
     "a.b.example, localhost.b.example, localhost"},
    {"myhostname = $mydomain\n", "myhostname", "localdomain"}, /* in a circle */
    {"myhostname = $mydomain\n", "mydomain", "localdomain"},
    {"myhostname = x.$mydomain\n", "myhostname", "x.localdomain"},
    {"", "process_name", "smtpd"},
    {"", "service_name", "unit"},
};

static void derives_names(void **state)
{
    for (size_t i = 0; i < ROWS(names); i++)
        ROW_TEXT(names[i].main_cf, value(*state, names[i].main_cf, names[i].name),
                 names[i].value);
}

static void asks_the_system_for_its_name(void **state)
{
    char host[HOST_NAME_MAX + 1] = "", want[HOST_NAME_MAX + 20];

    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    snprintf(want, sizeof(want), strchr(host, '.') ? "%s" : "%s.localdomain", host);
    assert_string_equal(value(*state, "", "myhostname"), want);
    if (strchr(host, '.') == NULL) {
        snprintf(want, sizeof(want), "%s.own.example", host);
        assert_string_equal(value(*state, "mydomain = own.example\n", "myhostname"),
                            want);
    }
}

static const struct {
    const char *main_cf, *networks;
} trusted[] = {
    {"inet_interfaces = 127.0.0.1\nmynetworks_style = host\n", "127.0.0.1/32 "},
    {"inet_interfaces = 127.0.0.1\nmynetworks_style = class\n", "127.0.0.0/8 "},
    {"inet_interfaces = 127.0.0.1\nmynetworks_style = subnet\n", "127.0.0.0/8 "},
    {"inet_interfaces = 127.0.0.1\n", "127.0.0.0/8 "}, /* level 0: subnet */
    {"inet_interfaces = 127.0.0.1\ncompatibility_level = 2\n", "127.0.0.1/32 "},
    {"mynetworks = 192.0.2.0/24 $a\na = b\n", "192.0.2.0/24 b"},
};

static void trusts_its_networks(void **state)
{
    for (size_t i = 0; i < ROWS(trusted); i++)
        ROW_TEXT(trusted[i].main_cf, value(*state, trusted[i].main_cf, "mynetworks"),
                 trusted[i].networks);
}

static void knows_its_process(void **state)
{
    assert_int_equal(atoi(value(*state, "", "process_id")), getpid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(derives_names),
        folder_test(asks_the_system_for_its_name),
        folder_test(trusts_its_networks),
        folder_test(knows_its_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
