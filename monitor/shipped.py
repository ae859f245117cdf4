"""Files that travel with the program: configuration, catalogue, schemas, the demonstration capture."""

from __future__ import annotations

from pathlib import Path

#: Windows of simulated incidents, on which new models are tried; made of the scenario beside it.
INCIDENTS = "configs/incidents/windows.npz"

_HERE = Path(__file__).resolve().parent
#: In an installed wheel they lie within the package; in a checkout, at the top.
_INSTALLED, _CHECKOUT = _HERE / "shipped", _HERE.parent


def shipped(relative: str) -> Path:
    """The path of a shipped file or folder, such as `configs/catalogue`; raises FileNotFoundError."""
    for base in (_CHECKOUT, _INSTALLED):
        if (base / "pyproject.toml").is_file() or base == _INSTALLED:
            path = base / relative
            if path.exists():
                return path
    raise FileNotFoundError(f"{relative} does not come with this installation")
