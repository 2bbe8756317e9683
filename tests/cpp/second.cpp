// A second translation unit with the header: it links.
#include "r2creds.hpp"

r2creds::Credentials signed_elsewhere(const r2creds::Params &params);
r2creds::Credentials signed_elsewhere(const r2creds::Params &params) { return r2creds::sign(params); }
