/* What main.cf says about tables in general, for tables_new. */
#include "conf/conf.h"
#include "table/redirect.h"
#include "table/table.h"

struct table_places table_places_of(const struct conf *conf)
{
    return (struct table_places){
        .objects = conf_expand(conf, "$shlib_directory", NULL),
        .lists = conf_expand(conf, "$meta_directory", NULL),
    };
}

struct tables_options tables_options_of(const struct conf *conf)
{
    return (struct tables_options){
        .places = table_places_of(conf),
        .smtputf8 = conf->smtputf8_enable,
        .db_read_cache = (size_t)conf->berkeley_db_read_buffer_size,
        .default_type = conf->default_database_type,
        .conf = conf,
        .socketmap_query_max = (size_t)conf->socketmap_max_query_size,
        .socketmap_reply_max = (size_t)conf->socketmap_max_reply_size,
        .reindex = redirect_reindexer(conf),
        .proxymap = conf_expand(conf, "private/$proxymap_service_name", NULL),
    };
}

struct tables *tables_new(const struct conf *conf)
{
    struct tables_options options = tables_options_of(conf);

    return tables_new_with(&options);
}
