"""Certificates on paper: what stands where, one PDF for one or for a whole run, and the file that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import segno
from flask import current_app
from markupsafe import Markup

from app import i18n, pdf
from app.certificates import art, letters, rules, wording
from app.certificates.queries import Line
from app.certificates.rules import STAMPS, Facts, Kind, State
from app.i18n import pick, say, speaking, t
from app.people.names import Name
from app.runs.models import CourseRun

STYLE = "certificate.css"
# Where the drawings stand, in millimetres: top and size of the crest, middle of the rosette. certificate.css leaves the room.
PLACES = {"landscape": (26.0, 19.0, 107.0), "two": (26.0, 17.0, 107.0), "portrait": (30.0, 25.0, 146.0)}
FOLDER = "papers"


@dataclass(frozen=True)
class Copy:
    """One certificate to print: its facts, its number and QR text, and how it stands now."""

    facts: Facts
    number: str
    payload: str
    state: State = State.ISSUED
    replaced_by: str | None = None
    specimen: bool = False


def copy_of(line: Line) -> Copy:
    """A certificate of the register as it is to be printed now."""
    return Copy(line.facts, line.certificate.number, line.certificate.payload, line.state, line.replaced_by)


# ---- one sheet -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Half:
    """The text in one language: a whole sheet, or one side of it."""

    lang: str
    rtl: bool
    issuer: str
    title: str
    about: str
    name: tuple[str, ...]
    arab: bool
    name_size: tuple[int, bool]
    statement: str
    check_here: str
    qr_alt: str


def sheet(copy: Copy) -> dict[str, Any]:
    """What the template of a certificate needs: plain values in the certificate's own languages."""
    facts = copy.facts
    halves = [_half(copy, tag) for tag in facts.languages]
    each: Callable[..., list[Any]] = partial(_in_each, facts.languages)
    tight = facts.layout == "landscape" and (len(halves) == 2 or len(facts.signatories) > 3)
    used = {rules.name_in(facts.names, tag)[0] for tag in facts.languages}
    stamped = STAMPS.get(copy.state)
    with speaking(facts.language):
        rtl = i18n.LANGUAGES[facts.language].rtl
        stamped_note = t("paper", "replaced by {number}", number=copy.replaced_by) if copy.replaced_by else copy.number
        replaces = t("paper", "Replaces {number}", number=facts.replaces) if facts.replaces else ""
    return {
        "layout": facts.layout, "lang": i18n.LANGUAGES[facts.language].locale.replace("_", "-"), "rtl": rtl, "halves": halves, "half": halves[0], "tight": tight,
        "number": copy.number, "qr": square(facts.address, copy.payload).png_data_uri(scale=1, border=4, dark="#14202b", light="#ffffff"), "short_address": short_address(facts.address),
        "signs": [
            {"name": pick(one.names, facts.language), "titles": list(dict.fromkeys(pick(one.titles, tag) for tag in facts.languages))}
            for one in facts.signatories
        ],
        "facts": _facts(facts, each),
        "stamp_place": " · ".join(dict.fromkeys(each(lambda: t("paper", "L. S.")))),
        "other_names": [
            {"text": name.full, "arab": script == "Arab"}
            for script, name in facts.names.items() if script not in used and not (script == "Arab" and not facts.dari)
        ],
        "dari": _dari(facts) if facts.dari else "",
        "replaces": replaces,
        "specimen": " · ".join(dict.fromkeys(each(lambda: t("paper", "SPECIMEN")))) if copy.specimen else "",
        "stamped": " · ".join(dict.fromkeys(each(lambda: say(stamped)))) if stamped else "", "stamped_note": stamped_note if stamped else "",
    }


def _in_each(languages: Iterable[str], what: Callable[[], Any]) -> list[Any]:
    found = []
    for tag in languages:
        with speaking(tag):
            found.append(what())
    return found


def _half(copy: Copy, tag: str) -> Half:
    facts = copy.facts
    script, name = rules.name_in(facts.names, tag)
    place = facts.layout if len(facts.languages) == 1 else "half"
    with speaking(tag):
        completed = facts.kind is Kind.COMPLETED
        return Half(
            lang=i18n.LANGUAGES[tag].locale.replace("_", "-"), rtl=i18n.LANGUAGES[tag].rtl,
            issuer=" · ".join(dict.fromkeys(filter(None, (pick(facts.authority), pick(facts.issuer))))),
            title=t("paper", "CERTIFICATE"),
            about=t("paper", "of successful completion of a training course") if completed else t("paper", "of participation in a training course"),
            name=_parts(name), arab=script == "Arab" and tag != "prs", name_size=rules.name_size(letters.width(name.full), place),
            statement=_statement(facts), check_here=t("paper", "Check that it is genuine:"),
            qr_alt=t("paper", "Square code to check number {number}", number=copy.number),
        )


def _parts(name: Name) -> tuple[str, ...]:
    return tuple(part for part in (name.family, name.given, name.patronymic) if part)


def _course(facts: Facts) -> Markup:
    return Markup('<span class="course">{}</span>').format(t("paper", "“{title}”", title=pick(facts.titles)))


def _statement(facts: Facts) -> str:
    course = _course(facts)
    if facts.kind is Kind.PARTICIPATED:
        return t("paper", "took part in the training course {course}.", course=course)
    if facts.result is None:
        return t("paper", "completed the training course {course} in full.", course=course)
    result = Markup("<b>{}</b>").format(wording.result(facts.result))
    return t("paper", "completed the training course {course} in full and passed the final test with a result of {result}.", course=course, result=result)


def _dari(facts: Facts) -> str:
    with speaking("prs"):
        course, hours = _course(facts), wording.hours(facts.hours)
        if facts.kind is Kind.PARTICIPATED:
            return t("paper", "This certificate shows that its holder took part in the course {course} of {hours}.", course=course, hours=hours)
        return t("paper", "This certificate shows that its holder successfully completed the course {course} of {hours}.", course=course, hours=hours)


def _facts(facts: Facts, each: Callable[..., list[Any]]) -> list[tuple[str, list[str]]]:
    """The row of plain facts: a label in every language of the sheet, and one value for all or one for each."""

    def both(what: Callable[[], str]) -> list[str]:
        return list(dict.fromkeys(each(what)))

    form = f"{facts.starts_on:%d.%m.%Y}\N{EN DASH}{facts.ends_on:%d.%m.%Y}" if facts.starts_on != facts.ends_on else f"{facts.ends_on:%d.%m.%Y}"
    rows = (
        (lambda: t("paper", "Volume"), both(lambda: wording.hours(facts.hours))),
        (lambda: t("paper", "Dates"), both(lambda: wording.period(facts.starts_on, facts.ends_on)) if len(facts.languages) == 1 else [form]),
        (lambda: t("paper", "Place"), both(lambda: pick(facts.place))),
        (lambda: t("paper", "Date of issue"), both(lambda: wording.numerals(i18n.day(facts.issued_on, "form")))[:1]),
    )
    return [(" · ".join(both(label)), values) for label, values in rows]


# ---- a run -----------------------------------------------------------------------------------------------------------


def of_run(run: CourseRun, lines: Sequence[Line]) -> bytes:
    """The certificates of a run in the order of its roster, those that no longer hold left out, and the page of the register."""
    title, language = title_of_run(run, lines)
    return certificates([copy_of(line) for line in standing(lines)], language=language, title=title, register=register(run, lines))


def standing(lines: Sequence[Line]) -> list[Line]:
    """The certificates that are still to be printed: not void, not replaced."""
    return [line for line in lines if line.state not in rules.FINAL]


def printed_name(line: Line) -> Name:
    """The name as it stands on the certificate."""
    return rules.name_in(line.facts.names, line.facts.language)[1]


def title_of_run(run: CourseRun, lines: Sequence[Line]) -> tuple[str, str]:
    """Title and language of the file."""
    language = lines[0].facts.language
    with speaking(language):
        return t("certificate", "Certificates of run {code}", code=run.code), language


def register(run: CourseRun, lines: Sequence[Line]) -> dict[str, Any]:
    """What stands on the page of the register: a line for each number, also of those that no longer hold."""
    facts = lines[0].facts
    with speaking(facts.language):
        shown = [
            {
                "number": line.certificate.number, "name": printed_name(line).full, "kind": say(wording.KINDS[line.certificate.kind]),
                "issued_on": i18n.day(line.facts.issued_on, "form"), "note": "" if line.state is State.ISSUED else say(wording.STATES[line.state]),
            }
            for line in lines
        ]
        ends = t("paper", "Lines: {n}. Numbers are given once; a number that is void or replaced stays in the register.", n=len(shown))
        return {
            "course": pick(facts.titles), "run": run.code, "period": wording.period(run.starts_on, run.ends_on), "place": pick(facts.place),
            "lines": shown, "foot": ends,
        }


# ---- the QR code -----------------------------------------------------------------------------------------------------


def qr_text(address: str, payload: str) -> str:
    """What the square says: the address of the check page, with everything that is checked without it."""
    return f"{address}/v/{payload}"


def square(address: str, payload: str) -> segno.QRCode:
    """The square. Capitals and digits are packed tighter than the rest, so the text is handed over in its parts."""
    number, _, rest = payload.partition("?k=")
    key, _, signed = rest.partition("#")
    parts: Any = [(f"{address}/v/",), (number,), ("?k=",), (key,), ("#",), (signed,)]
    return segno.make(parts, error="m", boost_error=False, micro=False)


def qr(address: str, payload: str) -> Markup:
    """The square as a drawing for a page, with its quiet zone of four modules. Paper takes it as dots: four times as quick."""
    return Markup(square(address, payload).svg_inline(border=4, dark="#14202b", light=None, omitsize=True))  # noqa: S704  (segno draws it)


def short_address(address: str) -> str:
    """The address as a person reads and types it."""
    return address.removeprefix("https://").removeprefix("http://") + "/v"


# ---- PDF -------------------------------------------------------------------------------------------------------------


def certificates(copies: Sequence[Copy], *, language: str, title: str, register: Mapping[str, Any] | None = None) -> bytes:
    """Certificates as one PDF, in the given order; `register` adds the page of the register. Slow: hold no lock.

    Raises pdf.MissingGlyph for a letter that the fonts lack.
    """
    jinja = current_app.jinja_env
    template = jinja.get_template("certificates/sheet.html")
    body = "".join(template.render(paper=sheet(copy)) for copy in copies)
    if register is not None:
        with speaking(language):
            body += jinja.get_template("certificates/register_paper.html").render(**register)
    drawings = [_under(copy.facts) for copy in copies]
    return _write(body, drawings, language=language, title=title)


def _under(facts: Facts) -> art.Drawing:
    crest_at, crest, rosette_at = PLACES["two" if len(facts.languages) == 2 else facts.layout]
    return art.sheet(facts.layout, crest_at, crest, rosette_at)


def _write(body: str, drawings: list[art.Drawing], *, language: str, title: str) -> bytes:
    """`pdf.write` with drawings that all pages share, laid under them before the file is written."""

    def finish(_document: Any, made: Any) -> None:
        pages = len(made.pages["Kids"]) // 3
        art.lay_under(made, [*drawings, *[None] * (pages - len(drawings))])

    return pdf.write(body, language=language, title=title, styles=(STYLE,), chains=("serif", "sans"), finish=finish)
