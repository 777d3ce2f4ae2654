/*
 * Entries are collected in pages that fit into one answer. What has a line end, or is too
 * much for an answer or for the memory of a process that serves all, fails the whole.
 */
#include "proxymap/listing.h"

#include "ipc/message.h"
#include "table/table.h"

enum { PAGE_BYTES = IPC_VALUE_MAX / 2, LISTING_BYTES_MAX = 256 << 20 };

void listing_forget(struct listing *listing)
{
    arena_free(listing->arena);
    *listing = (struct listing){0};
}

static void end_page(struct listing *listing, struct buf *page)
{
    if (page->n > 0)
        texts_add(&listing->pages, listing->arena,
                  arena_copy_str(listing->arena, buf_str(page)));
    buf_reset(page);
}

static int add(struct listing *listing, struct buf *page, struct str key,
               struct str value, struct fail *why)
{
    size_t n = key.n + value.n + 2;

    if (str_find(key, '\n') < key.n || str_find(value, '\n') < value.n || n > PAGE_BYTES)
        return fail_set(why, "an entry is too long, or has a line end: \"%.100s\"",
                        arena_copy_str(listing->arena, key));
    if (arena_used(listing->arena) + n > LISTING_BYTES_MAX)
        return fail_set(why, "more than %d MB of entries", LISTING_BYTES_MAX >> 20);
    if (page->n + n > PAGE_BYTES)
        end_page(listing, page);
    buf_add_str(page, key);
    buf_add_char(page, '\n');
    buf_add_str(page, value);
    buf_add_char(page, '\n');
    return 0;
}

static int walk(struct listing *listing, struct table *table, struct fail *why)
{
    enum table_result result;
    struct str key, value;
    struct buf page;
    bool first = true;

    buf_init(&page, PAGE_BYTES);
    while ((result = table_next(table, first, &key, &value, why)) == TABLE_FOUND) {
        first = false;
        if (add(listing, &page, key, value, why) < 0) {
            result = TABLE_ERROR;
            break;
        }
    }
    end_page(listing, &page);
    buf_done(&page);
    return result == TABLE_ERROR ? -1 : 0;
}

int listing_take(struct listing *listing, const struct conf *conf, const char *table,
                 unsigned flags, struct fail *why)
{
    struct tables *tables = tables_new(conf);
    int result;

    listing_forget(listing);
    listing->arena = arena_new("listing");
    listing->table = arena_copy(listing->arena, table);
    result = walk(listing, table_open(tables, table, flags), why);
    tables_free(tables);
    if (result < 0) {
        listing_forget(listing);
        return fail_prefix(why, "list %s", table);
    }
    return 0;
}
