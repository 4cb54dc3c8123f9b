/* The files of one attempt's log, oldest first, while the keeper may be rotating them. */
#ifndef SHOAL_RUNTIME_LOG_FILES_H
#define SHOAL_RUNTIME_LOG_FILES_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_FILES_MAX 1000

/* Opens the oldest file of the log at `path` ("…/<attempt>.log"). -1 with errno ENOENT when there
 * is none. */
int log_files_open_oldest(const char *path);
/* Opens the file after the one open as `fd`. -1 with errno ENOENT: `fd` is the one being written.
 */
int log_files_open_next(const char *path, int fd);
/* Opens the file in which the last `lines` lines begin, and puts its offset there. As
 * log_files_open_oldest. */
int log_files_open_tail(const char *path, uint64_t lines);

#endif
