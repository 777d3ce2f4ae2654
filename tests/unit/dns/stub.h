/*
 * A name server for tests: answers over UDP and TCP on one loopback port, in
 * a thread, as a function of the test says.
 *
 *     static void handler(struct stub *stub, struct stub_call *call)
 *     {
 *         stub_reply(call, 0, 0);
 *         stub_address(call, call->name, "192.0.2.1");
 *     }
 */
#ifndef DNS_STUB_H
#define DNS_STUB_H

#include "unit.h"

#include "dns/resolver.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct stub_call {
    char name[256]; /* asked for, lower case as sent, no final dot */
    int type;
    bool tcp;
    int number; /* of this call, from 1 on */
    const unsigned char *query;
    size_t query_n;
    unsigned char out[65535];
    size_t n; /* of out; 0 = no answer */
};

struct stub {
    void (*handler)(struct stub *stub, struct stub_call *call);
    int udp, tcp;
    uint16_t port;
    pthread_t thread;
    atomic_int calls;
    atomic_bool stop;
};

static inline void stub_put16(struct stub_call *call, unsigned value)
{
    call->out[call->n++] = (unsigned char)(value >> 8);
    call->out[call->n++] = (unsigned char)value;
}

static inline void stub_put(struct stub_call *call, const void *p, size_t n)
{
    memcpy(call->out + call->n, p, n);
    call->n += n;
}

/* "mail.example" as labels */
static inline void stub_put_name(struct stub_call *call, const char *name)
{
    struct str rest = str_of(name), label;

    while ((label = str_until(&rest, '.')).n > 0) {
        call->out[call->n++] = (unsigned char)label.n;
        stub_put(call, label.p, label.n);
    }
    call->out[call->n++] = 0;
}

/* Start a reply that repeats the question; flags are added to the header. */
static inline void stub_reply(struct stub_call *call, unsigned rcode, unsigned flags)
{
    memcpy(call->out, call->query, call->query_n);
    call->n = call->query_n;
    call->out[2] = (unsigned char)(0x81 | flags >> 8);
    call->out[3] = (unsigned char)(0x80 | rcode | (flags & 0xf0));
}

/* Add a record to the answer (section 0) or authority (1) part. */
static inline void stub_record(struct stub_call *call, int section, const char *owner,
                               int type, const void *data, size_t n)
{
    size_t count = 6 + 2 * (size_t)section;

    stub_put_name(call, owner);
    stub_put16(call, (unsigned)type);
    stub_put16(call, 1);
    stub_put16(call, 0);
    stub_put16(call, 600); /* seconds to live */
    stub_put16(call, (unsigned)n);
    stub_put(call, data, n);
    if (++call->out[count + 1] == 0)
        call->out[count]++;
}

static inline size_t stub_name(unsigned char *to, const char *name)
{
    struct stub_call *scratch = calloc(1, sizeof *scratch);
    size_t n;

    stub_put_name(scratch, name);
    n = scratch->n;
    memcpy(to, scratch->out, n);
    free(scratch);
    return n;
}

static inline void stub_address(struct stub_call *call, const char *owner,
                                const char *address)
{
    unsigned char bytes[16];

    if (inet_pton(AF_INET, address, bytes) == 1)
        stub_record(call, 0, owner, DNS_A, bytes, 4);
    else if (inet_pton(AF_INET6, address, bytes) == 1)
        stub_record(call, 0, owner, DNS_AAAA, bytes, 16);
}

static inline void stub_target(struct stub_call *call, const char *owner, int type,
                               const char *target)
{
    unsigned char data[256];

    stub_record(call, 0, owner, type, data, stub_name(data, target));
}

static inline void stub_mx(struct stub_call *call, const char *owner, unsigned preference,
                           const char *target)
{
    unsigned char data[260] = {(unsigned char)(preference >> 8),
                               (unsigned char)preference};

    stub_record(call, 0, owner, DNS_MX, data, 2 + stub_name(data + 2, target));
}

static inline void stub_call(struct stub *stub, struct stub_call *call)
{
    size_t at = 12, n = 0;

    while (at < call->query_n && call->query[at] != 0) {
        size_t label = call->query[at++];

        if (n > 0)
            call->name[n++] = '.';
        memcpy(call->name + n, call->query + at, label);
        n += label;
        at += label;
    }
    call->name[n] = '\0';
    call->type = call->query[at + 1] << 8 | call->query[at + 2];
    call->number = atomic_fetch_add(&stub->calls, 1) + 1;
    stub->handler(stub, call);
}

static inline void stub_serve_udp(struct stub *stub)
{
    unsigned char query[512];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t n =
        recvfrom(stub->udp, query, sizeof query, 0, (struct sockaddr *)&from, &length);
    struct stub_call *call = calloc(1, sizeof *call);

    if (n >= 17) {
        call->query = query;
        call->query_n = (size_t)n;
        stub_call(stub, call);
        if (call->n > 0)
            (void)!sendto(stub->udp, call->out, call->n, 0, (struct sockaddr *)&from,
                          length);
    }
    free(call);
}

static inline void stub_serve_tcp(struct stub *stub)
{
    unsigned char query[514], prefix[2];
    int fd = accept(stub->tcp, NULL, NULL);
    ssize_t n = recv(fd, query, sizeof query, 0);
    struct stub_call *call = calloc(1, sizeof *call);

    if (n >= 19) {
        call->query = query + 2;
        call->query_n = (size_t)n - 2;
        call->tcp = true;
        stub_call(stub, call);
        prefix[0] = (unsigned char)(call->n >> 8);
        prefix[1] = (unsigned char)call->n;
        if (call->n > 0) { /* in pieces, as a slow network would */
            (void)!send(fd, prefix, 1, MSG_NOSIGNAL);
            (void)!send(fd, prefix + 1, 1, MSG_NOSIGNAL);
            (void)!send(fd, call->out, call->n / 2, MSG_NOSIGNAL);
            (void)!send(fd, call->out + call->n / 2, call->n - call->n / 2, MSG_NOSIGNAL);
        }
    }
    close(fd);
    free(call);
}

static inline void *stub_run(void *context)
{
    struct stub *stub = context;

    while (!atomic_load(&stub->stop)) {
        struct pollfd fds[2] = {{.fd = stub->udp, .events = POLLIN},
                                {.fd = stub->tcp, .events = POLLIN}};

        if (poll(fds, 2, 10) <= 0)
            continue;
        if (fds[0].revents)
            stub_serve_udp(stub);
        if (fds[1].revents)
            stub_serve_tcp(stub);
    }
    return NULL;
}

static inline void stub_start(struct stub *stub,
                              void (*handler)(struct stub *stub, struct stub_call *call))
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t length = sizeof sa;

    *stub = (struct stub){.handler = handler};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do { /* one port number for both protocols */
        if (stub->tcp > 0)
            close(stub->tcp), close(stub->udp);
        sa.sin_port = 0;
        stub->tcp = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(stub->tcp, (struct sockaddr *)&sa, sizeof sa), 0);
        assert_int_equal(getsockname(stub->tcp, (struct sockaddr *)&sa, &length), 0);
        stub->udp = socket(AF_INET, SOCK_DGRAM, 0);
    } while (bind(stub->udp, (struct sockaddr *)&sa, sizeof sa) < 0);
    assert_int_equal(listen(stub->tcp, 5), 0);
    stub->port = ntohs(sa.sin_port);
    assert_int_equal(pthread_create(&stub->thread, NULL, stub_run, stub), 0);
}

static inline void stub_end(struct stub *stub)
{
    atomic_store(&stub->stop, true);
    pthread_join(stub->thread, NULL);
    close(stub->udp);
    close(stub->tcp);
}

/* A resolver that asks this server: two tries of 200 ms. */
static inline struct resolver *stub_resolver(const struct stub *stub)
{
    struct dns_servers servers = {.n = 1, .timeout_ms = 200, .attempts = 2};

    netaddr_parse(STR("127.0.0.1"), &servers.address[0]);
    servers.address[0].port = stub->port;
    return resolver_new_with(&servers, &clock_system);
}

#endif
