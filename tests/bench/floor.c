/*
 * What a message costs at the least: one process that takes it by SMTP and does
 * with files what a mail system must, and nothing else.
 *
 *     floor ADDRESS PORT QUEUE [maildir|mbox FOLDER | relay ADDRESS]
 *     floor -d LOG ADDRESS PORT QUEUE [maildir|mbox FOLDER | relay ADDRESS]
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
 * Divided (-d), the same is done by four processes, as a system with one process for
 * each task does it at the least: one talks, and asks a writer for a queue file at RCPT
 * and for the rest at the end of the data; a manager is told of it in a datagram, hands
 * the open file to a deliverer and removes it in the end. Each line that such a system
 * logs is one datagram to the socket LOG.
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
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
    int log, writer; /* sockets, or -1: all is done in one process */
};

/* What one process tells another of a message. */
struct slip {
    char name[32];
    int recipients;
    size_t n; /* of its text, which follows on the way to the writer */
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

static void to_active(struct site *s, const char *name)
{
    if (renameat(s->incoming, name, s->active, name) < 0)
        err(1, "rename %s", name);
}

static void from_active(struct site *s, const char *name)
{
    if (unlinkat(s->active, name, 0) < 0)
        err(1, "unlink %s", name);
}

static void deliver(struct site *s, const char *name, const char *data, size_t n,
                    int recipients)
{
    static struct talk other;
    char file[64];

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
}

/* --- divided ------------------------------------------------------------------------ */

static void say_line(struct site *s, const char *name, const char *what)
{
    char line[256];
    int n =
        snprintf(line, sizeof line, "<22>Jan  1 00:00:00 floor[1]: %s: %s", name, what);

    if (s->log >= 0 && send(s->log, line, (size_t)n, MSG_NOSIGNAL) < 0)
        err(1, "log");
}

/* All of it, or nothing when the other side is gone. */
static bool receive(int fd, void *p, size_t n)
{
    return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

static void send_all(int fd, struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    size_t n = 0;

    for (int i = 0; i < count; i++)
        n += pieces[i].iov_len;
    if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)n)
        err(1, "send to another process");
}

static void write_letters(struct site *s, int talker, int manager)
{
    char *text = malloc(ROOM), ask;
    struct slip slip, named = {.n = 0};

    while (text && receive(talker, &ask, 1)) {
        int fd;

        snprintf(named.name, sizeof named.name, "%lX", s->count++);
        fd = openat(s->incoming, named.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    0600);
        send_all(talker, &(struct iovec){&named, sizeof named}, 1);
        if (!receive(talker, &slip, sizeof slip) || !receive(talker, text, slip.n))
            return;
        say_line(s, named.name, "message-id=<x@client.test>");
        if (write(fd, text, slip.n) != (ssize_t)slip.n || fsync(fd) < 0 || close(fd) < 0)
            err(1, "write %s", named.name);
        named.recipients = slip.recipients;
        send_all(manager, &(struct iovec){&named, sizeof named}, 1);
        send_all(talker, &(struct iovec){&ask, 1}, 1);
    }
}

static void send_file(int to, const struct slip *slip, int fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec piece = {(void *)slip, sizeof *slip};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(to, &message, MSG_NOSIGNAL) < 0)
        err(1, "send a file");
}

static void manage(struct site *s, int notices, int deliverer)
{
    struct slip slip;
    char done;

    while (recv(notices, &slip, sizeof slip, 0) == sizeof slip) {
        int fd;

        to_active(s, slip.name);
        if ((fd = openat(s->active, slip.name, O_RDWR | O_CLOEXEC)) < 0)
            err(1, "open %s", slip.name);
        say_line(s, slip.name, "from=<a@client.test>, size=4096, nrcpt=1 (queue active)");
        send_file(deliverer, &slip, fd);
        close(fd);
        if (!receive(deliverer, &done, 1))
            return;
        from_active(s, slip.name);
        say_line(s, slip.name, "removed");
    }
}

static bool receive_file(int from, struct slip *slip, int *ret_fd)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof *ret_fd)];
    struct iovec piece = {slip, sizeof *slip};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};

    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != sizeof *slip ||
        !CMSG_FIRSTHDR(&message))
        return false;
    memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *ret_fd);
    return true;
}

static void deliver_letters(struct site *s, int manager)
{
    char *text = malloc(ROOM);
    struct slip slip;
    int fd;

    while (text && receive_file(manager, &slip, &fd)) {
        ssize_t n = pread(fd, text, ROOM, 0);

        if (n < 0)
            err(1, "read %s", slip.name);
        deliver(s, slip.name, text, (size_t)n, slip.recipients);
        for (int i = 0; i < slip.recipients; i++)
            say_line(s, slip.name,
                     "to=<user@x.test>, relay=none, delay=0.01, dsn=2.0.0, status=sent");
        if (pwrite(fd, "D", 1, 0) != 1) /* done: the mark in the queue file */
            err(1, "mark %s", slip.name);
        close(fd);
        send_all(manager, &(struct iovec){"", 1}, 1);
    }
}

/* True in a new process, which ends with this one. */
static bool forked(void)
{
    pid_t pid = fork();

    if (pid < 0)
        err(1, "fork");
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid == 0;
}

static void divide(struct site *s)
{
    int writer[2], manager[2], deliverer[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, writer) < 0 ||
        socketpair(AF_UNIX, SOCK_DGRAM, 0, manager) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, deliverer) < 0)
        err(1, "socketpair");
    if (forked())
        write_letters(s, writer[1], manager[0]), _exit(0);
    if (forked())
        manage(s, manager[1], deliverer[0]), _exit(0);
    if (forked())
        deliver_letters(s, deliverer[1]), _exit(0);
    s->writer = writer[0];
}

static int log_socket(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0)
        err(1, "connect to %s", path);
    return fd;
}

static void ask_for_file(struct site *s, struct slip *slip)
{
    send_all(s->writer, &(struct iovec){"", 1}, 1);
    if (!receive(s->writer, slip, sizeof *slip))
        errx(1, "the writer is gone");
    say_line(s, slip->name, "client=unknown[127.0.0.9]");
}

static void hand_over(struct site *s, struct slip *slip, const char *data, size_t n,
                      int recipients)
{
    char done;

    slip->n = n;
    slip->recipients = recipients;
    send_all(s->writer, (struct iovec[]){{slip, sizeof *slip}, {(char *)data, n}}, 2);
    if (!receive(s->writer, &done, 1))
        errx(1, "the writer is gone");
}

/* --- a session --------------------------------------------------------------------- */

/* The message is on disk before the client hears of it. */
static bool take_message(struct site *s, struct talk *t, struct slip *slip,
                         int recipients)
{
    char name[32];
    const char *data;
    size_t n;

    if (!say(t, "354 go on\r\n") || (n = hear(t, "\r\n.\r\n", &data)) == 0)
        return false;
    snprintf(name, sizeof name, "%lX", s->count++);
    if (s->writer >= 0)
        hand_over(s, slip, data, n, recipients);
    else if (s->incoming >= 0)
        write_synced(s->incoming, name, O_EXCL, data, n);
    if (!say(t, "250 2.0.0 Ok: queued\r\n") || !flush(t))
        return false;
    if (s->incoming >= 0 && s->writer < 0) {
        to_active(s, name);
        deliver(s, name, data, n, recipients);
        from_active(s, name);
    }
    return true;
}

static void serve(struct site *s, struct talk *t)
{
    int recipients = 0;
    struct slip slip;
    const char *line;
    bool go_on = say(t, "220 floor ESMTP\r\n");

    say_line(s, "connect", "from unknown[127.0.0.9]");
    while (go_on && hear(t, "\r\n", &line) > 0) {
        if (strncasecmp(line, "QUIT", 4) == 0) {
            say(t, "221 2.0.0 Bye\r\n");
            break;
        }
        if (strncasecmp(line, "DATA", 4) == 0) {
            go_on = take_message(s, t, &slip, recipients);
            recipients = 0;
        } else {
            if (strncasecmp(line, "RCPT", 4) == 0 && recipients++ == 0 && s->writer >= 0)
                ask_for_file(s, &slip);
            go_on =
                say(t, strncasecmp(line, "EHLO", 4) == 0 ? hello : "250 2.1.0 Ok\r\n");
        }
    }
    flush(t);
    say_line(s, "disconnect",
             "from unknown[127.0.0.9] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5");
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
    struct site s = {.incoming = -1,
                     .active = -1,
                     .tmp = -1,
                     .new = -1,
                     .mailboxes = -1,
                     .log = -1,
                     .writer = -1};
    static struct talk t;
    const char *log = NULL;
    int listener, processes = 1, option;

    while ((option = getopt(argc, argv, "+d:n:")) > 0)
        if (option == 'd')
            log = optarg;
        else if (option == 'n')
            processes = atoi(optarg);
    argv += optind, argc -= optind;
    if (argc < 2 || (log && argc < 3))
        errx(64, "usage: floor [-n PROCESSES | -d LOG] ADDRESS PORT [QUEUE "
                 "[maildir|mbox|relay WHERE]]");
    if (argc > 2)
        open_site(&s, argv + 2);
    listener = listen_at(argv[0], argv[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (--processes > 0 && !forked())
        ;
    if (!(t.heard = malloc(ROOM)))
        err(1, "memory");
    while ((t.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        if (log && s.log < 0) { /* now: who started us has put us into a group by then */
            s.log = log_socket(log);
            divide(&s);
        }
        t.start = t.end = 0;
        serve(&s, &t);
    }
    err(1, "accept");
}
