"""Where people's verdicts lie, and their hits: apart from the verb, for the sensor that goes by them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from detectors.feedback import Feedback
from monitor import places
from monitor.config.config import Config


def feedback_file(config: Config) -> Path:
    """Where verdicts lie: as configured, or in the state directory."""
    return config.anomaly.feedback_file or places.state_directory(config.state) / places.FEEDBACK


def keep_hits(config: Config, in_use: Feedback) -> None:
    """Leave the hits of a running sensor where `--list` finds them; a disk that refuses costs the numbers."""
    path = places.state_directory(config.state) / places.FEEDBACK_HITS
    part = path.with_name(path.name + ".part")
    try:
        if in_use.hits != kept_hits(config):
            part.write_text(json.dumps(in_use.hits), encoding="utf-8")
            os.replace(part, path)
    except OSError:
        return


def kept_hits(config: Config) -> dict[str, int]:
    """Hits of each verdict by its id, as a running sensor last left them."""
    try:
        text = (places.state_directory(config.state) / places.FEEDBACK_HITS).read_text(encoding="utf-8")
        return {str(name): int(count) for name, count in json.loads(text).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
