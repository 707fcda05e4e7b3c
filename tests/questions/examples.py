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
    "comparison": {
        "text": {"en": "Compare the questioned page with the genuine one.", "ru": "Сравните сомнительную страницу с подлинной.", "prs": "صفحهٔ مشکوک را با اصلی مقایسه کنید."},
        "genuine": {"file": "genuine.svg", "alt": {"en": "Data page: photograph, name lines, round stamp", "ru": "Страница с данными", "prs": "صفحهٔ معلومات"}},
        "questioned": {"file": "questioned.svg", "alt": {"en": "Data page: photograph, name lines, square stamp", "ru": "Страница с данными", "prs": "صفحهٔ معلومات"}},
        "features": [
            {"id": "photo", "name": {"en": "Edge of the photograph", "ru": "Край фотографии", "prs": "لبهٔ عکس"}, "differs": "yes"},
            {"id": "type", "name": {"en": "Typeface of the name", "ru": "Шрифт имени", "prs": "خط نام"}},
            {"id": "stamp", "name": {"en": "Shape of the stamp", "ru": "Форма печати", "prs": "شکل مهر"}, "differs": "yes"},
            {"id": "number", "name": {"en": "Place of the number", "ru": "Место номера", "prs": "جای نمبر"}},
        ],
    },
    "scenario": {
        "text": {"en": "Something rattles under the floor of a van. What do you do?", "ru": "Под полом фургона что-то гремит. Что вы делаете?", "prs": "زیر فرش موتر چیزی صدا می‌دهد. چه می‌کنید؟"},
        "start": "rattle",
        "steps": [
            {"id": "rattle", "text": {"en": "The driver waits beside you.", "ru": "Водитель стоит рядом.", "prs": "راننده در پهلوی شماست."}, "options": [
                {"id": "call", "text": {"en": "Lead him away and call your colleague", "ru": "Отвожу его и зову напарника", "prs": "او را دور می‌برم"}, "next": "floor", "points": "2", "reply": {"en": "Your colleague stays with the driver.", "ru": "Напарник остаётся с водителем.", "prs": "همکار با راننده می‌ماند."}},
                {"id": "ask", "text": {"en": "Ask him what it is", "ru": "Спрашиваю его", "prs": "از او می‌پرسم"}, "next": "floor", "points": "1"},
                {"id": "open", "text": {"en": "Open the floor at once, alone", "ru": "Сразу вскрываю один", "prs": "فوراً تنها باز می‌کنم"}, "critical": "yes"},
            ]},
            {"id": "floor", "text": {"en": "The floor has fresh screws.", "ru": "На полу свежие винты.", "prs": "پیچ‌های نو دیده می‌شود."}, "options": [
                {"id": "photo", "text": {"en": "Photograph it, then measure", "ru": "Фотографирую, затем измеряю", "prs": "عکس می‌گیرم"}, "next": "find", "points": "1"},
                {"id": "wait", "text": {"en": "Send the van on", "ru": "Пропускаю фургон", "prs": "اجازه می‌دهم"}},
            ]},
            {"id": "find", "text": {"en": "The floor is 20 cm too thick.", "ru": "Пол толще на 20 см.", "prs": "فرش ۲۰ سانتی‌متر ضخیم‌تر است."}, "options": [
                {"id": "stop", "text": {"en": "Stop, guard, report", "ru": "Останавливаю, охраняю, докладываю", "prs": "توقف و گزارش"}, "points": "2"},
                {"id": "drill", "text": {"en": "Drill a hole without a word to anybody", "ru": "Сверлю, никому не сказав", "prs": "سوراخ می‌کنم"}, "critical": "yes", "points": "5"},
            ]},
        ],
    },
    "map-point": {
        "text": {"en": "Where does the seal of this truck sit?", "ru": "Где у этого грузовика пломба?", "prs": "مهر این لاری کجاست؟"},
        "image": {"file": "truck.svg", "alt": {"en": "Truck and trailer from the side, front on the left", "ru": "Грузовик сбоку", "prs": "لاری از پهلو"}},
        "places": [
            {"id": "cab", "name": {"en": "Door of the cab", "ru": "Дверь кабины", "prs": "دروازهٔ کابین"}, "x": "10", "y": "50"},
            {"id": "tank", "name": {"en": "Cap of the tank", "ru": "Крышка бака", "prs": "سر تانک"}, "x": "30", "y": "80"},
            {"id": "rear", "name": {"en": "Rear doors", "ru": "Задние двери", "prs": "دروازه‌های عقب"}, "x": "90.5", "y": "50"},
        ],
        "right": "rear",
        "bands": [{"within": "5", "points": "1"}, {"within": "15", "points": "0.5"}],
    },
    "hotspot": {
        "text": {"en": "The car is seen from below, front on the left. Mark the place you would look at first, or choose “Nothing suspicious”.", "prs": "موتر از زیر دیده می‌شود. جایی را که اول می‌بینید نشانی کنید."},
        "image": {"file": "undercarriage.svg", "alt": {"en": "Undercarriage of a car: sump, drive shaft, exhaust, fuel tank, rails and cross pieces, wheels", "prs": "زیر موتر: کارتر، شافت، اگزوز"}},
        "columns": "6",
        "rows": "3",
        "marks": "one",
        "regions": [{"id": "plate", "name": {"en": "new plate with screws between the rails", "prs": "تختهٔ نو با پیچ"}, "cells": ["D3", "E3"]}],
    },
    "true-false": {
        "text": {"en": "A false front wall takes up to one metre of the length of a container.", "ru": "Ложная передняя стенка занимает до одного метра длины контейнера.", "prs": "دیوار دروغین تا یک متر از درازی کانتینر را می‌گیرد."},
        "right": "yes",
    },
    "short-text": {
        "text": {"en": "Which letters does the driver write for the owner of the container on the seal list?", "ru": "Какие буквы владельца контейнера водитель пишет в списке пломб?", "prs": "راننده کدام حروف را برای مالک کانتینر می‌نویسد؟"},
        "accepted": [{"id": "a", "text": {"en": "UTOU 123-4", "ru": "UTOU 123-4", "prs": "UTOU 123-4"}}, {"id": "b", "text": {"en": "UTOU", "ru": "UTOU", "prs": "UTOU"}}],
        "fold": "code",
        "hint": {"en": "Four capital letters.", "ru": "Четыре заглавные буквы.", "prs": "چهار حرف بزرگ."},
    },
    "cloze": {
        "text": {"en": "Fill the gaps.", "ru": "Заполните пропуски.", "prs": "جاهای خالی را پر کنید."},
        "passage": {
            "en": "Begin at the [[start]] and go round the vehicle [[way]]. The search ends at the same [[end]].",
            "ru": "Идите вокруг машины [[way]], начав с [[start]]. Досмотр кончается в той же [[end]].",
            "prs": "از [[start]] شروع کنید و [[way]] دور موتر بروید. تلاشی در همان [[end]] ختم می‌شود.",
        },
        "gaps": [
            {"id": "start", "options": [
                {"id": "a", "text": {"en": "left front wheel arch", "ru": "левой передней арки", "prs": "چرخ چپ پیش رو"}, "right": "yes"},
                {"id": "b", "text": {"en": "boot", "ru": "багажника", "prs": "تول‌بکس"}},
                {"id": "c", "text": {"en": "driver's seat", "ru": "сиденья водителя", "prs": "چوکی راننده"}},
            ]},
            {"id": "way", "options": [
                {"id": "a", "text": {"en": "clockwise", "ru": "по часовой стрелке", "prs": "به جهت ساعت"}, "right": "yes"},
                {"id": "b", "text": {"en": "by chance", "ru": "наугад", "prs": "به تصادف"}},
            ]},
            {"id": "end", "accepted": [{"id": "a", "text": {"en": "point", "ru": "точке", "prs": "نقطه"}}, {"id": "b", "text": {"en": "place", "ru": "месте", "prs": "جا"}}], "fold": "words"},
        ],
    },
    "fill-table": {
        "text": {"en": "Fill the table of inside lengths.", "ru": "Заполните таблицу внутренних длин.", "prs": "جدول درازی داخل را پر کنید."},
        "columns": [{"id": "should", "text": {"en": "Table, m", "ru": "По таблице, м", "prs": "جدول، متر"}}, {"id": "less", "text": {"en": "Missing, m", "ru": "Не хватает, м", "prs": "کم، متر"}}, {"id": "do", "text": {"en": "Code", "ru": "Код", "prs": "کود"}}],
        "rows": [
            {"id": "forty", "text": {"en": "40 feet, measured 11.40 m", "ru": "40 футов, измерено 11,40 м", "prs": "۴۰ فوت، ۱۱٫۴۰ متر"}, "cells": [
                {"column": "should", "given": {"en": "12.03", "ru": "12,03", "prs": "۱۲٫۰۳"}},
                {"column": "less", "value": "0.63", "tolerance": "0.01"},
                {"column": "do", "accepted": [{"id": "a", "text": {"en": "B-2", "ru": "B-2", "prs": "B-2"}}], "fold": "code"},
            ]},
            {"id": "twenty", "text": {"en": "20 feet, measured 5.89 m", "ru": "20 футов, измерено 5,89 м", "prs": "۲۰ فوت، ۵٫۸۹ متر"}, "cells": [
                {"column": "should", "given": {"en": "5.89", "ru": "5,89", "prs": "۵٫۸۹"}},
                {"column": "less", "value": "0", "tolerance": "0"},
                {"column": "do", "given": {"en": "none", "ru": "нет", "prs": "هیچ"}},
            ]},
        ],
    },
    "check-digit": {
        "text": {"en": "What is the check digit of this field?", "ru": "Какова контрольная цифра этого поля?", "prs": "رقم کنترول این ساحه چند است؟"},
        "field": "document-number",
        "steps": "yes",
    },
    "free-text": {
        "text": {
            "en": "Why do you begin and end a search at the same point?", "ru": "Почему досмотр начинают и заканчивают в одной точке?",
            "prs": "چرا تلاشی را از یک نقطه شروع و در همان نقطه ختم می‌کنید؟",
        },
        "words": "40",
        "criteria": [
            {"id": "gap", "text": {"en": "No zone is left out", "ru": "Ни одна зона не пропущена", "prs": "هیچ منطقه نمی‌ماند"}, "points": "2"},
            {"id": "note", "text": {"en": "The way can be noted", "ru": "Путь можно записать", "prs": "راه نوشته می‌شود"}, "points": "1"},
        ],
        "example": {"en": "The circle closes, so no zone is left out, and the way can be written down."},
    },
}


def example(kind: str, **changes: Any) -> Question:
    """The example of a type, with some fields of its own written otherwise."""
    shared = {"id": f"ex-{kind}", "type": kind, "outcome": "car", "difficulty": "medium", "source": "P1-CK", "as_of": "2026-11-21"}
    return Question.model_validate(shared | EXAMPLES[kind] | changes)


def earned(question: Question, response: Any) -> str:
    """The mark as a fraction in words of the test: "1", "0", "2/3"."""
    return str(question.kind.mark(question.content, shown.order_of(question, "seed"), response))
