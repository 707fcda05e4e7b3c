"""The canonical writer: content as the files of a course. The reader's inverse, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.courses import disk, strict_yaml
from app.courses.content import CourseContent, CourseFile, FrontMatter, MediaRow, ModuleHead, in_order
from app.questions.content import Question


def as_written(part: BaseModel, order: list[str]) -> dict[str, Any]:
    """A part as the mapping that stands in its file: keys in their one order, nothing that is the default."""
    if isinstance(part, Question):
        return dict(in_order(part.as_written(), order))
    data: dict[str, Any] = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if value is None or (not field.is_required() and value in ([], field.default)):
            continue
        data[name] = _value(value, order)
    return strict_yaml.OneLine(data) if getattr(part, "ON_ONE_LINE", False) else data


def _value(value: Any, order: list[str]) -> Any:
    if isinstance(value, BaseModel):
        return as_written(value, order)
    if isinstance(value, list):
        return [_value(item, order) for item in value]
    return in_order(value, order)


def files_of(content: CourseContent) -> dict[str, str]:
    """The text of every file of a course but its pictures, by the path inside the course's folder."""
    order = content.all_languages
    shared = {name: getattr(content, name) for name in CourseFile.model_fields if name not in ("modules", "partial")}
    heads = [ModuleHead(id=module.id, title=module.title) for module in content.modules]
    course = CourseFile(**shared, modules=heads, partial=content.partial or None)
    files = {"course.yaml": strict_yaml.write(as_written(course, order))}
    if content.media:
        rows = [MediaRow(file=one.file, licence=one.licence, source=one.source) for one in content.media]
        files["media/media.yaml"] = strict_yaml.write([as_written(row, order) for row in rows])
    for number, module in enumerate(content.modules, 1):
        folder = f"modules/{number:02}-{module.id}"
        if module.questions:
            files[f"{folder}/questions.yaml"] = strict_yaml.write([as_written(one, order) for one in module.questions])
        for place, lesson in enumerate(module.lessons, 1):
            for language, text in lesson.texts.items():
                head = FrontMatter(
                    id=lesson.id,
                    title=text.title,
                    kind=lesson.kind,
                    minutes=lesson.minutes,
                    outcomes=lesson.outcomes,
                    sources=lesson.sources or None,
                    notes=text.notes,
                )
                data = as_written(head, order)
                if text.notes:
                    data["notes"] = strict_yaml.Lines(text.notes)
                files[f"{folder}/{place:02}-{lesson.id}.{language}.md"] = (
                    f"---\n{strict_yaml.write(data)}---\n\n{text.body}\n"
                )
    return files


def rewrite(folder: Path) -> list[str]:
    """Bring a course's text files into the canonical form. Gives the files that changed; raises BadCourse.

    Comments in YAML files are not part of a course and do not stay.
    """
    changed = []
    for path, text in files_of(disk.load(folder)).items():
        file = folder / path
        if file.read_bytes() != text.encode():
            file.write_bytes(text.encode())
            changed.append(path)
    return changed
