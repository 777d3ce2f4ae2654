/*
 * What is taken from the entries that a search finds.
 *
 * An entry with a terminal attribute gives that alone. Else one with a special attribute
 * is a group: its members, named by DN or URL, are searched for in turn, and its own leaf
 * attributes are not taken. Plain attributes are always taken. Groups that hold each
 * other end at recursion_limit, and many small groups at a number of searches: an error,
 * since a list with some members left out would lose mail.
 */
#include "table/plugins/ldap/ldap.h"

enum { SEARCHES_PER_LEVEL = 10 };

static void add_names(struct texts *names, struct texts *all,
                      const struct table_parameters *parameters, const char *parameter,
                      const char *otherwise, struct arena *arena)
{
    texts_split(names, arena, str_of(table_text(parameters, parameter, otherwise)),
                ", \t\r\n");
    for (size_t i = 0; i < names->n; i++)
        texts_add(all, arena, names->items[i]);
}

void ldap_attributes_read(struct ldap_attributes *attributes,
                          const struct table_parameters *parameters, struct arena *arena)
{
    struct texts *all = &attributes->all;

    add_names(&attributes->plain, all, parameters, "result_attribute", "maildrop", arena);
    add_names(&attributes->special, all, parameters, "special_result_attribute", "",
              arena);
    add_names(&attributes->terminal, all, parameters, "terminal_result_attribute", "",
              arena);
    add_names(&attributes->leaf, all, parameters, "leaf_result_attribute", "", arena);
}

/* --- one entry -----------------------------------------------------------------------
 */

typedef int take_value(struct ldap_walk *walk, struct str value, struct fail *why);

static int add_value(struct ldap_walk *walk, struct str value, struct fail *why)
{
    return results_add(walk->results, value, why) < 0 ? LDAP_WALK_REFUSED : LDAP_SUCCESS;
}

static int each_of(struct ldap_walk *walk, LDAPMessage *entry, const char *name,
                   take_value *take, struct fail *why)
{
    struct berval **values = ldap_get_values_len(walk->ldap->ld, entry, name);
    int status = LDAP_SUCCESS;

    for (size_t i = 0; values && values[i] && status == LDAP_SUCCESS; i++)
        status = take(walk, str_from(values[i]->bv_val, values[i]->bv_len), why);
    ldap_value_free_len(values);
    return status;
}

/* Call take for each value of the attributes in names and in also (may be NULL), in the
 * order of the entry. */
static int each_value(struct ldap_walk *walk, LDAPMessage *entry,
                      const struct texts *names, const struct texts *also,
                      take_value *take, struct fail *why)
{
    BerElement *at = NULL;
    int status = LDAP_SUCCESS;
    char *name = ldap_first_attribute(walk->ldap->ld, entry, &at);

    while (name) {
        struct str text = str_of(name);

        if (status == LDAP_SUCCESS &&
            (texts_has(names, text, true) || (also && texts_has(also, text, true))))
            status = each_of(walk, entry, name, take, why);
        ldap_memfree(name);
        name = ldap_next_attribute(walk->ldap->ld, entry, at);
    }
    if (at)
        ber_free(at, 0);
    return status;
}

static bool has_any(const struct ldap_walk *walk, LDAPMessage *entry,
                    const struct texts *names)
{
    bool has = false;

    for (size_t i = 0; i < names->n && !has; i++) {
        struct berval **values =
            ldap_get_values_len(walk->ldap->ld, entry, names->items[i]);

        has = values && values[0];
        ldap_value_free_len(values);
    }
    return has;
}

static int follow_url(struct ldap_walk *walk, const char *url, struct fail *why)
{
    LDAPURLDesc *parsed;
    int status = LDAP_WALK_REFUSED;

    if (ldap_url_parse(url, &parsed) != LDAP_URL_SUCCESS) {
        fail_set(why, "bad LDAP URL: %s", url);
        return status;
    }
    status = ldap_walk_question(walk,
                                &(struct ldap_question){
                                    .base = parsed->lud_dn,
                                    .filter = parsed->lud_filter,
                                    .scope = parsed->lud_scope == LDAP_SCOPE_DEFAULT
                                                 ? LDAP_SCOPE_BASE
                                                 : parsed->lud_scope,
                                    .only = parsed->lud_attrs,
                                    .may_be_missing = true,
                                },
                                why);
    ldap_free_urldesc(parsed);
    return status;
}

/* The entry that a member's DN or URL names. */
static int follow(struct ldap_walk *walk, struct str value, struct fail *why)
{
    const char *name = arena_copy_str(walk->ldap->words, value);
    struct ldap_question question = {
        .base = name, .scope = LDAP_SCOPE_BASE, .may_be_missing = true};
    int status;

    if (value.n == 0)
        return LDAP_SUCCESS;
    if (walk->depth >= walk->ldap->recursion_limit) {
        fail_set(why, "recursion limit exceeded at %s", name);
        return LDAP_WALK_REFUSED;
    }
    walk->depth++;
    status = ldap_is_ldap_url(name) ? follow_url(walk, name, why)
                                    : ldap_walk_question(walk, &question, why);
    walk->depth--;
    return status;
}

static int take_entry(struct ldap_walk *walk, LDAPMessage *entry, struct fail *why)
{
    const struct ldap_attributes *attributes = &walk->ldap->attributes;
    bool is_group;
    int status;

    if (has_any(walk, entry, &attributes->terminal))
        return each_value(walk, entry, &attributes->terminal, NULL, add_value, why);
    is_group = has_any(walk, entry, &attributes->special);
    status = each_value(walk, entry, &attributes->plain,
                        is_group ? NULL : &attributes->leaf, add_value, why);
    if (status == LDAP_SUCCESS && is_group)
        status = each_value(walk, entry, &attributes->special, NULL, follow, why);
    return status;
}

/* --- one search ----------------------------------------------------------------------
 */

/* The attributes to ask for: all of the table's, or those that the URL names as well. */
static char **wanted(const struct ldap_walk *walk, const struct ldap_question *question)
{
    const struct texts *all = &walk->ldap->attributes.all;
    struct texts names = {0};

    for (size_t i = 0; i < all->n; i++) {
        bool is_wanted = !question->only;

        for (size_t k = 0; !is_wanted && question->only[k]; k++)
            is_wanted = str_is_nocase(str_of(question->only[k]), all->items[i]);
        if (is_wanted)
            texts_add(&names, walk->ldap->words, all->items[i]);
    }
    if (names.n == 0) /* an empty list would mean all */
        texts_add(&names, walk->ldap->words, LDAP_NO_ATTRS);
    return (char **)(void *)names.items;
}

int ldap_walk_question(struct ldap_walk *walk, const struct ldap_question *question,
                       struct fail *why)
{
    struct ldap *ldap = walk->ldap;
    struct timeval limit = {.tv_sec = ldap->timeout};
    LDAPMessage *found = NULL;
    int status;

    if (++walk->searches / SEARCHES_PER_LEVEL > ldap->recursion_limit) {
        fail_set(why, "recursion limit exceeded: %d searches", walk->searches);
        return LDAP_WALK_REFUSED;
    }
    ldap_deadline_set(ldap);
    status = ldap_search_ext_s(ldap->ld, question->base, question->scope,
                               question->filter, wanted(walk, question), 0, NULL, NULL,
                               &limit, ldap->size_limit, &found);
    if (status == LDAP_NO_SUCH_OBJECT && question->may_be_missing) {
        status = LDAP_SUCCESS;
    } else if (status != LDAP_SUCCESS) {
        ldap_failed(ldap, status, arena_printf(ldap->words, "%.200s", question->base),
                    why);
    } else {
        for (LDAPMessage *entry = ldap_first_entry(ldap->ld, found);
             entry && status == LDAP_SUCCESS; entry = ldap_next_entry(ldap->ld, entry))
            status = take_entry(walk, entry, why);
    }
    ldap_msgfree(found);
    return status;
}
