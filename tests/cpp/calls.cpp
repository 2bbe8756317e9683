// Against a server: results, every accessor of an error, options, poll and cancel, and 16 threads on one client.
#include "check.hpp"

#include <atomic>
#include <thread>

using namespace std::chrono_literals;
using r2creds::CancelToken;
using r2creds::Client;
using r2creds::Credentials;
using r2creds::Error;
using r2creds::RequestOptions;
using r2creds::Status;

static void credentials(const Client &client) {
    trying = "credentials";
    const auto before = std::chrono::system_clock::now() - 1s;
    const Credentials made = client.create(valid("plain"));
    CHECK(made.access_key_id() == "id-plain" && made.secret_access_key() == "secret-plain");
    CHECK(made.session_token() == "token-plain" && made.request_id() == "0123456789abcdef-LHR");
    CHECK(made.endpoint() == "https://plain.r2.cloudflarestorage.com");
    CHECK(made.issued_at() >= before && made.expires_at() == made.issued_at() + 15min);
    RequestOptions options;
    options.headers = {"X-One: 1", "X-Two: 2"};
    options.extra_body = "{\"later\":true}";
    options.timeout = 5min;
    CHECK(client.try_create(valid("plain"), options)->session_token() == "token-plain");
}

static void everything_an_error_can_carry(const Client &client) {
    trying = "rich";
    try {
        (void)client.create(valid("rich"));
        CHECK(false);
    } catch (const std::runtime_error &caught) {
        const Error &error = static_cast<const Error &>(caught);
        CHECK(error.what()[0] != '\0');
        CHECK(error.status() == Status::rate_limited && error.http_status() == 429);
        CHECK(error.retryable() && error.attempts() == 1 && error.retry_after() == 61s);
        CHECK(error.request_id() == "0123456789abcdef-LHR" && error.hint() && !error.field());
        const auto errors = error.errors();
        CHECK(errors.size() == 2);
        CHECK(errors[0].code == 10000 && errors[0].message == "Slow down" && errors[0].pointer == "/bucket");
        CHECK(errors[0].documentation_url == "https://example.com/");
        CHECK(errors[1].code == 7 && !errors[1].message && !errors[1].documentation_url && !errors[1].pointer);
        CHECK(error.messages() == (std::vector<std::string_view>{"first", "second"}));
    }
}

static void statuses(const Client &client) {
    const struct {
        const char *account;
        Status status;
        int http_status;
    } replies[] = {{"http-400", Status::bad_request, 400},     {"http-401", Status::authentication, 401},
                   {"http-403", Status::permission_denied, 403}, {"http-404", Status::not_found, 404},
                   {"http-409", Status::conflict, 409},          {"http-422", Status::unprocessable, 422},
                   {"http-500", Status::server_error, 500},      {"no-success", Status::api_error, 200},
                   {"no-json", Status::invalid_response, 200},   {"reset", Status::connection, 0}};
    for (const auto &reply : replies) {
        trying = reply.account;
        const auto result = client.try_create(valid(reply.account));
        CHECK(!result && result.error().status() == reply.status && result.error().http_status() == reply.http_status);
    }
}

/// max_retries: 0 is none, absent is the default (the client's here is none, the library's is 2).
static void retries(const char *url) {
    trying = "retries";
    auto options = options_for(url);
    CHECK(Client(options).try_create(valid("http-500")).error().attempts() == 1);
    options.max_retries = 1;
    const Client once(options);
    RequestOptions none;
    none.max_retries = 0;
    CHECK(once.try_create(valid("http-500"), none).error().attempts() == 1);
    CHECK(once.try_create(valid("http-500")).error().attempts() == 2);
    options.max_retries.reset();
    CHECK(Client(options).try_create(valid("http-500")).error().attempts() == 3);
}

/// Which of the three limits runs out, and that each is in milliseconds.
static void timeouts(const char *url) {
    trying = "timeouts";
    RequestOptions request;
    request.timeout = 300ms;
    CHECK(Client(options_for(url)).try_create(valid("hangs"), request).error().status() == Status::timeout);
    auto options = options_for(url);
    options.timeout = 300ms;
    CHECK(Client(options).try_create(valid("hangs")).error().status() == Status::timeout);
    options = options_for(url);
    options.attempt_timeout = 300ms;
    CHECK(Client(options).try_create(valid("hangs")).error().status() == Status::timeout);
}

struct Thrown {
    int number;
};

static void poll(const Client &client) {
    trying = "poll";
    int polled = 0;
    const auto caller = std::this_thread::get_id();
    RequestOptions options;
    options.poll = [&] {
        CHECK(std::this_thread::get_id() == caller);
        return ++polled == 3;
    };
    CHECK(client.try_create(valid("hangs"), options).error().status() == Status::cancelled && polled == 3);
    trying = "poll throws";
    options.poll = [&]() -> bool { throw Thrown{++polled}; };
    for (const bool tries : {true, false}) {
        polled = 41;
        try {
            if (tries) (void)client.try_create(valid("hangs"), options);
            else (void)client.create(valid("hangs"), options);
            CHECK(false);
        } catch (const Thrown &thrown) {
            CHECK(thrown.number == 42 && polled == 42);
        }
    }
    CHECK(client.create(valid("plain")).session_token() == "token-plain");
}

static CancelToken *for_handler;
extern "C" {
static void on_signal(int) { for_handler->trigger(); }
}

static void cancel(const Client &client) {
    trying = "cancel";
    RequestOptions options;
    const CancelToken token;
    options.cancel = token;
    std::atomic<bool> waits{false};
    options.poll = [&] { return waits = true, false; };
    std::thread other([&] {
        while (!waits) std::this_thread::yield();
        token.trigger();
        token.trigger();
    });
    CHECK(client.try_create(valid("hangs"), options).error().status() == Status::cancelled);
    other.join();
    CHECK(client.try_create(valid("plain"), options).error().status() == Status::cancelled);

    trying = "cancel from a signal handler";
    CancelToken from_handler;
    for_handler = &from_handler;
    CHECK(signal(SIGTERM, on_signal) != SIG_ERR);
    options.cancel = from_handler;
    options.poll = [] { return raise(SIGTERM) != 0; };
    CHECK(client.try_create(valid("hangs"), options).error().status() == Status::cancelled);
}

static void threads(const Client &client) {
    trying = "threads";
    std::vector<std::thread> all;
    std::vector<std::optional<Credentials>> made(16);
    for (std::size_t i = 0; i < made.size(); i++)
        all.emplace_back([&, i] {
            const std::string account = "thread-" + std::to_string(i);
            for (int call = 0; call < 10; call++) {
                made[i] = client.create(valid(account.c_str()));
                CHECK(made[i]->session_token() == "token-" + account);
                CHECK(client.try_create(valid("http-404")).error().status() == Status::not_found);
            }
        });
    for (auto &thread : all) thread.join();
    for (const auto &credentials : made) CHECK(credentials->access_key_id().substr(0, 10) == "id-thread-");
}

int main(int count, char **arguments) {
    begin();
    CHECK(count == 2);
    const Client client(options_for(arguments[1]));
    credentials(client);
    everything_an_error_can_carry(client);
    statuses(client);
    retries(arguments[1]);
    timeouts(arguments[1]);
    poll(client);
    cancel(client);
    threads(client);
    return 0;
}
