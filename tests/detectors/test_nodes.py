"""Nodes of a YAML file are those that the library composes, with their lines, unless they go too deep."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from detectors.catalogue.nodes import TooDeep, compose
from tests.detectors.conftest import CATALOGUE

_DEEP = 6
_SHARED = ["one", "two"]
VALUES = st.recursive(
    st.text(max_size=6) | st.just(_SHARED),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def plain(node: yaml.Node | None) -> object:
    """A node without what ours has not: tags, styles, ends."""
    if node is None:
        return None
    line = node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        return line, node.value
    if isinstance(node, yaml.SequenceNode):
        return line, "list", [plain(each) for each in node.value]
    return line, "mapping", [(plain(key), plain(value)) for key, value in node.value]


def depth(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 0


@given(VALUES, st.booleans())
def test_as_the_library_composes(value: object, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True).encode()
    if depth(value) > _DEEP:
        with pytest.raises(TooDeep):
            compose(text, _DEEP)
    else:
        assert plain(compose(text, _DEEP)) == plain(yaml.compose(text, Loader=yaml.BaseLoader))


@pytest.mark.parametrize("file", sorted(CATALOGUE.glob("*.yaml")), ids=lambda file: file.stem)
def test_of_the_shipped_files(file: Path) -> None:
    text = file.read_bytes()
    assert plain(compose(text, _DEEP)) == plain(yaml.compose(text, Loader=yaml.CBaseLoader))


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"---\n...\n"])
def test_of_nothing(text: bytes) -> None:
    assert plain(compose(text, _DEEP)) == plain(yaml.compose(text, Loader=yaml.BaseLoader))


@pytest.mark.parametrize("text", [b"a: *none\n", b"a: &a [*a]\n", b"a: 1\n---\nb: 2\n", b"a: [1\n"])
def test_what_is_refused_has_its_line(text: bytes) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as refused:
        compose(text, _DEEP)
    assert refused.value.problem
    assert refused.value.problem_mark.line in range(text.count(b"\n") + 1)


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- ", b"? "])
def test_depth_is_bounded_however_it_is_written(opening: bytes) -> None:
    with pytest.raises(TooDeep):
        compose(opening * 100_000, _DEEP)
