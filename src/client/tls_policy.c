/*
 * A policy of a table takes the place of what main.cf says for all, attribute by
 * attribute. What cannot be understood stops the mail: it may have been meant to protect
 * it.
 */
#include "client/tls_policy.h"

#include "conf/conf.h"
#include "table/maps.h"
#include "tls/manager.h"
#include "tls/names.h"

#define FAMILY(name) (lmtp ? conf->lmtp_##name : conf->smtp_##name)
#define SEPARATORS   ", \t\r\n"

static const struct {
    const char *name;
    enum tls_level level;
} levels[] = {
    {"none", TLS_LEVEL_NONE},       {"may", TLS_LEVEL_MAY},
    {"encrypt", TLS_LEVEL_ENCRYPT}, {"fingerprint", TLS_LEVEL_FINGERPRINT},
    {"verify", TLS_LEVEL_VERIFY},   {"secure", TLS_LEVEL_SECURE},
};

static bool level_named(struct str name, enum tls_level *ret)
{
    for (size_t i = 0; i < COUNT(levels); i++)
        if (str_is_nocase(name, levels[i].name)) {
            *ret = levels[i].level;
            return true;
        }
    return false;
}

/* --- one policy --------------------------------------------------------------------- */

/* A policy while it is put together: from main.cf first, then from a table. */
struct making {
    const struct client_tls *tls;
    struct arena *arena;
    struct tls_policy *policy;
    const char *protocols, *ciphers, *exclude[2], *server_name;
};

static void take_defaults(struct making *m)
{
    const struct client_tls *tls = m->tls;
    bool mandatory = m->policy->level > TLS_LEVEL_MAY;

    m->protocols = tls->protocols[mandatory];
    m->ciphers = tls->ciphers[mandatory];
    m->exclude[0] = tls->exclude[0];
    m->exclude[1] = mandatory ? tls->exclude[1] : "";
    m->server_name = tls->server_name;
    m->policy->match = tls->match[m->policy->level];
    m->policy->reuse = tls->reuse;
}

/* match=a:b, or a|b for fingerprints, which have colons in them. */
static int take_match(struct making *m, struct str value, struct fail *why)
{
    enum tls_level level = m->policy->level;
    struct texts match = {0};

    if (level < TLS_LEVEL_FINGERPRINT)
        return fail_set(why, "attribute \"match\" at security level \"%s\"",
                        levels[level].name);
    texts_split(&match, m->arena, value, level == TLS_LEVEL_FINGERPRINT ? "|" : ":");
    /* one that is given again adds to the first: a fingerprint each */
    for (size_t i = 0; i < match.n; i++)
        texts_add(&m->policy->match, m->arena, match.items[i]);
    return 0;
}

static int take_reuse(struct making *m, struct str value, struct fail *why)
{
    m->policy->reuse = str_is_nocase(value, "yes");
    if (!m->policy->reuse && !str_is_nocase(value, "no"))
        return fail_set(why,
                        "attribute \"connection_reuse\": \"%.*s\" is neither yes "
                        "nor no",
                        STR_ARG(value));
    return 0;
}

/* What plug-ins for MTA-STS tell besides; the names to match are in "match". */
static bool is_remark(struct str name)
{
    static const char *const remarks[] = {"policy_type",     "policy_domain",
                                          "policy_string",   "policy_ttl",
                                          "mx_host_pattern", "policy_failure"};

    for (size_t i = 0; i < COUNT(remarks); i++)
        if (str_is(name, remarks[i]))
            return true;
    return false;
}

static int take_attribute(struct making *m, struct str name, struct str value,
                          struct fail *why)
{
    const struct {
        const char *name;
        const char **place;
    } texts[] = {{"protocols", &m->protocols},
                 {"ciphers", &m->ciphers},
                 {"exclude", &m->exclude[0]},
                 {"servername", &m->server_name}};

    if (value.n == 0)
        return fail_set(why, "attribute \"%.*s\" without a value", STR_ARG(name));
    for (size_t i = 0; i < COUNT(texts); i++)
        if (str_is(name, texts[i].name)) {
            *texts[i].place = arena_copy_str(m->arena, value);
            if (texts[i].place == &m->exclude[0])
                m->exclude[1] = "";
            return 0;
        }
    if (str_is(name, "match"))
        return take_match(m, value, why);
    if (str_is(name, "connection_reuse"))
        return take_reuse(m, value, why);
    if (is_remark(name))
        return 0;
    return fail_set(why, "invalid attribute name: \"%.*s\"", STR_ARG(name));
}

/* "name=value", or "{ name = value }". */
static int take_word(struct making *m, struct str word, struct fail *why)
{
    struct str rest, name;

    if (!str_unbrace(word, &rest))
        rest = word;
    word = rest;
    name = str_trim(str_until(&rest, '='));
    if (name.n == word.n || str_find(word, '=') == word.n)
        return fail_set(why,
                        "malformed attribute/value pair \"%.*s\": missing '=' after "
                        "attribute name",
                        STR_ARG(word));
    return take_attribute(m, name, str_trim(rest), why);
}

/* Words into what tls/ takes. A server whose certificate counts must have one. */
static int finish(struct making *m, struct fail *why)
{
    struct tls_policy *policy = m->policy;
    const char *exclusions[] = {m->exclude[0], m->exclude[1],
                                policy->level > TLS_LEVEL_ENCRYPT ? "aNULL" : "", NULL};

    if (policy->level == TLS_LEVEL_NONE)
        return 0;
    if (policy->level > TLS_LEVEL_ENCRYPT && policy->match.n == 0)
        return fail_set(why, "configured at %s security level, but with no %s to match",
                        levels[policy->level].name,
                        policy->level == TLS_LEVEL_FINGERPRINT ? "fingerprints"
                                                               : "names");
    if (tls_protocols_parse(str_of(m->protocols), &policy->terms.protocols, why) < 0)
        return fail_prefix(why, "Invalid TLS protocol list \"%s\"", m->protocols);
    policy->terms.ciphers =
        tls_ciphers(&m->tls->grades, m->ciphers, exclusions, m->arena, why);
    policy->terms.server_name = *m->server_name ? m->server_name : NULL;
    policy->terms.log_level = m->tls->log_level;
    return policy->terms.ciphers ? 0 : -1;
}

static int take_level(struct str name, enum tls_level *ret, struct fail *why)
{
    if (level_named(name, ret))
        return 0;
    if (str_is_nocase(name, "dane-only") || str_is_nocase(name, "dane"))
        return fail_set(why, "security level \"%.*s\" is not there yet", STR_ARG(name));
    return fail_set(why, "invalid security level \"%.*s\"", STR_ARG(name));
}

int tls_policy_parse(struct str value, const struct client_tls *tls, struct arena *arena,
                     struct tls_policy *ret, struct fail *why)
{
    struct making m = {.tls = tls, .arena = arena, .policy = ret};
    struct str rest = value, word;
    struct texts inherited;

    *ret = (struct tls_policy){0};
    if (take_level(str_word(&rest, SEPARATORS), &ret->level, why) < 0)
        return -1;
    take_defaults(&m);
    inherited = ret->match;
    ret->match = (struct texts){0};
    while (rest.n > 0) {
        if (!str_word_braced(&rest, SEPARATORS, &word))
            return fail_set(why, "braces do not match");
        /* compat: what stands behind "none" has no meaning */
        if (word.n > 0 && ret->level != TLS_LEVEL_NONE && take_word(&m, word, why) < 0)
            return -1;
    }
    if (ret->match.n == 0)
        ret->match = inherited;
    return finish(&m, why);
}

/* --- which one? --------------------------------------------------------------------- */

static void warn(const struct client_settings *settings, struct arena *arena,
                 const char *format, const char *about, const char *text)
{
    if (settings->warn)
        settings->warn(arena_printf(arena, format, about, text));
}

/* The next hop as it is written; for a bare domain its parents as well, with their dot.
 */
static enum table_result look_up(const struct client_tls *tls,
                                 const struct destination *destination,
                                 struct arena *arena, struct str *ret, struct fail *why)
{
    struct str key = str_of(destination->nexthop);
    bool bare = str_find_any(key, "[]:/") == key.n;
    enum table_result result;

    result = maps_lookup(tls->policy_maps, key, MAPS_ALL, arena, ret, why);
    while (result == TABLE_NOT_FOUND && bare) {
        size_t dot = str_find(str_tail(key, 1), '.');

        if (dot + 1 >= key.n)
            break;
        key = str_tail(key, dot + 1);
        result = maps_lookup(tls->policy_maps, key, MAPS_FIXED, arena, ret, why);
    }
    return result;
}

/* smtp_tls_per_site, by next hop and host: what is stricter wins, but MAY is the weakest.
 */
static int find_per_site(const struct client_tls *tls,
                         const struct destination *destination,
                         const struct route_host *host, struct arena *arena,
                         enum tls_level *ret, struct fail *why)
{
    static const struct {
        const char *word;
        enum tls_level level;
    } ranks[] = {{"MAY", TLS_LEVEL_MAY},
                 {"NONE", TLS_LEVEL_NONE},
                 {"MUST_NOPEERMATCH", TLS_LEVEL_ENCRYPT},
                 {"MUST", TLS_LEVEL_VERIFY}};
    const char *keys[] = {destination->domain, host->name ? host->name : ""};
    size_t best = 0;
    bool found = false;

    for (size_t k = 0; k < COUNT(keys); k++) {
        struct str value;
        enum table_result result =
            maps_lookup(tls->per_site, str_of(keys[k]), MAPS_ALL, arena, &value, why);
        size_t rank = 0;

        if (result == TABLE_ERROR)
            return -1;
        if (result == TABLE_NOT_FOUND)
            continue;
        while (rank < COUNT(ranks) && !str_is_nocase(value, ranks[rank].word))
            rank++;
        if (rank == COUNT(ranks))
            return fail_set(why, "unknown TLS policy \"%.*s\" for %s", STR_ARG(value),
                            keys[k]);
        best = !found || rank > best ? rank : best;
        found = true;
    }
    if (found)
        *ret = ranks[best].level;
    return 0;
}

static int find(const struct client_tls *tls, const struct destination *destination,
                const struct route_host *host, struct arena *arena,
                struct tls_policy *ret, struct fail *why)
{
    struct making m = {.tls = tls, .arena = arena, .policy = ret};
    struct str value;

    *ret = (struct tls_policy){.level = tls->level};
    if (!maps_empty(tls->policy_maps)) {
        switch (look_up(tls, destination, arena, &value, why)) {
        case TABLE_ERROR:
            return -1;
        case TABLE_FOUND:
            return tls_policy_parse(value, tls, arena, ret, why);
        default:
            break;
        }
    } else if (find_per_site(tls, destination, host, arena, &ret->level, why) < 0) {
        return -1;
    }
    take_defaults(&m);
    return finish(&m, why);
}

/* "hostname", "nexthop" and "dot-nexthop" stand for names. */
static const char *name_for(const char *word, const struct destination *destination,
                            const struct route_host *host, struct arena *arena)
{
    if (str_is_nocase(str_of(word), "hostname"))
        return host->name ? host->name : "";
    if (str_is_nocase(str_of(word), "nexthop"))
        return destination->domain;
    if (str_is_nocase(str_of(word), "dot-nexthop"))
        return arena_printf(arena, ".%s", destination->domain);
    return word;
}

static void fill_in_names(struct tls_policy *policy,
                          const struct destination *destination,
                          const struct route_host *host, struct arena *arena)
{
    struct texts names = {0};
    struct netaddr address;

    for (size_t i = 0; i < policy->match.n; i++)
        texts_add(&names, arena,
                  policy->level == TLS_LEVEL_FINGERPRINT
                      ? policy->match.items[i]
                      : name_for(policy->match.items[i], destination, host, arena));
    policy->match = names;
    if (policy->terms.server_name)
        policy->terms.server_name =
            name_for(policy->terms.server_name, destination, host, arena);
    /* RFC 6066 section 3: names, no addresses */
    if (policy->terms.server_name &&
        (*policy->terms.server_name == '\0' ||
         netaddr_parse(str_of(policy->terms.server_name), &address)))
        policy->terms.server_name = NULL;
}

int tls_policy_find(const struct client_settings *settings,
                    const struct destination *destination, const struct route_host *host,
                    struct arena *arena, struct tls_policy *ret)
{
    struct fail why;

    *ret = (struct tls_policy){0};
    if (!settings->tls)
        return 0;
    if (find(settings->tls, destination, host, arena, ret, &why) < 0) {
        warn(settings, arena, "TLS policy, next-hop destination \"%s\": %s",
             destination->nexthop, why.text);
        warn(settings, arena,
             "TLS policy lookup for %s/%s: client TLS configuration "
             "problem",
             destination->nexthop, host->name ? host->name : "");
        return -1;
    }
    fill_in_names(ret, destination, host, arena);
    return 0;
}

void tls_policy_waive(const struct client_tls *tls, struct arena *arena,
                      struct tls_policy *ret)
{
    struct making m = {.tls = tls, .arena = arena, .policy = ret};

    *ret = (struct tls_policy){.level = TLS_LEVEL_MAY};
    take_defaults(&m);
    if (finish(&m, NULL) < 0) /* in the clear, rather than not at all */
        *ret = (struct tls_policy){0};
}

void tls_policy_name_session(struct tls_policy *policy, const char *service,
                             const struct destination *destination,
                             const struct route_host *host, struct arena *arena)
{
    char address[NETADDR_TEXT];
    struct buf terms;

    policy->terms.resume_peer =
        arena_printf(arena, "%s&%s&%s&%s&%u", service, destination->nexthop,
                     host->name ? host->name : "", netaddr_text(&host->address, address),
                     (unsigned)host->address.port);
    buf_init(&terms, 1 << 20);
    buf_printf(&terms, "%s", levels[policy->level].name);
    for (size_t i = 0; i < policy->match.n; i++)
        buf_printf(&terms, "\n%s", policy->match.items[i]);
    policy->terms.resume_terms = arena_copy(arena, buf_text(&terms));
    buf_done(&terms);
}

/* --- is it the one? ----------------------------------------------------------------- */

const char *tls_policy_refuses(const struct tls_policy *policy,
                               const struct tls_facts *facts, bool wide)
{
    bool by_fingerprint = policy->level == TLS_LEVEL_FINGERPRINT;

    if (policy->level <= TLS_LEVEL_ENCRYPT)
        return NULL;
    if (!facts->has_certificate)
        return "no certificate";
    if (!by_fingerprint && !facts->is_trusted)
        return facts->why_not;
    for (size_t i = 0; i < policy->match.n; i++) {
        struct str wanted = str_of(policy->match.items[i]);

        if (by_fingerprint ? tls_fingerprint_matches(facts, wanted)
                           : tls_certificate_matches(facts, wanted, wide) != NULL)
            return NULL;
    }
    /* compat: OpenSSL's words */
    return by_fingerprint ? "num=65:no matching DANE TLSA records"
                          : "num=62:hostname mismatch";
}

/* --- main.cf ------------------------------------------------------------------------ */

/* What stood in main.cf before there were levels. */
static enum tls_level former_level(const struct conf *conf, bool lmtp)
{
    if (FAMILY(enforce_tls))
        return FAMILY(tls_enforce_peername) ? TLS_LEVEL_VERIFY : TLS_LEVEL_ENCRYPT;
    return FAMILY(use_tls) ? TLS_LEVEL_MAY : TLS_LEVEL_NONE;
}

/* Without TLSA records opportunistic TLS is what dane comes to, and dane-only to nothing.
 */
static int find_level(const struct conf *conf, bool lmtp, enum tls_level *ret,
                      struct client_settings *settings, struct fail *why)
{
    struct str level = str_of(FAMILY(tls_security_level));

    *ret = former_level(conf, lmtp);
    if (level.n == 0 || level_named(level, ret))
        return 0;
    if (!str_is_nocase(level, "dane"))
        return fail_set(why,
                        "Invalid TLS level \"%.*s\": parameter %s_tls_security_level",
                        STR_ARG(level), lmtp ? "lmtp" : "smtp");
    *ret = TLS_LEVEL_MAY;
    if (settings->warn)
        settings->warn("TLS security level dane is not there yet: without the TLSA "
                       "records of servers it is no more than may");
    return 0;
}

static void split(struct texts *ret, struct arena *arena, const char *value,
                  const char *separators)
{
    texts_split(ret, arena, str_of(value), separators);
}

static void read_rules(const struct conf *conf, bool lmtp, struct arena *arena,
                       struct client_tls *ret)
{
    ret->grades =
        (struct tls_grades){conf->tls_high_cipherlist, conf->tls_medium_cipherlist,
                            conf->tls_null_cipherlist};
    ret->protocols[0] = FAMILY(tls_protocols);
    ret->protocols[1] = FAMILY(tls_mandatory_protocols);
    ret->ciphers[0] = FAMILY(tls_ciphers);
    ret->ciphers[1] = FAMILY(tls_mandatory_ciphers);
    ret->exclude[0] = FAMILY(tls_exclude_ciphers);
    ret->exclude[1] = FAMILY(tls_mandatory_exclude_ciphers);
    split(&ret->match[TLS_LEVEL_FINGERPRINT], arena, FAMILY(tls_fingerprint_cert_match),
          SEPARATORS "|");
    split(&ret->match[TLS_LEVEL_VERIFY], arena, FAMILY(tls_verify_cert_match),
          SEPARATORS ":");
    split(&ret->match[TLS_LEVEL_SECURE], arena, FAMILY(tls_secure_cert_match),
          SEPARATORS ":");
    ret->server_name = FAMILY(tls_servername);
    ret->wide = conf->tls_wildcard_matches_multiple_labels;
    ret->wrapped = FAMILY(tls_wrappermode);
    ret->reuse = FAMILY(tls_connection_reuse);
    ret->note_offer = FAMILY(tls_note_starttls_offer);
    ret->timeout_s = FAMILY(starttls_timeout);
    ret->clear_after_s = conf->minimal_backoff_time;
}

static struct tls_settings settings_of(const struct conf *conf, bool lmtp,
                                       struct arena *arena)
{
    struct tls_settings settings = {
        .pairs = {{"RSA", FAMILY(tls_cert_file), FAMILY(tls_key_file)},
                  {"DSA", FAMILY(tls_dcert_file), FAMILY(tls_dkey_file)},
                  {"ECDSA", FAMILY(tls_eccert_file), FAMILY(tls_eckey_file)}},
        .CAfile = FAMILY(tls_CAfile),
        .CApath = FAMILY(tls_CApath),
        .append_default_CA = conf->tls_append_default_CA,
        .verify_depth = FAMILY(tls_scert_verifydepth),
        .dh_file = "",
        .digest = FAMILY(tls_fingerprint_digest),
        .session_context = "",
        .ticket_seconds = FAMILY(tls_session_cache_timeout),
        .slow_shutdown = !conf->tls_fast_shutdown_enable,
        .config_file = conf->tls_config_file,
        .config_section = conf->tls_config_name,
    };

    split(&settings.chain_files, arena, FAMILY(tls_chain_files), SEPARATORS);
    split(&settings.groups, arena, conf->tls_eecdh_auto_curves, SEPARATORS ":");
    split(&settings.groups, arena, conf->tls_ffdhe_auto_groups, SEPARATORS ":");
    split(&settings.options, arena, conf->tls_ssl_options, SEPARATORS);
    split(&settings.workarounds, arena, conf->tls_disable_workarounds, SEPARATORS);
    return settings;
}

/* Where sessions are kept, if main.cf wants it. */
static const struct tls_keeper *find_keeper(const struct conf *conf, bool lmtp,
                                            const struct client_settings *settings,
                                            struct arena *arena)
{
    struct tls_keeper *keeper;

    if (*FAMILY(tls_session_cache_database) == '\0' ||
        FAMILY(tls_session_cache_timeout) <= 0)
        return NULL;
    keeper = ARENA_NEW(arena, struct tls_keeper);
    tls_manager_keeper(tls_manager_new(conf, lmtp ? "lmtp" : "smtp",
                                       FAMILY(tls_session_cache_timeout), settings->warn,
                                       arena),
                       false, lmtp ? "lmtp" : "smtp", keeper);
    return keeper;
}

static int make_context(const struct conf *conf, bool lmtp, struct arena *arena,
                        const struct client_settings *client, struct fail *why)
{
    struct client_tls *tls = client->tls;
    struct tls_settings settings = settings_of(conf, lmtp, arena);

    settings.keeper = find_keeper(conf, lmtp, client, arena);

    tls->library = tls_load(conf->shlib_directory, arena, why);
    if (tls->library)
        tls->context = tls->library->context_new(&settings, arena, why);
    return tls->context ? 0 : -1;
}

int client_tls_read(const struct conf *conf, bool lmtp, struct tables *tables,
                    struct arena *arena, struct client_settings *ret, struct fail *why)
{
    struct client_tls *tls = ARENA_NEW(arena, struct client_tls);
    struct fail trouble;

    if (find_level(conf, lmtp, &tls->level, ret, why) < 0)
        return -1;
    tls->policy_maps =
        maps_open(tables, lmtp ? "lmtp_tls_policy_maps" : "smtp_tls_policy_maps",
                  FAMILY(tls_policy_maps), 0);
    tls->per_site = maps_open(tables, lmtp ? "lmtp_tls_per_site" : "smtp_tls_per_site",
                              FAMILY(tls_per_site), 0);
    tls->log_level = tls_log_level(FAMILY(tls_loglevel));
    read_rules(conf, lmtp, arena, tls);
    if (tls->level == TLS_LEVEL_NONE && maps_empty(tls->policy_maps) &&
        maps_empty(tls->per_site)) {
        if (tls->note_offer || tls->wrapped)
            ret->tls = tls;
        return 0;
    }
    ret->tls = tls;
    if (make_context(conf, lmtp, arena, ret, &trouble) < 0 && ret->warn)
        ret->warn(arena_printf(arena, "%s: disabling TLS support", trouble.text));
    return 0;
}
