/*
 * Effective ids, changed no more often than need be: a delivery to a user looks
 * for a .forward and writes a mailbox under one change.
 */
#include "deliver/rights.h"

#include "util/ids.h"
#include "util/log.h"

void rights_take(struct delivery *delivery, struct rights rights)
{
    struct rights *now = &delivery->acting;
    struct fail why;

    if (!delivery->process->privileged ||
        (now->uid == rights.uid && now->gid == rights.gid))
        return;
    if (((now->uid != 0 || now->gid != 0) && ids_restore(&why) < 0) ||
        ((rights.uid != 0 || rights.gid != 0) &&
         ids_switch(rights.uid, rights.gid, &why) < 0))
        fatal("%s", why.text);
    *now = rights;
}

void rights_give_back(struct delivery *delivery)
{
    rights_take(delivery, (struct rights){0, 0});
}
