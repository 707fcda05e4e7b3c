"""Setting how strictly a constraint is taken at this centre: its level within its floor, its points, its numbers."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Invalid, Message, say
from app.planning import rules
from app.planning.models import ConstraintSetting
from app.planning.rules import Setting


def change(db: Session, code: str, *, level: str, weight: int, numbers: Mapping[str, int]) -> tuple[Setting, Setting]:
    """Take a constraint otherwise from now on. Gives what held before and what holds now.

    Raises Invalid for a level milder than its floor, points out of 0 to 100, or a number out of its bounds.
    """
    take_write_lock(db)
    constraint = rules.CONSTRAINTS[code]
    wrong: dict[str, Message] = {}
    if level not in constraint.allowed:
        wrong["level"] = say("constraint", "{title} may be set no milder than “{floor}”.", title=constraint.title, floor=rules.LEVELS[constraint.allowed[-1]])
        if level in [one.value for one in rules.STRICT[: rules.STRICT.index(constraint.allowed[0])]]:
            wrong["level"] = say("constraint", "{title} may be set no stricter than “{floor}”.", title=constraint.title, floor=rules.LEVELS[constraint.allowed[0]])
    if not 0 <= weight <= rules.MOST_WEIGHT:
        wrong["weight"] = say("constraint", "Give points from 0 to {most}.", most=rules.MOST_WEIGHT)
    for name, number in constraint.numbers.items():
        if not number.least <= numbers.get(name, number.default) <= number.most:
            wrong[f"n_{name}"] = say("constraint", "Give a number from {least} to {most}.", least=number.least, most=number.most)
    if wrong:
        raise Invalid(fields=wrong)
    row = db.scalar(sa.select(ConstraintSetting).where(ConstraintSetting.code == code).with_for_update())
    before = rules.setting(code, row.level, row.weight, row.numbers) if row else constraint.default()
    if row is None:
        row = ConstraintSetting(code=code, level=level)
        db.add(row)
    row.level, row.weight, row.numbers = level, weight, {name: numbers[name] for name in constraint.numbers if name in numbers}
    db.flush()
    return before, rules.setting(code, row.level, row.weight, row.numbers)
