/*
 * The wire form of messages between our daemons, and its codec.
 *
 * A message is "name NUL value NUL name NUL value NUL ... NUL": attributes,
 * then an empty name. Numbers are decimal text. Readable in strace, no byte
 * order, no struct layout. A server announces "protocol NUL <service>_protocol"
 * first, so that miswired sockets fail at once.
 *
 * Each message is declared once, as a list of fields (ipc/messages.h); struct,
 * encoder and decoder come from that list. A decoder insists on the declared
 * fields in the declared order; unknown, missing or over-long ones are an error
 * that costs the connection. All text lands in the arena of the request.
 */
#ifndef IPC_MESSAGE_H
#define IPC_MESSAGE_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/buf.h"
#include "util/fail.h"
#include "util/stream.h"

#include <stddef.h>

/* Text fields are never NULL after decoding; NULL encodes as "". */
enum ipc_type { IPC_TEXT, IPC_NUMBER };
#define IPC_TYPE_text   IPC_TEXT
#define IPC_TYPE_number IPC_NUMBER
#define IPC_C_text      const char *
#define IPC_C_number    long long

struct ipc_field {
    const char *name;
    enum ipc_type type;
    size_t offset;
};

struct ipc_message {
    const char *name;
    const struct ipc_field *fields;
    size_t n;
};

/* One declaration makes struct NAME and NAME##_message; IPC_DEFINE in messages.c gives
 * the latter its body. */
#define IPC_MEMBER(msg, type, name) IPC_C_##type name;
#define IPC_FIELD(msg, type, name)  {#name, IPC_TYPE_##type, offsetof(struct msg, name)},
#define IPC_DECLARE(NAME, FIELDS)                                                        \
    struct NAME {                                                                        \
        FIELDS(IPC_MEMBER, NAME)                                                         \
    };                                                                                   \
    extern const struct ipc_message NAME##_message
#define IPC_DEFINE(NAME, FIELDS)                                                         \
    static const struct ipc_field NAME##_fields[] = {FIELDS(IPC_FIELD, NAME)};           \
    const struct ipc_message NAME##_message = {                                          \
        #NAME, NAME##_fields, sizeof(NAME##_fields) / sizeof(NAME##_fields[0])}

/* The longest attribute value; a longer one is refused when reading. */
enum { IPC_VALUE_MAX = 65536, IPC_NAME_MAX = 100 };

/* Append one encoded message to the output of s (nothing is flushed). record is the
 * struct of message. */
void ipc_put(struct stream *s, const struct ipc_message *message, const void *record);
/* Append "request NUL name NUL" in front of a message's attributes: what a server
 * dispatches on. */
void ipc_put_request(struct stream *s, const char *name,
                     const struct ipc_message *message, const void *record);

/*
 * Read one message into *ret; -1 with words on end of input, time-out or bad
 * form; why->code is then ECONNRESET when the peer closed without reading what we
 * sent last, else 0.
 */
int ipc_receive(struct stream *s, const struct ipc_message *message, struct arena *arena,
                void *ret, struct fail *why) MUST_CHECK;
/*
 * Read the name of the next request; the attributes follow with ipc_receive.
 * 1 = got one, 0 = peer closed (or was silent for the time limit), -1 = error.
 */
int ipc_receive_request(struct stream *s, struct arena *arena, const char **ret_name,
                        struct fail *why) MUST_CHECK;

/* True when the buffered input of s holds a whole message (for services with many
 * clients). -1: can't become one. */
int ipc_complete(const struct stream *s);

/* Server: say which protocol this is. Client: insist on it. name: "cleanup"; NULL = any.
 */
void ipc_announce(struct stream *s, const char *name);
int ipc_expect(struct stream *s, const char *name, struct fail *why) MUST_CHECK;

/* --- the same over memory, for those who never block ------------------------ */

/* Append one encoded message, or one request with its message. */
void ipc_add(struct buf *out, const struct ipc_message *message, const void *record);
void ipc_add_request(struct buf *out, const char *name, const struct ipc_message *message,
                     const void *record);
/*
 * Bytes of the message that stands at the front: 0 = it is not all there yet, -1
 * = it can't become a message. A request counts as a message, whose first
 * attribute is the request's name.
 */
ssize_t ipc_length(struct str bytes);
/* Take one whole message from the front of *bytes, which is advanced. */
int ipc_decode(struct str *bytes, const struct ipc_message *message, struct arena *arena,
               void *ret, struct fail *why) MUST_CHECK;
/* Take the announcement of a server from the front: 1 = taken, 0 = not all there yet, -1.
 */
int ipc_decode_announcement(struct str *bytes, const char *name,
                            struct fail *why) MUST_CHECK;

#endif
