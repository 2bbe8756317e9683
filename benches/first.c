/* first BASE_URL: one credential and out; with a second argument it prints its peak memory in KiB. */
#include <stdio.h>

#include "client.h"

int main(int argc, char **argv)
{
    void *client = argc > 1 ? client_open(argv[1], NULL) : NULL;
    char line[256];
    long peak;
    FILE *status;

    if (client == NULL || client_call(client) != 0)
        return 1;
    client_close(client);
    if (argc > 2 && (status = fopen("/proc/self/status", "r")) != NULL) {
        while (fgets(line, sizeof line, status) != NULL)
            if (sscanf(line, "VmHWM: %ld", &peak) == 1)
                printf("%ld\n", peak);
        fclose(status);
    }
    return 0;
}
