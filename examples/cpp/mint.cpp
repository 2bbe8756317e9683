// mint: makes a temporary R2 credential and prints it for a shell.
//
//   mint create [--print]   asks Cloudflare, with CLOUDFLARE_API_TOKEN
//   mint sign   [--print]   makes it here, with R2_PARENT_SECRET_ACCESS_KEY
//
// Both need CLOUDFLARE_ACCOUNT_ID, R2_BUCKET and R2_PARENT_ACCESS_KEY_ID; R2_PREFIX, if set, is the only prefix that is
// granted. Secrets go to standard output only with --print:  eval "$(mint sign --print)"
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "r2creds.hpp"

static std::string variable(const char *name) {
    const char *value = std::getenv(name);
    return value == nullptr ? "" : value;  // the library says what is missing
}

static r2creds::Credentials mint(bool create) {
    using namespace std::chrono_literals;
    r2creds::Params params;
    params.account_id = variable("CLOUDFLARE_ACCOUNT_ID");
    params.bucket = variable("R2_BUCKET");
    params.parent_access_key_id = variable("R2_PARENT_ACCESS_KEY_ID");
    params.permission = r2creds::Permission::object_read_only;
    params.ttl = 15min;
    if (const char *prefix = std::getenv("R2_PREFIX")) params.prefixes = {prefix};
    if (create) {
        // A program that makes many calls keeps its client: it keeps the connection.
        const r2creds::Client client;
        return client.create(params);
    }
    params.parent_secret_access_key = std::getenv("R2_PARENT_SECRET_ACCESS_KEY");
    return r2creds::sign(params);
}

// Inside single quotes a shell knows only the quote itself.
static void print_export(std::string_view name, std::string_view value) {
    std::cout << "export " << name << "='";
    for (const char c : value) {
        if (c == '\'') std::cout << "'\\''";
        else std::cout << c;
    }
    std::cout << "'\n";
}

int main(int count, char **arguments) {
    const std::string_view how = count > 1 ? arguments[1] : "";
    const bool print = count == 3 && std::string_view(arguments[2]) == "--print";
    if ((count != 2 && !print) || (how != "create" && how != "sign")) {
        std::cerr << "usage: mint create|sign [--print]\n";
        return 2;
    }
    try {
        const r2creds::Credentials credentials = mint(how == "create");
        const auto left = credentials.expires_at() - std::chrono::system_clock::now();
        std::cerr << "granted: " << variable("R2_BUCKET") << " at " << credentials.endpoint() << ", for another "
                  << std::chrono::duration_cast<std::chrono::minutes>(left).count() << " minutes\n";
        if (print) {
            print_export("AWS_ACCESS_KEY_ID", credentials.access_key_id());
            print_export("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key());
            print_export("AWS_SESSION_TOKEN", credentials.session_token());
            print_export("AWS_ENDPOINT_URL_S3", credentials.endpoint());
            print_export("AWS_REGION", "auto");
        }
    } catch (const r2creds::Error &error) {
        std::cerr << "mint: " << r2creds::status_name(error.status()) << ": " << error.what() << '\n';
        if (const auto hint = error.hint()) std::cerr << "mint: " << *hint << '\n';
        if (const auto id = error.request_id()) std::cerr << "mint: CF-Ray " << *id << '\n';
        return 1;
    }
}
