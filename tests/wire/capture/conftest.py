"""A link of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.capture.namespaces import own_namespace, pair


@pytest.fixture
def veth() -> Iterator[None]:
    """A pair `wire`, `tap` in a namespace of its own."""
    with own_namespace():
        pair("wire", "tap")
        yield
