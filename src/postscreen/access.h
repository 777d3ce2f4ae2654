/* postscreen_access_list: who passes without a test, and who never does. */
#ifndef POSTSCREEN_ACCESS_H
#define POSTSCREEN_ACCESS_H

#include "table/match.h"

enum access_verdict { ACCESS_DUNNO, ACCESS_PERMIT, ACCESS_REJECT };

struct access_list;

/* value: "permit_mynetworks, cidr:/etc/postfix/clients, reject". Lives as long as
 * tables and arena. */
struct access_list *access_open(struct tables *tables, const char *value,
                                const char *mynetworks, struct arena *arena);

/* The first item that decides does. One that cannot be understood or looked up is
 * logged, and ends the list: nobody is judged by half of it. */
enum access_verdict access_judge(const struct access_list *list, const char *address);

#endif
