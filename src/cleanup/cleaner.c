/*
 * What one cleanup process knows before any message comes: parameters in the
 * shape in which they are used.
 */
#include "cleanup/cleanup.h"

#include "conf/mail_settings.h"
#include "ipc/notice.h"

#include <unistd.h>

static void make_rules(struct cleaner *cleaner)
{
    const struct rewrite_settings settings = conf_rewrite_settings(cleaner->conf);

    cleaner->local_rules = rewrite_rules_local(&settings);
    cleaner->rewrites_remote = rewrite_rules_remote(&settings, &cleaner->remote_rules);
}

/* --- tables ------------------------------------------------------------------------ */

static struct maps *maps(struct cleaner *cleaner, const char *param, const char *value)
{
    return maps_open(cleaner->tables, param, value, 0);
}

/* Mail may hold any bytes. */
static struct maps *checks(struct cleaner *cleaner, const char *param, const char *value)
{
    return maps_open(cleaner->tables, param, value, TABLE_NO_UTF8);
}

static void open_tables(struct cleaner *cleaner)
{
    const struct conf *conf = cleaner->conf;

    cleaner->tables = tables_new(conf);
    cleaner->masquerade_exceptions = match_list_open(
        cleaner->tables, "masquerade_exceptions", conf->masquerade_exceptions, 0);
    cleaner->canonical.maps = maps(cleaner, "canonical_maps", conf->canonical_maps);
    cleaner->sender_canonical.maps =
        maps(cleaner, "sender_canonical_maps", conf->sender_canonical_maps);
    cleaner->recipient_canonical.maps =
        maps(cleaner, "recipient_canonical_maps", conf->recipient_canonical_maps);
    cleaner->virtual_alias_maps =
        maps(cleaner, "virtual_alias_maps", conf->virtual_alias_maps);
    cleaner->sender_bcc_maps = maps(cleaner, "sender_bcc_maps", conf->sender_bcc_maps);
    cleaner->recipient_bcc_maps =
        maps(cleaner, "recipient_bcc_maps", conf->recipient_bcc_maps);
    site_tell_completed(cleaner->tables, conf, &cleaner->local_rules);
    site_tell_completed(cleaner->tables, conf, &cleaner->remote_rules);
    cleaner->checks[CHECK_HEADER] = checks(cleaner, "header_checks", conf->header_checks);
    cleaner->checks[CHECK_MIME] =
        checks(cleaner, "mime_header_checks", conf->mime_header_checks);
    cleaner->checks[CHECK_NESTED] =
        checks(cleaner, "nested_header_checks", conf->nested_header_checks);
    cleaner->checks[CHECK_MILTER] =
        checks(cleaner, "milter_header_checks", conf->milter_header_checks);
    cleaner->checks[CHECK_BODY] = checks(cleaner, "body_checks", conf->body_checks);
}

/* --- words of main.cf -----------------------------------------------------------------
 */

static int parse_classes(const char *param, const char *value, unsigned *ret,
                         struct fail *why)
{
    static const struct {
        const char *word;
        enum address_class class;
    } rows[] = {
        {"envelope_sender", CLASS_ENVELOPE_SENDER},
        {"envelope_recipient", CLASS_ENVELOPE_RECIPIENT},
        {"header_sender", CLASS_HEADER_SENDER},
        {"header_recipient", CLASS_HEADER_RECIPIENT},
    };
    struct str rest = str_of(value), word;
    unsigned classes = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n) {
        unsigned class = 0;

        for (size_t i = 0; i < COUNT(rows); i++)
            if (str_is_nocase(word, rows[i].word))
                class = rows[i].class;
        if (class == 0)
            return fail_set(why, "%s: unknown address class \"%.*s\"", param,
                            STR_ARG(word));
        classes |= class;
    }
    *ret = classes;
    return 0;
}

static int parse_all_classes(struct cleaner *cleaner, struct fail *why)
{
    const struct conf *conf = cleaner->conf;
    const struct {
        const char *param, *value;
        unsigned *ret;
    } rows[] = {
        {"canonical_classes", conf->canonical_classes, &cleaner->canonical.classes},
        {"sender_canonical_classes", conf->sender_canonical_classes,
         &cleaner->sender_canonical.classes},
        {"recipient_canonical_classes", conf->recipient_canonical_classes,
         &cleaner->recipient_canonical.classes},
        {"masquerade_classes", conf->masquerade_classes, &cleaner->masquerade_classes},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (parse_classes(rows[i].param, rows[i].value, rows[i].ret, why) < 0)
            return -1;
    return 0;
}

static void split_words(struct cleaner *cleaner, struct arena *arena)
{
    const struct conf *conf = cleaner->conf;
    struct texts extend = {0};

    texts_split(&extend, arena, str_of(conf->propagate_unmatched_extensions), ", \t\r\n");
    cleaner->extends_canonical = texts_has(&extend, STR("canonical"), true);
    cleaner->extends_virtual = texts_has(&extend, STR("virtual"), true);
    texts_split(&cleaner->drop_headers, arena, str_of(conf->message_drop_headers),
                ", \t\r\n");
    texts_split(&cleaner->masquerade_domains, arena, str_of(conf->masquerade_domains),
                ", \t\r\n");
}

/* What a backslash and what follows it at *p stand for; *p moves to the last byte of it.
 */
static char unescape(const char **p)
{
    static const char letters[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    const char *at = *p + 1;
    const char *letter = *at ? strchr(letters, *at) : NULL;
    int value = 0, digits = 0;

    if (*at == '\0')
        return '\\';
    for (; digits < 3 && at[digits] >= '0' && at[digits] <= '7'; digits++)
        value = value * 8 + (at[digits] - '0');
    *p += digits ? digits : 1;
    if (digits)
        return (char)value;
    return letter ? bytes[letter - letters] : *at;
}

/* A set of characters, written with the escapes of C. */
static void parse_characters(const char *text, struct buf *ret)
{
    buf_init(ret, strlen(text) + 1);
    for (const char *p = text; *p; p++)
        buf_add_char(ret, *p == '\\' ? unescape(&p) : *p);
}

static struct ipc_client *log_service(struct arena *arena, const struct conf *conf,
                                      const char *name)
{
    return ipc_client_new(arena_printf(arena, "private/%s", name), "bounce",
                          conf->ipc_timeout * 1000L);
}

int cleaner_init(struct cleaner *cleaner, const struct conf *conf, struct arena *arena,
                 struct fail *why)
{
    *cleaner = (struct cleaner){.conf = conf, .notice = -1, .notice_path = NOTICE_PATH};
    spool_init(&cleaner->spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    cleaner->style = conf_log_style(conf);
    cleaner->scratch = arena_new("record");
    cleaner->trace = log_service(arena, conf, conf->trace_service_name);
    cleaner->bounce = log_service(arena, conf, conf->bounce_service_name);
    parse_characters(conf->message_strip_characters, &cleaner->strip);
    parse_characters(conf->message_reject_characters, &cleaner->reject);
    split_words(cleaner, arena);
    make_rules(cleaner);
    open_tables(cleaner);
    if (site_init(&cleaner->site, cleaner->tables, conf, arena, why) < 0)
        return -1;
    return parse_all_classes(cleaner, why);
}

void cleaner_done(struct cleaner *cleaner)
{
    arena_free(cleaner->scratch);
    ipc_client_free(cleaner->trace);
    ipc_client_free(cleaner->bounce);
    buf_done(&cleaner->strip);
    buf_done(&cleaner->reject);
    tables_free(cleaner->tables);
    if (cleaner->notice >= 0)
        close(cleaner->notice);
}
