"""A namespace for `Lance <https://lance.org>`_ whose credentials renew themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._source import Kept, Source

if TYPE_CHECKING:
    from lance_namespace import DescribeTableRequest, DescribeTableResponse, LanceNamespace


def namespace(provider: Source, root: str) -> LanceNamespace:
    """Tables below ``root``, of which Lance is told the credential, and when to ask for the next one::

        tables = r2creds.lance.namespace(provider, "s3://recordings/tables")
        lance.dataset(namespace_client=tables, table_id=["numbers"])       # s3://recordings/tables/numbers.lance

    It knows where a table is, and nothing else: which tables there are, and what is in them, is not its affair.

    Args:
        provider: A :class:`r2creds.Provider`, or a function that makes a credential.
        root: ``s3://`` and the bucket, and a prefix that the provider grants.

    Raises:
        InvalidArgumentError: The provider is neither, is async, or returns something else than Credentials.
        R2CredsError: No first credential could be had.
    """
    from lance_namespace import DescribeTableResponse, LanceNamespace

    kept, base = Kept(provider), root.rstrip("/")

    class Tables(LanceNamespace):
        def namespace_id(self) -> str:
            return f"r2creds:{base}"

        def describe_table(self, request: DescribeTableRequest) -> DescribeTableResponse:
            creds = kept()
            renew = str(int(creds.renew_at.timestamp()) * 1000)
            options = {**creds.storage_options(), "expires_at_millis": renew}
            # Lance asks for the first with a model, and for the next ones with a dict.
            table = (request["id"] if isinstance(request, dict) else request.id) or []
            return DescribeTableResponse(location=f"{base}/{'/'.join(table)}.lance", storage_options=options)

        def __reduce__(self) -> tuple[object, tuple[Source, str]]:
            return namespace, (provider, root)  # where the provider pickles

    return Tables()
