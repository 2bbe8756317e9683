"""A small S3 server on loopback, as strict as R2: it takes a request only with a credential that r2creds.sign made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape


class Server(ThreadingHTTPServer):
    """Many may knock at once, and hang up when they like."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class S3:
    """Has one bucket; ``grant`` is what r2creds.sign needs for it.

    ``objects`` are the bucket's, and ``tokens`` the session tokens of the requests that were accepted, in order;
    ``refused`` says why others were not.
    """

    def __init__(self, **grant: Any) -> None:
        self.objects: dict[str, bytes] = {}
        self.tokens: list[str] = []
        self.refused: list[str] = []
        self.server = Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.grant = {**grant, "endpoint": self.url}
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def refusal(self, request: BaseHTTPRequestHandler, body: bytes) -> str | None:
        """Why R2 would refuse it: its token, then its signature (AWS Signature Version 4), then its checksums."""
        headers = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
        algorithm, _, fields = headers.get("authorization", "").partition(" ")
        if algorithm != "AWS4-HMAC-SHA256":
            return "Unsigned"
        field = dict(part.strip().split("=", 1) for part in fields.split(","))
        access_key_id, day, region, service, _ = field["Credential"].split("/")
        if (region, service) != ("auto", "s3"):
            return f"Region {region}"

        jwt = base64.b64decode(headers.get("x-amz-security-token", ""))[4:]
        signed, _, signature = jwt.rpartition(b".")
        expected = base64.urlsafe_b64encode(_hmac(self.grant["parent_secret_access_key"].encode(), signed)).rstrip(b"=")
        if not hmac.compare_digest(signature, expected):
            return "X-Amz-Security-Token"
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(b".")[2] + b"=="))
        if claims["exp"] < time.time() or claims["iss"] != access_key_id or claims["aud"] != headers["host"]:
            return "X-Amz-Security-Token"

        url = urlsplit(request.path)
        query = sorted((quote(k, "-_.~"), quote(v, "-_.~")) for k, v in parse_qsl(url.query, keep_blank_values=True))
        canonical = "\n".join(
            [
                request.command,
                quote(unquote(url.path), "/-_.~"),
                "&".join(f"{k}={v}" for k, v in query),
                *(f"{name}:{headers[name]}" for name in field["SignedHeaders"].split(";")),
                "",
                field["SignedHeaders"],
                headers["x-amz-content-sha256"],
            ]
        )
        scope = f"{day}/auto/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = b"AWS4" + hashlib.sha256(jwt).hexdigest().encode()
        for part in (*scope.split("/"), f"{algorithm}\n{headers['x-amz-date']}\n{scope}\n{digest}"):
            key = _hmac(key, part.encode())
        if not hmac.compare_digest(key.hex(), field["Signature"]):
            return "SignatureDoesNotMatch"
        if headers["x-amz-content-sha256"] not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return "XAmzContentSHA256Mismatch"

        # Of a whole object R2 takes CRC64NVME, which polars sends; of others it is not known.
        unknown = [name for name in headers if "checksum" in name and name != "x-amz-checksum-crc64nvme"]
        if unknown or "x-amz-trailer" in headers:
            return f"NotImplemented {unknown}"
        self.tokens.append(headers["x-amz-security-token"])
        return None


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _handler(s3: S3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            refused = s3.refusal(self, body)
            if refused:
                s3.refused.append(refused)
                self.reply(
                    403, f"<Error><Code>AccessDenied</Code><Message>{escape(refused)}</Message></Error>".encode()
                )
                return
            url = urlsplit(self.path)
            bucket, _, key = unquote(url.path).lstrip("/").partition("/")
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            if bucket != s3.grant["bucket"]:
                self.reply(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            elif not key:
                self.listing(query)
            elif self.command == "PUT":
                if self.headers.get("If-None-Match") == "*" and key in s3.objects:
                    self.reply(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                    return
                s3.objects[key] = body
                self.reply(200, b"", ETag=_etag(body))
            elif self.command == "DELETE":
                s3.objects.pop(key, None)
                self.reply(204, b"")
            elif key not in s3.objects:
                self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self.content(s3.objects[key])

        do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815

        def content(self, data: bytes) -> None:
            unit, _, span = self.headers.get("Range", "").partition("=")
            if unit != "bytes":
                self.reply(200, data, ETag=_etag(data))
                return
            first, _, last = span.partition("-")
            start = int(first) if first else max(len(data) - int(last), 0)
            part = data[start : int(last) + 1 if first and last else None]
            content_range = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
            self.reply(206, part, **{"ETag": _etag(data), "Content-Range": content_range})

        def listing(self, query: dict[str, str]) -> None:
            prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
            found, folders = [], set()
            for key, data in sorted(s3.objects.items()):
                head, divider, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                if not key.startswith(prefix) or key <= query.get("start-after", ""):
                    continue
                if divider:
                    folders.add(f"<CommonPrefixes><Prefix>{escape(prefix + head + divider)}</Prefix></CommonPrefixes>")
                else:
                    found.append(
                        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                        f"<ETag>{escape(_etag(data))}</ETag><Size>{len(data)}</Size></Contents>"
                    )
            body = (
                f"<ListBucketResult><Name>{s3.grant['bucket']}</Name><Prefix>{escape(prefix)}</Prefix>"
                f"<KeyCount>{len(found)}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
                f"{''.join(found)}{''.join(sorted(folders))}</ListBucketResult>"
            )
            self.reply(200, body.encode())

        def reply(self, status: int, data: bytes, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("Accept-Ranges", "bytes")
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'
