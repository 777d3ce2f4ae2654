/*
 * The log file: maillog_file.
 */
#ifndef POSTLOGD_FILE_H
#define POSTLOGD_FILE_H

#include "util/attributes.h"
#include "util/fail.h"
#include "util/str.h"

#include <sys/types.h>

struct logfile {
    int fd;
    unsigned long lost; /* lines that could not be written, not told yet */
};

/*
 * Open path for appending. It must lie below one of prefixes (a list of
 * absolute paths, as maillog_file_prefixes); /dev/stdout is our standard output.
 */
int logfile_open(struct logfile *file, const char *path, const char *prefixes,
                 mode_t mode, struct fail *why) MUST_CHECK;

/* Append one line, made printable, with its line end. What does not go is counted, and
 * told with the next that goes. */
void logfile_append(struct logfile *file, struct str line);

/* "0600", "0640" or "0644", the values that maillog_file_permissions may have. */
int logfile_mode(const char *text, mode_t *ret, struct fail *why) MUST_CHECK;

#endif
