"""What is said of a card's offloads against `ethtool`, which sets them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.wire.capture.namespaces import own_namespace, pair
from wire.capture.errors import CaptureError
from wire.capture.offloads import offloads


def test_what_ethtool_sets_is_seen() -> None:
    if shutil.which("ethtool") is None:
        pytest.skip("no `ethtool`")
    with own_namespace():
        pair("wire", "tap")
        for name in ("gro", "gso", "tso"):
            for on in (True, False):
                subprocess.run(["ethtool", "-K", "tap", name, "on" if on else "off"], check=True)
                assert offloads("tap")[name] is on
        assert offloads("tap")["lro"] is False  # veth has none
        assert offloads("lo").keys() == {"gro", "gso", "tso", "lro"}


@pytest.mark.parametrize("name", ["nothing0", "a-name-that-is-far-too-long", ""])
def test_an_interface_that_is_not_there(name: str) -> None:
    with pytest.raises(CaptureError, match="no such interface"):
        offloads(name)
