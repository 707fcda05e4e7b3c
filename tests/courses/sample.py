"""A small course on disk: two full languages, Dari in part, one module, two lessons, five questions, two tests."""

from __future__ import annotations

from pathlib import Path

COURSE = """\
id: small
title:
  en: Small course
  ru: Малый курс
  prs: کورس کوچک
summary:
  en: A course for tests.
  ru: Курс для проверок.
languages: [en, ru]
partial: [prs]
original: en
level: basic
domain: land
hours: 2
as_of: 2026-11-21
outcomes:
  - id: car
    text:
      en: Searches a car
      ru: Досматривает автомобиль
  - id: seal
    text:
      en: Checks a seal
      ru: Проверяет пломбу
completion:
  pass_mark: 80
  lessons: all
quizzes:
  - id: pre
    kind: pre-test
    title:
      en: Pre-test
      ru: Входной тест
    minutes: 10
    attempts: 1
    supervised: yes
    blueprint:
      - {outcome: car, items: 1}
      - {outcome: seal, items: 1}
  - id: post
    kind: post-test
    title:
      en: Final test
      ru: Итоговый тест
    attempts: 2
    supervised: no
    parallel_to: pre
    blueprint:
      - {outcome: car, items: 1}
      - {outcome: seal, items: 1}
modules:
  - id: hides
    title:
      en: Hides
      ru: Места сокрытия
sources:
  - id: P1-CK
    title: A checklist
"""

MEDIA = """\
- {file: car.svg, licence: CC BY 4.0, source: "own drawing, Sabaq"}
"""

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100"><path d="M0 0h200"/></svg>\n'

CAR = {
    "en": """\
---
id: car
title: A car by zones
kind: explain
minutes: 30
outcomes: [car]
sources: [P1-CK]
notes: |
  Ask first.
  Show then.
---

## Six zones

Search in **one order**.

:::figure car.svg
alt: A car from the side
caption: Zones of a car
description: Six numbers round a car.
key: Bonnet
key: Cabin
:::

## Where it ends

:::check
You began at the front left. Where does it end?
( ) At the boot
(x) At the front left
( ) Anywhere
right: The circle is closed.
wrong: Begin and end at one point.
:::

:::note
Only with *two* officers.
:::

## In the end

Done.
""",
    "ru": """\
---
id: car
title: Автомобиль по зонам
kind: explain
minutes: 30
outcomes: [car]
sources: [P1-CK]
---

## Шесть зон

Досматривайте в **одном порядке**.

:::figure car.svg
alt: Автомобиль сбоку
caption: Зоны автомобиля
key: Капот
key: Салон
:::

## Где конец

:::check
Вы начали спереди слева. Где конец?
( ) У багажника
(x) Спереди слева
( ) Где угодно
right: Круг замкнут.
wrong: Начинайте и заканчивайте в одной точке.
:::

:::note
Только *вдвоём*.
:::

## В конце

Готово.
""",
    "prs": """\
---
id: car
title: موتر
kind: explain
minutes: 30
outcomes: [car]
sources: [P1-CK]
---

## شش ساحه

به **یک ترتیب** تلاشی کنید. کد `P<UTO` را بخوانید.

:::figure car.svg
alt: موتر از پهلو
caption: ساحه‌های موتر
key: بانت
key: کابین
:::

## پایان کجاست

:::check
از چپ پیشرو آغاز کردید. پایان کجاست؟
( ) نزد تول‌بکس
(x) چپ پیشرو
( ) هرجا
right: دایره بسته شد.
wrong: در یک نقطه آغاز و پایان کنید.
:::

:::note
تنها با دو مامور.
:::

## در پایان

تمام.
""",
}

SEAL = {
    "en": """\
---
id: seal
title: The seal
kind: do
minutes: 15
outcomes: [seal]
---

## Check the number

| Part | Sign |
|---|--:|
| body | 1 |

### Then

:::reveal What would you do?
Compare with the papers.
:::
""",
    "ru": """\
---
id: seal
title: Пломба
kind: do
minutes: 15
outcomes: [seal]
---

## Проверьте номер

Сверьте.

:::reveal Что делать?
Сверить с документами.
:::
""",
}


def _question(id: str, outcome: str) -> str:
    return f"""\
- id: {id}
  type: single
  outcome: {outcome}
  difficulty: easy
  source: P1-CK
  as_of: 2026-11-21
  text:
    en: Question {id}?
    ru: Вопрос {id}?
  options:
    - id: a
      text:
        en: Yes
        ru: Да
      right: yes
    - id: b
      text:
        en: No
        ru: Нет
    - id: c
      text:
        en: Perhaps
        ru: Может быть
"""


QUESTIONS = "".join(_question(*one) for one in (("q1", "car"), ("q2", "car"), ("q3", "seal"), ("q4", "seal"))) + """\
- id: q5
  type: hotspot
  outcome: car
  difficulty: hard
  source: P1-CK
  as_of: 2026-11-21
  text:
    en: Where?
    ru: Где?
  image:
    file: car.svg
    alt:
      en: A car
      ru: Автомобиль
  columns: 6
  rows: 3
  marks: one
  regions:
    - id: r
      name:
        en: Boot
        ru: Багажник
      cells: [D3, E3]
- id: q6
  type: hotspot
  outcome: car
  difficulty: hard
  source: P1-CK
  as_of: 2026-11-21
  text:
    en: And here?
    ru: А здесь?
  image:
    file: car.svg
    alt:
      en: A car
      ru: Автомобиль
  columns: 6
  rows: 3
  marks: one
  regions: []
"""

FILES: dict[str, str] = {
    "course.yaml": COURSE,
    "media/media.yaml": MEDIA,
    "media/car.svg": SVG,
    "modules/01-hides/questions.yaml": QUESTIONS,
    **{f"modules/01-hides/01-car.{language}.md": text for language, text in CAR.items()},
    **{f"modules/01-hides/02-seal.{language}.md": text for language, text in SEAL.items()},
}


def write(folder: Path, files: dict[str, str | None] | None = None, *, id: str = "small") -> Path:
    """The course in `folder/<id>`, with some files replaced, or left out (None)."""
    course = folder / id
    for name, text in (FILES | (files or {})).items():
        if text is not None:
            path = course / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("id: small", f"id: {id}") if name == "course.yaml" else text, encoding="utf-8", newline="")
    return course
