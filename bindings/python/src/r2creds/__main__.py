"""The command line, ``r2creds``.

No option takes a secret's value, for everybody on the machine can read the arguments of a process, and no error repeats
a value, for secrets get pasted into the wrong place.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from typing import Any, NoReturn

from . import Client, Credentials, Jurisdiction, NoAuthenticationError, Permission, R2CredsError, __version__, sign
from ._formats import FORMATS


def main() -> None:
    """Run the command line: exit code 0, 1 for a failure, 2 for wrong usage, or the command's own."""
    # Python ignores these two. A reader that goes away ends this program as it ends others, and exec passes them on.
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        _run(sys.argv[1:])
    except R2CredsError as error:
        sys.exit(f"r2creds: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _run(words: list[str]) -> None:
    command: list[str] | None = None
    if "--" in words:
        end = words.index("--")
        words, command = words[:end], words[end + 1 :]
    namespace, strays = _parser().parse_known_args(words)
    given = vars(namespace)
    name, parser = given.pop("name"), given.pop("parser")
    if name == "exec" and not command:
        parser.error("no command; it comes last, after --")
    if name != "exec" and command is not None:
        parser.error("only exec takes a command")
    if strays:
        parser.error(_about_strays(strays))
    if name == "exec":
        _execute(command or [], _mint(parser, given.pop("method", None), given))
    show = FORMATS[given.pop("format", "env")]
    _print(show(_mint(parser, name, given)))


def _mint(parser: _Parser, method: str | None, given: dict[str, Any]) -> Credentials:
    """Make the credential; ``given`` holds the options, named as the arguments of the calls."""
    method = method or _only_method(parser, given)
    foreign = [flag for name, (flag, _) in (_CREATE if method == "sign" else _SIGN).items() if name in given]
    if foreign:
        parser.error(f"{', '.join(foreign)}: not with --{method}")
    missing = []
    for name, (flag, _) in {**_GRANT, **(_SIGN if method == "sign" else {})}.items():
        if name in _VARIABLES and name not in given:
            given[name] = _variable(_VARIABLES[name])
            if given[name] is None:
                missing.append(f"{flag} or {_VARIABLES[name]}")
    if missing:
        parser.error(f"missing: {', '.join(missing)}")
    given.setdefault("permission", None)  # the library says best what it expects
    if method == "sign":
        return sign(**given)
    headers = given.pop("headers", [])
    if len(dict(headers)) < len(headers):
        parser.error("argument --header: the same name twice")
    of_client = {name: given.pop(name) for name in list(given) if name in _OF_CLIENT}
    try:
        client = Client(**of_client)
    except NoAuthenticationError:
        parser.error("missing: --api-token-file or CLOUDFLARE_API_TOKEN")
    with client:
        return client.create(headers=dict(headers), **given)


def _only_method(parser: _Parser, given: dict[str, Any]) -> str:
    """For exec without --sign and --create: what the configured secrets allow, if it is one."""
    can_sign = "parent_secret_access_key" in given or _variable("R2_PARENT_SECRET_ACCESS_KEY")
    can_create = (
        "api_token" in given
        or "api_key" in given
        or _variable("CLOUDFLARE_API_TOKEN")
        or _variable("CLOUDFLARE_API_KEY")
    )
    if can_sign and can_create:
        parser.error("--sign or --create is needed, for there are both a parent secret and an API token")
    if not can_sign and not can_create:
        parser.error("missing: R2_PARENT_SECRET_ACCESS_KEY to sign, or CLOUDFLARE_API_TOKEN to create")
    return "sign" if can_sign else "create"


def _variable(name: str) -> str | None:
    """A variable of the environment; empty is unset."""
    return os.environ.get(name, "").strip() or None


def _print(text: str) -> None:
    try:
        # Not sys.stdout: what it cannot write, it would try to write again when Python ends.
        with open(1, "w", encoding="utf-8", closefd=False) as output:
            output.write(text)
    except OSError as error:
        sys.exit(f"r2creds: standard output: {error.strerror}")


# What the caller's AWS_ variables say about identity, region or endpoint would mix with the credential. These do not.
_KEPT = {"AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_MAX_ATTEMPTS", "AWS_PAGER", "AWS_RETRY_MODE"}
# A scoped credential makes no sense beside its parent.
_DROPPED = {"R2_PARENT_SECRET_ACCESS_KEY", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL"}


def _execute(command: list[str], creds: Credentials) -> NoReturn:
    """Become the command, so that signals and its exit code need no passing on."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not (name in _DROPPED or name.startswith("AWS_"))
    }
    variables.update(creds.env())
    try:
        os.execvpe(command[0], command, variables)
    except FileNotFoundError:
        code, problem = 127, "not found"
    except OSError as error:
        code, problem = 126, f"cannot be run: {error.strerror}"
    print(f"r2creds: the command after --: {problem}", file=sys.stderr)
    sys.exit(code)


# --- the options -----------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse quotes the value it dislikes, at the end of its message.
        message = re.split("['\"]", message)[0].rstrip(" :")
        self.exit(2, f"{self.prog}: {message}\n    {self.prog} --help lists the options\n")


def _about_strays(strays: list[str]) -> str:
    # What does not look like the name of an option may be a secret.
    flags = [flag for flag in (stray.partition("=")[0] for stray in strays) if re.fullmatch("--[a-z-]+", flag)]
    if not flags:
        return "an argument that belongs to no option"
    if f"{flags[0]}-file" in (flag for flag, _ in (*_SIGN.values(), *_CREATE.values())):
        return f"no option {flags[0]}, for a secret does not belong on a command line; there is {flags[0]}-file"
    return f"no option {flags[0]}"


def _secret(name: str) -> str:
    try:
        with open(0 if name == "-" else name, encoding="utf-8", closefd=name != "-") as file:
            secret = file.read().strip()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{error.strerror}; expected a file, or - for standard input") from None
    except ValueError:
        raise argparse.ArgumentTypeError("not a text file") from None
    if not secret:
        raise argparse.ArgumentTypeError("the file is empty")
    return secret


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("not a whole number") from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("no colon, expected NAME: VALUE")
    return name, value.strip()


def _proxy(url: str) -> str:
    if "@" in url:
        raise argparse.ArgumentTypeError("a password does not belong on a command line; put the URL into HTTPS_PROXY")
    return url


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


def _format(name: str) -> str:
    if name not in FORMATS:
        raise argparse.ArgumentTypeError(f"unknown, expected one of {', '.join(FORMATS)}")
    return name


#: By the name of the argument that it sets: the option, and what argparse needs to know of it.
_Options = dict[str, tuple[str, dict[str, Any]]]


def _option(flag: str, metavar: str, about: str, **settings: Any) -> tuple[str, dict[str, Any]]:
    return flag, {"metavar": metavar, "help": about, **settings}


_GRANT: _Options = {
    "account_id": _option("--account-id", "ID", "Cloudflare account id (default: $CLOUDFLARE_ACCOUNT_ID)"),
    "bucket": _option("--bucket", "NAME", "the one bucket (default: $R2_BUCKET)"),
    "parent_access_key_id": _option(
        "--parent-access-key-id", "ID", "access key id of the parent key pair (default: $R2_PARENT_ACCESS_KEY_ID)"
    ),
    "permission": _option("--permission", "WORD", f"{' | '.join(Permission)} (no default)"),
    "prefixes": _option(
        "--prefix",
        "PREFIX",
        "keys that begin so; may be repeated (default, without --object and --directory: every key)",
        action="append",
    ),
    "objects": _option("--object", "KEY", "exactly this key; may be repeated", action="append"),
    "directories": _option(
        "--directory",
        "PATH",
        "everything below it, and the bare name; without a slash at its end; may be repeated",
        action="append",
    ),
    "ttl_seconds": _option("--ttl-seconds", "N", "lifetime, 1 to 604800 (default: 900)", type=_integer),
    "jurisdiction": _option("--jurisdiction", "WORD", f"{' | '.join(Jurisdiction)} (default: default)"),
    "endpoint": _option("--endpoint", "URL", "S3 endpoint (default: what account and jurisdiction give)"),
}
_SIGN: _Options = {
    "parent_secret_access_key": _option(
        "--parent-secret-access-key-file",
        "FILE",
        "holds the parent's secret access key; - is standard input (default: $R2_PARENT_SECRET_ACCESS_KEY, the key)",
        type=_secret,
    ),
    "actions": _option(
        "--action",
        "NAME",
        "an S3 operation such as GetObject, instead of --permission; may be repeated",
        action="append",
    ),
    "issued_at": _option("--issued-at", "TIME", "when it begins, in Unix seconds (default: now)", type=_integer),
}
_CREATE: _Options = {
    "api_token": _option(
        "--api-token-file",
        "FILE",
        "holds the API token; - is standard input (default: $CLOUDFLARE_API_TOKEN, the token)",
        type=_secret,
    ),
    "api_email": _option("--api-email", "EMAIL", "of the older pair, instead of a token (default: $CLOUDFLARE_EMAIL)"),
    "api_key": _option(
        "--api-key-file", "FILE", "holds the older pair's API key (default: $CLOUDFLARE_API_KEY, the key)", type=_secret
    ),
    "base_url": _option("--base-url", "URL", "where the API is (default: $CLOUDFLARE_BASE_URL, else Cloudflare)"),
    "proxy_url": _option(
        "--proxy-url",
        "URL",
        "http://host:port, or empty for none (default: $HTTPS_PROXY, $ALL_PROXY, less $NO_PROXY)",
        type=_proxy,
    ),
    "ca_file": _option("--ca-file", "FILE", "PEM file of the only certificates to trust (default: the system's)"),
    "user_agent": _option("--user-agent", "TEXT", "put in front of r2creds/<version> (default: nothing)"),
    "timeout_ms": _option("--timeout-ms", "N", "for the whole call, milliseconds (default: 60000)", type=_integer),
    "attempt_timeout_ms": _option(
        "--attempt-timeout-ms", "N", "for one attempt, milliseconds (default: 20000)", type=_integer
    ),
    "connect_timeout_ms": _option(
        "--connect-timeout-ms", "N", "for connection and TLS, milliseconds (default: 5000)", type=_integer
    ),
    "max_retries": _option("--max-retries", "N", "repeats of a failed attempt (default: 2)", type=_integer),
    "headers": _option(
        "--header", "NAME: VALUE", "extra header, not for secrets; may be repeated", action="append", type=_header
    ),
    "extra_body": _option(
        "--extra-body",
        "JSON",
        "object whose keys are appended to the request, for parameters newer than this program",
        type=_json_object,
    ),
}
_OF_CLIENT = {
    *("api_token", "api_email", "api_key", "base_url", "proxy_url", "ca_file", "user_agent"),
    *("attempt_timeout_ms", "connect_timeout_ms"),
}
#: Where an argument that is needed comes from by default.
_VARIABLES = {
    "account_id": "CLOUDFLARE_ACCOUNT_ID",
    "bucket": "R2_BUCKET",
    "parent_access_key_id": "R2_PARENT_ACCESS_KEY_ID",
    "parent_secret_access_key": "R2_PARENT_SECRET_ACCESS_KEY",
}


def _parser() -> _Parser:
    parser = _Parser(
        prog="r2creds",
        description="Temporary, scoped credentials for Cloudflare R2.",
        epilog="Secrets come from the environment or a file. r2creds COMMAND --help lists a command's options.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"r2creds {__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)

    def add(name: str, usage: str, about: str, epilog: str, *groups: tuple[str, _Options]) -> _Parser:
        made: _Parser = commands.add_parser(
            name,
            usage=f"r2creds {name} {usage}",
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=epilog,
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,  # an option that is not given leaves no trace
        )
        made.set_defaults(parser=made)
        for title, options in groups:
            group = made.add_argument_group(title)
            for argument, (flag, settings) in options.items():
                group.add_argument(flag, dest=argument, **settings)
        return made

    grant, signing, creating = ("what is granted", _GRANT), ("signing", _SIGN), ("asking Cloudflare", _CREATE)
    for made in (
        add(
            "sign",
            "OPTIONS",
            "make a credential locally from the parent key pair, without any network",
            "A wrong parent secret of the right shape is not noticed here; R2 answers such a credential with HTTP 400.",
            grant,
            signing,
        ),
        add(
            "create",
            "OPTIONS",
            "ask Cloudflare's API for a credential, with an API token",
            "",
            grant,
            creating,
        ),
    ):
        made.add_argument(
            "--format", type=_format, metavar="WORD", help=" | ".join(FORMATS) + " (default: env, for a shell's eval)"
        )
    made = add(
        "exec",
        "[--sign | --create] OPTIONS -- COMMAND [ARGUMENT ...]",
        "run a command with a credential in its environment",
        "The command sees none of the caller's AWS_ variables but "
        f"{', '.join(sorted(_KEPT))}, and not the secrets that the credential was made with. Proxy variables such as "
        "HTTPS_PROXY it sees with the passwords in them. The credential is not renewed while the command runs.",
        grant,
        signing,
        creating,
    )
    either = made.add_mutually_exclusive_group()
    for name in ("sign", "create"):
        either.add_argument(
            f"--{name}",
            dest="method",
            action="store_const",
            const=name,
            help=f"make it as r2creds {name} does (default: what the secrets at hand allow, if it is one of the two)",
        )
    return parser


if __name__ == "__main__":
    main()
