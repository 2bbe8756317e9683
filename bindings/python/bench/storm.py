"""storm.py URL SECONDS: benches/storm.c in Python: 32 threads on a provider whose API does all that can go wrong."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import r2creds

THREADS = 32


def used() -> tuple[int, int, int]:
    """Memory in KiB, descriptors and threads."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    memory, threads = (int(status[name].split()[0]) for name in ("VmRSS", "Threads"))
    return memory, len(os.listdir("/proc/self/fd")), threads


def run(provider: r2creds.Provider, seconds: float) -> tuple[Counter[str], float, set[datetime]]:
    """What happened, the longest wait, and the credentials that were seen."""
    seen: Counter[str] = Counter()
    worst: list[float] = [0.0]
    lives: set[datetime] = set()
    end = time.monotonic() + seconds

    def use() -> None:
        while time.monotonic() < end:
            began = time.monotonic()
            try:
                creds = provider.get()
            except r2creds.R2CredsError as error:
                seen["failed"] += 1
                print(error, file=sys.stderr)
            else:
                assert creds.expires_at > datetime.now(timezone.utc)
                lives.add(creds.issued_at)
            worst[0] = max(worst[0], time.monotonic() - began)
            seen["gets"] += 1
            time.sleep(0.005)

    threads = [threading.Thread(target=use) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen, worst[0], lives


def main(url: str, seconds: float) -> int:
    """Fails if anybody failed or waited for longer than two seconds, or something grew."""
    client = r2creds.Client(api_token="token", base_url=url, attempt_timeout_ms=1000)
    provider = r2creds.Provider(
        client,
        account_id="023e105f4ecef8ad9ca31a8372d0c353",
        bucket="example-bucket",
        parent_access_key_id="0123456789abcdef0123456789abcdef",
        permission="object-read-only",
        ttl_seconds=60,  # due after 45 s, overdue after 50
    )
    first = None
    while first is None:  # until there is one, waiting and failing is right
        with suppress(r2creds.R2CredsError):
            first = provider.get()
        time.sleep(0.5)
    run(provider, 1)
    before = used()
    seen, worst, lives = run(provider, seconds)
    after = used()
    print(
        f"Python: {seen['gets']} gets of {THREADS} threads through {len(lives)} credentials: {seen['failed']} failed, "
        f"the longest took {worst * 1000:.0f} ms; memory {before[0]} -> {after[0]} KiB, descriptors {before[1]} -> "
        f"{after[1]}, threads {before[2]} -> {after[2]}"
    )
    grew = after[0] > before[0] + 2048 or after[1] > before[1] + 1 or after[2] > before[2] + 1
    return int(seen["failed"] > 0 or worst > 2.5 or grew)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
