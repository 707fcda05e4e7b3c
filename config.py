"""Every setting of a node: its meaning, its environment variable, its default. Nothing else reads the environment."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PREFIX = "SABAQ_"
ROOT = Path(__file__).resolve().parent
NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")  # as other nodes read it; a folder and a cookie carry it
WELL_KNOWN_KEYS = {"", "development", "secret", "changeme", "default"}


class BadSetting(Exception):
    """A setting that the node cannot start with; the text names the variable and what to do."""


def setting(default: Any, meaning: str) -> Any:
    """One row of the settings table: the default and what the setting means."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Config:
    """The settings of one node. Field NAME is read from SABAQ_NAME, or from the file that SABAQ_NAME_FILE names."""

    NODE: str = setting("centre", "Name of this node: its folder in the instance folder, the owner of the rows made here")
    ROLE: str = setting("centre", "What this node is: centre or classroom")
    ENV: str = setting("development", "development or production; production refuses weak keys and demo data")
    HOST: str = setting("127.0.0.1", "Address that the web process listens on")
    PORT: int = setting(8000, "Port that the web process listens on")
    THREADS: int = setting(4, "Web threads; one writes at a time, so more help reading only")
    PUBLIC_URL: str = setting("", "Address that people outside reach this node by; printed in the QR code of certificates")
    INSTANCE: str = setting(str(ROOT / "instance"), "Folder of the nodes of this machine: database, keys, media, papers")
    COURSES: str = setting(str(ROOT / "courses"), "Folder with one folder for each course")
    DATABASE_URL: str = setting("", "postgresql+psycopg://… to use PostgreSQL; empty: SQLite in the node's folder")
    SECRET_KEY: str = setting("", "Signs cookies, at least 32 characters; empty: made once and kept in the node's folder")
    PEPPER: str = setting("", "Mixed into every password and PIN hash; empty: made once and kept in the node's folder")
    DEFAULT_LANGUAGE: str = setting("en", "Language of a page when neither the person nor the browser names one")
    STICK: str = setting("", "Folder that counts as a stick beside those under /media, /run/media and /mnt: an unusual mount, or one that plays a stick")
    SECOND_JOURNAL: str = setting("", "Folder of a second journal, on another disk or a stick that stays in; empty: the stick named SABAQ-JOURNAL, if there is one")
    BACKUP: str = setting("", "Folder of the nightly copies, best on another disk; empty: none is made by itself")
    MAIL_HOST: str = setting("", "Server that mails of the outbox are handed to (SMTP); empty: no mail leaves this node, and the outbox says so")
    MAIL_PORT: int = setting(587, "Its port: 587 with starttls, 465 with tls, 25 inside a network")
    MAIL_TLS: str = setting("starttls", "How the way to it is secured: starttls, tls, or none (only inside your own network)")
    MAIL_USER: str = setting("", "Name to sign in there; empty: it asks for none")
    MAIL_PASSWORD: str = setting("", "Password to sign in there; better from a file: SABAQ_MAIL_PASSWORD_FILE")
    MAIL_FROM: str = setting("", "Address that mails come from, e.g. training@border.example; needed with SABAQ_MAIL_HOST")
    BBB_URL: str = setting("", "Address of a BigBlueButton server, as `bbb-conf --secret` prints it; empty: there is none, and sessions take plain links")
    BBB_SECRET: str = setting("", "Its secret, from the same command; better from a file: SABAQ_BBB_SECRET_FILE")
    JITSI_URL: str = setting("", "Address of a Jitsi server that asks for tokens, e.g. https://meet.border.example; empty: there is none")
    JITSI_APP: str = setting("sabaq", "Id of this application there")
    JITSI_SECRET: str = setting("", "The secret shared with it, at least 32 characters; better from a file: SABAQ_JITSI_SECRET_FILE")
    ZONE: str = setting("Asia/Almaty", "Time zone of this node, for pages that belong to no office")

    @property
    def folder(self) -> Path:
        """The node's own folder."""
        return Path(self.INSTANCE) / self.NODE

    @property
    def database_url(self) -> str:
        """The database that this node uses."""
        return self.DATABASE_URL or f"sqlite:///{self.folder / 'sabaq.db'}"

    @property
    def public_url(self) -> str:
        """The address that people outside use, without a slash at the end."""
        return (self.PUBLIC_URL or f"http://{self.HOST}:{self.PORT}").rstrip("/")

    @property
    def production(self) -> bool:
        """Whether real people's records are kept here."""
        return self.ENV == "production"

    @property
    def cookie(self) -> str:
        """Name of the session cookie: one a node, so that two nodes of one machine do not sign each other out."""
        return f"sabaq_{self.NODE}"


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that no setting knows: a typing error that must not pass in silence."""
    known = {PREFIX + f.name for f in fields(Config)}
    return sorted(
        name for name in environ if name.startswith(PREFIX) and name not in known and name.removesuffix("_FILE") not in known
    )


def read(environ: Mapping[str, str] = os.environ) -> Config:
    """The node's settings from the environment.

    Raises BadSetting when a value cannot be used, or when production would start with a key that others know.
    """
    given: dict[str, Any] = {}
    for known in fields(Config):
        name = PREFIX + known.name
        if name + "_FILE" in environ:
            given[known.name] = Path(environ[name + "_FILE"]).read_text(encoding="utf-8").strip()
        elif name in environ:
            given[known.name] = environ[name]
        if known.name in given and known.type == "int":
            try:
                given[known.name] = int(given[known.name])
            except ValueError:
                raise BadSetting(f"{name} must be a whole number, not {given[known.name]!r}.") from None
    config = Config(**given)
    if not NODE_NAME.fullmatch(config.NODE):
        raise BadSetting(f"{PREFIX}NODE must be up to 40 Latin letters, figures, hyphens, dots or underscores, not {config.NODE!r}.")
    if config.ROLE not in ("centre", "classroom"):
        raise BadSetting(f"{PREFIX}ROLE must be centre or classroom, not {config.ROLE!r}.")
    if config.ENV not in ("development", "production"):
        raise BadSetting(f"{PREFIX}ENV must be development or production, not {config.ENV!r}.")
    if config.MAIL_TLS not in ("starttls", "tls", "none"):
        raise BadSetting(f"{PREFIX}MAIL_TLS must be starttls, tls or none, not {config.MAIL_TLS!r}.")
    if config.MAIL_HOST and "@" not in config.MAIL_FROM:
        raise BadSetting(f"{PREFIX}MAIL_FROM must be the address that mails come from when {PREFIX}MAIL_HOST is set, not {config.MAIL_FROM!r}.")
    for server in ("BBB", "JITSI"):
        if (url := getattr(config, f"{server}_URL")) and not (url.startswith(("https://", "http://")) and getattr(config, f"{server}_SECRET")):
            raise BadSetting(f"{PREFIX}{server}_URL must begin with https:// and needs {PREFIX}{server}_SECRET.")
    return with_secrets(config)


def with_secrets(config: Config) -> Config:
    """The settings with the node's own keys, which are made once and kept outside the database."""
    keys = {name: getattr(config, name) or own_key(config.folder / f"{name.lower()}.txt") for name in ("SECRET_KEY", "PEPPER")}
    if config.production:
        for name, key in keys.items():
            if key.lower() in WELL_KNOWN_KEYS or len(key) < 32:
                raise BadSetting(f"{PREFIX}{name} is known or shorter than 32 characters: leave it empty and the node makes its own.")
    return Config(**{f.name: getattr(config, f.name) for f in fields(Config)} | keys)


def own_key(path: Path) -> str:
    """The key kept in a file that only the node's user reads; made when it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8").strip()
