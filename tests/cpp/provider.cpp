// The provider: made both ways, moved, asked by many threads, refused, rejected, polled.
#include "check.hpp"

#include <thread>
#include <vector>

using namespace std::chrono_literals;
using r2creds::CancelToken;
using r2creds::Client;
using r2creds::Credentials;
using r2creds::Error;
using r2creds::Params;
using r2creds::Provider;
using r2creds::RequestOptions;
using r2creds::Status;

static void signs() {
    trying = "a provider that signs";
    const Provider provider(valid("plain"));
    const Credentials first = provider.get(), second = provider.get();
    CHECK(first.session_token() == second.session_token() && !provider.last_error());
    CHECK(first.expires_at() - first.renew_at() == 225s && first.expires_at() - first.renew_by() == 112s);
    provider.reject(first);
    (void)provider.get();
    Params wrong = valid("plain");
    wrong.prefixes.emplace();
    const auto refusal = Provider::try_new(wrong);
    CHECK(!refusal && refused(refusal.error(), "prefixes"));
}

static void asks(const char *base_url) {
    trying = "a provider that asks";
    std::optional<Credentials> kept;
    {
        std::optional<Client> client(std::in_place, options_for(base_url));
        RequestOptions options;
        options.headers = {"X-One: 1"};
        Provider made(*client, valid("plain"), options);
        client.reset();
        const Provider provider = std::move(made);
        std::vector<std::thread> threads;
        for (int i = 0; i < 16; i++)
            threads.emplace_back([&] { CHECK(provider.get().session_token() == "token-plain"); });
        for (std::thread &thread : threads) thread.join();
        kept = provider.get();
        provider.reject(*kept);
        CHECK(provider.get(RequestOptions()).access_key_id() == "id-plain");
        const auto empty = made.try_get();
        CHECK(!empty && refused(empty.error(), "provider"));
    }
    CHECK(kept->secret_access_key() == "secret-plain");

    trying = "what a provider is not made with";
    const Client client(options_for(base_url));
    RequestOptions options;
    options.cancel = CancelToken();
    CHECK(refused(Provider::try_new(client, valid("plain"), options).error(), "cancel"));
    options = {};
    options.poll = [] { return false; };
    CHECK(refused(Provider::try_new(client, valid("plain"), options).error(), "poll"));
    Client moved(options_for(base_url));
    const Client elsewhere = std::move(moved);
    CHECK(refused(Provider::try_new(moved, valid("plain")).error(), "client"));
}

static void fails(const char *base_url) {
    trying = "a provider whose API refuses";
    const Client client(options_for(base_url));
    const Provider refused_one(client, valid("rich"));
    try {
        (void)refused_one.get();
        CHECK(false);
    } catch (const Error &error) {
        CHECK(error.status() == Status::rate_limited && error.retry_after() > 50s);
    }
    CHECK(refused_one.last_error() && refused_one.last_error()->status() == Status::rate_limited);

    trying = "a wait that ends";
    const Provider hanging(client, valid("hangs"));
    RequestOptions options;
    options.timeout = 50ms;
    CHECK(hanging.try_get(options).error().status() == Status::timeout);
    options = {};
    options.cancel = CancelToken();
    options.cancel->trigger();
    CHECK(hanging.try_get(options).error().status() == Status::cancelled);
    options = {};
    options.poll = []() -> bool { throw std::out_of_range("from poll"); };
    try {
        (void)hanging.get(options);
        CHECK(false);
    } catch (const std::out_of_range &) {
    }
    options = {};
    options.headers = {"X: x"};
    CHECK(refused(hanging.try_get(options).error(), "headers"));
}

/* base URL */
int main(int count, char **arguments) {
    begin();
    CHECK(count == 2);
    signs();
    asks(arguments[1]);
    fails(arguments[1]);
    return 0;
}
