"""Requests of a class server to its centre over one connection: signed, bounded, and with an end to every wait."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.errors import DomainError, say
from app.sync import envelope
from app.sync.envelope import Cargo, Hello
from app.sync.keys import NodeKeys

if TYPE_CHECKING:
    import urllib3

log = logging.getLogger("sabaq.wire")

CONNECT_SECONDS, ANSWER_SECONDS = 20.0, 120.0
FETCH = 1024 * 1024  # bytes asked for at once; what has come of them is kept at a cut
LARGEST_ANSWER = envelope.LARGEST + 512 * 1024


class NoLine(DomainError):
    message = say("wire", "The centre could not be reached.")


class Cut(NoLine):
    """The line broke under a request: whether it arrived is not known."""

    message = say("wire", "The line to the centre was cut.")


class SaidNo(DomainError):
    """The centre refused, in its own words."""

    def __init__(self, text: str, *, kind: str = "", status: int = 0, detail: Any = None) -> None:
        self.kind, self.status, self.detail = kind, status, detail
        super().__init__(say("wire", "The centre says: {said}", said=text))


class Wire:
    """One connection to the centre, kept open between requests."""

    def __init__(self, address: str, *, node: str, centre: str, keys: NodeKeys, authorities: Path | None = None) -> None:
        import urllib3

        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NoLine(say("wire", "{address} is no address of a centre: it begins with https:// or http://.", address=address))
        self.prefix = parts.path.rstrip("/")
        self.node, self.centre, self.keys = node, centre, keys
        self.requests = self.bytes_out = self.bytes_in = 0
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
        common: dict[str, Any] = {"maxsize": 1, "block": True, "retries": False, "timeout": timeout}
        if parts.scheme == "https":
            authority = str(authorities) if authorities and authorities.exists() else None
            self.pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(parts.hostname, parts.port, ca_certs=authority, **common)
        else:
            self.pool = urllib3.HTTPConnectionPool(parts.hostname, parts.port, **common)

    def close(self) -> None:
        """The exchange is over."""
        self.pool.close()

    def hello(self, said: Hello, cargo: bytes) -> bytes:
        """Say hello; the answer as it came. Raises NoLine, Cut, SaidNo."""
        status, data = self._ask("POST", "/sync/hello", envelope.pack(said, self.keys, envelope.HELLO, cargo), signed=False)
        if status == 403 and not data.startswith(b'{"error"'):
            return data  # signed by the centre: this node is revoked
        return self._fine(status, data)

    def offset(self, bundle: str) -> int:
        """How much of a bundle has arrived at the centre."""
        return int(json.loads(self._fine(*self._ask("GET", f"/sync/up/{bundle}")))["offset"])

    def put(self, bundle: str, offset: int, data: bytes) -> int:
        """Send a piece; gives where the next one begins."""
        status, answer = self._ask("PUT", f"/sync/up/{bundle}?offset={offset}", data)
        said = _json(answer)
        if status == 409 and isinstance(said.get("offset"), int):
            return int(said["offset"])
        return int(json.loads(self._fine(status, answer))["offset"])

    def fetch(self, bundle: Cargo, offset: int) -> Iterator[bytes]:
        """What comes of the bundle from there, as it comes, at most FETCH bytes."""
        target = f"/sync/down/{bundle.id}"
        last = min(offset + FETCH, bundle.size) - 1
        with self._request("GET", target, headers={"Range": f"bytes={offset}-{last}", "If-Match": f'"{bundle.sha256}"'}) as response:
            if response.status != 206:
                self._fine(response.status, self._whole(response))
                raise SaidNo("", status=response.status)
            left = last - offset + 1
            for data in self._pieces(response):
                yield data[:left]
                left -= len(data)
                if left <= 0:
                    break

    def _ask(self, method: str, target: str, body: bytes = b"", *, signed: bool = True) -> tuple[int, bytes]:
        with self._request(method, target, body, signed=signed) as response:
            return response.status, self._whole(response)

    @contextmanager
    def _request(
        self, method: str, target: str, body: bytes = b"", *, headers: dict[str, str] | None = None, signed: bool = True
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ProtocolError

        all_headers = {"Accept": "application/json", "User-Agent": "sabaq"} | (headers or {})
        if signed:
            all_headers["Sabaq-Signature"] = envelope.credentials(
                self.keys, sender=self.node, to=self.centre, method=method, target=target, body=body
            )
        if body:
            all_headers["Content-Type"] = "application/octet-stream"
        self.requests += 1
        self.bytes_out += len(body)
        try:
            response = self.pool.urlopen(
                method, self.prefix + target, body=body or None, headers=all_headers, preload_content=False, redirect=False, decode_content=False,
            )
        except (NewConnectionError, NameResolutionError) as error:
            raise NoLine() from error
        except (HTTPError, OSError) as error:
            log.info("%s %s: %s", method, target, error)
            raise (Cut() if body or isinstance(error, ProtocolError) else NoLine()) from error
        try:
            yield response
        except (HTTPError, OSError) as error:
            log.info("%s %s: %s", method, target, error)
            raise Cut() from error
        finally:
            if response.closed or response.length_remaining == 0:
                response.release_conn()
            else:
                response.close()  # what was left is not read: the connection cannot be used again

    def _pieces(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        while data := response.read1(64 * 1024):
            self.bytes_in += len(data)
            yield data

    def _whole(self, response: urllib3.BaseHTTPResponse) -> bytes:
        data = b""
        for piece in self._pieces(response):
            data += piece
            if len(data) > LARGEST_ANSWER:
                raise SaidNo("…", status=response.status)
        return data

    @staticmethod
    def _fine(status: int, data: bytes) -> bytes:
        if 200 <= status < 300:
            return data
        said = _json(data)
        text = said.get("error") if isinstance(said.get("error"), str) else f"HTTP {status}"
        raise SaidNo(str(text), kind=str(said.get("kind", "")), status=status)


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
