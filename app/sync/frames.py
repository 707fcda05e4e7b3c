"""A stream of bytes that one receiver alone can read: frames of ChaCha20-Poly1305 under a key agreed with his box key."""

from __future__ import annotations

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import BadBundle

INFO = b"sabaq bundle 1"
FRAME = 64 * 1024  # bytes of content in every frame but the last, which has 1 to 64 KiB
TAG = 16
HEAD = 4


class Writable(Protocol):
    """What frames are written to."""

    def write(self, data: bytes, /) -> object: ...


class Readable(Protocol):
    """What frames are read from."""

    def read(self, n: int, /) -> bytes: ...


def agreed_key(own: X25519PrivateKey, other: bytes, preamble: bytes) -> bytes:
    """The key of one bundle, the same for both sides. Raises ValueError for a public key that agrees on nothing (RFC 7748, 6.1)."""
    shared = own.exchange(X25519PublicKey.from_public_bytes(other))
    return HKDF(SHA256(), 32, salt=hashlib.sha256(preamble).digest(), info=INFO).derive(shared)


def _nonce(counter: int, last: bool) -> bytes:
    # The last frame says so under its seal: a stream that was cut between two frames is noticed.
    return counter.to_bytes(11, "big") + bytes([last])


class FrameWriter:
    """Cuts what is written into frames. `close` writes the last one; without it no reader takes the stream."""

    def __init__(self, file: Writable, key: bytes, preamble: bytes) -> None:
        self._file, self._preamble = file, preamble
        self._cipher = ChaCha20Poly1305(key)
        self._waiting = bytearray()
        self._counter = 0

    def write(self, data: bytes) -> None:
        """Add to the stream."""
        self._waiting += data
        while len(self._waiting) > FRAME:
            self._frame(bytes(self._waiting[:FRAME]), last=False)
            del self._waiting[:FRAME]

    def close(self) -> None:
        """End the stream."""
        self._frame(bytes(self._waiting), last=True)

    def _frame(self, content: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._counter, last), content, self._preamble)
        self._file.write(len(sealed).to_bytes(HEAD, "big") + sealed)
        self._counter += 1


class FrameReader:
    """Gives back what was written. Raises BadBundle at the first frame that is not as it was sealed; nothing of it comes out.

    `size` is that of the whole file, `at` the place where the frames begin; `part` names to people where the reader is.
    """

    def __init__(self, file: Readable, key: bytes, preamble: bytes, *, at: int, size: int) -> None:
        self._file, self._preamble = file, preamble
        self._cipher = ChaCha20Poly1305(key)
        self._ready = memoryview(b"")
        self._counter = 0
        self._ended = False
        self._size = size
        self.at = at
        self.part = 1

    def read(self, n: int) -> bytes:
        """The next n bytes; fewer at the end of the stream alone."""
        pieces = []
        while n > 0:
            if not self._ready:
                if self._ended:
                    break
                self._ready = memoryview(self._next())
            piece, self._ready = self._ready[:n], self._ready[n:]
            pieces.append(piece)
            n -= len(piece)
        return b"".join(pieces)

    def ended(self) -> bool:
        """Whether nothing is left."""
        return self._ended and not self._ready

    def _next(self) -> bytes:
        head = self._take(HEAD)
        length = int.from_bytes(head, "big")
        if not TAG < length <= FRAME + TAG:
            raise self._changed()
        sealed = self._take(length)
        last = self.at == self._size
        try:
            content = self._cipher.decrypt(_nonce(self._counter, last), sealed, self._preamble)
        except InvalidTag:
            raise (self._cut() if last and self._is_inner(sealed) else self._changed()) from None
        if not last and len(content) < FRAME:
            raise self._changed()
        self._counter += 1
        self._ended = last
        return content

    def _is_inner(self, sealed: bytes) -> bool:
        """Whether it is a whole frame after which others were written."""
        try:
            self._cipher.decrypt(_nonce(self._counter, False), sealed, self._preamble)
        except InvalidTag:
            return False
        return True

    def _take(self, n: int) -> bytes:
        try:
            data = self._file.read(n)
        except OSError as error:
            raise BadBundle("unreadable", bytes=self.at) from error
        self.at += len(data)
        if len(data) < n:
            raise self._cut()
        return data

    def _cut(self) -> BadBundle:
        return BadBundle("cut", bytes=self.at)

    def _changed(self) -> BadBundle:
        return BadBundle("changed", part=self.part)
