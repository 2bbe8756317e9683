/* driver BASE_URL CA_FILE|- THREADS: for every line with a number, makes so many calls in each thread and prints the
   nanoseconds of wall time and of CPU time (user and system, of this whole process) that they took. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "client.h"

enum { MAX_THREADS = 64 };

static pthread_barrier_t start, end;
static long calls;

static double wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static double cpu(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return 1e9 * (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e3 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void run(void *client)
{
    long at;

    for (at = 0; at < calls; at++) {
        if (client_call(client) != 0) {
            fprintf(stderr, "a call failed\n");
            exit(1);
        }
    }
}

static void *worker(void *client)
{
    for (;;) {
        pthread_barrier_wait(&start);
        run(client);
        pthread_barrier_wait(&end);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int at, threads = argc == 4 ? atoi(argv[3]) : 0;
    void *clients[MAX_THREADS];

    if (threads < 1 || threads > MAX_THREADS)
        return 2;
    for (at = 0; at < threads; at++) {
        const char *ca_file = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
        clients[at] = at > 0 && client_is_shared ? clients[0] : client_open(argv[1], ca_file);
        if (clients[at] == NULL)
            return 1;
    }
    if (threads > 1) {
        pthread_barrier_init(&start, NULL, (unsigned)threads + 1);
        pthread_barrier_init(&end, NULL, (unsigned)threads + 1);
        for (at = 0; at < threads; at++) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, worker, clients[at]) != 0)
                return 1;
        }
    }
    while (scanf("%ld", &calls) == 1) {
        double wall_before = wall(), cpu_before = cpu();
        if (threads > 1) {
            pthread_barrier_wait(&start);
            pthread_barrier_wait(&end);
        } else {
            run(clients[0]);
        }
        printf("%.0f %.0f\n", wall() - wall_before, cpu() - cpu_before);
        fflush(stdout);
    }
    /* The workers wait at a barrier for ever; the process ends with them. */
    if (threads == 1)
        client_close(clients[0]);
    return 0;
}
