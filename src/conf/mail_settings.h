/* Parameters in the shape in which mail/ takes them. */
#ifndef CONF_MAIL_SETTINGS_H
#define CONF_MAIL_SETTINGS_H

#include "conf/conf.h"
#include "mail/maillog.h"
#include "mail/rewrite.h"

/* info_log_address_format, delay_logging_resolution_limit */
struct maillog_style conf_log_style(const struct conf *conf);

/* How addresses get their standard form: myorigin, mydomain, append_*, swap_bangpath, ...
 * The texts are conf's. */
struct rewrite_settings conf_rewrite_settings(const struct conf *conf);

#endif
