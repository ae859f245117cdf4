"""The commented example and the schema for editors: complete, and in step with the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from monitor.config.config import Config
from monitor.config.config_file import ConfigError, load
from monitor.config.schema import EXAMPLE, example_keys, schema, text_of


def model_keys(section: BaseModel, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        yield (*at, name), value
        if isinstance(value, BaseModel):
            yield from model_keys(value, (*at, name))


def test_the_example_has_every_key_and_no_other(root: Path) -> None:
    keys = [key.location for key in example_keys((root / EXAMPLE).read_text())]
    assert sorted(keys) == sorted(location for location, _ in model_keys(Config()))


def test_keys_that_are_off_are_those_without_a_default(root: Path) -> None:
    off = {key.location for key in example_keys((root / EXAMPLE).read_text()) if key.off}
    assert off == {location for location, value in model_keys(Config()) if value is None}


def test_what_is_off_can_be_turned_on(root: Path, tmp_path: Path) -> None:
    lines = (root / EXAMPLE).read_text().splitlines()
    off = {key.location[-1] for key in example_keys("\n".join(lines)) if key.off}
    on = [line.replace("# ", "", 1) if line.strip("# ").split(":")[0] in off else line for line in lines]
    path = tmp_path / "campuswatch.yaml"
    path.write_text("\n".join(on))
    assert load(path).privacy.key_file == tmp_path / "privacy.key"


def test_keys_are_explained_in_both_languages(root: Path) -> None:
    """Beside the key, or where like keys stand together beside what they stand under."""
    keys = list(example_keys((root / EXAMPLE).read_text()))
    explained = {key.location for key in keys if " · " in key.comment}
    sections = {location for location, value in model_keys(Config()) if isinstance(value, BaseModel)}
    bare = {key.location for key in keys} - explained - sections
    assert {location for location in bare if location[:-1] not in explained} == set()


def test_the_schema_is_in_step(root: Path) -> None:
    kept = (root / "configs" / "schema" / "campuswatch.json").read_text(encoding="utf-8")
    assert kept == text_of(schema())


def test_the_example_names_the_schema_and_fits_it(root: Path) -> None:
    text = (root / EXAMPLE).read_text()
    assert text.startswith("# yaml-language-server: $schema=schema/campuswatch.json\n")
    validator = Draft202012Validator(schema())
    Draft202012Validator.check_schema(schema())
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "flows: {max_flow: 1}",
        "flows: {vlan: inner}",
        "metrics: {port: 70000}",
        "nothing: 1",
        "include: a.yaml",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load(path)
    assert list(Draft202012Validator(schema()).iter_errors(yaml.safe_load(text)))
