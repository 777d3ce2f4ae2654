/* The table types that are built in; each is defined in the file of its name. */
#ifndef TABLE_TYPES_H
#define TABLE_TYPES_H

struct table_type;

extern const struct table_type table_cidr;
extern const struct table_type table_debug;
extern const struct table_type table_environ;
extern const struct table_type table_fail;
extern const struct table_type table_inline;
extern const struct table_type table_internal;
extern const struct table_type table_pipemap;
extern const struct table_type table_memcache;
extern const struct table_type table_proxy;
extern const struct table_type table_randmap;
extern const struct table_type table_regexp;
extern const struct table_type table_socketmap;
extern const struct table_type table_static;
extern const struct table_type table_tcp;
extern const struct table_type table_texthash;
extern const struct table_type table_unionmap;
extern const struct table_type table_unix;

#endif
