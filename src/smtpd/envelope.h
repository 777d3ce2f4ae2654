/* The envelope on its way to cleanup: records before the content. */
#ifndef SMTPD_ENVELOPE_H
#define SMTPD_ENVELOPE_H

#include "smtpd/options.h"

/* Open the submission and send the envelope's head, at MAIL. As envelope_recipient. */
bool envelope_open(struct session *session);
/*
 * Pass one accepted recipient on, opening the submission and sending the
 * envelope's head before the first. False when cleanup cannot be reached: the
 * client has been answered 451.
 */
bool envelope_recipient(struct session *session, const char *recipient,
                        const struct options *options);

/* End the envelope and begin the content with our Received header. */
void envelope_end(struct session *session);

#endif
