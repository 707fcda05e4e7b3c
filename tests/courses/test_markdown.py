"""Lesson bodies: pages, blocks, clean HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.courses import markdown
from app.courses.markdown import Check, Figure, Remark, Reveal, Words
from tests.courses import sample

INJECTIONS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    "![x](http://evil.example/x.png)",
    "![x](x.png){onload=alert(1)}",
    "[x]: javascript:alert(1)\n\n[x]",
    "[x](http://a.example 'onclick=alert(1)')",
    '[x](http://a.example"onclick="alert(1))',
    "<iframe src=//evil.example></iframe>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "`<script>alert(1)</script>`",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "```html onload=alert(1)\nx\n```",
    "| <script>alert(1)</script> | b |\n|---|--:|\n| <img onerror=alert(1) src=x> | c |",
    "<style>*{background:url(http://evil.example)}</style>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#x3C;script&#x3E;",
    "<base href=http://evil.example>",
    "<form action=http://evil.example><input name=pin></form>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "\u2028<script>alert(1)</script>\u2029",
    "<scr\0ipt>alert(1)</scr\0ipt>",
]  # fmt: skip

ALLOWED_ATTRIBUTES = {"href", "rel", "class", "dir", "start", "scope"}


class Seen(HTMLParser):
    """The elements and attributes that a browser would make of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


def assert_inert(text: str) -> None:
    seen = Seen(text)
    assert seen.tags <= markdown.TAGS
    assert {name for name, _ in seen.attributes} <= ALLOWED_ATTRIBUTES
    assert [value for name, value in seen.attributes if name == "href" and not (value or "").startswith(("http:", "https:", "mailto:"))] == []


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.goal("SEC-08")
def test_what_an_author_types_never_runs(text: str) -> None:
    """Programs, styles, forms and foreign pictures in a lesson stay words."""
    assert_inert(markdown.html(text))
    assert_inert(markdown.inline(text))


@given(st.lists(st.sampled_from([*INJECTIONS, "a", "\n", "\n\n", "> ", "- ", "| ", "`", "*", "[", "](", ")", "<", ">", '"']), max_size=12).map("".join))
def test_no_mixture_of_them_runs_either(text: str) -> None:
    """Whatever is built from such pieces is inert, and is read without a crash."""
    assert_inert(markdown.html(text))
    markdown.read(f"## Page\n\n{text}")


def test_a_lesson_is_cut_into_pages_and_blocks() -> None:
    """Each level-2 heading begins a page; directives become blocks in their order."""
    body = markdown.read(sample.CAR["en"].split("---\n\n", 1)[1])

    assert body.problems == []
    assert [(page.title, [type(block) for block in page.blocks]) for page in body.pages] == [
        ("Six zones", [Words, Figure]),
        ("Where it ends", [Check, Remark]),
        ("In the end", [Words]),
    ]
    assert body.pages[0].blocks[1] == Figure(
        5, "car.svg", "A car from the side", "Zones of a car", "Six numbers round a car.", ("Bonnet", "Cabin")
    )
    assert body.pages[1].blocks[0] == Check(
        15, "You began at the front left. Where does it end?", ("At the boot", "At the front left", "Anywhere"), 1,
        "The circle is closed.", "Begin and end at one point.",
    )  # fmt: skip


def test_inside_a_code_block_nothing_is_a_heading_or_directive() -> None:
    """An example of our own format can be shown."""
    body = markdown.read("## Page\n\n```\n## no page\n:::note\n```\n")

    assert (len(body.pages), body.problems) == (1, [])


def test_headings_move_one_level_out() -> None:
    """The page's title is the h1, so its parts are h2."""
    assert markdown.html("### Part\n\n#### Smaller") == "<h2>Part</h2>\n<h3>Smaller</h3>\n"


def test_emphasis_is_bold() -> None:
    """Arabic script has no italics: both stresses are weight."""
    assert markdown.html("*so* and **so**") == "<p><strong>so</strong> and <strong>so</strong></p>\n"


def test_tables_scroll_in_their_panel_and_align_without_inline_style() -> None:
    """The page's policy refuses inline style; numbers still stand at the end of their column."""
    html = markdown.html("| Part | m |\n|---|--:|\n| body | 0.63 |")

    assert html.startswith('<div class="t-wrap"><table class="t">')
    assert '<th class="n" scope="col">m</th>' in html
    assert "style" not in html


def test_codes_read_from_the_left_and_keep_every_sign() -> None:
    """A machine readable line in a Dari lesson is not touched, mirrored or prettified."""
    assert markdown.html("کد `P<UTO--\"L898902C3\"` است") == (
        '<p>کد <code class="code ltr" dir="ltr">P&lt;UTO--"L898902C3"</code> است</p>\n'
    )


def test_a_reveal_keeps_its_question() -> None:
    """What is opened on demand is announced by its line."""
    body = markdown.read("## Page\n\n:::reveal What now?\nCall.\n:::\n")

    assert body.pages[0].blocks == (Reveal(3, "What now?", "Call."),)


@given(st.text(st.sampled_from("#:`~ \n\t-()x|>*abكд1<&"), max_size=60))
def test_reading_never_fails(text: str) -> None:
    """Any text gives pages or problems, never a crash, and each problem names a line that exists."""
    body = markdown.read(text)

    assert body.pages or body.problems
    assert all(1 <= line <= text.count("\n") + 1 for line, _ in body.problems)
