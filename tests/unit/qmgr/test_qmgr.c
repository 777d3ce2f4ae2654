/* The queue manager as a whole, among services played by the test (stage.h). */
#include "qmgr/stage.h"

static void a_message_is_delivered_and_removed(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test");
    assert_string_equal(queue_of("A1"), "");
    assert_int_equal(stage->n_got, 1);
    assert_string_equal(stage->got[0].transport, "smtp");
    assert_string_equal(stage->got[0].nexthop, "a.smtp.test");
    assert_string_equal(stage->log,
                        "A1: from=<joe@example.com>, size=6, nrcpt=1 (queue active)\n"
                        "A1: removed\n");
    stage_close(stage);
}

static void recipients_of_a_destination_travel_together(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test", "R ok@b.smtp.test",
         "R ok2@A.smtp.test", "R ok@x.slow.test");
    assert_int_equal(stage->n_got, 3);
    for (size_t i = 0; i < 3; i++)
        ROW_INT(stage->got[i].nexthop, stage->got[i].n,
                strcasecmp(stage->got[i].nexthop, "a.smtp.test") == 0 ? 2 : 1);
    assert_string_equal(queue_of("A1"), "");
    stage_close(stage);
}

static void a_deferred_message_waits_as_long_as_it_is_old(void **state)
{
    struct stage *stage = stage_open(NULL);
    time_t arrived = now(stage);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R later@a.smtp.test", "R ok@a.smtp.test");
    assert_string_equal(queue_of("A1"), "deferred");
    assert_int_equal(next_attempt("A1"), arrived + 300);
    let_pass(stage, 298);
    assert_int_equal(stage->n_got, 1);
    let_pass(stage, 4);
    assert_int_equal(stage->n_got, 2);
    assert_int_equal(stage->got[1].n, 1);
    assert_true(next_attempt("A1") >= arrived + 600 &&
                next_attempt("A1") <= arrived + 604);
    let_pass(stage, 20000);
    assert_true(next_attempt("A1") <= now(stage) + 4000);
    assert_true(stage->n_got >= 9 && stage->n_got <= 11);
    stage_close(stage);
}

static void an_old_message_is_returned(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "maximal_queue_lifetime=1000s", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R later@a.smtp.test");
    let_pass(stage, 1600);
    assert_string_equal(queue_of("A1"), "");
    assert_string_equal(stage->reports, "defer flush A1\n");
    assert_true(logged(
        stage, "A1: from=<joe@example.com>, status=expired, returned to sender\n"));
    assert_true(stage->got[stage->n_got - 1].flags & DELIVER_LAST_TRY);
    stage_close(stage);
}

static void a_message_that_cannot_be_returned_stays(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "maximal_queue_lifetime=0", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    stage->refuse_reports = true;
    MAIL(stage, "A1", "S joe@example.com", "R later@a.smtp.test");
    assert_string_equal(queue_of("A1"), "deferred");
    stage->refuse_reports = false;
    let_pass(stage, 700);
    assert_string_equal(queue_of("A1"), "");
    assert_string_equal(stage->reports, "defer flush A1\ndefer flush A1\n");
    stage_close(stage);
}

static void reports_of_the_null_sender_have_a_lifetime_of_their_own(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "maximal_queue_lifetime=5d",
                                            "bounce_queue_lifetime=0", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S ", "R later@a.smtp.test");
    assert_string_equal(queue_of("A1"), "");
    assert_true(logged(stage, "A1: from=<>, status=expired, returned to sender\n"));
    stage_close(stage);
}

static void failures_are_reported_before_removal(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R bounce@a.smtp.test");
    assert_string_equal(stage->reports, "bounce flush A1\n");
    assert_string_equal(queue_of("A1"), "");
    stage->refuse_reports = true;
    MAIL(stage, "A2", "S joe@example.com", "R bounce@a.smtp.test");
    assert_string_equal(queue_of("A2"), "deferred");
    stage->refuse_reports = false;
    let_pass(stage, 700);
    assert_string_equal(queue_of("A2"), "");
    assert_string_equal(stage->reports,
                        "bounce flush A1\nbounce flush A2\nbounce flush A2\n");
    stage_close(stage);
}

static void a_late_message_is_told_of_once(void **state)
{
    struct stage *stage = stage_open(NULL);
    char warn[40];
    const char *records[] = {"S joe@example.com", warn, "R later@a.smtp.test", NULL};

    (void)state;
    snprintf(warn, sizeof(warn), "W %15ld", (long)now(stage) + 1000);
    put(stage, "incoming", "A1", records);
    arrive(stage, "A1");
    let_pass(stage, 900);
    assert_string_equal(stage->reports, "");
    let_pass(stage, 20000);
    assert_string_equal(stage->reports, "defer warn A1\n");
    assert_string_equal(queue_of("A1"), "deferred");
    stage_close(stage);
}

static void a_success_is_reported_to_who_asked(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "A notify_flags=2", "R trace@a.smtp.test");
    assert_string_equal(stage->reports, "trace trace A1\n");
    MAIL(stage, "A2", "S joe@example.com", "A trace_flags=1024", "R trace@a.smtp.test");
    assert_string_equal(stage->reports, "trace trace A1\ntrace trace A2\n");
    MAIL(stage, "A3", "S joe@example.com", "A notify_flags=2", "R ok@a.smtp.test");
    assert_string_equal(stage->reports, "trace trace A1\ntrace trace A2\n");
    assert_int_equal(map_count(stage->manager->messages), 0);
    stage_close(stage);
}

static void who_was_warned_hears_of_success(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "confirm_delay_cleared=yes", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "W              -1", "R trace@a.smtp.test");
    assert_int_equal(stage->got[0].trace_flags, TRACE_DELAY_CLEARED);
    assert_string_equal(stage->reports, "trace trace A1\n");
    MAIL(stage, "A2", "S joe@example.com", "W      2000000000", "R ok@a.smtp.test");
    assert_int_equal(stage->got[1].trace_flags, 0);
    stage_close(stage);
}

/* --- who is next --------------------------------------------------------------- */

static void a_destination_gets_so_many_at_once(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    for (int i = 0; i < 50; i++) {
        char id[20];

        snprintf(id, sizeof(id), "B%d", i);
        put_many(stage, id, "hold", "a.smtp.test", 1);
        arrive(stage, id);
    }
    assert_int_equal(stage->busy, 5); /* initial_destination_concurrency */
    for (int i = 0; i < 30 && map_count(stage->manager->messages) > 0; i++)
        release(stage);
    assert_int_equal(map_count(stage->manager->messages), 0);
    assert_true(stage->busy_max > 5);
    assert_true(stage->busy_max <= 20);
    stage_close(stage);
}

static void local_users_have_a_limit_each(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    for (int i = 0; i < 5; i++) {
        static const char *const records[] = {"S joe@example.com", "R hold@x.local.test",
                                              "R Hold@x.local.test",
                                              "R holdon@x.local.test", NULL};
        char id[20];

        snprintf(id, sizeof(id), "B%d", i);
        put(stage, "incoming", id, records);
        arrive(stage, id);
    }
    assert_int_equal(stage->busy, 4); /* local_destination_concurrency_limit = 2 */
    while (map_count(stage->manager->messages) > 0)
        release(stage);
    assert_int_equal(stage->busy_max, 4);
    assert_int_equal(stage->n_got, 15);
    stage_close(stage);
}

static void a_big_mailing_is_cut_into_requests(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    put_many(stage, "B1", "ok", "a.smtp.test", 120);
    arrive(stage, "B1");
    assert_int_equal(stage->n_got, 3);
    assert_int_equal(stage->got[0].n, 50);
    assert_int_equal(stage->got[2].n, 20);
    assert_string_equal(queue_of("B1"), "");
    stage_close(stage);
}

/* How many requests were sent before the first one of this message? */
static size_t place_of(const struct stage *stage, const char *id)
{
    size_t i = 0;

    while (i < stage->n_got && strcmp(stage->got[i].id, id) != 0)
        i++;
    return i;
}

static void a_big_mailing_does_not_starve_a_small_message(void **state)
{
    struct stage *stage = stage_open(NULL);
    size_t before;

    (void)state;
    put_many(stage, "B1", "hold", "a.smtp.test", 4000); /* 80 requests */
    arrive(stage, "B1");
    assert_int_equal(stage->busy, 5);
    put_many(stage, "S1", "ok", "a.smtp.test", 1);
    arrive(stage, "S1");
    before = stage->n_got;
    while (map_count(stage->manager->messages) > 0)
        release(stage);
    assert_true(place_of(stage, "S1") < before + 6);
    assert_int_equal(stage->n_got, 81);
    stage_close(stage);
}

static void small_messages_do_not_starve_a_big_mailing(void **state)
{
    struct stage *stage = stage_open(NULL);
    size_t last = 0;

    (void)state;
    put_many(stage, "B1", "hold", "a.smtp.test", 1000); /* 20 requests */
    arrive(stage, "B1");
    for (int i = 0; i < 500; i++) {
        char id[20];

        snprintf(id, sizeof(id), "S%d", i);
        put_many(stage, id, "hold", "a.smtp.test", 1);
        arrive(stage, id);
    }
    while (map_get(stage->manager->messages, STR("B1")))
        release(stage);
    for (size_t i = 0; i < stage->n_got; i++)
        if (strcmp(stage->got[i].id, "B1") == 0)
            last = i;
    assert_true(last < 20 + 20 / 4); /* every fifth request was for others */
    while (map_count(stage->manager->messages) > 0)
        release(stage);
    stage_close(stage);
}

static void recipients_beyond_memory_are_read_later(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "qmgr_message_recipient_limit=100",
                                            "default_recipient_limit=100",
                                            "default_extra_recipient_limit=0",
                                            "default_recipient_refill_limit=10",
                                            NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    put_many(stage, "B1", "hold", "a.smtp.test", 1000);
    arrive(stage, "B1");
    assert_int_equal(stage->manager->recipients, 100);
    MAIL(stage, "S1", "S joe@example.com", "R ok@b.smtp.test");
    assert_string_equal(queue_of("S1"), "");
    for (int i = 0; i < 100 && map_count(stage->manager->messages) > 0; i++) {
        assert_true(stage->manager->recipients <= 100);
        release(stage);
    }
    assert_string_equal(queue_of("B1"), "");
    assert_int_equal(stage->manager->recipients, 0);
    stage_close(stage);
}

static void limits_of_the_transport_rule_what_is_read_later(void **state)
{
    static const char *const overrides[] = {
        "hash_queue_names=hold", "qmgr_message_recipient_limit=100",
        "smtp_recipient_limit=300", "smtp_extra_recipient_limit=0", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    put_many(stage, "B1", "hold", "a.smtp.test", 1000);
    arrive(stage, "B1");
    assert_int_equal(stage->manager->recipients, 300);
    put_many(stage, "B2", "hold", "a.slow.test", 1000);
    arrive(stage, "B2"); /* beyond the limit for all; then up to that of its transport */
    assert_int_equal(stage->manager->recipients, 300 + 1000);
    while (map_count(stage->manager->messages) > 0)
        release(stage);
    assert_int_equal(stage->manager->recipients, 0);
    stage_close(stage);
}

static void who_overtakes_has_room_of_its_own(void **state)
{
    static const char *const overrides[] = {
        "hash_queue_names=hold",         "qmgr_message_recipient_limit=100",
        "default_recipient_limit=100",   "default_destination_recipient_limit=20",
        "smtp_extra_recipient_limit=20", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    put_many(stage, "B1", "hold", "a.smtp.test", 1000);
    put_many(stage, "M1", "ok", "b.smtp.test", 70);
    arrive(stage, "B1");
    arrive(stage, "M1");
    assert_string_equal(queue_of("M1"), "");
    assert_int_equal(stage->got[place_of(stage, "M1")].n, 10);
    assert_int_equal(stage->got[stage->n_got - 1].n, 20);
    stage_close(stage);
}

static void after_a_while_a_few_recipients_are_read_too(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "default_recipient_limit=100",
                                            "qmgr_message_recipient_limit=100",
                                            "default_extra_recipient_limit=0",
                                            "default_destination_recipient_limit=2",
                                            "default_recipient_refill_limit=90",
                                            "default_recipient_refill_delay=5s",
                                            NULL};
    struct stage *stage = stage_open(overrides);
    const struct message *message;
    int64_t first;

    (void)state;
    put_many(stage, "B1", "hold", "a.smtp.test", 1000);
    arrive(stage, "B1");
    message = map_get(stage->manager->messages, STR("B1"));
    first = message->read_ms;
    let_pass(stage, 4);
    for (int i = 0; i < 3; i++)
        release(stage);
    assert_in_range(message->recipients, 11, 90);
    assert_int_equal(message->read_ms, first);
    let_pass(stage, 2);
    release(stage);
    assert_true(message->read_ms > first);
    while (map_count(stage->manager->messages) > 0)
        release(stage);
    stage_close(stage);
}

static void a_slow_destination_gets_one_at_a_time_with_pauses(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "smtp_destination_rate_delay=10s", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test");
    MAIL(stage, "A2", "S joe@example.com", "R ok@a.smtp.test");
    MAIL(stage, "A3", "S joe@example.com", "R ok@a.smtp.test");
    MAIL(stage, "B1", "S joe@example.com", "R ok@b.smtp.test");
    assert_string_equal(queue_of("B1"), "");
    assert_int_equal(stage->n_got, 2);
    let_pass(stage, 9);
    assert_int_equal(stage->n_got, 2);
    let_pass(stage, 2);
    assert_int_equal(stage->n_got, 3);
    let_pass(stage, 11);
    assert_int_equal(stage->n_got, 4);
    assert_int_equal(stage->busy_max, 1);
    let_pass(stage, 11);
    MAIL(stage, "A4", "S joe@example.com", "R ok@a.smtp.test");
    assert_int_equal(stage->n_got, 5); /* nothing came for so long: no pause */
    stage_close(stage);
}

static void a_slow_transport_pauses_after_each_delivery(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "smtp_transport_rate_delay=10s", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test", "R ok@x.slow.test");
    MAIL(stage, "B1", "S joe@example.com", "R ok@b.smtp.test", "R ok@x.slow.test");
    assert_int_equal(stage->n_got, 3);
    let_pass(stage, 9);
    assert_int_equal(stage->n_got, 3);
    let_pass(stage, 2);
    assert_int_equal(stage->n_got, 4);
    stage_close(stage);
}

static void an_agent_hears_that_more_is_to_come(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "default_destination_recipient_limit=1",
                                            "smtp_destination_concurrency_limit=1", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R hold@a.smtp.test");
    MAIL(stage, "A2", "S joe@example.com", "R hold@a.smtp.test");
    MAIL(stage, "A3", "S joe@example.com", "R hold@a.smtp.test");
    release(stage);
    release(stage);
    release(stage);
    assert_int_equal(stage->n_got, 3);
    assert_false(stage->got[0].flags & DELIVER_REUSE);
    assert_true(stage->got[1].flags & DELIVER_REUSE);
    assert_false(stage->got[2].flags & DELIVER_REUSE);
    stage_close(stage);
}

/* --- trouble ------------------------------------------------------------------- */

static void a_dead_destination_is_left_alone(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "initial_destination_concurrency=1", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R trouble@a.smtp.test");
    MAIL(stage, "A2", "S joe@example.com", "R ok@a.smtp.test");
    MAIL(stage, "A3", "S joe@example.com", "R ok@b.smtp.test");
    assert_int_equal(stage->n_got, 3);
    assert_string_equal(stage->got[1].transport, "retry");
    assert_string_equal(stage->got[1].nexthop,
                        "4.4.1 delivery temporarily suspended: no route");
    assert_string_equal(queue_of("A2"), "deferred");
    assert_string_equal(queue_of("A3"), "");
    let_pass(stage, 301); /* minimal_backoff_time */
    MAIL(stage, "A4", "S joe@example.com", "R ok@a.smtp.test");
    assert_string_equal(queue_of("A4"), "");
    stage_close(stage);
}

static void no_more_dead_destinations_are_remembered_than_allowed(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "initial_destination_concurrency=1",
                                            "qmgr_message_recipient_limit=2", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    for (int i = 0; i < 8; i++) {
        char id[20], domain[40];

        snprintf(id, sizeof(id), "B%d", i);
        snprintf(domain, sizeof(domain), "%c.smtp.test", 'a' + i % 4);
        put_many(stage, id, "trouble", domain, 1);
        arrive(stage, id);
    }
    assert_int_equal(stage->manager->dead, 2);
    /* a and b are left alone the second time, c and d are not */
    assert_string_equal(stage->got[place_of(stage, "B4")].transport, "retry");
    assert_string_equal(stage->got[place_of(stage, "B5")].transport, "retry");
    assert_string_equal(stage->got[place_of(stage, "B6")].transport, "smtp");
    assert_string_equal(stage->got[place_of(stage, "B7")].transport, "smtp");
    scanner_request(stage->manager->scanner, SCAN_FLUSH);
    assert_int_equal(stage->manager->dead, 0);
    stage_close(stage);
}

static void what_waits_for_a_dead_destination_is_deferred_at_once(void **state)
{
    static const char *const overrides[] = {
        "hash_queue_names=hold", "initial_destination_concurrency=1",
        "default_destination_concurrency_limit=1", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R hold@a.smtp.test", "R trouble@a.smtp.test");
    MAIL(stage, "A2", "S joe@example.com", "R ok@a.smtp.test");
    assert_string_equal(queue_of("A2"), "active");
    release(stage);
    assert_string_equal(queue_of("A1"), "deferred");
    assert_string_equal(queue_of("A2"), "deferred");
    stage_close(stage);
}

static void a_missing_service_costs_a_minute(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.none.test");
    assert_true(logged(stage, "warning: connect to transport private/none: No such file "
                              "or directory\n"));
    assert_string_equal(stage->got[0].transport, "retry");
    assert_string_equal(stage->got[0].nexthop, "4.3.0 mail transport unavailable");
    assert_string_equal(queue_of("A1"), "deferred");
    start_service(stage, "none");
    MAIL(stage, "A2", "S joe@example.com", "R ok@a.none.test");
    assert_string_equal(queue_of("A2"), "deferred");
    let_pass(stage, 61);
    MAIL(stage, "A3", "S joe@example.com", "R ok@a.none.test");
    assert_string_equal(queue_of("A3"), "");
    stage_close(stage);
}

static void without_retry_the_queue_manager_defers_itself(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    unlink("private/retry");
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.none.test");
    assert_string_equal(queue_of("A1"), "deferred");
    assert_true(logged(stage, "A1: to=<ok@a.none.test>, relay=none, "));
    assert_true(
        logged(stage, ", dsn=4.3.0, status=deferred (mail transport unavailable)\n"));
    stage_close(stage);
}

/* Nobody would be told of a recipient that is not in the defer log. */
static void what_is_in_no_log_does_not_expire(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "maximal_queue_lifetime=0", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    unlink("private/retry");
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.none.test");
    assert_string_equal(queue_of("A1"), "deferred");
    assert_string_equal(stage->reports, "");
    stage_close(stage);
}

static void an_agent_that_dies_costs_no_mail(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test", "R crash@a.smtp.test");
    assert_string_equal(queue_of("A1"), "deferred");
    assert_true(logged(stage, "warning: transport smtp: a delivery agent ended in the "
                              "middle of a delivery"));
    MAIL(stage, "A2", "S joe@example.com", "R ok@a.smtp.test");
    assert_string_equal(stage->got[1].transport, "retry");
    assert_string_equal(stage->got[1].nexthop, "4.3.0 unknown mail transport error");
    stage_close(stage);
}

static void an_agent_that_has_left_is_replaced(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test");
    for (size_t i = 0; i < TALKS_MAX; i++)
        if (stage->talks[i] && strcmp(stage->talks[i]->service, "smtp") == 0)
            hang_up(stage->talks[i]);
    /* The queue manager has not seen it yet. */
    MAIL(stage, "A2", "S joe@example.com", "R ok@a.smtp.test");
    assert_string_equal(queue_of("A2"), "");
    assert_false(logged(stage, "warning"));
    stage_close(stage);
}

static void idle_agents_are_let_go(void **state)
{
    struct stage *stage = stage_open(NULL);
    struct transport *transport;

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test");
    transport = map_get(stage->manager->transports, STR("smtp"));
    assert_non_null(agent_idle(transport));
    let_pass(stage, 12); /* ipc_idle, and the sweep after it */
    assert_null(agent_idle(transport));
    stage_close(stage);
}

/* --- what the administrator says ----------------------------------------------- */

static void deferred_transports_wait_for_a_flush(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "defer_transports=smtp", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test");
    assert_string_equal(stage->got[0].transport, "retry");
    assert_string_equal(stage->got[0].nexthop, "4.3.2 deferred transport");
    assert_string_equal(queue_of("A1"), "deferred");
    scanner_trigger(stage->manager->scanner, STR("FADI"));
    run(stage);
    assert_string_equal(queue_of("A1"), "");
    MAIL(stage, "A2", "S joe@example.com", "R ok@a.smtp.test");
    assert_string_equal(queue_of("A2"), "deferred");
    stage_close(stage);
}

static void an_expired_message_is_returned_unseen(void **state)
{
    struct stage *stage = stage_open(NULL);
    static const char *const records[] = {"S joe@example.com", "R ok@a.smtp.test", NULL};

    (void)state;
    put(stage, "deferred", "A1", records);
    chmod("deferred/A1", 0710);
    scanner_trigger(stage->manager->scanner, STR("DA"));
    run(stage);
    assert_string_equal(stage->got[0].nexthop,
                        "4.7.0 message is administratively expired");
    assert_true(logged(
        stage, "A1: from=<joe@example.com>, status=force-expired, returned to sender\n"));
    assert_string_equal(stage->reports, "defer flush A1\n");
    assert_string_equal(queue_of("A1"), "");
    stage_close(stage);
}

static void a_flush_mark_revives_the_destination(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "initial_destination_concurrency=1", NULL};
    struct stage *stage = stage_open(overrides);
    static const char *const records[] = {"S joe@example.com", "R ok@a.smtp.test", NULL};
    struct stat st;

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "R trouble@a.smtp.test");
    put(stage, "incoming", "A2", records);
    chmod("incoming/A2", 0740);
    arrive(stage, "A2");
    assert_string_equal(queue_of("A2"), "");
    put(stage, "incoming", "A3", records);
    chmod("incoming/A3", 0740);
    stage->refuse_reports = true;
    MAIL(stage, "A4", "S joe@example.com", "R later@a.smtp.test");
    assert_int_equal(stat("deferred/A4", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    stage_close(stage);
}

static void a_filter_gets_everything(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "L slow:[127.0.0.1]:10025", "R ok@a.smtp.test",
         "R ok@b.local.test");
    assert_int_equal(stage->n_got, 1);
    assert_string_equal(stage->got[0].transport, "slow");
    assert_string_equal(stage->got[0].nexthop, "[127.0.0.1]:10025");
    assert_int_equal(stage->questions, 0);
    MAIL(stage, "A2", "S joe@example.com", "L slow:", "R ok@a.smtp.test");
    assert_string_equal(stage->got[1].nexthop, "a.smtp.test");
    stage_close(stage);
}

static void a_redirection_replaces_all_recipients(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S joe@example.com", "> ok@b.smtp.test", "R later@a.smtp.test",
         "R later@c.smtp.test");
    assert_int_equal(stage->n_got, 1);
    assert_string_equal(stage->got[0].nexthop, "b.smtp.test");
    assert_int_equal(stage->got[0].n, 1);
    assert_string_equal(stage->got[0].first, "ok@b.smtp.test");
    assert_string_equal(queue_of("A1"), "");
    stage_close(stage);
}

static void a_double_bounce_ends_here(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    MAIL(stage, "A1", "S ", "R double-bounce@mx.local.test");
    assert_int_equal(stage->n_got, 0);
    assert_string_equal(queue_of("A1"), "");
    assert_true(logged(stage, "dsn=2.0.0, status=sent (undeliverable postmaster "
                              "notification discarded)\n"));
    stage_close(stage);
}

static void an_address_that_looks_like_an_option_is_refused(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    start_service(stage, "error");
    MAIL(stage, "A1", "S joe@example.com", "R -f@mx.local.test");
    assert_string_equal(stage->got[0].transport, "error");
    assert_string_equal(stage->got[0].nexthop, "5.1.3 bad address syntax");
    stage_close(stage);
}

/* --- files --------------------------------------------------------------------- */

static void a_damaged_file_is_put_aside(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    touch("incoming", "A1");
    chmod("incoming/A1", 0700);
    arrive(stage, "A1");
    assert_string_equal(queue_of("A1"), "corrupt");
    assert_true(logged(stage, "warning: saving corrupt file \"A1\" from queue "
                              "\"active\" to queue \"corrupt\"\n"));
    stage_close(stage);
}

static void an_unfinished_file_is_left_alone(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    touch("incoming", "A1");
    arrive(stage, "A1");
    assert_string_equal(queue_of("A1"), "incoming");
    assert_string_equal(stage->log, "");
    stage_close(stage);
}

static void a_file_that_an_agent_still_has_waits(void **state)
{
    static const char *const records[] = {"S joe@example.com", "R ok@a.smtp.test", NULL};
    struct stage *stage = stage_open(NULL);
    struct fail why;
    int fd;

    (void)state;
    put(stage, "incoming", "A1", records);
    fd = open("incoming/A1", O_RDWR);
    assert_int_equal(file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, &why), 0);
    arrive(stage, "A1");
    assert_string_equal(stage->log, "A1: skipped, still being delivered\n");
    assert_string_equal(queue_of("A1"), "incoming");
    close(fd);
    let_pass(stage, 2);
    assert_string_equal(queue_of("A1"), "");
    stage_close(stage);
}

static void a_full_active_queue_takes_the_rest_later(void **state)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "qmgr_message_active_limit=3",
                                            "initial_destination_concurrency=1", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    for (int i = 0; i < 10; i++) {
        char id[20];

        snprintf(id, sizeof(id), "B%d", i);
        put_many(stage, id, "hold", "a.smtp.test", 1);
        arrive(stage, id);
    }
    assert_int_equal(map_count(stage->manager->messages), 3);
    assert_true(logged(
        stage,
        "warning: mail for a.smtp.test is using up 2 of 3 active queue entries\n"));
    for (int i = 0; i < 20 && stage->busy > 0; i++)
        release(stage);
    assert_int_equal(stage->n_got, 10);
    assert_int_equal(map_count(stage->manager->messages), 0);
    stage_close(stage);
}

static void few_descriptors_are_enough(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    stage->manager->files_max = 2;
    for (int i = 0; i < 30; i++) {
        char id[20];

        snprintf(id, sizeof(id), "B%d", i);
        put_many(stage, id, "hold", "a.smtp.test", 1);
        arrive(stage, id);
        assert_true(stage->manager->files <= 2 + (size_t)stage->busy);
    }
    while (map_count(stage->manager->messages) > 0) {
        assert_true(stage->manager->files <= 2 + (size_t)stage->busy);
        release(stage);
    }
    assert_int_equal(stage->n_got, 30);
    assert_int_equal(stage->manager->files, 0);
    stage_close(stage);
}

static void a_message_removed_by_hand_is_forgotten(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    stage->manager->files_max = 0;
    put_many(stage, "B1", "hold", "a.smtp.test", 300);
    arrive(stage, "B1");
    put_many(stage, "B2", "hold", "a.smtp.test", 1);
    arrive(stage, "B2");
    unlink("active/B1");
    unlink("active/B2");
    while (map_count(stage->manager->messages) > 0)
        release(stage);
    assert_false(logged(stage, "removed"));
    assert_false(logged(stage, "warning"));
    stage_close(stage);
}

static void too_many_probes_are_put_off(void **state)
{
    static const char *const overrides[] = {
        "hash_queue_names=hold", "address_verify_pending_request_limit=1", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S ", "A trace_flags=256", "R hold@a.smtp.test");
    assert_true(stage->got[0].flags & DELIVER_PROBE);
    MAIL(stage, "A2", "S ", "A trace_flags=256", "R ok@a.smtp.test");
    assert_string_equal(stage->got[1].nexthop,
                        "4.3.2 Too many address verification requests");
    release(stage);
    MAIL(stage, "A3", "S ", "A trace_flags=256", "R ok@a.smtp.test");
    assert_string_equal(queue_of("A3"), "");
    stage_close(stage);
}

static void after_a_restart_nothing_is_forgotten(void **state)
{
    static const char *const records[] = {"S joe@example.com", "R ok@a.smtp.test", NULL};
    struct stage *stage;

    (void)state;
    {
        struct stage early = {.epoch = time(NULL) - 10};

        put(&early, "active", "A1", records);
        put(&early, "incoming", "A2", records);
        put(&early, "deferred", "A3", records);
    }
    stage = stage_open(NULL);
    assert_int_equal(stage->n_got, 3);
    assert_string_equal(queue_of("A1"), "");
    assert_string_equal(queue_of("A2"), "");
    assert_string_equal(queue_of("A3"), "");
    stage_close(stage);
}

static void the_same_question_is_asked_once(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    for (int i = 0; i < 5; i++) {
        char id[20];

        snprintf(id, sizeof(id), "B%d", i);
        put_many(stage, id, "ok", "a.smtp.test", 1);
        arrive(stage, id);
    }
    assert_int_equal(stage->questions, 1);
    let_pass(stage, 2);
    MAIL(stage, "A1", "S joe@example.com", "R ok0@a.smtp.test");
    assert_int_equal(stage->questions, 2);
    stage_close(stage);
}

static void blanks_in_addresses_make_no_other_question(void **state)
{
    static const char *const overrides[] = {
        "sender_dependent_relayhost_maps=static:[relay.test]", NULL};
    struct stage *stage = stage_open(overrides);

    (void)state;
    MAIL(stage, "A1", "S joe", "R ok ok@a.smtp.test");
    MAIL(stage, "A2", "S joe ok", "R ok@a.smtp.test");
    assert_int_equal(stage->questions, 2);
    assert_string_equal(stage->got[1].first, "ok@a.smtp.test");
    stage_close(stage);
}

static void a_resolver_that_hangs_is_asked_anew(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    stage->mute = true;
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test");
    let_pass(stage, 50);
    stage->mute = false;
    assert_string_equal(queue_of("A1"), "active");
    let_pass(stage, 80); /* qmgr_ipc_timeout = 60 */
    assert_string_equal(queue_of("A1"), "");
    assert_true(logged(stage, "warning: service rewrite: no answer in 60 seconds"));
    stage_close(stage);
}

static void questions_wait_for_a_resolver_that_is_away(void **state)
{
    struct stage *stage = stage_open(NULL);

    (void)state;
    assert_int_equal(rename("private/rewrite", "private/away"), 0);
    MAIL(stage, "A1", "S joe@example.com", "R ok@a.smtp.test");
    let_pass(stage, 5);
    assert_string_equal(queue_of("A1"), "active");
    assert_int_equal(rename("private/away", "private/rewrite"), 0);
    let_pass(stage, 2);
    assert_string_equal(queue_of("A1"), "");
    stage_close(stage);
}

/* --- everything at once ------------------------------------------------------- */

static const char *const fates[] = {"ok",     "ok",   "ok",   "ok",    "later", "trouble",
                                    "bounce", "hold", "hold", "crash", "trace"};

/* A message to a few, or to many, of everybody. */
static void put_random(struct stage *stage, int number)
{
    static const char *const transports[] = {"smtp", "smtp", "slow", "local", "none"};
    size_t n = rand() % 20 == 0 ? 300 : 1 + (size_t)rand() % 4;
    const char **records = calloc(n + 2, sizeof(char *));
    char id[20];

    records[0] = rand() % 5 ? "S joe@example.com" : "S ";
    for (size_t i = 0; i < n; i++)
        records[i + 1] = arena_printf(
            stage->arena, "R %s%d@%c.%s.test", fates[(size_t)rand() % ROWS(fates)],
            rand() % 10, 'a' + rand() % 5, transports[(size_t)rand() % ROWS(transports)]);
    snprintf(id, sizeof(id), "R%d", number);
    put(stage, rand() % 4 ? "incoming" : "deferred", id, records);
    scanner_notice(stage->manager->scanner, id);
    free(records);
}

/* Somebody does something, or something happens. */
static void disturb(struct stage *stage, int number)
{
    static const char *const services[] = {"private/smtp", "private/retry",
                                           "private/rewrite", "private/bounce"};
    const char *service = services[(size_t)rand() % ROWS(services)];
    struct talk *talk = stage->talks[rand() % 10];
    char path[40];

    switch (rand() % 12) {
    case 0:
    case 1:
    case 2:
        release(stage);
        break;
    case 3:
        let_pass(stage, rand() % 100);
        break;
    case 4:
        scanner_trigger(stage->manager->scanner, STR("FADI"));
        break;
    case 5:
        stage->refuse_reports = !stage->refuse_reports;
        break;
    case 6:
        (void)!rename(service, "private/away");
        let_pass(stage, 3);
        (void)!rename("private/away", service);
        break;
    case 7:
        if (talk && !talk->holds)
            hang_up(talk);
        break;
    case 8:
        snprintf(path, sizeof(path), "active/R%d", rand() % (number + 1));
        unlink(path);
        break;
    case 9:
        snprintf(path, sizeof(path), "active/R%d", rand() % (number + 1));
        (void)!rename(path, "hold/x");
        break;
    default:
        run(stage);
    }
}

static void play_at_random(unsigned seed)
{
    static const char *const overrides[] = {"hash_queue_names=hold",
                                            "qmgr_message_active_limit=20",
                                            "qmgr_message_recipient_limit=400",
                                            "maximal_queue_lifetime=2000",
                                            "default_destination_recipient_limit=7",
                                            NULL};
    struct stage *stage = stage_open(overrides);

    srand(seed);
    stage->manager->files_max = 5;
    for (int i = 0; i < 400; i++) {
        put_random(stage, i);
        disturb(stage, i);
    }
    stage->refuse_reports = false;
    for (int i = 0; i < 400 && (stage->busy > 0 || map_count(stage->manager->messages));
         i++) {
        release(stage);
        let_pass(stage, 10);
    }
    ROW_INT("messages", map_count(stage->manager->messages), 0);
    ROW_INT("recipients", stage->manager->recipients, 0);
    ROW_INT("files", stage->manager->files, 0);
    stage_close(stage);
}

static void whatever_happens_every_recipient_is_settled_once(void **state)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        assert_int_equal(sandbox_enter(state), 0);
        play_at_random(seed);
        assert_int_equal(sandbox_leave(state), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(a_message_is_delivered_and_removed),
        sandbox_test(recipients_of_a_destination_travel_together),
        sandbox_test(a_deferred_message_waits_as_long_as_it_is_old),
        sandbox_test(an_old_message_is_returned),
        sandbox_test(a_message_that_cannot_be_returned_stays),
        sandbox_test(reports_of_the_null_sender_have_a_lifetime_of_their_own),
        sandbox_test(failures_are_reported_before_removal),
        sandbox_test(a_late_message_is_told_of_once),
        sandbox_test(a_success_is_reported_to_who_asked),
        sandbox_test(who_was_warned_hears_of_success),
        sandbox_test(a_destination_gets_so_many_at_once),
        sandbox_test(local_users_have_a_limit_each),
        sandbox_test(a_big_mailing_is_cut_into_requests),
        sandbox_test(a_big_mailing_does_not_starve_a_small_message),
        sandbox_test(small_messages_do_not_starve_a_big_mailing),
        sandbox_test(recipients_beyond_memory_are_read_later),
        sandbox_test(limits_of_the_transport_rule_what_is_read_later),
        sandbox_test(who_overtakes_has_room_of_its_own),
        sandbox_test(after_a_while_a_few_recipients_are_read_too),
        sandbox_test(a_slow_destination_gets_one_at_a_time_with_pauses),
        sandbox_test(a_slow_transport_pauses_after_each_delivery),
        sandbox_test(an_agent_hears_that_more_is_to_come),
        sandbox_test(a_dead_destination_is_left_alone),
        sandbox_test(no_more_dead_destinations_are_remembered_than_allowed),
        sandbox_test(what_waits_for_a_dead_destination_is_deferred_at_once),
        sandbox_test(a_missing_service_costs_a_minute),
        sandbox_test(without_retry_the_queue_manager_defers_itself),
        sandbox_test(what_is_in_no_log_does_not_expire),
        sandbox_test(an_agent_that_dies_costs_no_mail),
        sandbox_test(an_agent_that_has_left_is_replaced),
        sandbox_test(idle_agents_are_let_go),
        sandbox_test(deferred_transports_wait_for_a_flush),
        sandbox_test(an_expired_message_is_returned_unseen),
        sandbox_test(a_flush_mark_revives_the_destination),
        sandbox_test(a_filter_gets_everything),
        sandbox_test(a_redirection_replaces_all_recipients),
        sandbox_test(a_double_bounce_ends_here),
        sandbox_test(an_address_that_looks_like_an_option_is_refused),
        sandbox_test(a_damaged_file_is_put_aside),
        sandbox_test(an_unfinished_file_is_left_alone),
        sandbox_test(a_file_that_an_agent_still_has_waits),
        sandbox_test(a_full_active_queue_takes_the_rest_later),
        sandbox_test(few_descriptors_are_enough),
        sandbox_test(a_message_removed_by_hand_is_forgotten),
        sandbox_test(too_many_probes_are_put_off),
        sandbox_test(after_a_restart_nothing_is_forgotten),
        sandbox_test(the_same_question_is_asked_once),
        sandbox_test(blanks_in_addresses_make_no_other_question),
        sandbox_test(a_resolver_that_hangs_is_asked_anew),
        sandbox_test(questions_wait_for_a_resolver_that_is_away),
        cmocka_unit_test(whatever_happens_every_recipient_is_settled_once),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
