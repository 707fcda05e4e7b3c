"""Pages of certificates: who may do what, the register, the kept paper, the public check."""

from __future__ import annotations

import html
import io
import re
import uuid

import pypdf
import pytest
import sqlalchemy as sa

from app import clock
from app.assets import FOLDER
from app.certificates import queries, services
from app.certificates.models import Certificate, Paper
from app.certificates.rules import State
from app.offices.models import Office
from app.policy import Role
from app.runs.models import Enrolment
from tests.certificates import rows
from tests.factories import make_country, make_office, make_staff


@pytest.fixture
def scene(db, settings):
    """A run that ended, its registrar, and its certificates as the node's own key signed them."""

    class Scene:
        office = make_office(db, country=make_country(db), names={"en": "Korday"})
        run = rows.make_ended_run(db, office, people=4)
        block = rows.make_block(db, office)
        signatory = rows.make_signatory(db, office)
        registrar = make_staff(db, Role.REGISTRAR, office)

        def issue(self, **values) -> list[Certificate]:
            return rows.issue(db, self.run, settings.folder, signatories=[self.signatory.id], by=self.registrar, **({"languages": ("en",)} | values))

    return Scene()


def address_of(certificate: Certificate) -> str:
    """The address that the code opens, as a browser asks for it."""
    return "/v/" + certificate.payload.split("#")[0]


# ---- issuing ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-09")
def test_the_issue_page_says_who_gets_which_and_why_not(client_of, scene, db):
    """One button says how many are issued; each person's kind stands beside what he still misses."""
    page = client_of(scene.registrar).get(f"/runs/{scene.run.code}/certificates").get_data(as_text=True)

    assert "Issue 3 certificates" in page
    assert page.count('class="btn btn-main"') == 1
    assert "none: took no part" in page
    assert "The final test has 40 %, 75 % are needed" in page


@pytest.mark.goal("RUN-09")
def test_the_button_issues_all_of_them(client_of, scene, db):
    """Sending the page issues the certificates; sending it again issues nothing."""
    browser = client_of(scene.registrar)
    people = re.findall(r'name="person" value="([^"]+)"', browser.get(f"/runs/{scene.run.code}/certificates").get_data(as_text=True))
    form = {"person": people, "signatory": [str(scene.signatory.id)], "languages": "en", "layout": "landscape"}

    first = browser.post(f"/runs/{scene.run.code}/certificates", data=form)
    second = browser.post(f"/runs/{scene.run.code}/certificates", data=form)

    assert (first.status_code, second.status_code) == (303, 422)
    assert "already has" in second.get_data(as_text=True)
    assert db.scalar(sa.select(sa.func.count(Certificate.id))) == 3


def test_somebody_can_be_left_out(client_of, scene, db):
    """A person left out is not among those whom the button issues."""
    left = rows.with_kind(db, scene.run)[0].id
    page = client_of(scene.registrar).get(f"/runs/{scene.run.code}/certificates?without={left}").get_data(as_text=True)

    assert "Issue 2 certificates" in page
    assert f'name="person" value="{left}"' not in page


@pytest.mark.goal("RUN-09")
def test_an_open_run_warns_before_it_gives_participation_away(client_of, scene, db):
    """While people may still complete the course, the page says who would get participation only, and leaves them out at one press."""
    browser, address = client_of(scene.registrar), f"/runs/{scene.run.code}/certificates"
    over = browser.get(address).text
    db.info["writing"] = True
    scene.run.state, scene.run.ends_on = "open", clock.now().date()
    db.flush()

    running = browser.get(address).text
    leave = html.unescape(re.search(r'href="([^"]+)">Leave them out for now', running).group(1))
    rest = browser.get(leave).text

    assert "participation only" not in over
    assert "The run is still open, and 1 person would get a certificate of participation only." in running
    assert ("Issue 2 certificates" in rest, "participation only" in rest) == (True, False)


def test_one_certificate_is_no_range_and_a_signatory_shows_his_languages(client_of, scene, db):
    """Whoever issues a single certificate reads its number once; beside a signatory stand the languages that he is written in."""
    browser, address = client_of(scene.registrar), f"/runs/{scene.run.code}/certificates"
    page = browser.get(address).text
    person = re.search(r'name="person" value="([^"]+)"', page).group(1)
    issued = browser.post(address, data={"person": person, "signatory": str(scene.signatory.id), "languages": "en", "layout": "landscape"}, follow_redirects=True).text

    assert re.search(r"Certificate [A-Z]{2}-2026-000001-\d\d is issued\.", issued)
    assert f'<span class="muted ltr">{", ".join(scene.signatory.names)}</span>' in page


def test_too_few_numbers_are_said_when_the_page_opens(client_of, scene, db):
    """Before anybody presses the button the page says that numbers are missing."""
    scene.block.last = 2
    db.flush()

    page = client_of(scene.registrar).get(f"/runs/{scene.run.code}/certificates").get_data(as_text=True)

    assert "3 people for 2 numbers" in page
    assert 'href="/certificates#blocks"' in page  # the registrar can give them himself


def test_the_preview_takes_no_number(client_of, scene, db):
    """Looking first prints specimens and issues nothing."""
    answer = client_of(scene.registrar).get(f"/runs/{scene.run.code}/certificates/preview.pdf?languages=en&signatory={scene.signatory.id}")

    text = pypdf.PdfReader(io.BytesIO(answer.data)).pages[0].extract_text()
    assert "SPECIMEN" in text
    assert db.scalar(sa.select(sa.func.count(Certificate.id))) == 0


@pytest.mark.goal("RUN-09")
def test_the_whole_run_is_one_file_with_a_register_line_each(client_of, scene):
    """The certificates of a run are one PDF in the order of the roster, and its last page has a line for each number."""
    issued = scene.issue()
    answer = client_of(scene.registrar).get(f"/runs/{scene.run.code}/certificates.pdf")

    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.data)).pages]
    assert len(pages) == len(issued) + 1
    assert [certificate.number in page for certificate, page in zip(issued, pages, strict=False)] == [True] * 3
    assert [pages[-1].count(certificate.number) for certificate in issued] == [1, 1, 1]
    assert pages[-1].index(issued[0].number) < pages[-1].index(issued[1].number) < pages[-1].index(issued[2].number)


# ---- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("CER-13")
@pytest.mark.parametrize(
    ("role", "issue", "revoke", "sign"),
    [
        (Role.REGISTRAR, 200, 303, 200), (Role.CLASS_MANAGER, 200, 403, 403), (Role.MANAGER, 403, 403, 403), (Role.TRAINER, 403, 403, 403),
        (Role.AUDITOR, 403, 403, 403),
    ],
)
def test_issuing_signing_and_revoking_are_three_rights(client_of, scene, db, role, issue, revoke, sign):
    """A class manager issues but does not revoke or name signatories; a registrar does all; others none of it."""
    certificate = scene.issue()[0]
    browser = client_of(make_staff(db, role, scene.office))

    assert browser.get(f"/runs/{scene.run.code}/certificates").status_code == issue
    assert browser.get("/certificates/signatories").status_code == sign
    assert browser.post(f"/certificates/{certificate.id}/revoke", data={"reason": "Order 15"}).status_code == revoke


@pytest.mark.goal("CER-13")
def test_another_office_reaches_nothing_by_an_id(client_of, scene, db):
    """A registrar of another office finds neither run, certificate, paper nor signatory of this one by its id."""
    certificate = scene.issue()[0]
    browser = client_of(make_staff(db, Role.REGISTRAR, make_office(db, country=make_country(db))))
    code, id = scene.run.code, certificate.id

    gets = [f"/runs/{code}/certificates", f"/runs/{code}/certificates/preview.pdf", f"/runs/{code}/certificates.pdf", f"/certificates/{id}", f"/certificates/{id}.pdf"]
    posts = [
        f"/runs/{code}/certificates", f"/certificates/{id}/revoke", f"/certificates/{id}/replace", f"/certificates/signatories/{scene.signatory.id}/end",
        f"/certificates/blocks/{scene.block.id}/close",
    ]
    assert [browser.get(path).status_code for path in gets] == [404] * len(gets)
    assert [browser.post(path, data={"reason": "x"}).status_code for path in posts] == [404] * len(posts)
    assert certificate.number not in browser.get("/certificates").get_data(as_text=True)


def test_the_holder_sees_his_own_and_nobody_elses(client_of, scene, db):
    """A trainee opens his own certificate and its paper; a colleague's is not there for him."""
    from app.people.models import Person

    mine, other, *_ = scene.issue()
    browser = client_of(db.get_one(Person, db.get_one(Enrolment, mine.enrolment_id).person_id))

    assert mine.number in browser.get("/my/certificates").get_data(as_text=True)
    assert "Open the paper" in browser.get(f"/certificates/{mine.id}").get_data(as_text=True)
    assert browser.get(f"/certificates/{mine.id}.pdf").status_code == 200
    assert browser.get(f"/certificates/{other.id}").status_code == 404


# ---- the paper that is kept ------------------------------------------------------------------------------------------


@pytest.mark.goal("CER-01")
def test_a_later_download_gives_the_same_bytes(client_of, scene, db, monkeypatch):
    """The first print is kept under its SHA-256; later downloads give that file, and nothing is rendered again."""
    import hashlib

    from app.certificates import printing

    certificate = scene.issue()[0]
    browser = client_of(scene.registrar)
    first = browser.get(f"/certificates/{certificate.id}.pdf").data
    monkeypatch.setattr(printing, "certificates", lambda *a, **k: pytest.fail("rendered again"))

    assert browser.get(f"/certificates/{certificate.id}.pdf").data == first
    assert db.scalars(sa.select(Paper.sha256).where(Paper.certificate_id == certificate.id)).all() == [hashlib.sha256(first).hexdigest()]


@pytest.mark.goal("CER-03")
def test_a_stamped_copy_is_another_file(client_of, scene, db):
    """After revoking, the download is stamped and has another hash; the first file stays as it was."""
    certificate = scene.issue()[0]
    browser = client_of(scene.registrar)
    browser.get(f"/certificates/{certificate.id}.pdf")
    browser.post(f"/certificates/{certificate.id}/revoke", data={"reason": "Order 15"})

    stamped = browser.get(f"/certificates/{certificate.id}.pdf").data

    assert "REVOKED" in pypdf.PdfReader(io.BytesIO(stamped)).pages[0].extract_text()
    papers = db.execute(sa.select(Paper.stamp, Paper.sha256).where(Paper.certificate_id == certificate.id)).all()
    assert sorted(stamp for stamp, _ in papers) == ["", "revoked"]
    assert len({sha for _, sha in papers}) == 2


def test_a_revoke_without_a_reason_shows_the_page_again(client_of, scene, db):
    """The form comes back with what is missing, and nothing happened."""
    certificate = scene.issue()[0]

    answer = client_of(scene.registrar).post(f"/certificates/{certificate.id}/revoke", data={"reason": " "})

    assert answer.status_code == 422
    assert "Write the reason" in answer.get_data(as_text=True)
    assert queries.states_of(db, [certificate.id]) == {certificate.id: State.ISSUED}


# ---- the register ----------------------------------------------------------------------------------------------------


@pytest.mark.goal("CER-14")
def test_the_register_is_filtered_and_taken_out(client_of, scene, db):
    """State, course, office and number narrow the register; the file holds the same lines; void numbers stay in it."""
    issued = scene.issue()
    services.void(db, issued[1], reason="Spoiled", now=rows.NOW, actor_id=scene.registrar.id)
    browser = client_of(scene.registrar)

    def numbers(query: str) -> set[str]:
        body = browser.get(f"/certificates?as=csv&{query}").get_data(as_text=True)
        return {certificate.number for certificate in issued if certificate.number in body}

    assert numbers("") == {certificate.number for certificate in issued}
    assert numbers("state=voided") == {issued[1].number}
    assert numbers("kind=participated") == {issued[0].number}
    assert numbers(f"q={issued[2].number.lower()}") == {issued[2].number}
    assert numbers("from=2026-12-01") == set()
    assert numbers(f"office={scene.office.id}&to=2026-12-01") == {certificate.number for certificate in issued}
    assert "not used yet" in browser.get("/certificates").get_data(as_text=True)


@pytest.mark.parametrize("people", [2, 5])
def test_the_register_asks_the_same_for_one_line_and_many(client_of, scene, db, counted, people):
    """The number of questions to the database does not grow with the register."""
    scene.run = rows.make_ended_run(db, scene.office, people=people)
    scene.issue()
    browser = client_of(scene.registrar)

    with counted() as statements:
        browser.get("/certificates")

    assert len(statements) == 10


# ---- the public check ------------------------------------------------------------------------------------------------


@pytest.mark.goal("CER-06", "CER-07")
def test_the_code_opens_a_small_page_without_signing_in(client, scene, db):
    """Anybody with the code sees first whether it is in force, then initials, family name and course; under 30 KB, no script."""
    certificate = scene.issue()[1]
    db.commit()

    answer = client.get(address_of(certificate))
    page = answer.get_data(as_text=True)

    style = (FOLDER / re.search(r'href="/static/[^/]+/([^"]+)"', page)[1]).read_bytes()
    assert answer.status_code == 200
    assert re.search(r"<main>\s*<div class=\"verdict good\" role=\"status\"><svg.*?</svg>\s*<h1>Valid</h1>", page, re.S)
    assert "A. Bekovaa" in page
    assert "Aigerim" not in page
    assert "Vehicle search" in page
    assert "Status as of" in page
    assert "<script" not in page
    assert len(answer.data) + len(style) < 30_000
    assert page.count("<link") == 2


@pytest.mark.goal("CER-06")
def test_the_page_is_in_the_certificates_language_with_a_switch(client, scene, db):
    """A Russian certificate is shown in Russian to an English browser; a link changes the language and keeps the key."""
    certificate = scene.issue(languages=("ru",))[0]
    db.commit()

    page = client.get(address_of(certificate), headers={"Accept-Language": "en"}).get_data(as_text=True)
    dari = client.get(address_of(certificate) + "&in=prs").get_data(as_text=True)

    key = certificate.payload.split("k=")[1][:8]
    assert '<html lang="ru" dir="ltr">' in page
    assert f'href="?k={key}&amp;in=kk"' in page
    assert '<html lang="prs" dir="rtl">' in dari


@pytest.mark.goal("CER-07")
def test_whatever_is_wrong_looks_the_same(client, scene, db, counted):
    """An unknown number, a wrong key, no key and a malformed number give one and the same page after the same questions."""
    certificate = scene.issue()[0]
    db.commit()
    other = "AA-2026-000001-" + str(__import__("app.certificates.rules", fromlist=["Number"]).Number("AA", 2026, 1))[-2:]

    seen, asked = set(), set()
    for path in (f"/v/{other}?k=7Q4M2KXD", f"/v/{certificate.number}?k=7Q4M2KXD", f"/v/{certificate.number}", "/v/hello", "/v/KZ-2026-000123-00?k=%00'"):
        with counted() as statements:
            answer = client.get(path)
        page = re.sub(r"\?k=[^&]*&amp;in=|\?in=|\d\d:\d\d|name=\"csrf_token\" value=\"[^\"]*\"", "", answer.get_data(as_text=True))
        seen.add((answer.status_code, page))
        asked.add(tuple(statement.split("WHERE")[0] for statement in statements if "FROM certificate" in statement))

    assert {status for status, _ in seen} == {404}
    assert len(seen) == 1
    assert len(asked) == 1


@pytest.mark.goal("CER-07")
def test_a_guesser_is_slowed_down_whatever_he_asks(client, scene, db):
    """After eight wrong tries an address waits, also with a right code; another address does not."""
    certificate = scene.issue()[0]
    db.commit()
    for _ in range(10):
        last = client.get(f"/v/{certificate.number}?k=WRONGKEY", environ_base={"REMOTE_ADDR": "203.0.113.9"})

    assert last.status_code == 429
    assert client.get(address_of(certificate), environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 429
    assert client.get(address_of(certificate), environ_base={"REMOTE_ADDR": "203.0.113.10"}).status_code == 200


@pytest.mark.goal("CER-07", "CER-03")
@pytest.mark.parametrize(
    ("deed", "shape", "words"),
    [("revoke", "bad", "Revoked: it is no longer valid"), ("suspend", "hold", "Suspended: it does not count for the time being")],
)
def test_the_check_page_says_in_words_and_shape_what_happened(client, scene, db, deed, shape, words):
    """A revoked certificate has a cross, a suspended one a triangle, each with the words first."""
    certificate = scene.issue()[0]
    getattr(services, deed)(db, certificate, reason="Order 15", now=rows.NOW, actor_id=scene.registrar.id)
    db.commit()

    page = client.get(address_of(certificate)).get_data(as_text=True)

    assert f'class="verdict {shape}"' in page
    assert f"<h1>{words}</h1>" in page
    assert "Order 15" not in page


@pytest.mark.goal("CER-04", "CER-05")
def test_the_old_code_leads_to_the_old_record(client, scene, db, settings):
    """The code of a replaced certificate says that a newer one exists, and tells neither its number nor the new name."""
    old = scene.issue()[0]
    new = services.replace(
        db, old, reason="Marriage", pen=rows.signing(settings.folder), address=rows.ADDRESS, now=rows.NOW, actor_id=scene.registrar.id
    )
    db.commit()

    page = client.get(address_of(old)).get_data(as_text=True)

    assert "Replaced by a newer certificate" in page
    assert new.number not in page


@pytest.mark.goal("CER-08")
def test_any_node_checks_the_text_without_a_network(client, scene, db):
    """The pasted text of a code is checked by its signature; the typed name is compared with the signed one."""
    certificate = scene.issue()[1]
    db.commit()
    text = f"{rows.ADDRESS}/v/{certificate.payload}"

    def check(text: str, name: str = "") -> str:
        return re.search(r"<h1>(.*?)</h1>", client.post("/v", data={"text": text, "name": name}).get_data(as_text=True))[1]

    assert re.fullmatch(r"Signature valid. Valid; status as of .* UTC\+5.", check(text))
    assert re.fullmatch(r"Signature valid. Valid; .*", check(text, "Bekovaa Aigerim"))
    assert "another name" in check(text, "Bekov Aigerim")
    assert "The signature is wrong" in check(text.replace(certificate.number, str(queries.rules.Number(certificate.country_code, 2026, 9))))
    assert "not the whole text" in check("hello")


@pytest.mark.goal("CER-08")
def test_a_certificate_not_heard_of_is_checked_by_its_signature_alone(db, tmp_path):
    """A node that knows the key but not the certificate says that the signature is valid, and as of when it knows."""
    from dataclasses import replace
    from datetime import date

    from app.certificates import checking, rules

    pen = rows.signing(tmp_path)
    services.make_key_known(db, pen, rows.NOW)
    signed = rules.Signed(rules.Number("KZ", 2026, 77), "7Q4M2KXD", rules.Kind.COMPLETED, date(2026, 11, 30), pen.key_id, b"12345678")
    text = replace(signed, signature=pen.sign(signed.message)).text()

    verdict = checking.check_text(db, text)
    stranger = checking.check_text(db, replace(signed, key_id="AAAAAAAA", signature=b"\1" * 64).text())

    assert (verdict.genuine, verdict.state, verdict.as_dict()["number"]) == (True, None, "KZ-2026-000077-" + text[15:17])
    assert verdict.sentence.startswith("Signature valid. This office has heard nothing against it; status as of ")
    assert (stranger.genuine, stranger.outcome) == (False, "unknown-key")


def test_no_certificate_can_be_listed_from_outside(client, scene, db):
    """Without signing in there is no register, no page by id and no paper."""
    certificate = scene.issue()[0]
    db.commit()

    paths = ["/certificates", f"/certificates/{certificate.id}", f"/certificates/{certificate.id}.pdf", f"/certificates/{uuid.uuid4()}"]
    assert [client.get(path).status_code for path in paths] == [302] * 4
    assert db.get_one(Office, scene.office.id).id == certificate.office_id
