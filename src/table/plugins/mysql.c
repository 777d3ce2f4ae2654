/*
 * mysql:file - a query of a MySQL or MariaDB server, mysql_table(5).
 *
 * A stored procedure gives several results; the values of all of them count.
 */
#include "table/plugins/shared/sql.h"
#include "table/type.h"

#include "util/log.h"

/* a header of the library declares another function of that name, which it keeps to
 * itself */
#define list_add mysql_list_add
#include <mariadb/mysql.h>
#undef list_add
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_TIMEOUT = 60 };

struct mysql {
    struct sql *sql;
    const char *user, *password, *dbname, *charset;
    const char *option_file, *option_group;
    const char *tls_key, *tls_cert, *tls_ca_file, *tls_ca_dir, *tls_ciphers;
    bool tls_verify;
    bool require_result_set;
    int timeout;
};

struct link {
    MYSQL *client;
    bool require_result_set;
};

static int failed(MYSQL *client, struct fail *why)
{
    return fail_set(why, "%s", mysql_error(client));
}

static void set_options(const struct mysql *mysql, MYSQL *client)
{
    unsigned timeout = (unsigned)mysql->timeout;
    unsigned no_files = 0; /* a server may ask its client for files (LOAD DATA LOCAL) */
    my_bool verify = mysql->tls_verify;

    mysql_optionsv(client, MYSQL_OPT_LOCAL_INFILE, &no_files);
    mysql_optionsv(client, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
    mysql_optionsv(client, MYSQL_OPT_READ_TIMEOUT, &timeout);
    mysql_optionsv(client, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
    mysql_optionsv(client, MYSQL_SET_CHARSET_NAME, mysql->charset);
    if (mysql->option_file)
        mysql_optionsv(client, MYSQL_READ_DEFAULT_FILE, mysql->option_file);
    if (mysql->option_group && *mysql->option_group)
        mysql_optionsv(client, MYSQL_READ_DEFAULT_GROUP, mysql->option_group);
    if (mysql->tls_key || mysql->tls_cert || mysql->tls_ca_file || mysql->tls_ca_dir ||
        mysql->tls_ciphers)
        mysql_ssl_set(client, mysql->tls_key, mysql->tls_cert, mysql->tls_ca_file,
                      mysql->tls_ca_dir, mysql->tls_ciphers);
    if (verify)
        mysql_optionsv(client, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/* "host", "host:port", "/socket" */
static bool connect_to(const struct mysql *mysql, MYSQL *client, const char *name)
{
    struct str text = str_of(name), host = text;
    unsigned long long port = 0;
    char host_text[256];
    size_t colon = str_find_last(text, ':');

    if (name[0] == '/')
        return mysql_real_connect(client, NULL, mysql->user, mysql->password,
                                  mysql->dbname, 0, name, CLIENT_MULTI_RESULTS);
    if (colon < text.n && str_number(str_tail(text, colon + 1), 65535, &port))
        host = str_head(text, colon);
    if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_from(host.p + 1, host.n - 2);
    snprintf(host_text, sizeof(host_text), "%.*s", STR_ARG(host));
    return mysql_real_connect(client, host_text, mysql->user, mysql->password,
                              mysql->dbname, (unsigned)port, NULL, CLIENT_MULTI_RESULTS);
}

static void *mysql_connect_server(void *context, const char *name, struct fail *why)
{
    const struct mysql *mysql = context;
    struct link *link = malloc(sizeof(*link));
    MYSQL *client = mysql_init(NULL);

    if (!client || !link)
        panic("out of memory");
    set_options(mysql, client);
    if (!connect_to(mysql, client, name)) {
        failed(client, why);
        mysql_close(client);
        free(link);
        return NULL;
    }
    *link = (struct link){client, mysql->require_result_set};
    return link;
}

static void mysql_disconnect(void *connection)
{
    struct link *link = connection;

    mysql_close(link->client);
    free(link);
}

/* As the character set and the mode of this connection have it. */
static enum table_result mysql_quote(void *connection, struct str text, struct buf *out,
                                     struct fail *why)
{
    struct link *link = connection;
    unsigned long n = mysql_real_escape_string(
        link->client, buf_reserve(out, 2 * text.n + 1), text.p, text.n);

    (void)why;
    if (n == (unsigned long)-1) /* not of the character set */
        return TABLE_NOT_FOUND;
    buf_added(out, n);
    return TABLE_FOUND;
}

/* 0, 1 = too many values */
static int take_rows(MYSQL_RES *rows, struct results *results, struct fail *why)
{
    unsigned columns = mysql_num_fields(rows);
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(rows))) {
        const unsigned long *lengths = mysql_fetch_lengths(rows);

        for (unsigned i = 0; i < columns; i++)
            if (row[i] && results_add(results, str_from(row[i], lengths[i]), why) < 0)
                return 1;
    }
    return 0;
}

static int mysql_run(void *connection, const char *query, struct results *results,
                     struct fail *why)
{
    const struct link *link = connection;
    MYSQL *client = link->client;
    bool had_rows = false;
    int status = 0, more;

    if (mysql_real_query(client, query, strlen(query)) != 0)
        return failed(client, why);
    do {
        MYSQL_RES *rows = mysql_store_result(client);

        if (!rows && mysql_errno(client) != 0)
            return failed(client, why);
        if (rows) {
            had_rows = true;
            if (status == 0)
                status = take_rows(rows, results, why);
            mysql_free_result(rows);
        }
        more = mysql_next_result(client);
    } while (more == 0);
    if (more > 0)
        return failed(client, why);
    if (!had_rows && link->require_result_set) {
        fail_set(why, "the query gives no result set: \"%.200s\"", query);
        return 1;
    }
    return status;
}

static const struct sql_client client_calls = {
    .servers = {.connect = mysql_connect_server, .close = mysql_disconnect},
    .quote = mysql_quote,
    .run = mysql_run,
};

static int read_parameters(struct mysql *mysql, const struct table_parameters *parameters,
                           struct fail *why)
{
    const struct {
        const char **value;
        const char *name, *otherwise;
    } texts[] = {
        {&mysql->user, "user", NULL},
        {&mysql->password, "password", NULL},
        {&mysql->dbname, "dbname", NULL},
        {&mysql->charset, "charset", "utf8mb4"},
        {&mysql->option_file, "option_file", NULL},
        {&mysql->option_group, "option_group", "client"},
        {&mysql->tls_key, "tls_key_file", NULL},
        {&mysql->tls_cert, "tls_cert_file", NULL},
        {&mysql->tls_ca_file, "tls_CAfile", NULL},
        {&mysql->tls_ca_dir, "tls_CApath", NULL},
        {&mysql->tls_ciphers, "tls_ciphers", NULL},
    };

    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i].value = table_text(parameters, texts[i].name, texts[i].otherwise);
    if (table_yes(parameters, "tls_verify_cert", false, &mysql->tls_verify, why) < 0 ||
        table_yes(parameters, "require_result_set", true, &mysql->require_result_set,
                  why) < 0)
        return -1;
    return table_number(parameters, "timeout", DEFAULT_TIMEOUT, &mysql->timeout, why);
}

static int mysql_open(struct table *table, struct fail *why)
{
    struct mysql *mysql = ARENA_NEW(table->arena, struct mysql);
    const struct table_parameters *parameters = table_parameters_open(table, why);

    if (!parameters || read_parameters(mysql, parameters, why) < 0)
        return -1;
    mysql->sql = sql_open(table, parameters, &client_calls, mysql, "localhost", why);
    table->state = mysql;
    return mysql->sql ? 0 : -1;
}

static enum table_result mysql_lookup(struct table *table, struct str key,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why)
{
    const struct mysql *mysql = table->state;

    return sql_lookup(mysql->sql, key, arena, ret_value, why);
}

static void mysql_close_table(struct table *table)
{
    const struct mysql *mysql = table->state;

    if (mysql)
        sql_close(mysql->sql);
}

static const struct table_type table_mysql = {
    .name = "mysql",
    .traits = TABLE_FIXED,
    .open = mysql_open,
    .lookup = mysql_lookup,
    .close = mysql_close_table,
};

TABLE_PLUGIN(&table_mysql);
