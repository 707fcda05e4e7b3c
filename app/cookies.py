"""The session cookie and the CSRF token of a page: what a browser sends again unchanged has its signature verified once.

A test in progress sends both with every save and every sign of life; verifying them cost as much as storing the answer.
What is remembered is only that a text carries our signature. Whether the sign-in that it names still holds is asked of
the database at every request.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import cast

from flask import Flask, Request, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

REMEMBERED = 2048
AGE_LOOKED_AT_EVERY = 3600  # seconds


class Cookies(SecureCookieSessionInterface):
    """Flask's signed cookie."""

    def __init__(self, app: Flask) -> None:
        signing = self.get_signing_serializer(app)
        if signing is None:
            raise RuntimeError("cookies need a secret key")
        self._signing, self._signer = signing, cast(TimestampSigner, signing.make_signer(self.salt))
        self._longest = int(app.permanent_session_lifetime.total_seconds())
        self._verified = lru_cache(maxsize=REMEMBERED)(self._verify)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """What the cookie says; empty when it is not ours or too old."""
        cookie = request.cookies.get(self.get_cookie_name(app))
        content = self._verified(cookie, int(time.monotonic()) // AGE_LOOKED_AT_EVERY) if cookie else None
        return self.session_class(self._signing.load_payload(content)) if content else self.session_class()

    def _verify(self, cookie: str, _hour: int) -> bytes | None:
        try:
            return self._signer.unsign(cookie, max_age=self._longest)
        except BadData:
            return None


class Csrf(CSRFProtect):  # type: ignore[misc]
    """Flask-WTF's check."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Refuse a request that no page of ours has sent."""
        token, known = request.headers.get("X-CSRFToken"), session.get("csrf_token")
        if token and known and not request.is_secure and _content(current_app.config["SECRET_KEY"], token) == known:
            g.csrf_valid = True
        else:
            super().protect(apply_exemptions)


@lru_cache(maxsize=REMEMBERED)
def _content(secret: str, token: str) -> str | None:
    """What a CSRF token holds; None for one that is not ours. It lives as long as the sign-in that it is bound to."""
    try:
        found: str = URLSafeTimedSerializer(secret, salt="wtf-csrf-token").loads(token)
    except BadData:
        return None
    return found
