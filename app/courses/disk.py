"""Reads a course's folder. Everything that is wrong is found in one go, each with file, line and reason."""

from __future__ import annotations

import hashlib
import pathlib
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from pydantic import TypeAdapter

from app.courses import markdown, rules, strict_yaml
from app.courses.content import (
    CourseContent,
    CourseFile,
    FrontMatter,
    Lesson,
    LessonText,
    MediaRow,
    Module,
    Picture,
    texts_in,
)
from app.courses.problems import BadCourse as BadCourse
from app.courses.problems import Problem
from app.courses.strict_yaml import Document, Path
from app.questions.content import Question

MEDIA_LIMIT = 2_000_000  # bytes a picture: a class has 22 old PCs on one cable

TWICE_AS_WIDE = ("hotspot", "map-point")  # their marks are reckoned on a picture of ratio 2:1

_MODULE = re.compile(r"(\d\d)-([a-z0-9-]+)")
_LESSON = re.compile(r"(\d\d)-([a-z0-9-]+)\.([A-Za-z-]+)\.md")
_QUESTION: TypeAdapter[Question] = TypeAdapter(Question)


def load(folder: pathlib.Path) -> CourseContent:
    """The course in a folder. Raises BadCourse with all its problems, their files named from the folder on."""
    return _Reader(folder).course()


def media_of(folder: pathlib.Path, content: CourseContent) -> dict[str, bytes]:
    """The bytes of a course's pictures by file name."""
    return {picture.file: (folder / "media" / picture.file).read_bytes() for picture in content.media}


@dataclass
class _LessonFile:
    """One lesson file as far as it could be read."""

    path: str
    number: int
    id: str
    language: str
    document: Document
    head: FrontMatter | None
    text: str
    body_line: int
    body: markdown.Body

    def at(self, line: int, reason: str) -> Problem:
        """A problem on a line of the body."""
        return Problem(self.path, self.body_line + line - 1, 1, reason)


@dataclass
class _ModuleFolder:
    """One module folder as far as it could be read."""

    path: str
    number: int
    id: str
    document: Document
    lessons: list[_LessonFile] = field(default_factory=list)
    questions: list[tuple[int, Question]] = field(default_factory=list)


class _Reader:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.head: CourseFile | None = None
        self.head_document = Document("course.yaml")
        self.rows: list[MediaRow] = []
        self.media_document = Document("media/media.yaml")
        self.pictures: dict[str, Picture] = {}
        self.modules: list[_ModuleFolder] = []

    def course(self) -> CourseContent:
        self.read_head()
        self.read_media()
        self.read_modules()
        self.refuse_strangers()
        if self.head:
            self.check_ids(self.head)
            self.check_head(self.head)
            self.check_practicals(self.head)
            self.check_timetable(self.head)
            self.check_order(self.head)
            self.check_lessons(self.head)
            self.check_questions(self.head)
            self.check_texts(self.head)
            if not self.problems:
                self.check_blueprints(self.head)
        if self.problems or not self.head:
            raise BadCourse(self.problems)
        return self.content(self.head)

    # ---- reading -----------------------------------------------------------------------------------------------

    def text(self, path: str) -> str | None:
        """A text file, its line ends made plain; None when it cannot be read."""
        file = self.folder / path
        if not file.is_file():
            self.problems.append(Problem(path, 1, 1, "this file is missing; write it"))
            return None
        try:
            return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            line = file.read_bytes().count(b"\n", 0, error.start) + 1
            self.problems.append(Problem(path, line, 1, "this is not UTF-8 text; save the file as UTF-8"))
            return None

    def document(self, path: str, text: str, first_line: int = 1) -> Document:
        document = strict_yaml.read(text, path, first_line=first_line)
        document.problems = _Shared(self.problems, document.problems)
        return document

    def read_head(self) -> None:
        if (text := self.text("course.yaml")) is None:
            return
        self.head_document = self.document("course.yaml", text)
        if not self.head_document.problems:
            self.head = strict_yaml.check(self.head_document, CourseFile)

    def read_media(self) -> None:
        if not (self.folder / "media").is_dir():
            return
        if (text := self.text("media/media.yaml")) is None:
            return
        document = self.media_document = self.document("media/media.yaml", text)
        for number, row in self.rows_of(document, MediaRow):
            if any(row.file == other.file for other in self.rows):
                self.problems.append(
                    document.problem((number, "file"), f"«{row.file}» is listed twice; keep one of the two")
                )
                continue
            self.rows.append(row)
            file = self.folder / "media" / row.file
            if not file.is_file():
                self.problems.append(
                    document.problem((number, "file"), f"there is no media/{row.file}; add the file or delete the row")
                )
                continue
            try:
                self.pictures[row.file] = _picture(row, file.read_bytes())
            except ValueError as error:
                self.problems.append(Problem(f"media/{row.file}", 1, 1, str(error)))

    def rows_of(self, document: Document, shape: Any) -> Iterator[tuple[int, Any]]:
        """The items of a file that is a list; those that are wrong are left out, with their problems."""
        if document.problems:
            return
        if not isinstance(document.data, list):
            self.problems.append(
                Problem(document.file, 1, 1, "this file must be a list, each item beginning with a dash")
            )
            return
        for number in range(len(document.data)):
            if (item := strict_yaml.check(document, shape, (number,))) is not None:
                yield number, item

    def read_modules(self) -> None:
        root = self.folder / "modules"
        for path in sorted(root.iterdir()) if root.is_dir() else ():
            name = f"modules/{path.name}"
            if path.name.startswith("."):
                continue
            if not (match := _MODULE.fullmatch(path.name)) or not path.is_dir():
                self.problems.append(Problem(name, 1, 1, "this is not a module's folder; name it like 01-control-line"))
                continue
            module = _ModuleFolder(name, int(match[1]), match[2], Document(f"{name}/questions.yaml"))
            self.modules.append(module)
            for file in sorted(path.iterdir()):
                if file.name == "questions.yaml":
                    self.read_questions(module)
                elif match := _LESSON.fullmatch(file.name):
                    self.read_lesson(module, file.name, int(match[1]), match[2], match[3])
                elif not file.name.startswith("."):
                    self.problems.append(
                        Problem(
                            f"{name}/{file.name}",
                            1,
                            1,
                            "this is not part of a course; name a lesson like 01-passenger-car.en.md",
                        )
                    )

    def read_questions(self, module: _ModuleFolder) -> None:
        path = f"{module.path}/questions.yaml"
        if (text := self.text(path)) is not None:
            module.document = self.document(path, text)
            module.questions = list(self.rows_of(module.document, _QUESTION))

    def read_lesson(self, module: _ModuleFolder, name: str, number: int, id: str, language: str) -> None:
        path = f"{module.path}/{name}"
        if (text := self.text(path)) is None:
            return
        lines = text.split("\n")
        end = next((at for at, line in enumerate(lines) if at and line.rstrip() == "---"), None)
        if lines[0].rstrip() != "---" or end is None:
            self.problems.append(
                Problem(path, 1, 1, "the lesson has no head; begin the file with --- and close the head with ---")
            )
            return
        document = self.document(path, "\n".join(lines[1:end]) + "\n", first_line=2)
        head = None if document.problems else strict_yaml.check(document, FrontMatter)
        body_text = "\n".join(lines[end + 1 :])
        skipped = len(body_text) - len(body_text.lstrip("\n"))
        body = markdown.read(body_text.strip("\n"))
        lesson = _LessonFile(path, number, id, language, document, head, body_text.strip("\n"), end + 2 + skipped, body)
        if not body_text.strip():
            self.problems.append(lesson.at(1, "the lesson has no text; write its first page below the head"))
        else:
            self.problems.extend(lesson.at(line, reason) for line, reason in body.problems)
        module.lessons.append(lesson)

    def refuse_strangers(self) -> None:
        known = {"course.yaml", "media", "modules"}
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if path.name not in known and not path.name.startswith("."):
                self.problems.append(Problem(path.name, 1, 1, "this is not part of a course; move it elsewhere"))
        media = self.folder / "media"
        listed = {row.file for row in self.rows} | {"media.yaml"}
        for path in sorted(media.iterdir()) if media.is_dir() and not self.media_document.problems else ():
            if path.name not in listed and not path.name.startswith("."):
                reason = "this picture has no licence and source; add a row to media/media.yaml"
                self.problems.append(Problem(f"media/{path.name}", 1, 1, reason))

    # ---- cross checks ------------------------------------------------------------------------------------------

    def check_ids(self, head: CourseFile) -> None:
        document = self.head_document
        if head.id != self.folder.name:
            reason = f"the course is «{head.id}» and its folder «{self.folder.name}»; they must be the same"
            self.problems.append(document.problem(("id",), reason))
        ids = {
            "outcomes": [outcome.id for outcome in head.outcomes],
            "quizzes": [quiz.id for quiz in head.quizzes],
            "practicals": [practical.id for practical in head.practicals or ()],
            "modules": [module.id for module in head.modules],
            "sources": [source.id for source in head.sources],
        }
        for key, names in ids.items():
            for number, name in enumerate(names):
                if (first := names.index(name)) != number:
                    reason = (
                        f"«{name}» is already given on line {document.place((key, first, 'id'))[0]}; ids are used once"
                    )
                    self.problems.append(document.problem((key, number, "id"), reason))
        seen: dict[str, str] = {}
        for module in self.modules:
            for number, question in module.questions:
                if question.id in seen:
                    reason = f"the question «{question.id}» is already given at {seen[question.id]}; ids are used once in a course"
                    self.problems.append(module.document.problem((number, "id"), reason))
                seen.setdefault(question.id, f"{module.document.file}:{module.document.place((number, 'id'))[0]}")
        owner: dict[str, str] = {}
        for module in self.modules:
            for lesson in module.lessons:
                if owner.setdefault(lesson.id, module.path) != module.path:
                    reason = (
                        f"the lesson «{lesson.id}» also stands in {owner[lesson.id]}; ids are used once in a course"
                    )
                    self.problems.append(Problem(lesson.path, 1, 1, reason))

    def check_head(self, head: CourseFile) -> None:
        document = self.head_document
        for number, language in enumerate(head.partial or ()):
            if language in head.languages:
                self.problems.append(
                    document.problem(
                        ("partial", number), f"«{language}» is already under languages; keep one of the two"
                    )
                )
        if head.original not in head.languages:
            reason = f"the original «{head.original}» is not one of the languages; add it there"
            self.problems.append(document.problem(("original",), reason))
        outcomes = {outcome.id for outcome in head.outcomes}
        quizzes = {quiz.id: quiz for quiz in head.quizzes}
        for number, quiz in enumerate(head.quizzes):
            rows = [row.outcome for row in quiz.blueprint]
            for place, outcome in enumerate(rows):
                where: Path = ("quizzes", number, "blueprint", place, "outcome")
                if outcome not in outcomes:
                    self.problems.append(document.problem(where, _unknown("outcome", outcome, "outcomes")))
                elif outcome in rows[:place]:
                    self.problems.append(
                        document.problem(where, f"«{outcome}» already has a row in this blueprint; add the items up")
                    )
            if quiz.parallel_to is None:
                continue
            where = ("quizzes", number, "parallel_to")
            if quiz.parallel_to not in quizzes or quiz.parallel_to == quiz.id:
                self.problems.append(document.problem(where, f"there is no other quiz «{quiz.parallel_to}»"))
            elif not rules.same_blueprint(quiz.blueprint, quizzes[quiz.parallel_to].blueprint):
                reason = f"the blueprint differs from that of «{quiz.parallel_to}»; parallel tests ask as much of each outcome"
                self.problems.append(document.problem(("quizzes", number, "blueprint"), reason))

    def check_practicals(self, head: CourseFile) -> None:
        """What a practical names is there, and its own ids are used once."""
        outcomes = {outcome.id for outcome in head.outcomes}
        for number, practical in enumerate(head.practicals or ()):
            where: Path = ("practicals", number)
            if practical.outcome not in outcomes:
                self.problems.append(self.head_document.problem((*where, "outcome"), _unknown("outcome", practical.outcome, "outcomes")))
            if practical.data and not practical.data.endswith(".csv"):
                self.problems.append(self.head_document.problem((*where, "data"), "the data of a practical is a .csv file"))
            elif practical.data and practical.data not in self.pictures and not self.knows_picture(practical.data):
                self.problems.append(self.head_document.problem((*where, "data"), _no_picture(practical.data)))
            for key, parts in (("values", practical.values), ("checklist", practical.checklist)):
                ids = [part.id for part in parts or ()]
                for place, id in enumerate(ids):
                    if id in ids[:place]:
                        self.problems.append(self.head_document.problem((*where, key, place, "id"), f"«{id}» is given twice; ids are used once"))

    def check_timetable(self, head: CourseFile) -> None:
        """Each line names a lesson, test or practical of the course, once; the parts of a day do not overlap."""
        lessons = {lesson.id for module in self.modules for lesson in module.lessons}
        known = {
            "lesson": lessons, "quiz": {quiz.id for quiz in head.quizzes},
            "practical": {practical.id for practical in head.practicals or ()},
        }
        seen: set[tuple[str, str]] = set()
        for day, parts in enumerate(head.timetable or ()):
            free_from = 0
            for place, part in enumerate(parts.parts):
                where: Path = ("timetable", day, "parts", place)
                hours, minutes = map(int, part.starts.split(":"))
                if hours * 60 + minutes < free_from:
                    self.problems.append(self.head_document.problem((*where, "starts"), f"«{part.starts}» lies in the part before; let it begin later"))
                free_from = hours * 60 + minutes + part.minutes
                if free_from > 24 * 60:
                    self.problems.append(self.head_document.problem((*where, "starts"), "this part ends after midnight; shorten it"))
                for line, item in enumerate(part.items):
                    if item.ref is None:
                        continue
                    at: Path = (*where, "items", line, "ref")
                    if item.ref not in known[item.kind]:
                        self.problems.append(self.head_document.problem(at, f"there is no {item.kind} «{item.ref}» in this course"))
                    elif (item.kind, item.ref) in seen:
                        self.problems.append(self.head_document.problem(at, f"the {item.kind} «{item.ref}» stands in the timetable already"))
                    seen.add((item.kind, item.ref))

    def check_order(self, head: CourseFile) -> None:
        """Folder and file numbers say the order that course.yaml says, without gaps."""
        wanted = {module.id: number for number, module in enumerate(head.modules, 1)}
        found = {module.id for module in self.modules}
        for number, part in enumerate(head.modules):
            if part.id not in found:
                reason = f"the folder modules/{number + 1:02}-{part.id} is missing; add it or delete the module here"
                self.problems.append(self.head_document.problem(("modules", number, "id"), reason))
        for module in self.modules:
            if module.id not in wanted:
                reason = f"course.yaml has no module «{module.id}»; add it to modules or rename the folder"
                self.problems.append(Problem(module.path, 1, 1, reason))
            elif module.number != wanted[module.id]:
                reason = f"this is module {wanted[module.id]} in course.yaml; name the folder {wanted[module.id]:02}-{module.id}"
                self.problems.append(Problem(module.path, 1, 1, reason))
            if not module.lessons:
                self.problems.append(Problem(module.path, 1, 1, "this module has no lesson; write one"))
            ids = list(dict.fromkeys(lesson.id for lesson in sorted(module.lessons, key=lambda one: one.number)))
            for lesson in module.lessons:
                if lesson.number != ids.index(lesson.id) + 1:
                    reason = f"this is lesson {ids.index(lesson.id) + 1} of its module; name it {ids.index(lesson.id) + 1:02}-{lesson.id}.{lesson.language}.md"
                    self.problems.append(Problem(lesson.path, 1, 1, reason))

    def check_lessons(self, head: CourseFile) -> None:
        outcomes = {outcome.id for outcome in head.outcomes}
        sources = {source.id for source in head.sources}
        for module in self.modules:
            for versions in _by_id(module.lessons).values():
                self.check_versions(head, versions)
            for lesson in module.lessons:
                document = lesson.document
                if lesson.language not in head.all_languages:
                    reason = f"«{lesson.language}» is not a language of this course; add it to languages or partial in course.yaml"
                    self.problems.append(Problem(lesson.path, 1, 1, reason))
                for figure in lesson.body.figures:
                    if figure.file not in self.pictures and not self.knows_picture(figure.file):
                        self.problems.append(lesson.at(figure.line, _no_picture(figure.file)))
                if not lesson.head:
                    continue
                if lesson.head.id != lesson.id:
                    reason = f"the lesson is «{lesson.head.id}» here and «{lesson.id}» in its file's name; they must be the same"
                    self.problems.append(document.problem(("id",), reason))
                for number, outcome in enumerate(lesson.head.outcomes):
                    if outcome not in outcomes:
                        self.problems.append(
                            document.problem(("outcomes", number), _unknown("outcome", outcome, "outcomes"))
                        )
                for number, source in enumerate(lesson.head.sources or ()):
                    if source not in sources:
                        self.problems.append(
                            document.problem(("sources", number), _unknown("source", source, "sources"))
                        )

    def check_versions(self, head: CourseFile, versions: dict[str, _LessonFile]) -> None:
        """All languages of a lesson are the same lesson."""
        any_version = next(iter(versions.values()))
        for language in head.languages:
            if language not in versions:
                name = re.sub(r"\.[A-Za-z-]+\.md$", f".{language}.md", any_version.path)
                self.problems.append(
                    Problem(
                        name, 1, 1, f"the lesson is missing in «{language}», a full language of this course; write it"
                    )
                )
        original = versions.get(head.original)
        if original is None:
            return
        for version in versions.values():
            if version is original:
                continue
            if version.head and original.head:
                for name in ("kind", "minutes", "outcomes", "sources"):
                    here, there = getattr(version.head, name), getattr(original.head, name)
                    if here != there:
                        reason = f"«{name}» differs from the original ({original.path}); it must be the same in all languages"
                        self.problems.append(version.document.problem((name,), reason))
            if version.body.problems or original.body.problems:
                continue
            mine, its = version.body.pages, original.body.pages
            if len(mine) != len(its):
                line = mine[min(len(mine), len(its)) - 1].line if mine else 1
                reason = f"there are {len(mine)} pages here and {len(its)} in «{head.original}»; each page needs its translation"
                self.problems.append(version.at(line, reason))
                continue
            for page, other in zip(mine, its, strict=True):
                if directives(page) != directives(other):
                    reason = (
                        f"the figures, checks and remarks of this page are not those of «{head.original}», where they are: "
                        f"{', '.join(map(_named, directives(other))) or 'none'}"
                    )
                    self.problems.append(version.at(page.line, reason))

    def knows_picture(self, file: str) -> bool:
        """Listed, though broken or missing: that has its own problem."""
        return any(row.file == file for row in self.rows) or bool(self.media_document.problems)

    def check_questions(self, head: CourseFile) -> None:
        outcomes = {outcome.id for outcome in head.outcomes}
        sources = {source.id for source in head.sources}
        for module in self.modules:
            for number, question in module.questions:
                document = module.document
                if question.outcome not in outcomes:
                    self.problems.append(
                        document.problem((number, "outcome"), _unknown("outcome", question.outcome, "outcomes"))
                    )
                if question.source not in sources:
                    self.problems.append(
                        document.problem((number, "source"), _unknown("source", question.source, "sources"))
                    )
                self.check_pictures(document, number, question)

    def check_pictures(self, document: Document, number: int, question: Question) -> None:
        """The pictures that a question names are there, in the shape that its type needs."""
        sizes = []
        for key, image in question.images.items():
            where = (number, key, "file")
            picture = self.pictures.get(image.file)
            if picture is None:
                if not self.knows_picture(image.file):
                    self.problems.append(document.problem(where, _no_picture(image.file)))
                continue
            if not picture.width:
                self.problems.append(document.problem(where, f"«{image.file}» is no picture; name a .svg, .png or .jpg"))
            elif key == "image" and question.type in TWICE_AS_WIDE and picture.width != 2 * picture.height:
                reason = f"the picture of a {question.type} must be twice as wide as high; this one is {picture.width} × {picture.height}"
                self.problems.append(document.problem(where, reason))
            elif key != "image":
                sizes.append((picture.width, picture.height))
                if sizes[0] != sizes[-1]:
                    width, height = sizes[0]
                    reason = f"both pictures must have the same size: {width} × {height} and {picture.width} × {picture.height}"
                    self.problems.append(document.problem(where, reason))

    def check_texts(self, head: CourseFile) -> None:
        """Every text has every full language, and none that the course does not have."""
        documents: list[tuple[Document, Path]] = [(self.head_document, ())]
        documents += [(module.document, (number,)) for module in self.modules for number, _ in module.questions]
        for document, start in documents:
            data = document.data
            for part in start:
                data = data[part]
            for path, text in texts_in(data):
                where = (*start, *path)
                missing = [language for language in head.languages if language not in text]
                if missing:
                    reason = (
                        f"this text is missing in {', '.join(missing)}; write it in every full language of the course"
                    )
                    self.problems.append(document.problem(where, reason, key=True))
                for language in text:
                    if language not in head.all_languages:
                        reason = f"«{language}» is not a language of this course; add it to languages or partial in course.yaml"
                        self.problems.append(document.problem((*where, language), reason, key=True))

    def check_blueprints(self, head: CourseFile) -> None:
        bank = Counter(question.outcome for module in self.modules for _, question in module.questions)
        for short in rules.shortfalls(head.quizzes, bank):
            left = f" that «{short.other}» leaves over" if short.other else ""
            reason = (
                f"«{short.outcome}» needs {short.needed} questions and the bank holds {short.there}{left}; "
                "write more questions or ask for fewer"
            )
            where = ("quizzes", short.quiz, "blueprint", short.row)
            self.problems.append(self.head_document.problem(where, reason))

        pictures = [(one.outcome, one.harmless) for module in self.modules for _, one in module.questions]
        for found in rules.betraying(head.quizzes, pictures):
            asked = head.quizzes[found.quiz].harmless_percent
            reason = (
                f"of {found.pictures} pictures to search that this quiz can draw {found.harmless} are harmless, and {asked} % should be; "
                "add questions on harmless pictures, write «search: no» where the text names what to mark, or a smaller «harmless» here"
            )
            self.problems.append(self.head_document.problem(("quizzes", found.quiz, "blueprint"), reason, key=True))

    # ---- the result --------------------------------------------------------------------------------------------

    def content(self, head: CourseFile) -> CourseContent:
        shared: dict[str, Any] = {
            name: getattr(head, name) for name in CourseFile.model_fields if name not in ("modules", "partial")
        } | {"practicals": head.practicals or [], "timetable": head.timetable or []}
        folders = {module.id: module for module in self.modules}
        modules = []
        for part in head.modules:
            folder = folders[part.id]
            lessons = [
                _lesson(original, versions, head)
                for versions in _by_id(folder.lessons).values()
                if (original := versions[head.original].head)
            ]
            modules.append(
                Module(
                    id=part.id,
                    title=part.title,
                    lessons=lessons,
                    questions=[question for _, question in folder.questions],
                )
            )
        pictures = [self.pictures[row.file] for row in self.rows]
        made = CourseContent(**shared, partial=head.partial or [], modules=modules, media=pictures)
        # Through its own JSON: what is loaded from files equals what is later read from the database.
        return CourseContent.model_validate(made.model_dump(mode="json"))


class _Shared(list[Problem]):
    """The problems of one document, which are the course's too."""

    def __init__(self, all: list[Problem], own: list[Problem]) -> None:
        super().__init__(own)
        self.all = all
        all.extend(own)

    def append(self, problem: Problem) -> None:
        super().append(problem)
        self.all.append(problem)


def _by_id(lessons: list[_LessonFile]) -> dict[str, dict[str, _LessonFile]]:
    found: dict[str, dict[str, _LessonFile]] = {}
    for lesson in sorted(lessons, key=lambda one: one.number):
        found.setdefault(lesson.id, {})[lesson.language] = lesson
    return found


def _lesson(original: FrontMatter, versions: dict[str, _LessonFile], head: CourseFile) -> Lesson:
    texts = {}
    for language in head.all_languages:
        if language in versions and (matter := versions[language].head):
            notes = "\n".join(line.rstrip() for line in matter.notes.strip().split("\n")) if matter.notes else None
            texts[language] = LessonText(title=matter.title, notes=notes, body=versions[language].text)
    return Lesson(
        id=original.id,
        kind=original.kind,
        minutes=original.minutes,
        outcomes=original.outcomes,
        sources=original.sources or [],
        texts=texts,
    )


def directives(page: markdown.Page) -> list[tuple[Any, ...]]:
    """The directives of a page in their order, as all languages must have them."""
    return [markdown.shape_of(block) for block in page.blocks if not isinstance(block, markdown.Words)]


def _named(shape: tuple[Any, ...]) -> str:
    match shape:
        case ("figure", file, key):
            return f"figure {file}" + (f" with {key} keys" if key else "")
        case ("check", choices, answer):
            return f"check with {choices} choices, the right one is number {answer + 1}"
        case _:
            return str(shape[0])


def _unknown(what: str, name: str, where: str) -> str:
    return f"there is no {what} «{name}»; add it to {where} in course.yaml or correct it here"


def _no_picture(file: str) -> str:
    return f"media/media.yaml has no «{file}»; add the picture there with its licence and source"


def _picture(row: MediaRow, data: bytes) -> Picture:
    """A picture with its size. Raises ValueError for what is not a plain picture."""
    if len(data) > MEDIA_LIMIT:
        raise ValueError(f"the picture has {len(data) / 1e6:.1f} MB; make it smaller than {MEDIA_LIMIT / 1e6:.0f} MB")
    kind = row.file.rpartition(".")[2]
    width, height = {"svg": _svg_size, "png": _png_size, "jpg": _jpg_size, "csv": _no_size}[kind](data)
    return Picture(
        file=row.file,
        licence=row.licence,
        source=row.source,
        sha256=hashlib.sha256(data).hexdigest(),
        width=width,
        height=height,
    )


def _no_size(data: bytes) -> tuple[int, int]:
    """A data file of a practical is no picture; it must at least be text that every spreadsheet opens."""
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the data file is not UTF-8; save it again as CSV in UTF-8") from None
    return 0, 0


def _png_size(data: bytes) -> tuple[int, int]:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 24:
        raise ValueError("this is not a PNG picture; save it again as PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise ValueError("this is not a JPEG picture; save it again as JPEG")


_SVG_ACTIVE = {"script", "foreignObject", "iframe", "embed", "object", "audio", "video", "handler", "listener"}


def _svg_size(data: bytes) -> tuple[int, int]:
    """The size of a drawing, once it is sure that it is only a drawing."""
    try:
        text = data.decode()  # in another encoding the next check would see nothing
        if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
            raise ValueError("the drawing has a document type; save it as plain SVG")
        root = ElementTree.fromstring(text)  # noqa: S314 no document type, so nothing can expand
    except UnicodeDecodeError:
        raise ValueError("the drawing is not UTF-8; save it again as plain SVG") from None
    except ElementTree.ParseError:
        raise ValueError("this is not a well-formed SVG drawing; save it again as plain SVG") from None
    if root.tag != "{http://www.w3.org/2000/svg}svg":
        raise ValueError("this is not an SVG drawing; save it again as plain SVG")
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2]
        if name in _SVG_ACTIVE:
            raise ValueError(f"the drawing holds <{name}>; a picture may only draw")
        for key, value in element.attrib.items():
            key = key.rpartition("}")[2].lower()
            if key.startswith("on"):
                raise ValueError(f"the drawing holds a program in «{key}»; a picture may only draw")
            if key in ("href", "src") and not value.startswith("#"):
                raise ValueError(f"the drawing refers to something outside itself: {value[:40]}; draw it in")
    box = root.get("viewBox", "").replace(",", " ").split()
    numbers = box[2:] if len(box) == 4 else [root.get("width", ""), root.get("height", "")]
    try:
        width, height = (round(float(number.removesuffix("px"))) for number in numbers)
    except ValueError:
        raise ValueError("the drawing says no size; give it a viewBox") from None
    if width < 1 or height < 1:
        raise ValueError("the drawing has no size; give it a viewBox")
    return width, height
