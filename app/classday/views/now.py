"""The key panel of a class day: what goes on in a sentence, the one button with its deed and size, and what else may be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import g, url_for

from app import clock
from app.classday import rules
from app.classday.queries import Day
from app.classday.rules import Deed, Kind, State
from app.classday.views.blueprint import link
from app.i18n import day as day_text
from app.i18n import listing, nt, pick, t, time_of_day
from app.sync import handover

MOST_NAMES = 4  # in a sentence; more are counted


@dataclass(frozen=True)
class Button:
    """Something to press: a link, or a form with what it sends."""

    label: str
    href: str
    post: bool = False
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """The key panel."""

    title: str
    text: str = ""
    small: str = ""
    main: Button | None = None
    others: tuple[Button, ...] = ()
    clock: str = ""  # minutes left of the test that runs
    ends: str = ""
    cut: bool = False


@dataclass(frozen=True)
class Step:
    """A step as the page shows it."""

    label: str
    state: State
    detail: str


def at(day: Day) -> dict[str, Any]:
    """The parts of the day's address."""
    return {"code": day.run.code, "day": day.day.isoformat()}


def quiz_title(day: Day, quiz: str) -> str:
    """The title of a test, in the reader's language."""
    return pick(day.quizzes[quiz].title) if quiz in day.quizzes else quiz


def zone_time(day: Day, moment: datetime | None) -> str:
    """A time of day by the clock of the run's office; of another day, that day."""
    if moment is None:
        return "–"
    on = moment.astimezone(ZoneInfo(day.run.zone)).date()
    return time_of_day(moment, day.run.zone) if on == day.day else day_text(on, "brief")


# ---- steps -----------------------------------------------------------------------------------------------------------

def steps_of(day: Day) -> list[Step]:
    """The steps of the day in words."""
    return [Step(_label(day, step), step.state, _detail(day, step)) for step in rules.steps(day.facts)]


def _label(day: Day, step: rules.Step) -> str:
    match step.kind:
        case Kind.OPEN:
            return t("step of the day", "Open class")
        case Kind.SIGN_IN:
            return t("step of the day", "Sign in")
        case Kind.LESSONS:
            return t("step of the day", "Lessons")
        case Kind.PAPERS:
            return t("step of the day", "Papers")
        case Kind.CLOSE:
            return t("step of the day", "Close class")
        case _:
            return short_title(day, step.quiz)


def short_title(day: Day, quiz: str) -> str:
    """What a test is called in the room: by its kind, or by its title when the day has two of a kind."""
    kind = day.quizzes[quiz].kind if quiz in day.quizzes else "exam"
    if sum(one.kind == kind for one in day.quizzes.values()) > 1:
        return quiz_title(day, quiz)
    match kind:
        case "pre-test":
            return t("step of the day", "Pre-test")
        case "post-test":
            return t("step of the day", "Final test")
        case "exam":
            return t("step of the day", "Exam")
        case _:
            return quiz_title(day, quiz)


def in_sentence(day: Day, quiz: str) -> str:
    """The same inside a sentence, as what is started or ended."""
    kind = day.quizzes[quiz].kind if quiz in day.quizzes else ""
    if sum(one.kind == kind for one in day.quizzes.values()) == 1:
        match kind:
            case "pre-test":
                return t("test in a sentence", "the pre-test")
            case "post-test":
                return t("test in a sentence", "the final test")
            case "exam":
                return t("test in a sentence", "the exam")
    return t("test in a sentence", "“{title}”", title=quiz_title(day, quiz))


def _detail(day: Day, step: rules.Step) -> str:
    facts = day.facts
    if step.kind is Kind.OPEN:
        return zone_time(day, day.opened.opened_at) if day.opened else t("step of the day", "daily check")
    if step.kind is Kind.SIGN_IN:
        return t("step of the day", "{n} of {total} seated", n=facts.seated, total=facts.expected)
    if step.kind is Kind.LESSONS:
        told = {line.what: line.at for line in day.lines}
        if "lessons-over" in told:
            return t("step of the day", "until {time}", time=zone_time(day, told["lessons-over"]))
        return t("step of the day", "since {time}", time=zone_time(day, told["lessons"])) if "lessons" in told else t("step of the day", "course pages")
    if step.kind is Kind.PAPERS:
        return t("step of the day", "print, sign")
    if step.kind is Kind.CLOSE:
        return zone_time(day, day.opened.closed_at) if day.opened and day.opened.closed_at else t("step of the day", "minutes, backup")
    test = facts.test(step.quiz)
    if step.state is State.PAUSED:
        return t("step of the day", "paused")
    if test.running is not None:
        return t("step of the day", "now, {n} handed in", n=test.handed_in)
    if step.state is State.DONE or test.handed_in:
        return nt("step of the day", "{n} result", "{n} results", test.handed_in)
    minutes = day.quizzes[step.quiz].minutes
    return nt("step of the day", "{n} minute", "{n} minutes", minutes) if minutes else ""


# ---- the panel -------------------------------------------------------------------------------------------------------


def panel_of(day: Day, *, running: Running | None = None) -> Panel:
    """The one thing to do. `running` is what the board knows of the test that is started."""
    if day.run.state in ("closed", "cancelled"):
        return Panel(t("class", "The run is over"), t("class", "{code} was closed. Its papers and minutes can still be printed.", code=day.run.code), main=_papers(day))
    if not day.here:
        return _held_elsewhere(day)
    if day.facts.closed:
        return Panel(
            t("class", "The class is closed"), t("class", "Closed at {time}. The minutes can be printed and signed.", time=zone_time(day, day.opened.closed_at if day.opened else None)),
            main=Button(t("class", "Print the minutes"), url_for("classday.minutes", **at(day))),
            others=(_papers(day), *([Button(t("class", "Open the class again…"), url_for("classday.check", **at(day)))] if day.live else [])),
        )
    if day.day != day.today:
        return _not_today(day)
    deed, step = rules.deed(day.facts)
    match deed:
        case Deed.OPEN_CLASS:
            return Panel(
                t("class", "Open the class"),
                t("class", "Look round the room: server, PCs, projector, light and ventilation, power, line. It takes a minute."),
                main=Button(
                    t("class", "All in order: open the class"), url_for("classday.save_check", **at(day)), post=True,
                    values=dict.fromkeys(rules.CHECK, "ok"),
                ),
                others=(Button(t("class", "Something is not in order…"), url_for("classday.check", **at(day))),),
            )
        case Deed.PRINT_SLIPS:
            return Panel(
                t("class", "Print the sign-in slips"), nt("class", "{n} person is in class. Each gets a slip with service number and PIN.", "{n} people are in class. Each gets a slip with service number and PIN.", day.facts.expected),
                main=Button(nt("class", "Print {n} slip", "Print {n} slips", day.facts.expected), url_for("runs.slips", code=day.run.code)),
                others=(_seats(day),),
            )
        case Deed.WAIT:
            return Panel(
                t("class", "Nobody has signed in yet") if day.facts.expected else t("class", "Nobody is enrolled in class"),
                t("class", "Hand out the slips. Everybody chooses the agency and types service number and PIN. This page shows who is in.")
                if day.facts.expected else t("class", "People come by nominations that are accepted, or as walk-ins."),
                main=_seats(day) if day.facts.expected else Button(t("class", "Register a walk-in"), url_for("classday.walk_in", **at(day))),
            )
        case Deed.RESUME:
            return _outage(day, running)
        case Deed.START_TEST if step:
            return _start(day, step.quiz)
        case (Deed.END_TEST | Deed.FINISH_TEST) if step:
            return _test_runs(day, step.quiz, running)
        case Deed.BEGIN_LESSONS:
            return Panel(
                t("class", "Lessons are next"), _missing(day) or t("class", "Everybody is signed in."),
                main=Button(t("class", "Begin the lessons"), url_for("classday.note_step", **at(day)), post=True, values={"what": "lessons"}),
                others=_around_lessons(day),
            )
        case Deed.END_LESSONS:
            following = _next_label(day)
            return Panel(
                t("class", "Lessons"), _missing(day) or t("class", "Everybody is signed in."),
                main=Button(following, url_for("classday.note_step", **at(day)), post=True, values={"what": "lessons-over"}),
                others=_around_lessons(day),
            )
        case _:
            return Panel(
                t("class", "Papers"), t("class", "Print what is to be signed, then close the class."), main=_papers(day),
                others=(*_again(day), Button(t("class", "Close the class…"), url_for("classday.close", **at(day)))),
            )


@dataclass(frozen=True)
class Running:
    """What the board knows of the test that is started, for sentences."""

    at_work: int
    handed_in: int
    not_begun: int
    calls: tuple[str, ...] = ()  # seats with a hand up
    unsaved: tuple[str, ...] = ()  # seats that do not save, or give no sign of life
    asks: tuple[str, ...] = ()  # names of who asks to go on at another PC
    back: int = 0  # after an outage: signed in and waiting
    away: tuple[str, ...] = ()  # after an outage: not back yet
    left_ms: int | None = None  # of whoever has the least
    lost_minutes: int = 0
    paused: int = 0


def _held_elsewhere(day: Day) -> Panel:
    node = handover.keeper_of(g.db, day.run)
    to_run = Button(t("class", "To the run"), url_for("runs.page", code=day.run.code))
    if node is None or node.role == "centre":
        return Panel(
            t("class", "This class is held at the centre"),
            t("class", "Here it can only be read, as the last exchange brought it. To hold it here, ask the training officer to give {code} to this class server.", code=day.run.code),
            main=to_run,
        )
    return Panel(
        t("class", "This class is held at {server}", server=node.title),
        t("class", "Here it can only be read, as the last exchange brought it."), main=to_run, others=(_papers(day),),
    )


def _not_today(day: Day) -> Panel:
    to_today = Button(t("class", "Go to today’s page"), url_for("classday.run", code=day.run.code))
    if day.day < day.today:
        if day.opened:
            text = t("class", "The class was opened at {time} and never closed.", time=zone_time(day, day.opened.opened_at))
            return Panel(
                t("class", "This day is over"), text, main=Button(t("class", "Close the class…"), url_for("classday.close", **at(day))),
                others=(_papers(day), to_today),
            )
        return Panel(t("class", "This day is over"), t("class", "The class was not opened on this day."), main=_papers(day), others=(to_today,))
    return Panel(
        t("class", "This day is still to come"), t("class", "Today is {day}. Seats and slips can be made ready now.", day=day_text(day.today)),
        main=_seats(day), others=(to_today,) if day.today in day.days else (),
    )


def _start(day: Day, quiz: str) -> Panel:
    facts, test = day.facts, day.facts.test(quiz)
    wave = rules.next_wave(test, facts.waves) or 0
    here = [one for one in day.people if one.signed_in and (not wave or one.wave == wave)]
    title, name = short_title(day, quiz), in_sentence(day, quiz)
    values = {"wave": str(wave)}
    where = url_for("classday.start_test", quiz=quiz, **at(day))
    if wave:
        label = nt(
            "class", "Start {quiz} for wave {wave}: {n} person", "Start {quiz} for wave {wave}: {n} people", len(here), quiz=name, wave=wave,
        )
        text = t("class", "Wave {wave} of {waves}. Whoever has another wave studies or waits.", wave=wave, waves=facts.waves)
    else:
        label = nt("class", "Start {quiz} for {n} person", "Start {quiz} for {n} people", len(here), quiz=name)
        text = t("class", "It opens on every PC by itself, and stays open for who comes late until you end it.")
    return Panel(
        t("class", "{quiz} is next", quiz=title), " ".join(part for part in (_missing(day, wave, at_pc=True), text) if part),
        main=Button(label, where, post=True, values=values), others=(_seats(day),),
    )


def _test_runs(day: Day, quiz: str, running: Running | None) -> Panel:
    test, title = day.facts.test(quiz), short_title(day, quiz)
    at_work, handed_in = (running.at_work, running.handed_in) if running else (test.at_work, test.handed_in)
    told = [t("class", "{n} handed in, {m} still at work.", n=handed_in, m=at_work)]
    if running and running.paused:
        told.append(nt("class", "{n} is paused.", "{n} are paused.", running.paused))
    if running and running.not_begun:
        told.append(nt("class", "{n} has not begun.", "{n} have not begun.", running.not_begun))
    if running and running.calls:
        told.append(nt("class", "Seat {seats} asks for you.", "Seats {seats} ask for you.", len(running.calls), seats=listing(running.calls)))
    if running and running.unsaved:
        told.append(nt("class", "Seat {seats} does not save.", "Seats {seats} do not save.", len(running.unsaved), seats=listing(running.unsaved)))
    if running and running.asks:
        told.append(t("class", "{who}: another PC asks to go on. Release it on the board.", who=listing(running.asks)))
    end = url_for("classday.end_test", quiz=quiz, **at(day))
    pause = Button(t("class", "Pause the room…"), url_for("classday.ask", deed="pause", **at(day)))
    left, ends = "", ""
    if running and running.left_ms is not None and at_work:
        minutes = max(0, -(-running.left_ms // 60_000))
        left = nt("class", "{n} min", "{n} min", minutes)
        ends = t("class", "last one ends {time}", time=zone_time(day, clock.now() + timedelta(milliseconds=max(0, running.left_ms))))
    if not at_work and handed_in:
        waves = day.facts.waves if test.running else 1
        label = t("class", "End {quiz} and go on", quiz=in_sentence(day, quiz))
        if test.running and test.running < waves:
            label = t("class", "End wave {wave} of {quiz}", wave=test.running, quiz=in_sentence(day, quiz))
        return Panel(
            t("class", "Everybody has handed in"), " ".join(told), main=Button(label, url_for("classday.save_end_test", quiz=quiz, **at(day)), post=True),
        )
    if running and at_work and running.paused >= at_work:  # nobody's time runs: the next thing is to let it run again
        resume = Button(t("class", "Resume the room"), url_for("classday.choose", **at(day)), post=True, values={"deed": "resume", "room": "1"})
        return Panel(
            t("class", "{quiz} is paused", quiz=title), " ".join(told), main=resume, others=(Button(t("class", "End the test…"), end),), clock=left,
            ends=t("class", "time stands still"),
        )
    heading = t("class", "{quiz} is running", quiz=title)
    if test.running:
        heading = t("class", "{quiz} is running, wave {wave} of {waves}", quiz=title, wave=test.running, waves=day.facts.waves)
    return Panel(
        heading, " ".join(told), main=Button(t("class", "End the test…"), end), others=(pause,), clock=left, ends=ends,
    )


def _outage(day: Day, running: Running | None) -> Panel:
    incident = day.incident
    if incident is None:
        raise LookupError("an outage without an incident")
    minutes = running.lost_minutes if running else 0
    told = []
    if running and running.away and not running.back:
        told.append(t("class", "Nobody’s page is back yet. Wait for the PCs to start, then resume."))
    elif running and running.away:
        told.append(nt("class", "{n} is back.", "{n} are back.", running.back))
        told.append(
            nt(
                "class", "{who} is not back: the test stays saved and can be resumed alone later.",
                "{who} are not back: their tests stay saved and can be resumed alone later.", len(running.away), who=_names(running.away),
            )
        )
    elif running:
        told.append(nt("class", "{n} is back, nobody is missing.", "{n} are back, nobody is missing.", running.back))
    label = nt("class", "Resume with {n} min credit", "Resume with {n} min credit", minutes)
    if running and running.back:
        label = nt("class", "Resume with {minutes} min credit for {n}", "Resume with {minutes} min credit for {n}", running.back, minutes=minutes)
    return Panel(
        t("class", "Everyone back? Resume the room"), " ".join(told),
        small=t("class", "Measured from the server’s last sign of life; written into every attempt and the minutes."),
        main=Button(label, url_for("classday.resume_outage", incident_id=incident.id, **at(day)), post=True),
        others=(
            *([Button(t("class", "Resume everybody"), url_for("classday.resume_outage", incident_id=incident.id, **at(day)), post=True, values={"all": "1"})]
              if running and running.away and running.back else []),
            Button(t("class", "More credit…"), url_for("classday.ask", deed="credit", **at(day))),
        ),
        cut=True,
    )


def _missing(day: Day, wave: int = 0, *, at_pc: bool = False) -> str:
    """Who has not signed in today, or is at no PC now, by name while they are few."""
    mine = [one for one in day.people if not wave or one.wave == wave]
    away = [one.name for one in mine if not (one.signed_in if at_pc else one.came_at)]
    if not away:
        return ""
    seated = len(mine) - len(away)
    return t("class", "Missing: {who} ({n} of {total} are signed in).", n=seated, total=len(mine), who=_names(away))


def _names(names: tuple[str, ...] | list[str]) -> str:
    if len(names) > MOST_NAMES:
        return nt("class", "{who} and {n} more", "{who} and {n} more", len(names) - MOST_NAMES, who=", ".join(names[:MOST_NAMES]))
    return listing(names)


def _next_label(day: Day) -> str:
    following = rules.after(rules.steps(day.facts))
    if following is not None and following.kind is Kind.TEST:
        return t("class", "Lessons are over: go on to {quiz}", quiz=in_sentence(day, following.quiz))
    return t("class", "Lessons are over: go on to the papers")


def _around_lessons(day: Day) -> tuple[Button, ...]:
    teach = link("schedule.lessons", code=day.run.code)
    return (*_attendance(day), *([Button(t("class", "Project a lesson"), teach)] if teach else []))


def _attendance(day: Day) -> tuple[Button, ...]:
    meeting = next((one for one in day.meetings if one.ends_at >= clock.now()), day.meetings[-1] if day.meetings else None)
    if meeting is None:
        return ()
    href = link("schedule.roll", code=day.run.code, meeting_id=meeting.id)
    return (Button(t("class", "Take attendance"), href),) if href else ()


def _again(day: Day) -> tuple[Button, ...]:
    """Tests of the day that late comers or a second attempt may still need."""
    done = [part.quiz for part in day.facts.parts if part.kind is Kind.TEST and rules.over(day.facts.test(part.quiz), day.facts.waves)]
    return tuple(
        Button(
            t("class", "Start {quiz} again", quiz=in_sentence(day, quiz)), url_for("classday.start_test", quiz=quiz, **at(day)), post=True, values={"wave": "0"},
        )
        for quiz in done[-1:] if day.live
    )


def _papers(day: Day) -> Button:
    return Button(t("class", "Go on to the papers"), url_for("classday.papers", **at(day)))


def _seats(day: Day) -> Button:
    return Button(t("class", "Seats and waves"), url_for("classday.seats", **at(day)))
