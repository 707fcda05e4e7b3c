"""The centre's side of the exchange over the line: requests that are signed with a node's key. No cookies, no pages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.errors import NotAllowed
from app.http import csrf, guarded
from app.sync import answering, envelope, pace, staging
from app.sync.answering import Centre, NotKnown
from app.sync.keys import load_or_make
from app.sync.staging import NotAnnounced, OffsetGone, Staging

bp = Blueprint("wire", __name__, url_prefix="/sync")
csrf.exempt(bp)  # who asks is proven by a signature over the whole request

LARGEST_HELLO = envelope.LARGEST + answering.RIDES_ALONG + 64 * 1024
BYTES = "application/octet-stream"


class Revoked(NotAllowed):
    """The answer to a piece of a bundle; a hello gets the reason."""

    message = answering.NotKnown.message


def _centre() -> Centre:
    config = current_app.extensions["sabaq.config"]
    return Centre(current_app.extensions["sabaq.database"], config, load_or_make(config.folder))


def _body(largest: int) -> bytes:
    request.max_content_length = largest
    return request.get_data(cache=False)


@bp.post("/hello")
@guarded("node.exchange")
def hello() -> ResponseReturnValue:
    """A class server says how it stands, may bring a small bundle, and hears what there is for it."""
    sealed = envelope.unpack(_body(LARGEST_HELLO))
    said = envelope.statement(sealed, envelope.Hello)
    centre = _centre()
    node, key = answering.asker(g.db, said.sender)
    if not sealed.signed_by(key, envelope.HELLO):
        raise NotKnown()
    if said.to != centre.code:
        raise answering.WrongCentre(here=centre.code, wanted=said.to)
    if node.state == "revoked":
        return Response(answering.revoked(g.db, centre, said, node), 403, mimetype=BYTES)
    g.db.rollback()  # what follows has its own short transactions
    return Response(answering.answer(centre, said, sealed, key, now=clock.now()), mimetype=BYTES)


@bp.get("/up/<bundle>")
@guarded("node.exchange")
def arrived(bundle: str) -> ResponseReturnValue:
    """How much of a bundle has arrived: asked after a cut."""
    part = _sender(b"").arriving.part()
    if part is None or part.id != bundle:
        raise NotAnnounced()
    return jsonify(offset=part.offset)


@bp.put("/up/<bundle>")
@guarded("node.exchange")
def piece(bundle: str) -> ResponseReturnValue:
    """A piece of a bundle that was announced; the answer says where the next one begins."""
    data = _body(pace.LARGEST)
    place = _sender(data)
    g.db.rollback()
    with place.alone():
        try:
            part = place.arriving.add(bundle, request.args.get("offset", 0, int), data)
        except OffsetGone as gone:
            return jsonify(error=i18n.say(gone.message), kind="OffsetGone", offset=gone.offset), 409
    return jsonify(offset=part.offset)


@bp.get("/down/<bundle>")
@guarded("node.exchange")
def fetch(bundle: str) -> ResponseReturnValue:
    """A piece of the bundle that waits for the asker: Range says which bytes, If-Match of which bundle."""
    place = _sender(b"").leaving
    part = place.part()
    wanted = request.range.ranges[0] if request.range and request.range.units == "bytes" and len(request.range.ranges) == 1 else (0, None)
    if part is None or part.id != bundle or (request.if_match and not request.if_match.contains(part.sha256)):
        raise NotAnnounced()
    first, end = wanted
    if first < 0 or first >= part.size:
        return Response(status=416, headers={"Content-Range": f"bytes */{part.size}"})
    last = min(part.size, first + pace.LARGEST, end or part.size)
    with place.path.open("rb") as file:
        file.seek(first)
        data = file.read(last - first)
    headers: dict[str, Any] = {"Content-Range": f"bytes {first}-{first + len(data) - 1}/{part.size}", "ETag": f'"{part.sha256}"'}
    return Response(data, 206, headers=headers, mimetype=BYTES)


def _sender(body: bytes) -> Staging:
    """The folder of the class server that signed this request. Raises BadEnvelope, NotKnown, Revoked."""
    header = request.headers.get("Sabaq-Signature", "")
    if not header:
        raise envelope.BadEnvelope()
    centre = _centre()
    node, key = answering.asker(g.db, envelope.claimed(header))
    target = request.full_path.rstrip("?")
    if not envelope.genuine(header, key, to=centre.code, method=request.method, target=target, body=body):
        raise NotKnown()
    if node.state == "revoked":
        raise Revoked()
    return staging.of(centre.config.folder, node.code)
