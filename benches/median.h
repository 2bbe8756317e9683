/* The median of some runs: what other programs take away is in few of them. */
#ifndef MEDIAN_H
#define MEDIAN_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <stdlib.h>
#include <time.h>

static inline double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Nanoseconds of one call. */
static inline double median_of(int calls, void (*call)(void))
{
    enum { RUNS = 301 };
    double times[RUNS];
    for (int run = 0; run < RUNS; run++) {
        double began = now_ns();
        for (int at = 0; at < calls; at++)
            call();
        times[run] = (now_ns() - began) / calls;
    }
    qsort(times, RUNS, sizeof *times, compare);
    return times[RUNS / 2];
}

#endif
