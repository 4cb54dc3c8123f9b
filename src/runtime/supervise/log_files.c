#include "log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/stat.h>

#include "../common/fs.h"

#define TRIES_MAX   8
#define BLOCK_BYTES 65536

/* Number 0 is the one being written; .1 the one before, and so on. */
static int open_number(const char *path, unsigned number)
{
    char name[FS_PATH_BYTES_MAX];
    if (number == 0)
        snprintf(name, sizeof(name), "%s", path);
    else
        snprintf(name, sizeof(name), "%s.%u", path, number);
    return open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static bool same_file(int a, int b)
{
    struct stat left;
    struct stat right;
    return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_ino == right.st_ino &&
           left.st_dev == right.st_dev;
}

/* The highest number that exists; -1: none. Numbers have no gaps but while a rotation is under way.
 */
static int oldest_number(const char *path)
{
    int oldest = -1;
    for (unsigned number = 0; number < LOG_FILES_MAX; number++) {
        int fd = open_number(path, number);
        if (fd < 0 && number > 1)
            break;
        if (fd < 0)
            continue;
        close(fd);
        oldest = (int)number;
    }
    return oldest;
}

int log_files_open_oldest(const char *path)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        int number = oldest_number(path);
        int fd = number < 0 ? -1 : open_number(path, (unsigned)number);
        if (fd >= 0)
            return fd;
    }
    errno = ENOENT;
    return -1;
}

/* The number that the open file has now; -1: none any more. */
static int number_of(const char *path, int fd)
{
    for (unsigned number = 0; number < LOG_FILES_MAX; number++) {
        int other = open_number(path, number);
        if (other < 0 && number > 1)
            return -1;
        if (other < 0)
            continue;
        bool same = same_file(fd, other);
        close(other);
        if (same)
            return (int)number;
    }
    return -1;
}

int log_files_open_next(const char *path, int fd)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        int number = number_of(path, fd);
        if (number == 0)
            break;
        int next =
            number < 0 ? log_files_open_oldest(path) : open_number(path, (unsigned)number - 1);
        if (next < 0)
            continue;
        /* Unless a rotation came in between, they still are neighbours. */
        if (number < 0 || number_of(path, fd) == number)
            return next;
        close(next);
    }
    errno = ENOENT;
    return -1;
}

/* Looks for the start of the last *lines lines from the end of the file. False: the file has fewer;
 * *lines is lowered. */
static bool seek_lines(int fd, uint64_t *lines, off_t *ret_offset)
{
    char block[BLOCK_BYTES];
    struct stat status;
    if (fstat(fd, &status) < 0)
        return false;
    off_t end = status.st_size;
    /* The newline that ends the last line begins no other. */
    off_t last = end - 1;
    while (end > 0) {
        off_t start = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
        ssize_t count = pread(fd, block, (size_t)(end - start), start);
        if (count <= 0)
            return false;
        for (ssize_t i = count - 1; i >= 0; i--) {
            if (block[i] != '\n' || start + i == last)
                continue;
            if (--*lines == 0) {
                *ret_offset = start + i + 1;
                return true;
            }
        }
        end = start;
    }
    if (status.st_size > 0)
        --*lines; /* the first line of the file has no newline in front */
    *ret_offset = 0;
    return *lines == 0;
}

int log_files_open_tail(const char *path, uint64_t lines)
{
    int oldest = oldest_number(path);
    if (oldest < 0) {
        errno = ENOENT;
        return -1;
    }
    if (lines == 0) {
        int fd = open_number(path, 0);
        if (fd >= 0)
            (void)lseek(fd, 0, SEEK_END);
        return fd;
    }
    for (int number = 0; number <= oldest; number++) {
        off_t offset = 0;
        int fd = open_number(path, (unsigned)number);
        if (fd < 0)
            continue;
        if (seek_lines(fd, &lines, &offset) || number == oldest) {
            (void)lseek(fd, offset, SEEK_SET);
            return fd;
        }
        close(fd);
    }
    return log_files_open_oldest(path);
}
