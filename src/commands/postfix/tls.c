/*
 * "postfix tls": keys and certificates of the SMTP server, and opportunistic TLS for
 * server and client, made with the openssl command ($openssl_path). Private keys are
 * files that only root reads, written before anything names them.
 */
#include "commands/postfix/postfix.h"

#include "commands/run.h"
#include "util/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The two kinds of keys, as main.cf and file names tell them apart. */
static const struct kind {
    const char *name, *prefix, *cert_param, *key_param, *bits;
} kinds[] = {
    {"rsa", "", "smtpd_tls_cert_file", "smtpd_tls_key_file", "2048"},
    {"ecdsa", "ec", "smtpd_tls_eccert_file", "smtpd_tls_eckey_file", "prime256v1"},
};

/* What the words behind "postfix tls WORD" ask for. */
struct request {
    const struct control *control;
    struct arena *arena;
    const struct kind *kind;
    const char *openssl; /* the command */
    const char *bits, *random, *key, *host;
    char **names; /* what follows the options; NULL at the end */
};

static const struct kind *kind_of(const char *name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static const char *text_of(const struct request *r, const char *param)
{
    const char *text = conf_text(r->control->conf, param, NULL);

    return text ? text : "";
}

/* A file of the configuration directory, unless it says where it is. */
static const char *path_of(const struct request *r, const char *name)
{
    return *name == '/' ? name
                        : arena_printf(r->arena, "%s/%s",
                                       r->control->conf->config_directory, name);
}

/* --- openssl ---------------------------------------------------------------------------
 */

/* A shell runs it, since some are pipes; arguments are quoted by shell_word. */
static void run_shell(const char *command)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};

    if (run_command(argv) != 0)
        fatal("failed: %s", command);
}

static const char *shell_word(const struct request *r, const char *text)
{
    const char *quoted = "'";

    for (; *text; text++)
        quoted =
            arena_printf(r->arena, *text == '\'' ? "%s'\\%c'" : "%s%c", quoted, *text);
    return arena_printf(r->arena, "%s'", quoted);
}

static const char *openssl(const struct request *r)
{
    return shell_word(r, r->openssl);
}

static const char *first_name(const struct request *r)
{
    return r->names[0] ? r->names[0] : text_of(r, "myhostname");
}

/* "-subj ... -addext ..." for the names of the server. */
static const char *name_options(const struct request *r)
{
    const char *alternative =
        arena_printf(r->arena, "subjectAltName=DNS:%s", first_name(r));

    for (char **name = r->names[0] ? r->names + 1 : r->names; *name; name++)
        alternative = arena_printf(r->arena, "%s,DNS:%s", alternative, *name);
    return arena_printf(r->arena,
                        "-addext basicConstraints=critical,CA:FALSE "
                        "-addext extendedKeyUsage=serverAuth,clientAuth -addext %s",
                        shell_word(r, alternative));
}

static const char *subject(const struct request *r)
{
    return shell_word(r, arena_printf(r->arena, "/CN=%s", first_name(r)));
}

static void check_names(const struct request *r)
{
    for (char **name = r->names; *name; name++)
        if ((*name)[strspn(*name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_*")] != '\0')
            fatal("bad hostname: %s", *name);
}

/* --- keys and certificates ------------------------------------------------------------
 */

struct pair {
    const char *cert, *key;
};

static struct pair new_names(const struct request *r)
{
    time_t now = time(NULL);
    char stamp[40];
    struct tm tm;

    if (gmtime_r(&now, &tm) == NULL ||
        strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm) == 0)
        fatal("the clock has no date");
    return (struct pair){
        path_of(r, arena_printf(r->arena, "%scert-%s.pem", r->kind->prefix, stamp)),
        path_of(r, arena_printf(r->arena, "%skey-%s.pem", r->kind->prefix, stamp))};
}

static void make_key(const struct request *r, const char *path)
{
    const char *kind = strcmp(r->kind->name, "rsa") == 0
                           ? "RSA -pkeyopt rsa_keygen_bits:"
                           : "EC -pkeyopt ec_param_enc:named_curve -pkeyopt "
                             "ec_paramgen_curve:";
    const char *bits = r->bits ? r->bits : r->kind->bits;

    if (strcmp(bits, "secp256r1") == 0)
        bits = "prime256v1";
    run_shell(arena_printf(r->arena,
                           "umask 077; %s genpkey -algorithm %s%s -out %s 2>/dev/null",
                           openssl(r), kind, shell_word(r, bits), shell_word(r, path)));
}

static const char *deployed_key(const struct request *r)
{
    const char *path = text_of(r, r->kind->key_param);

    return *path && strcmp(path, "none") != 0 ? path : NULL;
}

static struct pair make_pair(const struct request *r, bool new_key)
{
    struct pair pair = new_names(r);
    const char *old = new_key ? NULL : deployed_key(r);

    check_names(r);
    if (access(pair.key, F_OK) == 0 || access(pair.cert, F_OK) == 0)
        fatal("%s or %s exists already", pair.key, pair.cert);
    if (old)
        run_shell(arena_printf(r->arena, "umask 077; %s pkey -in %s -out %s", openssl(r),
                               shell_word(r, old), shell_word(r, pair.key)));
    else
        make_key(r, pair.key);
    run_shell(arena_printf(r->arena,
                           "umask 022; %s req -x509 -new -sha256 -days 36525 -key %s "
                           "-subj %s %s -out %s",
                           openssl(r), shell_word(r, pair.key), subject(r),
                           name_options(r), shell_word(r, pair.cert)));
    return pair;
}

static void advise(const struct pair *pair, bool deployed)
{
    log_info(deployed ? "New TLS private key and certificate deployed."
                      : "New private key and self-signed certificate created. To deploy "
                        "run:");
    if (deployed)
        log_info("  # postfix reload");
    else
        log_info("  # postfix tls deploy-server-cert %s %s", pair->cert, pair->key);
    log_info("To generate a CSR run:");
    log_info("  # postfix tls output-server-csr -k %s [<hostname> ...]", pair->key);
    log_info("To generate TLSA records run:");
    log_info("  # postfix tls output-server-tlsa [-h <hostname>] %s", pair->key);
}

/* Which kind a private key is, by what openssl says of it. */
static const struct kind *kind_of_key(const struct request *r, const char *path)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const char *const argv[] = {
            "/bin/sh", "-c",
            arena_printf(r->arena, "%s %s -in %s -noout >/dev/null 2>&1", openssl(r),
                         i == 0 ? "rsa" : "ec", shell_word(r, path)),
            NULL};

        if (run_command(argv) == 0)
            return &kinds[i];
    }
    fatal("no private key found in file: %s", path);
}

static void deploy(const struct request *r, const struct pair *pair)
{
    const struct kind *kind = kind_of_key(r, pair->key);
    const char *const settings[] = {
        arena_printf(r->arena, "%s = %s", kind->cert_param, pair->cert),
        arena_printf(r->arena, "%s = %s", kind->key_param, pair->key), NULL};

    run_shell(arena_printf(
        r->arena,
        "test \"$(%s x509 -in %s -noout -pubkey)\" = \"$(%s pkey -in %s "
        "-pubout)\" || { echo the certificate is not for this key >&2; "
        "exit 1; }",
        openssl(r), shell_word(r, pair->cert), openssl(r), shell_word(r, pair->key)));
    settings_save(r->control, settings);
}

/* --- TLS with the defaults ------------------------------------------------------------
 */

/* Is no TLS parameter of the client (smtp_) or server (smtpd_) set? */
static bool all_default(const struct request *r, const char *side)
{
    static const char *const suffixes[] = {"tls_security_level",
                                           "use_tls",
                                           "enforce_tls",
                                           "tls_loglevel",
                                           "tls_cert_file",
                                           "tls_key_file",
                                           "tls_eccert_file",
                                           "tls_eckey_file",
                                           "tls_dcert_file",
                                           "tls_dkey_file",
                                           "tls_chain_files",
                                           "tls_CAfile",
                                           "tls_CApath",
                                           "tls_ciphers",
                                           "tls_mandatory_ciphers",
                                           "tls_protocols",
                                           "tls_mandatory_protocols",
                                           "tls_received_header",
                                           "tls_session_cache_database",
                                           "tls_policy_maps"};

    for (size_t i = 0; i < COUNT(suffixes); i++)
        if (conf_is_set(r->control->conf,
                        arena_printf(r->arena, "%s_%s", side, suffixes[i])))
            return false;
    return true;
}

static int all_default_client(const struct request *r)
{
    return all_default(r, "smtp") ? 0 : 1;
}

static int all_default_server(const struct request *r)
{
    return all_default(r, "smtpd") ? 0 : 1;
}

static int suggest(const char *side)
{
    log_info("*** Non-default SMTP %s TLS settings detected, no changes made.",
             strcmp(side, "smtp") == 0 ? "client" : "server");
    log_info("For opportunistic TLS in the Postfix SMTP %s, the below settings",
             strcmp(side, "smtp") == 0 ? "client" : "server");
    log_info("are typical:");
    log_info("  %s_tls_security_level = may", side);
    log_info("  %s_tls_loglevel = 1", side);
    return 0;
}

static const char *random_setting(const struct request *r)
{
    return r->random ? arena_printf(r->arena, "tls_random_source = %s", r->random) : NULL;
}

static int enable_client(const struct request *r)
{
    const char *const settings[] = {
        "smtp_tls_security_level = may", "smtp_tls_loglevel = 1",
        "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache",
        random_setting(r), NULL};

    if (!all_default(r, "smtp"))
        return suggest("smtp");
    settings_save(r->control, settings);
    log_info("Enabled opportunistic TLS in the Postfix SMTP client.");
    log_info("Run the command:");
    log_info("  # postfix reload");
    log_info("if you want the new settings to take effect immediately.");
    return 0;
}

static int enable_server(const struct request *r)
{
    const char *const settings[] = {"smtpd_tls_security_level = may",
                                    "smtpd_tls_received_header = yes",
                                    "smtpd_tls_loglevel = 1", random_setting(r), NULL};
    struct pair pair;

    if (!all_default(r, "smtpd"))
        return suggest("smtpd");
    pair = make_pair(r, true);
    deploy(r, &pair);
    settings_save(r->control, settings);
    log_info("Enabled opportunistic TLS in the Postfix SMTP server");
    advise(&pair, true);
    return 0;
}

/* --- the others ------------------------------------------------------------------------
 */

static int new_key(const struct request *r)
{
    struct pair pair = make_pair(r, true);

    advise(&pair, false);
    return 0;
}

static int new_cert(const struct request *r)
{
    struct pair pair = make_pair(r, false);

    advise(&pair, false);
    return 0;
}

static int deploy_cert(const struct request *r)
{
    struct pair pair;

    if (!r->names[0] || !r->names[1] || r->names[2])
        fatal("usage: postfix tls deploy-server-cert certfile keyfile");
    pair = (struct pair){path_of(r, r->names[0]), path_of(r, r->names[1])};
    deploy(r, &pair);
    log_info("New TLS private key and certificate deployed.");
    log_info("Run the command:");
    log_info("  # postfix reload");
    log_info("if you want the new settings to take effect immediately.");
    return 0;
}

/* "rsa" and "ecdsa" stand for the keys that are deployed; NULL when there is none. */
static const char *key_file(const struct request *r, const char *name)
{
    struct request of = *r;

    of.kind = kind_of(name);
    if (of.kind == NULL)
        return path_of(r, name);
    return deployed_key(&of);
}

static int output_csr(const struct request *r)
{
    const char *key = key_file(r, r->key ? r->key : "rsa");

    if (key == NULL)
        fatal("no %s private key is deployed", r->key ? r->key : "rsa");
    check_names(r);
    run_shell(arena_printf(r->arena, "%s req -new -sha256 -key %s -subj / %s", openssl(r),
                           shell_word(r, key), name_options(r)));
    return 0;
}

/* DANE-EE, the public key, SHA-256: RFC 7672 section 3.1.1. */
static void output_record(const struct request *r, const char *key)
{
    printf("; %s\n_25._tcp.%s. IN TLSA 3 1 1 ", key,
           r->host ? r->host : text_of(r, "myhostname"));
    fflush(stdout);
    run_shell(arena_printf(r->arena,
                           "%s pkey -in %s -pubout -outform DER | %s dgst -sha256 "
                           "-binary | od -An -v -tx1 | tr -d ' \\n'; echo",
                           openssl(r), shell_word(r, key), openssl(r)));
}

static int output_tlsa(const struct request *r)
{
    static const char *const all[] = {"rsa", "ecdsa", NULL};
    const char *const *name = r->names[0] ? (const char *const *)r->names : all;

    for (; *name; name++) {
        const char *key = key_file(r, *name);

        if (key && access(key, R_OK) < 0)
            fatal("%s: %m", key);
        if (key)
            output_record(r, key);
    }
    return command_output_is_whole() ? 0 : 1;
}

/* --- the words -------------------------------------------------------------------------
 */

static const struct {
    const char *name, *options;
    int (*run)(const struct request *r);
} words[] = {
    {"enable-client", "+r:", enable_client},
    {"enable-server", "+r:a:b:", enable_server},
    {"new-server-key", "+a:b:", new_key},
    {"new-server-cert", "+a:b:", new_cert},
    {"deploy-server-cert", "+", deploy_cert},
    {"output-server-csr", "+k:", output_csr},
    {"output-server-tlsa", "+h:", output_tlsa},
    {"all-default-client", "+", all_default_client},
    {"all-default-server", "+", all_default_server},
};

static NO_RETURN void usage(void)
{
    fatal("usage: postfix tls enable-client (or enable-server, new-server-key, "
          "new-server-cert, deploy-server-cert, output-server-csr, output-server-tlsa, "
          "all-default-client, all-default-server)");
}

static void take_option(struct request *r, int option)
{
    switch (option) {
    case 'a':
        r->kind = kind_of(optarg);
        if (r->kind == NULL)
            fatal("Unsupported public key algorithm: %s", optarg);
        break;
    case 'b':
        r->bits = optarg;
        break;
    case 'h':
        r->host = optarg;
        break;
    case 'k':
        r->key = optarg;
        break;
    case 'r':
        r->random = optarg;
        break;
    default:
        usage();
    }
}

int tls_command(const struct control *control, const char *openssl_path)
{
    struct request r = {.control = control,
                        .arena = control->command.arena,
                        .kind = &kinds[0],
                        .openssl = openssl_path};
    char **arguments = control->arguments;
    int count = 0, option;

    while (arguments[count])
        count++;
    for (size_t i = 0; i < COUNT(words) && count > 0; i++) {
        if (strcmp(words[i].name, arguments[0]) != 0)
            continue;
        optind = 1;
        while ((option = getopt(count, arguments, words[i].options)) != -1)
            take_option(&r, option);
        r.names = arguments + optind;
        return words[i].run(&r);
    }
    log_error("unknown tls command: '%s'", count ? arguments[0] : "");
    usage();
}
