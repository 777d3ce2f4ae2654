/* What main.cf says about tables in general, for tables_new. */
#include "conf/conf.h"
#include "table/table.h"

struct tables *tables_new(const struct conf *conf)
{
    struct tables_options options = {
        .smtputf8 = conf->smtputf8_enable,
        .db_read_cache = (size_t)conf->berkeley_db_read_buffer_size,
        .default_type = conf->default_database_type,
        .proxymap = conf_expand(conf, "private/$proxymap_service_name", NULL),
    };

    return tables_new_with(&options);
}
