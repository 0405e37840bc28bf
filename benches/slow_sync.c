/* Put before a program by LD_PRELOAD: every sync takes CALLBOX_BENCH_SYNC_MS longer, as on a disk that is slower than this one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file)
{
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *millis = getenv("CALLBOX_BENCH_SYNC_MS");
    long wait = millis ? atol(millis) : 0;
    struct timespec rest = { wait / 1000, wait % 1000 * 1000000 };
    nanosleep(&rest, NULL);
    return sync(file);
}

int fsync(int file)
{
    return slowly("fsync", file);
}

int fdatasync(int file)
{
    return slowly("fdatasync", file);
}
