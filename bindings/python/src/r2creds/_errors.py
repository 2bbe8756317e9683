"""What can go wrong: one exception class for each status of the library."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple


class ApiError(NamedTuple):
    """One entry of the errors in Cloudflare's reply."""

    #: Cloudflare's number, such as 10000; 0 where absent.
    code: int
    #: Cloudflare's text.
    message: str | None
    #: Where Cloudflare explains it.
    documentation_url: str | None
    #: JSON pointer to the part of the request at fault.
    pointer: str | None


class R2CredsError(Exception):
    """Why a call failed, and the root of this package's exceptions. It holds no secret, and may be pickled.

    ``str(error)`` is the message, with the hint on a second line where there is one.
    """

    #: The library's number for what happened, R2CREDS_STATUS_* in r2creds.h. Read one that you do not know by its
    #: hundred: 1xx your arguments, 2xx the way to Cloudflare, 3xx Cloudflare's answer, 9xx the library.
    status: int = 0
    #: The reply's HTTP status; 0: there was no reply.
    http_status: int = 0
    #: The argument at fault, such as "bucket".
    field: str | None = None
    #: Cloudflare's own errors; at most 64 are kept.
    errors: tuple[ApiError, ...] = ()
    #: Cloudflare's own messages; at most 64 are kept.
    messages: tuple[str, ...] = ()
    #: Cloudflare's CF-Ray, to quote to its support.
    request_id: str | None = None
    #: How long the server asked to wait, whenever it can be read.
    retry_after: timedelta | None = None
    #: The likely cause and the next step, where they are known.
    hint: str | None = None
    #: Whether the same call may succeed later.
    retryable: bool = False
    #: How many attempts were made; 0: nothing was sent.
    attempts: int = 0

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        #: One line for a person.
        self.message = message
        self.__dict__.update(facts)

    def __str__(self) -> str:
        return f"{self.message}\n    {self.hint}" if self.hint else self.message


class InvalidArgumentError(R2CredsError, ValueError):
    """An argument is missing, malformed or contradicts another; ``field`` names it. Nothing was sent."""

    status = 100


class UnsupportedError(R2CredsError):
    """The request is understood, but this version cannot do it (a kind of proxy, say). Nothing was sent."""

    status = 101


class NoAuthenticationError(R2CredsError):
    """No API token, nor e-mail and key, in the arguments or the environment. Nothing was sent."""

    status = 102


class APIConnectionError(R2CredsError):
    """Name lookup, connection, reset, truncated reply, or a proxy that refused."""

    status = 200


class TLSError(APIConnectionError):
    """The certificate or the TLS handshake failed. Never retried."""

    status = 201


class APITimeoutError(APIConnectionError):
    """``timeout_ms``, ``attempt_timeout_ms`` or ``connect_timeout_ms`` ran out."""

    status = 202


class CancelledError(R2CredsError):
    """The client was closed while the call was under way."""

    status = 203


class APIStatusError(R2CredsError):
    """Cloudflare refused: any reply that is not 2xx and has no class of its own, or a 2xx whose success is false."""

    status = 308


class BadRequestError(APIStatusError):
    """HTTP 400."""

    status = 300


class AuthenticationError(APIStatusError):
    """HTTP 401."""

    status = 301


class PermissionDeniedError(APIStatusError):
    """HTTP 403."""

    status = 302


class NotFoundError(APIStatusError):
    """HTTP 404."""

    status = 303


class ConflictError(APIStatusError):
    """HTTP 409."""

    status = 304


class UnprocessableEntityError(APIStatusError):
    """HTTP 422."""

    status = 305


class RateLimitError(APIStatusError):
    """HTTP 429; ``retry_after`` says how long the server wants quiet."""

    status = 306


class InternalServerError(APIStatusError):
    """HTTP 5xx."""

    status = 307


class InvalidResponseError(R2CredsError):
    """A 2xx reply that cannot be used: not JSON, a credential missing or empty, compressed, or larger than 1 MiB."""

    status = 309


class InternalError(R2CredsError):
    """The system refused something the library needs (900), or a bug in it was caught (901). Please report it."""

    status = 900


_CLASSES: dict[int, type[R2CredsError]] = {
    cls.status: cls
    for cls in (
        InvalidArgumentError,
        UnsupportedError,
        NoAuthenticationError,
        APIConnectionError,
        TLSError,
        APITimeoutError,
        CancelledError,
        BadRequestError,
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        ConflictError,
        UnprocessableEntityError,
        RateLimitError,
        InternalServerError,
        APIStatusError,
        InvalidResponseError,
        InternalError,
    )
}
# A later library may know more statuses. They are read by their hundred.
_FAMILIES: dict[int, type[R2CredsError]] = {
    1: InvalidArgumentError,
    2: APIConnectionError,
    3: APIStatusError,
    9: InternalError,
}


def forget(error: BaseException) -> None:
    """Empties this package's frames in the traceback of an exception.

    What reports crashes shows the local variables of every frame, and here they are tokens and keys. The frame that
    calls this is still running: it has to delete its own.
    """
    traceback = error.__traceback__
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        if frame.f_globals.get("__package__") == __package__:
            with suppress(RuntimeError):  # it is running
                frame.clear()


def class_of(status: int) -> type[R2CredsError]:
    """The exception class of a status of the library."""
    return _CLASSES.get(status) or _FAMILIES.get(status // 100, R2CredsError)
