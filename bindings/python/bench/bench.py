"""Measures what Python adds to the C library, and cloudflare-python beside it: ``make bench-python``. It only reports.

Everything is a median of paired runs, taken in turns. The server and each client are processes of their own.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable

import r2creds

HERE = Path(__file__).resolve().parent
BENCHES = HERE.parents[2] / "benches"
ALLOWED = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
PAIRS = 41
# The same as in benches/client.h.
PARAMS: dict[str, Any] = {
    "account_id": "023e105f4ecef8ad9ca31a8372d0c353",
    "bucket": "example-bucket",
    "parent_access_key_id": "0123456789abcdef0123456789abcdef",
    "permission": "object-read-write",
    "prefixes": ["customers/00001/uploads/"],
}
TOKEN = "api-token-0123456789abcdef0123456789abcdef"


def serve() -> None:
    """A thread for each connection, and always the same reply."""
    made = r2creds.sign(**PARAMS, parent_secret_access_key="0" * 63 + "1")
    result = {
        "accessKeyId": made.access_key_id,
        "secretAccessKey": made.secret_access_key,
        "sessionToken": made.session_token,
    }
    body = json.dumps({"success": True, "errors": [], "messages": [], "result": result}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = head.encode() + body

    def converse(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
            head, end, body = got.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            if end and len(body) >= int(length):
                got = b""
                connection.sendall(reply)

    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()


def caller(kind: str, url: str) -> Callable[[], object]:
    """What is called again and again."""
    if kind == "sign":
        return lambda: r2creds.sign(**PARAMS, parent_secret_access_key="0" * 63 + "1").session_token
    if kind == "get":
        return r2creds.Provider(**PARAMS, parent_secret_access_key="0" * 63 + "1").get
    if kind == "create":
        client = r2creds.Client(api_token=TOKEN, base_url=url)
        return lambda: client.create(**PARAMS).session_token
    theirs = importlib.import_module("cloudflare").Cloudflare(api_token=TOKEN, base_url=url)
    create = theirs.r2.temporary_credentials.create
    return lambda: create(**PARAMS, ttl_seconds=900).session_token


def call(kind: str, url: str) -> None:
    """As benches/driver.c: for every line with a number so many calls, and the nanoseconds that they took."""
    function = caller(kind, url)
    for line in sys.stdin:
        began = time.perf_counter_ns()
        for _ in range(int(line)):
            function()
        print(time.perf_counter_ns() - began, flush=True)


@contextmanager
def talker(*command: str | Path) -> Iterator[Callable[[int], float]]:
    """A process that answers a number of calls with the microseconds of one."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        to, answers = process.stdin, process.stdout
        assert to is not None
        assert answers is not None

        def ask(calls: int) -> float:
            to.write(f"{calls}\n")
            to.flush()
            return float(answers.readline().split()[0]) / calls / 1000

        ask(50)  # the first calls connect and fill caches
        yield ask
        to.close()


def pin(cpus: Callable[[int], bool]) -> None:
    """Keeps what is started from now on to some CPUs, so that server and client do not take each other's."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpu for cpu in ALLOWED if cpus(cpu)} or ALLOWED)


def compiled(source: Path, into: Path) -> Path:
    """A C program that makes the same calls, linked with the library of the package."""
    library = Path(r2creds.__file__).with_name("libr2creds.dylib" if sys.platform == "darwin" else "libr2creds.so")
    for name in (library.name, "libr2creds.so.0"):
        shutil.copy(library, into / name)
    to = into / source.stem
    flags = ["-std=c99", "-O2", f"-I{BENCHES}", f"-I{BENCHES.parent / 'include'}", "-pthread"]
    link = [f"-L{into}", "-lr2creds", f"-Wl,-rpath,{into}"]
    subprocess.run([os.environ.get("CC", "cc"), *flags, "-o", to, BENCHES / "driver.c", source, *link], check=True)
    return to


def started(code: str) -> tuple[float, float]:
    """Milliseconds that an interpreter lives, and those that it computes: the first is more on a busy machine."""
    began = time.perf_counter_ns()
    process = subprocess.Popen([sys.executable, "-c", code])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return (time.perf_counter_ns() - began) / 1e6, (used.ru_utime + used.ru_stime) * 1e3


def peak(code: str) -> float:
    """Megabytes that an interpreter needs at most."""
    code += "\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return int(said) * 1024 / 1e6


def row(what: str, asked: str, measured: str) -> None:
    """One line of the table."""
    print(f"{what:<52}{asked:>18}{measured:>34}")


def above(samples: list[list[float]], of: int, base: int = 0) -> float:
    """The median of the differences of two columns."""
    return statistics.median(sample[of] - sample[base] for sample in samples)


def bench(wheel: Path) -> None:
    """The whole table."""
    row(f"Python {sys.version.split()[0]}", "asked", "measured")
    imports = [[*started("pass"), *started("import r2creds")] for _ in range(PAIRS)]
    measured = f"{above(imports, 2):.1f} ms; {above(imports, 3, 1):.1f} ms of CPU"
    row("import r2creds, above an empty interpreter", "30 ms", measured)
    peaks = [[peak("pass"), peak("import r2creds")] for _ in range(5)]
    row("  peak memory above it", "10 MB", f"{above(peaks, 1):.1f} MB")
    own = (sys.executable, __file__)
    with ExitStack() as stack:
        into = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pin(lambda cpu: cpu != min(ALLOWED))
        server = stack.enter_context(subprocess.Popen([*own, "serve"], stdout=subprocess.PIPE, text=True))
        stack.callback(server.kill)
        assert server.stdout is not None
        pin(lambda cpu: cpu == min(ALLOWED))
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/client/v4"
        c = stack.enter_context(talker(compiled(HERE / "sign.c", into), url, "-", "1"))
        ours = stack.enter_context(talker(*own, "sign", url))
        signs = [[c(100), ours(100)] for _ in range(5 * PAIRS)]
        row("sign, above the C call", "15 us", f"{above(signs, 1):.1f} us")
        gets = stack.enter_context(talker(*own, "get", url))
        row("Provider.get, while fresh", "5 us", f"{statistics.median(gets(2000) for _ in range(PAIRS)):.1f} us")
        c = stack.enter_context(talker(compiled(BENCHES / "r2creds.c", into), url, "-", "1"))
        ours = stack.enter_context(talker(*own, "create", url))
        theirs = stack.enter_context(talker(*own, "cloudflare", url))
        creates = [[c(20), ours(20), theirs(5)] for _ in range(5 * PAIRS)]
    we, they = above(creates, 1), above(creates, 2)
    row("create over loopback, above the C call", "100 us", f"{we:.1f} us")
    row("  cloudflare-python, above the C call", "10 times as much", f"{they:.0f} us: {they / we:.0f} times as much")
    row("wheel", "2 MB", f"{wheel.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    elif sys.argv[1] in ("sign", "create", "cloudflare", "get"):
        call(*sys.argv[1:])
    else:
        bench(Path(sys.argv[1]))
