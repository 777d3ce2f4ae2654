/*
 * What a local submission may say: the records and attributes that postdrop
 * takes from its caller, and pickup from maildrop/. Both check: the reader
 * distrusts maildrop again (reliability 1.6).
 */
#ifndef QUEUE_MAILDROP_H
#define QUEUE_MAILDROP_H

#include "queue/record.h"

enum maildrop_segment { MAILDROP_ENVELOPE, MAILDROP_CONTENT, MAILDROP_EXTRACTED };

/* Where a submission stands; start zeroed. */
struct maildrop_check {
    enum maildrop_segment segment;
    bool sender, recipient, done, ended;
};

enum maildrop_verdict {
    MAILDROP_TAKE,
    MAILDROP_DROP,   /* harmless, but not the submitter's to say: leave it out */
    MAILDROP_OVER,   /* of a file that was put back: no recipient is left to be done */
    MAILDROP_REFUSE, /* why says what is wrong; the submission ends here */
};

/*
 * Judge the next record of a submission. trusted = the file was made by
 * postsuper -r from a queue file: then all types of a queue file may come, and what
 * cleanup will make anew is dropped.
 */
enum maildrop_verdict maildrop_judge(struct maildrop_check *check,
                                     const struct record *record, bool trusted,
                                     struct fail *why);

/* True when the record ended the submission and nothing was missing. */
bool maildrop_complete(const struct maildrop_check *check);

#endif
