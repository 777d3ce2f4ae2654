/* net/proxy_header.c: who the client is, by the word of a load balancer. */
#include "unit.h"

#include "net/proxy_header.h"

static const struct {
    const char *line;
    const char *client; /* NULL = refused */
    int client_port;
    const char *server;
    int server_port;
} lines[] = {
    {"PROXY TCP4 192.0.2.7 192.0.2.8 4321 25", "192.0.2.7", 4321, "192.0.2.8", 25},
    {"PROXY TCP6 2001:DB8:0:0::7 ::1 0 65535", "2001:db8::7", 0, "::1", 65535},
    {"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1 2", "192.0.2.7", 1, "192.0.2.8", 2},
    {"PROXY UNKNOWN", NULL, 0, NULL, 0},
    {"PROXY TCP4 2001:db8::7 192.0.2.8 4321 25", NULL, 0, NULL, 0},
    {"PROXY TCP6 192.0.2.7 ::1 4321 25", NULL, 0, NULL, 0},
    {"PROXY TCP4 192.0.2.7 192.0.2.8 65536 25", NULL, 0, NULL, 0},
    {"PROXY TCP4 192.0.2.7 192.0.2.8 -1 25", NULL, 0, NULL, 0},
    {"PROXY TCP4 192.0.2.7 192.0.2.8 4321", NULL, 0, NULL, 0},
    {"PROXY TCP4", NULL, 0, NULL, 0},
    {"PROXY", NULL, 0, NULL, 0},
    {"EHLO x.test", NULL, 0, NULL, 0},
    {"", NULL, 0, NULL, 0},
};

static void a_line_tells_of_both_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        char text[NETADDR_TEXT];
        struct proxy_header got;
        struct fail why = {0};
        int result = proxy_header_line(str_of(lines[i].line), &got, &why);

        ROW_INT(lines[i].line, result, lines[i].client ? 0 : -1);
        if (!lines[i].client)
            continue;
        assert_true(got.is_told);
        ROW_TEXT(lines[i].line, netaddr_text(&got.client, text), lines[i].client);
        ROW_TEXT(lines[i].line, netaddr_text(&got.server, text), lines[i].server);
        ROW_INT(lines[i].line, got.client.port, lines[i].client_port);
        ROW_INT(lines[i].line, got.server.port, lines[i].server_port);
    }
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static const struct {
    const char *name;
    struct str fixed, rest;
    const char *client; /* "" = not told; NULL = refused */
    int port;
} headers[] = {
    {"four", STR(SIGNATURE "\x21\x11\0\x0c"),
     STR("\300\0\2\7"
         "\300\0\2\10"
         "\20\341\0\31"),
     "192.0.2.7", 4321},
    {"six", STR(SIGNATURE "\x21\x21\0\x24"),
     STR("\40\1\r\270\0\0\0\0\0\0\0\0\0\0\0\7"
         "\40\1\r\270\0\0\0\0\0\0\0\0\0\0\0\10"
         "\20\341\0\31"),
     "2001:db8::7", 4321},
    {"local", STR(SIGNATURE "\x20\0\0\0"), STR(""), "", 0},
    {"short", STR(SIGNATURE "\x21\x11\0\x0b"), STR("\300\0\2\7\300\0\2\10\20\341\0"),
     NULL, 0},
    {"other version", STR(SIGNATURE "\x31\x11\0\0"), STR(""), NULL, 0},
    {"other command", STR(SIGNATURE "\x22\x11\0\0"), STR(""), NULL, 0},
    {"UNIX", STR(SIGNATURE "\x21\x31\0\0"), STR(""), NULL, 0},
    {"none", STR("\r\n\r\n0123456789ab"), STR(""), NULL, 0},
    {"long", STR(SIGNATURE "\x21\x11\x10\x01"), STR(""), NULL, 0},
};

static void bytes_tell_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(headers); i++) {
        char text[NETADDR_TEXT];
        struct proxy_header got;
        struct fail why = {0};
        size_t n = 0;
        int result = proxy_header_rest(headers[i].fixed, &n, &why);

        if (result == 0) {
            ROW_INT(headers[i].name, n, headers[i].rest.n);
            result = proxy_header_binary(headers[i].fixed, headers[i].rest, &got, &why);
        }
        ROW_INT(headers[i].name, result, headers[i].client ? 0 : -1);
        if (!headers[i].client)
            continue;
        ROW_INT(headers[i].name, got.is_told, *headers[i].client != '\0');
        if (!got.is_told)
            continue;
        ROW_TEXT(headers[i].name, netaddr_text(&got.client, text), headers[i].client);
        ROW_INT(headers[i].name, got.client.port, headers[i].port);
        ROW_INT(headers[i].name, got.server.port, 25);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_of_both_ends),
        cmocka_unit_test(bytes_tell_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
