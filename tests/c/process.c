/* What a call asks of its process: nothing of the environment, and its number, which may come round again. */
#include "check.h"

#include <sys/syscall.h>

extern char **environ;
long syscall(long number, ...);

/* The C library's own places for these are taken, so that every reading is seen. */
static int readings;
static pid_t number;

char *getenv(const char *name)
{
    size_t length = strlen(name);
    readings++;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

pid_t getpid(void) { return number != 0 ? number : (pid_t)syscall(SYS_getpid); }

/* base URL */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 2);

    trying = "the environment";
    /* Only where a field is NULL: this client takes its roots and nothing else from there. */
    r2creds_client *client = client_to(arguments[1], NULL);
    readings = 0;
    create(client, "plain");
    create(client, "plain");
    CHECK(readings == 0);
    r2creds_client_free(client);

    trying = "a number that comes round again";
    number = 100;
    client = client_to(arguments[1], NULL);
    create(client, "plain");
    pid_t child = fork();
    if (child == 0) {
        begin();
        number = 200;
        create(client, "plain");
        pid_t grandchild = fork();
        if (grandchild == 0) {
            begin();
            /* Its grandparent's, as if that had ended: but not its grandparent's connection. */
            number = 100;
            create(client, "plain");
            r2creds_client_free(client);
            _exit(0);
        }
        await(grandchild);
        create(client, "plain");
        r2creds_client_free(client);
        _exit(0);
    }
    await(child);
    create(client, "plain");
    r2creds_client_free(client);
    return 0;
}
