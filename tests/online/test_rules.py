"""When a room is open, and which addresses a browser may be sent to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ids import new_id
from app.online import bbb, jitsi, rules
from app.online.rules import Door, Way

NINE = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
ENDS = NINE + timedelta(hours=4)
MINUTES = st.integers(-3 * 24 * 60, 3 * 24 * 60)


@pytest.mark.goal("SCH-18")
@given(MINUTES, st.sampled_from(["planned", "held", "cancelled"]), st.sampled_from(Way))
def test_a_room_is_open_from_a_quarter_before_to_a_quarter_after(minute: int, state: str, way: Way) -> None:
    """Cancelled is said first, then that there is no room, then the hour: never two things at once."""
    now = NINE + timedelta(minutes=minute)

    found = rules.door(state=state, way=way, starts_at=NINE, ends_at=ENDS, now=now)

    if state == "cancelled":
        assert found is Door.CANCELLED
    elif way in (Way.NONE, Way.MISSING):
        assert found is Door.NOWHERE
    elif minute < -15:
        assert found is Door.EARLY
    else:
        assert found is (Door.OPEN if minute < 4 * 60 + 15 else Door.ENDED)


@pytest.mark.goal("SCH-19")
@pytest.mark.parametrize(
    ("kind", "session", "meeting", "servers", "way"),
    [
        ("bbb", "", "", {"bbb"}, (Way.BBB, "")),
        ("jitsi", "", "", {"bbb", "jitsi"}, (Way.JITSI, "")),
        ("bbb", "https://a.example/x", "", set(), (Way.PLAIN, "https://a.example/x")),
        ("bbb", "", "", set(), (Way.MISSING, "")),
        ("plain", " https://a.example/x ", "", {"bbb"}, (Way.PLAIN, "https://a.example/x")),
        ("bbb", "", "https://b.example", {"bbb"}, (Way.PLAIN, "https://b.example")),
        ("plain", "javascript:alert(1)", "", {"bbb"}, (Way.MISSING, "")),
        ("none", "", "", {"bbb"}, (Way.NONE, "")),
    ],
)
def test_a_plain_link_stands_in_where_there_is_no_server(kind: str, session: str, meeting: str, servers: set[str], way: tuple[Way, str]) -> None:
    """The meeting's own link goes first, then the server of the session, then the session's link; else it says that none is set up."""
    assert rules.way_in(kind, session, meeting, servers) == way


@given(st.text(max_size=60))
def test_only_addresses_of_the_web_are_links(text: str) -> None:
    """Whatever is typed, a browser is sent to http or https or nowhere."""
    if rules.web_address(text):
        assert text.strip().lower().startswith(("http://", "https://"))
    assert not rules.web_address("javascript://x.example/%0aalert(1)")
    assert not rules.web_address("https://a b")


def test_a_checksum_is_that_of_the_video_servers_own_description() -> None:
    """SHA-256 of the name of the call, the query and the secret, one behind the other; the address may end with api or not."""
    server = bbb.Server("https://bbb.example/bigbluebutton/", "639259d4-9dd8-4b25-bf01-95f9567eaf4b")
    query = "name=Test&meetingID=abc"
    want = "https://bbb.example/bigbluebutton/api/create?" + query + "&checksum="

    found = server.address("create", name="Test", meetingID="abc")

    assert found.startswith(want)
    assert len(found.removeprefix(want)) == 64
    assert bbb.Server("https://bbb.example/bigbluebutton/api", server.secret).address("create", name="Test", meetingID="abc") == found


@pytest.mark.goal("SCH-17")
def test_a_jitsi_link_names_one_person_one_room_and_ten_minutes() -> None:
    """The token is signed with the shared secret, holds from now for ten minutes, and says who leads; the room cannot be guessed."""
    server, meeting, now = jitsi.Server("https://meet.example/", "sabaq", "s" * 40), new_id(), datetime.now(UTC).replace(microsecond=0)

    address, token = server.address(meeting, person="p-1", name="Karimov D.", leads=True, now=now).split("?jwt=")
    claims = jwt.decode(token, "s" * 40, algorithms=["HS256"], audience="jitsi", issuer="sabaq")

    room = address.removeprefix("https://meet.example/")
    assert claims["room"] == room == server.room(meeting)
    assert str(meeting) not in address
    assert room != jitsi.Server("https://meet.example/", "sabaq", "t" * 40).room(meeting)
    assert claims["exp"] == int((now + timedelta(minutes=10)).timestamp())
    assert claims["nbf"] <= int(now.timestamp())
    assert (claims["moderator"], claims["context"]["user"]["affiliation"], claims["context"]["user"]["name"]) == (True, "owner", "Karimov D.")
    later = server.address(meeting, person="p-1", name="K", leads=False, now=now - timedelta(minutes=11)).split("?jwt=")[1]
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(later, "s" * 40, algorithms=["HS256"], audience="jitsi")
