/*
 * The tests that a client has to pass, how it stands with each, and what the cache keeps
 * of that: the seconds since 1970 until which each test holds, "t0;t1;t2;t3;t4", as
 * Postfix has it, so that a cache can be taken over.
 */
#ifndef POSTSCREEN_TESTS_H
#define POSTSCREEN_TESTS_H

#include "conf/conf.h"
#include "util/arena.h"

#include <stdint.h>

enum test {
    TEST_GREET,      /* says nothing before it is greeted */
    TEST_DNSBL,      /* stands on no list */
    TEST_PIPELINING, /* waits for replies */
    TEST_NON_SMTP,   /* says nothing of postscreen_forbidden_commands */
    TEST_BARE_NEWLINE,
    TESTS,
};
enum {
    TESTS_EARLY = 1 << TEST_GREET | 1 << TEST_DNSBL,
    TESTS_DEEP = 1 << TEST_PIPELINING | 1 << TEST_NON_SMTP | 1 << TEST_BARE_NEWLINE,
};

/* What is done with a client that does not pass. */
enum action {
    ACTION_IGNORE,
    ACTION_ENFORCE, /* all mail is refused */
    ACTION_DROP,    /* hung up at once */
};

/* How each test is done; one a process. */
struct test_rules {
    unsigned enabled; /* a bit for each test */
    enum action actions[TESTS];
    int ttl[TESTS]; /* how long it holds; of TEST_DNSBL at the most */
    int min_ttl;    /* ... at the least; and of a failure that is ignored */
    int retention;  /* how long one is remembered when nothing holds any more */
};

/* "ignore", "enforce", "drop"; -1 names the parameter. */
int action_read(const char *param, const char *value, enum action *ret,
                struct fail *why) MUST_CHECK;
int test_rules_read(const struct conf *conf, bool have_lists, struct test_rules *ret,
                    struct fail *why) MUST_CHECK;

/* What is known of a client. */
struct record {
    int64_t until[TESTS]; /* 0 = has not passed, RECORD_OFF = was not asked for */
};
enum { RECORD_OFF = 1 };

bool record_parse(const char *value, struct record *ret);
const char *record_format(const struct record *record, struct arena *arena);
/* The tests that are to be done, a bit for each. */
unsigned record_due(const struct record *record, const struct test_rules *rules,
                    int64_t now);
bool record_is_old(const struct record *record, const struct test_rules *rules,
                   int64_t now);

#endif
