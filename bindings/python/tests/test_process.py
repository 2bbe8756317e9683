"""A call and its process: signals, threads, forks, and the interpreter's end."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Callable

import pytest
import trio
from conftest import PARAMS, SUCCESS, Api, compiled, send, settles, until_end

import r2creds

#: What every program here begins with.
BEGIN = f"""
import os, signal, sys, threading, time
import r2creds
params = {PARAMS!r}
def say(*words):  # print cannot be entered by a signal's handler while it is in use
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
# What a shell runs in the background ignores Ctrl-C, and so would its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
# However slow the machine: no attempt is given up, and made again.
client = r2creds.Client(api_token="token", base_url=sys.argv[1], attempt_timeout_ms=60000, connect_timeout_ms=60000)
"""


@contextmanager
def program(script: str, url: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program of its own, which has to end well and to say nothing on standard error."""
    environment = {"PYTHONFAULTHANDLER": "1", **environment}
    command = [sys.executable, "-c", BEGIN + script, url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            yield process
            # Closes its input, too.
            out, err = process.communicate(timeout=60)
            assert (process.returncode, out, err) == (0, "", "")
        except BaseException:
            process.kill()
            print(process.communicate()[1])  # for the report of the failure
            raise


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tasks(process: subprocess.Popen[str]) -> int:
    return len(os.listdir(f"/proc/{process.pid}/task"))


# --- Ctrl-C ---

#: Says when a call was interrupted, by the clock that all processes share, and how many threads there are.
INTERRUPTED = """
for _ in range(5):
    try:
        client.create(**params)
    except KeyboardInterrupt as interrupt:
        at = time.monotonic()
        assert interrupt.__context__ is None
        say(at, len(os.listdir("/proc/self/task")), threading.active_count())
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as made:
        made.settimeout(30)
        yield made


def port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def interrupts(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Interrupts five calls in the phase that `reached` waits for; half of them have to be back within 200 ms."""
    took = []
    for _ in range(5):
        assert reached()
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        at, kernel_threads, python_threads = line(process).split()
        took.append(float(at) - sent)
        assert (kernel_threads, python_threads) == ("1", "1")
    assert statistics.median(took) < 0.2, took


def test_ctrl_c_while_connecting(listener: socket.socket) -> None:
    """To a listener whose queue is full: the system drops what asks to be let in."""
    with socket.create_connection(("127.0.0.1", port(listener))):

        def knocking() -> bool:
            remote = f"0100007F:{port(listener):04X} 02 "  # 02: SYN sent
            return settles(lambda: remote in Path("/proc/net/tcp").read_text())

        with program(INTERRUPTED, f"http://127.0.0.1:{port(listener)}") as process:
            interrupts(process, knocking)


def test_ctrl_c_while_tls_is_silent(listener: socket.socket) -> None:
    open_ones = []

    def hello() -> bool:
        connection, _ = listener.accept()
        open_ones.append(connection)
        return connection.recv(1) == b"\x16"

    with program(INTERRUPTED, f"https://127.0.0.1:{port(listener)}") as process:
        interrupts(process, hello)
    for connection in open_ones:
        connection.close()


def no_reply(handler: Any, reached: Callable[[], None]) -> None:
    reached()
    until_end(handler)


def slow_body(handler: Any, reached: Callable[[], None]) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
    handler.wfile.flush()
    reached()
    try:
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.01)
    except OSError:
        handler.close_connection = True


def between_attempts(handler: Any, reached: Callable[[], None]) -> None:
    send(handler, (503, {"success": False}, {"Retry-After": "30", "Connection": "close"}))
    until_end(handler)  # the client hangs up when it has read the reply
    reached()


@pytest.mark.parametrize("reply", [no_reply, slow_body, between_attempts])
def test_ctrl_c_while_waiting(api: Api, reply: Callable[[Any, Callable[[], None]], None]) -> None:
    reached = threading.Semaphore(0)
    api.replies[:] = [lambda handler: reply(handler, reached.release)]
    with program(INTERRUPTED, api.url) as process:
        interrupts(process, lambda: reached.acquire(timeout=30))


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(compiled(Path(__file__).with_name("faults.c"), tmp_path_factory.mktemp("faults") / "faults.so"))


def test_ctrl_c_while_a_name_is_looked_up(faults: str) -> None:
    """A lookup cannot be interrupted, so one thread stays behind, and later calls join it."""
    once = INTERRUPTED.replace("range(5)", "range(1)")
    took = []
    for _ in range(5):
        with program(once, "https://hangs.invalid", LD_PRELOAD=faults) as process:
            assert settles(lambda: tasks(process) == 2)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            at, kernel_threads, python_threads = line(process).split()
            took.append(float(at) - sent)
            assert (kernel_threads, python_threads) == ("2", "1")
    assert statistics.median(took) < 0.2, took


# --- acreate: Ctrl-C, and tasks that are cancelled ---

#: Says when a program was interrupted.
SAYS_WHEN = """
except* KeyboardInterrupt:
    say(time.monotonic())
"""
ASYNC = {
    "asyncio": """
import asyncio
async def main():
    await client.acreate(**params)
try:
    asyncio.run(main())
""",
    "asyncio, in a task": """
import asyncio
async def main():
    await asyncio.gather(client.acreate(**params), asyncio.sleep(60))
try:
    asyncio.run(main())
""",
    "trio": """
import trio
async def main():
    await client.acreate(**params)
try:
    trio.run(main)
""",
    "trio, in a task": """
import trio
async def main():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: client.acreate(**params))
try:
    trio.run(main)
""",
    # What is left for create: the client is closed on the way out, and that ends it.
    "to_thread": """
import asyncio
async def main():
    with client:
        await asyncio.to_thread(client.create, **params)
try:
    asyncio.run(main())
""",
}


@pytest.mark.parametrize("kind", ASYNC)
def test_ctrl_c_in_a_coroutine(api: Api, kind: str) -> None:
    took = []
    for _ in range(3):
        hung_up = threading.Event()

        def reply(handler: Any, hung_up: threading.Event = hung_up) -> None:
            until_end(handler)
            hung_up.set()

        api.replies[:] = [reply]
        with program(ASYNC[kind] + SAYS_WHEN + "sys.stdin.read()\n", api.url) as process:
            assert api.arrived.acquire(timeout=30)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            took.append(float(line(process)) - sent)
            # The call itself has ended, while the program goes on.
            assert hung_up.wait(10)
    assert statistics.median(took) < 1, took  # of the 60 seconds that it would have taken


def test_acreate_makes_a_credential(api: Api) -> None:
    """Several at once, on the connections of one client."""
    together = threading.Barrier(2)

    def reply(handler: Any) -> None:
        together.wait(30)
        send(handler)

    api.replies[:] = [reply]
    client = api.client()

    async def twice() -> tuple[r2creds.Credentials, r2creds.Credentials]:
        return await asyncio.gather(client.acreate(**PARAMS), client.acreate(**PARAMS))

    async def once() -> r2creds.Credentials:
        return await client.acreate(**PARAMS, prefixes=["a/"], timeout_ms=60000)

    assert [creds.access_key_id for creds in asyncio.run(twice())] == ["key-id"] * 2
    api.replies[:] = [SUCCESS]
    assert trio.run(once).access_key_id == asyncio.run(once()).access_key_id == "key-id"
    assert [body.get("prefixes") for _, _, body in api.requests] == [None, None, ["a/"], ["a/"]]
    with pytest.raises(TypeError, match="bukket"):
        asyncio.run(client.acreate(**{**PARAMS, "bukket": "b"}))
    client.close()
    with pytest.raises(r2creds.InvalidArgumentError, match="closed"):
        asyncio.run(client.acreate(**PARAMS))


def test_a_cancelled_acreate_ends_alone(api: Api) -> None:
    """The call beside it goes on, and so does the client."""
    hung_up, answer = threading.Event(), threading.Event()

    def hangs(handler: Any) -> None:
        until_end(handler)
        hung_up.set()

    def waits(handler: Any) -> None:
        answer.wait(30)
        send(handler)

    api.replies[:] = [hangs, waits, SUCCESS]

    async def main() -> str:
        with api.client() as client:
            first = asyncio.create_task(client.acreate(**PARAMS))
            assert await asyncio.to_thread(api.arrived.acquire, timeout=30)
            second = asyncio.create_task(client.acreate(**PARAMS))
            assert await asyncio.to_thread(api.arrived.acquire, timeout=30)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert await asyncio.to_thread(hung_up.wait, 10)
            answer.set()
            return (await second).access_key_id + (await client.acreate(**PARAMS)).access_key_id

    assert asyncio.run(main()) == "key-idkey-id"


def test_closing_a_client_ends_an_acreate(api: Api) -> None:
    api.replies[:] = [until_end]
    client = api.client()

    async def main() -> None:
        call = asyncio.create_task(client.acreate(**PARAMS))
        assert await asyncio.to_thread(api.arrived.acquire, timeout=30)
        client.close()
        with pytest.raises(r2creds.CancelledError):
            await call

    asyncio.run(main())


# --- other signals ---


def test_a_handler_that_returns_is_run_and_the_call_goes_on(api: Api) -> None:
    answer = threading.Event()

    def reply(handler: Any) -> None:
        answer.wait(30)
        send(handler)

    api.replies[:] = [reply]
    script = """
signal.signal(signal.SIGUSR1, lambda *_: say("handled"))
say(client.create(**params).access_key_id)
"""
    with program(script, api.url) as process:
        assert api.arrived.acquire(timeout=30)
        for _ in range(3):
            process.send_signal(signal.SIGUSR1)
            assert line(process) == "handled"
        answer.set()
        assert line(process) == "key-id"


def test_a_storm_of_signals_breaks_nothing(api: Api) -> None:
    script = """
handled = []
signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
say("go")
made = 0
while made < 100 or len(handled) < 100:
    client.create(**params)
    made += 1
say("enough")
sys.stdin.read()  # with its handler in place until the storm is over
"""
    api.replies[:] = [SUCCESS]
    with program(script, api.url) as process:
        assert line(process) == "go"
        enough = threading.Event()

        def storm() -> None:
            while not enough.is_set():
                process.send_signal(signal.SIGUSR1)

        storming = threading.Thread(target=storm)
        storming.start()
        try:
            assert line(process) == "enough"
        finally:
            enough.set()
            storming.join()


RAISING = """
class Stop(Exception):
    pass
def stop(*_):
    raise Stop
signal.signal(signal.SIGTERM, stop)
try:
    client.create(**params)
except BaseException as error:
    say(type(error).__name__)
"""


def test_what_a_handler_raises_comes_out(api: Api) -> None:
    api.replies[:] = [until_end]
    with program(RAISING, api.url) as process:
        assert api.arrived.acquire(timeout=30)
        process.send_signal(signal.SIGTERM)
        assert line(process) == "Stop"


def test_two_handlers_that_raise_at_once(api: Api) -> None:
    """Both signals are there when the callback begins, so the second comes while the first is being dealt with."""
    api.replies[:] = [until_end]
    with program(RAISING, api.url) as process:
        assert api.arrived.acquire(timeout=30)
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            process.send_signal(number)
        assert line(process) in ("Stop", "KeyboardInterrupt")


def test_ctrl_c_reaches_the_main_thread_while_another_calls(api: Api) -> None:
    """Only the main thread handles signals: it is not held up, and the other's call is not ended."""
    answer = threading.Event()

    def reply(handler: Any) -> None:
        answer.wait(30)
        send(handler)

    api.replies[:] = [reply]
    script = """
done = threading.Event()
def call():
    say(client.create(**params).access_key_id)
    done.set()
try:
    threading.Thread(target=call).start()
    # Not done.wait(): a signal just before it blocks would not end it, and one just after could leave its lock locked.
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    say("interrupted")
done.wait()
"""
    with program(script, api.url) as process:
        assert api.arrived.acquire(timeout=30)
        process.send_signal(signal.SIGINT)
        assert line(process) == "interrupted"
        answer.set()
        assert line(process) == "key-id"


# --- threads ---


def test_sixteen_threads_really_run_side_by_side(api: Api) -> None:
    """No reply is sent before all the requests are there."""
    together = threading.Barrier(16)

    def reply(handler: Any) -> None:
        together.wait(30)
        send(handler)

    api.replies[:] = [reply]
    with api.client(timeout_ms=60000) as client, ThreadPoolExecutor(16) as pool:
        made = [pool.submit(client.create, **PARAMS) for _ in range(48)]
        assert {future.result().access_key_id for future in made} == {"key-id"}


def test_closing_a_client_ends_the_calls_of_other_threads(api: Api) -> None:
    api.replies[:] = [until_end]
    client = api.client()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(client.create, **PARAMS) for _ in range(4)]
        for _ in calls:
            assert api.arrived.acquire(timeout=30)
        began = time.monotonic()
        client.close()
        for call in calls:
            with pytest.raises(r2creds.CancelledError):
                call.result()
        assert time.monotonic() - began < 5  # of the 60 seconds that they would have waited


def test_closing_a_client_while_threads_come_and_go(api: Api) -> None:
    """The last to leave frees it, whoever that is."""
    for _ in range(30):
        client = api.client()
        begin = threading.Barrier(5)

        def calls(client: r2creds.Client = client, begin: threading.Barrier = begin) -> str:
            begin.wait(30)
            try:
                while True:
                    client.create(**PARAMS)
            except (r2creds.CancelledError, r2creds.InvalidArgumentError) as error:
                return type(error).__name__

        with ThreadPoolExecutor(4) as pool:
            made = [pool.submit(calls) for _ in range(4)]
            begin.wait(30)
            api.arrived.acquire(timeout=30)
            client.close()
            assert {future.result() for future in made} <= {"CancelledError", "InvalidArgumentError"}


# --- fork, and processes ---


def test_fork_in_parent_and_child(api: Api) -> None:
    """With another thread inside the client, and with a kept connection, which the child leaves alone."""
    inside, answer = threading.Event(), threading.Event()
    ports: list[int] = []

    def reply(handler: Any) -> None:
        ports.append(handler.client_address[1])
        if len(ports) == 1:
            inside.set()
            answer.wait(30)
        send(handler)

    api.replies[:] = [reply]
    script = """
thread = threading.Thread(target=lambda: say(client.create(**params).access_key_id))
thread.start()
sys.stdin.readline()
client.create(**params)
child = os.fork()
if child == 0:
    client.create(**params)
    client.close()
    os._exit(7)
client.create(**params)
say(os.waitpid(child, 0)[1] >> 8)
thread.join()
"""
    with program(script, api.url, PYTHONWARNINGS="ignore") as process:
        assert inside.wait(30)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert line(process) == "7"
        answer.set()
        assert line(process) == "key-id"
    # The thread's; the parent's before and after the fork, on one connection; and the child's, whenever it came.
    assert len(ports) == 4
    assert len(set(ports)) == 3
    assert ports.count(ports[1]) == 2


def creates(url: str) -> str:
    with r2creds.Client(api_token="token", base_url=url) as client:
        return client.create(**PARAMS).access_key_id


def inherits() -> str:
    return inherited.create(**PARAMS).access_key_id


inherited: r2creds.Client


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(api: Api, method: str) -> None:
    global inherited
    inherited = api.client()
    assert inherits() == "key-id"
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(creates, [api.url] * 4).get(60) == ["key-id"] * 4
        if method == "fork":
            assert [pool.apply_async(inherits).get(60) for _ in range(4)] == ["key-id"] * 4
        # Left at the end of `with`, a worker would be killed, and may hold a lock that the pool needs.
        pool.close()
        pool.join()
    inherited.close()


# --- the interpreter's end ---


@pytest.mark.parametrize("answered", [False, True])
def test_the_interpreter_ends_with_a_daemon_thread_in_a_call(api: Api, answered: bool) -> None:
    """The end takes a while, so that the call would poll, or returns, into an interpreter that is ending."""
    answer, replied = threading.Event(), threading.Event()

    def reply(handler: Any) -> None:
        answer.wait(30)
        send(handler)
        replied.set()

    api.replies[:] = [reply]
    script = """
class Last:
    def __del__(self, write=os.write, read=os.read, sleep=time.sleep):
        write(1, b"last\\n")
        read(0, 1)
        sleep(0.3)
sys.last = Last()
threading.Thread(target=lambda: client.create(**params), daemon=True).start()
sys.stdin.readline()
"""
    with program(script, api.url) as process:
        assert api.arrived.acquire(timeout=30)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert line(process) == "last"
        if answered:
            answer.set()
            assert replied.wait(30)
    answer.set()


@pytest.mark.parametrize("end", ["", "sys.exit()", "client.self = client", "import r2creds as again; again.c = client"])
def test_the_interpreter_ends_with_an_open_client(api: Api, end: str) -> None:
    with program(f"client.create(**params)\n{end}\n", api.url):
        pass


def test_a_call_at_exit(api: Api) -> None:
    with program(
        "import atexit\natexit.register(lambda: say(client.create(**params).access_key_id))", api.url
    ) as process:
        assert line(process) == "key-id"
