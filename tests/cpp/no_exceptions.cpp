// Built with -fno-exceptions -fno-rtti: Results are all there is.
#include "check.hpp"

using r2creds::Client;
using r2creds::Status;

int main(int count, char **arguments) {
    begin();
    CHECK(count == 2);
    r2creds::Params params = valid("plain");
    auto made = r2creds::try_sign(params);
    CHECK(made && made->access_key_id() == PARENT_ID);
    r2creds::Credentials kept = std::move(made).value();
    CHECK(!kept.session_token().empty());
    params.bucket = std::string("no\0pe", 5);
    CHECK(refused(r2creds::try_sign(params).error(), "bucket"));
    CHECK(Client::try_new().error().status() == Status::no_authentication);

    auto client = Client::try_new(options_for(arguments[1]));
    CHECK(client);
    CHECK(client->try_create(valid("plain"))->session_token() == "token-plain");
    CHECK(client->try_create(valid("rich")).error().retry_after() == std::chrono::seconds(61));
    r2creds::RequestOptions options;
    int polled = 0;
    options.poll = [&] { return ++polled == 2; };
    CHECK(client->try_create(valid("hangs"), options).error().status() == Status::cancelled && polled == 2);
    auto token = r2creds::CancelToken::try_new();
    CHECK(token);
    token->trigger();
    options.cancel = token.value();
    CHECK(client->try_create(valid("plain"), options).error().status() == Status::cancelled);
    return 0;
}
