"""Whole, ours, others': the folder of compiled kernels. Folders stand for what a warm leaves there."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.kernels import kernel_folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in kernel_folder.ours()[:-1]:  # some module's kernels are never compiled by themselves
        (tmp_path / name).mkdir()
        (tmp_path / name / "kernel.nbi").touch()
    return tmp_path


def test_ours_are_the_modules_that_define_kernels() -> None:
    modules = {name.rpartition("-")[0] for name in kernel_folder.ours()}
    assert {"wire.flows.track", "wire.capture.ring_block", "sinks.records.addresses"} <= modules
    assert "wire.capture.files" not in modules


def test_whole_only_after_a_warm_to_its_end(base: Path) -> None:
    assert not kernel_folder.is_whole(base)
    assert kernel_folder.mark_whole(base) == len(kernel_folder.ours()) - 1
    assert kernel_folder.is_whole(base)


def test_not_whole_when_a_folder_went(base: Path) -> None:
    kernel_folder.mark_whole(base)
    gone = base / kernel_folder.ours()[0]
    (gone / "kernel.nbi").unlink()
    gone.rmdir()
    assert not kernel_folder.is_whole(base)


def test_not_whole_for_another_program(base: Path) -> None:
    kernel_folder.mark_whole(base)
    mark = base / "whole"
    name = kernel_folder.ours()[0]
    mark.write_text(mark.read_text().replace(name, name[:-1] + ("0" if name[-1] != "0" else "1")))
    assert not kernel_folder.is_whole(base)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\n\n"])
def test_a_spoilt_mark_is_none(base: Path, content: bytes) -> None:
    (base / "whole").write_bytes(content)
    assert not kernel_folder.is_whole(base)


def test_what_others_left_goes_and_ours_stays(base: Path) -> None:
    kernel_folder.mark_whole(base)
    old = base / "wire.flows.track-0123456789abcdef"
    old.mkdir()
    (old / "kernel.nbi").touch()
    assert kernel_folder.prune(base) == 1
    assert not old.exists()
    assert kernel_folder.is_whole(base)


def test_a_checkout_is_no_installation() -> None:
    """Checkouts share the cache of one machine; only an installed program clears it."""
    assert not kernel_folder.is_installed()
