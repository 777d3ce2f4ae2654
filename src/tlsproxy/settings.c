/*
 * Which TLS postscreen's clients get. There are two families of parameters for it, both
 * with the defaults of smtpd's: postscreen_tls_*, of Postfix 3.12, and the older
 * tlsproxy_tls_*. What is set in the newer one counts; else the older one does.
 */
#include "tlsproxy/tlsproxy.h"

#include "util/log.h"

/* compat: one that has its default is taken to be not set. */
static const char *text_of(const char *newer, const char *common, const char *older)
{
    return str_is(str_of(newer), common) ? older : newer;
}

static int number_of(int newer, int common, int older)
{
    return newer == common ? older : newer;
}

#define SERVER_TLS(of, name)                                                             \
    of(conf->postscreen_tls_##name, conf->smtpd_tls_##name, conf->tlsproxy_tls_##name)

static struct tls_server_words words_of(const struct conf *conf)
{
    return (struct tls_server_words){
        .chain_files = SERVER_TLS(text_of, chain_files),
        .cert_file = SERVER_TLS(text_of, cert_file),
        .key_file = SERVER_TLS(text_of, key_file),
        .dcert_file = SERVER_TLS(text_of, dcert_file),
        .dkey_file = SERVER_TLS(text_of, dkey_file),
        .eccert_file = SERVER_TLS(text_of, eccert_file),
        .eckey_file = SERVER_TLS(text_of, eckey_file),
        .CAfile = SERVER_TLS(text_of, CAfile),
        .CApath = SERVER_TLS(text_of, CApath),
        .dh1024_param_file = SERVER_TLS(text_of, dh1024_param_file),
        .fingerprint_digest = SERVER_TLS(text_of, fingerprint_digest),
        .loglevel = SERVER_TLS(text_of, loglevel),
        .protocols = SERVER_TLS(text_of, protocols),
        .mandatory_protocols = SERVER_TLS(text_of, mandatory_protocols),
        .ciphers = SERVER_TLS(text_of, ciphers),
        .mandatory_ciphers = SERVER_TLS(text_of, mandatory_ciphers),
        .exclude_ciphers = SERVER_TLS(text_of, exclude_ciphers),
        .mandatory_exclude_ciphers = SERVER_TLS(text_of, mandatory_exclude_ciphers),
        .ask_ccert = SERVER_TLS(number_of, ask_ccert),
        .req_ccert = SERVER_TLS(number_of, req_ccert),
        .ccert_verifydepth = SERVER_TLS(number_of, ccert_verifydepth),
    };
}

static int find_level(const struct conf *conf, enum tls_server_level *ret,
                      struct fail *why)
{
    return tls_server_level(
        "tlsproxy_tls_security_level", SERVER_TLS(text_of, security_level),
        number_of(conf->postscreen_use_tls, conf->smtpd_use_tls, conf->tlsproxy_use_tls),
        number_of(conf->postscreen_enforce_tls, conf->smtpd_enforce_tls,
                  conf->tlsproxy_enforce_tls),
        ret, why);
}

int proxy_settings(struct proxy *proxy, struct fail *why)
{
    const struct conf *conf = proxy->process->conf;
    const struct tls_server_words words = words_of(conf);
    enum tls_server_level level;
    struct fail trouble;

    if (find_level(conf, &level, why) < 0)
        return -1;
    for (int mandatory = 0; mandatory < 2; mandatory++)
        tls_server_read(&words, mandatory || level == TLS_SERVER_ENCRYPT,
                        &proxy->server[mandatory]);
    if (level == TLS_SERVER_NONE)
        return 0;
    proxy->offers = true;
    tickets_set_up(proxy, &proxy->keeper);
    for (int mandatory = 0; mandatory < 2; mandatory++) {
        proxy->server[mandatory].keeper = &proxy->keeper;
        if (tls_server_open(conf, &words, proxy->process->name, proxy->process->arena,
                            &proxy->server[mandatory], &trouble) < 0) {
            log_warning("%s: disabling TLS support", trouble.text);
            return 0;
        }
    }
    return 0;
}
