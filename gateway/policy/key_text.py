"""Edits the `keys` of a policy file as text, so that comments and the order of things stay.

Made for the usual block style. A caller reads the result again: what these edits get wrong, such as
a file in a style that they do not know, shows there.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


class CannotEdit(ValueError):
    """The file is written in a style that no edit was made for."""


@dataclass(frozen=True, slots=True)
class _Section:
    """`keys` in a text: its lines, counted from 0, and where its name and items stand."""

    lines: list[str]
    name: yaml.ScalarNode
    items: yaml.SequenceNode
    end: int

    def content_end(self, start: int, end: int) -> int:
        """The end of the lines from `start` without the comments and blank lines before `end`."""
        while end > start and self.lines[end - 1].strip()[:1] in ("", "#"):
            end -= 1
        return end

    def item_line(self, index: int) -> int:
        """The line where the dash of an item stands; past the last item, the section's end."""
        if index == len(self.items.value):
            return self.end
        line: int = self.items.value[index].start_mark.line
        while not self.lines[line].lstrip().startswith("-"):
            line -= 1
        return line


def _find_section(text: str) -> _Section:
    root = yaml.compose(text, yaml.SafeLoader)
    lines = text.splitlines(keepends=True)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise CannotEdit("the file is not one mapping in block style")
    for index, (name, items) in enumerate(root.value):
        if name.value == "keys":
            following = root.value[index + 1 :]
            return _Section(lines, name, items, following[0][0].start_mark.line if following else len(lines))
    raise CannotEdit("the file has no keys")


def with_items(text: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """The text with more keys after those that it has."""
    section = _find_section(text)
    lines = section.lines
    if section.items.flow_style:
        at, indent = _open_empty_list(section), 2
    else:
        name_line = section.name.start_mark.line
        at, indent = section.content_end(name_line, section.end), section.items.start_mark.column
    lines[at - 1] = lines[at - 1].rstrip("\r\n") + "\n"
    block = yaml.safe_dump(
        [dict(entry) for entry in entries],
        sort_keys=False,
        allow_unicode=True,
        width=1000,
        default_flow_style=None,
    )
    return "".join([*lines[:at], textwrap.indent(block, " " * indent), *lines[at:]])


def _open_empty_list(section: _Section) -> int:
    """Remove the `[]` of an empty list; the line that its first item goes to."""
    start, end = section.items.start_mark, section.items.end_mark
    if section.items.value or start.line != end.line:
        raise CannotEdit("keys is a list in brackets; write one key below the other, each after a dash")
    line = section.lines[start.line]
    section.lines[start.line] = line[: start.column].rstrip() + line[end.column :]
    return start.line + 1


def without_item(text: str, index: int) -> str:
    """The text without one key; comments outside its lines stay."""
    section = _find_section(text)
    if section.items.flow_style:
        raise CannotEdit("keys is a list in brackets; write one key below the other, each after a dash")
    start = section.item_line(index)
    end = section.content_end(start, section.item_line(index + 1))
    lines = section.lines
    if len(section.items.value) == 1:
        line, column = section.name.end_mark.line, lines[section.name.end_mark.line].index(":") + 1
        lines[line] = f"{lines[line][:column]} []{lines[line][column:]}"
    return "".join(lines[:start] + lines[end:])
