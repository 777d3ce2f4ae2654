/* One place that knows which parameters make up these structs. */
#include "conf/mail_settings.h"

#include <string.h>

struct maillog_style conf_log_style(const struct conf *conf)
{
    return (struct maillog_style){
        .external = strcmp(conf->info_log_address_format, "external") == 0,
        .delay_decimals = conf->delay_logging_resolution_limit,
    };
}

struct rewrite_settings conf_rewrite_settings(const struct conf *conf)
{
    return (struct rewrite_settings){
        .myorigin = conf->myorigin,
        .mydomain = conf->mydomain,
        .remote_header_rewrite_domain = conf->remote_header_rewrite_domain,
        .append_at_myorigin = conf->append_at_myorigin,
        .append_dot_mydomain = conf->append_dot_mydomain,
        .swap_bangpath = conf->swap_bangpath,
        .allow_percent_hack = conf->allow_percent_hack,
    };
}
