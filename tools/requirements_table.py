#!/usr/bin/env python3
"""Write docs/requirements.md: which test proves which requirement, read from the tests themselves.

A test names what it proves with `@pytest.mark.goal("ID", ...)`, on itself, its class or (as `pytestmark`) its module,
and says in the first sentence of its docstring which behaviour that is.

    requirements_table.py            write the table
    requirements_table.py --check    fail when the table is not the one that the tests give (line numbers aside)
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
TABLE = ROOT / "docs" / "requirements.md"

HEAD = """\
# Requirements and the tests that prove them

Written by `make requirements` from the tests; do not edit. Each line is one test of `make test`.

| id | behaviour | test |
|---|---|---|
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Proof:
    """One requirement proven by one test."""

    goal: str
    sentence: str
    path: str
    line: int
    name: str

    def order(self) -> tuple[list[int | str], str, int]:
        """Sort by id with numbers as numbers (X-9 before X-10), then by place."""
        parts = re.split(r"(\d+)", self.goal)
        return [int(part) if part.isdigit() else part for part in parts], self.path, self.line

    def row(self) -> str:
        """The line of the table."""
        sentence = self.sentence.replace("|", "\\|")
        return f"| {self.goal} | {sentence} | [{self.path}:{self.line}](../{self.path}#L{self.line}) |"


def goals(expressions: list[ast.expr]) -> Iterator[str]:
    """The ids in `pytest.mark.goal("A", "B")`, in decorators or in a list of marks."""
    for expression in expressions:
        if isinstance(expression, ast.List | ast.Tuple):
            yield from goals(expression.elts)
        elif isinstance(expression, ast.Call) and ast.unparse(expression.func) == "pytest.mark.goal":
            for argument in expression.args:
                if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                    raise ValueError(f"line {argument.lineno}: an id must be written as a plain string")
                yield argument.value


def module_marks(body: list[ast.stmt]) -> list[str]:
    """The ids of a `pytestmark = ...` in a module or class."""
    found: list[str] = []
    for statement in body:
        if isinstance(statement, ast.Assign) and any(
            ast.unparse(target) == "pytestmark" for target in statement.targets
        ):
            found += goals([statement.value])
    return found


def tests_in(body: list[ast.stmt], inherited: list[str]) -> Iterator[tuple[Function, list[str]]]:
    """Each test function with the ids that it, its class and its module name."""
    inherited = inherited + module_marks(body)
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from tests_in(statement.body, inherited + list(goals(statement.decorator_list)))
        elif isinstance(statement, Function) and statement.name.startswith("test"):
            yield statement, inherited + list(goals(statement.decorator_list))


def first_sentence(docstring: str) -> str:
    """Up to the first full stop that ends a sentence, on one line."""
    text = " ".join(docstring.split())
    return re.split(r"(?<=[.!?])\s+(?=[A-ZА-ЯЁ\"'(«“])", text, maxsplit=1)[0]


def read_tests() -> tuple[list[Proof], list[str]]:
    """All proofs in order, and what is wrong with the tests."""
    proofs: list[Proof] = []
    wrong: list[str] = []
    for path in sorted(TESTS.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        try:
            body = ast.parse(path.read_text(encoding="utf-8"), filename=name).body
            marked = [(test, ids) for test, ids in tests_in(body, []) if ids]
        except (SyntaxError, ValueError) as error:
            wrong.append(f"{name}: {error}")
            continue
        for test, ids in marked:
            docstring = ast.get_docstring(test)
            if not docstring:
                wrong.append(f"{name}:{test.lineno} {test.name} names a requirement but has no docstring")
                continue
            sentence = first_sentence(docstring)
            proofs += [Proof(goal, sentence, name, test.lineno, test.name) for goal in dict.fromkeys(ids)]
    return sorted(proofs, key=Proof.order), wrong


def without_lines(table: str) -> str:
    """A table in which a moved test changes nothing."""
    return re.sub(r"(\.py)(?::|#L)\d+", r"\1", table)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write docs/requirements.md from the tests.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check: bool = parser.parse_args().check
    proofs, wrong = read_tests()
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    table = HEAD + "".join(f"{proof.row()}\n" for proof in proofs)
    if check:
        written = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
        if without_lines(written) != without_lines(table):
            print(f"{TABLE.relative_to(ROOT)} is not what the tests say: run make requirements", file=sys.stderr)
            return 1
        return 0
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(table, encoding="utf-8")
    ids = {proof.goal for proof in proofs}
    print(f"{TABLE.relative_to(ROOT)}: {len(ids)} requirements, {len(proofs)} tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
