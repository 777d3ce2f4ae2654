/*
 * Whose rights an agent that started as root uses for files: taken when needed,
 * kept from one step to the next, and given back before root's are needed (to
 * reach other services) and at the end of the request.
 */
#ifndef DELIVER_RIGHTS_H
#define DELIVER_RIGHTS_H

#include "deliver/deliver.h"

/*
 * Act as these ids, {0, 0} = root, from now on. What cannot be done ends the
 * process: it must not go on with rights that it was not to have. In a process
 * that is not privileged (struct process) nothing changes.
 */
void rights_take(struct delivery *delivery, struct rights rights);
/* Act as root again. */
void rights_give_back(struct delivery *delivery);

#endif
