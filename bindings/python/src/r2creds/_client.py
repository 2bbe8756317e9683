"""The calls: sign, and Client with create and parent_of_token."""

from __future__ import annotations

import sys
import threading
from collections.abc import Coroutine, Generator, Iterable, Mapping
from ctypes import POINTER, byref, c_void_p
from datetime import datetime, timedelta, timezone
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, NoReturn, TypeVar

from . import _arguments, _library, _structs
from ._arguments import Action, Jurisdiction, JurisdictionText, Permission, PermissionText
from ._credentials import Credentials
from ._errors import ApiError, R2CredsError, class_of, forget
from ._parent import Parent, TokenKind

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    _Arguments = ParamSpec("_Arguments")

_CredentialsPointer = POINTER(_structs.Credentials)
_ParentPointer = POINTER(_structs.Parent)
_KINDS = {1: TokenKind.USER, 2: TokenKind.ACCOUNT}
_Made = TypeVar("_Made")
_ErrorPointer = POINTER(_structs.Error)


def sign(
    *,
    account_id: str,
    bucket: str,
    parent_access_key_id: str,
    parent_secret_access_key: str,
    permission: Permission | PermissionText | None = None,
    actions: Iterable[Action] | None = None,
    prefixes: Iterable[str] | None = None,
    objects: Iterable[str] | None = None,
    directories: Iterable[str] | None = None,
    ttl_seconds: int | timedelta | None = None,
    jurisdiction: Jurisdiction | JurisdictionText | None = None,
    endpoint: str | None = None,
    issued_at: int | datetime | None = None,
) -> Credentials:
    """Makes a credential locally from the parent key pair. No network; microseconds.

    Exactly one of ``permission`` and ``actions`` is needed: R2 refuses a token that carries both. A wrong parent secret
    of the right shape cannot be noticed here; R2 answers such a credential with an opaque HTTP 400.

    Args:
        account_id: Cloudflare account id, 1 to 32 of ``A-Z a-z 0-9 _ -``.
        bucket: Bucket name, 3 to 63 of ``a-z 0-9 -``, alphanumeric at both ends.
        parent_access_key_id: Access key id of the parent key pair: 32 lower-case hexadecimal digits, the id of its
            API token.
        parent_secret_access_key: Its secret: 64 lower-case hexadecimal digits, the SHA-256 of the API token's value.
        permission: A :class:`Permission`, or its text such as ``"object-read-only"``.
        actions: S3 operations instead of a permission, each at most once: ``HeadObject GetObject GetBucketLocation
            ListObjectsV1 ListObjectsV2 ListMultipartUploads ListParts``, ``PutObject DeleteObject DeleteObjects
            CopyObject``, ``CreateMultipartUpload UploadPart UploadPartCopy AbortMultipartUpload
            CompleteMultipartUpload``.
        prefixes: Key prefixes the credential may touch, 1 to 1024 bytes each. Plain string prefixes: ``data/a`` also
            opens ``data/ab``, and ``directories`` do not. With no prefixes, objects and directories (all None): the
            whole bucket. A list that is empty is refused, and so is an iterator that has ended: what a program computed
            must not open the whole bucket when it comes out empty.
        objects: Exact object keys the credential may touch, 1 to 1024 bytes each. As ``prefixes``, not empty.
        directories: Directories the credential may touch, 1 to 1023 bytes each, without a slash at the end:
            ``data/tbl`` is everything below it and the bare name, and nothing beside it such as ``data/tbl2``. As
            ``prefixes``, not empty.
        ttl_seconds: Lifetime, whole seconds from 1 to 604800 (seven days), or a timedelta. Default: 900. 0 is refused.
        jurisdiction: A :class:`Jurisdiction`, or its text such as ``"eu"``. Not together with ``endpoint``.
        endpoint: Scheme and host of the S3 endpoint. Default:
            ``https://<account>[.eu|.fedramp|.us].r2.cloudflarestorage.com``.
        issued_at: When it begins: Unix seconds, or an aware datetime, of which a fraction of a second is dropped.
            Default: now. For reproducible tests.

    Raises:
        InvalidArgumentError: An argument is missing, malformed or contradicts another; ``field`` names it.
        InternalError: The library failed. Please report it.
    """
    try:
        # locals() are here the arguments, by name.
        params = _arguments.filled(_structs.Params, locals())
        return _made(_library.sign, byref(params))
    except BaseException as error:
        del parent_secret_access_key
        forget(error)
        raise


def _awaitable(
    create: Callable[Concatenate[Client, _Arguments], Credentials],
) -> Callable[
    [Callable[..., Coroutine[Any, Any, Credentials]]],
    Callable[Concatenate[Client, _Arguments], Coroutine[Any, Any, Credentials]],
]:
    """Gives acreate the arguments of create, for type checkers and help()."""

    def mark(acreate: Any) -> Any:
        acreate.__wrapped__ = create  # where inspect.signature looks
        return acreate

    return mark


class Client:
    """Makes calls to Cloudflare's API. Keep it: it keeps the connection.

    Any number of threads may use one at once, and it works in parent and child after a fork. As a context manager it
    closes itself. Making one sends nothing: it settles authentication, proxy and certificates, and reads ``os.environ``
    where an argument is None. But for a :class:`Provider` that signs nothing else here does. Authentication is the
    explicit token, else the explicit e-mail and key, else the token of the environment, else its e-mail and key: one
    scheme, never two.

    Args:
        api_token: API token. Default: ``CLOUDFLARE_API_TOKEN``.
        api_email: E-mail of the older pair. Default: ``CLOUDFLARE_EMAIL``. Needs ``api_key``.
        api_key: API key of the older pair. Default: ``CLOUDFLARE_API_KEY``. Needs ``api_email``.
        base_url: Where the API is: https, or http to loopback. Default: ``CLOUDFLARE_BASE_URL``, else Cloudflare.
        proxy_url: ``http://[user:password@]host:port``. Default: ``HTTPS_PROXY`` or ``ALL_PROXY``, less ``NO_PROXY``.
            ``""``: none.
        ca_file: A PEM file whose certificates are trusted instead of all others. Default: ``SSL_CERT_FILE``,
            else the system's.
        user_agent: Printable ASCII, put in front of ``r2creds/<version>``. Default: nothing.
        timeout_ms: For a whole call: every attempt, wait and body; milliseconds, or a timedelta. Default: 60 s.
        attempt_timeout_ms: For one attempt. Default: 20 s.
        connect_timeout_ms: For connection and TLS of one attempt. Default: 5 s. The name lookup before it has the
            attempt's time. Of the three, a narrower one is capped by a wider one; 0 is refused.
        max_retries: How often a failed attempt is repeated; 0: never. Default: 2.
        no_environment: What is None is not looked for in the environment: no variable is read, ``SSL_CERT_FILE``
            neither.

    Raises:
        InvalidArgumentError: An argument is malformed or contradicts another; ``field`` names it.
        NoAuthenticationError: No API token, nor e-mail and key, in the arguments or the environment.
        UnsupportedError: A proxy of a kind that this version does not know.
    """

    #: None: it is closed, or was never made.
    _calls: _Calls | None = None

    def __init__(
        self,
        *,
        api_token: str | None = None,
        api_email: str | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        proxy_url: str | None = None,
        ca_file: str | PathLike[str] | None = None,
        user_agent: str | None = None,
        timeout_ms: int | timedelta | None = None,
        attempt_timeout_ms: int | timedelta | None = None,
        connect_timeout_ms: int | timedelta | None = None,
        max_retries: int | None = None,
        no_environment: bool = False,
    ) -> None:
        try:
            flags = no_environment  # as C's field is called, for locals()
            options = _arguments.filled(_structs.ClientOptions, locals())
            self._calls = _Calls(_Handle(options))
        except BaseException as error:
            del api_token, api_key, proxy_url
            forget(error)
            raise

    def create(
        self,
        *,
        account_id: str,
        bucket: str,
        parent_access_key_id: str,
        permission: Permission | PermissionText,
        parent_secret_access_key: str | None = None,
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
    ) -> Credentials:
        """Asks Cloudflare's API for a credential. Blocks until there is a result, at most ``timeout_ms``.

        In the main thread Ctrl-C ends it at once, in any phase, and so does whatever a signal's handler raises; in
        another thread :meth:`close` ends it. In a coroutine use :meth:`acreate`: this would hold up the event loop, and
        asyncio keeps the first Ctrl-C for the loop's next turn.

        Failed attempts are repeated where that can help: no connection, a reset, an attempt's timeout, HTTP 408, 409,
        429 and 5xx; never a bad argument or a TLS failure.

        Args:
            account_id, bucket, permission, prefixes and so on: What is granted, as for :func:`sign`.
            jurisdiction, endpoint: As for :func:`sign`; here they decide nothing but the ``endpoint`` of the result.
            parent_secret_access_key: Not needed and not sent; if it is there, it is kept out of errors.
            actions, issued_at: Refused, for the API has neither; here so that one set of arguments fits both calls.
            headers: Extra headers. Those that authenticate or frame the request are refused: Host, Content-*,
                Transfer-Encoding, Connection, Keep-Alive, TE, Trailer, Upgrade, Expect, Accept-Encoding,
                Authorization, Proxy-*, X-Auth-*.
            extra_body: JSON values that are appended to the request's body, for parameters newer than this package.
            timeout_ms: For the whole call; milliseconds, or a timedelta. Default: the client's.
            max_retries: How often a failed attempt is repeated; 0: never. Default: the client's.

        Raises:
            InvalidArgumentError: An argument is missing, malformed or contradicts another, or the client is closed.
            APIStatusError: Cloudflare refused; its subclasses say why.
            APIConnectionError: No way to Cloudflare; also :class:`TLSError` and :class:`APITimeoutError`.
            InvalidResponseError: A reply that cannot be used.
            CancelledError: The client was closed meanwhile.
        """
        given = locals()
        try:
            calls = self._open()
            params = _arguments.filled(_structs.Params, given)
            handle = calls.handle
            return calls.run(given, lambda options: _made(_library.create, handle.client, byref(params), options))
        except BaseException as error:
            del given, parent_secret_access_key, headers, extra_body
            forget(error)
            raise

    @_awaitable(create)
    async def acreate(self, **arguments: Any) -> Credentials:
        """The same as :meth:`create`, in a coroutine: under asyncio, or trio, and with anyio on either.

        It runs in a thread, of asyncio's default executor or of trio's, both of which bound how many run at once;
        ``timeout_ms`` begins when it has one. When its task is cancelled, by Ctrl-C, a timeout or a task group, that is
        raised at once, and the call in the thread ends within some 25 milliseconds. A check of the arguments that
        fails is raised where it is awaited.

        Args:
            account_id and so on: As for :meth:`create`.

        Raises:
            R2CredsError: As :meth:`create`.
        """
        try:
            calls = self._open()
            # The same connections, and a cancel of its own.
            one = Client.__new__(Client)
            one._calls = _Calls(calls.handle)
            calls.awaited.add(one)
            try:
                if self._calls is None:  # closed by another thread, which may not have seen this call
                    one.close()
                return await _in_a_thread(lambda: one.create(**arguments))
            finally:
                calls.awaited.discard(one)
                one.close()
        except BaseException as error:
            del arguments
            forget(error)
            raise

    def parent_of_token(
        self,
        account_id: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_ms: int | timedelta | None = None,
        max_retries: int | None = None,
    ) -> Parent:
        """Asks Cloudflare what the client's API token is called, and makes of that the parent key pair which
        :func:`sign` and a signing :class:`Provider` need: the token's id, and the SHA-256 of its value.

        A user's token is looked for first, then, if that is refused with 401 or 403, the account's; a client remembers
        which it was. Both are attempts of one call, which blocks as :meth:`create` does. A token that is disabled or
        has expired is no error: look at ``token_status``.

        Args:
            account_id: As for :func:`sign`.
            headers, timeout_ms, max_retries: As for :meth:`create`.

        Raises:
            InvalidArgumentError: An argument is malformed, or the client has no API token, or is closed.
            R2CredsError: As :meth:`create`.
        """
        given = {**locals(), "extra_body": None}
        try:
            calls = self._open()
            account = _arguments.text("account_id", account_id)

            def ask(options: Any) -> Parent:
                out = _ParentPointer()
                try:
                    _checked(_library.parent_of_token, calls.handle.client, account, options, byref(out))
                    return _parent(out.contents)
                finally:
                    _library.parent_free(out)

            return calls.run(given, ask)
        except BaseException as error:
            del given, headers
            forget(error)
            raise

    def _open(self) -> _Calls:
        """What keeps the connections until a call is over, even when another thread closes the client."""
        calls = self._calls
        if calls is None:
            raise _arguments.refuse("client", "closed; make a new one")
        return calls

    def close(self) -> None:
        """Closes the connections. Calls that other threads have under way end with :class:`CancelledError`. A second
        time it does nothing."""
        calls, self._calls = self._calls, None
        if calls is not None:
            _library.cancel_trigger(calls.cancel)
            for one in tuple(calls.awaited):
                one.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<r2creds.Client, {'closed' if self._calls is None else 'open'}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Client holds connections and an API token, and does not pickle; make one in each process")


class _Handle:
    """The library's client.

    The last reference frees it: the Client's or, if that is closed meanwhile, a call's. So no lock is needed, which a
    fork could leave locked.
    """

    client: c_void_p | None = None

    def __init__(self, options: _structs.ClientOptions) -> None:
        self.client = c_void_p()
        variables = _arguments.environment()
        _checked(_library.client_new, byref(options), variables, len(variables), byref(self.client))

    # The function is an argument because a module is emptied before its last objects when the interpreter ends.
    def __del__(self, client_free: Any = _library.client_free) -> None:
        client_free(self.client)


class _Calls:
    """The calls that are cancelled together: a Client's, or the one of an acreate. The last reference frees it."""

    cancel: c_void_p | None = None

    def __init__(self, handle: _Handle) -> None:
        self.handle = handle
        #: A client for each acreate that is under way, to be closed with this one.
        self.awaited: set[Client] = set()
        self.cancel = c_void_p()
        status = _library.cancel_new(byref(self.cancel))
        if status:
            raise class_of(status)("no cancel object could be made", status=status)

    def run(self, given: Mapping[str, Any], call: Callable[[Any], _Made]) -> _Made:
        """Makes a call with the options among the arguments, which close and signals end."""
        checks = _checks()
        next(checks)
        # Only the main thread handles signals, and another that came back into an interpreter that is ending would
        # take the process down.
        main = threading.get_ident() == threading.main_thread().ident
        poll = _structs.POLL(checks.send) if main else None
        options = _arguments.filled(_structs.RequestOptions, {**given, "cancel": self.cancel, "poll": poll})
        try:
            return call(byref(options))
        finally:
            while next(checks):  # raises what a signal's handler raised meanwhile
                pass

    def __del__(self, cancel_free: Any = _library.cancel_free) -> None:
        cancel_free(self.cancel)


async def _in_a_thread(work: Callable[[], Credentials]) -> Credentials:
    """Waits for work in a thread. A wait that is cancelled leaves the thread behind, with the work to be cancelled."""
    # Whoever is inside trio has loaded sniffio.
    sniffio = sys.modules.get("sniffio")
    if sniffio is not None and sniffio.current_async_library() == "trio":
        import trio

        return await trio.to_thread.run_sync(work, abandon_on_cancel=True)
    import asyncio  # slow to import

    return await asyncio.get_running_loop().run_in_executor(None, work)


def _checks(spare: int = 1) -> Generator[int, object, None]:
    """What the library polls, so that Python handles signals while a call waits.

    Says 0, or 1 once a handler has raised (KeyboardInterrupt), and raises that when it is resumed after the call, for
    ctypes swallows what a callback raises. It is a generator because a function can be interrupted on its first
    instruction, before its `try` begins; a generator that was left inside its `try` goes on inside it. Up to Python
    3.10 a second signal can also come on the first instruction of an `except`, and is caught one level up.
    """
    try:
        if spare:
            yield from _checks(spare - 1)
        while True:
            yield 0
    except GeneratorExit:
        return
    except BaseException:
        yield 1
        raise


def parent_of_token(client: Client | None = None, *, account_id: str) -> Parent:
    """The key pair that belongs to an API token, for programs that have only that: :meth:`Client.parent_of_token`.

    Args:
        client: Whose API token it is. None: one from the environment, for this call.
        account_id: As for :func:`sign`.

    Raises:
        InvalidArgumentError: An argument is malformed, or the client has no API token, or is closed.
        R2CredsError: As :class:`Client` and :meth:`Client.create`.
    """
    if client is not None:
        return client.parent_of_token(account_id)
    with Client() as own:
        return own.parent_of_token(account_id)


def _checked(function: Any, *arguments: Any) -> None:
    """Calls a function of the library, which says what went wrong."""
    err = _ErrorPointer()
    try:
        if function(*arguments, byref(err)):
            raise _error(err.contents)
    finally:
        _library.error_free(err)


def _made(function: Any, *arguments: Any) -> Credentials:
    out = _CredentialsPointer()
    try:
        _checked(function, *arguments, byref(out))
        return _credentials(out.contents)
    finally:
        _library.credentials_free(out)


def _credentials(raw: _structs.Credentials) -> Credentials:
    return Credentials(
        access_key_id=raw.access_key_id.decode(),
        secret_access_key=raw.secret_access_key.decode(),
        session_token=raw.session_token.decode(),
        endpoint=raw.endpoint.decode(),
        request_id=_text(raw.request_id),
        issued_at=_time(raw.issued_at),
        expires_at=_time(raw.expires_at),
        renew_at=_time(raw.renew_at),
        renew_by=_time(raw.renew_by),
    )


def _parent(raw: _structs.Parent) -> Parent:
    return Parent(
        access_key_id=raw.access_key_id.decode(),
        secret_access_key=raw.secret_access_key.decode(),
        token_status=raw.token_status.decode(),
        kind=_KINDS[raw.kind],
        not_before=_time(raw.not_before) if raw.not_before else None,
        expires_at=_time(raw.expires_at) if raw.expires_at else None,
    )


def _error(raw: _structs.Error) -> R2CredsError:
    return class_of(raw.status)(
        raw.message.decode(),
        status=raw.status,
        http_status=raw.http_status,
        field=_text(raw.field),
        errors=tuple(
            ApiError(e.code, _text(e.message), _text(e.documentation_url), _text(e.pointer))
            for e in (raw.errors[i].contents for i in range(raw.errors_len))
        ),
        messages=tuple(raw.messages[i].decode() for i in range(raw.messages_len)),
        request_id=_text(raw.request_id),
        retry_after=_wait(raw.retry_after_ms),
        hint=_text(raw.hint),
        retryable=raw.retryable != 0,
        attempts=raw.attempts,
    )


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):  # after the year 9999, or before the year 1
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=timezone.utc)


def _wait(milliseconds: int) -> timedelta | None:
    if milliseconds < 0:
        return None
    try:
        return timedelta(milliseconds=milliseconds)
    except OverflowError:  # a server may ask for more than a timedelta holds
        return timedelta.max


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
