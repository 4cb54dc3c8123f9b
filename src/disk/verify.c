/*
 * Is the file what we left? LMDB keeps a tree of pages in a memory map and trusts them: a cut-off
 * file is SIGBUS, a page of garbage may be SIGSEGV or an assertion. So a child process walks
 * everything first; whatever happens to it becomes an error text here. It also verifies the
 * checksum of each value, the order of keys, and the free list.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "disk_internal.h"

/* LMDB's own table, which has number 0 there and no checksums. */
#define FREE_LIST        DISK_TABLES_COUNT
#define META_PAGES_COUNT 2
#define EXIT_PAGES       3 /* of the child: LMDB stumbled over its own pages */

struct walk {
    const char *path;
    size_t last_page;
    MDB_txn *txn;
    struct error *error;
};

/* A record of LMDB's free list: how many page numbers, then those. One that points outside the
 * file's pages would make the next write destroy something. */
static bool is_free_list_sane(const struct walk *walk, MDB_val record)
{
    const uint8_t *data = record.mv_data;
    size_t words_count = record.mv_size / sizeof(size_t);
    size_t pages_count = 0;
    if (words_count == 0)
        return false;
    memcpy(&pages_count, data, sizeof(pages_count));
    if (pages_count > words_count - 1)
        return false;
    for (size_t i = 1; i <= pages_count; i++) {
        size_t page = 0;
        memcpy(&page, data + i * sizeof(page), sizeof(page));
        if (page < META_PAGES_COUNT || page > walk->last_page)
            return false;
    }
    return true;
}

static bool is_sane(const struct walk *walk, enum disk_table table, MDB_val key, MDB_val record)
{
    struct bytes value;
    return table == FREE_LIST ? is_free_list_sane(walk, record)
                              : record_read(table, key, record, &value);
}

/* Visits each record of one table, or the free list. */
static int walk_table(const struct walk *walk, MDB_dbi dbi, enum disk_table table)
{
    MDB_cursor *cursor = NULL;
    MDB_stat stat;
    int status = mdb_stat(walk->txn, dbi, &stat);
    if (status == 0)
        status = mdb_cursor_open(walk->txn, dbi, &cursor);
    if (status != 0)
        return lmdb_error(walk->path, status, "verifying", walk->error);
    size_t entries = 0;
    MDB_val key;
    MDB_val record;
    MDB_val last = {0, NULL};
    while ((status = mdb_cursor_get(cursor, &key, &record, entries == 0 ? MDB_FIRST : MDB_NEXT)) ==
           0) {
        if (!is_sane(walk, table, key, record))
            return record_corrupt(walk->path, "a record does not verify", walk->error);
        /* More entries than it counts: pages that lead in a circle. */
        if ((last.mv_data != NULL && mdb_cmp(walk->txn, dbi, &last, &key) >= 0) ||
            ++entries > stat.ms_entries)
            return record_corrupt(walk->path, "its records are out of order", walk->error);
        last = key;
    }
    mdb_cursor_close(cursor);
    if (status != MDB_NOTFOUND || entries != stat.ms_entries)
        return record_corrupt(walk->path, "records are missing", walk->error);
    return 0;
}

static int walk_tables(const struct walk *walk)
{
    MDB_dbi dbi = 0;
    MDB_val key = lmdb_key(FORMAT_KEY, sizeof(FORMAT_KEY) - 1);
    MDB_val record;
    int status = mdb_dbi_open(walk->txn, NULL, 0, &dbi);
    if (status == 0)
        status = mdb_get(walk->txn, dbi, &key, &record);
    if (status != 0)
        return record_corrupt(walk->path, "it has no format record", walk->error);
    uint32_t format = 0;
    if (format_check(walk->path, record, &format, walk->error) != 0)
        return -1;
    if (walk_table(walk, 0, FREE_LIST) != 0)
        return -1;
    for (int table = 0; table < DISK_TABLES_COUNT; table++) {
        status = mdb_dbi_open(walk->txn, disk_table_name((enum disk_table)table), 0, &dbi);
        if (status == MDB_NOTFOUND && table == DISK_REGISTERS && format < 2)
            continue; /* migrate() makes it */
        if (status != 0)
            return record_corrupt(walk->path, "a table is missing", walk->error);
        if (walk_table(walk, dbi, (enum disk_table)table) != 0)
            return -1;
    }
    return 0;
}

/* LMDB noticed by itself; its own handler would print to stderr. */
static void give_up(MDB_env *env, const char *what)
{
    (void)env;
    (void)what;
    _exit(EXIT_PAGES);
}

static int walk_file(const char *state_path, struct error *error)
{
    struct walk walk = {.path = state_path, .error = error};
    struct stat info;
    if (stat(state_path, &info) != 0)
        return error_set_errno(error, errno, "cannot read %s", state_path);
    /* To LMDB an empty file is a new one; to us it is one that lost its contents. */
    if (info.st_size == 0)
        return record_corrupt(state_path, "it is empty", error);
    MDB_env *env = NULL;
    int status = mdb_env_create(&env);
    if (status == 0)
        status = mdb_env_set_maxdbs(env, DISK_TABLES_COUNT + 1);
    if (status == 0)
        status = mdb_env_set_assert(env, give_up);
    if (status == 0)
        status = mdb_env_open(env, state_path, MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR, 0600);
    if (status == 0)
        status = mdb_txn_begin(env, NULL, MDB_RDONLY, &walk.txn);
    MDB_envinfo env_info;
    if (status == 0)
        status = mdb_env_info(env, &env_info);
    if (status != 0)
        return lmdb_error(state_path, status, "opening", error);
    walk.last_page = env_info.me_last_pgno;
    return walk_tables(&walk);
}

/* Closes nothing and frees nothing: the process ends here. */
static _Noreturn void child(const char *state_path, int report_fd)
{
    static const int fatal[] = {SIGBUS, SIGSEGV, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        (void)signal(fatal[i], SIG_DFL);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    struct error error = ERROR_INIT;
    (void)walk_file(state_path, &error);
    ssize_t written = write(report_fd, &error, sizeof(error));
    _exit(written == (ssize_t)sizeof(error) ? 0 : 1);
}

static size_t read_all(int fd, void *ret_data, size_t size_bytes)
{
    size_t done_bytes = 0;
    while (done_bytes < size_bytes) {
        ssize_t got = read(fd, (char *)ret_data + done_bytes, size_bytes - done_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done_bytes += (size_t)got;
    }
    return done_bytes;
}

int state_verify(const char *state_path, struct error *error)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return error_set_errno(error, errno, "cannot verify %s", state_path);
    pid_t pid = fork();
    if (pid < 0) {
        (void)error_set_errno(error, errno, "cannot verify %s", state_path);
        (void)close(fds[0]);
        (void)close(fds[1]);
        return -1;
    }
    if (pid == 0)
        child(state_path, fds[1]);
    (void)close(fds[1]);
    struct error report = ERROR_INIT;
    bool reported = read_all(fds[0], &report, sizeof(report)) == sizeof(report);
    (void)close(fds[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!reported) {
        char what[96] = "its pages do not fit together";
        if (WIFSIGNALED(status))
            (void)snprintf(what, sizeof(what), "reading it ended with signal %d, %s",
                           WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
        else if (WEXITSTATUS(status) != EXIT_PAGES)
            return error_set(error, ERROR_INTERNAL, "cannot verify %s", state_path);
        return record_corrupt(state_path, what, error);
    }
    if (report.code == ERROR_NONE)
        return 0;
    *error = report;
    return -1;
}
