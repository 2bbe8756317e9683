"""The installed command ``r2creds``, in processes of its own, and the programs that read what it prints."""

from __future__ import annotations

import configparser
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import dotenv
import pytest
from conftest import ACCOUNT, PARAMS, PARENT_SECRET, RESULT, Api, tool, until_end
from s3 import S3

import r2creds

BIN = Path(sys.executable).parent
CLI = str(BIN / "r2creds")
PYTHON = sys.executable
TOKEN = "example-api-token"
IDENTITY = {
    "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
    "R2_BUCKET": "recordings",
    "R2_PARENT_ACCESS_KEY_ID": PARAMS["parent_access_key_id"],
}
SIGN = {**IDENTITY, "R2_PARENT_SECRET_ACCESS_KEY": PARENT_SECRET}
READ = ("--permission", "object-read-only")
ISSUED_AT = 1767225600
FIXED = (*READ, "--issued-at", str(ISSUED_AT))


def for_create(api: Api) -> dict[str, str]:
    return {**IDENTITY, "CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_BASE_URL": api.url}


def start(*words: str | bytes, env: dict[str, str], **more: Any) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([CLI, *words], env={"PATH": os.environ["PATH"], **env}, text=True, **pipes)


def run(*words: str | bytes, env: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    with start(*words, env=env, stdin=subprocess.PIPE) as process:
        output, errors = process.communicate(stdin, timeout=60)
    assert "Traceback" not in errors
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def result(*words: str | bytes, env: dict[str, str], stdin: str = "") -> str:
    done = run(*words, env=env, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def failure(code: int, *words: str | bytes, env: dict[str, str], stdin: str = "") -> str:
    done = run(*words, env=env, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, "")
    return done.stderr


@pytest.fixture
def s3(s3: S3) -> S3:
    """With an object in it."""
    s3.objects["camera-7/1.mp4"] = b"a video"
    return s3


# --- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (
            "--permission admin-read-write --prefix a/ --prefix b --object c --ttl-seconds 60 --jurisdiction eu",
            {
                "permission": "admin-read-write",
                "prefixes": ["a/", "b"],
                "objects": ["c"],
                "ttl_seconds": 60,
                "jurisdiction": "eu",
            },
        ),
        (
            "--action GetObject --action HeadObject --endpoint http://localhost:9000",
            {"actions": ["GetObject", "HeadObject"], "endpoint": "http://localhost:9000"},
        ),
    ],
)
def test_sign_takes_every_argument(words: str, arguments: dict[str, Any]) -> None:
    identity: dict[str, Any] = {
        "account_id": "account",
        "bucket": "another-bucket",
        "parent_access_key_id": "f" * 32,
        "parent_secret_access_key": PARENT_SECRET,
    }
    mine = "--account-id account --bucket another-bucket --parent-access-key-id " + "f" * 32
    printed = json.loads(
        result("sign", *words.split(), *mine.split(), "--issued-at", str(ISSUED_AT), "--format", "json", env=SIGN)
    )
    assert printed["session_token"] == r2creds.sign(**identity, **arguments, issued_at=ISSUED_AT).session_token


def test_create_takes_every_argument(api: Api) -> None:
    words = (
        "--permission object-read-write --prefix a/ --object b --ttl-seconds 60 --jurisdiction fedramp --max-retries 0"
        " --timeout-ms 30000 --attempt-timeout-ms 9000 --connect-timeout-ms 4000 --user-agent uploader/2"
        ' --header X-Test:1 --extra-body {"new":[1]} --api-email me@example.com --base-url'
    )
    key = f"--api-key-file -  --parent-access-key-id parent --account-id {ACCOUNT} --bucket recordings"
    printed = json.loads(
        result("create", *words.split(), api.url, *key.split(), "--format", "json", env={}, stdin="example-key\n")
    )
    assert printed["secret_access_key"] == RESULT["secretAccessKey"]
    assert printed["endpoint"] == f"https://{ACCOUNT}.fedramp.r2.cloudflarestorage.com"
    assert printed["request_id"] == "0123-TEST"
    path, headers, body = api.requests[0]
    assert path == f"/client/v4/accounts/{ACCOUNT}/r2/temp-access-credentials"
    assert (headers["x-auth-email"], headers["x-auth-key"]) == ("me@example.com", "example-key")
    assert "authorization" not in headers
    assert headers["x-test"] == "1"
    assert headers["user-agent"] == f"uploader/2 r2creds/{r2creds.__version__}"
    assert body == {
        "bucket": "recordings",
        "parentAccessKeyId": "parent",
        "permission": "object-read-write",
        "ttlSeconds": 60,
        "objects": ["b"],
        "prefixes": ["a/"],
        "new": [1],
    }


def test_the_number_of_retries_and_the_time_are_passed_on(api: Api) -> None:
    api.replies = [(500, {"success": False}, {})]
    failure(1, "create", *READ, "--max-retries", "0", env=for_create(api))
    assert len(api.requests) == 1
    api.replies = [until_end]
    errors = failure(1, "create", *READ, "--timeout-ms", "200", "--max-retries", "0", env=for_create(api))
    assert errors.startswith("r2creds: ")
    assert "200 ms" in errors


def test_ca_file_is_passed_on(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    errors = failure(1, "create", *READ, "--ca-file", str(empty), env={**IDENTITY, "CLOUDFLARE_API_TOKEN": TOKEN})
    assert errors.startswith("r2creds: ca_file: ")


@pytest.mark.parametrize(
    ("command", "arguments", "without"),
    [
        ("sign", inspect.signature(r2creds.sign).parameters, ()),
        # The API has neither of the last two, and no use for the first.
        (
            "create",
            inspect.signature(r2creds.Client.create).parameters,
            ("self", "parent_secret_access_key", "actions", "issued_at"),
        ),
        # A program that was started with an environment of its own has no need for the last.
        ("create", inspect.signature(r2creds.Client).parameters, ("no_environment",)),
    ],
)
def test_every_argument_of_the_calls_has_an_option(command: str, arguments: Any, without: tuple[str, ...]) -> None:
    singular = {
        "prefixes": "prefix",
        "objects": "object",
        "directories": "directory",
        "actions": "action",
        "headers": "header",
    }
    secret = {name: f"{name}_file" for name in ("parent_secret_access_key", "api_token", "api_key")}
    flags = set(re.findall(r"--[a-z-]+", result(command, "--help", env={})))
    for name in arguments:
        if name not in without:
            assert "--" + {**singular, **secret}.get(name, name).replace("_", "-") in flags


def test_a_proxy_is_an_option_but_not_its_password(api: Api) -> None:
    environment = {**IDENTITY, "CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_BASE_URL": api.url}
    refused = failure(2, "create", *READ, "--proxy-url", f"http://me:{SECRET}@127.0.0.1:1", env=environment)
    assert "argument --proxy-url: a password does not belong on a command line; put the URL into HTTPS_PROXY" in refused
    errors = failure(1, "create", *READ, "--proxy-url", "ftp://127.0.0.1:1", env=environment)
    assert errors.startswith("r2creds: proxy_url: ")
    # An address of this machine that does not count as loopback, which no proxy is asked for anyway.
    away = {**environment, "CLOUDFLARE_BASE_URL": "https://0.0.0.0:1", "HTTPS_PROXY": "ftp://127.0.0.1:1"}
    assert failure(1, "create", *READ, env=away).startswith("r2creds: proxy_url: ")
    assert "connection to 0.0.0.0:1" in failure(1, "create", *READ, "--proxy-url", "", "--max-retries", "0", env=away)


def test_help_names_the_variables_and_defaults() -> None:
    text = result("exec", "--help", env={})
    for name in (*SIGN, "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY", "CLOUDFLARE_BASE_URL"):
        assert f"${name}" in text
    assert "(default: 900)" in text
    assert "HTTPS_PROXY it sees with the passwords in them" in " ".join(text.split())
    assert "sign" in result("--help", env={})


def test_an_option_wins_over_its_variable() -> None:
    printed = result("sign", *FIXED, "--account-id", "mine", "--format", "json", env=SIGN)
    assert json.loads(printed)["endpoint"] == "https://mine.r2.cloudflarestorage.com"
    # An empty variable is unset. An empty option is not: "$UNSET" must not silently mean another bucket.
    assert "R2_BUCKET" in failure(2, "sign", *READ, env={**SIGN, "R2_BUCKET": ""})
    assert failure(1, "sign", *READ, "--bucket", "", env=SIGN).startswith("r2creds: bucket: ")


def test_version_is_the_package_s_also_as_a_module() -> None:
    assert result("--version", env={}) == f"r2creds {r2creds.__version__}\n"
    module = subprocess.run([PYTHON, "-m", "r2creds", "--version"], capture_output=True, text=True, check=True)
    assert module.stdout == f"r2creds {r2creds.__version__}\n"


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_secrets_come_from_a_file_or_standard_input(api: Api, tmp_path: Path, ending: str) -> None:
    file = tmp_path / "secret"
    file.write_text(PARENT_SECRET + ending, newline="")
    option = "--parent-secret-access-key-file"
    expected = result("sign", *FIXED, env=SIGN)
    assert result("sign", *FIXED, option, str(file), env={**SIGN, "R2_PARENT_SECRET_ACCESS_KEY": "0" * 64}) == expected
    assert result("sign", *FIXED, option, "-", env=IDENTITY, stdin=PARENT_SECRET + ending) == expected
    file.write_text("token-of-a-file" + ending, newline="")
    result("create", *READ, "--api-token-file", str(file), env=for_create(api))
    assert api.requests[0][1]["authorization"] == "Bearer token-of-a-file"


def test_a_secret_s_file_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for content, problem in ((None, "No such file"), (b"", "empty"), (b"\xff\xfe", "not a text file")):
        if content is not None:
            file.write_bytes(content)
        errors = failure(2, "sign", *READ, "--parent-secret-access-key-file", str(file), env=IDENTITY)
        assert errors.startswith("r2creds sign: argument --parent-secret-access-key-file: ")
        assert problem in errors


SECRET = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    "words",
    [
        (SECRET,),
        ("sign", SECRET),
        ("sign", f"-{SECRET}"),
        *(("sign", *READ, option, SECRET) for option in ("--api-token", "--parent-secret-access-key", "--unknown")),
        *(("sign", *READ, f"{option}={SECRET}") for option in ("--parent-secret-access-key", "--permissio", "--help")),
        *(
            ("sign", *READ, option, SECRET)
            for option in ("--account-id", "--bucket", "--parent-access-key-id", "--jurisdiction", "--endpoint")
        ),
        *(
            ("sign", *READ, option, SECRET)
            for option in ("--action", "--format", "--issued-at", "--parent-secret-access-key-file", "--ttl-seconds")
        ),
        ("sign", "--permission", SECRET),
        *(
            ("create", *READ, option, SECRET)
            for option in (
                "--api-email",
                "--api-token",
                "--api-key",
                "--api-token-file",
                "--api-key-file",
                "--proxy-url",
            )
        ),
        *(
            ("create", *READ, option, SECRET)
            for option in ("--base-url", "--ca-file", "--header", "--extra-body", "--timeout-ms", "--max-retries")
        ),
        ("exec", f"--sign={SECRET}", *READ, "--", "true"),
        ("exec", "--sign", *READ, SECRET),
        ("exec", "--sign", *READ, "--", SECRET),
    ],
)
def test_no_error_repeats_a_value(words: tuple[str, ...]) -> None:
    done = run(*words, env={**SIGN, "CLOUDFLARE_API_TOKEN": TOKEN})
    assert done.returncode in (1, 2, 127)
    assert done.stdout == ""
    assert done.stderr.startswith("r2creds")
    assert SECRET not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_secret_as_an_argument_is_refused_and_the_file_named() -> None:
    for command, option in (("sign", "--parent-secret-access-key"), ("create", "--api-token"), ("create", "--api-key")):
        assert f"there is {option}-file\n" in failure(2, command, *READ, option, SECRET, env=SIGN)


def test_ps_shows_no_secret(api: Api, tmp_path: Path) -> None:
    ps = tool("ps")
    api.replies = [until_end]
    file = tmp_path / "token"
    file.write_text(TOKEN)
    env = {**for_create(api), "R2_PARENT_SECRET_ACCESS_KEY": PARENT_SECRET}
    with start("create", *READ, "--api-token-file", str(file), env=env) as process:
        assert api.arrived.acquire(timeout=60)
        shown = subprocess.run([ps, "-ww", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True)
        process.terminate()
    assert "--api-token-file" in shown.stdout
    assert TOKEN not in shown.stdout
    assert PARENT_SECRET not in shown.stdout
    command = f"{shlex.quote(ps)} -ww -o args= -p $$; echo $AWS_SECRET_ACCESS_KEY"
    *shown_by_command, secret = result("exec", "--sign", *READ, "--", "sh", "-c", command, env=env).splitlines()
    assert len(secret) == 64
    assert secret not in "".join(shown_by_command)


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "env", "named"),
    [
        ((), {}, ["COMMAND"]),
        (("unknown",), {}, ["COMMAND"]),
        (("sign", *READ), {}, [f"--{name} or" for name in ("account-id", "bucket", "parent-access-key-id")]),
        (("sign", *READ), IDENTITY, ["--parent-secret-access-key-file or R2_PARENT_SECRET_ACCESS_KEY"]),
        (("create", *READ), IDENTITY, ["--api-token-file or CLOUDFLARE_API_TOKEN"]),
        (("create", *READ), {"CLOUDFLARE_API_TOKEN": TOKEN}, list(IDENTITY)),
        (("create", *READ, "--action", "GetObject"), IDENTITY, ["no option --action"]),
        (("sign", *READ, "--base-url", "x"), SIGN, ["no option --base-url"]),
        (("sign", *READ, "--ttl-seconds", "15m"), SIGN, ["--ttl-seconds: not a whole number"]),
        (("sign", *READ, "--ttl-seconds"), SIGN, ["--ttl-seconds: expected one argument"]),
        (("sign", *READ, "--format", "xml"), SIGN, ["--format: unknown", "env, dotenv, json, credential-process"]),
        (("sign", *READ, "--", "true"), SIGN, ["only exec takes a command"]),
        (("create", *READ, "--header", "X"), IDENTITY, ["--header: no colon"]),
        (("create", *READ, "--header", "X: 1", "--header", "X: 2"), IDENTITY, ["--header: the same name twice"]),
        (("create", *READ, "--extra-body", "[1]"), IDENTITY, ["--extra-body: not a JSON object"]),
        (("create", *READ, "--extra-body", "[" * 100000), IDENTITY, ["--extra-body: not a JSON object"]),
        (("exec", "--sign", *READ), SIGN, ["no command", "--"]),
        (("exec", "--sign", *READ, "true"), SIGN, ["no command", "--"]),
        (("exec", "--sign", *READ, "--"), SIGN, ["no command", "--"]),
        (("exec", "--sign", "--create", *READ, "--", "true"), SIGN, ["--create: not allowed with argument --sign"]),
        (("exec", "--sign", "--base-url", "x", *READ, "--", "true"), SIGN, ["--base-url: not with --sign"]),
        (("exec", "--create", "--issued-at", "1", *READ, "--", "true"), SIGN, ["--issued-at: not with --create"]),
        (("exec", *READ, "--", "true"), IDENTITY, ["R2_PARENT_SECRET_ACCESS_KEY", "CLOUDFLARE_API_TOKEN"]),
        (("exec", *READ, "--", "true"), {**SIGN, "CLOUDFLARE_API_TOKEN": TOKEN}, ["--sign or --create"]),
    ],
)
def test_usage_errors(words: tuple[str, ...], env: dict[str, str], named: list[str]) -> None:
    errors = failure(2, *words, env=env)
    line, where = errors.splitlines()
    for name in named:
        assert name in line
    assert where.endswith("--help lists the options")


def test_what_the_library_refuses_is_one_line_and_the_hint(api: Api) -> None:
    assert failure(1, "sign", *READ, "--ttl-seconds", "0", env=SIGN) == (
        "r2creds: ttl_seconds: 0 or less, expected more\n"
    )
    api.replies = [(403, {"success": False, "errors": [{"code": 10042, "message": "Please enable R2"}]}, {})]
    line, hint = failure(1, "create", *READ, env=for_create(api)).splitlines()
    assert line == "r2creds: Cloudflare refused the request (HTTP 403): 10042 Please enable R2"
    assert hint.startswith("    R2 is not enabled for this account.")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What runs in the background of a shell ignores Ctrl-C, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_call(api: Api) -> None:
    api.replies = [until_end]
    with start("create", *READ, env=for_create(api)) as process:
        assert api.arrived.acquire(timeout=60)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


def test_output_that_cannot_be_written() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with start("sign", *READ, env=SIGN, stdout=writer) as process:
        os.close(writer)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == -signal.SIGPIPE
    closed = subprocess.run(
        ["sh", "-c", f"{shlex.quote(CLI)} sign {' '.join(READ)} >&-"], env=SIGN, capture_output=True, text=True
    )
    assert (closed.returncode, closed.stderr) == (1, "r2creds: standard output: Bad file descriptor\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full exists on Linux only")
def test_a_full_disk() -> None:
    with open("/dev/full", "w") as full, start("sign", *READ, env=SIGN, stdout=full) as process:
        assert process.communicate(timeout=60)[1] == "r2creds: standard output: No space left on device\n"
    assert process.returncode == 1


def test_words_that_are_not_utf_8() -> None:
    assert "bucket: a lone surrogate" in failure(1, "sign", *READ, "--bucket", b"\xff\xfe", env=SIGN)
    assert "--bucket" not in failure(2, "sign", b"\xff", env=SIGN)
    assert "account_id: a lone surrogate" in failure(1, "sign", *READ, env={**SIGN, "CLOUDFLARE_ACCOUNT_ID": "\udcff"})
    assert result("exec", *READ, "--", "printf", "%s", b"caf\xc3\xa9", env=SIGN) == "café"


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def creds() -> r2creds.Credentials:
    """What FIXED signs."""
    return r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET, issued_at=ISSUED_AT)


def test_env_is_for_eval(creds: r2creds.Credentials) -> None:
    text = result("sign", *FIXED, env=SIGN)
    assert text == result("sign", *FIXED, "--format", "env", env=SIGN)
    shell = subprocess.run(
        ["sh", "-c", 'eval "$1"; env', "sh", text], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    variables = dict(line.split("=", 1) for line in shell.stdout.splitlines())
    assert creds.env().items() <= variables.items()


def test_dotenv_reads_the_same_with_and_without_quoting_rules(creds: r2creds.Credentials, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(result("sign", *FIXED, "--format", "dotenv", env=SIGN))
    read = dotenv.dotenv_values(file)
    assert read == creds.env()
    # docker --env-file takes a line as it is.
    assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == read


def test_json_has_the_fields_of_credentials(creds: r2creds.Credentials) -> None:
    assert json.loads(result("sign", *FIXED, "--format", "json", env=SIGN)) == {
        "access_key_id": creds.access_key_id,
        "secret_access_key": creds.secret_access_key,
        "session_token": creds.session_token,
        "endpoint": creds.endpoint,
        "request_id": None,
        "issued_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-01T00:15:00Z",
    }


def test_credential_process_is_the_format_of_aws(creds: r2creds.Credentials) -> None:
    assert json.loads(result("sign", *FIXED, "--format", "credential-process", env=SIGN)) == {
        "Version": 1,
        "AccessKeyId": creds.access_key_id,
        "SecretAccessKey": creds.secret_access_key,
        "SessionToken": creds.session_token,
        "Expiration": "2026-01-01T00:15:00Z",
    }


def test_duckdb_is_a_statement(creds: r2creds.Credentials) -> None:
    assert result("sign", *FIXED, "--format", "duckdb", env=SIGN) == creds.duckdb_secret("r2") + ";\n"


def test_rclone_is_a_section_of_its_configuration(creds: r2creds.Credentials) -> None:
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(result("sign", *FIXED, "--format", "rclone", env=SIGN))
    assert config.sections() == ["r2"]
    assert config["r2"]["session_token"] == creds.session_token
    assert config["r2"]["endpoint"] == creds.endpoint


def test_a_credential_that_a_format_cannot_hold(api: Api) -> None:
    odd = "it's;AWS_PROFILE=other"
    api.replies = [(200, {"success": True, "result": {**RESULT, "sessionToken": odd}}, {})]
    for name in ("dotenv", "rclone"):
        errors = failure(1, "create", *READ, "--format", name, env=for_create(api))
        assert "--format json" in errors
        assert odd not in errors
    assert json.loads(result("create", *READ, "--format", "json", env=for_create(api)))["session_token"] == odd
    text = result("create", *READ, env=for_create(api))
    shell = subprocess.run(
        ["sh", "-c", 'eval "$1"; printf %s "$AWS_SESSION_TOKEN"', "sh", text], capture_output=True, text=True
    )
    assert shell.stdout == odd


# --- the programs that read it ---------------------------------------------------------------------------------------


def aws_config(folder: Path, endpoint: str, command: str = "sign") -> dict[str, str]:
    """A configuration of the AWS tools whose credentials come from r2creds."""
    file = folder / "config"
    process = f"{CLI} {command} {' '.join(READ)} --endpoint {endpoint} --format credential-process"
    file.write_text(f"[default]\nregion = auto\nendpoint_url = {endpoint}\ncredential_process = {process}\n")
    return {
        **SIGN,
        "HOME": str(folder),
        "AWS_CONFIG_FILE": str(file),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def aws_lists(env: dict[str, str], *before: str) -> subprocess.CompletedProcess[str]:
    command = [*before, str(BIN / "aws"), "s3api", "list-objects-v2", "--bucket", "recordings", "--output", "json"]
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_aws_cli_shows_why_the_process_failed(s3: S3, tmp_path: Path) -> None:
    done = aws_lists({**aws_config(tmp_path, s3.url), "R2_BUCKET": "x"})
    assert done.returncode != 0
    assert "bucket: 1 character" in done.stderr
    assert s3.tokens == s3.refused == []


def test_botocore_takes_credentials_from_the_process(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws_config(tmp_path, s3.url).items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    listed = session.create_client("s3").list_objects_v2(Bucket="recordings")
    assert listed["Contents"][0]["Key"] == "camera-7/1.mp4"
    assert session.get_credentials().method == "custom-process"


def test_botocore_asks_the_process_once_where_a_credential_lasts_an_hour(
    s3: S3, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    creds = r2creds.sign(**s3.grant, ttl_seconds=3600)
    names = {"accessKeyId": "access_key_id", "secretAccessKey": "secret_access_key", "sessionToken": "session_token"}
    made = {theirs: getattr(creds, ours) for theirs, ours in names.items()}
    api.replies = [(200, {"success": True, "result": made}, {})]
    for name, value in {**aws_config(tmp_path, s3.url, "create --ttl-seconds 3600"), **for_create(api)}.items():
        monkeypatch.setenv(name, value)
    client = botocore.session.Session().create_client("s3")
    for _ in range(2):
        client.list_objects_v2(Bucket="recordings")
    assert s3.tokens == [creds.session_token] * 2
    assert len(api.requests) == 1


def test_exec_runs_the_aws_cli_whatever_was_configured_before(s3: S3, tmp_path: Path) -> None:
    stray = {
        **aws_config(tmp_path, "http://127.0.0.1:9"),
        "AWS_ACCESS_KEY_ID": "stray",
        "AWS_SECRET_ACCESS_KEY": "stray",
        "AWS_SESSION_TOKEN": "stray",
        "AWS_PROFILE": "stray",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }
    done = aws_lists(stray, CLI, "exec", "--sign", *READ, "--endpoint", s3.url, "--")
    assert done.returncode == 0, done.stderr
    assert s3.tokens


def test_rclone_reads_its_section(s3: S3, tmp_path: Path) -> None:
    rclone = tool("rclone")
    file = tmp_path / "rclone.conf"
    file.write_text(result("sign", *READ, "--endpoint", s3.url, "--format", "rclone", env=SIGN))
    done = subprocess.run(
        [rclone, "--config", file, "lsf", "r2:recordings"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "camera-7/\n"), done.stderr


def example(language: str) -> str:
    """From the section "Command line" of the README."""
    section = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").partition("## Command line\n")[2]
    return section.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_readme_s_commands(s3: S3, api: Api) -> None:
    identity, _, commands = example("sh").partition("\n\n")
    assert identity.startswith("export ")
    commands = commands.replace(" -- aws", f" --endpoint {s3.url} -- aws") + "\necho $AWS_REGION"
    assert s3.url in commands
    env = {**for_create(api), **SIGN, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-e", "-c", commands], env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    listed, _, rest = done.stdout.partition("\n")
    assert listed.endswith("1.mp4")
    minted, _, region = rest.strip().rpartition("\n")
    assert json.loads(minted)["session_token"] == RESULT["sessionToken"]
    assert region == "auto"


def test_the_readme_s_profile_in_the_aws_cli(s3: S3, tmp_path: Path) -> None:
    profile = example("ini").replace("https://<account>.r2.cloudflarestorage.com", s3.url)
    profile = profile.replace("r2creds sign ", f"r2creds sign --endpoint {s3.url} ")
    file = tmp_path / "config"
    file.write_text(profile)
    path = f"{BIN}:{os.environ['PATH']}"
    done = aws_lists({**SIGN, "AWS_CONFIG_FILE": str(file), "AWS_PROFILE": "r2", "PATH": path})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Contents"][0]["Key"] == "camera-7/1.mp4"


# --- exec ------------------------------------------------------------------------------------------------------------


def variables_of_command(env: dict[str, str], *words: str) -> dict[str, str]:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    read: dict[str, str] = json.loads(result("exec", *words, *READ, "--", PYTHON, "-c", code, env=env))
    return read


def test_exec_replaces_the_aws_variables_and_hides_the_parent(api: Api) -> None:
    parents = {"CLOUDFLARE_API_KEY": "key", "CLOUDFLARE_EMAIL": "me@example.com", **for_create(api), **SIGN}
    stray = {"AWS_PROFILE": "x", "AWS_SECURITY_TOKEN": "x", "AWS_ENDPOINT_URL": "x", "AWS_ROLE_ARN": "x"}
    kept = {"AWS_CA_BUNDLE": "ca.pem", "AWS_PAGER": "", "MINE": "1", "CLOUDFLARE_ACCOUNT_ID": ACCOUNT}
    kept["HTTPS_PROXY"] = "http://me:password@127.0.0.1:1"  # the command needs the same way out
    seen = variables_of_command({**parents, **stray, **kept, "AWS_REGION": "x"}, "--create")
    assert seen["AWS_SECRET_ACCESS_KEY"] == RESULT["secretAccessKey"]
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "auto"
    assert seen["AWS_ENDPOINT_URL_S3"] == f"https://{ACCOUNT}.r2.cloudflarestorage.com"
    assert "AWS_CREDENTIAL_EXPIRATION" in seen
    assert kept.items() <= seen.items()
    assert not seen.keys() & stray.keys()
    assert not seen.keys() & {"R2_PARENT_SECRET_ACCESS_KEY", "CLOUDFLARE_API_TOKEN"}
    assert not seen.keys() & {"CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL"}


def test_exec_does_what_the_secrets_allow(api: Api, tmp_path: Path) -> None:
    assert len(variables_of_command(SIGN)["AWS_SECRET_ACCESS_KEY"]) == 64
    assert variables_of_command(for_create(api))["AWS_SECRET_ACCESS_KEY"] == RESULT["secretAccessKey"]
    file = tmp_path / "token"
    file.write_text(TOKEN)
    env = {**for_create(api), "CLOUDFLARE_API_TOKEN": ""}
    seen = variables_of_command(env, "--api-token-file", str(file))
    assert seen["AWS_SECRET_ACCESS_KEY"] == RESULT["secretAccessKey"]


def test_exec_becomes_the_command() -> None:
    # Blocked until it is waited for, the signal cannot come too early.
    code = (
        "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [15]); print(os.getpid(), flush=True);"
        "signal.sigwait([15]); os._exit(7)"
    )
    with start("exec", *READ, "--", PYTHON, "-c", code, env=SIGN) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 7
    with start("exec", *READ, "--", "sh", "-c", "kill -TERM $$", env=SIGN) as process:
        assert process.wait(timeout=60) == -signal.SIGTERM


def test_exec_passes_words_standard_input_and_exit_code_on() -> None:
    done = run("exec", *READ, "--", "sh", "-c", 'cat; echo "$@"; exit 3', "sh", "--", "--sign", env=SIGN, stdin="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "in\n-- --sign\n", "")


def test_exec_leaves_the_signals_as_they_are_elsewhere() -> None:
    # Python ignores SIGPIPE, and with that `yes` would complain about its reader.
    assert result("exec", *READ, "--", "sh", "-c", "yes | head -n 1", env=SIGN) == "y\n"


def test_exec_without_such_a_command(tmp_path: Path) -> None:
    assert (
        failure(127, "exec", *READ, "--", "no-such-command", env=SIGN) == "r2creds: the command after --: not found\n"
    )
    file = tmp_path / "file"
    file.touch()
    assert "Permission denied" in failure(126, "exec", *READ, "--", str(file), env=SIGN)


def test_exec_starts_nothing_without_a_credential(api: Api, tmp_path: Path) -> None:
    api.replies = [(401, {"success": False}, {})]
    started = tmp_path / "started"
    errors = failure(1, "exec", *READ, "--", "touch", str(started), env=for_create(api))
    assert errors.startswith("r2creds: ")
    assert not started.exists()
