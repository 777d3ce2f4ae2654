/*
 * What one cleanup process knows before any message comes: parameters in the
 * shape in which they are used.
 */
#include "cleanup/cleanup.h"

#include "ipc/notice.h"

static void make_rules(struct cleaner *cleaner)
{
    const struct conf *conf = cleaner->conf;
    const struct rewrite_settings settings = {
        .myorigin = conf->myorigin,
        .mydomain = conf->mydomain,
        .remote_header_rewrite_domain = conf->remote_header_rewrite_domain,
        .append_at_myorigin = conf->append_at_myorigin,
        .append_dot_mydomain = conf->append_dot_mydomain,
        .swap_bangpath = conf->swap_bangpath,
        .allow_percent_hack = conf->allow_percent_hack,
    };

    cleaner->local_rules = rewrite_rules_local(&settings);
    cleaner->rewrites_remote = rewrite_rules_remote(&settings, &cleaner->remote_rules);
}

int cleaner_init(struct cleaner *cleaner, const struct conf *conf, struct arena *arena,
                 struct fail *why)
{
    (void)why;
    *cleaner = (struct cleaner){.conf = conf, .notice = -1, .notice_path = NOTICE_PATH};
    spool_init(&cleaner->spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    texts_split(&cleaner->drop_headers, arena, str_of(conf->message_drop_headers),
                ", \t\r\n");
    make_rules(cleaner);
    return 0;
}
