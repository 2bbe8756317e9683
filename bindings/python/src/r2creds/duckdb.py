"""A DuckDB connection whose secret is kept fresh."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING

from ._credentials import Credentials
from ._errors import R2CredsError
from ._source import Kept, Source

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Attachment:
    """Keeps a secret of a connection fresh until it is closed, or the connection is. Made by :func:`attach`."""

    def __init__(self, connection: DuckDBPyConnection, source: Source, name: str, scope: str | None) -> None:
        self._connection, self._kept, self._name, self._scope = connection, Kept(source), name, scope
        self._closed = threading.Event()
        creds = self._kept.first
        connection.execute(creds.duckdb_secret(name, scope))
        threading.Thread(target=self._keep, args=(creds,), name="r2creds-duckdb", daemon=True).start()

    def _keep(self, creds: Credentials) -> None:
        """Waits until it is time to ask for the next one, and then asks once a second until it is there."""
        left = (creds.renew_at - datetime.now(timezone.utc)).total_seconds()
        while not self._closed.wait(max(left, 1)):
            with suppress(R2CredsError):  # the provider tries again, and a query says what R2 says
                new = self._kept()
                if new is not creds and new != creds:
                    creds = new
                    try:
                        # A cursor shares the connection's secrets, and may be used beside it.
                        self._connection.cursor().execute(creds.duckdb_secret(self._name, self._scope))
                    except Exception:  # the connection was closed
                        return
            left = (creds.renew_at - datetime.now(timezone.utc)).total_seconds()

    def close(self) -> None:
        """Leaves the secret as it is. A second time it does nothing."""
        self._closed.set()

    def __enter__(self) -> Attachment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def attach(
    connection: DuckDBPyConnection, provider: Source, *, name: str = "r2creds", scope: str | None = None
) -> Attachment:
    """Gives a DuckDB connection a secret for R2, and replaces it in time, in a thread of its own::

        with r2creds.duckdb.attach(connection, provider):
            connection.sql("FROM 'r2://recordings/a.parquet'")

    Keep the result for as long as it is to be kept fresh. DuckDB's httpfs extension has to be loaded. A query takes the
    secret when it begins, so that one that runs past the end of its credential fails. After a fork the child keeps the
    secret, but nothing replaces it there: attach again.

    Args:
        connection: Where the secret is created, or replaced.
        provider: A :class:`r2creds.Provider`, or a function that makes a credential.
        name, scope: As for :meth:`r2creds.Credentials.duckdb_secret`.

    Raises:
        InvalidArgumentError: The provider is neither, is async, or returns something else than Credentials.
        R2CredsError: No first credential could be had.
    """
    return Attachment(connection, provider, name, scope)
