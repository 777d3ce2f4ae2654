/* virtual: which file and whose rights, and what is refused. */
#include "unit.h"

#include "virtual/destination.h"

static const char *const site[] = {
    "virtual_mailbox_base=/var/vmail",
    "virtual_mailbox_maps=inline:{box@v.test=box, dir@v.test=v/dir/, @all.test=catch/, "
    "nouid@v.test=x, low@v.test=x, bad@v.test=x, huge@v.test=x, "
    "rooted@v.test=/etc/passwd}",
    "virtual_uid_maps=inline:{box@v.test=5000, dir@v.test=5001, @all.test=5002, "
    "low@v.test=99, bad@v.test=12x, huge@v.test=4294967295, rooted@v.test=5000}",
    "virtual_gid_maps=static:6000",
    "recipient_delimiter=+",
    NULL,
};

static struct conf *load(const char *const *overrides)
{
    struct conf_options options = {
        .program = "virtual", .overrides = overrides, .defaults_only = true};
    struct fail why;
    struct conf *conf = conf_load(&options, &why);

    if (!conf)
        fail_msg("%s", why.text);
    return conf;
}

static const struct {
    const char *recipient;
    enum found found;
    const char *path; /* or what is deferred with */
    unsigned uid;
} rows[] = {
    {"box@v.test", FOUND, "/var/vmail/box", 5000},
    {"BOX@V.test", FOUND, "/var/vmail/box", 5000},
    {"dir+lists@v.test", FOUND, "/var/vmail/v/dir/", 5001},
    {"anyone@all.test", FOUND, "/var/vmail/catch/", 5002},
    {"rooted@v.test", FOUND, "/var/vmail//etc/passwd", 5000},
    {"nobody@v.test", NOT_FOUND, NULL, 0},
    {"box", NOT_FOUND, NULL, 0},
    {"", NOT_FOUND, NULL, 0},
    {"nouid@v.test", FOUND_TROUBLE, "4.3.5 mail system configuration error", 0},
    {"low@v.test", FOUND_TROUBLE, "4.3.5 mail system configuration error", 0},
    {"bad@v.test", FOUND_TROUBLE, "4.3.5 mail system configuration error", 0},
    {"huge@v.test", FOUND_TROUBLE, "4.3.5 mail system configuration error", 0},
};

static void tables_name_file_and_owner(void **state)
{
    struct conf *conf = load(site);
    struct arena *arena = arena_new("test");
    struct directory directory;

    (void)state;
    directory_init(&directory, conf);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct destination to = {0};
        const char *defer = "";
        struct fail why = {0};
        enum found found =
            directory_find(&directory, rows[i].recipient, arena, &to, &defer, &why);

        ROW_INT(rows[i].recipient, found, rows[i].found);
        if (found == FOUND) {
            ROW_TEXT(rows[i].recipient, to.path, rows[i].path);
            ROW_INT(rows[i].recipient, to.owner.uid, rows[i].uid);
            ROW_INT(rows[i].recipient, to.owner.gid, 6000);
        } else if (found == FOUND_TROUBLE) {
            ROW_TEXT(rows[i].recipient, defer, rows[i].path);
            assert_true(*why.text);
        }
    }
    tables_free(directory.tables);
    arena_free(arena);
    conf_free(conf);
}

/* A table that fails never makes a user unknown. */
static void a_failing_table_defers(void **state)
{
    static const char *const failing[][2] = {
        {"virtual_mailbox_maps=fail:x", "virtual_uid_maps=static:5000"},
        {"virtual_mailbox_maps=static:box", "virtual_uid_maps=fail:x"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(failing); i++) {
        const char *const overrides[] = {"virtual_mailbox_base=/var/vmail", failing[i][0],
                                         failing[i][1], "virtual_gid_maps=static:6000",
                                         NULL};
        struct conf *conf = load(overrides);
        struct arena *arena = arena_new("test");
        struct destination to;
        struct directory directory;
        const char *defer = "";
        struct fail why;

        directory_init(&directory, conf);
        assert_int_equal(
            directory_find(&directory, "box@v.test", arena, &to, &defer, &why),
            FOUND_TROUBLE);
        assert_string_equal(defer, "4.3.5 mail system configuration error");
        tables_free(directory.tables);
        arena_free(arena);
        conf_free(conf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_name_file_and_owner),
        cmocka_unit_test(a_failing_table_defers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
