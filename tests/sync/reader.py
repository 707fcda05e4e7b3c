"""Another reader of bundles, written from docs/exchange.md alone: nothing of the product is imported here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def content_of(data: bytes, box_private: bytes) -> bytes:
    """What is inside the frames."""
    first, second, _ = data.split(b"\n", 2)
    if first != b"SABAQ BUNDLE 1":
        raise ValueError("no bundle")
    preamble = first + b"\n" + second + b"\n"
    ephemeral = base64.b64decode(json.loads(second)["ephemeral"])
    shared = X25519PrivateKey.from_private_bytes(box_private).exchange(X25519PublicKey.from_public_bytes(ephemeral))
    key = HKDF(SHA256(), 32, salt=hashlib.sha256(preamble).digest(), info=b"sabaq bundle 1").derive(shared)
    cipher, content, counter, at, last = ChaCha20Poly1305(key), b"", 0, len(preamble), False
    while not last:
        length = int.from_bytes(data[at : at + 4], "big")
        sealed = data[at + 4 : at + 4 + length]
        at += 4 + length
        last = at == len(data)
        plain = cipher.decrypt(counter.to_bytes(11, "big") + (b"\1" if last else b"\0"), sealed, preamble)
        if not last and len(plain) != 65536:
            raise ValueError("a short frame inside")
        content += plain
        counter += 1
    return content


def parts_of(content: bytes, sign_public: bytes) -> tuple[dict[str, Any], list[tuple[dict[str, Any], bytes]]]:
    """The manifest, and each part with its row."""
    parts = list(_split(content))
    (kind, manifest), (second, signature) = parts[0], parts[1]
    if (kind, second, parts[-1]) != ("M", "S", ("E", b"")):
        raise ValueError("order")
    Ed25519PublicKey.from_public_bytes(sign_public).verify(signature, b"sabaq manifest\n" + hashlib.sha256(manifest).digest())
    said = json.loads(manifest)
    found = []
    for row, (kind, part) in zip(said["parts"], parts[2:-1], strict=True):
        if (row["kind"], row["size"], row["sha256"]) != (kind, len(part), hashlib.sha256(part).hexdigest()):
            raise ValueError("a part is not what the manifest says")
        found.append((row, part))
    return said, found


def _split(content: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at + 1 : at + 9], "big")
        yield chr(content[at]), content[at + 9 : at + 9 + size]
        at += 9 + size


def segment_of(part: bytes, sign_public: bytes) -> tuple[dict[str, Any], list[Any]]:
    """The header of a segment and its entries, proven."""
    end = part.index(b"\n")
    line, signature, body = part[:end], part[end + 1 : end + 65], part[end + 65 :]
    Ed25519PublicKey.from_public_bytes(sign_public).verify(signature, b"sabaq segment\n" + hashlib.sha256(line).digest())
    header = json.loads(line)
    text = zstandard.ZstdDecompressor().decompress(body)
    found = json.loads(text)
    hashes = []
    for place, (entry, written) in enumerate(zip(found["entries"], _as_written(text), strict=True)):
        salt = hmac.digest(bytes.fromhex(found["seed"]), place.to_bytes(4, "big"), "sha256")[:16] if "seed" in found else found["salts"][place]
        if salt is None:
            hashes.append(bytes.fromhex(entry[1]))
            continue
        hashes.append(hashlib.sha256((salt if isinstance(salt, bytes) else bytes.fromhex(salt)) + written).digest())
    if len(hashes) != header["count"] or hashlib.sha256(b"".join(hashes)).hexdigest() != header["root"]:
        raise ValueError("the entries are not those of the header")
    return header, found["entries"]


def _as_written(text: bytes) -> list[bytes]:
    """The bytes of each entry as they stand in the body, between the brackets of the list."""
    found, depth, start, quoted, skip = [], 0, 0, False, False
    for at in range(len(b'{"entries":['), len(text)):
        letter = text[at : at + 1]
        if skip:
            skip = False
        elif quoted:
            skip, quoted = letter == b"\\", letter != b'"'
        elif letter == b'"':
            quoted = True
        elif letter in b"[{":
            if depth == 0:
                start = at
            depth += 1
        elif letter in b"]}":
            depth -= 1
            if depth == 0:
                found.append(text[start : at + 1])
            if depth < 0:
                break
    return found
