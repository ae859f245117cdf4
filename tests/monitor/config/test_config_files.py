"""Several files as one configuration; credentials; where each value comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.config_file import ConfigError, load, load_with_places, show_with_places


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "main.yaml"


def errors(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(path)
    return [line.replace(str(path.parent) + "/", "") for line in raised.value.lines]


def test_the_file_stands_above_what_it_includes(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [base.yaml, taps.yaml]\ncampus:\n  sensor: north\nflows: {max_flows: 4096}\n",
        base="campus: {id: school, sensor: any, networks: [10.1.0.0/16, 10.2.0.0/16]}\n",
        taps="capture: {interfaces: [tap0]}\n",
    )
    config = load(main)
    assert (config.campus.id, config.campus.sensor) == ("school", "north")
    assert [str(network) for network in config.campus.networks] == ["10.1.0.0/16", "10.2.0.0/16"]
    assert config.capture.interfaces == ("tap0",)
    assert config.flows.max_flows == 4096


def test_a_list_is_replaced_whole(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [base.yaml]\ncampus: {networks: [10.9.0.0/16]}\n",
        base="campus: {networks: [10.1.0.0/16, 10.2.0.0/16]}\n",
    )
    assert [str(network) for network in load(main).campus.networks] == ["10.9.0.0/16"]


def test_two_included_files_that_set_one_key_clash(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [a.yaml, b.yaml]\n",
        a="campus:\n  id: one\n",
        b="campus:\n\n  id: two\n",
    )
    assert errors(main) == [
        "b.yaml:3: campus.id: also set in a.yaml:2; set it in one of them, or in the file that includes both"
    ]


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"main": "include: [main.yaml]\n"}, "main.yaml:1: include: "),
        ({"main": "include: [a.yaml]\n", "a": "\ninclude: [main.yaml]\n"}, "a.yaml:2: include: "),
        ({"main": "include: base.yaml\n"}, "main.yaml:1: include: write a list of files"),
        ({"main": "include: [none.yaml]\n"}, "none.yaml: cannot be read"),
        ({"main": "include: [a.yaml]\n", "a": "- 1\n"}, "a.yaml:1: the file: write sections"),
        ({"main": "include: [a.yaml]\n", "a": "\n\nflows: {max_flows: 1}\n"}, "a.yaml:3: flows.max_flows: "),
        ({"main": "include: [a.yaml]\n", "a": "a: [\n"}, "a.yaml:2: not YAML"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(tmp_path: Path, files: dict[str, str], error: str) -> None:
    told = errors(write(tmp_path, **files))
    assert len(told) == 1
    assert told[0].startswith(error)


def test_includes_have_a_bounded_depth(tmp_path: Path) -> None:
    chain = {f"f{i}": f"include: [f{i + 1}.yaml]\n" for i in range(9)}
    told = errors(write(tmp_path, main="include: [f0.yaml]\n", **chain, f9=""))
    assert len(told) == 1
    assert "include: deeper than" in told[0]


def test_a_bomb_of_includes_is_bounded(tmp_path: Path) -> None:
    files = {f"f{i}": f"include: [{', '.join([f'f{i + 1}.yaml'] * 30)}]\n" for i in range(3)}
    told = errors(write(tmp_path, main="include: [f0.yaml]\n", **files, f3=""))
    assert any("more than 32 files" in line for line in told)
    assert len(told) < 2000


def test_paths_start_at_the_file_that_they_stand_in(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "base.yaml").write_text("privacy: {key_file: k}\nregisters: {files: [a.csv]}\n")
    main = write(tmp_path, main="include: [site/base.yaml]\nanomaly: {model_file: m.npz}\n")
    config = load(main)
    assert config.privacy.key_file == tmp_path / "site" / "k"
    assert config.registers.files == (tmp_path / "site" / "a.csv",)
    assert config.anomaly.model_file == tmp_path / "m.npz"


def test_credentials_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = write(tmp_path, main="privacy:\n  key_file: credential:privacy.key\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/campuswatch.service")
    assert load(main).privacy.key_file == Path("/run/credentials/campuswatch.service/privacy.key")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    (told,) = errors(main)
    assert told.startswith("main.yaml:2: privacy.key_file: credential:privacy.key: no credentials")
    assert "LoadCredential=privacy.key:FILE" in told


@pytest.mark.parametrize("name", ["../shadow", "", ".."])
def test_a_credential_is_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    (told,) = errors(write(tmp_path, main=f"privacy:\n  key_file: 'credential:{name}'\n"))
    assert "write a credential's name" in told


def test_where_each_value_comes_from(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [base.yaml]\n\nflows:\n  max_flows: 4096\n",
        base="campus:\n  id: school\n  networks:\n    - 10.1.0.0/16\n",
    )
    config, tree = load_with_places(main)
    text = show_with_places(config, tree)
    lines = {
        line.split(":")[0].strip(): line.rpartition("# ")[2] for line in text.splitlines() if "#" in line
    }
    assert lines["max_flows"] == f"{main}:4"
    assert lines["id"] == f"{tmp_path / 'base.yaml'}:2"
    assert lines["networks"] == f"{tmp_path / 'base.yaml'}:3"
    assert lines["sensor"] == lines["tcp_opening"] == lines["max_tunnel_depth"] == "default"
    shown = tmp_path / "shown.yaml"
    shown.write_text(text)
    assert load(shown) == config
    assert set(yaml.safe_load(text)) == set(type(config).model_fields)


HOSTILE = (
    b"[" * 5_000,
    b"{a: " * 2_000,
    b"? [a, b]\n: c\n",
    b"? {a: b}\n: c\n",
    b"campus: {id: " + b"9" * 10_000 + b"}",
    b"campus: {timezone: 2026-99-99}",
    b"rules: {calendar: {holidays: [2026-13-45]}}",
    b"a: &a [*a, *a, *a]\n",
    b"campus: !!python/name:os.system x",
    b"campus: !!binary aGk=\n",
    b"flows: {max_flows: .nan}",
    b"include: [[]]\n",
    b"include: [0, ~]\n",
    b'include: ["\\0"]\n',
    b'privacy: {key_file: "a\\0b"}\n',
)


def lines_of(folder: Path, text: bytes) -> list[str]:
    """What is told of a file; nothing where it can be used. Whatever else is raised fails the test."""
    path = folder / "any.yaml"
    path.write_bytes(text)
    try:
        load(path)
    except ConfigError as error:
        return error.lines
    return []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_told_of(tmp_path: Path, text: bytes) -> None:
    told = lines_of(tmp_path, text)
    assert told
    assert all(line.startswith(str(tmp_path)) for line in told)


@given(st.binary(max_size=200) | st.text("abk:{}[]&*!?|>-#'\" \n\t01,.%@`~", max_size=80).map(str.encode))
def test_no_text_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert all(line.startswith(str(folder)) for line in lines_of(folder, text))
