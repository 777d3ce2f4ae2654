/* bind = sasl: the answers that a mechanism asks for come from the parameters. */
#include "table/plugins/ldap/ldap.h"

#include <sasl/sasl.h>

static int answer(LDAP *ld, unsigned flags, void *context, void *questions)
{
    const struct ldap *ldap = context;

    (void)ld;
    (void)flags;
    for (sasl_interact_t *question = questions; question->id != SASL_CB_LIST_END;
         question++) {
        const char *text = question->id == SASL_CB_AUTHNAME   ? ldap->bind_dn
                           : question->id == SASL_CB_PASS     ? ldap->bind_pw
                           : question->id == SASL_CB_GETREALM ? ldap->sasl_realm
                           : question->id == SASL_CB_USER     ? ldap->sasl_authz_id
                                                              : "";

        question->result = text;
        question->len = (unsigned)strlen(text);
    }
    return LDAP_SUCCESS;
}

int ldap_bind_sasl(const struct ldap *ldap)
{
    const char *mechanisms = *ldap->sasl_mechs ? ldap->sasl_mechs : NULL;
    ber_len_t strength = (ber_len_t)ldap->sasl_minssf;

    if (strength > 0)
        ldap_set_option(ldap->ld, LDAP_OPT_X_SASL_SSF_MIN, &strength);
    return ldap_sasl_interactive_bind_s(ldap->ld, NULL, mechanisms, NULL, NULL,
                                        LDAP_SASL_QUIET, answer, (void *)ldap);
}
