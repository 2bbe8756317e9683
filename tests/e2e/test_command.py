"""The command line where it meets other programs: the endpoint of serve and exec --renew, inspect, parent, doctor."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import ACCOUNT, API_TOKEN, BUCKET, EU_BUCKET, PARENT, PARENT_SECRET, Emulator, tool

#: Or another platform's, as scripts/test-platform.sh has it.
R2CREDS = os.environ.get("R2CREDS_PROGRAM", str(Path(__file__).parents[2] / "target/release/r2creds"))
WINDOWS = "windows" in R2CREDS
signals = pytest.mark.skipif(WINDOWS, reason="Windows has no such signals")
commands = pytest.mark.skipif(WINDOWS, reason="Wine cannot run a Linux program as a child; tests/e2e/windows.py")
IDENTITY = {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "R2_BUCKET": BUCKET, "R2_PARENT_ACCESS_KEY_ID": PARENT}
SIGN = {**IDENTITY, "R2_PARENT_SECRET_ACCESS_KEY": PARENT_SECRET}
READ = ("--permission", "object-read-write")
PATH = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}
ENDS = ("SIGTERM", "SIGINT", "SIGHUP")
#: A life of seconds, so that a test sees three renewals.
LIFE = "4"


@pytest.fixture(autouse=True, scope="module")
def with_signals() -> Iterator[None]:
    """What runs in the background, or after nohup, ignores these, and so would its children."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def start(*words: str, env: dict[str, str], **more: Any) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([R2CREDS, *words], env={**PATH, **env}, text=True, **pipes)


def run(*words: str, env: dict[str, str], stdin: str = "") -> tuple[int, str, str]:
    with start(*words, env=env, stdin=subprocess.PIPE) as process:
        output, errors = process.communicate(stdin, timeout=120)
    for secret in (PARENT_SECRET, API_TOKEN):
        assert secret not in output + errors or words[0] == "parent"
    return process.returncode, output, errors


def until(holds: Any) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


class Endpoint:
    """A running serve, and what it told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7)]
        self.variables = dict(shlex.split(line)[1].split("=", 1) for line in lines)
        self.uri = self.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        self.host, self.path = self.uri.removeprefix("http://").split("/")
        self.port = int(self.host.split(":")[1])
        self.token = self.variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")

    def ask(self, method: str = "GET", path: str = "", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(method, path or f"/{self.path}", headers={"Authorization": self.token, **headers})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, json.loads(body) if body else None


@contextmanager
def serving(*words: str, env: dict[str, str], emulator: Emulator) -> Iterator[Endpoint]:
    command = ("serve", *READ, "--endpoint", emulator.s3, "--until-eof", *words)
    with start(*command, env=env, stdin=subprocess.PIPE) as process:
        try:
            yield Endpoint(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def endpoint(emulator: Emulator) -> Iterator[Endpoint]:
    with serving(env=SIGN, emulator=emulator) as made:
        yield made


def test_the_endpoint_gives_a_credential(endpoint: Endpoint, emulator: Emulator) -> None:
    status, body = endpoint.ask()
    assert status == 200
    assert set(body) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert body["AccessKeyId"] == PARENT
    # Of 15 minutes: the time from which on nothing is to be begun with it.
    left = datetime.fromisoformat(body["Expiration"]) - datetime.now().astimezone()
    assert timedelta(seconds=700) < left <= timedelta(seconds=788)
    assert len(endpoint.token) == 64
    assert endpoint.variables["AWS_ENDPOINT_URL_S3"] == emulator.s3
    assert endpoint.variables["AWS_REGION"] == "auto"


def test_the_endpoint_tells_no_time_that_is_as_good_as_over(emulator: Emulator) -> None:
    """An SDK that finds it over when it has read the answer calls that an error: the AWS CLI ends."""
    with serving("--ttl-seconds", LIFE, env=SIGN, emulator=emulator) as short:
        tokens: set[str] = set()
        end = time.monotonic() + 60
        while len(tokens) < 2 and time.monotonic() < end:
            body = short.ask()[1]
            tokens.add(body["Token"])
            # Signing takes no time, so that what is given has half of its life before it.
            left = datetime.fromisoformat(body["Expiration"]) - datetime.now().astimezone()
            assert left > timedelta(seconds=1)
        assert len(tokens) == 2


def test_the_endpoint_refuses_everything_else(endpoint: Endpoint) -> None:
    for authorization in ("", "x", endpoint.token[:-1], endpoint.token + "0", "Bearer " + endpoint.token):
        status, body = endpoint.ask(Authorization=authorization)
        assert status == 401
        assert "AWS_CONTAINER_AUTHORIZATION_TOKEN" in body["message"]
    assert endpoint.ask(path="/")[0] == 404
    assert endpoint.ask(path=f"/{endpoint.path}/x")[0] == 404
    for method in ("POST", "PUT", "DELETE"):
        assert endpoint.ask(method)[0] == 405
    # What a page that rebinds its name to loopback would send.
    for host in ("evil.example", f"evil.example:{endpoint.port}", "127.0.0.1", f"127.0.0.1:{endpoint.port}.evil"):
        assert endpoint.ask(Host=host)[0] == 403
    assert endpoint.ask(Host=f"localhost:{endpoint.port}")[0] == 200


def test_the_endpoint_is_on_loopback_alone(endpoint: Endpoint) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {words[1] for words in listening if words[3] == "0A" and words[1].endswith(f":{endpoint.port:04X}")}
    assert addresses == {f"0100007F:{endpoint.port:04X}"}


def test_slow_clients_stop_nobody_and_one_too_many_is_let_go(emulator: Emulator) -> None:
    with serving(env=SIGN, emulator=emulator) as endpoint:
        slow = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(63)]
        for one in slow:
            one.sendall(b"GET /credentials HTTP/1.1\r\nHost: ")
        began = time.monotonic()
        assert endpoint.ask()[0] == 200
        assert time.monotonic() - began < 4  # they are let go after 5
        slow.append(socket.create_connection(("127.0.0.1", endpoint.port)))
        slow[-1].sendall(b"GET")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
            endpoint.ask()
        # Those that say nothing more are let go, and then there is room.
        slow[0].settimeout(30)
        assert slow[0].recv(1000) == b"" or slow[0].recv(1000) == b""
        until(lambda: len(descriptors(endpoint.process.pid)) < 30)
        assert endpoint.ask()[0] == 200
        for one in slow:
            one.close()


def descriptors(process: int) -> list[str]:
    return os.listdir(f"/proc/{process}/fd")


@pytest.mark.parametrize("way", [*(pytest.param(name, marks=signals) for name in ENDS), "end of input"])
def test_serve_ends_and_takes_its_token_away(emulator: Emulator, tmp_path: Path, way: str) -> None:
    file = tmp_path / "token"
    file.write_text("of an earlier run")
    file.chmod(0o644)
    with serving("--token-file", str(file), env=SIGN, emulator=emulator) as endpoint:
        assert endpoint.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == str(file)
        assert WINDOWS or stat.S_IMODE(file.stat().st_mode) == 0o600  # where a file has its folder's rights
        endpoint.token = file.read_text()
        assert endpoint.ask()[0] == 200
        if way == "end of input":
            assert endpoint.process.stdin is not None
            endpoint.process.stdin.close()
            endpoint.process.stdin = None
        else:
            endpoint.process.send_signal(getattr(signal, way))
        assert endpoint.process.wait(30) == 0
        assert not file.exists()


def test_serve_outlives_its_terminal_after_nohup(emulator: Emulator) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with serving(env=SIGN, emulator=emulator) as endpoint:
            endpoint.process.send_signal(signal.SIGHUP)
            assert endpoint.ask()[0] == 200
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_a_renewal_that_fails_is_told_as_sdks_show_it(tmp_path: Path) -> None:
    own = Emulator(tmp_path)
    env = {**IDENTITY, "CLOUDFLARE_API_TOKEN": API_TOKEN, "CLOUDFLARE_BASE_URL": own.api}
    with serving("--ttl-seconds", "1", "--max-retries", "0", env=env, emulator=own) as endpoint:
        own.process.terminate()
        own.process.wait(60)
        until(lambda: endpoint.ask()[0] != 200)
        status, body = endpoint.ask()
        assert status == 503
        assert body["code"] == "CONNECTION"
        assert "no connection to 127.0.0.1" in body["message"]


def test_serve_says_at_once_what_is_wrong(emulator: Emulator, endpoint: Endpoint) -> None:
    code, output, errors = run("serve", "--permission", "object-read", "--endpoint", emulator.s3, env=SIGN)
    assert (code, output) == (1, "")
    assert errors.startswith("r2creds: permission: unknown, expected one of object-read-only")
    wrong = {**IDENTITY, "CLOUDFLARE_API_TOKEN": "wrong", "CLOUDFLARE_BASE_URL": emulator.api}
    assert run("serve", *READ, env=wrong)[0] == 1
    code, _, errors = run("serve", *READ, "--endpoint", emulator.s3, "--port", str(endpoint.port), env=SIGN)
    assert code == 1
    assert errors.startswith(f"r2creds: port {endpoint.port} of this machine: ")  # and what the system calls it
    assert run("serve", *READ, "--port", "65536", env=SIGN)[0] == 2
    assert run("serve", *READ, "--token-file", "/nowhere/token", "--endpoint", emulator.s3, env=SIGN)[0] == 2


# --- exec --renew ----------------------------------------------------------------------------------------------------


def renewing(emulator: Emulator, *command: str, env: dict[str, str] = SIGN, **more: Any) -> subprocess.Popen[str]:
    return start(
        "exec", "--renew", *READ, "--ttl-seconds", LIFE, "--endpoint", emulator.s3, "--", *command, env=env, **more
    )


@commands
def test_exec_puts_the_token_into_a_file_where_it_is_told_to(emulator: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "token"
    words = ("exec", "--renew", *READ, "--endpoint", emulator.s3, "--token-file", str(file), "--")
    script = "stat -c %a $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; echo ${AWS_CONTAINER_AUTHORIZATION_TOKEN-none}"
    assert run(*words, "sh", "-c", script, env=SIGN) == (0, "600\nnone\n", "")
    assert not file.exists()  # it ends with the command


def test_a_token_file_needs_an_endpoint(tmp_path: Path) -> None:
    code, output, errors = run("exec", *READ, "--token-file", str(tmp_path / "token"), "--", "true", env=SIGN)
    assert (code, output) == (2, "")
    assert "--token-file: only with --renew" in errors


@commands
def test_exec_passes_exit_code_input_and_environment_on(emulator: Emulator) -> None:
    code = "import json, os, sys; print(json.dumps(dict(os.environ))); sys.exit(int(input()))"
    stray = {**SIGN, "AWS_PROFILE": "x", "AWS_ACCESS_KEY_ID": "x", "AWS_PAGER": "", "CLOUDFLARE_API_TOKEN": API_TOKEN}
    words = ("exec", "--renew", "--sign", *READ, "--endpoint", emulator.s3, "--", sys.executable, "-c", code)
    status, output, errors = run(*words, env=stray, stdin="7\n")
    assert (status, errors) == (7, "")
    seen = json.loads(output)
    assert seen["AWS_PAGER"] == ""
    assert seen["R2_BUCKET"] == BUCKET
    assert not {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "R2_PARENT_SECRET_ACCESS_KEY", "CLOUDFLARE_API_TOKEN"} & set(seen)
    assert len(seen["AWS_CONTAINER_AUTHORIZATION_TOKEN"]) == 64
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" not in seen
    assert run("exec", "--renew", *READ, "--endpoint", emulator.s3, "--", "no-such-command", env=SIGN)[0] == 127
    assert run("exec", "--renew", *READ, "--endpoint", emulator.s3, "--", "/", env=SIGN)[0] == 126


@signals
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1"])
def test_exec_passes_signals_on(emulator: Emulator, name: str) -> None:
    code = (
        "import signal, sys;"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, [signal.{name}]); print('ready', flush=True);"
        f"signal.sigwait([signal.{name}]); sys.exit(5)"
    )
    with renewing(emulator, sys.executable, "-c", code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        assert process.wait(30) == 5
    with renewing(emulator, "sh", "-c", "kill -TERM $$") as process:
        assert process.wait(30) == 128 + signal.SIGTERM


@signals
def test_a_command_that_ignores_signals_dies_with_a_killed_parent(emulator: Emulator) -> None:
    code = (
        "import os, signal, time;"
        "[signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; print(os.getpid(), flush=True); time.sleep(600)"
    )
    with renewing(emulator, sys.executable, "-c", code) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)  # which it ignores, and so both go on
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.kill()
        process.wait(30)
        until(lambda: not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text())


def test_no_secret_stands_in_the_arguments(emulator: Emulator) -> None:
    with renewing(emulator, sys.executable, "-c", "print(1, flush=True); input()", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        shown = subprocess.run([tool("ps"), "-eww", "-o", "args="], capture_output=True, text=True, check=True).stdout
        assert PARENT_SECRET not in shown
        process.communicate("\n", timeout=30)


# --- SDKs, through three renewals ------------------------------------------------------------------------------------

BOTO3 = """
import boto3, os, sys, time
s3 = boto3.client("s3")
tokens = set()
s3.meta.events.register("before-send.s3", lambda request, **_: tokens.add(request.headers["x-amz-security-token"]))
end = time.monotonic() + 60
while len(tokens) < 4 and time.monotonic() < end:
    s3.put_object(Bucket=os.environ["R2_BUCKET"], Key="endpoint/boto3", Body=b"x")
    time.sleep(0.1)
print(len(tokens))
"""
OBSTORE = """
import obstore, os, time
from obstore.store import S3Store
store = S3Store(os.environ["R2_BUCKET"], endpoint=os.environ["AWS_ENDPOINT_URL_S3"], region="auto",
    client_options={"allow_http": True},
    container_credentials_full_uri=os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
    container_authorization_token_file=os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
end = time.monotonic() + 13
while time.monotonic() < end:
    obstore.put(store, "endpoint/obstore", b"x")
    time.sleep(0.1)
print(4)
"""


@commands
@pytest.mark.parametrize("method", ["--sign", "--create"])
@pytest.mark.parametrize("program", [BOTO3, OBSTORE], ids=["boto3", "object_store"])
def test_an_sdk_lives_through_three_renewals(emulator: Emulator, tmp_path: Path, program: str, method: str) -> None:
    words: tuple[str, ...] = ("exec", "--renew", method, *READ, "--ttl-seconds", LIFE, "--endpoint", emulator.s3)
    if program is OBSTORE:
        words += ("--token-file", str(tmp_path / "token"))
    env = {**SIGN, "CLOUDFLARE_API_TOKEN": API_TOKEN, "CLOUDFLARE_BASE_URL": emulator.api}
    code, output, errors = run(*words, "--", sys.executable, "-c", program, env=env)
    assert (code, output) == (0, "4\n"), errors


@commands
def test_the_aws_cli_uses_the_endpoint(emulator: Emulator, tmp_path: Path) -> None:
    """Also where it is one process for longer than three credentials live."""
    aws = Path(sys.executable).parent / "aws"
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(130):
        (folder / f"{number}.txt").write_bytes(b"%d" % number * 1000)
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n    max_bandwidth = 20KB/s\n")  # so that it takes ten seconds and more
    script = f"AWS_CONFIG_FILE={config} exec {aws} s3 sync {folder} s3://{BUCKET}/endpoint/cli/"
    with renewing(emulator, "sh", "-c", script) as process:
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == 0, errors
    assert emulator.owner.get_object(Bucket=BUCKET, Key="endpoint/cli/129.txt")["Body"].read() == b"129" * 1000


# --- inspect and parent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["env", "dotenv", "json", "credential-process"])
def test_inspect_reads_what_sign_prints(form: str) -> None:
    words = ("sign", "--permission", "object-read-only", "--directory", "tbl", "--format", form)
    printed = run(*words, env=SIGN)[1]
    code, output, errors = run("inspect", "--json", env=SIGN, stdin=printed)
    assert (code, errors) == (0, "")
    read = json.loads(output)
    assert (read["is_refused"], read["findings"]) == (False, [])
    assert (read["bucket"], read["permission"]) == (BUCKET, "object-read-only")
    assert (read["prefixes"], read["objects"]) == (["tbl/"], ["tbl"])
    code, output, errors = run("inspect", env={}, stdin=printed)
    assert (code, errors) == (0, "")
    assert output.splitlines()[0] == "ok        nothing speaks against it"
    token = read["parent_access_key_id"]
    assert f"parent    {token}" in output


def test_inspect_says_why_r2_refuses() -> None:
    printed = run("sign", "--permission", "object-read-only", "--format", "json", env=SIGN)[1]
    fields = json.loads(printed)
    in_environment = {
        "AWS_SESSION_TOKEN": fields["session_token"],
        "AWS_ACCESS_KEY_ID": fields["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": "0" * 64,
    }
    code, output, _ = run("inspect", env=in_environment)
    assert code == 1
    first, hint, *_ = output.splitlines()
    assert first.startswith("refused   secret-mismatch: ")
    assert hint.startswith("          ")
    assert fields["session_token"] not in output
    code, output, _ = run("inspect", "--json", env={"R2_PARENT_SECRET_ACCESS_KEY": "1" * 64}, stdin=printed)
    assert (code, [finding["code"] for finding in json.loads(output)["findings"]]) == (1, ["signature"])
    assert run("inspect", env={}, stdin=fields["session_token"] + "\n")[0] == 0
    assert run("inspect", env={}, stdin="nonsense")[0] == 1
    assert run("inspect", env={}, stdin="")[0] == 2
    assert run("inspect", fields["session_token"], env={})[0] == 2


def test_parent_prints_the_pair(emulator: Emulator) -> None:
    env = {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": API_TOKEN, "CLOUDFLARE_BASE_URL": emulator.api}
    code, output, errors = run("parent", env=env)
    assert (code, errors) == (0, "")
    pair = dict(shlex.split(line)[1].split("=", 1) for line in output.splitlines())
    assert set(pair) == {"R2_PARENT_ACCESS_KEY_ID", "R2_PARENT_SECRET_ACCESS_KEY"}
    assert len(pair["R2_PARENT_SECRET_ACCESS_KEY"]) == 64
    assert run("parent", env={**env, "CLOUDFLARE_API_TOKEN": "wrong"})[0] == 1
    assert run("parent", env={**env, "CLOUDFLARE_ACCOUNT_ID": ""})[0] == 2
    # On a terminal a secret is shown only to who asks for it.
    for words, expected in (((), 2), (("--show",), 0)):
        primary, secondary = os.openpty()
        process = start("parent", *words, env=env, stdout=secondary)
        os.close(secondary)
        assert process.communicate(timeout=60)[1].count("--show") == int(expected == 2)
        assert process.returncode == expected
        os.close(primary)


# --- doctor ----------------------------------------------------------------------------------------------------------


class Stub(BaseHTTPRequestHandler):
    """An API, or a proxy, that says one thing."""

    status = 200
    headers_more: ClassVar[dict[str, str]] = {}
    body = b"{}"
    hours = 0

    def do_GET(self) -> None:
        self.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers_more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    def do_CONNECT(self) -> None:
        self.do_GET()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + 3600 * self.hours)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def stub(**attributes: Any) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), type("Own", (Stub,), attributes))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def verdicts(*words: str, env: dict[str, str]) -> dict[str, tuple[str, str, str]]:
    code, output, errors = run("doctor", "--json", *words, env=env)
    assert errors == ""
    read = json.loads(output)
    assert read["is_well"] == (code == 0)
    return {c["name"]: (c["status"], c["message"], c["next_step"] or "") for c in read["checks"]}


def failures(*words: str, env: dict[str, str]) -> list[str]:
    return [name for name, (status, *_) in verdicts(*words, env=env).items() if status == "failed"]


@pytest.fixture
def healthy(emulator: Emulator) -> dict[str, str]:
    return {**SIGN, "CLOUDFLARE_API_TOKEN": API_TOKEN, "CLOUDFLARE_BASE_URL": emulator.api}


def test_doctor_finds_nothing_where_all_is_well(emulator: Emulator, healthy: dict[str, str]) -> None:
    where = ("--endpoint", emulator.s3)
    names = ["environment", "network", "clock", "API token", "parent pair", "credential", "inside the grant"]
    found = verdicts(*where, env=healthy)
    assert {name: status for name, (status, *_) in found.items()} == dict.fromkeys([*names, "outside the grant"], "ok")
    assert "active" in found["API token"][1]
    # With a token alone Cloudflare makes the credential, and with the pair alone it is signed.
    without_secret = {name: value for name, value in healthy.items() if name != "R2_PARENT_SECRET_ACCESS_KEY"}
    assert "made by Cloudflare" in verdicts(*where, env=without_secret)["credential"][1]
    alone = verdicts(*where, env=SIGN)
    assert alone["API token"][0] == "skipped"
    assert alone["outside the grant"][0] == "ok"
    # For a person, and in colours only on a terminal.
    code, output, _ = run("doctor", *where, env=healthy)
    assert code == 0
    assert [line[:8].strip() for line in output.splitlines() if line[0] != " "] == ["ok"] * 8
    assert max(map(len, output.splitlines())) <= 110


def test_doctor_says_what_is_broken(emulator: Emulator, healthy: dict[str, str]) -> None:
    where = ("--endpoint", emulator.s3)

    def broken(name: str, *next_step: str, **changes: str) -> None:
        found = verdicts(*where, env={**healthy, **changes})
        assert [key for key, (status, *_) in found.items() if status == "failed"] == [name]
        for part in next_step:
            assert part in " ".join(found[name][1:])

    broken("inside the grant", "X-Amz-Security-Token", "r2creds parent", R2_PARENT_SECRET_ACCESS_KEY="1" * 64)
    broken("credential", "parent_secret_access_key: 8 characters", R2_PARENT_SECRET_ACCESS_KEY="a" * 8)
    token_id = "ed17574386854bf78a67040be0a770b0"
    broken("parent pair", "SHA-256 of its API token's value", R2_PARENT_ACCESS_KEY_ID=token_id)
    broken("API token", "token", CLOUDFLARE_API_TOKEN="wrong")
    broken("inside the grant", "NoSuchBucket", "Check the bucket's name", R2_BUCKET="not-there")
    broken("inside the grant", "NoSuchBucket", "--jurisdiction", R2_BUCKET=EU_BUCKET)
    broken("network", "Connection refused", "proxy", CLOUDFLARE_BASE_URL="http://127.0.0.1:1")
    broken("environment", "R2_BUCKET (--bucket)", R2_BUCKET="")
    assert failures(*where, env={**IDENTITY}) == ["environment"]


def test_doctor_looks_at_the_clock_and_the_tokens_end(emulator: Emulator, healthy: dict[str, str]) -> None:
    where = ("--endpoint", emulator.s3)
    for hours, side in ((1, "behind"), (-1, "ahead of")):
        with stub(hours=hours) as url:
            found = verdicts(*where, env={**healthy, "CLOUDFLARE_BASE_URL": url})
        status, message, next_step = found["clock"]
        assert (status, side in message, "NTP" in next_step) == ("failed", True, True)
    result = {"id": "e" * 32, "status": "expired"}
    with stub(body=json.dumps({"success": True, "result": result}).encode()) as url:
        found = verdicts(*where, env={**healthy, "CLOUDFLARE_BASE_URL": url})
    assert found["API token"][:2] == ("failed", "it is expired")
    assert "Make another API token" in found["API token"][2]


def test_doctor_names_a_proxy_that_refuses(healthy: dict[str, str]) -> None:
    more = {"Proxy-Authenticate": "Basic"}
    with stub(status=407, headers_more=more) as url:
        # An address of this machine that does not count as loopback, which no proxy is asked for.
        env = {**healthy, "CLOUDFLARE_BASE_URL": "https://0.0.0.0:1", "HTTPS_PROXY": url}
        found = verdicts(env=env)
    assert found["network"][0] == "failed"
    assert "407" in found["network"][1]
    assert list(found) == ["environment", "network"]
