/*
 * The command line of sendmail(1), with 40 years of callers: what other
 * Sendmails know and we have no use for is accepted and ignored, so that no caller
 * fails; what would change the meaning of a message and is not supported is
 * refused. Reading it takes two rounds, since main.cf is needed in the second.
 */
#include "commands/sendmail/sendmail.h"

#include "mail/address_list.h"
#include "queue/envelope.h"
#include "queue/record.h"
#include "util/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

static const char letters[] = "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:q::r:tvx";

static void unsupported(char option, const char *value)
{
    fatal_status(EX_TEMPFAIL, "unsupported: -%c%c", option, value[0]);
}

/* --- values --- */

static enum mode mode_of(struct sendmail *sendmail, const char *value)
{
    switch (value[0]) {
    case 'd':
    case 'l':
        return MODE_DAEMON;
    case 'h':
    case 'H':
        return MODE_NOTHING;
    case 'i':
        return MODE_ALIASES;
    case 'm':
        return MODE_MAIL;
    case 'p':
        return MODE_MAILQ;
    case 's':
        return MODE_STAND_ALONE;
    case 'v':
        sendmail->verify = true;
        return MODE_MAIL;
    default:
        unsupported('b', value);
        return MODE_NOTHING;
    }
}

static void take_queue_option(struct sendmail *sendmail, const char *value)
{
    if (value == NULL) {
        sendmail->mode = MODE_FLUSH;
        return;
    }
    if (isdigit((unsigned char)value[0])) { /* compat: -bd -q15m starts, -q15m does not */
        if (sendmail->mode == MODE_MAIL)
            sendmail->mode = MODE_NOTHING;
        return;
    }
    if (value[0] != 'I' && value[0] != 'R')
        fatal_status(EX_TEMPFAIL, "-q%c is not implemented", value[0]);
    if (sendmail->mode != MODE_MAIL)
        fatal_status(EX_TEMPFAIL, "-q%c can be used only in delivery mode", value[0]);
    if (value[1] == '\0')
        fatal_status(EX_TEMPFAIL, "specify: -q%c%s", value[0],
                     value[0] == 'I' ? "queueid" : "sitename");
    sendmail->mode = value[0] == 'I' ? MODE_FLUSH_ID : MODE_FLUSH_SITE;
    sendmail->argument = value + 1;
}

static int notify_of(const char *value)
{
    struct str rest = str_of(value), word;
    int bits = 0;

    while ((word = str_word(&rest, ", \t")).n > 0) {
        if (str_is_nocase(word, "never"))
            bits |= NOTIFY_NEVER;
        else if (str_is_nocase(word, "success"))
            bits |= NOTIFY_SUCCESS;
        else if (str_is_nocase(word, "failure"))
            bits |= NOTIFY_FAILURE;
        else if (str_is_nocase(word, "delay"))
            bits |= NOTIFY_DELAY;
        else {
            log_warning("unknown DSN NOTIFY command value \"%.*s\" in \"%s\"",
                        STR_ARG(word), value);
            bits = 0;
            break;
        }
    }
    if (bits == 0 || ((bits & NOTIFY_NEVER) && bits != NOTIFY_NEVER)) {
        log_warning("bad -N option value -- ignored");
        return 0;
    }
    return bits;
}

static int ret_of(const char *value)
{
    if (str_is_nocase(str_of(value), "full"))
        return RET_FULL;
    if (str_is_nocase(str_of(value), "hdrs"))
        return RET_HEADERS;
    log_warning("bad -R option value -- ignored");
    return 0;
}

/* RFC 3461 section 5.4: printable ASCII. */
static const char *envelope_id_of(const char *value)
{
    for (const char *p = value; *p || p == value; p++)
        if (*p < ' ' || *p > '~') {
            log_warning("bad syntax in -V option value -- ignored");
            return NULL;
        }
    return value;
}

static const char *encoding_of(const char *value)
{
    if (strcmp(value, "8BITMIME") == 0)
        return "8bit";
    if (strcmp(value, "7BIT") != 0)
        fatal_status(EX_TEMPFAIL, "-B option needs 8BITMIME or 7BIT");
    return "7bit";
}

/* -O name=value: two are ours, the others are options of another Sendmail. */
static void take_wish(struct sendmail *sendmail, struct str value)
{
    static const struct {
        const char *name;
        int bit;
    } wishes[] = {{"requiretls", SIZE_REQUIRETLS}, {"smtputf8", SIZE_SMTPUTF8}};
    struct str name = str_trim(str_until(&value, '='));

    value = str_trim(value);
    for (size_t i = 0; i < COUNT(wishes); i++) {
        if (!str_is_nocase(name, wishes[i].name))
            continue;
        if (str_is_nocase(value, "yes"))
            sendmail->wishes |= wishes[i].bit;
        else if (str_is_nocase(value, "no"))
            sendmail->wishes &= ~wishes[i].bit;
        else
            fatal_status(EX_TEMPFAIL, "-O %s needs yes or no", wishes[i].name);
    }
}

static void take_o_option(struct sendmail *sendmail, const char *value)
{
    if (value[0] == 'i')
        sendmail->ignore_dots = true;
    if (value[0] != 'A')
        return;
    if (value[1] == '\0')
        fatal_status(EX_TEMPFAIL, "-oA requires pathname");
    sendmail->alias_database = value + 1;
}

/* The one address that was given to -f; of several the first. */
static const char *sender_of(const struct sendmail *sendmail, const char *value)
{
    struct texts found = {0};

    recipients_add(sendmail, &found, str_of(value));
    if (found.n > 1)
        log_warning("-f option specified malformed sender: %s", value);
    return found.n > 0 ? found.items[0] : "";
}

static void take_option(struct sendmail *sendmail, int option)
{
    switch (option) {
    case 'B':
        sendmail->encoding = encoding_of(optarg);
        break;
    case 'b':
        sendmail->mode = mode_of(sendmail, optarg);
        break;
    case 'F':
        sendmail->full_name = optarg;
        break;
    case 'f':
    case 'r':
        sendmail->sender = sender_of(sendmail, optarg);
        break;
    case 'G':
        sendmail->gateway = true;
        break;
    case 'I':
        sendmail->mode = MODE_ALIASES;
        break;
    case 'i':
        sendmail->ignore_dots = true;
        break;
    case 'N':
        sendmail->notify = notify_of(optarg);
        break;
    case 'n':
        fatal_status(EX_TEMPFAIL, "-n option not supported");
        break;
    case 'O':
        take_wish(sendmail, str_of(optarg));
        break;
    case 'o':
        take_o_option(sendmail, optarg);
        break;
    case 'q':
        take_queue_option(sendmail, optarg);
        break;
    case 'R':
        sendmail->ret = ret_of(optarg);
        break;
    case 't':
        sendmail->extract = true;
        break;
    case 'V':
        sendmail->envelope_id = envelope_id_of(optarg);
        break;
    case 'X':
        if (optarg[0] != 'V')
            unsupported('X', optarg);
        sendmail->verp = optarg + 1;
        break;
    default:
        break; /* ignored, or taken in the first round */
    }
}

/* --- the whole --- */

/* Where is main.cf, and how much is to be logged? */
static void first_round(struct sendmail *sendmail, int argc, char **argv)
{
    int option, verbose = 0;

    while ((option = getopt(argc, argv, letters)) != -1)
        switch (option) {
        case 'C':
            sendmail->command.directory = optarg;
            break;
        case 'v':
            verbose++;
            break;
        case '?':
            fatal_status(EX_TEMPFAIL, "usage: %s [options]", sendmail->command.called);
        default:
            break;
        }
    sendmail->trace = verbose == 1; /* compat: more of them only ask for more log */
    sendmail->command.verbose = verbose > 1 ? verbose - 1 : 0;
}

static void check_verp(struct sendmail *sendmail)
{
    const struct conf *conf = sendmail->command.conf;

    if (sendmail->verp == NULL)
        return;
    if (sendmail->verp[0] == '\0')
        sendmail->verp = conf->default_verp_delimiters;
    else if (strlen(sendmail->verp) != 2 ||
             strspn(sendmail->verp, conf->verp_delimiter_filter) != 2)
        fatal_status(EX_TEMPFAIL, "-V requires two characters from %s",
                     conf->verp_delimiter_filter);
}

static void check_combination(const struct sendmail *sendmail)
{
    static const char *const names[] = {
        [MODE_MAILQ] = "display queue mode",
        [MODE_ALIASES] = "alias initialization mode",
        [MODE_STAND_ALONE] = "stand-alone mode",
        [MODE_DAEMON] = "daemon mode",
        [MODE_FLUSH] = "flush queue mode",
        [MODE_FLUSH_SITE] = "flush site",
        [MODE_FLUSH_ID] = "flush queue_id",
        [MODE_NOTHING] = NULL,
    };

    if (sendmail->extract && sendmail->mode != MODE_MAIL)
        fatal_status(EX_TEMPFAIL, "-t can be used only in delivery mode");
    if (sendmail->mode != MODE_MAIL && sendmail->recipients[0] && names[sendmail->mode])
        fatal_status(EX_TEMPFAIL, "%s requires no recipient", names[sendmail->mode]);
    if (!sendmail->verify || sendmail->mode != MODE_MAIL)
        return;
    if (sendmail->extract)
        fatal_status(EX_TEMPFAIL, "-t option cannot be used with -bv");
    if (sendmail->notify)
        fatal_status(EX_TEMPFAIL, "-N option cannot be used with -bv");
    if (sendmail->trace)
        fatal_status(EX_TEMPFAIL, "-v option cannot be used with -bv");
}

void options_parse(struct sendmail *sendmail, int argc, char **argv)
{
    const char *name = command_called_as(argc, argv, "sendmail");
    int option;

    setenv("POSIXLY_CORRECT", "yes", 1); /* options end at the first recipient */
    if (strcmp(name, "mailq") == 0)
        sendmail->mode = MODE_MAILQ;
    if (strcmp(name, "newaliases") == 0)
        sendmail->mode = MODE_ALIASES;
    first_round(sendmail, argc, argv);
    command_check_directory(&sendmail->command);
    command_configure(&sendmail->command);
    optind = 1;
    while ((option = getopt(argc, argv, letters)) != -1)
        take_option(sendmail, option);
    sendmail->recipients = (const char *const *)argv + optind;
    check_verp(sendmail);
    check_combination(sendmail);
}
