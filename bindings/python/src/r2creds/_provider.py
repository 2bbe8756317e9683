"""Provider: one credential for many callers, kept fresh. The rules are the library's."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from ctypes import POINTER, byref, c_void_p, sizeof
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any

from . import _arguments, _library, _structs
from ._arguments import Action, Jurisdiction, JurisdictionText, Permission, PermissionText
from ._client import Client, _checked, _checks, _credentials, _error
from ._credentials import Credentials
from ._errors import R2CredsError, class_of, forget

_ErrorPointer = POINTER(_structs.Error)
#: Where in a C credential the address of its session token stands, which is the same in all of one renewal.
_TOKEN = _structs.Credentials.session_token.offset


class Provider:
    """Gives a credential that is good now, and renews it in time: for programs that live longer than a credential::

        provider = r2creds.Provider(client, account_id=..., bucket=..., parent_access_key_id=..., permission=...)
        creds = provider.get()                           # before every request; or provider()

    While it is fresh, ``get`` takes microseconds. From ``creds.renew_at`` on the next one is made beside it; from
    ``creds.renew_by`` on ``get`` waits for that, but with a good one in hand never longer than two seconds, whatever
    the API does. Only without one, as at the first call, does it wait for the renewal itself; after a failure it
    raises that again, at once, until the pause that follows is over (``retry_after``).

    Any number of threads may use one at once. It works in parent and child after a fork: the child keeps the credential
    and not the renewal in flight. Making one sends nothing, and checks everything that can be checked. As a context
    manager it closes itself. The connections to other libraries take one: :mod:`r2creds.botocore`,
    :mod:`r2creds.aiobotocore`, :mod:`r2creds.obstore`, :mod:`r2creds.polars`, :mod:`r2creds.duckdb`.

    Args:
        client: Asks Cloudflare's API through this client, which may be closed first. None: signs locally.
        parent_secret_access_key: To sign with. Default, without a client: ``R2_PARENT_SECRET_ACCESS_KEY`` of
            ``os.environ``. Then it pickles, without any secret, and each process has to have that variable.
        account_id and so on: What is granted, as for :func:`sign` and :meth:`Client.create`. With ``issued_at`` every
            credential begins at that time, and none can be had once it is over: for tests.
        headers, extra_body, timeout_ms, max_retries: Of each renewal, as for :meth:`Client.create`; only with a client.

    Raises:
        InvalidArgumentError: An argument is missing, malformed or contradicts another, or the client is closed.
    """

    #: None: it is closed, or was never made.
    _handle: _Handle | None = None
    #: What it was given, where that holds no secret.
    _grant: dict[str, Any] | None = None

    def __init__(
        self,
        client: Client | None = None,
        *,
        account_id: str,
        bucket: str,
        parent_access_key_id: str,
        parent_secret_access_key: str | None = None,
        permission: Permission | PermissionText | None = None,
        actions: Iterable[Action] | None = None,
        prefixes: Iterable[str] | None = None,
        objects: Iterable[str] | None = None,
        directories: Iterable[str] | None = None,
        ttl_seconds: int | timedelta | None = None,
        jurisdiction: Jurisdiction | JurisdictionText | None = None,
        endpoint: str | None = None,
        issued_at: int | datetime | None = None,
        headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout_ms: int | timedelta | None = None,
        max_retries: int | None = None,
    ) -> None:
        given = locals()
        try:
            if client is not None and not isinstance(client, Client):
                raise _arguments.refuse("client", f"{type(client).__name__}, expected r2creds.Client, or None to sign")
            calls = None if client is None else client._open()
            is_of_environment = client is None and parent_secret_access_key is None
            if is_of_environment:
                given["parent_secret_access_key"] = os.environ.get("R2_PARENT_SECRET_ACCESS_KEY")
            params = _arguments.filled(_structs.Params, given)
            options = _arguments.filled(_structs.RequestOptions, {**given, "cancel": None, "poll": None})
            self._handle = _Handle(None if calls is None else calls.handle.client, params, options)
            if is_of_environment:
                del given["self"], given["client"], given["parent_secret_access_key"]
                for name in ("prefixes", "objects", "directories", "actions"):
                    if given[name] is not None:  # it may have been an iterator
                        length = getattr(params, f"{name}_len")
                        given[name] = [getattr(params, name)[i].decode() for i in range(length)]
                self._grant = given
        except BaseException as error:
            del given, parent_secret_access_key, headers, extra_body
            forget(error)
            raise

    def get(self, timeout_ms: int | timedelta | None = None) -> Credentials:
        """A credential that is good now, for one request. The same object for as long as it is the same credential.

        In the main thread Ctrl-C ends a wait; in another thread :meth:`close` does.

        Args:
            timeout_ms: For this wait, which ends no renewal; milliseconds, or a timedelta. Default: as long as the
                renewal takes.

        Raises:
            R2CredsError: As :meth:`Client.create`, where there is no good credential.
        """
        handle = self._open()
        try:
            if threading.get_ident() != threading.main_thread().ident:
                wait = handle.wait if timeout_ms is None else _Wait(handle, False)
                return self._get(handle, wait, timeout_ms)
            # Only the main thread handles signals. A wait is used again, because it takes longer to make than to use;
            # but not while it is in use, for a signal's handler may be here.
            try:
                wait = handle.spare.pop()
            except IndexError:
                wait = _Wait(handle, True)
            made = None
            try:
                made = self._get(handle, wait, timeout_ms)
            finally:
                while next(wait.checks):  # raises what a signal's handler raised meanwhile
                    pass
                if made is not None and timeout_ms is None:
                    handle.spare.append(wait)
            return made
        except BaseException as error:
            forget(error)
            raise

    __call__ = get

    def _get(self, handle: _Handle, wait: _Wait, timeout_ms: int | timedelta | None) -> Credentials:
        if timeout_ms is not None:
            wait.options.timeout_ms = _arguments.duration("timeout_ms", timeout_ms)
        out, err = c_void_p(), _ErrorPointer()
        if _library.provider_get(handle.provider, wait.by_reference, byref(out), byref(err)):
            try:
                raise _error(err.contents)
            finally:
                _library.error_free(err)
        address = out.value
        token = c_void_p.from_address(address + _TOKEN).value  # type: ignore[operator]
        last = handle.last
        if last is not None and last[0] == token:
            _library.credentials_free(out)
            return last[1]
        lent = _Lent(out)
        made = _credentials(_structs.Credentials.from_address(address))  # type: ignore[arg-type]
        object.__setattr__(made, "_lent", lent)
        # As long as this is kept, no other token can have its address.
        handle.last = (token, made)
        return made

    def reject(self, creds: Credentials) -> None:
        """Tells that R2 refused this credential: with 403 ``SignatureDoesNotMatch``, with 400 ``InvalidArgument`` about
        ``X-Amz-Security-Token``, or with 401; never on ``AccessDenied``, which is about the grant. The next :meth:`get`
        makes another one. Does nothing where it is not the current one any more, nor within 10 s of another rejection.
        """
        handle = self._open()
        if not isinstance(creds, Credentials):
            raise _arguments.refuse("creds", f"{type(creds).__name__}, expected Credentials, of get")
        lent = getattr(creds, "_lent", None)
        if lent is not None:
            _library.provider_reject(handle.provider, lent.credentials)

    @property
    def last_error(self) -> R2CredsError | None:
        """Why the last renewal failed; None when it succeeded, or none was tried. For alarms before the end comes."""
        address = _library.provider_last_error(self._open().provider)
        if address is None:
            return None
        try:
            return _error(_structs.Error.from_address(address))
        finally:
            _library.error_free(address)

    def _open(self) -> _Handle:
        """What a call uses until it is over, even when another thread closes the provider."""
        handle = self._handle
        if handle is None:
            raise _arguments.refuse("provider", "closed; make a new one")
        return handle

    def close(self) -> None:
        """Ends the renewal that runs, and waits of other threads, with :class:`CancelledError`. A second time it does
        nothing. Credentials that it gave stay."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _library.cancel_trigger(handle.cancel)

    def __enter__(self) -> Provider:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<r2creds.Provider, {'closed' if self._handle is None else 'open'}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if self._grant is None:
            raise TypeError(
                "a Provider with a client, or that was given its parent's secret, does not pickle; make one in each"
                " process, or leave the secret to R2_PARENT_SECRET_ACCESS_KEY"
            )
        return partial(Provider, **self._grant), ()


class _Handle:
    """The library's provider. The last reference frees it: the Provider's or, if that is closed meanwhile, a call's."""

    provider: c_void_p | None = None
    cancel: c_void_p | None = None

    def __init__(self, client: c_void_p | None, params: _structs.Params, options: _structs.RequestOptions) -> None:
        #: The address of the newest credential's token, and the credential.
        self.last: tuple[int | None, Credentials] | None = None
        self.cancel = c_void_p()
        status = _library.cancel_new(byref(self.cancel))
        if status:
            raise class_of(status)("no cancel object could be made", status=status)
        #: For every thread but the main one.
        self.wait = _Wait(self, False)
        #: For the main thread.
        self.spare: list[_Wait] = []
        self.provider = c_void_p()
        _checked(_library.provider_new, client, byref(params), byref(options), byref(self.provider))

    # The functions are arguments because a module is emptied before its last objects when the interpreter ends.
    def __del__(self, provider_free: Any = _library.provider_free, cancel_free: Any = _library.cancel_free) -> None:
        provider_free(self.provider)
        cancel_free(self.cancel)


class _Wait:
    """The options of a get."""

    def __init__(self, handle: _Handle, is_main: bool) -> None:
        poll = None
        if is_main:
            self.checks = _checks()
            next(self.checks)
            poll = _structs.POLL(self.checks.send)
        self.options = _structs.RequestOptions(sizeof(_structs.RequestOptions))
        self.options.cancel = handle.cancel
        if poll is not None:
            self.options.poll = poll
        self.by_reference = byref(self.options)


class _Lent:
    """A credential of C's, by which the provider knows it."""

    def __init__(self, credentials: c_void_p) -> None:
        self.credentials = credentials

    def __del__(self, credentials_free: Any = _library.credentials_free) -> None:
        credentials_free(self.credentials)
