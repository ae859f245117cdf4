"""A service's earlier windows: what a restart makes of them."""

from __future__ import annotations

import numpy as np

from detectors.parts import json_of
from detectors.use.windows import Past
from tests.detectors.rules.cases import knowledge, window


def test_a_service_that_is_gone_leaves_nothing() -> None:
    known, past = knowledge(), Past()
    kept, gone = (window(known, id, 0) for id in ("sample-baoming", "sample-zuoye"))
    past.add(kept, strange=False)
    past.add(gone, strange=True)
    places = np.arange(len(known.catalogue.ids), dtype=np.int32)
    places[gone.service] = -1
    again = Past()
    again.restore(past.state(), places)
    assert list(again.of(kept.service)) == [kept]
    assert json_of(again.state()["strange"]) == [[kept.service, 0]]
