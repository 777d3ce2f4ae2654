/*
 * Crews. Children change the page at any time and may be killed at any time,
 * so what master reads there is checked, and the count of idle processes is
 * made anew from the slots whenever a process is gone. A page that lies costs
 * its own service only.
 */
#include "master/crew.h"

#include "util/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct crew *crew_new(struct entry *entry, int process_limit, unsigned generation,
                      struct fail *why)
{
    struct crew *crew = calloc(1, sizeof(*crew));
    int retire[2] = {-1, -1};

    if (crew == NULL)
        fatal("out of memory: crew");
    *crew = (struct crew){.entry = entry, .generation = generation, .wake_fd = -1};
    crew->board = scoreboard_new(process_limit, &crew->board_fd);
    crew->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (crew->board == NULL || crew->wake_fd < 0 || pipe2(retire, O_CLOEXEC) < 0) {
        fail_set(why, "share memory and descriptors with processes: %m");
        crew->retire_read = crew->retire_write = -1;
        crew_free(crew);
        return NULL;
    }
    crew->slots = crew->board->slots;
    crew->retire_read = retire[0];
    crew->retire_write = retire[1];
    return crew;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void crew_free(struct crew *crew)
{
    if (crew == NULL)
        return;
    close_fd(&crew->retire_read);
    close_fd(&crew->retire_write);
    close_fd(&crew->wake_fd);
    scoreboard_free(crew->board, crew->board_fd);
    free(crew);
}

void crew_retire(struct crew *crew)
{
    atomic_store(&crew->board->retire_before, crew->generation + 1);
    close_fd(&crew->retire_write);
    close_fd(&crew->retire_read);
}

bool crew_take_slot(struct crew *crew, uint32_t *ret_slot)
{
    for (uint32_t i = 0; i < crew->slots; i++) {
        struct scoreboard_slot *slot = &crew->board->slot[i];

        if (i < crew->used_top && atomic_load(&slot->state) != SLOT_FREE)
            continue;
        slot->generation = crew->generation;
        atomic_store(&slot->served, 0);
        atomic_store(&slot->state, SLOT_STARTING);
        if (i >= crew->used_top)
            crew->used_top = i + 1;
        *ret_slot = i;
        return true;
    }
    return false;
}

static int count(const struct crew *crew, enum slot_state state)
{
    int n = 0;

    for (uint32_t i = 0; i < crew->used_top; i++)
        n += atomic_load(&crew->board->slot[i].state) == (int32_t)state;
    return n;
}

/*
 * A process was killed between the change of its state and that of the count:
 * only then do the two differ for longer than a moment. Others may be changing
 * both right now, so the correction is a difference, and is made when it shows twice.
 */
static void correct_idle(struct crew *crew)
{
    int32_t first = atomic_load(&crew->board->idle) - count(crew, SLOT_IDLE);
    int32_t second = atomic_load(&crew->board->idle) - count(crew, SLOT_IDLE);

    if (crew->alive == 0)
        atomic_store(&crew->board->idle, 0);
    else if (first != 0 && first == second)
        atomic_fetch_sub(&crew->board->idle, first);
}

struct crew_death crew_bury(struct crew *crew, uint32_t slot, bool killed)
{
    struct scoreboard_slot *grave = &crew->board->slot[slot];
    int32_t state = atomic_exchange(&grave->state, SLOT_FREE);
    struct crew_death death = {
        .served = atomic_load(&grave->served) > 0,
        .was_active = state != SLOT_STARTING,
        .waited = state == SLOT_IDLE || state == SLOT_LEAVING,
    };

    if (state == SLOT_IDLE)
        atomic_fetch_sub(&crew->board->idle, 1);
    atomic_store(&grave->pid, 0);
    crew->alive--;
    if (killed || crew->alive == 0)
        correct_idle(crew);
    return death;
}

int crew_available(const struct crew *crew)
{
    return count(crew, SLOT_IDLE) + count(crew, SLOT_STARTING);
}

int crew_starting(const struct crew *crew)
{
    return count(crew, SLOT_STARTING);
}
