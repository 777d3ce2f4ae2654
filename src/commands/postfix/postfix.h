/*
 * postfix(1): the words that it knows, and what they share.
 */
#ifndef POSTFIX_POSTFIX_H
#define POSTFIX_POSTFIX_H

#include "commands/command.h"

#include <sys/types.h>

struct control {
    struct command command;
    const struct conf *conf;
    uid_t mail_owner;
    gid_t mail_group;   /* of mail_owner */
    gid_t setgid_group; /* of postdrop */
    bool debug;         /* -D */
    bool secondary;     /* one of the default instance's multi_instance_directories */
    char **arguments;   /* behind the word; NULL at the end */
    int errors;         /* that the configuration has, where the word asks for it */
};

/* --- structure.c: directories and their rights --- */

/* Make the directories that are missing, with their owners and modes; ends the program
 * when that fails. Warns of those that are there and have others. False when there are
 * mistakes in the lists of files, which are told: no reason to stop mail. */
bool structure_make(const struct control *control);
/* Give directories and set-gid programs the owners and modes that they should have, and
 * files of the queue and of data_directory to the mail owner. */
void structure_repair(const struct control *control);

/* Give all that is below a directory to this user, and each folder this mode; 0 = as it
 * is. */
void structure_give(const char *path, uid_t owner, mode_t mode);

/* --- files.c: the lists of what is installed (postfix-files) --- */

/* Make directories that the lists want to be made; false when there are mistakes in the
 * lists, which are told. */
bool files_make_missing(const struct control *control);
/* Give what the lists name its owner and permissions; false when that could not be done
 * for all, which is then told. */
bool files_repair(const struct control *control);

/* Commands that are set-gid, in $command_directory; NULL at the end. */
extern const char *const setgid_programs[];

/* --- check.c: what an administrator should know --- */

/* Let postsuper repair the structure of the queue: names that a restored backup made
 * wrong, other hash depths. False when it could not. */
bool check_queue(const struct control *control);

/* Warn of files that others than their rightful owner could have changed. */
void check_files(const struct control *control);

/* --- explain.c --- */

/* Print which way mail from sender ("" = the null sender) to address would take now, and
 * what decides each step. */
void explain_address(const struct control *control, const char *address,
                     const char *sender);

/* --- upgrade.c: changes of main.cf and master.cf --- */

/* Add to master.cf what newer programs need. */
void upgrade_configuration(const struct control *control);
/* Have postconf set "name=value" texts, NULL at the end, in main.cf. */
void settings_save(const struct control *control, const char *const *settings);
/* The same for what an installation may set, after a look at the names; false when there
 * are none. */
bool installation_settings_save(const struct control *control, const char *const *words);
/* postfix non-bdb; its exit status. */
int non_bdb(const struct control *control);

/* --- post_install.c --- */

/* Owners and permissions as the installation has them: what the mail system needs, and
 * what the lists name. The exit status of who is asked for it. */
int permissions_repair(const struct control *control);
/* postfix post-install; its exit status. */
int post_install(const struct control *control);

/* --- tls.c --- */

/* postfix tls, with that openssl command; its exit status. */
int tls_command(const struct control *control, const char *openssl_path);

/* --- logrotate.c --- */

/* Rename maillog_file, let all programs open it anew, compress the old one. */
void logfile_rotate(const struct control *control);

/* --- process.c: commands, and the master process --- */

/* Its pid; 0 when the mail system does not run. The working directory is the queue's. */
pid_t process_find(void);
/* Start it and wait until it is ready; its exit status, 0 = it runs. */
int process_start(const struct control *control);
/* Become the master process, without leaving the terminal. */
void process_become(const struct control *control);
/* Send a signal, and ends the program when that fails. */
void process_signal(pid_t pid, int number);
/* Wait until it has ended; false when it still runs after that time. */
bool process_wait_end(int timeout_ms);
/* Kill it with all that it started. */
void process_kill_group(pid_t pid);

#endif
