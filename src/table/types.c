/* The catalogue of table types. A new type is its own file and one line here. */
#include "table/types.h"

#include "table/type.h"

/* In order of name, for postconf -m. */
static const struct table_type *const types[] = {
    &table_btree,  &table_cidr, &table_environ,  &table_fail,   &table_hash,
    &table_inline, &table_pcre, &table_proxy,    &table_regexp, &table_socketmap,
    &table_static, &table_tcp,  &table_texthash, &table_unix,
};

const struct table_type *table_type_find(struct str name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_is(name, types[i]->name))
            return types[i];
    return NULL;
}

const char *table_type_name(size_t i)
{
    return i < COUNT(types) ? types[i]->name : NULL;
}
