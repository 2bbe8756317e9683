# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_r2creds_global_optspecs
    string join \n version h/help
end

function __fish_r2creds_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_r2creds_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_r2creds_using_subcommand
    set -l cmd (__fish_r2creds_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c r2creds -n "__fish_r2creds_needs_command" -l version -d 'Print version'
complete -c r2creds -n "__fish_r2creds_needs_command" -s h -l help -d 'Print help'
complete -c r2creds -n "__fish_r2creds_needs_command" -f -a "sign" -d 'Make a credential locally from the parent key pair, without any network'
complete -c r2creds -n "__fish_r2creds_needs_command" -f -a "create" -d 'Ask Cloudflare\'s API for a credential, with an API token'
complete -c r2creds -n "__fish_r2creds_needs_command" -f -a "exec" -d 'Run a command with a credential in its environment'
complete -c r2creds -n "__fish_r2creds_needs_command" -f -a "serve" -d 'Give credentials to AWS SDKs on this machine, and renew them'
complete -c r2creds -n "__fish_r2creds_needs_command" -f -a "inspect" -d 'Say what a credential grants, and why R2 refuses it, offline'
complete -c r2creds -n "__fish_r2creds_needs_command" -f -a "doctor" -d 'Try what there is, step by step, and say what to do about what fails'
complete -c r2creds -n "__fish_r2creds_needs_command" -f -a "parent" -d 'Print the parent key pair that belongs to an API token'
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l format -d 'env | dotenv | json | credential-process | duckdb | rclone (default: env, for a shell\'s eval)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l account-id -d 'Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l bucket -d 'the one bucket (default: $R2_BUCKET)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l parent-access-key-id -d 'access key id of the parent key pair (default: $R2_PARENT_ACCESS_KEY_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l permission -d 'object-read-only | object-read-write | admin-read-only | admin-read-write (no default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l prefix -d 'keys that begin so; may be repeated (default, without --object and --directory: every key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l object -d 'exactly this key; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l directory -d 'everything below it, and the bare name; without a slash at its end; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l ttl-seconds -d 'lifetime, 1 to 604800 (default: 900)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l jurisdiction -d 'default | eu | fedramp | us (default: default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l endpoint -d 'S3 endpoint (default: what account and jurisdiction give)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l parent-secret-access-key-file -d 'holds the parent\'s secret access key; - is standard input (default: $R2_PARENT_SECRET_ACCESS_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l action -d 'an S3 operation such as GetObject, instead of --permission; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -l issued-at -d 'when it begins, in Unix seconds (default: now)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand sign" -s h -l help -d 'Print help'
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l format -d 'env | dotenv | json | credential-process | duckdb | rclone (default: env, for a shell\'s eval)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l account-id -d 'Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l bucket -d 'the one bucket (default: $R2_BUCKET)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l parent-access-key-id -d 'access key id of the parent key pair (default: $R2_PARENT_ACCESS_KEY_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l permission -d 'object-read-only | object-read-write | admin-read-only | admin-read-write (no default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l prefix -d 'keys that begin so; may be repeated (default, without --object and --directory: every key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l object -d 'exactly this key; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l directory -d 'everything below it, and the bare name; without a slash at its end; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l ttl-seconds -d 'lifetime, 1 to 604800 (default: 900)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l jurisdiction -d 'default | eu | fedramp | us (default: default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l endpoint -d 'S3 endpoint (default: what account and jurisdiction give)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l api-token-file -d 'holds the API token; - is standard input (default: $CLOUDFLARE_API_TOKEN, the token)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l api-email -d 'of the older pair, instead of a token (default: $CLOUDFLARE_EMAIL)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l api-key-file -d 'holds the older pair\'s API key (default: $CLOUDFLARE_API_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l base-url -d 'where the API is (default: $CLOUDFLARE_BASE_URL, else Cloudflare)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l proxy-url -d 'http://host:port, or empty for none (default: $HTTPS_PROXY, $ALL_PROXY, less $NO_PROXY)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l ca-file -d 'PEM file of the only certificates to trust (default: the system\'s)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l user-agent -d 'put in front of r2creds/<version> (default: nothing)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l timeout-ms -d 'for the whole call, milliseconds (default: 60000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l attempt-timeout-ms -d 'for one attempt, milliseconds (default: 20000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l connect-timeout-ms -d 'for connection and TLS, milliseconds (default: 5000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l max-retries -d 'repeats of a failed attempt (default: 2)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l header -d 'extra header, not for secrets; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -l extra-body -d 'object whose keys are appended to the request, for parameters newer than this program' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand create" -s h -l help -d 'Print help'
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l token-file -d 'put the endpoint\'s token there, for its owner alone, and tell the name of the file instead' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l account-id -d 'Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l bucket -d 'the one bucket (default: $R2_BUCKET)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l parent-access-key-id -d 'access key id of the parent key pair (default: $R2_PARENT_ACCESS_KEY_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l permission -d 'object-read-only | object-read-write | admin-read-only | admin-read-write (no default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l prefix -d 'keys that begin so; may be repeated (default, without --object and --directory: every key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l object -d 'exactly this key; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l directory -d 'everything below it, and the bare name; without a slash at its end; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l ttl-seconds -d 'lifetime, 1 to 604800 (default: 900)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l jurisdiction -d 'default | eu | fedramp | us (default: default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l endpoint -d 'S3 endpoint (default: what account and jurisdiction give)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l parent-secret-access-key-file -d 'holds the parent\'s secret access key; - is standard input (default: $R2_PARENT_SECRET_ACCESS_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l action -d 'an S3 operation such as GetObject, instead of --permission; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l issued-at -d 'when it begins, in Unix seconds (default: now)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l api-token-file -d 'holds the API token; - is standard input (default: $CLOUDFLARE_API_TOKEN, the token)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l api-email -d 'of the older pair, instead of a token (default: $CLOUDFLARE_EMAIL)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l api-key-file -d 'holds the older pair\'s API key (default: $CLOUDFLARE_API_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l base-url -d 'where the API is (default: $CLOUDFLARE_BASE_URL, else Cloudflare)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l proxy-url -d 'http://host:port, or empty for none (default: $HTTPS_PROXY, $ALL_PROXY, less $NO_PROXY)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l ca-file -d 'PEM file of the only certificates to trust (default: the system\'s)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l user-agent -d 'put in front of r2creds/<version> (default: nothing)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l timeout-ms -d 'for the whole call, milliseconds (default: 60000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l attempt-timeout-ms -d 'for one attempt, milliseconds (default: 20000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l connect-timeout-ms -d 'for connection and TLS, milliseconds (default: 5000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l max-retries -d 'repeats of a failed attempt (default: 2)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l header -d 'extra header, not for secrets; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l extra-body -d 'object whose keys are appended to the request, for parameters newer than this program' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l renew -d 'for a command that outlives a credential: with the endpoint of r2creds serve'
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l sign -d 'make it as r2creds sign does (default: what the secrets at hand allow, if it is one of the two)'
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -l create -d 'make it as r2creds create does'
complete -c r2creds -n "__fish_r2creds_using_subcommand exec" -s h -l help -d 'Print help'
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l port -d 'on loopback (default: one that is free)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l token-file -d 'put the endpoint\'s token there, for its owner alone, and tell the name of the file instead' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l account-id -d 'Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l bucket -d 'the one bucket (default: $R2_BUCKET)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l parent-access-key-id -d 'access key id of the parent key pair (default: $R2_PARENT_ACCESS_KEY_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l permission -d 'object-read-only | object-read-write | admin-read-only | admin-read-write (no default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l prefix -d 'keys that begin so; may be repeated (default, without --object and --directory: every key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l object -d 'exactly this key; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l directory -d 'everything below it, and the bare name; without a slash at its end; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l ttl-seconds -d 'lifetime, 1 to 604800 (default: 900)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l jurisdiction -d 'default | eu | fedramp | us (default: default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l endpoint -d 'S3 endpoint (default: what account and jurisdiction give)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l parent-secret-access-key-file -d 'holds the parent\'s secret access key; - is standard input (default: $R2_PARENT_SECRET_ACCESS_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l action -d 'an S3 operation such as GetObject, instead of --permission; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l issued-at -d 'when it begins, in Unix seconds (default: now)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l api-token-file -d 'holds the API token; - is standard input (default: $CLOUDFLARE_API_TOKEN, the token)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l api-email -d 'of the older pair, instead of a token (default: $CLOUDFLARE_EMAIL)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l api-key-file -d 'holds the older pair\'s API key (default: $CLOUDFLARE_API_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l base-url -d 'where the API is (default: $CLOUDFLARE_BASE_URL, else Cloudflare)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l proxy-url -d 'http://host:port, or empty for none (default: $HTTPS_PROXY, $ALL_PROXY, less $NO_PROXY)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l ca-file -d 'PEM file of the only certificates to trust (default: the system\'s)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l user-agent -d 'put in front of r2creds/<version> (default: nothing)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l timeout-ms -d 'for the whole call, milliseconds (default: 60000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l attempt-timeout-ms -d 'for one attempt, milliseconds (default: 20000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l connect-timeout-ms -d 'for connection and TLS, milliseconds (default: 5000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l max-retries -d 'repeats of a failed attempt (default: 2)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l header -d 'extra header, not for secrets; may be repeated' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l extra-body -d 'object whose keys are appended to the request, for parameters newer than this program' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l until-eof -d 'end with standard input, as well as with SIGTERM, SIGINT and SIGHUP'
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l sign -d 'make it as r2creds sign does (default: what the secrets at hand allow, if it is one of the two)'
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -l create -d 'make it as r2creds create does'
complete -c r2creds -n "__fish_r2creds_using_subcommand serve" -s h -l help -d 'Print help'
complete -c r2creds -n "__fish_r2creds_using_subcommand inspect" -l endpoint -d 'S3 endpoint (default: what account and jurisdiction give)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand inspect" -l parent-secret-access-key-file -d 'holds the parent\'s secret access key; - is standard input (default: $R2_PARENT_SECRET_ACCESS_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand inspect" -l json -d 'for programs'
complete -c r2creds -n "__fish_r2creds_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l account-id -d 'Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l bucket -d 'the one bucket (default: $R2_BUCKET)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l parent-access-key-id -d 'access key id of the parent key pair (default: $R2_PARENT_ACCESS_KEY_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l jurisdiction -d 'default | eu | fedramp | us (default: default)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l endpoint -d 'S3 endpoint (default: what account and jurisdiction give)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l parent-secret-access-key-file -d 'holds the parent\'s secret access key; - is standard input (default: $R2_PARENT_SECRET_ACCESS_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l api-token-file -d 'holds the API token; - is standard input (default: $CLOUDFLARE_API_TOKEN, the token)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l api-email -d 'of the older pair, instead of a token (default: $CLOUDFLARE_EMAIL)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l api-key-file -d 'holds the older pair\'s API key (default: $CLOUDFLARE_API_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l base-url -d 'where the API is (default: $CLOUDFLARE_BASE_URL, else Cloudflare)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l proxy-url -d 'http://host:port, or empty for none (default: $HTTPS_PROXY, $ALL_PROXY, less $NO_PROXY)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l ca-file -d 'PEM file of the only certificates to trust (default: the system\'s)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l user-agent -d 'put in front of r2creds/<version> (default: nothing)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l timeout-ms -d 'for the whole call, milliseconds (default: 60000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l attempt-timeout-ms -d 'for one attempt, milliseconds (default: 20000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l connect-timeout-ms -d 'for connection and TLS, milliseconds (default: 5000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l max-retries -d 'repeats of a failed attempt (default: 2)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -l json -d 'for programs'
complete -c r2creds -n "__fish_r2creds_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l account-id -d 'Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l api-token-file -d 'holds the API token; - is standard input (default: $CLOUDFLARE_API_TOKEN, the token)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l api-email -d 'of the older pair, instead of a token (default: $CLOUDFLARE_EMAIL)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l api-key-file -d 'holds the older pair\'s API key (default: $CLOUDFLARE_API_KEY, the key)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l base-url -d 'where the API is (default: $CLOUDFLARE_BASE_URL, else Cloudflare)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l proxy-url -d 'http://host:port, or empty for none (default: $HTTPS_PROXY, $ALL_PROXY, less $NO_PROXY)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l ca-file -d 'PEM file of the only certificates to trust (default: the system\'s)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l user-agent -d 'put in front of r2creds/<version> (default: nothing)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l timeout-ms -d 'for the whole call, milliseconds (default: 60000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l attempt-timeout-ms -d 'for one attempt, milliseconds (default: 20000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l connect-timeout-ms -d 'for connection and TLS, milliseconds (default: 5000)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l max-retries -d 'repeats of a failed attempt (default: 2)' -r
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -l show -d 'print it on a terminal, too'
complete -c r2creds -n "__fish_r2creds_using_subcommand parent" -s h -l help -d 'Print help'
