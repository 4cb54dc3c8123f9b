/*
 * LMDB reads through a map of the whole file, and each page that a commit or a reader has looked at
 * stays in our page table: counted as our memory for as long as the process lives, although all
 * that is needed of it are the few pages on the way to the next record. So the map is let go now
 * and then. The pages stay in the kernel's cache while it has room, and come back at the next look
 * without the disk. Nothing is lost, since LMDB does not write through the map; readers in other
 * threads just look again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "disk_internal.h"

/* A change looks at a leaf or two, and the kernel maps the 16 pages around each: this many make
 * about 4 MiB. */
#define TRIM_CHANGES 32

/* LMDB does not tell where its map is; the kernel does. Without /proc nothing is let go. */
void trim_begin(struct disk *disk)
{
    struct stat info;
    char line[PATH_BYTES_MAX + 128];
    FILE *maps = stat(disk->path, &info) == 0 ? fopen("/proc/self/maps", "re") : NULL;
    while (maps != NULL && disk->map == NULL && fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t begin = 0, end = 0;
        uint64_t inode = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " r--s %*x %*x:%*x %" SCNu64, &begin, &end,
                   &inode) != 3 ||
            inode != info.st_ino || end - begin < disk->file_bytes_max)
            continue;
        disk->map = (void *)begin; /* NOLINT(performance-no-int-to-ptr): it is one */
        disk->map_bytes = end - begin;
    }
    if (maps != NULL)
        (void)fclose(maps);
    trim_now(disk);
}

void trim_now(struct disk *disk)
{
    if (disk->map != NULL)
        (void)madvise(disk->map, disk->map_bytes, MADV_DONTNEED);
}

void trim_after(struct disk *disk, size_t changes_count)
{
    disk->untrimmed_count += changes_count;
    if (disk->untrimmed_count < TRIM_CHANGES)
        return;
    disk->untrimmed_count = 0;
    trim_now(disk);
}
