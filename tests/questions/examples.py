"""One question of each type, as a course file has it, small enough to reckon with by hand."""

from __future__ import annotations

from typing import Any

from app.questions import shown
from app.questions.content import Question

EXAMPLES: dict[str, dict[str, Any]] = {
    "single": {
        "text": {"en": "The tape shows 11.40 m. What do you do first?", "ru": "Рулетка показывает 11,40 м. Что вы сделаете сначала?", "prs": "فیتهٔ شما ۱۱٫۴۰ متر نشان می‌دهد. اول چه می‌کنید؟"},
        "options": [
            {"id": "a", "text": {"en": "Nothing. A difference of half a metre is normal in an old container.", "ru": "Ничего. Полметра для старого контейнера нормально.", "prs": "هیچ. در کانتینر کهنه نیم متر فرق عادی است."}},
            {"id": "b", "text": {"en": "Measure again outside and inside, and look at the front wall: vents, corner blocks, colour.", "ru": "Измерю ещё раз снаружи и внутри и осмотрю переднюю стенку.", "prs": "از بیرون و داخل دوباره اندازه می‌کنم و دیوار پیش رو را می‌بینم."}, "right": "yes"},
            {"id": "c", "text": {"en": "Break the front wall open at once, before the driver can leave.", "ru": "Сразу вскрою переднюю стенку.", "prs": "دیوار پیش رو را فوراً می‌شکنم."}},
            {"id": "d", "text": {"en": "Send the container on and note the length in the register.", "ru": "Пропущу контейнер и запишу длину.", "prs": "کانتینر را اجازه می‌دهم و طول آن را ثبت می‌کنم."}},
        ],
        "feedback": {"en": "A false front wall takes 0.5 to 1 m. Measure before you break anything.", "prs": "دیوار دروغین نیم تا یک متر جای می‌گیرد."},
    },
    "multiple": {
        "text": {"en": "Which signs speak for a false front wall?", "prs": "کدام نشانه‌ها دیوار دروغین را نشان می‌دهد؟"},
        "options": [
            {"id": "a", "text": {"en": "Vents too close to the corner blocks", "prs": "هواکش‌ها بسیار نزدیک گوشه"}, "right": "yes"},
            {"id": "b", "text": {"en": "Fresh paint inside only", "prs": "رنگ تازه تنها در داخل"}, "right": "yes"},
            {"id": "c", "text": {"en": "A dull sound when knocked", "prs": "صدای گنگ"}, "right": "yes"},
            {"id": "d", "text": {"en": "A seal with a number", "prs": "مهر نمبردار"}},
            {"id": "e", "text": {"en": "Rust on the roof", "prs": "زنگ روی سقف"}},
        ],
        "scoring": "partial",
    },
    "number": {
        "text": {"en": "A 40-foot container measures 11.40 m inside; the table says 12.03 m. How much is missing?", "prs": "کانتینر ۴۰ فوت از داخل ۱۱٫۴۰ متر است؛ در جدول ۱۲٫۰۳ متر. چقدر کم است؟"},
        "value": "0.63",
        "tolerance": "0.01",
        "unit": {"en": "m", "ru": "м", "prs": "متر"},
    },
    "matching": {
        "text": {"en": "Match each sign with the part of the vehicle where it means most.", "prs": "هر نشانه را با جای آن یکجا کنید."},
        "pairs": [
            {"id": "a", "left": {"en": "Blocks sit too close to the vents, in another colour", "prs": "بلاک‌ها بسیار نزدیک هواکش"}, "right": {"en": "front wall of a container", "prs": "دیوار پیش روی کانتینر"}},
            {"id": "b", "left": {"en": "You have to step up to get in", "prs": "برای داخل شدن باید بالا شوید"}, "right": {"en": "container floor", "prs": "کف کانتینر"}},
            {"id": "c", "left": {"en": "New and worn metal on one locking bar", "prs": "فلز نو و کهنه در یک قفل"}, "right": {"en": "container doors", "prs": "دروازه‌های کانتینر"}},
        ],
        "extra": [{"id": "x", "text": {"en": "refrigeration unit", "prs": "دستگاه سردکننده"}}],
    },
    "ordering": {
        "text": {"en": "Put the five steps at the control line in order.", "prs": "پنج قدم کنترول را به ترتیب بگذارید."},
        "items": [
            {"id": "select", "text": {"en": "Select the vehicle", "prs": "انتخاب موتر"}},
            {"id": "watch", "text": {"en": "Watch vehicle and driver as they come near", "prs": "دیدن موتر و راننده هنگام نزدیک شدن"}},
            {"id": "papers", "text": {"en": "Check the papers", "prs": "دیدن اسناد"}},
            {"id": "ask", "text": {"en": "Question driver and passengers, apart", "prs": "پرسش از راننده و سواری‌ها، جدا جدا"}},
            {"id": "search", "text": {"en": "Search the vehicle and its load", "prs": "تلاشی موتر و بار آن"}},
        ],
        "scoring": "run",
    },
    "hotspot": {
        "text": {"en": "The car is seen from below, front on the left. Mark the place you would look at first, or choose “Nothing suspicious”.", "prs": "موتر از زیر دیده می‌شود. جایی را که اول می‌بینید نشانی کنید."},
        "image": {"file": "undercarriage.svg", "alt": {"en": "Undercarriage of a car: sump, drive shaft, exhaust, fuel tank, rails and cross pieces, wheels", "prs": "زیر موتر: کارتر، شافت، اگزوز"}},
        "columns": "6",
        "rows": "3",
        "marks": "one",
        "regions": [{"id": "plate", "name": {"en": "new plate with screws between the rails", "prs": "تختهٔ نو با پیچ"}, "cells": ["D3", "E3"]}],
    },
}


def example(kind: str, **changes: Any) -> Question:
    """The example of a type, with some fields of its own written otherwise."""
    shared = {"id": f"ex-{kind}", "type": kind, "outcome": "car", "difficulty": "medium", "source": "P1-CK", "as_of": "2026-11-21"}
    return Question.model_validate(shared | EXAMPLES[kind] | changes)


def earned(question: Question, response: Any) -> str:
    """The mark as a fraction in words of the test: "1", "0", "2/3"."""
    return str(question.kind.mark(question.content, shown.order_of(question, "seed"), response))
