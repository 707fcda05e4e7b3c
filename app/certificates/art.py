"""The drawings of a certificate: the fine-line border, the rosette behind the text, and the crest.

They are written as PDF operators and put under the text of every page as one shared object: a hundred certificates hold
them once, and drawing them costs a page nothing. As pictures in the HTML each page would take a second.
Units are millimetres from the top left corner; hairlines are 0.10 to 0.16 mm in two inks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import cos, pi, sin
from typing import Any

NAVY, BRONZE = "0.090 0.216 0.369", "0.541 0.416 0.184"
PALE_NAVY, PALER_NAVY, PALE_BRONZE = "0.867 0.898 0.933", "0.902 0.925 0.953", "0.937 0.910 0.855"
WHITE = "1 1 1"
SIZES = {"landscape": (297.0, 210.0), "portrait": (210.0, 297.0)}
OUT, BAND = 8.5, 7.6  # from the edge of the sheet to the border; the width of its band
CORNER = BAND + 4.4

Curve = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Drawing:
    """PDF operators, and the smaller drawings that they use by name."""

    content: str
    parts: dict[str, Drawing] = field(default_factory=dict)


# ---- lines -------------------------------------------------------------------------------------------------------------


def _curve(f: Curve, a: float, b: float, n: int, close: bool = False) -> str:
    """A smooth path through n equal steps of a curve (cubic Hermite)."""
    h, e = (b - a) / n, 1e-5
    at = [f(a + i * h) for i in range(n + 1)]
    slope = [tuple((p - q) / (2 * e) for p, q in zip(f(a + i * h + e), f(a + i * h - e), strict=True)) for i in range(n + 1)]
    out = [f"{at[0][0]:.2f} {at[0][1]:.2f} m"]
    for i in range(n):
        (x0, y0), (x1, y1), (u0, v0), (u1, v1) = at[i], at[i + 1], slope[i], slope[i + 1]
        out.append(
            f"{x0 + u0 * h / 3:.2f} {y0 + v0 * h / 3:.2f} {x1 - u1 * h / 3:.2f} {y1 - v1 * h / 3:.2f} {x1:.2f} {y1:.2f} c"
        )
    return " ".join(out) + (" h" if close else "")


def _stroke(path: str, width: float, ink: str) -> str:
    return f"{ink} RG {width} w {path} S"


def _rect(x: float, y: float, w: float, h: float, width: float, ink: str, fill: bool = False) -> str:
    paint = f"{WHITE} rg {x:.3f} {y:.3f} {w:.3f} {h:.3f} re B" if fill else f"{x:.3f} {y:.3f} {w:.3f} {h:.3f} re S"
    return f"{ink} RG {width} w {paint}"


def _circle(r: float) -> str:
    return _curve(lambda a: (r * cos(a), r * sin(a)), 0, 2 * pi, 8, True)


def _placed(name: str, x: float, y: float, turned: bool = False) -> str:
    return f"q {'0 1 -1 0' if turned else '1 0 0 1'} {x:.3f} {y:.3f} cm /{name} Do Q"


def _rosette(r: float, lobes: int, inner: float, phases: int) -> str:
    """Interlaced loops round a point."""

    def loop(phase: float) -> Curve:
        def f(a: float) -> tuple[float, float]:
            q = r * (inner + (1 - inner) * (0.5 + 0.5 * cos(lobes * a + phase)))
            return q * cos(a), q * sin(a)

        return f

    return " ".join(_curve(loop(2 * pi * k / phases), 0, 2 * pi, lobes * 6, True) for k in range(phases))


# ---- parts -------------------------------------------------------------------------------------------------------------


def _tile(period: float) -> Drawing:
    """One period of the band: two families of interlaced waves."""
    half = BAND / 2

    def navy(phase: float) -> Curve:
        return lambda x: (x, half * (0.62 + 0.30 * cos(2 * pi * x / period)) * sin(2 * pi * x / period + phase))

    def bronze(phase: float) -> Curve:
        return lambda x: (x, half * 0.96 * sin(2 * pi * x / period + phase) * cos(pi * x / period) ** 2)

    return Drawing(
        _stroke(" ".join(_curve(navy(2 * pi * k / 6), 0, period, 8) for k in range(6)), 0.11, NAVY)
        + " " + _stroke(" ".join(_curve(bronze(2 * pi * k / 4), 0, period, 8) for k in range(4)), 0.13, BRONZE)
    )


def _corner() -> Drawing:
    c = CORNER
    return Drawing(" ".join((
        _rect(-c / 2, -c / 2, c, c, 0.4, NAVY, fill=True),
        _rect(-c / 2 + 0.95, -c / 2 + 0.95, c - 1.9, c - 1.9, 0.12, NAVY),
        _stroke(_rosette(c * 0.43, 16, 0.50, 4), 0.10, NAVY),
        _stroke(_rosette(c * 0.30, 8, 0.30, 4), 0.13, BRONZE),
        f"{NAVY} rg {_circle(c * 0.075)} f", _stroke(_circle(c * 0.12), 0.14, NAVY),
    )))


def _ground() -> Drawing:
    rings = ((50, 24, 0.70, 6, PALE_NAVY), (36, 16, 0.58, 4, PALER_NAVY), (22, 8, 0.36, 4, PALE_BRONZE))
    return Drawing(" ".join(_stroke(_rosette(r, lobes, inner, phases), 0.16, ink) for r, lobes, inner, phases, ink in rings))


def _crest() -> Drawing:
    """A place-holder for the service's own crest: a compass ring round an open book, 100 units wide."""
    out = [_stroke(_circle(48), 2, NAVY), _stroke(_circle(44.5), 0.7, NAVY), _stroke(_circle(33), 0.7, NAVY)]
    for k in range(48):
        a, long = 2 * pi * k / 48, k % 6 == 0
        near, far = (34, 43) if long else (35, 39)
        out.append(_stroke(f"{near * cos(a):.2f} {near * sin(a):.2f} m {far * cos(a):.2f} {far * sin(a):.2f} l", 1.5 if long else 0.6, NAVY))
    for k in range(4):
        c, s = round(cos(k * pi / 2)), round(sin(k * pi / 2))
        out.append(f"q {c} {s} {-s} {c} 0 0 cm {BRONZE} rg 0 -32 m 2.6 -21 l 0 -18.4 l -2.6 -21 l f Q")
    book = "0 14 m -5 9.5 -13 8.5 -20 10.5 c -20 -9.5 l -13 -11.5 -5 -10.5 0 -6 c 5 -10.5 13 -11.5 20 -9.5 c 20 10.5 l 13 8.5 5 9.5 0 14 c h"
    out.append(f"{WHITE} rg {NAVY} RG 1.8 w {book} B")
    out.append(_stroke("0 -6 m 0 14 l", 1.4, NAVY))
    for y in (-5, 0, 5):
        out.append(_stroke(
            f"-16 {y - 1} m -11 {y - 2} -7 {y - 1.4} -3.6 {y + 0.8} c 16 {y - 1} m 11 {y - 2} 7 {y - 1.4} 3.6 {y + 0.8} c", 0.9, NAVY,
        ))
    return Drawing(" ".join(out))


@lru_cache
def sheet(layout: str, crest_at: float, crest_size: float, rosette_at: float) -> Drawing:
    """Everything under the words of one sheet: border, rosette (its middle at a height), crest (top and size)."""
    w, h = SIZES[layout]
    o = OUT + CORNER / 2  # the middle of the band
    across, down = w - 2 * OUT - 2 * CORNER, h - 2 * OUT - 2 * CORNER
    n_across, n_down = round(across / 10.2), round(down / 10.2)  # whole periods on each side
    parts = {
        "Across": _tile(across / n_across), "Down": _tile(down / n_down), "Corner": _corner(), "Ground": _ground(), "Crest": _crest(),
    }
    out = [_placed("Ground", w / 2, rosette_at)]
    for i in range(n_across):
        out += [_placed("Across", OUT + CORNER + i * across / n_across, y) for y in (o, h - o)]
    for i in range(n_down):
        out += [_placed("Down", x, OUT + CORNER + i * down / n_down, turned=True) for x in (o, w - o)]
    for inset, width, ink in (
        (OUT, 0.55, NAVY), (OUT + 0.95, 0.12, NAVY), (OUT + CORNER - 0.95, 0.12, NAVY), (OUT + CORNER, 0.3, NAVY),
        (OUT + CORNER + 1.5, 0.12, BRONZE),
    ):
        out.append(_rect(inset, inset, w - 2 * inset, h - 2 * inset, width, ink))
    out += [_placed("Corner", x, y) for x in (o, w - o) for y in (o, h - o)]
    scale = crest_size / 100
    out.append(f"q {scale} 0 0 {scale} {w / 2:.3f} {crest_at + crest_size / 2:.3f} cm /Crest Do Q")
    return Drawing(" ".join(out), parts)


# ---- into a PDF --------------------------------------------------------------------------------------------------------


def lay_under(pdf: Any, pages: Sequence[Drawing | None]) -> None:
    """Put a drawing under each page of a PDF that WeasyPrint is about to write (a pydyf.PDF)."""
    import pydyf  # type: ignore[import-untyped]  # WeasyPrint's own

    def form(drawing: Drawing) -> Any:
        """The drawing as an object of the PDF; its parts first."""
        extra: dict[str, Any] = {"Type": "/XObject", "Subtype": "/Form", "BBox": pydyf.Array([-60, -60, 300, 300])}
        if drawing.parts:
            inner = {name: form(part).reference for name, part in drawing.parts.items()}
            extra["Resources"] = pydyf.Dictionary({"XObject": pydyf.Dictionary(inner)})
        made = pydyf.Stream([drawing.content], extra, compress=True)
        pdf.add_object(made)
        return made

    def found(value: Any) -> Any:
        return value if isinstance(value, dict) else pdf.objects[int(value.split()[0])]

    points = 72 / 25.4
    known: dict[int, tuple[str, Any, Any]] = {}
    for number, drawing in zip(pdf.pages["Kids"][::3], pages, strict=True):
        if drawing is None:
            continue
        page = pdf.objects[number]
        if id(drawing) not in known:
            name = f"Paper{len(known)}"
            height = float(page["MediaBox"][3])
            place = pydyf.Stream([f"/Artifact BMC q {points:.6f} 0 0 {-points:.6f} 0 {height:.4f} cm /{name} Do Q EMC"], compress=True)
            known[id(drawing)] = (name, form(drawing), place)
            pdf.add_object(place)
        name, art, place = known[id(drawing)]
        found(found(page["Resources"])["XObject"])[name] = art.reference
        page["Contents"] = pydyf.Array([place.reference, page["Contents"]])
