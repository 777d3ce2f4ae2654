/*
 * Which file takes a recipient's mail, and with whose rights: what
 * virtual_mailbox_maps, virtual_uid_maps and virtual_gid_maps say.
 */
#ifndef VIRTUAL_DESTINATION_H
#define VIRTUAL_DESTINATION_H

#include "conf/conf.h"
#include "deliver/mailbox.h"
#include "table/address_maps.h"

struct directory {
    const struct conf *conf;
    struct tables *tables;
    struct maps *mailboxes, *uids, *gids;
    struct address_rules rules;
};

/* Opens the tables; what cannot be opened fails at each lookup. */
void directory_init(struct directory *directory, const struct conf *conf);

struct destination {
    const char *path; /* below virtual_mailbox_base; a Maildir ends in '/' */
    struct rights owner;
};

enum found { FOUND, NOT_FOUND, FOUND_TROUBLE };

/*
 * recipient: internal form. FOUND_TROUBLE: a table failed or holds nonsense; *why
 * is for the administrator's log, *ret_defer what the sender may read and the
 * status to defer with ("4.3.5 mail system configuration error").
 */
enum found directory_find(const struct directory *directory, const char *recipient,
                          struct arena *arena, struct destination *ret,
                          const char **ret_defer, struct fail *why) MUST_CHECK;

#endif
