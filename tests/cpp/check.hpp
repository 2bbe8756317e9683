// What every C++ program here uses beside the C programs' helpers.
#ifndef CHECK_HPP
#define CHECK_HPP

#include "../c/check.h"
#include "r2creds.hpp"

/// Valid for create and for sign.
inline r2creds::Params valid(const char *account) {
    r2creds::Params params;
    params.account_id = account;
    params.bucket = "example-bucket";
    params.parent_access_key_id = PARENT_ID;
    params.parent_secret_access_key = PARENT_SECRET;
    params.permission = r2creds::Permission::object_read_only;
    return params;
}

inline r2creds::ClientOptions options_for(const char *base_url) {
    r2creds::ClientOptions options;
    options.api_token = API_TOKEN;
    options.base_url = base_url;
    options.proxy_url = "";
    options.max_retries = 0;
    return options;
}

/// Whether this is the error of a bad argument, and names it, and not its value.
inline bool refused(const r2creds::Error &error, std::string_view field) {
    if (error.field() != field) fprintf(stderr, "%s\n", error.what());
    return error.status() == r2creds::Status::invalid_argument && error.field() == field && error.attempts() == 0 &&
           error.http_status() == 0 && !error.retryable() && !error.retry_after() &&
           std::string_view(error.what()).find(std::string_view("no\0pe", 5)) == std::string_view::npos;
}

#endif
