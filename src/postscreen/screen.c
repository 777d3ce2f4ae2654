/*
 * Sets up what the process knows, and keeps the cache clean.
 */
#include "postscreen/screen.h"

#include "mail/byte_filter.h"
#include "util/log.h"

int64_t screen_now(const struct screen *screen)
{
    return clock_wall(loop_clock(screen->loop)).tv_sec;
}

/* --- cleaning --------------------------------------------------------------------- */

static bool is_old(void *context, const char *value)
{
    const struct screen *screen = context;
    struct record record;

    return !record_parse(value, &record) ||
           record_is_old(&record, &screen->tests, screen_now(screen));
}

static void clean_now(struct screen *screen)
{
    struct cache_counts counts;
    struct fail why;

    if (cache_clean(screen->cache, is_old, screen, screen_now(screen), &counts, &why) < 0)
        log_warning("%s", why.text);
    else
        log_info("cache %s full cleanup: retained=%zu dropped=%zu entries",
                 cache_name(screen->cache), counts.retained, counts.dropped);
}

/* Seconds until the next cleaning is due. */
static int64_t wait_to_clean(const struct screen *screen)
{
    int interval = screen->calm->postscreen_cache_cleanup_interval;
    int64_t due = cache_cleaned(screen->cache) + interval - screen_now(screen);

    return due < 0 ? 0 : due > interval ? interval : due;
}

static void clean_again(void *context)
{
    struct screen *screen = context;

    if (!screen->cache)
        return;
    if (wait_to_clean(screen) == 0)
        clean_now(screen);
    loop_timer(screen->loop,
               (int64_t)screen->calm->postscreen_cache_cleanup_interval * 1000,
               clean_again, screen);
}

/* --- set-up ----------------------------------------------------------------------- */

static struct match_list *match(struct screen *screen, const char *param,
                                const char *value)
{
    return match_list_open(screen->tables, param, value, 0);
}

/* Parameters that are not expanded, as they hold macros of their own, are still by
 * default what smtpd has. */
static const char *inherited(const char *value, const char *form, const char *parent)
{
    return strcmp(value, form) == 0 ? parent : value;
}

/* Levels above encrypt say something of servers only. */
static int read_tls_level(const struct conf *conf, struct engine_rules *rules,
                          struct fail *why)
{
    static const char *const above[] = {"fingerprint", "verify", "secure", "dane",
                                        "dane-only"};
    const char *level = conf->postscreen_tls_security_level;

    if (*level == '\0') {
        rules->needs_tls = conf->postscreen_enforce_tls;
        rules->offers_tls = rules->needs_tls || conf->postscreen_use_tls;
        return 0;
    }
    if (strcmp(level, "none") == 0)
        return 0;
    rules->offers_tls = true;
    if (strcmp(level, "may") == 0)
        return 0;
    rules->needs_tls = true;
    if (strcmp(level, "encrypt") == 0)
        return 0;
    for (size_t i = 0; i < sizeof above / sizeof *above; i++)
        if (strcmp(level, above[i]) == 0) {
            log_warning("postscreen_tls_security_level: unsupported TLS level \"%s\", "
                        "using \"encrypt\"",
                        level);
            return 0;
        }
    return fail_set(why, "Invalid TLS level \"%.100s\": postscreen_tls_security_level",
                    level);
}

static int read_engine_rules(struct screen *screen, struct arena *arena, struct fail *why)
{
    const struct conf *conf = screen->calm;
    struct engine_rules *rules = &screen->engine;

    rules->conf = conf;
    rules->tests = &screen->tests;
    rules->command_filter = maps_open(screen->tables, "postscreen_command_filter",
                                      conf->postscreen_command_filter, TABLE_NO_FOLD);
    rules->reject_footer_maps =
        maps_open(screen->tables, "postscreen_reject_footer_maps",
                  conf->postscreen_reject_footer_maps, TABLE_NO_FOLD);
    rules->forbidden_commands = match(screen, "postscreen_forbidden_commands",
                                      conf->postscreen_forbidden_commands);
    texts_split(&rules->discarded_keywords, arena,
                str_of(conf->postscreen_discard_ehlo_keywords), ", \t\r\n");
    rules->reject_footer = inherited(conf->postscreen_reject_footer,
                                     "$smtpd_reject_footer", conf->smtpd_reject_footer);
    byte_filter_read(inherited(conf->postscreen_expansion_filter,
                               "$smtpd_expansion_filter", conf->smtpd_expansion_filter),
                     rules->reply_bytes);
    return read_tls_level(conf, rules, why);
}

static int read_rules(struct screen *screen, struct arena *arena, struct fail *why)
{
    const struct conf *conf = screen->calm;
    const char *proxy = conf->postscreen_upstream_proxy_protocol;

    screen->tells_proxy = *proxy;
    if (*proxy && strcmp(proxy, "haproxy") != 0)
        return fail_set(why, "unknown postscreen_upstream_proxy_protocol: %s: haproxy",
                        proxy);
    if (action_read("postscreen_denylist_action", conf->postscreen_denylist_action,
                    &screen->denylist_action, why) < 0 ||
        dnsbl_new(conf, screen->tables, arena, &screen->dnsbl, why) < 0 ||
        test_rules_read(conf, !dnsbl_is_empty(screen->dnsbl), &screen->tests, why) < 0)
        return -1;
    screen->access = access_open(screen->tables, conf->postscreen_access_list,
                                 conf->mynetworks, arena);
    screen->allowlist_interfaces = match(screen, "postscreen_allowlist_interfaces",
                                         conf->postscreen_allowlist_interfaces);
    screen->discarded_keyword_maps =
        maps_open(screen->tables, "postscreen_discard_ehlo_keyword_address_maps",
                  conf->postscreen_discard_ehlo_keyword_address_maps, 0);
    return read_engine_rules(screen, arena, why);
}

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

/* What stress changes are defaults only (stress = yes). */
static const struct conf *under_stress(const struct process *process)
{
    struct fail why;
    const struct conf *conf = service_conf_with(process, "stress=yes", &why);

    if (!conf)
        log_warning("under stress all limits stay: %s", why.text);
    return conf ? conf : process->conf;
}

int screen_before_jail(struct process *process, struct fail *why)
{
    struct screen *screen = ARENA_NEW(process->arena, struct screen);

    process->state = screen;
    screen->process = process;
    screen->conf = screen->calm = process->conf;
    screen->stressed = under_stress(process);
    screen->tables = tables_new(process->conf);
    screen->counts = map_new();
    if (read_rules(screen, process->arena, why) < 0)
        return -1;
    tables_each_warning(screen->tables, warn, NULL);
    return cache_open(process->conf, process->conf->postscreen_cache_map, process->arena,
                      &screen->cache, why);
}

int screen_after_jail(struct process *process, struct fail *why)
{
    struct screen *screen = process->state;

    (void)why;
    screen->loop = process->loop;
    if (screen->calm->postscreen_cache_cleanup_interval > 0)
        loop_timer(screen->loop, wait_to_clean(screen) * 1000, clean_again, screen);
    return 0;
}
