/*
 * Asking and changing tables for others. What is not allowed is refused
 * before any table is opened. Tables stay open and are shared by all clients;
 * one that changed is opened again between two requests.
 */
#include "proxymap/proxymap.h"

#include "table/writer.h"
#include "util/clock.h"
#include "util/log.h"

/* What a client may ask for; what it asks about folding and the like is its own affair.
 */
enum {
    CLIENT_FLAGS = TABLE_NO_FOLD | TABLE_NO_SUBSTITUTION | TABLE_NO_UTF8 | TABLE_FILES
};

void proxymap_init(struct proxymap *proxymap, const struct conf *conf, bool may_change,
                   struct arena *arena)
{
    struct cache_times times = {
        .found_ms = 1000L * conf->proxymap_cache_time,
        .negative_ms = 1000L * conf->proxymap_cache_negative_time,
        .stale_ms = 1000L * conf->proxymap_cache_stale_time,
    };

    *proxymap = (struct proxymap){
        .conf = conf,
        .parameter = may_change ? "proxy_write_maps" : "proxy_read_maps",
        .may_change = may_change,
        .arena = arena,
        .tables = tables_new(conf),
        /* who changes tables wants to see it */
        .cache = may_change ? NULL : cache_new(&times, (size_t)conf->proxymap_cache_size),
        .clock = &clock_system,
    };
    allowed_collect(conf, may_change ? conf->proxy_write_maps : conf->proxy_read_maps,
                    arena, &proxymap->allowed);
}

void proxymap_done(struct proxymap *proxymap)
{
    tables_free(proxymap->tables);
    cache_free(proxymap->cache);
}

/* --- what all requests share ----------------------------------------------------------
 */

static void refuse(const struct proxymap *proxymap, const char *name)
{
    log_warning("request for unapproved table: \"%.100s\"", name);
    log_warning("to approve this table for %s access, list proxy:%.100s in main.cf:%s",
                proxymap->may_change ? "read-write" : "read-only", name,
                proxymap->parameter);
}

/* Else says so, with *ret as the answer. */
static bool is_allowed(const struct proxymap *proxymap, const char *name,
                       struct looked_up *ret)
{
    *ret = (struct looked_up){.status = LOOKUP_DENIED, .value = ""};
    if (texts_has(&proxymap->allowed, str_of(name), false))
        return true;
    refuse(proxymap, name);
    return false;
}

static void failed(const struct fail *why, struct arena *arena, struct looked_up *ret)
{
    log_warning("%s", why->text);
    ret->status = LOOKUP_RETRY;
    ret->value = arena_copy(arena, why->text);
}

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

static int open_writer(const struct proxymap *proxymap, const char *name, bool no_fold,
                       struct table_writer **ret, struct fail *why)
{
    const struct table_writer_options options = {
        .places = table_places_of(proxymap->conf),
        .conf = proxymap->conf,
        .mode = TABLE_CHANGE,
        .duplicate = TABLE_REPLACE,
        .with_nul = -1,
        .no_fold = no_fold,
        .smtputf8 = proxymap->conf->smtputf8_enable,
        .file_mode = 0600,
        .in_place = true, /* caches, changed often */
    };

    return table_writer_open(name, &options, ret, why);
}

/*
 * A cache that is not there yet is empty: it is made when it is first asked, so that
 * asking is no failure. One that cannot be made is, as asking will show.
 */
static void make_cache(struct proxymap *proxymap, const char *name)
{
    struct table_writer *writer;
    struct fail ignored;

    if (!proxymap->may_change || texts_has(&proxymap->made, str_of(name), false))
        return;
    texts_add(&proxymap->made, proxymap->arena, arena_copy(proxymap->arena, name));
    if (open_writer(proxymap, name, false, &writer, &ignored) == 0)
        (void)(table_writer_finish(writer, &ignored) < 0);
}

/* --- requests -------------------------------------------------------------------------
 */

/* Ask the table itself. */
static enum table_result ask(struct proxymap *proxymap, const struct lookup *question,
                             struct arena *arena, const char **ret_value,
                             struct fail *why)
{
    enum table_result result;
    struct table *table;
    struct str value;

    tables_refresh_due(proxymap->tables, clock_ms(&clock_system));
    table = table_open(proxymap->tables, question->table,
                       (unsigned)question->flags & CLIENT_FLAGS);
    tables_each_warning(proxymap->tables, warn, NULL);
    result = table_lookup(table, str_of(question->key), arena, &value, why);
    *ret_value = result == TABLE_FOUND ? value.p : NULL;
    return result;
}

static void answer(struct looked_up *ret, const char *value)
{
    ret->status = value ? LOOKUP_FOUND : LOOKUP_NONE;
    ret->value = value ? value : "";
}

/* The same question, asked a second time. */
static struct str cache_key(const struct lookup *question, struct arena *arena)
{
    return str_of(arena_printf(arena, "%u %s\n%s",
                               (unsigned)question->flags & CLIENT_FLAGS, question->table,
                               question->key));
}

void proxymap_lookup(struct proxymap *proxymap, const struct lookup *question,
                     struct arena *arena, struct looked_up *ret)
{
    int64_t now_ms = clock_ms(proxymap->clock);
    enum cache_age age = CACHE_UNKNOWN;
    const char *known = NULL, *value;
    struct str key = STR_NONE;
    struct fail why;

    if (!is_allowed(proxymap, question->table, ret))
        return;
    make_cache(proxymap, question->table);
    if (proxymap->cache) {
        key = cache_key(question, arena);
        age = cache_get(proxymap->cache, key, now_ms, &known);
    }
    if (age == CACHE_FRESH) {
        answer(ret, known);
    } else if (ask(proxymap, question, arena, &value, &why) != TABLE_ERROR) {
        answer(ret, value);
        if (proxymap->cache)
            cache_put(proxymap->cache, key, value, now_ms);
    } else if (age == CACHE_STALE) {
        log_warning("%s -- answered as it was before", why.text);
        answer(ret, known);
    } else {
        failed(&why, arena, ret);
    }
}

void proxymap_entries(struct proxymap *proxymap, const struct table_page *wanted,
                      struct listing *listing, struct arena *arena, struct looked_up *ret)
{
    struct fail why;

    if (!is_allowed(proxymap, wanted->table, ret))
        return;
    make_cache(proxymap, wanted->table);
    if ((wanted->page == 0 || !listing->table ||
         strcmp(listing->table, wanted->table) != 0) &&
        listing_take(listing, proxymap->conf, wanted->table,
                     (unsigned)wanted->flags & CLIENT_FLAGS, &why) < 0) {
        failed(&why, arena, ret);
        return;
    }
    if (wanted->page >= 0 && (size_t)wanted->page < listing->pages.n) {
        answer(ret, arena_copy(arena, listing->pages.items[wanted->page]));
    } else {
        answer(ret, NULL);
        listing_forget(listing);
    }
}

/* Put or, without a value, delete: as table_writer_put and _delete say. */
static int change(struct proxymap *proxymap, const struct table_change_entry *entry,
                  bool put, struct fail *why)
{
    struct table_writer *writer;
    int result;

    if (open_writer(proxymap, entry->table, entry->flags & TABLE_NO_FOLD, &writer, why) <
        0)
        return -1;
    result = put ? table_writer_put(writer, str_of(entry->key), str_of(entry->value), why)
                 : table_writer_delete(writer, str_of(entry->key), why);
    if (result < 0)
        table_writer_abort(writer);
    else if (table_writer_finish(writer, why) < 0)
        result = -1;
    return result;
}

void proxymap_update(struct proxymap *proxymap, const struct table_change_entry *entry,
                     struct arena *arena, struct looked_up *ret)
{
    struct fail why;

    if (!is_allowed(proxymap, entry->table, ret))
        return;
    if (change(proxymap, entry, true, &why) < 0)
        failed(&why, arena, ret);
    else
        ret->status = LOOKUP_FOUND;
}

void proxymap_delete(struct proxymap *proxymap, const struct table_change_entry *entry,
                     struct arena *arena, struct looked_up *ret)
{
    struct fail why;
    int deleted;

    if (!is_allowed(proxymap, entry->table, ret))
        return;
    deleted = change(proxymap, entry, false, &why);
    if (deleted < 0)
        failed(&why, arena, ret);
    else
        ret->status = deleted > 0 ? LOOKUP_FOUND : LOOKUP_NONE;
}
