/* The server leaves while a long request is being sent: an error, and no SIGPIPE, whose default ends the process. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { MOST = 4000, LENGTH = 1000 };

static void survives(const char *base_url, const char *ca_file, const char *prefixes)
{
    static const char *many[MOST];
    static char key[LENGTH + 1];
    memset(key, 'k', LENGTH);
    for (int i = 0; i < MOST; i++)
        many[i] = key;
    r2creds_client *client = client_to(base_url, ca_file);
    for (int i = 0; i < 5; i++) {
        r2creds_params params = params_of("leaves");
        r2creds_credentials *out = UNTOUCHED(r2creds_credentials);
        r2creds_error *error = UNTOUCHED(r2creds_error);
        params.prefixes = many;
        params.prefixes_len = (size_t)atol(prefixes);
        r2creds_status status = r2creds_create(client, &params, NULL, &out, &error);
        r2creds_error_free(failed(status, R2CREDS_STATUS_CONNECTION, out, error));
        create(client, "plain");
    }
    r2creds_client_free(client);
}

/* The same with plain writes, to be sure that this server does raise the signal. */
static void control(const char *port)
{
    struct sockaddr_in address;
    static char text[LENGTH];
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(port));
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0)
        _exit(1);
    memset(text, 'k', LENGTH);
    memcpy(text, "POST /accounts/leaves/ HTTP/1.1\r\n\r\n", 35);
    for (int i = 0; i < 100 * MOST; i++)
        if (write(connection, text, LENGTH) < 0 && errno != ECONNRESET)
            _exit(2);
    _exit(3);
}

/* base URL, its TLS twin, the certificate to trust; how many prefixes of a kilobyte to send, at most 4000 */
int main(int count, char **arguments)
{
    int status;
    struct sigaction action;
    begin();
    CHECK(count == 5);
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    pid_t child = fork();
    if (child == 0)
        control(strrchr(arguments[1], ':') + 1);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);

    survives(arguments[1], NULL, arguments[4]);
    survives(arguments[2], arguments[3], arguments[4]);
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    return 0;
}
