/*
 * ldap:file - a search in an LDAP directory, ldap_table(5).
 *
 * This file has the connection and the question; what is taken from the entries found,
 * and the groups that are followed, are entries.c. A connection that has gone away since
 * the last question is made once more. The library tries the servers of server_host
 * itself.
 */
#include "table/plugins/ldap/ldap.h"

#include "table/type.h"

#include <stdio.h>

enum { DEFAULT_PORT = 389, DEFAULT_TIMEOUT = 10, DEFAULT_RECURSION = 1000 };

/* --- quoting -------------------------------------------------------------------------
 */

/* Bytes of special, and control characters, become "\XX". */
static void add_quoted(struct str text, const char *special, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < ' ' || c == 127 || strchr(special, c))
            buf_printf(out, "\\%02x", c);
        else
            buf_add_char(out, (char)c);
    }
}

/* RFC 4515 */
static enum table_result quote_filter(void *context, struct str text, struct buf *out,
                                      struct fail *why)
{
    (void)context;
    (void)why;
    add_quoted(text, "*()\\", out);
    return TABLE_FOUND;
}

/* RFC 4514; a blank matters at the ends only, but may be written so anywhere */
static enum table_result quote_name(void *context, struct str text, struct buf *out,
                                    struct fail *why)
{
    (void)context;
    (void)why;
    add_quoted(text, "\"+,;<>\\=# ", out);
    return TABLE_FOUND;
}

/* --- the connection ------------------------------------------------------------------
 */

int ldap_failed(const struct ldap *ldap, int code, const char *what, struct fail *why)
{
    char *words = NULL;

    if (ldap->is_late)
        return fail_set(why, "%s: no answer within %d s", what, ldap->timeout);
    if (ldap->ld)
        ldap_get_option(ldap->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words);
    fail_set(why, "%s: %s%s%s", what, ldap_err2string(code), words && *words ? ": " : "",
             words ? words : "");
    ldap_memfree(words);
    return -1;
}

static void disconnect(struct ldap *ldap)
{
    if (ldap->ld)
        ldap_unbind_ext_s(ldap->ld, NULL, NULL);
    ldap->ld = NULL;
}

static int set_tls(const struct ldap *ldap)
{
    const struct {
        int option;
        const char *value;
    } texts[] = {
        {LDAP_OPT_X_TLS_CACERTFILE, ldap->tls_ca_file},
        {LDAP_OPT_X_TLS_CACERTDIR, ldap->tls_ca_dir},
        {LDAP_OPT_X_TLS_CERTFILE, ldap->tls_cert},
        {LDAP_OPT_X_TLS_KEYFILE, ldap->tls_key},
        {LDAP_OPT_X_TLS_CIPHER_SUITE, ldap->tls_ciphers},
        {LDAP_OPT_X_TLS_RANDOM_FILE, ldap->tls_random},
    };
    int require = ldap->tls_require_cert ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
    int is_server = 0, code;

    for (size_t i = 0; i < COUNT(texts); i++) {
        if (!texts[i].value || !*texts[i].value)
            continue;
        code = ldap_set_option(ldap->ld, texts[i].option, texts[i].value);
        if (code != LDAP_SUCCESS)
            return code;
    }
    code = ldap_set_option(ldap->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &require);
    if (code != LDAP_SUCCESS)
        return code;
    return ldap_set_option(ldap->ld, LDAP_OPT_X_TLS_NEWCTX, &is_server);
}

static int set_options(struct ldap *ldap)
{
    struct timeval limit = {.tv_sec = ldap->timeout};

    ldap_set_option(ldap->ld, LDAP_OPT_NETWORK_TIMEOUT, &limit);
    ldap_set_option(ldap->ld, LDAP_OPT_TIMEOUT, &limit);
    ldap_set_option(ldap->ld, LDAP_OPT_DEREF, &ldap->dereference);
    ldap_set_option(ldap->ld, LDAP_OPT_SIZELIMIT, &ldap->size_limit);
    ldap_set_option(ldap->ld, LDAP_OPT_REFERRALS,
                    ldap->chase_referrals ? LDAP_OPT_ON : LDAP_OPT_OFF);
    ldap_set_option(ldap->ld, LDAP_OPT_PROTOCOL_VERSION, &ldap->version);
    return ldap_deadline_watch(ldap);
}

static int bind_simple(const struct ldap *ldap)
{
    struct berval password = {.bv_val = (char *)ldap->bind_pw,
                              .bv_len = strlen(ldap->bind_pw)};

    return ldap_sasl_bind_s(ldap->ld, ldap->bind_dn, LDAP_SASL_SIMPLE, &password, NULL,
                            NULL, NULL);
}

static int connect_directory(struct ldap *ldap, struct fail *why)
{
    const char *step = "server_host";
    int code;

    ldap_deadline_set(ldap);
    code = ldap_initialize(&ldap->ld, ldap->servers);
    if (code == LDAP_SUCCESS)
        code = set_options(ldap);
    if (code == LDAP_SUCCESS && ldap->wants_tls) {
        step = "TLS parameters";
        code = set_tls(ldap);
    }
    if (code == LDAP_SUCCESS && ldap->start_tls) {
        step = "start_tls";
        ldap_deadline_set(ldap);
        code = ldap_start_tls_s(ldap->ld, NULL, NULL);
    }
    if (code == LDAP_SUCCESS && ldap->bind != LDAP_BIND_NONE) {
        step = "bind";
        ldap_deadline_set(ldap);
        code = ldap->bind == LDAP_BIND_SIMPLE ? bind_simple(ldap) : ldap_bind_sasl(ldap);
    }
    if (code == LDAP_SUCCESS)
        return 0;
    ldap_failed(ldap, code, arena_printf(ldap->words, "%s: %s", ldap->servers, step),
                why);
    disconnect(ldap);
    return -1;
}

/* --- parameters ----------------------------------------------------------------------
 */

/* "host host:port ldap://..." -> URLs */
static const char *urls_of(const char *names, int port, struct arena *arena)
{
    struct str rest = str_of(names), word;
    const char *urls = "";

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        const char *blank = *urls ? " " : "";

        if (str_find(word, '/') < word.n)
            urls = arena_printf(arena, "%s%s%.*s", urls, blank, STR_ARG(word));
        else if (str_find(word, ':') < word.n)
            urls = arena_printf(arena, "%s%sldap://%.*s", urls, blank, STR_ARG(word));
        else
            urls = arena_printf(arena, "%s%sldap://%.*s:%d", urls, blank, STR_ARG(word),
                                port);
    }
    return urls;
}

static int choose(const struct table_parameters *parameters, const char *name,
                  const char *otherwise, const struct ldap_choice *choices, int *ret,
                  struct fail *why)
{
    const char *value = table_text(parameters, name, otherwise);

    for (; choices->word; choices++)
        if (str_is_nocase(str_of(value), choices->word)) {
            *ret = choices->value;
            return 0;
        }
    return fail_set(why, "bad value: %s = %s", name, value);
}

static const struct ldap_choice scopes[] = {{"sub", LDAP_SCOPE_SUBTREE},
                                            {"base", LDAP_SCOPE_BASE},
                                            {"one", LDAP_SCOPE_ONELEVEL},
                                            {NULL, 0}};
static const struct ldap_choice binds[] = {
    {"yes", LDAP_BIND_SIMPLE}, {"simple", LDAP_BIND_SIMPLE}, {"no", LDAP_BIND_NONE},
    {"none", LDAP_BIND_NONE},  {"sasl", LDAP_BIND_SASL},     {NULL, 0}};

static int read_numbers(struct ldap *ldap, const struct table_parameters *parameters,
                        struct fail *why)
{
    const struct {
        int *value;
        const char *name;
        int otherwise;
    } numbers[] = {
        {&ldap->timeout, "timeout", DEFAULT_TIMEOUT},
        {&ldap->recursion_limit, "recursion_limit", DEFAULT_RECURSION},
        {&ldap->size_limit, "size_limit", ldap->rules.expansion_limit},
        {&ldap->dereference, "dereference", 0},
        {&ldap->chase_referrals, "chase_referrals", 0},
        {&ldap->version, "version", LDAP_VERSION3},
        {&ldap->sasl_minssf, "sasl_minssf", 0},
    };
    const struct {
        bool *value;
        const char *name;
    } switches[] = {
        {&ldap->start_tls, "start_tls"},
        {&ldap->tls_require_cert, "tls_require_cert"},
    };

    for (size_t i = 0; i < COUNT(numbers); i++)
        if (table_number(parameters, numbers[i].name, numbers[i].otherwise,
                         numbers[i].value, why) < 0)
            return -1;
    for (size_t i = 0; i < COUNT(switches); i++)
        if (table_yes(parameters, switches[i].name, false, switches[i].value, why) < 0)
            return -1;
    if (choose(parameters, "scope", "sub", scopes, &ldap->scope, why) < 0)
        return -1;
    return choose(parameters, "bind", "yes", binds, &ldap->bind, why);
}

static void read_texts(struct ldap *ldap, const struct table_parameters *parameters)
{
    const struct {
        const char **value;
        const char *name, *otherwise;
    } texts[] = {
        {&ldap->query_filter, "query_filter", "(mailacceptinggeneralid=%s)"},
        {&ldap->bind_dn, "bind_dn", ""},
        {&ldap->bind_pw, "bind_pw", ""},
        {&ldap->sasl_mechs, "sasl_mechs", ""},
        {&ldap->sasl_realm, "sasl_realm", ""},
        {&ldap->sasl_authz_id, "sasl_authz_id", ""},
        {&ldap->tls_ca_file, "tls_ca_cert_file", NULL},
        {&ldap->tls_ca_dir, "tls_ca_cert_dir", NULL},
        {&ldap->tls_cert, "tls_cert", NULL},
        {&ldap->tls_key, "tls_key", NULL},
        {&ldap->tls_ciphers, "tls_cipher_suite", NULL},
        {&ldap->tls_random, "tls_random_file", NULL},
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i].value = table_text(parameters, texts[i].name, texts[i].otherwise);
}

/* compat: the old name of result_format, which SQL tables never had */
static int result_filter(struct database_rules *rules,
                         const struct table_parameters *parameters, struct fail *why)
{
    if (!table_text(parameters, "result_format", NULL))
        rules->result_format = table_text(parameters, "result_filter", "%s");
    return expansion_check(rules->result_format, "result_filter", why);
}

static int read_parameters(struct ldap *ldap, struct table *table,
                           const struct table_parameters *parameters, struct fail *why)
{
    int port;

    read_texts(ldap, parameters);
    if (database_rules_open(&ldap->rules, table, parameters, why) < 0 ||
        result_filter(&ldap->rules, parameters, why) < 0 ||
        read_numbers(ldap, parameters, why) < 0 ||
        table_number(parameters, "server_port", DEFAULT_PORT, &port, why) < 0 ||
        table_needed(parameters, "search_base", &ldap->search_base, why) < 0 ||
        expansion_check(ldap->search_base, "search_base", why) < 0 ||
        expansion_check(ldap->query_filter, "query_filter", why) < 0)
        return -1;
    if (ldap->recursion_limit < 1)
        return fail_set(why, "recursion_limit must be at least 1");
    if (ldap->timeout < 1)
        return fail_set(why, "timeout must be at least 1");
    ldap->servers =
        urls_of(table_text(parameters, "server_host", "localhost"), port, table->arena);
    /* compat: without start_tls, the tls_ parameters are for ldaps: */
    ldap->wants_tls = ldap->start_tls || strstr(ldap->servers, "ldaps:");
    ldap_attributes_read(&ldap->attributes, parameters, table->arena);
    return 0;
}

static int ldap_open_table(struct table *table, struct fail *why)
{
    struct ldap *ldap = ARENA_NEW(table->arena, struct ldap);
    const struct table_parameters *parameters = table_parameters_open(table, why);

    if (!parameters)
        return -1;
    ldap->words = arena_new("ldap");
    table->state = ldap;
    return read_parameters(ldap, table, parameters, why);
}

static void ldap_close_table(struct table *table)
{
    struct ldap *ldap = table->state;

    if (!ldap)
        return;
    disconnect(ldap);
    arena_free(ldap->words);
}

/* --- the question --------------------------------------------------------------------
 */

enum { QUESTION_MAX = 1 << 20 };

static enum table_result fill(const char *template, struct str key,
                              expansion_quote *quote, struct arena *arena,
                              const char **ret, struct fail *why)
{
    struct expansion expansion = {.template = template, .key = key, .quote = quote};
    struct buf out;
    enum table_result result;

    buf_init(&out, QUESTION_MAX);
    result = expansion_make(&expansion, &out, why);
    if (result == TABLE_FOUND)
        *ret = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return result;
}

/* 0 = searched, -1; a connection that was kept may have gone away, and is made again. */
static int search(struct ldap *ldap, const struct ldap_question *question,
                  struct results *results, struct fail *why)
{
    bool was_kept = ldap->ld != NULL;
    int status = LDAP_SERVER_DOWN;

    for (int i = was_kept ? 0 : 1; i < 2 && status == LDAP_SERVER_DOWN; i++) {
        struct ldap_walk walk = {.ldap = ldap, .results = results};

        results_restart(results);
        if (!ldap->ld && connect_directory(ldap, why) < 0)
            return -1;
        status = ldap_walk_question(&walk, question, why);
        if (status != LDAP_SUCCESS && status != LDAP_WALK_REFUSED)
            disconnect(ldap);
    }
    return status == LDAP_SUCCESS ? 0 : -1;
}

static enum table_result ldap_lookup_key(struct table *table, struct str key,
                                         struct arena *arena, struct str *ret_value,
                                         struct fail *why)
{
    struct ldap *ldap = table->state;
    struct ldap_question question = {
        .scope = ldap->scope, .may_be_missing = strchr(ldap->search_base, '%') != NULL};
    enum table_result result = database_wants(&ldap->rules, key, why);
    struct results results;

    if (result == TABLE_FOUND)
        result = fill(ldap->search_base, key, quote_name, arena, &question.base, why);
    if (result == TABLE_FOUND)
        result =
            fill(ldap->query_filter, key, quote_filter, arena, &question.filter, why);
    if (result != TABLE_FOUND)
        return result;
    arena_reset(ldap->words);
    results_init(&results, &ldap->rules, key);
    result = search(ldap, &question, &results, why) < 0
                 ? TABLE_ERROR
                 : results_answer(&results, arena, ret_value);
    results_done(&results);
    return result;
}

static const struct table_type table_ldap = {
    .name = "ldap",
    .traits = TABLE_FIXED,
    .open = ldap_open_table,
    .lookup = ldap_lookup_key,
    .close = ldap_close_table,
};

TABLE_PLUGIN(&table_ldap);
