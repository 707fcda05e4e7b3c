"""What a signed statement between nodes is made of: codes, epochs, hashes, moments, and the base that keeps what it does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _moment(text: str) -> str:
    found = datetime.fromisoformat(text)
    if found.utcoffset() != timedelta(0) or found.isoformat() != text:
        raise ValueError("a moment is UTC, with +00:00")
    return text


def moment(at: datetime) -> str:
    """A moment as it stands in a statement: ISO 8601 with +00:00."""
    return at.astimezone(UTC).isoformat()


NodeCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Stream = Annotated[str, StringConstraints(pattern=r"^(up|down:[A-Za-z0-9][A-Za-z0-9._-]{0,39})$")]
EpochCode = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
HashHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
HashOrNone = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]
BundleId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Moment = Annotated[str, AfterValidator(_moment)]
Number = Annotated[int, Field(ge=1, lt=1 << 31)]
Count = Annotated[int, Field(ge=0, lt=1 << 31)]


class Statement(BaseModel):
    """Something that a node signed. Fields of a later release are kept, because hash and signature cover them."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """As it was signed, fields unknown here included."""
        return self.model_dump(by_alias=True)


class Head(Statement):
    """The newest segment of a branch of a chain."""

    stream: Stream
    epoch: EpochCode
    ordinal: Number
    number: Number
    hash: HashHex
