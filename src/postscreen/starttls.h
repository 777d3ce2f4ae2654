/* STARTTLS: tlsproxy speaks TLS with the client, and we go on with it in plain text. */
#ifndef POSTSCREEN_STARTTLS_H
#define POSTSCREEN_STARTTLS_H

#include "postscreen/visitor.h"

/* The client has asked for it, and said nothing more. visitor_go_on_talking follows. */
void starttls(struct visitor *visitor);

#endif
