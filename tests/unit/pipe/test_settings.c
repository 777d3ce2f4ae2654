/* The attributes of a pipe(8) service, and what is refused. */
#include "unit.h"

#include "deliver/copy.h"
#include "pipe/settings.h"

static const char *const site[] = {"mail_owner=sys", "slow_time_limit=7", NULL};

static struct conf *load(void)
{
    struct conf_options options = {
        .program = "pipe", .overrides = site, .defaults_only = true};
    struct fail why;
    struct conf *conf = conf_load(&options, &why);

    if (!conf)
        fail_msg("%s", why.text);
    return conf;
}

static int parse(const struct conf *conf, const char *line, struct arena *arena,
                 struct settings *ret, struct fail *why)
{
    struct texts words = {0};

    texts_split_braced(&words, arena, str_of(line), " ");
    texts_add(&words, arena, NULL);
    return settings_parse(words.items, conf, "slow", arena, ret, why);
}

/* clang-format off */
static const struct {
    const char *line;
    unsigned copy, flags;
    const char *line_end, *argv;
} good[] = {
    {"user=daemon argv=/bin/cmd", 0, 0, NULL, "/bin/cmd|"},
    {"flags=DRhu user=daemon argv=/bin/cmd a {b c} $x", COPY_DELIVERED_TO | COPY_RETURN_PATH,
     PIPE_FOLD_HOST | PIPE_FOLD_USER, NULL, "/bin/cmd|a|b c|$x|"},
    {"flags=BFOqX.> user=daemon argv=c", COPY_BLANK_LINE | COPY_FROM_LINE | COPY_ORIGINAL_TO | COPY_DOUBLE_DOTS | COPY_QUOTE_FROM,
     PIPE_QUOTE | PIPE_FINAL, NULL, "c|"},
    {"FLAGS=R USER=daemon ARGV= cmd x", COPY_RETURN_PATH, 0, NULL, "cmd|x|"},
    {"user=daemon eol=\\r\\n argv=c", 0, 0, "\r\n", "c|"},
    {"user=daemon eol=\\x0d\\012\\\\z argv=c", 0, 0, "\r\n\\z", "c|"},
    {"user=daemon argv=c user=x", 0, 0, NULL, "c|user=x|"},
};

static const struct {
    const char *line, *why;
} bad[] = {
    {"argv=c", "user= is missing: whose rights the command has"},
    {"user=daemon", "argv= is missing: the command to run"},
    {"user=daemon argv=", "argv= names no command"},
    {"user=root argv=c", "user=root: commands of the mail system must not be root's"},
    {"user=sys argv=c", "user=sys: that is mail_owner, who may change the whole queue; use a user of its own"},
    {"user=daemon:root argv=c", "user=daemon:root: commands of the mail system must not be root's"},
    {"user=daemon:sys argv=c", "user=daemon:sys: that is the group of mail_owner"},
    {"user=nosuchuser argv=c", "user=nosuchuser: there is no user \"nosuchuser\""},
    {"user=daemon:nosuchgroup argv=c", "user=daemon:nosuchgroup: there is no group \"nosuchgroup\""},
    {"flags=Z user=daemon argv=c", "flags=: there is no flag \"Z\""},
    {"size=1k user=daemon argv=c", "size=1k: no number of bytes"},
    {"bogus=x user=daemon argv=c", "unknown attribute \"bogus=x\""},
    {"user=daemon /bin/cmd", "unknown attribute \"/bin/cmd\""},
};
/* clang-format on */

static void attributes_are_understood(void **state)
{
    struct conf *conf = load();

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        struct arena *arena = arena_new("test");
        struct settings settings;
        struct fail why;
        struct buf argv;

        if (parse(conf, good[i].line, arena, &settings, &why) < 0)
            fail_msg("%s: %s", good[i].line, why.text);
        ROW_INT(good[i].line, settings.copy, good[i].copy);
        ROW_INT(good[i].line, settings.flags, good[i].flags);
        ROW_TEXT(good[i].line, settings.line_end, good[i].line_end);
        ROW_TEXT(good[i].line, settings.null_sender, "MAILER-DAEMON");
        ROW_INT(good[i].line, settings.time_limit, 7);
        buf_init(&argv, 1000);
        for (const char *const *word = settings.argv; *word; word++)
            buf_printf(&argv, "%s|", *word);
        ROW_EQ(good[i].line, buf_str(&argv), good[i].argv);
        buf_done(&argv);
        arena_free(arena);
    }
    conf_free(conf);
}

static void mistakes_are_told(void **state)
{
    struct conf *conf = load();

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct arena *arena = arena_new("test");
        struct settings settings;
        struct fail why;
        const char *prefix = "master.cf: service slow: ";

        ROW_INT(bad[i].line, parse(conf, bad[i].line, arena, &settings, &why), -1);
        ROW_INT(bad[i].line, str_starts(str_of(why.text), prefix), true);
        ROW_TEXT(bad[i].line, why.text + strlen(prefix), bad[i].why);
        arena_free(arena);
    }
    conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_understood),
        cmocka_unit_test(mistakes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
