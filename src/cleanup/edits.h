/*
 * What the files edits*.c share; the rest of cleanup sees what cleanup.h says.
 */
#ifndef CLEANUP_EDITS_H
#define CLEANUP_EDITS_H

#include "cleanup/cleanup.h"

/* --- edits.c: places -------------------------------------------------------------- */

/* Write a pointer over what stands at that place. */
void edits_point(struct message *m, off_t place, off_t to);
/* Append one; its place. */
off_t edits_add_pointer(struct message *m, off_t to);
/* What is written from the result on is for edits_add_to_envelope: it is read in front of
 * E. */
off_t edits_begin_envelope(struct message *m);
void edits_add_to_envelope(struct message *m, off_t start);

/* --- edits_body.c ----------------------------------------------------------------- */

/* Something else is to be written while a new body comes: the body goes on behind it. */
void edits_interrupt_body(struct message *m);

/* --- what filters ask for (struct milter_edits); context: the message -------------- */

int edits_add_header(void *context, struct str name, struct str value, struct fail *why);
int edits_insert_header(void *context, uint32_t index, struct str name, struct str value,
                        struct fail *why);
int edits_change_header(void *context, uint32_t index, struct str name, struct str value,
                        struct fail *why);
int edits_change_sender(void *context, struct str address, struct str parameters,
                        struct fail *why);
int edits_add_recipient(void *context, struct str address, struct str parameters,
                        struct fail *why);
int edits_delete_recipient(void *context, struct str address, struct fail *why);
int edits_replace_body(void *context, struct str piece, struct fail *why);
/* A body that did not come to its end leaves the old one in place. */
int edits_end_of_filter(void *context, bool whole, struct fail *why);

#endif
