/*
 * The order in which the hosts of a service are tried. What their records mean
 * for a delivery is decided in route.c.
 */
#include "client/services.h"

#include <stdlib.h>
#include <sys/random.h>

const char *services_name(const char *service, const char *domain, struct arena *arena)
{
    return arena_printf(arena, "_%s._tcp.%s", service, domain);
}

static int by_priority_then_weight(const void *a, const void *b)
{
    const struct dns_record *x = a, *y = b;

    if (x->preference != y->preference)
        return x->preference < y->preference ? -1 : 1;
    return x->weight < y->weight ? 1 : x->weight > y->weight ? -1 : 0;
}

/* From 0 to limit, both included. */
static uint32_t random_up_to(uint32_t limit)
{
    uint32_t number = 0;

    (void)!getrandom(&number, sizeof number, 0);
    return (uint32_t)(number * ((uint64_t)limit + 1) >> 32);
}

/*
 * Which comes first of n records of one priority, the lightest at the end: RFC
 * 2782 walks from the lightest on until the weights passed reach a random number.
 */
static size_t pick(const struct dns_record *records, size_t n)
{
    uint32_t sum = 0, passed = 0, number;
    size_t i = n - 1;

    for (size_t k = 0; k < n; k++)
        sum += records[k].weight;
    number = random_up_to(sum);
    for (passed = records[i].weight; passed < number && i > 0;
         passed += records[i].weight)
        i--;
    return i;
}

static void move_to_front(struct dns_record *records, size_t i)
{
    struct dns_record first = records[i];

    for (; i > 0; i--)
        records[i] = records[i - 1];
    records[0] = first;
}

void services_sort(struct dns_record *records, size_t n, bool by_chance)
{
    if (n == 0)
        return;
    qsort(records, n, sizeof *records, by_priority_then_weight);
    for (size_t i = 0; by_chance && i < n; i++) {
        size_t same = 1;

        while (i + same < n && records[i + same].preference == records[i].preference)
            same++;
        move_to_front(records + i, pick(records + i, same));
    }
}
