"""Files that a user writes, read strictly: YAML to a pydantic model, every error with its line and column.

YAML 1.1 reads `22:30` as 1350, `0700` as 448 and `no` as False, and takes the last of two equal
names. For settings and limits that is a safety matter, so only `true`, `false`, `null`, plain
decimal numbers and strings exist here; anything else stays the text that was written, and the
model's strict types refuse it where a number or a switch is due.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVar, get_args

import orjson
import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: names of mappings and indexes of lists, outermost first."""

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text; both counted from 1, as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file."""

    file: str
    text: str
    mark: Mark | None = None

    def __str__(self) -> str:
        place = f":{self.mark.line}:{self.mark.column}" if self.mark else ""
        return f"{self.file}{place}: {self.text}"


class ConfigurationError(Exception):
    """A file that cannot be used. `str(error)` is one line a problem; `problems` holds them all."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_reading_order))
        super().__init__("\n".join(map(str, self.problems)))


def _reading_order(problem: Problem) -> tuple[int, int]:
    return (problem.mark.line, problem.mark.column) if problem.mark else (0, 0)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain values, and where each of them and each name was written."""

    file: str
    value: Any
    marks: dict[Location, Mark]
    name_marks: dict[Location, Mark]

    def problem(self, location: Location, text: str) -> Problem:
        """A problem with the value at `location`, placed at its nearest written ancestor."""
        path = ".".join(map(str, location))
        written = location
        while written and written not in self.marks:
            written = written[:-1]
        return Problem(self.file, f"{path}: {text}" if path else text, self.marks.get(written))

    def name_problem(self, location: Location, text: str) -> Problem:
        """A problem with the name at `location` itself, not with its value."""
        return Problem(self.file, f"{'.'.join(map(str, location))}: {text}", self.name_marks.get(location))


MAX_DEPTH = 32
"""Levels of lists and mappings in one another; more than any file here has, and far from Python's own end."""


class _StrictLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own form

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._refuse("aliases (*name) are not accepted")
        if self.depth == MAX_DEPTH:
            self._refuse(f"nested more than {MAX_DEPTH} levels deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _refuse(self, text: str) -> NoReturn:
        place = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        raise yaml.composer.ComposerError(None, None, text, place)


_TAG = "tag:yaml.org,2002:"
_SCALAR_FORMS = (
    ("null", r"|~|null", ["", "~", "n"]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?", list("-0123456789")),
)
for _name, _form, _first_characters in _SCALAR_FORMS:
    _StrictLoader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_form})$"), _first_characters)


def _finite(text: str) -> float:
    """A float, and never an infinity, which JSON would turn into null: a cap into none."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


_SCALARS: dict[str, Callable[[str], Any]] = {
    _TAG + "null": lambda text: None,
    _TAG + "bool": lambda text: text == "true",
    _TAG + "int": int,
    _TAG + "float": _finite,
    _TAG + "str": str,
}


def parse(text: str, file: str) -> Document:
    """Read one YAML document. Raises ConfigurationError; `file` is the name that errors show."""
    try:
        root = yaml.compose(text, _StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else None
        text = ", ".join(filter(None, (error.context, error.problem)))
        raise ConfigurationError([Problem(file, f"not YAML: {text}", place)]) from error
    except yaml.YAMLError as error:
        raise ConfigurationError([Problem(file, f"not YAML: {error}")]) from error
    reader = _Reader(file)
    value = reader.value(root, ()) if root is not None else None
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return Document(file, value, reader.marks, reader.name_marks)


class _Reader:
    """Turns composed nodes into plain values, collecting marks and problems on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Location, Mark] = {}
        self.name_marks: dict[Location, Mark] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, location: Location) -> Any:
        self.marks[location] = _mark(node)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        convert = _SCALARS.get(node.tag) if isinstance(node, yaml.ScalarNode) else None
        if convert is None:
            return self._refuse(node, f"the tag {node.tag} is not accepted")
        try:
            return convert(node.value)
        except ValueError:
            return self._refuse(node, f"{node.value!r} does not fit the tag {node.tag}")

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode) or name_node.tag != _TAG + "str":
                self._refuse(name_node, "a name must be a plain text")
                continue
            name = name_node.value
            if name in mapping:
                first = self.name_marks[(*location, name)]
                self._refuse(name_node, f"{name} is given twice (first in line {first.line})")
                continue
            self.name_marks[(*location, name)] = _mark(name_node)
            mapping[name] = self.value(value_node, (*location, name))
        return mapping

    def _refuse(self, node: yaml.Node, text: str) -> None:
        self.problems.append(Problem(self.file, text, _mark(node)))


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def read_document(path: Path) -> Document:
    """Read a YAML file. Raises ConfigurationError when it is missing, unreadable or not strict YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError([Problem(str(path), f"cannot be read: {reason}")]) from error
    return parse(text, str(path))


def build_model(document: Document, model: type[ModelT], context: dict[str, Any]) -> ModelT:
    """Validate a document against a model in strict mode; an empty file is an empty mapping.

    `context` reaches the model's validators. Raises ConfigurationError with every problem found.
    """
    value = {} if document.value is None else document.value
    try:
        # JSON mode is the one where strict models still take a list for a tuple and a text for a path.
        return model.model_validate_json(orjson.dumps(value), strict=True, context=context)
    except ValidationError as error:
        raise ConfigurationError(list(_problems(document, model, error.errors()))) from error
    except TypeError as error:
        raise ConfigurationError([document.problem((), f"a number is too long: {error}")]) from error


def _problems(document: Document, model: type[BaseModel], errors: list[ErrorDetails]) -> Iterator[Problem]:
    for error in errors:
        location: Location = error["loc"]
        if error["type"] == "too_short" and _is_caused_inside(location, errors):
            continue
        if error["type"] == "extra_forbidden":
            yield document.name_problem(location, "unknown name" + _suggestion(model, location))
        elif error["type"] == "missing":
            yield document.problem(location, "is missing")
        else:
            yield document.problem(location, _sentence(error))


def _is_caused_inside(location: Location, errors: list[ErrorDetails]) -> bool:
    """Whether a list is short only since its wrong items do not count."""
    depth = len(location)
    return any(len(error["loc"]) > depth and error["loc"][:depth] == location for error in errors)


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if error["type"] == "too_short":
        return f"needs at least {error['ctx']['min_length']}"
    found = repr(error["input"])
    text = error["msg"].removeprefix("Input should be ").removeprefix("value is not ")
    return f"must be {text}, found {found if len(found) <= 60 else found[:57] + '...'}"


def _suggestion(model: type[BaseModel], location: Location) -> str:
    known = _names_beside(model, location)
    close = get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(known)}" if known else ""


def _names_beside(model: type[BaseModel], location: Location) -> list[str]:
    for part in location[:-1]:
        if isinstance(part, str):
            field = model.model_fields.get(part)
            inner = _model_within(field.annotation) if field else None
            if inner is None:
                return []
            model = inner
    return list(model.model_fields)


def _model_within(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
