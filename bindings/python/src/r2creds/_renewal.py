"""What the connections that renew a credential share: when, and what happens when that fails."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Callable

from ._arguments import refuse
from ._credentials import Credentials

#: Makes a credential each time it is called, with :func:`r2creds.sign` or :meth:`r2creds.Client.create`.
Mint = Callable[[], Credentials]

#: How long after a renewal that failed the next one is tried, while the credential is still good. Each may take as long
#: as a call's timeout.
_PAUSE = timedelta(seconds=10)


def minted(mint: Mint) -> Credentials:
    """What mint makes, or a clear error where that is no credential."""
    if not callable(mint):
        raise refuse("mint", f"{type(mint).__name__}, expected a function that returns Credentials: lambda: sign(...)")
    made: object = mint()
    if isinstance(made, Credentials):
        return made
    problem = f"it returned {type(made).__name__}"
    if hasattr(made, "__await__"):
        problem = "it is async, and nothing here awaits it"
        if hasattr(made, "close"):
            made.close()  # or Python warns that nobody awaited it
    del made  # it may hold secrets, which reporters of crashes would show
    raise refuse("mint", f"{problem}; expected a function that returns Credentials, of sign or Client.create")


def margin(creds: Credentials) -> timedelta:
    """How long before its end a credential should be replaced: an eighth of its life, at most ten minutes."""
    return min((creds.expires_at - creds.issued_at) / 8, timedelta(minutes=10))


class Renewed:
    """Calls mint, and again only when the credential is near its end. The first call is made at once, so that a wrong
    argument shows here, and because only a credential knows its endpoint.

    There is no lock, which a fork could leave locked: at worst two threads renew at once, and both results are good.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        #: The newest credential.
        self.creds = minted(mint)
        self._due = self.creds.expires_at - margin(self.creds)

    def renew(self) -> Credentials:
        """The newest credential, replaced first if it is time. If that fails, it is kept for as long as it is good."""
        if datetime.now(timezone.utc) >= self._due:
            try:
                self.creds = minted(self._mint)
                self._due = self.creds.expires_at - margin(self.creds)
            except Exception:
                if self.creds.expired:
                    raise
                self._due = min(datetime.now(timezone.utc) + _PAUSE, self.creds.expires_at)
                import logging  # rarely needed, and slow to import

                logging.getLogger("r2creds").warning("Renewing a credential early failed", exc_info=True)
        return self.creds
