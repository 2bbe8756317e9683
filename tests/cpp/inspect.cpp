// inspect and parent_of_token as C++ has them: every accessor, what C cannot be told, moves.
#include "check.hpp"

#include <type_traits>

using namespace std::chrono_literals;
using namespace std::string_literals;
using r2creds::Client;
using r2creds::InspectParams;
using r2creds::Inspection;
using r2creds::Parent;
using r2creds::RequestOptions;
using r2creds::Status;
using Views = std::vector<std::string_view>;

static_assert(!std::is_copy_constructible_v<Inspection> && std::is_nothrow_move_constructible_v<Inspection>);
static_assert(!std::is_copy_constructible_v<Parent> && std::is_nothrow_move_constructible_v<Parent>);
static_assert(std::is_aggregate_v<InspectParams>);

static InspectParams held(const r2creds::Credentials &credentials) {
    InspectParams params;
    params.session_token = credentials.session_token();
    params.access_key_id = std::string(credentials.access_key_id());
    params.secret_access_key = credentials.secret_access_key();
    params.parent_secret_access_key = PARENT_SECRET;
    params.endpoint = std::string(credentials.endpoint());
    return params;
}

static void what_it_grants() {
    trying = "grant";
    r2creds::Params params = valid("account");
    params.prefixes = {"camera-7/"};
    params.directories = {"tbl"};
    const auto credentials = r2creds::sign(params);
    const Inspection all = r2creds::inspect(held(credentials));
    CHECK(!all.is_refused() && all.findings().empty());
    CHECK(all.account_id() == "account" && all.bucket() == "example-bucket" && all.parent_access_key_id() == PARENT_ID);
    CHECK(all.host() == "account.r2.cloudflarestorage.com");
    CHECK(all.permission() == r2creds::Permission::object_read_only && all.actions().empty());
    CHECK(all.prefixes() == (Views{"camera-7/", "tbl/"}) && all.objects() == (Views{"tbl"}));
    CHECK(all.issued_at() == credentials.issued_at() && all.expires_at() == credentials.expires_at());

    trying = "allows";
    CHECK(all.allows("GetObject", "tbl/x") && !all.allows("GetObject", "tbl2") && !all.allows("ListObjectsV2"));
    CHECK(all.allows("ListObjectsV2", "tbl/") && !all.allows("PutObject", "tbl/x"));
    CHECK(refused(all.try_allows("GetObject").error(), "action"));
    CHECK(refused(all.try_allows("getobject", "tbl/x").error(), "action"));
    CHECK(refused(all.try_allows("no\0pe"s, "tbl/x").error(), "action"));
    CHECK(refused(all.try_allows("GetObject", "no\0pe"s).error(), "key"));
    try {
        (void)all.allows("GetObject");
        CHECK(false);
    } catch (const r2creds::Error &error) {
        CHECK(error.status() == Status::invalid_argument);
    }

    trying = "at";
    InspectParams later = held(credentials);
    later.at = credentials.expires_at();
    const auto over = r2creds::inspect(later);
    CHECK(over.is_refused() && over.findings().size() == 1);
    CHECK(over.findings()[0].code == "expired" && !over.findings()[0].message.empty() && over.findings()[0].hint);

    trying = "actions";
    params.permission.reset();
    params.actions = {"GetObject"};
    const auto actions = r2creds::inspect(held(r2creds::sign(params)));
    CHECK(!actions.permission() && actions.actions() == (Views{"GetObject"}));
}

static void what_is_refused() {
    trying = "no token";
    InspectParams params;
    const auto empty = r2creds::inspect(params);
    CHECK(empty.is_refused() && empty.findings()[0].code == "not-a-token");
    CHECK(!empty.account_id() && !empty.bucket() && !empty.host() && !empty.issued_at() && !empty.expires_at());
    CHECK(empty.prefixes().empty() && empty.objects().empty() && !empty.allows("GetObject", "x"));
    const auto refuses = [](const char *field, auto change) {
        trying = field;
        InspectParams changed;
        change(changed);
        const auto result = r2creds::try_inspect(changed);
        CHECK(!result && refused(result.error(), field));
    };
    refuses("session_token", [](InspectParams &changed) { changed.session_token = "no\0pe"s; });
    refuses("access_key_id", [](InspectParams &changed) { changed.access_key_id = "no\0pe"s; });
    refuses("secret_access_key", [](InspectParams &changed) { changed.secret_access_key = "no\0pe"s; });
    refuses("parent_secret_access_key", [](InspectParams &changed) {
        changed.parent_secret_access_key = "no\0pe"s;
    });
    refuses("endpoint", [](InspectParams &changed) { changed.endpoint = "nope"; });
    refuses("at", [](InspectParams &changed) { changed.at = r2creds::Time(); });
    refuses("at", [](InspectParams &changed) { changed.at = r2creds::Time(-1s); });
}

static void moves() {
    trying = "moves";
    Inspection first = r2creds::inspect(held(r2creds::sign(valid("account"))));
    const Inspection second = std::move(first);
    CHECK(second.bucket() == "example-bucket" && !first.bucket() && !first.is_refused());
    CHECK(first.prefixes().empty() && first.findings().empty() && !first.permission());
    CHECK(refused(first.try_allows("GetObject", "x").error(), "action"));
}

static void parent_of_token(const Client &client) {
    trying = "parent";
    Parent parent = client.parent_of_token("plain");
    CHECK(parent.access_key_id() == PARENT_ID && parent.secret_access_key().size() == 64);
    CHECK(parent.kind() == r2creds::TokenKind::account && parent.token_status() == "active");
    CHECK(!parent.not_before() && parent.expires_at() == r2creds::Time(1893456000s));
    auto params = valid("plain");
    params.parent_access_key_id = std::string(parent.access_key_id());
    params.parent_secret_access_key = parent.secret_access_key();
    CHECK(!r2creds::sign(params).session_token().empty());
    const Parent moved = std::move(parent);
    CHECK(moved.token_status() == "active" && parent.secret_access_key().empty() && !parent.expires_at());

    trying = "parent refused";
    CHECK(client.try_parent_of_token("http-403").error().status() == Status::permission_denied);
    CHECK(refused(client.try_parent_of_token("no\0pe"s).error(), "account_id"));
    CHECK(refused(client.try_parent_of_token("").error(), "account_id"));
    RequestOptions options;
    options.poll = []() -> bool { throw 42; };
    try {
        (void)client.parent_of_token("hangs", options);
        CHECK(false);
    } catch (int thrown) {
        CHECK(thrown == 42);
    }
}

int main(int count, char **arguments) {
    begin();
    CHECK(count == 2);
    what_it_grants();
    what_is_refused();
    moves();
    parent_of_token(Client(options_for(arguments[1])));
    return 0;
}
