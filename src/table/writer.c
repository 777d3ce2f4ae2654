/* The common part of writing tables: finding the type, folding keys. The rest is the
 * type's. */
#include "table/writer.h"

#include "table/fold.h"
#include "table/type.h"

/* Keys and values of one entry; given back after each. */
static struct str prepared_key(struct table_writer *writer, struct arena *arena,
                               struct str key)
{
    struct str folded =
        writer->options.no_fold ? key : fold(arena, key, writer->options.smtputf8);

    return str_from(arena_copy_str(arena, folded), folded.n);
}

int table_writer_open(const char *name, const struct table_writer_options *options,
                      struct table_writer **ret, struct fail *why)
{
    struct str type_name = str_head(str_of(name), str_find(str_of(name), ':'));
    const struct table_type *type;
    struct table_writer *writer;
    struct arena *arena;

    if (type_name.n == strlen(name))
        return fail_set(why, "unsupported dictionary type: %.*s", STR_ARG(type_name));
    type = table_type_find(&options->places, type_name, why);
    if (!type)
        return -1;
    if (!type->writer)
        return fail_set(why, "%s map requires O_RDONLY access mode", name);
    if (options->kept && !type->writer->get)
        return fail_set(why, "%s is of a type that cannot be a cache", name);
    arena = arena_new("table writer");
    writer = ARENA_NEW(arena, struct table_writer);
    writer->type = type->writer;
    writer->options = *options;
    writer->arena = arena;
    writer->scratch = arena_new("table entry");
    writer->name = arena_copy(arena, name + type_name.n + 1);
    writer->path = arena_printf(arena, "%s%s", writer->name, type->writer->suffix);
    if (writer->type->open(writer, why) < 0) {
        arena_free(writer->scratch);
        arena_free(arena);
        return -1;
    }
    *ret = writer;
    return 0;
}

int table_writer_put(struct table_writer *writer, struct str key, struct str value,
                     struct fail *why)
{
    struct str copy;

    arena_reset(writer->scratch);
    copy = str_from(arena_copy_str(writer->scratch, value), value.n);
    return writer->type->put(writer, prepared_key(writer, writer->scratch, key), copy,
                             why);
}

int table_writer_put_as_is(struct table_writer *writer, struct str key, struct str value,
                           struct fail *why)
{
    bool no_fold = writer->options.no_fold;
    int result;

    writer->options.no_fold = true;
    result = table_writer_put(writer, key, value, why);
    writer->options.no_fold = no_fold;
    return result;
}

int table_writer_delete(struct table_writer *writer, struct str key, struct fail *why)
{
    arena_reset(writer->scratch);
    return writer->type->erase(writer, prepared_key(writer, writer->scratch, key), why);
}

enum table_result table_writer_get(struct table_writer *writer, struct str key,
                                   struct arena *arena, struct str *ret_value,
                                   struct fail *why)
{
    arena_reset(writer->scratch);
    return writer->type->get(writer, prepared_key(writer, writer->scratch, key), arena,
                             ret_value, why);
}

enum table_result table_writer_next(struct table_writer *writer, bool first,
                                    struct arena *arena, struct str *ret_key,
                                    struct str *ret_value, struct fail *why)
{
    if (!writer->type->next)
        return fail_set(why, "a table of this type cannot be listed");
    return writer->type->next(writer, first, arena, ret_key, ret_value, why);
}

static void release(struct table_writer *writer)
{
    arena_free(writer->scratch);
    arena_free(writer->arena);
}

int table_writer_finish(struct table_writer *writer, struct fail *why)
{
    int result = writer->type->finish(writer, why);

    release(writer);
    return result;
}

void table_writer_abort(struct table_writer *writer)
{
    if (!writer)
        return;
    writer->type->abort(writer);
    release(writer);
}

const char *table_writer_label(const struct table_writer *writer)
{
    return arena_printf(writer->arena, "%s%s%s", writer->type->label[0], writer->name,
                        writer->type->label[1]);
}
