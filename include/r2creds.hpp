/**
 * @file
 * r2creds for C++17: temporary, scoped credentials for Cloudflare R2. Header-only, over r2creds.h.
 *
 *   r2creds::Params params;
 *   params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
 *   params.bucket = "recordings";
 *   params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
 *   params.permission = r2creds::Permission::object_read_only;
 *
 *   r2creds::Client client;                              // CLOUDFLARE_API_TOKEN from the environment
 *   auto credentials = client.create(params);            // asks Cloudflare
 *   params.parent_secret_access_key = std::getenv("R2_PARENT_SECRET_ACCESS_KEY");
 *   credentials = r2creds::sign(params);                 // makes it here, without any network
 *
 *   const r2creds::Provider provider(client, params);    // for programs that live longer than a credential
 *   credentials = provider.get();                        // before every request
 *
 * EXCEPTIONS: functions and constructors that can fail throw r2creds::Error. Each has a namesake with try_ in front,
 * try_new for a constructor, that returns a Result instead; with -fno-exceptions those are all there is. Either kind
 * may throw std::bad_alloc. Code with and code without exceptions gets types of different names, which cannot be mixed
 * up.
 *
 * DEFAULTS: an empty std::optional is the default. Unlike in C, a ttl, a timeout or an issued_at of 0 is an error, and
 * max_retries = 0 means none.
 *
 * RULES are those of r2creds.h, and the library checks them. This header refuses only what would be lost on the way to
 * C: a NUL inside a string, a number that does not fit, a 0 that is "default" in C.
 *
 * Licence: MIT or Apache-2.0.
 */
#ifndef R2CREDS_HPP
#define R2CREDS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>
#if __has_include(<stop_token>)
#include <stop_token>
#endif

#include "r2creds.h"

namespace r2creds {
#if defined(__cpp_exceptions)
inline namespace abi_0 {
#else
inline namespace abi_0_no_exceptions {
#endif

/// A compiler that knows it warns where a view outlives the object that it looks into.
#if defined(__clang__) && defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define R2CREDS_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#if !defined(R2CREDS_LIFETIMEBOUND)
#define R2CREDS_LIFETIMEBOUND
#endif

using Text = std::optional<std::string_view>;  ///< Text from the library; may be absent. Always NUL-terminated.
using Time = std::chrono::system_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

/// How a call ended: the numbers of the C ABI. Read one that is not listed by its hundred: 1xx your arguments,
/// 2xx the way to Cloudflare, 3xx Cloudflare's answer, 9xx this library. What each means is said in r2creds.h.
enum class Status : std::int32_t {
    ok = 0,
    invalid_argument = 100, unsupported = 101, no_authentication = 102,
    connection = 200, tls = 201, timeout = 202, cancelled = 203,
    bad_request = 300, authentication = 301, permission_denied = 302, not_found = 303, conflict = 304,
    unprocessable = 305, rate_limited = 306, server_error = 307, api_error = 308, invalid_response = 309,
    internal = 900, panic = 901,
};

/// What a credential may do; one for all its paths. A credential never exceeds its parent key.
enum class Permission : std::int32_t {
    object_read_only = 1,   ///< Read and list objects.
    object_read_write = 2,  ///< Read, list, write and delete objects.
    admin_read_only = 3,    ///< Also read the bucket's configuration.
    admin_read_write = 4,   ///< Everything, the bucket's configuration included.
};

/// Where a bucket's data must stay. A jurisdictional bucket answers only at its own host.
enum class Jurisdiction : std::int32_t {
    eu = 1,       ///< European Union.
    fedramp = 2,  ///< FedRAMP.
    us = 3,       ///< United States.
};

/// Whose an API token is.
enum class TokenKind : std::int32_t {
    user = R2CREDS_TOKEN_USER,        ///< A user's, which ends when the user leaves the account.
    account = R2CREDS_TOKEN_ACCOUNT,  ///< An account's own.
};

/// The name of a status, such as "RATE_LIMITED"; "UNKNOWN" for one that the library does not know.
inline const char *status_name(Status status) noexcept { return r2creds_status_name(static_cast<int32_t>(status)); }

/// A string that is wiped when it is destroyed, replaced or moved from. It cannot be printed by accident.
/// Your own copies are yours to wipe, but one that is moved in is wiped here.
class Secret {
  public:
    Secret() noexcept = default;
    /// NULL is an empty string, which the library refuses: so an unset std::getenv becomes an error.
    Secret(const char *value) : Secret(value == nullptr ? std::string_view() : std::string_view(value)) {}
    Secret(std::string_view value) {
        data_.reserve(value.size() + 1);  // a vector that grows leaves a copy behind
        data_.assign(value.begin(), value.end());
        data_.push_back('\0');
    }
    Secret(const std::string &value) : Secret(std::string_view(value)) {}
    Secret(std::string &&value) : Secret(std::string_view(value)) {
        wipe(value.data(), value.size());
        value.clear();
    }
    Secret(const Secret &) = default;
    Secret(Secret &&) noexcept = default;
    Secret &operator=(Secret other) noexcept {
        data_.swap(other.data_);
        return *this;
    }
    ~Secret() { wipe(data_.data(), data_.size()); }
    /// The text, for as long as this object is neither changed nor destroyed. NUL-terminated.
    std::string_view view() const noexcept R2CREDS_LIFETIMEBOUND {
        return data_.empty() ? "" : std::string_view(data_.data(), data_.size() - 1);
    }

  private:
    static void wipe(volatile char *data, std::size_t size) noexcept {
        for (std::size_t i = 0; i < size; i++) data[i] = 0;
    }
    std::vector<char> data_;
};

/// A string that takes NULL, as std::getenv returns it, for an empty one, which the library refuses with its name.
struct String : std::string {
    using std::string::basic_string;
    String() = default;
    String(const char *value) : std::string(value == nullptr ? "" : value) {}
    String(std::string value) noexcept : std::string(std::move(value)) {}
};

/// A string, or none: NULL is none, as in C.
struct OptionalString : std::optional<std::string> {
    OptionalString() = default;
    OptionalString(std::nullopt_t) {}
    OptionalString(std::optional<std::string> value) : optional(std::move(value)) {}
    OptionalString(std::string value) : optional(std::move(value)) {}
    OptionalString(const char *value) {
        if (value != nullptr) emplace(value);
    }
    OptionalString &operator=(const char *value) {
        if (value == nullptr) reset();
        else emplace(value);
        return *this;
    }
};

/// A list of strings, or none: absent by default, and there as soon as it is given entries, a vector, or emplaced.
struct List : std::optional<std::vector<std::string>> {
    using optional::optional;
    List() = default;
    List(std::initializer_list<std::string> entries) : optional(std::in_place, entries) {}
};

/// What is granted: one bucket, one permission or list of actions, optional paths, and a lifetime.
struct Params {
    String account_id{};  ///< Cloudflare account id: 1 to 32 of `A-Z a-z 0-9 _ -`. Required.
    String bucket{};  ///< Bucket name: 3 to 63 of `a-z 0-9 -`, alphanumeric at both ends. Required.
    /// Access key id of the parent key pair. Required. sign wants exactly 32 lower-case hexadecimal digits.
    String parent_access_key_id{};
    /// Secret access key of the parent pair: 64 lower-case hexadecimal digits. sign needs it, create does not.
    std::optional<Secret> parent_secret_access_key{};
    /// Key prefixes the credential may touch, 1 to 1024 bytes each; plain string prefixes, so `data/a` also opens
    /// `data/ab`: directories do not. With no prefixes, objects and directories: the whole bucket. A list that is there
    /// and empty is an error: one that a program computed must not open the whole bucket when it comes out empty.
    List prefixes{};
    /// Exact object keys the credential may touch, 1 to 1024 bytes each. As prefixes, not empty.
    List objects{};
    /// Directories the credential may touch, 1 to 1023 bytes each, without a slash at the end: `data/tbl` is everything
    /// below it and the bare name, and nothing beside it such as `data/tbl2`. As prefixes, not empty.
    List directories{};
    /// sign only, instead of permission: S3 operations such as `GetObject`. r2creds.h has the list.
    List actions{};
    /// Scheme and host of the S3 endpoint. Default: https://<account>[.eu|.fedramp|.us].r2.cloudflarestorage.com.
    OptionalString endpoint{};
    /// sign only: when the credential begins; a fraction of a second is dropped. Default: now.
    std::optional<Time> issued_at{};
    std::optional<std::chrono::seconds> ttl{};  ///< Lifetime, 1 second to 7 days. Default: 15 minutes.
    /// create needs it; sign takes either this or actions. There is no default.
    std::optional<Permission> permission{};
    std::optional<Jurisdiction> jurisdiction{};  ///< Not together with endpoint. Default: none.
};

/// What is inspected: what an S3 client holds.
struct InspectParams {
    Secret session_token{};  ///< The session token, however broken. Required.
    OptionalString access_key_id{};  ///< Default: not compared.
    std::optional<Secret> secret_access_key{};  ///< Default: not compared.
    /// The parent's, with which the token should be signed. Default: the signature is not checked.
    std::optional<Secret> parent_secret_access_key{};
    OptionalString endpoint{};  ///< Where the client sends its requests, a URL. Default: not compared.
    std::optional<Time> at{};  ///< At which time. Default: now.
};

/// How a client reaches Cloudflare. What is absent comes from the environment, or is the default.
/// A narrower time limit is capped by a wider one. Limits are 1 ms to 2^32 - 1 ms.
struct ClientOptions {
    /// API token. Default: CLOUDFLARE_API_TOKEN. An explicit token wins over everything.
    std::optional<Secret> api_token{};
    OptionalString api_email{};  ///< E-mail of the older pair. Default: CLOUDFLARE_EMAIL. Needs api_key.
    std::optional<Secret> api_key{};  ///< API key of the older pair. Default: CLOUDFLARE_API_KEY. Needs api_email.
    /// Where the API is: https, or http to loopback. Default: CLOUDFLARE_BASE_URL, else Cloudflare.
    OptionalString base_url{};
    /// http://[user:password@]host:port. Default: HTTPS_PROXY or ALL_PROXY, less NO_PROXY. "": none.
    std::optional<Secret> proxy_url{};
    /// A PEM file whose certificates are trusted instead of all others. Default: SSL_CERT_FILE, else the system's.
    OptionalString ca_file{};
    /// Printable ASCII, put in front of `r2creds/<version>` in the User-Agent header. Default: nothing.
    OptionalString user_agent{};
    std::optional<Milliseconds> timeout{};  ///< For a whole call: every attempt, wait and body. Default: 60 s.
    std::optional<Milliseconds> attempt_timeout{};  ///< For one attempt. Default: 20 s.
    /// For connection and TLS of one attempt. Default: 5 s. The name lookup before it has the attempt's time.
    std::optional<Milliseconds> connect_timeout{};
    std::optional<int> max_retries{};  ///< How often a failed attempt is repeated; 0: never. Default: 2.
    /// What is absent is not looked for in the environment: no variable is read, SSL_CERT_FILE neither.
    bool no_environment = false;
};

/// One entry of the errors in Cloudflare's reply. Its views live as long as any copy of the Error it came from.
struct ApiError {
    std::int64_t code;       ///< Cloudflare's number, such as 10000; 0 where absent.
    Text message;            ///< Cloudflare's text.
    Text documentation_url;  ///< Where Cloudflare explains it.
    Text pointer;            ///< JSON pointer to the part of the request at fault.
};

namespace detail {
struct C;  // the only other class that sees the C object inside an Error, a Client and so on
inline Text text(const char *from) noexcept { return from == nullptr ? Text() : Text(from); }
inline std::string_view view(const char *from) noexcept { return from == nullptr ? "" : from; }
/// Time counts in nanoseconds, which end in 2262; what is later is that end.
inline Time time(std::int64_t seconds) noexcept {
    const auto last = std::chrono::duration_cast<std::chrono::seconds>(Time::max().time_since_epoch()).count();
    return seconds > last ? Time::max() : Time(std::chrono::seconds(seconds));
}
inline std::optional<Time> optional_time(std::int64_t seconds) noexcept {
    return seconds == 0 ? std::nullopt : std::optional(time(seconds));
}
}  // namespace detail

/// Why a call failed; what() is one line for a person. Holds no secret. Copies share what they refer to, so that views
/// live as long as any copy, and copying does not throw. It has no move: an Error is never empty.
class Error : public std::runtime_error {
  public:
    Error(const Error &) noexcept = default;
    Error &operator=(const Error &) noexcept = default;

    Status status() const noexcept { return static_cast<Status>(raw_->status); }  ///< What happened; never Status::ok.
    int http_status() const noexcept { return raw_->http_status; }  ///< The reply's HTTP status; 0: there was no reply.
    Text field() const noexcept { return detail::text(raw_->field); }  ///< The argument at fault, as spelled in C.
    Text hint() const noexcept { return detail::text(raw_->hint); }    ///< The likely cause and next step, where known.
    Text request_id() const noexcept { return detail::text(raw_->request_id); }  ///< CF-Ray, for Cloudflare's support.
    /// How long the server asked to wait, whenever it can be read.
    std::optional<Milliseconds> retry_after() const noexcept {
        return raw_->retry_after_ms < 0 ? std::nullopt : std::optional(Milliseconds(raw_->retry_after_ms));
    }
    bool retryable() const noexcept { return raw_->retryable != 0; }  ///< Whether the same call may succeed later.
    int attempts() const noexcept { return raw_->attempts; }  ///< How many attempts were made; 0: nothing was sent.
    /// Cloudflare's own errors; at most 64 are kept.
    std::vector<ApiError> errors() const {
        std::vector<ApiError> all;
        for (std::size_t i = 0; i < raw_->errors_len; i++) {
            const auto &e = *raw_->errors[i];
            using detail::text;
            all.push_back({e.code, text(e.message), text(e.documentation_url), text(e.pointer)});
        }
        return all;
    }
    /// Cloudflare's own messages; at most 64 are kept.
    std::vector<std::string_view> messages() const { return {raw_->messages, raw_->messages + raw_->messages_len}; }

  private:
    friend struct detail::C;
    explicit Error(std::shared_ptr<const r2creds_error> raw) : runtime_error(raw->message), raw_(std::move(raw)) {}
    std::shared_ptr<const r2creds_error> raw_;
};

/// A value, or the Error that came instead. Test it, then take one of the two.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : either_(std::move(value)) {}
    Result(Error error) : either_(std::move(error)) {}
    explicit operator bool() const noexcept { return either_.index() == 0; }  ///< Whether there is a value.
    /// The value. Without one: throws the Error, or without exceptions, ends the program.
    T &value() & { return *checked(); }
    T &&value() && { return std::move(*checked()); }
    T *operator->() { return checked(); }
    const T &value() const & { return *const_cast<Result *>(this)->checked(); }
    const T *operator->() const { return const_cast<Result *>(this)->checked(); }
    /// The error. Without one: throws std::bad_variant_access, or without exceptions, ends the program.
    const Error &error() const { return std::get<1>(either_); }

  private:
    T *checked() {
#if defined(__cpp_exceptions)
        if (!*this) throw error();
#endif
        return &std::get<0>(either_);
    }
    std::variant<T, Error> either_;
};

namespace detail {
struct C {
    template <class T>
    static auto *raw(const T &object) noexcept { return object.raw_.get(); }
    /// What a result shows after it was moved from: nothing.
    template <class T>
    static const T &read(const T *raw) noexcept {
        static constexpr T moved{};
        return raw != nullptr ? *raw : moved;
    }

    static Error error(r2creds_status status, const char *field, std::string message) {
        auto made = std::make_shared<std::pair<std::string, r2creds_error>>(std::move(message), r2creds_error{});
        made->second.message = made->first.c_str();
        made->second.field = field;
        made->second.retry_after_ms = -1;
        made->second.status = status;
        return Error(std::shared_ptr<const r2creds_error>(made, &made->second));
    }
    static Error taken(r2creds_error *error) {
        return Error(std::shared_ptr<const r2creds_error>(error, r2creds_error_free));
    }
    /// Runs a function of the C ABI, unless its arguments are wrong, and takes what it returns.
    template <class T, class Call>
    static Result<T> call(const std::optional<Error> &wrong, Call call) {
        if (wrong) return *wrong;
        decltype(raw(std::declval<T &>())) out = nullptr;
        r2creds_error *err = nullptr;
        const r2creds_status status = call(&out, &err);
        if (status == R2CREDS_STATUS_OK) return T(out);
        if (err == nullptr) return error(status, nullptr, r2creds_status_name(status));
        return taken(err);
    }
};
}  // namespace detail

/// A temporary credential, wiped when destroyed. It can be moved, not copied, and not printed. Views live as long as
/// the object they came from, or the one it was moved to; all are NUL-terminated. After a move all is empty.
class Credentials {
  public:
    /// S3 access key id. Not a secret.
    std::string_view access_key_id() const noexcept R2CREDS_LIFETIMEBOUND { return detail::view(raw().access_key_id); }
    /// S3 secret access key. A secret.
    std::string_view secret_access_key() const noexcept R2CREDS_LIFETIMEBOUND {
        return detail::view(raw().secret_access_key);
    }
    /// S3 session token (`X-Amz-Security-Token`). A secret. All three are needed on every request.
    std::string_view session_token() const noexcept R2CREDS_LIFETIMEBOUND { return detail::view(raw().session_token); }
    /// Where it is valid: scheme and host of the S3 endpoint. The S3 region is `auto`.
    std::string_view endpoint() const noexcept R2CREDS_LIFETIMEBOUND { return detail::view(raw().endpoint); }
    /// Cloudflare's CF-Ray of the reply; absent when signed locally.
    Text request_id() const noexcept { return detail::text(raw().request_id); }
    Time issued_at() const noexcept { return detail::time(raw().issued_at); }  ///< When it begins.
    /// When it ends; never later than the truth.
    Time expires_at() const noexcept { return detail::time(raw().expires_at); }
    /// From here on get the next one, while this one is used: a quarter of its life before its end, at most an hour. A
    /// Provider does that; for caches of others. A library before 0.2.0 says the end.
    Time renew_at() const noexcept { return detail::time(has_renewal() ? raw().renew_at : raw().expires_at); }
    /// From here on begin nothing with this one if another can be had: an eighth of its life before its end, at most ten
    /// minutes. A library before 0.2.0 says the end.
    Time renew_by() const noexcept { return detail::time(has_renewal() ? raw().renew_by : raw().expires_at); }

  private:
    friend struct detail::C;
    explicit Credentials(r2creds_credentials *raw) noexcept : raw_(raw, r2creds_credentials_free) {}
    const r2creds_credentials &raw() const noexcept { return detail::C::read<r2creds_credentials>(raw_.get()); }
    bool has_renewal() const noexcept { return raw().struct_size > offsetof(r2creds_credentials, renew_by); }
    std::unique_ptr<r2creds_credentials, decltype(&r2creds_credentials_free)> raw_;
};

/// Ends calls from another thread or a signal handler. One shot: once triggered, it stays so. May serve many calls.
/// Copies are the same token.
class CancelToken {
  public:
#if defined(__cpp_exceptions)
    /// @throws Error if the library fails.
    CancelToken() : CancelToken(try_new().value()) {}
#if defined(__cpp_lib_jthread)
    /// C++20: a token that is also triggered when a stop is requested, for as long as a copy of it lives.
    explicit CancelToken(std::stop_token stop) : CancelToken(try_new(std::move(stop)).value()) {}
#endif
#endif
    /// The same, without exceptions.
    static Result<CancelToken> try_new() {
        return detail::C::call<CancelToken>({}, [](auto out, auto) { return r2creds_cancel_new(out); });
    }
#if defined(__cpp_lib_jthread)
    static Result<CancelToken> try_new(std::stop_token stop) {
        auto made = try_new();
        if (!made) return made;
        auto trigger = [raw = made->raw_] { r2creds_cancel_trigger(raw.get()); };
        made->link_ = std::make_shared<std::stop_callback<decltype(trigger)>>(std::move(stop), std::move(trigger));
        return made;
    }
#endif
    /// Ends every call that uses this token, now and later, with Status::cancelled within 100 ms. From any thread, any
    /// number of times. Also from a signal handler, if that does not copy or destroy a token.
    void trigger() const noexcept { r2creds_cancel_trigger(raw_.get()); }

  private:
    friend struct detail::C;
    explicit CancelToken(r2creds_cancel *raw) : raw_(raw, r2creds_cancel_free) {}
    std::shared_ptr<r2creds_cancel> raw_;
    std::shared_ptr<void> link_;  // to a stop token; of this type so that C++17 and C++20 agree on the size
};

/// What differs for one call.
struct RequestOptions {
    std::optional<CancelToken> cancel{};  ///< Ends the call when triggered.
    std::vector<std::string> headers{};  ///< Extra header lines, "Name: value". r2creds.h says which are refused.
    /// A JSON object whose keys are appended to the request body, for parameters newer than this library.
    OptionalString extra_body{};
    /// Called on the calling thread about every 50 ms while the call waits; true ends it with Status::cancelled.
    /// It may throw: the call ends, and the exception comes out of create or try_create.
    std::function<bool()> poll{};
    std::optional<Milliseconds> timeout{};  ///< For the whole call, 1 ms to 2^32 - 1 ms. Default: the client's.
    std::optional<int> max_retries{};  ///< How often a failed attempt is repeated; 0: never. Default: the client's.
};

namespace detail {
/// Carries poll through C. What it throws must not cross C: it is kept, ends the call, and is thrown again after it.
struct Poll {
    const std::function<bool()> &poll;
    std::exception_ptr thrown{};
    static std::int32_t call(void *context) noexcept {
        Poll &self = *static_cast<Poll *>(context);
#if defined(__cpp_exceptions)
        try {
            return self.poll();
        } catch (...) {
            self.thrown = std::current_exception();
            return 1;
        }
#else
        return self.poll();
#endif
    }
};

/// Makes structs for C that borrow from the caller's. `wrong` is the first argument that would be lost on the way.
class Arguments {
  public:
    std::optional<Error> wrong;

    r2creds_params params(const Params &from) {
        return {sizeof(r2creds_params), text("account_id", &from.account_id), text("bucket", &from.bucket),
                text("parent_access_key_id", &from.parent_access_key_id),
                text("parent_secret_access_key", from.parent_secret_access_key),
                list("prefixes", from.prefixes), size(from.prefixes),
                list("objects", from.objects), size(from.objects), list("actions", from.actions), size(from.actions),
                text("endpoint", from.endpoint), since_epoch("issued_at", from.issued_at),
                positive("ttl_seconds", from.ttl),
                static_cast<std::int32_t>(from.permission.value_or(Permission())),
                static_cast<std::int32_t>(from.jurisdiction.value_or(Jurisdiction())), 0,
                list("directories", from.directories), size(from.directories)};
    }
    r2creds_inspect_params inspect_params(const InspectParams &from) {
        return {sizeof(r2creds_inspect_params), text("session_token", &from.session_token),
                text("access_key_id", from.access_key_id), text("secret_access_key", from.secret_access_key),
                text("parent_secret_access_key", from.parent_secret_access_key), text("endpoint", from.endpoint),
                since_epoch("at", from.at)};
    }
    r2creds_client_options client_options(const ClientOptions &from) {
        return {sizeof(r2creds_client_options), text("api_token", from.api_token), text("api_email", from.api_email),
                text("api_key", from.api_key), text("base_url", from.base_url), text("proxy_url", from.proxy_url),
                text("ca_file", from.ca_file), text("user_agent", from.user_agent),
                positive("timeout_ms", from.timeout), positive("attempt_timeout_ms", from.attempt_timeout),
                positive("connect_timeout_ms", from.connect_timeout), retries(from.max_retries),
                from.no_environment ? R2CREDS_CLIENT_NO_ENVIRONMENT : 0u, 0};
    }
    r2creds_request_options request_options(const RequestOptions &from, Poll &poll) {
        return {sizeof(r2creds_request_options), from.cancel ? C::raw(*from.cancel) : nullptr,
                list("headers", from.headers), from.headers.size(), text("extra_body", from.extra_body),
                from.poll ? Poll::call : nullptr, &poll, positive("timeout_ms", from.timeout),
                retries(from.max_retries)};
    }

    template <class Maybe>  // a std::optional or a pointer
    const char *text(const char *field, const Maybe &value) {
        if (!value) return nullptr;
        if (view(*value).find('\0') != std::string_view::npos) refuse(field, "a NUL inside the string");
        return view(*value).data();
    }

  private:
    void refuse(const char *field, const char *problem) {
        if (!wrong) wrong = C::error(R2CREDS_STATUS_INVALID_ARGUMENT, field, std::string(field) + ": " + problem);
    }
    static std::string_view view(const std::string &value) noexcept { return value; }
    static std::string_view view(const Secret &value) noexcept { return value.view(); }
    const char *const *list(const char *field, const std::vector<std::string> &from) {
        std::vector<const char *> &to = lists_.emplace_back();
        for (const std::string &entry : from) to.push_back(text(field, &entry));
        to.push_back(nullptr);  // so that a list of no entries is not NULL, which would be no list
        return to.data();       // stays where it is when lists_ grows
    }
    const char *const *list(const char *field, const List &from) {
        return from ? list(field, *from) : nullptr;
    }
    static std::size_t size(const List &list) noexcept { return list ? list->size() : 0; }
    std::int64_t since_epoch(const char *field, const std::optional<Time> &value) {
        if (!value) return 0;
        const auto seconds = std::chrono::floor<std::chrono::seconds>(value->time_since_epoch()).count();
        if (seconds == 0) refuse(field, "0, expected more");
        return seconds;
    }
    template <class Duration>
    std::uint32_t positive(const char *field, const std::optional<Duration> &value) {
        if (!value) return 0;
        if (value->count() < 1) refuse(field, "0 or less, expected more");
        if (value->count() > std::numeric_limits<std::uint32_t>::max()) refuse(field, "does not fit in 32 bits");
        return static_cast<std::uint32_t>(value->count());
    }
    std::int32_t retries(const std::optional<int> &value) {
        if (value && *value < 0) refuse("max_retries", "negative, expected 0 or more");
        return !value ? 0 : *value == 0 ? -1 : *value;
    }
    std::vector<std::vector<const char *>> lists_;
};

/// Runs a function of the C ABI that takes options; what their poll throws comes out of it.
template <class T, class Call>
Result<T> call(Arguments &arguments, const RequestOptions &options, Call call) {
    Poll poll{options.poll};
    const auto raw = arguments.request_options(options, poll);
    auto result = C::call<T>(arguments.wrong, [&](auto out, auto err) { return call(&raw, out, err); });
    if (poll.thrown) std::rethrow_exception(poll.thrown);
    return result;
}
}  // namespace detail

/// sign, without exceptions.
inline Result<Credentials> try_sign(const Params &params) {
    detail::Arguments arguments;
    const auto raw = arguments.params(params);
    return detail::C::call<Credentials>(
        arguments.wrong, [&](auto out, auto err) { return r2creds_sign(&raw, out, err); });
}

#if defined(__cpp_exceptions)
/// Makes a credential locally from the parent key pair. No network; microseconds. params needs
/// parent_secret_access_key, and exactly one of permission and actions. A wrong parent secret of the right shape cannot
/// be noticed here; R2 answers such a credential with an opaque HTTP 400.
/// @throws Error with invalid_argument, unsupported, internal or panic.
inline Credentials sign(const Params &params) { return try_sign(params).value(); }
#endif

/// Something that speaks against a credential. Its views live as long as the Inspection.
struct Finding {
    std::string_view code;     ///< A word that stays, such as `expired`; r2creds.h has the list.
    std::string_view message;  ///< One line for a person, without any secret.
    Text hint;                 ///< The next step.
};

/// What a session token grants, as it claims itself, and what speaks against it. It can be moved, not copied. Views
/// live as long as the object they came from, or the one it was moved to. After a move all is empty.
class Inspection {
  public:
    Text account_id() const noexcept { return detail::text(raw().account_id); }  ///< Whose the bucket is.
    Text bucket() const noexcept { return detail::text(raw().bucket); }          ///< The one bucket.
    /// The parent's access key id.
    Text parent_access_key_id() const noexcept { return detail::text(raw().parent_access_key_id); }
    Text host() const noexcept { return detail::text(raw().host); }  ///< Host of the S3 endpoint, with its port.
    /// The prefixes, with those that directories became.
    std::vector<std::string_view> prefixes() const { return list(raw().prefixes, raw().prefixes_len); }
    /// The exact keys, with those that directories became. Without prefixes and objects: the whole bucket.
    std::vector<std::string_view> objects() const { return list(raw().objects, raw().objects_len); }
    /// The S3 operations, known or not, where the token has them instead of a permission.
    std::vector<std::string_view> actions() const { return list(raw().actions, raw().actions_len); }
    /// None where the token has actions, or neither.
    std::optional<Permission> permission() const noexcept {
        return raw().permission == 0 ? std::nullopt : std::optional(static_cast<Permission>(raw().permission));
    }
    std::optional<Time> issued_at() const noexcept { return detail::optional_time(raw().issued_at); }  ///< Its begin.
    std::optional<Time> expires_at() const noexcept { return detail::optional_time(raw().expires_at); }  ///< Its end.
    /// What speaks against the credential, worst first, and each code at most once.
    std::vector<Finding> findings() const {
        std::vector<Finding> all;
        for (std::size_t i = 0; i < raw().findings_len; i++) {
            const auto &finding = *raw().findings[i];
            all.push_back({finding.code, finding.message, detail::text(finding.hint)});
        }
        return all;
    }
    bool is_refused() const noexcept { return raw().is_refused != 0; }  ///< A finding says that R2 refuses it.
    /// Whether the grant covers an S3 operation, without exceptions. Look into the Result: that there is one is no yes.
    Result<bool> try_allows(const String &action, const OptionalString &key = {}) const {
        detail::Arguments arguments;
        const char *raw_action = arguments.text("action", &action);
        const char *raw_key = arguments.text("key", key);
        if (arguments.wrong) return *arguments.wrong;
        const std::int32_t allows = r2creds_inspection_allows(raw_.get(), raw_action, raw_key);
        if (allows >= 0) return allows == 1;
        return detail::C::error(R2CREDS_STATUS_INVALID_ARGUMENT, "action",
                                "action: not an S3 operation that R2 has, or one that needs a key, and there is none");
    }
#if defined(__cpp_exceptions)
    /// Whether the grant covers an S3 operation. Looks at the grant alone, not at the findings and the clock.
    /// @param action  one of those that Params::actions may name.
    /// @param key     relative to the bucket; for listings the prefix that is asked for, none for none.
    /// @throws Error with invalid_argument: an action that does not exist, or a key that is needed.
    bool allows(const String &action, const OptionalString &key = {}) const { return try_allows(action, key).value(); }
#endif

  private:
    friend struct detail::C;
    explicit Inspection(r2creds_inspection *raw) noexcept : raw_(raw, r2creds_inspection_free) {}
    const r2creds_inspection &raw() const noexcept { return detail::C::read<r2creds_inspection>(raw_.get()); }
    static std::vector<std::string_view> list(const char *const *from, std::size_t size) { return {from, from + size}; }
    std::unique_ptr<r2creds_inspection, decltype(&r2creds_inspection_free)> raw_;
};

/// inspect, without exceptions.
inline Result<Inspection> try_inspect(const InspectParams &params) {
    detail::Arguments arguments;
    const auto raw = arguments.inspect_params(params);
    return detail::C::call<Inspection>(
        arguments.wrong, [&](auto out, auto err) { return r2creds_inspect(&raw, out, err); });
}

#if defined(__cpp_exceptions)
/// Reads a session token: what it grants, and what speaks against it. No network; microseconds. However broken the
/// token is, there is an Inspection: what is wrong is a finding.
/// @throws Error about another argument: invalid_argument, unsupported, internal or panic.
inline Inspection inspect(const InspectParams &params) { return try_inspect(params).value(); }
#endif

/// The key pair that belongs to an API token: as S3 credentials, and as the parent of temporary ones. Wiped when
/// destroyed. It can be moved, not copied, and not printed. Views live as long as the object they came from, or the one
/// it was moved to; all are NUL-terminated. After a move all is empty.
class Parent {
  public:
    /// The id of the token: Params::parent_access_key_id. Not a secret.
    std::string_view access_key_id() const noexcept R2CREDS_LIFETIMEBOUND {
        return detail::view(raw().access_key_id);
    }
    /// The SHA-256 of the token's value: Params::parent_secret_access_key. A secret.
    std::string_view secret_access_key() const noexcept R2CREDS_LIFETIMEBOUND {
        return detail::view(raw().secret_access_key);
    }
    /// Cloudflare's word: `active`, `disabled` or `expired`. Only the first makes credentials that work.
    std::string_view token_status() const noexcept R2CREDS_LIFETIMEBOUND { return detail::view(raw().token_status); }
    TokenKind kind() const noexcept { return static_cast<TokenKind>(raw().kind); }  ///< Whose the token is.
    /// When the token begins; none: it has begun.
    std::optional<Time> not_before() const noexcept { return detail::optional_time(raw().not_before); }
    /// When the token ends; none: never.
    std::optional<Time> expires_at() const noexcept { return detail::optional_time(raw().expires_at); }

  private:
    friend struct detail::C;
    explicit Parent(r2creds_parent *raw) noexcept : raw_(raw, r2creds_parent_free) {}
    const r2creds_parent &raw() const noexcept { return detail::C::read<r2creds_parent>(raw_.get()); }
    std::unique_ptr<r2creds_parent, decltype(&r2creds_parent_free)> raw_;
};

/// Makes calls to Cloudflare's API. Any number of threads may use one at once, but for moving and destroying it. Keep
/// it: it keeps the connection. After a move every call is an error.
class Client {
  public:
#if defined(__cpp_exceptions)
    /// Settles authentication, proxy and certificates; sends nothing. The only reader of the environment.
    /// @throws Error with invalid_argument, unsupported, no_authentication, internal or panic.
    explicit Client(const ClientOptions &options = {}) : Client(try_new(options).value()) {}
    /// Asks Cloudflare's API for a credential. Blocks until there is a result, at most options.timeout.
    /// @throws Error with any status but ok and no_authentication; whatever options.poll throws.
    Credentials create(const Params &params, const RequestOptions &options = {}) const {
        return try_create(params, options).value();
    }
    /// Asks Cloudflare what the client's API token is called, and makes of that the parent key pair which sign and a
    /// signing Provider need. A user's token is looked for first, then the account's, in one call with one deadline. A
    /// token that is disabled or has expired is no error: look at token_status.
    /// @throws Error with any status but ok and no_authentication; whatever options.poll throws.
    Parent parent_of_token(const String &account_id, const RequestOptions &options = {}) const {
        return try_parent_of_token(account_id, options).value();
    }
#endif
    /// The constructor, without exceptions.
    static Result<Client> try_new(const ClientOptions &options = {}) {
        detail::Arguments arguments;
        const auto raw = arguments.client_options(options);
        return detail::C::call<Client>(
            arguments.wrong, [&](auto out, auto err) { return r2creds_client_new(&raw, out, err); });
    }
    /// create, without exceptions of its own.
    Result<Credentials> try_create(const Params &params, const RequestOptions &options = {}) const {
        detail::Arguments arguments;
        const auto raw = arguments.params(params);
        return detail::call<Credentials>(arguments, options, [&](auto raw_options, auto out, auto err) {
            return r2creds_create(raw_.get(), &raw, raw_options, out, err);
        });
    }
    /// parent_of_token, without exceptions of its own.
    Result<Parent> try_parent_of_token(const String &account_id, const RequestOptions &options = {}) const {
        detail::Arguments arguments;
        const char *raw_account_id = arguments.text("account_id", &account_id);
        return detail::call<Parent>(arguments, options, [&](auto raw_options, auto out, auto err) {
            return r2creds_parent_of_token(raw_.get(), raw_account_id, raw_options, out, err);
        });
    }

  private:
    friend struct detail::C;
    explicit Client(r2creds_client *raw) noexcept : raw_(raw, r2creds_client_free) {}
    std::unique_ptr<r2creds_client, decltype(&r2creds_client_free)> raw_;
};

/// Gives one credential to many callers, and renews it in time: ask it before every request. Any number of threads may
/// use one at once, but for moving and destroying it, which ends its renewal within 100 ms; after a fork the child keeps
/// the credential. After a move every call is an error.
class Provider {
  public:
#if defined(__cpp_exceptions)
    /// One that signs locally. Checks everything that can be checked.
    /// @throws Error with invalid_argument, unsupported, internal or panic.
    explicit Provider(const Params &params) : Provider(try_new(params).value()) {}
    /// One that asks Cloudflare's API. The client may be destroyed first. options are those of every renewal; cancel and
    /// poll are those of get, and refused here. Sends nothing.
    /// @throws Error with invalid_argument, unsupported, internal or panic.
    Provider(const Client &client, const Params &params, const RequestOptions &options = {})
        : Provider(try_new(client, params, options).value()) {}
    /// A credential that is good now, for one request. With one in hand it waits for 2 s at most, near its end, whatever
    /// the API does; without one it waits for the renewal, and after a failure throws that again, at once, until the
    /// pause that follows is over (Error::retry_after).
    /// @throws Error with any status but ok and no_authentication.
    Credentials get() const { return try_get().value(); }
    /// With cancel, poll and timeout of this wait, which end no renewal; the others are refused.
    /// @throws Error as above; whatever options.poll throws.
    Credentials get(const RequestOptions &options) const { return try_get(options).value(); }
#endif
    /// The constructors, without exceptions.
    static Result<Provider> try_new(const Params &params) { return try_new(nullptr, params, {}); }
    static Result<Provider> try_new(const Client &client, const Params &params, const RequestOptions &options = {}) {
        if (detail::C::raw(client) == nullptr)
            return detail::C::error(R2CREDS_STATUS_INVALID_ARGUMENT, "client", "client: moved from");
        return try_new(detail::C::raw(client), params, options);
    }
    /// get, without exceptions of its own.
    Result<Credentials> try_get() const {
        return detail::C::call<Credentials>(
            {}, [&](auto out, auto err) { return r2creds_provider_get(raw_.get(), nullptr, out, err); });
    }
    Result<Credentials> try_get(const RequestOptions &options) const {
        detail::Arguments arguments;
        return detail::call<Credentials>(arguments, options, [&](auto raw_options, auto out, auto err) {
            return r2creds_provider_get(raw_.get(), raw_options, out, err);
        });
    }
    /// Tells that R2 refused this credential: 403 SignatureDoesNotMatch, 400 InvalidArgument about X-Amz-Security-Token,
    /// or 401; never on AccessDenied. The next get makes another one. Does nothing where it is not the current one any
    /// more, nor within 10 s of another rejection.
    void reject(const Credentials &credentials) const noexcept {
        r2creds_provider_reject(raw_.get(), detail::C::raw(credentials));
    }
    /// Why the last renewal failed; none when it succeeded, or was not tried. For alarms before the end comes.
    std::optional<Error> last_error() const {
        r2creds_error *error = r2creds_provider_last_error(raw_.get());
        if (error == nullptr) return std::nullopt;
        return detail::C::taken(error);
    }

  private:
    friend struct detail::C;
    explicit Provider(r2creds_provider *raw) noexcept : raw_(raw, r2creds_provider_free) {}
    static Result<Provider> try_new(r2creds_client *client, const Params &params, const RequestOptions &options) {
        detail::Arguments arguments;
        const auto raw = arguments.params(params);
        return detail::call<Provider>(arguments, options, [&](auto raw_options, auto out, auto err) {
            return r2creds_provider_new(client, &raw, raw_options, out, err);
        });
    }
    std::unique_ptr<r2creds_provider, decltype(&r2creds_provider_free)> raw_;
};

}}  // namespace r2creds

#endif  // R2CREDS_HPP
