/* Opening files, and beginning transactions. */
#include "table/plugins/lmdb/lmdb.h"

#include <errno.h>

enum { MODE = 0644 };

int lmdb_fail(struct fail *why, int error)
{
    if (error > 0) {
        errno = error;
        return fail_set(why, "%m");
    }
    return fail_set(why, "%s", mdb_strerror(error));
}

int lmdb_fd(MDB_env *env)
{
    mdb_filehandle_t fd = -1;

    return mdb_env_get_fd(env, &fd) == 0 ? fd : -1;
}

size_t lmdb_bytes_used(MDB_env *env)
{
    MDB_envinfo info;
    MDB_stat stat;

    mdb_env_info(env, &info);
    mdb_env_stat(env, &stat);
    return (info.me_last_pgno + 1) * stat.ms_psize;
}

int lmdb_open_env(const char *path, unsigned flags, size_t map_size, MDB_env **ret)
{
    MDB_env *env = NULL;
    int error = mdb_env_create(&env);

    if (error)
        return error;
    if (map_size)
        error = mdb_env_set_mapsize(env, map_size);
    if (!error)
        error = mdb_env_open(env, path, flags | MDB_NOSUBDIR | MDB_NOLOCK, MODE);
    if (error)
        mdb_env_close(env);
    else
        *ret = env;
    return error;
}

int lmdb_begin(MDB_env *env, unsigned flags, MDB_txn **ret)
{
    int error = mdb_txn_begin(env, NULL, flags, ret);

    if (error == MDB_MAP_RESIZED) { /* another process made it larger */
        error = mdb_env_set_mapsize(env, 0);
        if (!error)
            error = mdb_txn_begin(env, NULL, flags, ret);
    }
    return error;
}
