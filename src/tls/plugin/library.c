/* What the plug-in offers, OpenSSL's configuration, and its complaints. */
#include "tls/plugin/plugin.h"

#include "tls/plugin_version.gen.h"

#include <openssl/err.h>
#include <stdio.h>

static const char *configured; /* OpenSSL reads its configuration once a process */

int library_configure(const struct tls_settings *settings, struct fail *why)
{
    const char *file = settings->config_file, *section = settings->config_section;
    OPENSSL_INIT_SETTINGS *how;
    int done;

    if (configured)
        return 0;
    configured = file;
    if (str_is(str_of(file), "none"))
        done = OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    else {
        how = OPENSSL_INIT_new();
        if (!str_is(str_of(file), "default") &&
            (file[0] != '/' || !OPENSSL_INIT_set_config_filename(how, file))) {
            OPENSSL_INIT_free(how);
            return fail_set(why,
                            "tls_config_file: \"%s\" is neither \"default\", "
                            "\"none\" nor a path",
                            file);
        }
        if (*section)
            OPENSSL_INIT_set_config_appname(how, section);
        if (!str_is(str_of(file), "default"))
            OPENSSL_INIT_set_config_file_flags(how, 0); /* it has to be there */
        done = OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, how);
        OPENSSL_INIT_free(how);
    }
    if (!done)
        return fail_set(why, "tls_config_file %s: %s", file, library_reason());
    return 0;
}

/* --- complaints --------------------------------------------------------------------- */

void library_problems(const struct tls_listener *listener)
{
    unsigned long code;
    const char *file, *data;
    int line, flags;

    while ((code = ERR_get_error_all(&file, &line, NULL, &data, &flags)) != 0) {
        char words[256], text[600];

        ERR_error_string_n(code, words, sizeof words);
        if (flags & ERR_TXT_STRING && *data)
            snprintf(text, sizeof text, "%s:%s:%d:%s:", words, file, line, data);
        else
            snprintf(text, sizeof text, "%s:%s:%d:", words, file, line);
        listener->problem(listener->context, text);
    }
}

const char *library_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *text = NULL;

    if (ERR_SYSTEM_ERROR(code))
        text = strerrordesc_np(ERR_GET_REASON(code));
    else if (code)
        text = ERR_reason_error_string(code);
    ERR_clear_error();
    return text ? text : "no reason is known";
}

/* --- sessions ----------------------------------------------------------------------- */

int library_index(void)
{
    static int index = -1;

    if (index < 0)
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

struct tls_session *session_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, library_index());
}

extern const struct tls_library postern_tls_library;
__attribute__((visibility("default"))) const struct tls_library postern_tls_library = {
    .version = PLUGIN_VERSION,
    .context_new = context_new,
    .context_free = context_free,
    .start = session_start,
    .open = engine_open,
    .shake = engine_shake,
    .read = engine_read,
    .write = engine_write,
    .goodbye = engine_goodbye,
    .close = session_free,
};
