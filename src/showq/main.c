/*
 * showq(8): tells who connects what stands in the queues. What a listing
 * holds is decided in queue/listing.c, its form on the wire in
 * queue/listing_wire.c; it is made anew for each client, and nothing is asked of the
 * client.
 */
#include "queue/listing_wire.h"
#include "service/service.h"
#include "util/log.h"

static int show(void *context, const struct listing_message *message)
{
    struct stream *s = context;

    listing_put(s, message);
    return stream_output_result(s) == STREAM_OK ? 0 : -1;
}

static void serve(struct client *client)
{
    const struct conf *conf = client->process->conf;
    struct fail why = {0};
    struct spool spool;

    spool_init(&spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    listing_put_start(client->stream);
    if (listing_run(&spool, show, client->stream, &why) < 0) {
        if (why.text[0]) /* else the client has left */
            log_warning("%s", why.text);
        return;
    }
    listing_put_end(client->stream);
    if (stream_flush(client->stream) != STREAM_OK && log_verbose())
        log_info("the client did not wait for the end");
}

static const struct service showq = {
    .name = "showq",
    .kind = SERVICE_ONE_CLIENT,
    .serve = serve,
};

int main(int argc, char **argv)
{
    return service_run(&showq, argc, argv);
}
