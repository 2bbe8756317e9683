// Everything that needs no server: every shared sign vector, what C cannot be told, moves, and types.
#include "check.hpp"

#include <iostream>
#include <type_traits>

using namespace std::chrono_literals;
using namespace std::string_literals;
using r2creds::CancelToken;
using r2creds::Client;
using r2creds::ClientOptions;
using r2creds::Credentials;
using r2creds::Error;
using r2creds::Params;
using r2creds::RequestOptions;
using r2creds::Result;
using r2creds::Secret;
using r2creds::Status;

template <class T, class = void>
constexpr bool prints = false;
template <class T>
constexpr bool prints<T, std::void_t<decltype(std::cout << std::declval<const T &>())>> = true;
template <class T>
constexpr bool move_only = !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
                           std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;

static_assert(prints<int> && prints<std::string>);
static_assert(!prints<Credentials> && !prints<Secret> && !prints<Params> && !prints<ClientOptions>);
static_assert(!prints<Result<Credentials>> && !prints<Error>);
static_assert(move_only<Credentials> && move_only<Client>);
static_assert(std::is_aggregate_v<Params> && std::is_aggregate_v<ClientOptions> && std::is_aggregate_v<RequestOptions>);
static_assert(std::is_nothrow_copy_constructible_v<Error> && std::is_base_of_v<std::runtime_error, Error>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(std::is_same_v<decltype(std::declval<Credentials>().expires_at()), r2creds::Time>);
static_assert(noexcept(std::declval<const CancelToken &>().trigger()));

#define SAME(name, c) static_assert(static_cast<int>(r2creds::name) == R2CREDS_##c)
SAME(Status::ok, STATUS_OK);
SAME(Status::invalid_argument, STATUS_INVALID_ARGUMENT);
SAME(Status::unsupported, STATUS_UNSUPPORTED);
SAME(Status::no_authentication, STATUS_NO_AUTHENTICATION);
SAME(Status::connection, STATUS_CONNECTION);
SAME(Status::tls, STATUS_TLS);
SAME(Status::timeout, STATUS_TIMEOUT);
SAME(Status::cancelled, STATUS_CANCELLED);
SAME(Status::bad_request, STATUS_BAD_REQUEST);
SAME(Status::authentication, STATUS_AUTHENTICATION);
SAME(Status::permission_denied, STATUS_PERMISSION_DENIED);
SAME(Status::not_found, STATUS_NOT_FOUND);
SAME(Status::conflict, STATUS_CONFLICT);
SAME(Status::unprocessable, STATUS_UNPROCESSABLE);
SAME(Status::rate_limited, STATUS_RATE_LIMITED);
SAME(Status::server_error, STATUS_SERVER_ERROR);
SAME(Status::api_error, STATUS_API_ERROR);
SAME(Status::invalid_response, STATUS_INVALID_RESPONSE);
SAME(Status::internal, STATUS_INTERNAL);
SAME(Status::panic, STATUS_PANIC);
SAME(Permission::object_read_only, PERMISSION_OBJECT_READ_ONLY);
SAME(Permission::object_read_write, PERMISSION_OBJECT_READ_WRITE);
SAME(Permission::admin_read_only, PERMISSION_ADMIN_READ_ONLY);
SAME(Permission::admin_read_write, PERMISSION_ADMIN_READ_WRITE);
SAME(Jurisdiction::eu, JURISDICTION_EU);
SAME(Jurisdiction::fedramp, JURISDICTION_FEDRAMP);

// In second.cpp.
Credentials signed_elsewhere(const Params &params);

static std::vector<std::string> list(char **&at) {
    std::vector<std::string> all;
    for (int left = atoi(*at++); left > 0; left--) all.push_back(*at++);
    return all;
}

// In the order of tests/cpp.rs.
static void vector_of(char **&at) {
    trying = *at++;
    Params params;
    params.account_id = *at++;
    params.bucket = *at++;
    params.parent_access_key_id = *at++;
    params.parent_secret_access_key = *at++;
    if (const int permission = atoi(*at++)) params.permission = static_cast<r2creds::Permission>(permission);
    if (const int place = atoi(*at++)) params.jurisdiction = static_cast<r2creds::Jurisdiction>(place);
    params.ttl = std::chrono::seconds(atoi(*at++));
    params.issued_at = std::chrono::system_clock::from_time_t(atol(*at++)) + 999ms;
    // An empty list of a vector is none.
    for (auto *to : {&params.actions, &params.prefixes, &params.objects})
        if (std::vector<std::string> from = list(at); !from.empty()) *to = std::move(from);
    const Credentials credentials = r2creds::sign(params);
    CHECK(credentials.issued_at() + 999ms == params.issued_at);
    CHECK(credentials.expires_at() == credentials.issued_at() + *params.ttl);
    CHECK(!credentials.request_id());
    CHECK(credentials.access_key_id() == *at++);
    CHECK(credentials.secret_access_key() == *at++);
    CHECK(credentials.session_token() == *at++);
    CHECK(credentials.endpoint() == *at++);
    const Credentials again = signed_elsewhere(params);
    CHECK(again.session_token() == credentials.session_token());
}

template <class Change>
static void sign_refuses(const char *field, Change change) {
    trying = field;
    Params params = valid("account");
    change(params);
    const auto result = r2creds::try_sign(params);
    CHECK(!result && refused(result.error(), field));
    try {
        (void)r2creds::sign(params);
        CHECK(false);
    } catch (const std::runtime_error &error) {
        CHECK(strcmp(error.what(), result.error().what()) == 0);
    }
}

template <class Change>
static void client_refuses(const char *field, Change change) {
    trying = field;
    ClientOptions options = options_for("http://127.0.0.1:1");
    change(options);
    const auto result = Client::try_new(options);
    CHECK(!result && refused(result.error(), field));
    try {
        Client client(options);
        CHECK(false);
    } catch (const Error &error) {
        CHECK(refused(error, field));
    }
}

template <class Change>
static void create_refuses(const char *field, Change change) {
    trying = field;
    const Client client(options_for("http://127.0.0.1:1"));
    RequestOptions options;
    change(options);
    const auto result = client.try_create(valid("account"), options);
    CHECK(!result && refused(result.error(), field));
}

static void what_c_cannot_be_told() {
    const std::string nul = "no\0pe"s;
    CHECK(nul.size() == 5);
    sign_refuses("account_id", [&](Params &params) { params.account_id = nul; });
    sign_refuses("bucket", [&](Params &params) { params.bucket = nul; });
    sign_refuses("parent_access_key_id", [&](Params &params) { params.parent_access_key_id = nul; });
    sign_refuses("parent_secret_access_key", [&](Params &params) { params.parent_secret_access_key = nul; });
    sign_refuses("prefixes", [&](Params &params) { params.prefixes = {"fine", nul}; });
    sign_refuses("objects", [&](Params &params) { params.objects = {nul}; });
    sign_refuses("actions", [&](Params &params) { params.actions = {nul}; });
    sign_refuses("endpoint", [&](Params &params) { params.endpoint = nul; });
    sign_refuses("issued_at", [&](Params &params) { params.issued_at = r2creds::Time(); });
    sign_refuses("issued_at", [&](Params &params) { params.issued_at = r2creds::Time(999ms); });
    sign_refuses("issued_at", [&](Params &params) { params.issued_at = r2creds::Time(-5s); });
    sign_refuses("ttl_seconds", [&](Params &params) { params.ttl = 0s; });
    sign_refuses("ttl_seconds", [&](Params &params) { params.ttl = -1s; });
    sign_refuses("ttl_seconds", [&](Params &params) { params.ttl = 24h * 7 + 1s; });
    sign_refuses("ttl_seconds", [&](Params &params) { params.ttl = std::chrono::seconds((1LL << 32) + 900); });
    sign_refuses("ttl_seconds", [&](Params &params) { params.ttl = std::chrono::seconds::min(); });
    sign_refuses("ttl_seconds", [&](Params &params) { params.ttl = std::chrono::seconds::max(); });
    // What the library itself refuses comes through: nothing here is left out, or taken for absent.
    sign_refuses("account_id", [&](Params &params) { params.account_id.clear(); });
    sign_refuses("bucket", [&](Params &params) { params.bucket.clear(); });
    sign_refuses("parent_access_key_id", [&](Params &params) { params.parent_access_key_id.clear(); });
    sign_refuses("parent_secret_access_key", [&](Params &params) { params.parent_secret_access_key.reset(); });
    sign_refuses("parent_secret_access_key", [&](Params &params) {
        params.parent_secret_access_key = getenv("THIS_IS_NOT_SET");
    });
    sign_refuses("endpoint", [&](Params &params) { params.endpoint = ""; });
    // What std::getenv returns for an unset variable.
    const char *const unset = getenv("THIS_IS_NOT_SET");
    sign_refuses("account_id", [&](Params &params) { params.account_id = unset; });
    sign_refuses("bucket", [&](Params &params) { params.bucket = unset; });
    sign_refuses("parent_access_key_id", [&](Params &params) { params.parent_access_key_id = unset; });
    {
        Params params = valid("account");
        params.endpoint = unset;
        CHECK(!params.endpoint);
        CHECK(r2creds::sign(params).endpoint() == r2creds::sign(valid("account")).endpoint());
        // Later than nanoseconds can say.
        params.issued_at = r2creds::Time::max();
        params.ttl = 24h * 7;
        CHECK(r2creds::sign(params).expires_at() == r2creds::Time::max());
    }
    sign_refuses("prefixes", [&](Params &params) { params.prefixes = {""}; });
    // A list that came out empty is not the whole bucket.
    sign_refuses("prefixes", [&](Params &params) { params.prefixes = std::vector<std::string>(); });
    sign_refuses("objects", [&](Params &params) { params.objects.emplace(); });
    sign_refuses("actions", [&](Params &params) { params.permission.reset(), params.actions.emplace(); });
    sign_refuses("permission", [&](Params &params) { params.permission.reset(); });
    sign_refuses("permission", [&](Params &params) { params.permission = static_cast<r2creds::Permission>(9); });
    sign_refuses("jurisdiction", [&](Params &params) { params.jurisdiction = static_cast<r2creds::Jurisdiction>(9); });
    // The first of several, in the order of the struct.
    sign_refuses("bucket", [&](Params &params) { params.objects = {nul}, params.ttl = 0s, params.bucket = nul; });

    client_refuses("api_token", [&](ClientOptions &options) { options.api_token = nul; });
    client_refuses("api_email", [&](ClientOptions &options) { options.api_email = nul; });
    client_refuses("api_key", [&](ClientOptions &options) { options.api_key = nul; });
    client_refuses("base_url", [&](ClientOptions &options) { options.base_url = nul; });
    client_refuses("proxy_url", [&](ClientOptions &options) { options.proxy_url = nul; });
    client_refuses("ca_file", [&](ClientOptions &options) { options.ca_file = nul; });
    client_refuses("user_agent", [&](ClientOptions &options) { options.user_agent = nul; });
    client_refuses("user_agent", [&](ClientOptions &options) { options.user_agent = ""; });
    client_refuses("timeout_ms", [&](ClientOptions &options) { options.timeout = 0ms; });
    client_refuses("timeout_ms", [&](ClientOptions &options) { options.timeout = 50 * 24h; });
    client_refuses("attempt_timeout_ms", [&](ClientOptions &options) { options.attempt_timeout = 0s; });
    client_refuses("connect_timeout_ms", [&](ClientOptions &options) { options.connect_timeout = -1ms; });
    client_refuses("max_retries", [&](ClientOptions &options) { options.max_retries = -1; });

    create_refuses("headers", [&](RequestOptions &options) { options.headers = {"X-Fine: yes", nul}; });
    create_refuses("headers", [&](RequestOptions &options) { options.headers = {"Host: elsewhere"}; });
    create_refuses("extra_body", [&](RequestOptions &options) { options.extra_body = "{}"s + '\0'; });
    create_refuses("extra_body", [&](RequestOptions &options) { options.extra_body = "[]"; });
    create_refuses("timeout_ms", [&](RequestOptions &options) { options.timeout = 0ms; });
    create_refuses("max_retries", [&](RequestOptions &options) { options.max_retries = -1; });
}

static void moves() {
    trying = "moves";
    Credentials first = r2creds::sign(valid("account"));
    const std::string token(first.session_token());
    const std::string_view view = first.session_token();
    CHECK(view.data()[view.size()] == '\0');
    CHECK(first.expires_at() == first.issued_at() + 15min);
    Credentials second = std::move(first);
    CHECK(second.session_token() == token && view.data() == second.session_token().data());
    CHECK(first.access_key_id().empty() && first.secret_access_key().empty() && first.session_token().empty());
    CHECK(first.endpoint().empty() && !first.request_id() && first.expires_at() == r2creds::Time());
    Credentials &itself = second;
    second = std::move(itself);
    CHECK(second.session_token() == token);
    first = r2creds::sign(valid("another"));
    std::swap(first, second);
    CHECK(first.session_token() == token);

    Secret secret = PARENT_SECRET, other(std::move(secret));
    CHECK(secret.view().empty() && other.view() == PARENT_SECRET);
    Secret &self = other;
    other = std::move(self);
    CHECK(other.view() == PARENT_SECRET);
    other = self;
    CHECK(other.view() == PARENT_SECRET);
    std::string given = "0123456789";
    secret = std::move(given);
    CHECK(given.empty() && secret.view() == "0123456789" && secret.view().data()[10] == '\0');
    secret = nullptr;
    CHECK(secret.view().empty());
    const Params params = valid("account");
    Params copy = params, moved = std::move(copy);
    CHECK(moved.parent_secret_access_key->view() == PARENT_SECRET && copy.parent_secret_access_key->view().empty());

    Client client(options_for("http://127.0.0.1:1")), kept = std::move(client);
    const auto result = client.try_create(params);
    CHECK(!result && refused(result.error(), "client"));
    Client &same = kept;
    kept = std::move(same);
    CHECK(kept.try_create(params).error().status() == Status::connection);

    std::optional<Error> error = result.error();
    const Error moved_error = std::move(*error);
    CHECK(strcmp(error->what(), moved_error.what()) == 0 && error->status() == moved_error.status());
    const std::string_view field = *moved_error.field();
    error.reset();
    CHECK(field == "client" && moved_error.errors().empty() && moved_error.messages().empty());

    auto signed_result = r2creds::try_sign(params);
    const auto &constant = signed_result;
    CHECK(constant->session_token() == constant.value().session_token());
    CHECK(signed_result && signed_result->session_token() == signed_result.value().session_token());
    try {
        (void)signed_result.error();
        CHECK(false);
    } catch (const std::bad_variant_access &) {
    }
    CHECK(strcmp(r2creds::status_name(Status::rate_limited), "RATE_LIMITED") == 0);
    CHECK(strcmp(r2creds::status_name(static_cast<Status>(1)), "UNKNOWN") == 0);
}

int main(int, char **arguments) {
    begin();
    for (char **at = arguments + 1; *at != nullptr;) vector_of(at);
    what_c_cannot_be_told();
    moves();
    trying = "no authentication";
    CHECK(Client::try_new().error().status() == Status::no_authentication);
    return 0;
}
