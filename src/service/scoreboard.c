/*
 * The shared page of a service: counters that children change and master
 * reads. A child's slot is told its state before the count of idle processes
 * changes, so that a death in between leaves the count too high for one
 * process at most until master counts again.
 */
#include "service/scoreboard.h"

#include "util/platform.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t board_size(uint32_t slots)
{
    return sizeof(struct scoreboard) + slots * sizeof(struct scoreboard_slot);
}

struct scoreboard *scoreboard_new(int32_t limit, int *ret_fd)
{
    uint32_t slots = limit > 0 ? (uint32_t)limit : SCOREBOARD_SLOTS_UNLIMITED;
    int fd = platform_shared_memory("scoreboard", board_size(slots), NULL);
    struct scoreboard *board;

    if (fd < 0)
        return NULL;
    board = mmap(NULL, board_size(slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (board == MAP_FAILED) {
        close(fd);
        return NULL;
    }
    board->slots = slots;
    board->limit = limit;
    *ret_fd = fd;
    return board;
}

/* The size is that of the memory, which nobody can change: what the page says anybody
 * can. */
void scoreboard_free(struct scoreboard *board, int fd)
{
    struct stat st;

    if (!board)
        return;
    if (fstat(fd, &st) == 0)
        munmap(board, (size_t)st.st_size);
    close(fd);
}

struct scoreboard *scoreboard_map(int fd)
{
    struct stat st;
    struct scoreboard *board;

    if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(*board))
        return NULL;
    board = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (board == MAP_FAILED)
        return NULL;
    if (board_size(board->slots) > (size_t)st.st_size) {
        munmap(board, (size_t)st.st_size);
        return NULL;
    }
    return board;
}

/* One idle process less; true when it was the last and there may be another. */
static bool one_less(struct scoreboard *board)
{
    return atomic_fetch_sub(&board->idle, 1) == 1 &&
           (board->limit == 0 || atomic_load(&board->total) < board->limit);
}

void scoreboard_idle(struct scoreboard *board, uint32_t slot)
{
    if (atomic_exchange(&board->slot[slot].state, SLOT_IDLE) != SLOT_IDLE)
        atomic_fetch_add(&board->idle, 1);
}

bool scoreboard_busy(struct scoreboard *board, uint32_t slot)
{
    return atomic_exchange(&board->slot[slot].state, SLOT_BUSY) == SLOT_IDLE &&
           one_less(board);
}

bool scoreboard_leave(struct scoreboard *board, uint32_t slot)
{
    return atomic_exchange(&board->slot[slot].state, SLOT_LEAVING) == SLOT_IDLE &&
           one_less(board);
}
