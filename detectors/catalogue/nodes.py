"""A YAML file as nodes that know their lines, no deeper than its form allows.

Made from the parser's events, one at a time: the library's own composing recurses, and guesses of each
text whether it is a number or a date. Here text is text.
"""

from __future__ import annotations

from typing import Any

import yaml

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class TooDeep(ValueError):
    """Collections stand within each other deeper than was allowed."""


def compose(text: bytes, most_depth: int) -> yaml.Node | None:
    """The root of the only document in `text`; None when there is none.

    Raises yaml.YAMLError, UnicodeDecodeError, and TooDeep. An alias gives the very node of its anchor,
    which must be complete by then. Tags are empty.
    """
    composer = _Composer(most_depth)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.YAMLError as error:
        # Some libyaml refuse by themselves what is thousands deep.
        if "nesting depth" in (getattr(error, "problem", None) or ""):
            raise TooDeep from error
        raise
    return composer.root


class _Composer:
    """What is open is a stack of the events that opened it and the nodes that wait for its end."""

    def __init__(self, most_depth: int) -> None:
        self._most_depth = most_depth
        self._open: list[tuple[yaml.CollectionStartEvent, list[yaml.Node]]] = []
        self._nodes: list[yaml.Node] = []
        self._anchors: dict[str, yaml.Node] = {}

    @property
    def root(self) -> yaml.Node | None:
        return self._nodes[0] if self._nodes else None

    def take(self, event: yaml.Event) -> None:
        mark: Any = event.start_mark  # the library has two kinds, which are alike
        if isinstance(event, yaml.ScalarEvent):
            self._add(yaml.ScalarNode("", event.value, mark), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) == self._most_depth:
                raise TooDeep
            self._open.append((event, self._nodes))
            self._nodes = []
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(event.anchor or "")
            if node is None:
                raise yaml.composer.ComposerError(None, None, f"no anchor `{event.anchor}`", mark)
            self._nodes.append(node)
        elif isinstance(event, yaml.DocumentStartEvent) and self._nodes:
            raise yaml.composer.ComposerError(None, None, "a second document", mark)

    def _close(self) -> None:
        start, outer = self._open.pop()
        inner, self._nodes = self._nodes, outer
        mark: Any = start.start_mark
        if isinstance(start, yaml.SequenceStartEvent):
            self._add(yaml.SequenceNode("", inner, mark), start.anchor)
        else:
            pairs = list(zip(inner[::2], inner[1::2], strict=True))
            self._add(yaml.MappingNode("", pairs, mark), start.anchor)

    def _add(self, node: yaml.Node, anchor: str | None) -> None:
        self._nodes.append(node)
        if anchor is not None:
            self._anchors[anchor] = node
