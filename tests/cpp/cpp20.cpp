// C++20: designated initialisers, and cancelling by std::stop_token.
#include "check.hpp"

#include <atomic>
#include <thread>

using namespace std::chrono_literals;
using r2creds::Status;

int main(int count, char **arguments) {
    begin();
    CHECK(count == 2);
    const auto made = r2creds::sign({
        .account_id = "account",
        .bucket = "example-bucket",
        .parent_access_key_id = PARENT_ID,
        .parent_secret_access_key = PARENT_SECRET,
        .prefixes = {"one/", "two/"},
        .ttl = 5min,
        .permission = r2creds::Permission::object_read_write,
        .jurisdiction = r2creds::Jurisdiction::eu,
    });
    CHECK(made.expires_at() == made.issued_at() + 5min);
    CHECK(made.endpoint() == "https://account.eu.r2.cloudflarestorage.com");

    const r2creds::Client client({.api_token = API_TOKEN, .base_url = arguments[1], .proxy_url = "", .max_retries = 0});
    CHECK(client.create(valid("plain"), {.headers = {"X-One: 1"}, .timeout = 5min}).session_token() == "token-plain");

    trying = "stop token";
    std::atomic<bool> waits{false};
    std::atomic<int> status{0};
    std::jthread worker([&](std::stop_token stop) {
        const auto poll = [&] { return waits = true, false; };
        const r2creds::RequestOptions options{.cancel = r2creds::CancelToken(stop), .poll = poll};
        status = static_cast<int>(client.try_create(valid("hangs"), options).error().status());
    });
    while (!waits) std::this_thread::yield();
    worker.request_stop();
    worker.join();
    CHECK(status == R2CREDS_STATUS_CANCELLED);

    trying = "stop requested before, after, and never";
    std::jthread idle([] {});
    std::stop_source source = idle.get_stop_source();
    { const r2creds::CancelToken gone(source.get_token()); }
    std::optional<r2creds::CancelToken> token(source.get_token()), copy(token);
    token.reset();  // the copy keeps the link
    source.request_stop();
    CHECK(client.try_create(valid("plain"), {.cancel = copy}).error().status() == Status::cancelled);
    const auto late = r2creds::CancelToken::try_new(source.get_token());
    CHECK(late);
    CHECK(client.try_create(valid("plain"), {.cancel = r2creds::CancelToken(source.get_token())}).error().status() ==
          Status::cancelled);
    CHECK(client.try_create(valid("plain"), {.cancel = r2creds::CancelToken(std::stop_token())}));
    return 0;
}
