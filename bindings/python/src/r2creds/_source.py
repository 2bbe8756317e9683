"""Where the connections to other libraries get their credentials from."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Callable

from ._arguments import refuse
from ._credentials import Credentials
from ._provider import Provider

#: A :class:`Provider`, or a function that makes a credential each time it is called, with :func:`r2creds.sign` or
#: :meth:`r2creds.Client.create`.
Source = Callable[[], Credentials]


def _credentials(source: Source) -> Credentials:
    """What a source gives, or a clear error where that is no credential."""
    expected = "expected r2creds.Provider, or a function that returns Credentials"
    if not callable(source):
        raise refuse("provider", f"{type(source).__name__}, {expected}")
    made: object = source()
    if isinstance(made, Credentials):
        return made
    problem = f"it returned {type(made).__name__}"
    if hasattr(made, "__await__"):
        problem = "it is async, and nothing here awaits it"
        if hasattr(made, "close"):
            made.close()  # or Python warns that nobody awaited it
    del made  # it may hold secrets, which reporters of crashes would show
    raise refuse("provider", f"{problem}; {expected}")


class Kept:
    """What a source gives, each time it is called. Of a function's it keeps the newest up to its ``renew_at``, and
    after that, while each call tries to make another, for as long as it is good: no pause, no lock, as a Provider has.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        #: The first, made at once, so that a wrong argument shows here, and because it says where the endpoint is.
        self.first = self._newest = _credentials(source)

    def __call__(self) -> Credentials:
        if isinstance(self.source, Provider):
            return self.source()
        if datetime.now(timezone.utc) >= self._newest.renew_at:
            try:
                self._newest = _credentials(self.source)
            except Exception:
                if self._newest.expired:
                    raise
        return self._newest
