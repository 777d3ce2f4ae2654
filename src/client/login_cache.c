/*
 * A table behind proxywrite, so that all processes share it: "server;user" has
 * "TIME;DIGEST;STATUS;TEXT". compat: the digest is SHA-1 of the password, in base 64, as
 * Postfix has it; the table is as secret as smtp_sasl_password_maps.
 */
#include "client/login_cache.h"

#include "conf/conf.h"
#include "ipc/client.h"
#include "ipc/messages.h"
#include "util/base64.h"
#include "util/sha1.h"

#include <stdint.h>
#include <stdlib.h>

struct login_cache {
    struct ipc_client *service;
    const char *table; /* "btree:/var/lib/postfix/cache" */
    int keep_s;
};

int login_cache_new(const struct conf *conf, bool lmtp, struct arena *arena,
                    struct login_cache **ret, struct fail *why)
{
    const char *name =
        lmtp ? conf->lmtp_sasl_auth_cache_name : conf->smtp_sasl_auth_cache_name;
    struct login_cache *cache;

    *ret = NULL;
    if (*name == '\0')
        return 0;
    if (!str_starts(str_of(name), "proxy:"))
        return fail_set(
            why, "SASL authentication cache name \"%s\" must start with \"proxy:\"",
            name);
    cache = ARENA_NEW(arena, struct login_cache);
    cache->table = name + strlen("proxy:");
    cache->keep_s =
        lmtp ? conf->lmtp_sasl_auth_cache_time : conf->smtp_sasl_auth_cache_time;
    cache->service =
        ipc_client_new(arena_printf(arena, "private/%s", conf->proxywrite_service_name),
                       "proxymap", conf->ipc_timeout * 1000L);
    ipc_client_is_impatient(cache->service);
    *ret = cache;
    return 0;
}

void login_cache_free(struct login_cache *cache)
{
    if (cache)
        ipc_client_free(cache->service);
}

static const char *key_of(struct arena *arena, const struct login_entry *entry)
{
    return arena_printf(arena, "%s;%s", entry->server, entry->user);
}

static const char *digest_of(struct arena *arena, struct str password)
{
    unsigned char digest[SHA1_SIZE];
    struct buf text;
    const char *copy;

    sha1(password, digest);
    buf_init(&text, 100);
    base64_encode(&text, str_from((const char *)digest, sizeof digest));
    copy = arena_copy_str(arena, buf_str(&text));
    buf_done(&text);
    return copy;
}

static int ask(struct login_cache *cache, const struct ipc_exchange *exchange,
               struct arena *arena, struct fail *why)
{
    const struct looked_up *answer = exchange->ret;

    if (ipc_call(cache->service, exchange, arena, why) < 0)
        return -1;
    if (answer->status == LOOKUP_DENIED)
        return fail_set(why, "proxywrite service is not configured for table \"%s\"",
                        cache->table);
    return answer->status == LOOKUP_RETRY ? fail_set(why, "proxywrite: %s", answer->value)
                                          : 0;
}

int login_cache_find(struct login_cache *cache, time_t now, struct arena *arena,
                     struct login_entry *entry, struct fail *why)
{
    const struct lookup question = {.table = cache->table, .key = key_of(arena, entry)};
    struct looked_up answer;
    const struct ipc_exchange exchange = {"lookup", &lookup_message, &question,
                                          &looked_up_message, &answer};
    struct str rest, digest, status;
    unsigned long long when;

    if (ask(cache, &exchange, arena, why) < 0)
        return -1;
    if (answer.status != LOOKUP_FOUND)
        return 0;
    rest = str_of(answer.value);
    if (!str_number(str_until(&rest, ';'), INT64_MAX, &when) ||
        (long long)when + cache->keep_s < (long long)now)
        return 0;
    digest = str_until(&rest, ';');
    status = str_until(&rest, ';');
    if (!str_is(digest, digest_of(arena, entry->password)) || !status_is_valid(status) ||
        status.n >= sizeof entry->status)
        return 0;
    memcpy(entry->status, status.p, status.n);
    entry->status[status.n] = '\0';
    entry->text = arena_copy_str(arena, rest);
    return 1;
}

int login_cache_add(struct login_cache *cache, time_t now, struct arena *arena,
                    const struct login_entry *entry, struct fail *why)
{
    const struct table_change_entry change = {
        .table = cache->table,
        .key = key_of(arena, entry),
        .value =
            arena_printf(arena, "%lld;%s;%s;%s", (long long)now,
                         digest_of(arena, entry->password), entry->status, entry->text),
    };
    struct looked_up answer;
    const struct ipc_exchange exchange = {"update", &table_change_entry_message, &change,
                                          &looked_up_message, &answer};

    return ask(cache, &exchange, arena, why);
}
