/*
 * Caches of sessions, one for smtpd and one for each client. An entry is the time when it
 * was kept and the session, in base 64: what it means only OpenSSL knows, and who asks
 * has put into its key all that must be the same.
 */
#include "tlsmgr/tlsmgr.h"

#include "table/cache.h"
#include "tls/tls.h"
#include "util/base64.h"
#include "util/log.h"

enum { CACHES = 3 };

struct kind {
    const char *name; /* "smtpd" */
    struct cache *cache;
    int seconds, log_level;
    int64_t now; /* while it is cleaned */
};

struct sessions {
    struct kind kinds[CACHES];
};

/* --- opening ------------------------------------------------------------------------ */

static void open_kind(struct kind *kind, const struct conf *conf, const char *database,
                      struct arena *arena)
{
    struct fail why;

    if (*database == '\0')
        return;
    if (kind->log_level >= 2)
        log_info("open %s TLS cache %s", kind->name, database);
    if (cache_open(conf, database, arena, &kind->cache, &why) < 0) {
        kind->cache = NULL;
        log_warning("%s: no TLS sessions of %s are kept", why.text, kind->name);
    }
}

struct sessions *sessions_open(const struct conf *conf, struct arena *arena)
{
    struct sessions *sessions = ARENA_NEW(arena, struct sessions);
    const struct {
        const char *name, *database, *level;
        int seconds;
    } rows[CACHES] = {
        {"smtpd", conf->smtpd_tls_session_cache_database, conf->smtpd_tls_loglevel,
         conf->smtpd_tls_session_cache_timeout},
        {"smtp", conf->smtp_tls_session_cache_database, conf->smtp_tls_loglevel,
         conf->smtp_tls_session_cache_timeout},
        {"lmtp", conf->lmtp_tls_session_cache_database, conf->lmtp_tls_loglevel,
         conf->lmtp_tls_session_cache_timeout},
    };

    for (size_t i = 0; i < CACHES; i++) {
        struct kind *kind = &sessions->kinds[i];

        *kind = (struct kind){.name = rows[i].name,
                              .seconds = rows[i].seconds,
                              .log_level = tls_log_level(rows[i].level)};
        open_kind(kind, conf, rows[i].database, arena);
    }
    return sessions;
}

void sessions_close(struct sessions *sessions)
{
    for (size_t i = 0; i < CACHES; i++)
        if (sessions->kinds[i].cache)
            cache_close(sessions->kinds[i].cache);
}

/* --- entries ------------------------------------------------------------------------ */

/* "TIME:BASE64", as long as it is young enough. */
static bool parse(const struct kind *kind, const char *value, int64_t now,
                  int64_t *ret_time, const char **ret_session)
{
    struct str rest = str_of(value);
    unsigned long long kept;

    if (!str_number(str_until(&rest, ':'), INT64_MAX, &kept) || !rest.p || rest.n == 0 ||
        (int64_t)kept > now || now - (int64_t)kept >= kind->seconds)
        return false;
    *ret_time = (int64_t)kept;
    *ret_session = rest.p;
    return true;
}

/* Bytes that text of base 64 stands for. */
static size_t size_of(const char *session)
{
    size_t n = strlen(session);

    return n / 4 * 3 - (n > 0 && session[n - 1] == '=') -
           (n > 1 && session[n - 2] == '=');
}

static int find_kind(struct sessions *sessions, const struct tls_session_entry *entry,
                     struct kind **ret, struct fail *why)
{
    if (strlen(entry->key) == 0 || strlen(entry->key) > TLS_SESSION_KEY)
        return fail_set(why, "a key of %zu bytes is none", strlen(entry->key));
    for (size_t i = 0; i < CACHES; i++)
        if (str_is(str_of(entry->cache), sessions->kinds[i].name)) {
            *ret = &sessions->kinds[i];
            return 0;
        }
    return fail_set(why, "there is no TLS session cache \"%.100s\"", entry->cache);
}

static void note(const struct kind *kind, const char *text)
{
    if (kind->log_level >= 2)
        log_info("%s", text);
}

int sessions_find(struct sessions *sessions, const struct tls_session_entry *wanted,
                  int64_t now, struct arena *arena, const char **ret, struct fail *why)
{
    struct kind *kind;
    enum table_result result;
    const char *value;
    struct fail trouble;
    int64_t kept;

    if (find_kind(sessions, wanted, &kind, why) < 0)
        return -1;
    note(kind, arena_printf(arena, "lookup %s session id=%s", kind->name, wanted->key));
    *ret = "";
    if (!kind->cache)
        return 0;
    result = cache_get(kind->cache, wanted->key, arena, &value, &trouble);
    if (result == TABLE_ERROR)
        log_warning("%s", trouble.text);
    if (result != TABLE_FOUND || !parse(kind, value, now, &kept, ret))
        return 0;
    note(kind,
         arena_printf(arena, "read %s TLS cache entry %s: time=%lld [data %zu bytes]",
                      kind->name, wanted->key, (long long)kept, size_of(*ret)));
    return 0;
}

/* Is it base 64, and no longer than sessions are? */
static bool is_session(const char *text)
{
    struct buf bytes;
    bool fine;

    buf_init(&bytes, IPC_VALUE_MAX);
    fine =
        base64_decode(&bytes, str_of(text)) && bytes.n > 0 && bytes.n <= TLS_SESSION_MAX;
    buf_wipe(&bytes);
    buf_done(&bytes);
    return fine;
}

int sessions_keep(struct sessions *sessions, const struct tls_session_entry *entry,
                  int64_t now, struct arena *arena, struct fail *why)
{
    struct kind *kind;
    struct fail trouble;
    size_t n = size_of(entry->session);

    if (find_kind(sessions, entry, &kind, why) < 0)
        return -1;
    if (!is_session(entry->session))
        return fail_set(why, "what shall be kept is no TLS session");
    note(kind, arena_printf(arena, "put %s session id=%s [data %zu bytes]", kind->name,
                            entry->key, n));
    if (!kind->cache)
        return 0;
    note(kind,
         arena_printf(arena, "write %s TLS cache entry %s: time=%lld [data %zu bytes]",
                      kind->name, entry->key, (long long)now, n));
    if (cache_put(kind->cache, entry->key,
                  arena_printf(arena, "%lld:%s", (long long)now, entry->session),
                  &trouble) < 0)
        log_warning("%s", trouble.text);
    return 0;
}

int sessions_forget(struct sessions *sessions, const struct tls_session_entry *entry,
                    struct fail *why)
{
    struct kind *kind;
    struct fail trouble;

    if (find_kind(sessions, entry, &kind, why) < 0)
        return -1;
    if (kind->log_level >= 2)
        log_info("delete %s session id=%s", kind->name, entry->key);
    if (kind->cache && cache_remove(kind->cache, entry->key, &trouble) < 0)
        log_warning("%s", trouble.text);
    return 0;
}

/* --- cleaning ----------------------------------------------------------------------- */

static bool is_old(void *context, const char *value)
{
    const struct kind *kind = context;
    const char *session;
    int64_t kept;

    return !parse(kind, value, kind->now, &kept, &session);
}

static void clean(struct kind *kind, int64_t now)
{
    struct cache_counts counts;
    struct fail why;

    if (kind->log_level >= 2)
        log_info("start TLS %s session cache cleanup", kind->name);
    kind->now = now;
    if (cache_clean(kind->cache, is_old, kind, now, &counts, &why) < 0)
        log_warning("%s", why.text);
    else if (kind->log_level >= 2)
        log_info("cache %s full cleanup: retained=%zu dropped=%zu entries",
                 cache_name(kind->cache), counts.retained, counts.dropped);
}

/* Once in the time that a session lives. */
int64_t sessions_clean(struct sessions *sessions, int64_t now)
{
    int64_t next = 0;

    for (size_t i = 0; i < CACHES; i++) {
        struct kind *kind = &sessions->kinds[i];
        int64_t interval = kind->seconds > 0 ? kind->seconds : 1, due;

        if (!kind->cache)
            continue;
        due = cache_cleaned(kind->cache) + interval;
        if (due <= now || due > now + interval) {
            clean(kind, now);
            due = now + interval;
        }
        if (next == 0 || due - now < next)
            next = due - now;
    }
    return next;
}
