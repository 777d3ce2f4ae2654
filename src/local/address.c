/*
 * One address on its way down: what it stands for, whether it is ours at all,
 * and the two ways to find out that mail goes in circles. Circles over the net
 * show in the message's Delivered-To: lines, those inside the alias database in
 * the depth of expansion.
 */
#include "local/local.h"

#include "deliver/rights.h"
#include "mail/address.h"
#include "mail/extension.h"
#include "mail/utf8.h"
#include "util/log.h"

enum { DEPTH_MAX = 25 }; /* compat: Postfix gives up at this depth, too */

/* --- parts -------------------------------------------------------------------------- */

const char *address_folded(struct attempt *attempt, const char *text)
{
    struct buf out;
    const char *result;

    buf_init(&out, 1 << 16);
    utf8_add_folded(&out, str_of(text), attempt->agent->conf->smtputf8_enable);
    result = arena_copy_str(attempt->arena, buf_str(&out));
    buf_done(&out);
    return result;
}

/* An extension becomes part of file names: a '/' has no place in it. */
void address_take_apart(struct attempt *attempt, struct step *step)
{
    const struct conf *conf = attempt->agent->conf;
    struct address parts = address_split(str_of(step->address));
    struct extension split;

    step->local = arena_copy_str(attempt->arena, parts.local);
    step->domain = arena_copy_str(attempt->arena, parts.domain);
    split = extension_split(str_of(address_folded(attempt, step->local)),
                            conf->recipient_delimiter, conf->double_bounce_sender);
    step->name = arena_copy_str(attempt->arena, split.user);
    step->extension = arena_copy_str(attempt->arena, split.extension);
    step->suffix = split.extension.n ? arena_copy_str(attempt->arena,
                                                      str_tail(parts.local, split.user.n))
                                     : "";
    if (strchr(step->extension, '/')) {
        log_warning("%s: address with illegal extension: %s",
                    attempt->delivery->request.queue_id, step->local);
        step->extension = step->suffix = "";
    }
}

/* --- loops ------------------------------------------------------------------------- */

static void report_loop(struct attempt *attempt, const struct step *step)
{
    log_warning("alias database loop for %s", step->local);
    attempt_outcome(attempt, step, "5.4.6", "alias database loop for %s", step->local);
}

/* True when the message was here before, and was told so. */
static bool was_here(struct attempt *attempt, const struct step *step)
{
    if (!copy_was_delivered_to(&attempt->delivered_to, step->address, attempt->arena))
        return false;
    attempt_outcome(attempt, step, "5.4.6", "mail forwarding loop for %s",
                    address_external(attempt->arena, str_of(step->address)));
    return true;
}

/* "joe: joe, ann": within the alias joe, joe is the user. */
static bool stands_for_itself(const struct step *step)
{
    return step->parent && step->parent->alias &&
           address_same(str_of(step->parent->address), str_of(step->address));
}

/*
 * The step of the loop from `top` down to step that Postfix would name: it goes
 * round until the depth is too much. compat: log readers see the same name.
 */
static const struct step *last_of_loop(const struct step *top, const struct step *step)
{
    int length = step->depth - top->depth;
    int depth = top->depth + (DEPTH_MAX - top->depth) % length;

    while (step->depth > depth)
        step = step->parent;
    return step;
}

/* An address that comes up again is done already, unless it is on its own way up. */
static bool came_up_before(struct attempt *attempt, const struct step *step)
{
    if (stands_for_itself(step) ||
        attempt_is_first(attempt, "address %s %d %s", attempt_sender(attempt, step),
                         step->leaves, address_folded(attempt, step->address)))
        return false;
    for (const struct step *up = step->parent; up; up = up->parent)
        if (up->depth < step->depth &&
            address_same(str_of(up->address), str_of(step->address))) {
            report_loop(attempt, last_of_loop(up, step));
            break;
        }
    return true;
}

/* --- down one level --------------------------------------------------------------- */

const char *address_standard_form(struct attempt *attempt, struct str address)
{
    struct buf out;
    const char *result;

    buf_init(&out, 1 << 16);
    if (address.n == 0 || str_is(address, "@"))
        address = STR("MAILER-DAEMON");
    (void)rewrite_address(&attempt->agent->rules, address, &out);
    result = arena_copy_str(attempt->arena, buf_str(&out));
    buf_done(&out);
    return result;
}

static int resolve(struct attempt *attempt, struct str address, struct resolved *ret,
                   struct fail *why)
{
    const struct deliver *request = &attempt->delivery->request;
    struct resolve ask = {.sender = request->sender, .address = address.p};
    struct ipc_exchange exchange = {"resolve", &resolve_message, &ask, &resolved_message,
                                    ret};

    rights_give_back(attempt->delivery);
    if (ipc_call(attempt->agent->rewrite, &exchange, attempt->arena, why) < 0)
        return -1;
    if (ret->flags & RESOLVE_FAIL)
        return fail_set(why, "address resolver failure");
    return 0;
}

/* Mail that a user's .forward sends to the user stays, whatever else leaves. */
static bool stays_with_user(const struct step *step)
{
    return step->stays && !step->owned && strcmp(step->name, step->stays->name) == 0;
}

static void go_down(struct attempt *attempt, const struct step *parent,
                    const char *address, bool ours)
{
    struct step step = {
        .parent = parent,
        .depth = parent->depth + 1,
        .address = address,
        .original = parent->original,
        .delivered_to =
            attempt->agent->conf->frozen_delivered_to ? parent->delivered_to : address,
        .sender = parent->sender,
        .owned = parent->owned,
        .unmatched = "",
        .leaves = parent->leaves,
        .stays = parent->stays,
    };

    address_take_apart(attempt, &step);
    if (!ours)
        leave_add(attempt, parent, address);
    else if (was_here(attempt, &step))
        return;
    else if (stays_with_user(&step))
        mailbox_deliver(attempt, &step, step.stays);
    else
        address_deliver(attempt, &step);
}

void address_expand(struct attempt *attempt, const struct step *parent,
                    struct str address)
{
    struct str standard = str_of(address_standard_form(attempt, address));
    struct resolved where;
    struct fail why;

    if (*parent->unmatched)
        standard =
            address_add_extension(attempt->arena, standard, str_of(parent->unmatched));
    if (resolve(attempt, standard, &where, &why) < 0) {
        log_warning("%s", why.text);
        attempt_outcome(attempt, parent, "4.3.0", "address resolver failure");
    } else if (where.flags & RESOLVE_ERROR) {
        attempt_outcome(attempt, parent, "5.1.3", "bad recipient address syntax: %.*s",
                        STR_ARG(address));
    } else {
        bool ours = strcmp(where.transport, attempt->delivery->request.transport) == 0;

        go_down(attempt, parent, *where.recipient ? where.recipient : standard.p, ours);
    }
}

/* --- delivery ------------------------------------------------------------------------
 */

/* require_home_directory: is the file system with the homes mounted? */
static bool home_is_there(struct attempt *attempt, const struct step *step,
                          const struct user *user)
{
    struct stat st;
    struct fail why;

    if (!attempt->agent->conf->require_home_directory)
        return true;
    rights_take(attempt->delivery, rights_of(attempt->agent, user));
    if (stat(user->home, &st) == 0)
        return true;
    fail_set(&why, "%m");
    attempt_outcome(attempt, step, "4.3.0", "cannot access home directory %s: %s",
                    user->home, why.text);
    return false;
}

static void user_deliver(struct attempt *attempt, struct step *step)
{
    struct user *user = ARENA_NEW(attempt->arena, struct user);
    struct fail why;
    int found;

    found = users_find(attempt, step->name, user, &why);

    if (found < 0) {
        log_warning("%s", why.text);
        attempt_outcome(attempt, step, "4.3.0", "user lookup error");
    } else if (found == 0) {
        unknown_deliver(attempt, step);
    } else if (home_is_there(attempt, step, user) &&
               !forward_deliver(attempt, step, user)) {
        mailbox_deliver(attempt, step, user);
    }
}

void address_deliver(struct attempt *attempt, struct step *step)
{
    if (step->depth == 0) {
        address_take_apart(attempt, step);
        if (was_here(attempt, step))
            return;
    }
    if (step->depth >= DEPTH_MAX) {
        report_loop(attempt, step);
        return;
    }
    if (came_up_before(attempt, step) || alias_deliver(attempt, step))
        return;
    if (step->owned || step->leaves)
        leave_add(attempt, step, step->address);
    else
        user_deliver(attempt, step);
}
