/*
 * Restriction lists: unknown and misplaced words, tables, policy services, words that are
 * never reached, and lists that let strangers relay.
 */
#include "commands/postfix/lint.h"

#include "conf/value.h"
#include "net/cidr.h"
#include "net/endpoint.h"
#include "table/words.h"
#include "util/list.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Kinds of arguments, as restrictions.cat has them, stand here as text: what smtpd learns
 * to understand is known here without a change. */
static const struct restriction {
    const char *name;
    const char *argument;
    unsigned stages;
} restrictions[] = {
#define RESTRICTION(name, argument, stages)              {#name, #argument, stages},
#define RESTRICTION_ALIAS(alias, name, argument, stages) {#alias, #argument, stages},
#include "commands/restrictions.gen.h"
};

/* In the order of the bits in restrictions.cat. */
static const struct place {
    const char *param;
    unsigned stage;
} places[] = {
    {"smtpd_client_restrictions", 1 << 0},      {"smtpd_helo_restrictions", 1 << 1},
    {"smtpd_sender_restrictions", 1 << 2},      {"smtpd_relay_restrictions", 1 << 3},
    {"smtpd_recipient_restrictions", 1 << 4},   {"smtpd_data_restrictions", 1 << 5},
    {"smtpd_end_of_data_restrictions", 1 << 6}, {"local_header_rewrite_clients", 1 << 7},
    {"smtpd_etrn_restrictions", 1 << 8},
};

static const struct restriction *find(struct str name)
{
    for (size_t i = 0; i < COUNT(restrictions); i++)
        if (str_is_nocase(name, restrictions[i].name))
            return &restrictions[i];
    return NULL;
}

static bool takes(const struct restriction *restriction, const char *kind)
{
    return strcmp(restriction->argument, kind) == 0;
}

/* --- one list ----------------------------------------------------------------------- */

/* A list on its way from word to word. */
struct walk {
    const struct scope *scope;
    const char *param;
    unsigned stage;
    struct texts words;
    size_t next;
    const char *final; /* the word behind which nothing is reached */
    bool refuses;      /* has a word that stops strangers, before one that lets all in */
    bool permits_all;  /* and the other way round */
    struct span permit;
};

static bool is_class(const struct walk *w, struct str word)
{
    struct str rest = str_of(scope_text(w->scope, "smtpd_restriction_classes")), class;

    while ((class = str_word(&rest, ", \t\r\n")).n > 0)
        if (str_eq(class, word))
            return true;
    return false;
}

/* Where word number i of the list stands. */
static struct span place_of(const struct walk *w, size_t i)
{
    int nth = 0;

    for (size_t j = 0; j < i; j++)
        nth += strcmp(w->words.items[j], w->words.items[i]) == 0;
    return scope_word(w->scope, w->param, str_of(w->words.items[i]), nth);
}

static void unknown(const struct walk *w, size_t i)
{
    struct nearest nearest = nearest_to(str_of(w->words.items[i]));

    for (size_t j = 0; j < COUNT(restrictions); j++)
        nearest_try(&nearest, restrictions[j].name);
    lint_error(w->scope->lint, place_of(w, i), "%s: unknown restriction \"%s\"%s",
               w->param, w->words.items[i],
               nearest_words(&nearest, w->scope->lint->arena));
}

/* "timeout=10s", as if it were smtpd_policy_service_timeout. */
static void check_policy_option(const struct walk *w, struct str word)
{
    struct lint *lint = w->scope->lint;
    struct span at = scope_word(w->scope, w->param, word, 0);
    struct str text = word, name = str_trim(str_until(&text, '='));
    const char *value = arena_copy_str(lint->arena, str_trim(text));
    const char *whole =
        arena_printf(lint->arena, "smtpd_policy_service_%.*s", STR_ARG(name));
    struct param param;
    union value ret;
    struct fail why;

    if (str_find(word, '=') == word.n)
        lint_error(lint, at, "%s: \"%.*s\" is no name=value", w->param, STR_ARG(word));
    else if (!param_find(str_of(whole), &param))
        lint_error(lint, at, "%s: a policy service has no option \"%.*s\"", w->param,
                   STR_ARG(name));
    else if (value_parse(&param, param.name + strlen("smtpd_policy_service_"), value,
                         &ret, &why) < 0)
        lint_error(lint, at, "%s: %s", w->param, why.text);
}

static void check_policy_socket(const struct walk *w, struct span at, struct str path)
{
    struct lint *lint = w->scope->lint;
    struct str name = str_tail(path, strlen("private/"));
    const char *file = arena_printf(
        lint->arena, "%s/%.*s", scope_text(w->scope, "queue_directory"), STR_ARG(path));

    if (!lint_service(lint, name) && access(file, F_OK) < 0)
        lint_no_service(w->scope, w->param, at, name);
}

/* "unix:private/policy", "inet:127.0.0.1:10023", or "{ inet:..., timeout=10s }" */
static void check_policy(const struct walk *w, size_t i)
{
    struct str rest = str_of(w->words.items[i]);
    struct texts options = {0};
    struct str server = str_word(&rest, ", \t\r\n");
    struct span at = scope_word(w->scope, w->param, server, 0);

    if (str_starts(server, "inet:"))
        lint_port(w->scope, at, str_tail(server, 5));
    else if (str_starts(server, "unix:private/"))
        check_policy_socket(w, at, str_tail(server, 5));
    else if (!str_starts(server, "unix:"))
        lint_error(w->scope->lint, at,
                   "%s: \"%.*s\" is neither inet:host:port nor unix:path", w->param,
                   STR_ARG(server));
    texts_split_braced(&options, w->scope->lint->arena, rest, ", \t\r\n");
    for (size_t j = 0; j < options.n; j++)
        check_policy_option(w, str_of(options.items[j]));
}

static void check_argument(struct walk *w, const struct restriction *restriction)
{
    struct lint *lint = w->scope->lint;
    size_t i = w->next;
    const char *text;
    int seconds;

    if (i == w->words.n || find(str_of(w->words.items[i]))) {
        lint_error(lint, place_of(w, i - 1), "%s: argument missing behind \"%s\"",
                   w->param, restriction->name);
        return;
    }
    text = w->words.items[w->next++];
    if (takes(restriction, "TIME_ARGUMENT") && !conf_time(text, 's', &seconds))
        lint_error(lint, place_of(w, i), "%s: bad time \"%s\"", w->param, text);
    else if (strcmp(restriction->name, "check_policy_service") == 0)
        check_policy(w, i);
    else if (takes(restriction, "TABLE_ARGUMENT") && !strchr(text, ':'))
        lint_error(lint, place_of(w, i), "%s: \"%s\" is no table, type:name", w->param,
                   text);
    else if (takes(restriction, "TABLE_ARGUMENT") && text[0] != '{')
        lint_table(w->scope, w->param, str_of(text));
    else if (takes(restriction, "BLOCKLIST_ARGUMENT") && !strchr(text, '.') &&
             !strchr(text, '$'))
        lint_error(lint, place_of(w, i), "%s: \"%s\" is no domain of a block list",
                   w->param, text);
}

/* --- what a word means for those behind it --------------------------------------------
 */

static bool is_word_of(const char *word, const char *const *list)
{
    for (size_t i = 0; list[i]; i++)
        if (strcasecmp(word, list[i]) == 0)
            return true;
    return false;
}

/* Does permit_mynetworks let everybody in? */
static bool trusts_all(const struct walk *w)
{
    struct str rest = str_of(scope_text(w->scope, "mynetworks")), word;
    struct cidr block;

    while ((word = table_word(&rest)).n > 0)
        if (cidr_parse(word, &block, NULL) == 0 && block.bits == 0)
            return true;
    return false;
}

static void weigh(struct walk *w, size_t i)
{
    static const char *const refusing[] = {
        "reject_unauth_destination", "defer_unauth_destination", "reject", "defer",
        "check_relay_domains",       "permit_auth_destination",  NULL};
    static const char *const final[] = {"permit", "reject", "defer", NULL};
    const char *word = w->words.items[i];

    if (!w->permits_all && !w->refuses) {
        w->refuses = is_word_of(word, refusing);
        w->permits_all = strcasecmp(word, "permit") == 0 ||
                         (strcasecmp(word, "permit_mynetworks") == 0 && trusts_all(w));
        w->permit = place_of(w, i);
    }
    if (is_word_of(word, final))
        w->final = word;
}

static void step(struct walk *w)
{
    size_t i = w->next++;
    const char *word = w->words.items[i];
    const struct restriction *restriction = find(str_of(word));
    struct lint *lint = w->scope->lint;

    if (w->final) {
        lint_warn(lint, place_of(w, i), "%s: \"%s\" is never reached, behind \"%s\"",
                  w->param, word, w->final);
        w->next = w->words.n;
        return;
    }
    if (restriction && strcasecmp(word, "warn_if_reject") == 0) {
        if (w->next < w->words.n && strcasecmp(w->words.items[w->next], "reject") == 0)
            w->next++;
        return;
    }
    if (!restriction && strchr(word, ':'))
        lint_table(w->scope, w->param, str_of(word));
    else if (!restriction && !is_class(w, str_of(word)))
        unknown(w, i);
    if (!restriction)
        return;
    if (w->stage && !(restriction->stages & w->stage))
        lint_error(lint, place_of(w, i), "%s: \"%s\" cannot stand in this list", w->param,
                   word);
    weigh(w, i);
    if (!takes(restriction, "NO_ARGUMENT") && !takes(restriction, "RESTRICTION_ARGUMENT"))
        check_argument(w, restriction);
}

static struct walk walk(const struct scope *scope, const char *param, unsigned stage)
{
    struct walk w = {.scope = scope, .param = param, .stage = stage};

    texts_split_braced(&w.words, scope->lint->arena, str_of(scope_text(scope, param)),
                       ", \t\r\n");
    while (w.next < w.words.n)
        step(&w);
    return w;
}

/* --- all lists ---------------------------------------------------------------------- */

static void check_classes(const struct scope *scope)
{
    struct str rest = str_of(scope_text(scope, "smtpd_restriction_classes")), class;

    while ((class = str_word(&rest, ", \t\r\n")).n > 0) {
        const char *name = arena_copy_str(scope->lint->arena, class);

        if (conf_text(scope->conf, name, NULL))
            walk(scope, name, 0);
        else
            lint_error(scope->lint,
                       scope_word(scope, "smtpd_restriction_classes", class, 0),
                       "smtpd_restriction_classes: %s is not defined", name);
    }
}

static bool has_refusal(const struct walk *w)
{
    static const char *const refusals[] = {
        "reject_unauth_destination", "defer_unauth_destination", "reject", "defer",
        "defer_if_permit",           "check_relay_domains",      NULL};

    for (size_t i = 0; i < w->words.n; i++)
        if (is_word_of(w->words.items[i], refusals))
            return true;
    return false;
}

/*
 * A stranger's mail to a stranger passes when no list refuses it before it lets everybody
 * in. smtpd itself only sees to it that there is a refusal somewhere.
 */
static void check_relay(const struct scope *scope, const struct walk *relay,
                        const struct walk *recipient)
{
    struct span at = relay->permits_all ? relay->permit : recipient->permit;

    if (!has_refusal(relay) && !has_refusal(recipient))
        lint_error(scope->lint,
                   scope_span(scope, relay->words.n ? relay->param : recipient->param),
                   "open relay: neither %s nor %s has reject_unauth_destination or "
                   "another word that refuses, so smtpd refuses to work",
                   relay->param, recipient->param);
    else if (!relay->refuses && !recipient->refuses &&
             (relay->permits_all || recipient->permits_all))
        lint_error(scope->lint, at,
                   "open relay: all clients are let in before anything in %s or %s "
                   "refuses mail for other domains",
                   relay->param, recipient->param);
}

static bool matters(const struct scope *scope)
{
    if (!scope->entry)
        return true;
    if (strcmp(scope->entry->service.command, "smtpd") != 0)
        return false;
    for (size_t i = 0; i < COUNT(places); i++)
        if (scope_sets(scope, places[i].param))
            return true;
    return scope_sets(scope, "mynetworks");
}

void lint_restrictions(const struct scope *scope)
{
    struct walk relay = {0}, recipient = {0};

    if (!matters(scope))
        return;
    check_classes(scope);
    for (size_t i = 0; i < COUNT(places); i++) {
        struct walk w = walk(scope, places[i].param, places[i].stage);

        if (strcmp(w.param, "smtpd_relay_restrictions") == 0)
            relay = w;
        else if (strcmp(w.param, "smtpd_recipient_restrictions") == 0)
            recipient = w;
    }
    check_relay(scope, &relay, &recipient);
}
