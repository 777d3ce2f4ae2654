/*
 * Keys are remembered until they expire, so a process asks for them once in a rotation. A
 * ticket under a name that is not known makes it ask again, as another process may have
 * got newer keys; but not for each ticket that somebody has invented.
 */
#include "tls/manager.h"

#include "conf/conf.h"
#include "ipc/client.h"
#include "util/base64.h"
#include "util/clock.h"

#include <sys/random.h>

enum {
    PATIENCE_MS = 5000, /* tlsmgr is quick, and somebody waits for us */
    PAUSE_S = 1,        /* between questions about names that are not known */
    AWAY_S = 60         /* tlsmgr is not asked again when it was not there */
};

/* Which key is which. */
enum { ISSUING, FORMER, OWN, KEYS };

struct tls_manager {
    struct ipc_client *client;
    struct arena *arena; /* of one question */
    const char *service, *cache;
    int ticket_seconds;
    void (*warn)(const char *text);
    struct tls_ticket_key keys[KEYS];
    int64_t issue_until, own_until; /* seconds since 1970 */
    int64_t ask_again_s;            /* of the monotonic clock: not before */
    int64_t unknown_again_s;        /* likewise, about a name that is not known */
    bool is_fed;                    /* never asks */
};

static int64_t wall_time(void)
{
    return clock_wall(&clock_system).tv_sec;
}

static int64_t steady_time(void)
{
    return clock_ms(&clock_system) / 1000;
}

struct tls_manager *tls_manager_new(const struct conf *conf, const char *service,
                                    int ticket_seconds, void (*warn)(const char *text),
                                    struct arena *arena)
{
    struct tls_manager *manager = ARENA_NEW(arena, struct tls_manager);

    manager->client = ipc_client_new(
        arena_printf(arena, "private/%s", conf->tlsmgr_service_name), "tlsmgr",
        conf->ipc_timeout * 1000L < PATIENCE_MS ? conf->ipc_timeout * 1000L
                                                : PATIENCE_MS);
    ipc_client_is_impatient(manager->client);
    manager->arena = arena_new("tlsmgr");
    manager->service = service;
    manager->ticket_seconds = ticket_seconds;
    manager->warn = warn;
    return manager;
}

void tls_manager_free(struct tls_manager *manager)
{
    ipc_client_free(manager->client);
    arena_free(manager->arena);
    explicit_bzero(manager->keys, sizeof manager->keys);
}

/* One question; false = tlsmgr cannot be asked, which is told once in a while. */
static bool ask(struct tls_manager *manager, const struct ipc_exchange *exchange)
{
    struct fail why;

    if (manager->is_fed || steady_time() < manager->ask_again_s)
        return false;
    if (ipc_call(manager->client, exchange, manager->arena, &why) == 0)
        return true;
    ipc_client_close(manager->client);
    manager->ask_again_s = steady_time() + AWAY_S;
    manager->warn(arena_printf(manager->arena,
                               "%s: TLS sessions are not shared between processes now",
                               why.text));
    return false;
}

/* --- keys of tickets ------------------------------------------------------------------
 */

const char *tls_ticket_key_text(const struct tls_ticket_key *key, struct arena *arena)
{
    struct buf text, bytes;
    const char *result;

    buf_init(&bytes, 100);
    buf_init(&text, 200);
    buf_reserve(&bytes, 99);
    buf_reserve(&text, 199);
    buf_add(&bytes, key->name, sizeof key->name);
    buf_add(&bytes, key->secret, sizeof key->secret);
    buf_add(&bytes, key->mac, sizeof key->mac);
    base64_encode(&text, buf_str(&bytes));
    result = arena_copy(arena, buf_text(&text));
    buf_wipe(&bytes);
    buf_wipe(&text);
    buf_done(&bytes);
    buf_done(&text);
    return result;
}

bool tls_ticket_key_parse(const char *text, struct tls_ticket_key *ret)
{
    const size_t wanted = sizeof ret->name + sizeof ret->secret + sizeof ret->mac;
    struct buf bytes;
    bool fine;

    buf_init(&bytes, IPC_VALUE_MAX);
    buf_reserve(&bytes, 100);
    fine = base64_decode(&bytes, str_of(text)) && bytes.n == wanted;
    if (fine) {
        memcpy(ret->name, bytes.p, sizeof ret->name);
        memcpy(ret->secret, bytes.p + sizeof ret->name, sizeof ret->secret);
        memcpy(ret->mac, bytes.p + wanted - sizeof ret->mac, sizeof ret->mac);
    }
    buf_wipe(&bytes);
    buf_done(&bytes);
    return fine;
}

int tls_manager_take(struct tls_manager *manager, const struct tls_keys *keys,
                     struct fail *why)
{
    struct tls_ticket_key issuing, former = {.expires = 0};

    if (!tls_ticket_key_parse(keys->key, &issuing) ||
        (*keys->former && !tls_ticket_key_parse(keys->former, &former)))
        return fail_set(why, "what tlsmgr answers is no key of session tickets");
    issuing.expires = keys->expires;
    if (*keys->former)
        former.expires = keys->former_expires;
    manager->keys[ISSUING] = issuing;
    manager->keys[FORMER] = former;
    manager->issue_until = keys->issue_until;
    return 0;
}

static void ask_for_keys(struct tls_manager *manager)
{
    const struct tls_keys_wanted wanted = {manager->service};
    struct tls_keys answer;
    struct fail why;

    if (ask(manager, &(struct ipc_exchange){"keys", &tls_keys_wanted_message, &wanted,
                                            &tls_keys_message, &answer}) &&
        tls_manager_take(manager, &answer, &why) < 0)
        manager->warn(why.text);
    arena_reset(manager->arena);
}

/* A key of this process, for the time without tlsmgr. */
static const struct tls_ticket_key *own_key(struct tls_manager *manager, int64_t now)
{
    struct tls_ticket_key *own = &manager->keys[OWN];

    if (now < manager->own_until)
        return own;
    if (getrandom(own->name, sizeof own->name, 0) != sizeof own->name ||
        getrandom(own->secret, sizeof own->secret, 0) != sizeof own->secret ||
        getrandom(own->mac, sizeof own->mac, 0) != sizeof own->mac)
        return NULL;
    manager->own_until = now + manager->ticket_seconds;
    own->expires = manager->own_until + manager->ticket_seconds;
    return own;
}

static const struct tls_ticket_key *key_for_new(struct tls_manager *manager, int64_t now)
{
    if (now >= manager->issue_until)
        ask_for_keys(manager);
    return now < manager->issue_until ? &manager->keys[ISSUING] : own_key(manager, now);
}

static const struct tls_ticket_key *find_key(const struct tls_manager *manager,
                                             const unsigned char *name, int64_t now)
{
    for (size_t i = 0; i < KEYS; i++)
        if (manager->keys[i].expires > now &&
            memcmp(manager->keys[i].name, name, sizeof manager->keys[i].name) == 0)
            return &manager->keys[i];
    return NULL;
}

static const struct tls_ticket_key *ticket_key(void *context, const unsigned char *name)
{
    struct tls_manager *manager = context;
    const struct tls_ticket_key *key;
    int64_t now = wall_time();

    if (!name)
        return key_for_new(manager, now);
    key = find_key(manager, name, now);
    if (key || steady_time() < manager->unknown_again_s)
        return key;
    ask_for_keys(manager);
    manager->unknown_again_s = steady_time() + PAUSE_S;
    return find_key(manager, name, now);
}

/* --- sessions -------------------------------------------------------------------------
 */

static bool find(void *context, const char *key, struct buf *ret)
{
    struct tls_manager *manager = context;
    const struct tls_session_entry wanted = {.cache = manager->cache, .key = key};
    struct tls_session_found found = {.status = 1};
    bool fine =
        ask(manager, &(struct ipc_exchange){"find", &tls_session_entry_message, &wanted,
                                            &tls_session_found_message, &found}) &&
        found.status == 0 && base64_decode(ret, str_of(found.session)) &&
        ret->n <= TLS_SESSION_MAX;

    arena_reset(manager->arena);
    return fine;
}

static void tell(struct tls_manager *manager, const char *request, const char *key,
                 const char *session)
{
    const struct tls_session_entry entry = {manager->cache, key, session};
    struct status_reply reply;

    (void)ask(manager, &(struct ipc_exchange){request, &tls_session_entry_message, &entry,
                                              &status_reply_message, &reply});
    arena_reset(manager->arena);
}

static void keep(void *context, const char *key, struct str session)
{
    struct buf text;

    if (session.n > TLS_SESSION_MAX)
        return;
    buf_init(&text, IPC_VALUE_MAX);
    buf_reserve(&text, session.n * 2);
    base64_encode(&text, session);
    tell(context, "keep", key, buf_text(&text));
    buf_wipe(&text);
    buf_done(&text);
}

static void forget(void *context, const char *key)
{
    tell(context, "forget", key, "");
}

/* --- what the plug-in gets ------------------------------------------------------------
 */

void tls_manager_keeper(struct tls_manager *manager, bool with_keys, const char *cache,
                        struct tls_keeper *ret)
{
    manager->cache = cache;
    *ret = (struct tls_keeper){.ticket_key = with_keys ? ticket_key : NULL,
                               .find = cache ? find : NULL,
                               .keep = cache ? keep : NULL,
                               .forget = cache ? forget : NULL,
                               .cache = cache,
                               .context = manager};
}

void tls_manager_is_fed(struct tls_manager *manager)
{
    manager->is_fed = true;
}
