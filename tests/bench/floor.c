/*
 * What a message costs at the least: one process that takes it by SMTP and does
 * with files what a mail system must, and nothing else.
 *
 *     floor ADDRESS PORT QUEUE [maildir|mbox FOLDER | relay ADDRESS]
 *     floor -n PROCESSES ADDRESS PORT
 *
 * Each message is written to a file under QUEUE/incoming, synced and renamed to
 * QUEUE/active. Then, for each recipient, it is written to FOLDER/tmp, synced,
 * linked to FOLDER/new and removed from tmp; or appended to a file in FOLDER and
 * synced; or, once for all, sent to port 25 of ADDRESS. Last, the queue file is
 * removed. No jail, no second process, no tables, no log, no checks of what the
 * client says, not even other line ends: what is left is the price of the network,
 * of the file system and of the syncs, and the bench holds mail systems against it.
 *
 * Without a queue it is a sink, which takes everything and keeps nothing, in as many
 * processes as are to take mail at the same time: the far end of the relay scenarios.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 16 << 20, ANSWERS = 8192 };

static const char hello[] = "250-floor\r\n250-PIPELINING\r\n250-SIZE\r\n250 8BITMIME\r\n";

/* One connection. What was heard and not used lies from START to END; answers wait until
 * all that was heard is used, so that a pipelined batch is answered at once. */
struct talk {
    int fd;
    char *heard;
    size_t start, end;
    char answers[ANSWERS];
    size_t waiting;
};

struct site {
    int incoming, active;     /* folders; incoming < 0: a sink */
    int tmp, new;             /* of a Maildir, or -1 */
    int mailboxes;            /* folder, or -1 */
    struct sockaddr_in relay; /* port 0: none */
    unsigned long count;
};

static int folder(const char *parent, const char *name)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof path, "%s/%s", parent, name);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        err(1, "open %s", path);
    return fd;
}

static struct sockaddr_in endpoint(const char *address, int port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
        errx(64, "%s is no IPv4 address", address);
    return name;
}

/* --- the talk ----------------------------------------------------------------- */

static bool say_now(struct talk *t, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(t->fd, text, n, MSG_NOSIGNAL);

        if (sent < 0)
            return false;
        text += sent, n -= (size_t)sent;
    }
    return true;
}

static bool flush(struct talk *t)
{
    size_t n = t->waiting;

    t->waiting = 0;
    return n == 0 || say_now(t, t->answers, n);
}

static bool say(struct talk *t, const char *text)
{
    size_t n = strlen(text);

    if (t->waiting + n > ANSWERS && !flush(t))
        return false;
    memcpy(t->answers + t->waiting, text, n);
    t->waiting += n;
    return true;
}

/* Wait for more; false when the other side is gone or says too much. */
static bool hear_more(struct talk *t)
{
    ssize_t got;

    if (!flush(t))
        return false;
    if (t->start > 0) {
        memmove(t->heard, t->heard + t->start, t->end - t->start);
        t->end -= t->start, t->start = 0;
    }
    got = t->end < ROOM ? recv(t->fd, t->heard + t->end, ROOM - t->end, 0) : 0;
    if (got <= 0)
        return false;
    t->end += (size_t)got;
    return true;
}

/* The text up to and with END, used up by this; its length, or 0. */
static size_t hear(struct talk *t, const char *end, const char **ret_text)
{
    size_t length = strlen(end), looked = 0;

    for (;;) {
        const char *from = t->heard + t->start + looked;
        const char *found = memmem(from, t->end - t->start - looked, end, length);

        if (found) {
            *ret_text = t->heard + t->start;
            t->start = (size_t)(found - t->heard) + length;
            return (size_t)(t->heard + t->start - *ret_text);
        }
        if (t->end - t->start >= length)
            looked = t->end - t->start - length + 1;
        if (!hear_more(t))
            return 0;
    }
}

/* --- the files -------------------------------------------------------------------- */

static void write_synced(int at, const char *name, int flags, const char *data, size_t n)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

    if (fd < 0 || write(fd, data, n) != (ssize_t)n || fsync(fd) < 0 || close(fd) < 0)
        err(1, "write %s", name);
}

static void to_maildir(struct site *s, const char *name, const char *data, size_t n)
{
    write_synced(s->tmp, name, O_EXCL, data, n);
    if (linkat(s->tmp, name, s->new, name, 0) < 0 || unlinkat(s->tmp, name, 0) < 0)
        err(1, "link %s", name);
}

/* Wait until COUNT answers have come. */
static void answered(struct talk *t, int count)
{
    const char *line;

    while (count > 0) {
        size_t n = hear(t, "\r\n", &line);

        if (n < 4)
            errx(1, "the relay hung up");
        if (line[3] == ' ')
            count--;
    }
}

static void relay(struct site *s, struct talk *t, const char *data, size_t n,
                  int recipients)
{
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    t->start = t->end = 0;
    if (connect(t->fd, (struct sockaddr *)&s->relay, sizeof s->relay) < 0)
        err(1, "connect to the relay");
    answered(t, 1);
    say(t, "EHLO floor\r\n");
    answered(t, 1);
    say(t, "MAIL FROM:<a@client.test>\r\n");
    for (int i = 0; i < recipients; i++)
        say(t, "RCPT TO:<user@relay.test>\r\n");
    say(t, "DATA\r\n");
    answered(t, recipients + 2);
    say_now(t, data, n);
    answered(t, 1);
    say(t, "QUIT\r\n");
    flush(t);
    close(t->fd);
}

static void deliver(struct site *s, const char *name, const char *data, size_t n,
                    int recipients)
{
    static struct talk other;
    char file[64];

    if (renameat(s->incoming, name, s->active, name) < 0)
        err(1, "rename %s", name);
    for (int i = 0; i < recipients && s->tmp >= 0; i++) {
        snprintf(file, sizeof file, "%s.%d", name, i);
        to_maildir(s, file, data, n);
    }
    for (int i = 0; i < recipients && s->mailboxes >= 0; i++) {
        snprintf(file, sizeof file, "%d", i);
        write_synced(s->mailboxes, file, O_APPEND, data, n);
    }
    if (s->relay.sin_port != 0) {
        if (!other.heard && !(other.heard = malloc(ROOM)))
            err(1, "memory");
        relay(s, &other, data, n, recipients);
    }
    if (unlinkat(s->active, name, 0) < 0)
        err(1, "unlink %s", name);
}

/* --- a session --------------------------------------------------------------------- */

/* The message is on disk before the client hears of it. */
static bool take_message(struct site *s, struct talk *t, int recipients)
{
    char name[32];
    const char *data;
    size_t n;

    if (!say(t, "354 go on\r\n") || (n = hear(t, "\r\n.\r\n", &data)) == 0)
        return false;
    snprintf(name, sizeof name, "%lX", s->count++);
    if (s->incoming >= 0)
        write_synced(s->incoming, name, O_EXCL, data, n);
    if (!say(t, "250 2.0.0 Ok: queued\r\n") || !flush(t))
        return false;
    if (s->incoming >= 0)
        deliver(s, name, data, n, recipients);
    return true;
}

static void serve(struct site *s, struct talk *t)
{
    int recipients = 0;
    const char *line;
    bool go_on = say(t, "220 floor ESMTP\r\n");

    while (go_on && hear(t, "\r\n", &line) > 0) {
        if (strncasecmp(line, "QUIT", 4) == 0) {
            say(t, "221 2.0.0 Bye\r\n");
            break;
        }
        if (strncasecmp(line, "DATA", 4) == 0) {
            go_on = take_message(s, t, recipients);
            recipients = 0;
        } else {
            recipients += strncasecmp(line, "RCPT", 4) == 0;
            go_on =
                say(t, strncasecmp(line, "EHLO", 4) == 0 ? hello : "250 2.1.0 Ok\r\n");
        }
    }
    flush(t);
    close(t->fd);
}

static int listen_at(const char *address, const char *port)
{
    struct sockaddr_in name = endpoint(address, atoi(port));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&name, sizeof name) < 0 ||
        listen(listener, 100) < 0)
        err(1, "listen on %s:%s", address, port);
    return listener;
}

static void open_site(struct site *s, char **words)
{
    s->incoming = folder(words[0], "incoming");
    s->active = folder(words[0], "active");
    if (!words[1])
        return;
    if (!words[2])
        errx(64, "%s of what?", words[1]);
    if (strcmp(words[1], "maildir") == 0) {
        s->tmp = folder(words[2], "tmp");
        s->new = folder(words[2], "new");
    } else if (strcmp(words[1], "mbox") == 0) {
        s->mailboxes = folder(words[2], ".");
    } else if (strcmp(words[1], "relay") == 0) {
        s->relay = endpoint(words[2], 25);
    } else {
        errx(64, "no such delivery: %s", words[1]);
    }
}

int main(int argc, char **argv)
{
    struct site s = {.incoming = -1, .active = -1, .tmp = -1, .new = -1, .mailboxes = -1};
    static struct talk t;
    int listener, processes = 1;

    if (argc > 2 && strcmp(argv[1], "-n") == 0)
        processes = atoi(argv[2]), argv += 2, argc -= 2;
    if (argc < 3)
        errx(64, "usage: floor [-n PROCESSES] ADDRESS PORT [QUEUE [maildir|mbox|relay "
                 "WHERE]]");
    if (argc > 3)
        open_site(&s, argv + 3);
    listener = listen_at(argv[1], argv[2]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (--processes > 0 && fork() > 0)
        ;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!(t.heard = malloc(ROOM)))
        err(1, "memory");
    while ((t.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        t.start = t.end = 0;
        serve(&s, &t);
    }
    err(1, "accept");
}
