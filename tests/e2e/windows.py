"""The command line for Windows, under Wine, where it runs commands: scripts/test-platform.sh. What else it does is in
test_command.py."""

from __future__ import annotations

import json

from conftest import API_TOKEN, BUCKET, PARENT, PARENT_SECRET, Emulator, connect
from minters import Minted
from test_command import IDENTITY, READ, SIGN, renewing, run


def test_it_signs_and_creates(emulator: Emulator) -> None:
    creates = {**IDENTITY, "CLOUDFLARE_API_TOKEN": API_TOKEN, "CLOUDFLARE_BASE_URL": emulator.api}
    for method, env in (("sign", SIGN), ("create", creates)):
        code, output, errors = run(method, *READ, "--endpoint", emulator.s3, "--format", "json", env=env)
        assert (code, errors) == (0, "")
        made = json.loads(output)
        s3 = connect(Minted(made["access_key_id"], made["secret_access_key"], made["session_token"], emulator.s3, 0))
        s3.put_object(Bucket=BUCKET, Key=f"windows/{method}", Body=b"x")


def test_exec_passes_exit_code_and_environment_on() -> None:
    script = "echo %AWS_ACCESS_KEY_ID% %R2_PARENT_SECRET_ACCESS_KEY% & exit 7"
    code, output, errors = run("exec", "--sign", *READ, "--", "cmd", "/c", script, env=SIGN)
    assert (code, errors) == (7, "")
    assert output.split() == [PARENT, "%R2_PARENT_SECRET_ACCESS_KEY%"]


def test_exec_passes_input_and_output_on() -> None:
    child = ("r2creds", "sign", *READ, "--parent-secret-access-key-file", "-", "--format", "json")
    code, output, errors = run("exec", "--sign", *READ, "--", *child, env=SIGN, stdin=PARENT_SECRET)
    assert (code, errors) == (0, "")
    assert json.loads(output)["access_key_id"] == PARENT


def test_exec_renew_lets_the_command_ask_its_endpoint(emulator: Emulator) -> None:
    script = "echo %AWS_CONTAINER_CREDENTIALS_FULL_URI% %R2_BUCKET% & exit 5"
    with renewing(emulator, "cmd", "/c", script) as process:
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (5, "")
    uri, bucket = output.split()
    assert uri.startswith("http://127.0.0.1:")
    assert bucket == BUCKET


def test_a_command_that_is_not_there() -> None:
    code, output, errors = run("exec", *READ, "--", "no-such-command", env=SIGN)
    assert (code, output, errors) == (127, "", "r2creds: the command after --: not found\n")
