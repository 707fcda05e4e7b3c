"""The session report of a run on its way up: due, made, received, or missing with a reason."""

from __future__ import annotations

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.runs.models import CourseRun, RunReport
from app.runs.rules import ReportState, report_state


def state_of(run: CourseRun, report: RunReport | None, today: date) -> ReportState:
    """Where the report of a run stands on a day, by the rules."""
    return report_state(
        run.state, run.ends_on, today, made=report is not None and report.made_at is not None,
        received=report is not None and report.received_at is not None, excused=report is not None and bool(report.missing_why),
    )


def reports_of(db: Session, run_ids: list[uuid.UUID]) -> dict[uuid.UUID, RunReport]:
    """The reports of runs. One query."""
    return {one.run_id: one for one in db.scalars(sa.select(RunReport).where(RunReport.run_id.in_(run_ids)))}


def make(db: Session, run: CourseRun, *, remarks: str, by: uuid.UUID, now: datetime) -> RunReport:
    """Note that the report is made, with the class manager's own words; made anew until it is received.

    Raises Conflict when it was received, or the run never opened.
    """
    report = _mine(db, run)
    if run.state not in ("open", "closed"):
        raise Conflict(say("report", "{code} was not held, so there is nothing to report.", code=run.code))
    db.add(report)
    report.made_at, report.made_by, report.remarks, report.missing_why = now, by, remarks.strip(), ""
    db.flush()
    return report


def receive(db: Session, run: CourseRun, *, by: uuid.UUID, now: datetime) -> RunReport:
    """Note that the signed report has come up. Raises Conflict unless it is made."""
    report = _mine(db, run)
    if report.made_at is None:
        raise Conflict(say("report", "This report is not made yet, so it cannot have been received."))
    report.received_at, report.received_by = now, by
    db.flush()
    return report


def excuse(db: Session, run: CourseRun, *, reason: str, by: uuid.UUID, now: datetime) -> RunReport:
    """Say why there is no report. Raises Invalid without a reason, Conflict when there is one."""
    report = _mine(db, run)
    if report.made_at is not None:
        raise Conflict(say("report", "There is a report: it cannot be missing."))
    if not reason.strip():
        raise Invalid(fields={"reason": say("report", "Say why there is no report.")})
    db.add(report)
    report.missing_why = reason.strip()
    db.flush()
    return report


def _mine(db: Session, run: CourseRun) -> RunReport:
    take_write_lock(db)
    report = db.scalar(sa.select(RunReport).where(RunReport.run_id == run.id).with_for_update())
    if report is not None and report.received_at is not None:
        raise Conflict(say("report", "The report was received already; it stays as it is."))
    return report or RunReport(run_id=run.id)
