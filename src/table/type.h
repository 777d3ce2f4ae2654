/*
 * What a table type provides. Internal to table/: one file per type defines
 * one constant struct table_type. Those that need no outside library are built in, and
 * types.c lists them all; the others are plug-ins (below).
 *
 * The functions get keys that are folded already (for fixed-string types) and
 * free of NUL. Memory that lives as long as the table comes from
 * table->arena; what open leaves behind is undone by close, also after an open
 * that failed half-way.
 */
#ifndef TABLE_TYPE_H
#define TABLE_TYPE_H

#include "table/plugin_version.gen.h"
#include "table/table.h"
#include "table/writer.h"

struct ipc_client;
struct peer;

enum {
    TABLE_FIXED = 1, /* fixed-string keys: folded, and asked for parts of addresses */
    TABLE_SUBSTITUTES = 2, /* results may hold "$1" */
    TABLE_ANY_VALUE = 4,   /* value is not checked to be UTF-8 */
    TABLE_AS_IS = 8,       /* key is not folded even though it is a fixed string */
    TABLE_INDEXED = 16,    /* postmap makes it from a text file */
};

struct table {
    const struct table_type *type; /* NULL when the type is unknown */
    struct tables *tables;
    struct arena *arena;
    const char *name;       /* "hash:/etc/aliases" */
    const char *path;       /* "/etc/aliases" */
    const char *instead_of; /* the name that was asked for, when another type took over */
    unsigned traits;        /* of the type; for proxy: those of the table behind it */
    unsigned flags;         /* TABLE_NO_FOLD ... of table.h */
    uid_t owner; /* of the file behind it; set by open, or by each lookup; 0 = none */
    bool failed;
    struct fail failure;
    unsigned long asked, found, errors; /* lookups */
    void *state;
};

struct table_type {
    const char *name;
    unsigned traits;
    int (*open)(struct table *table, struct fail *why);
    enum table_result (*lookup)(struct table *table, struct str key, struct arena *arena,
                                struct str *ret_value, struct fail *why);
    /* NULL = cannot list */
    enum table_result (*next)(struct table *table, bool first, struct str *ret_key,
                              struct str *ret_value, struct fail *why);
    /* NULL = never changes while open */
    bool (*changed)(struct table *table);
    void (*close)(struct table *table);     /* NULL = nothing but the arena */
    const struct table_writer_type *writer; /* NULL = not written by postmap */
};

struct table_writer {
    const struct table_writer_type *type;
    struct table_writer_options options;
    struct arena *arena;
    struct arena *scratch; /* reset for each entry */
    const char *name;      /* behind the type: "/etc/aliases" */
    const char *path;      /* of the index, "/etc/aliases.db" */
    void *state;
};

struct table_writer_type {
    const char *suffix; /* of the index behind the source's name: ".db" */
    /* compat: what stands before and behind the source's name in a warning */
    const char *label[2];
    int (*open)(struct table_writer *writer, struct fail *why);
    /* Texts are NUL-terminated and folded. */
    int (*put)(struct table_writer *writer, struct str key, struct str value,
               struct fail *why);
    int (*erase)(struct table_writer *writer, struct str key, struct fail *why);
    /* Of a kept one; NULL = cannot be kept, or not listed. Results live in arena. */
    enum table_result (*get)(struct table_writer *writer, struct str key,
                             struct arena *arena, struct str *ret_value,
                             struct fail *why);
    enum table_result (*next)(struct table_writer *writer, bool first,
                              struct arena *arena, struct str *ret_key,
                              struct str *ret_value, struct fail *why);
    int (*finish)(struct table_writer *writer,
                  struct fail *why); /* frees state in any case */
    void (*abort)(struct table_writer *writer);
};

/*
 * A plug-in is src/table/plugins/NAME.c, which becomes postfix-NAME.so in
 * shlib_directory when the outside library that it needs is there
 * (src/table/plugins/available), and ends in one line:
 *
 *     TABLE_PLUGIN(&table_lmdb);
 *
 * It calls the functions that src/table/plugins/host.symbols lists, which every
 * program with tables holds; another one that a plug-in needs is one line more there.
 * The version changes with the headers that a plug-in sees, so that a plug-in of
 * another build is refused instead of being called wrongly.
 */
struct table_plugin {
    const char *version;
    const struct table_type *const *types; /* NULL at the end */
};
#define TABLE_PLUGIN_SYMBOL "postern_table_plugin"
#define TABLE_PLUGIN(...)                                                                \
    static const struct table_type *const plugin_types[] = {__VA_ARGS__, NULL};          \
    extern const struct table_plugin postern_table_plugin;                               \
    __attribute__((visibility("default")))                                               \
    const struct table_plugin postern_table_plugin = {TABLE_PLUGIN_VERSION,              \
                                                      plugin_types}

/* The type of that name, its plug-in loaded; NULL when there is none, with why. */
const struct table_type *table_type_find(const struct table_places *places,
                                         struct str name, struct fail *why);
/* Traits by name alone, without loading anything; those of a type that is
 * not known here are TABLE_FIXED. */
unsigned table_type_traits(struct str name);
/* Options of the registry that table belongs to. */
const struct tables_options *table_options(const struct table *table);
/* The connection to proxymap that all tables of the registry share. */
struct ipc_client *table_proxymap(const struct table *table);
/* The connection to that server that all tables of the registry share. */
struct peer *table_peer(const struct table *table, const char *endpoint,
                        int64_t timeout_ms);
/* Keep words for tables_each_warning. */
void table_warn(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);
/* A copy of value in arena, as *ret_value when the caller wants it; returns TABLE_FOUND.
 */
enum table_result table_answer(struct arena *arena, struct str value,
                               struct str *ret_value);

#endif
