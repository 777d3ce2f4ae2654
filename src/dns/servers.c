/*
 * resolv.conf(5), as far as it concerns us: ndots, sortlist and the like are
 * for interactive programs, and mail takes names as they are.
 */
#include "dns/servers.h"

#include "util/file.h"

#include <errno.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, DNS_PORT = 53, TIMEOUT_MAX = 30, ATTEMPTS_MAX = 5 };

/* "192.0.2.1", "2001:db8::1", or "[address]:port" */
static void add_server(struct dns_servers *servers, struct str word)
{
    struct netaddr address;
    size_t close = str_find_last(word, ']');
    unsigned long long port = DNS_PORT;

    if (servers->n == DNS_SERVERS_MAX)
        return;
    if (close + 1 < word.n && word.p[close + 1] == ':') {
        if (!str_number(str_tail(word, close + 2), 65535, &port))
            return;
        word = str_head(word, close + 1);
    }
    if (!netaddr_parse(word, &address))
        return;
    address.port = (uint16_t)port;
    servers->address[servers->n++] = address;
}

static void set_search(struct dns_servers *servers, struct str words, struct arena *arena)
{
    struct str word;

    servers->n_search = 0;
    while (servers->n_search < DNS_SEARCH_MAX && (word = str_word(&words, " \t\r")).n > 0)
        servers->search[servers->n_search++] = arena_copy_str(arena, word);
}

static void set_options(struct dns_servers *servers, struct str words)
{
    struct str word;
    unsigned long long number;

    while ((word = str_word(&words, " \t\r")).n > 0) {
        struct str value = word, name = str_until(&value, ':');

        if (!str_number(value, 1000, &number) || number == 0)
            continue;
        if (str_is(name, "timeout"))
            servers->timeout_ms =
                1000 * (number > TIMEOUT_MAX ? TIMEOUT_MAX : (int)number);
        else if (str_is(name, "attempts"))
            servers->attempts = number > ATTEMPTS_MAX ? ATTEMPTS_MAX : (int)number;
    }
}

static void read_line(struct dns_servers *servers, struct str line, struct arena *arena)
{
    struct str keyword;

    if (line.n > 0 && strchr("#; \t", line.p[0]))
        return; /* keywords stand at the start of a line */
    keyword = str_word(&line, " \t\r");
    if (str_is(keyword, "nameserver"))
        add_server(servers, str_word(&line, " \t\r"));
    else if (str_is(keyword, "search") || str_is(keyword, "domain"))
        set_search(servers, line, arena);
    else if (str_is(keyword, "options"))
        set_options(servers, line);
}

int dns_servers_read(const char *path, struct arena *arena, struct dns_servers *ret,
                     struct fail *why)
{
    struct dns_servers servers = {.timeout_ms = 5000, .attempts = 2};
    struct str content = STR_NONE;

    if (access(path, F_OK) == 0) {
        if (file_read(path, FILE_MAX, arena, &content, why) < 0)
            return -1;
    } else if (errno != ENOENT && errno != ENOTDIR) {
        return fail_set(why, "%s: %m", path);
    }
    while (content.n > 0)
        read_line(&servers, str_until(&content, '\n'), arena);
    if (servers.n == 0)
        add_server(&servers, STR("127.0.0.1"));
    *ret = servers;
    return 0;
}
