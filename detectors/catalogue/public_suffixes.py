"""Names under which anyone can register: no entry may claim one of them whole."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from detectors.catalogue.host_names import host_name


@cache
def _rules() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Plain rules, parents of wildcard rules, exceptions of the Public Suffix List."""
    plain: set[str] = set()
    wildcards: set[str] = set()
    exceptions: set[str] = set()
    data = files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text("utf-8")
    for line in data.splitlines():
        rule = line.partition(" ")[0]
        if not rule or rule.startswith("//"):
            continue
        target = exceptions if rule[0] == "!" else wildcards if rule.startswith("*.") else plain
        text = rule.lstrip("!*.")
        target.add(text if text.isascii() else host_name(text) or rule)
    return frozenset(plain), frozenset(wildcards), frozenset(exceptions)


def is_public_suffix(name: str) -> bool:
    """Whether a comparable name is a public suffix, of registries or of hosting companies.

    Source: the Public Suffix List (publicsuffix.org), as the library publicsuffixlist carries it. A
    name of a single label is one, known or not.
    """
    plain, wildcards, exceptions = _rules()
    _, dot, parent = name.partition(".")
    return not dot or ((name in plain or parent in wildcards) and name not in exceptions)


def is_registrable(name: str) -> bool:
    """Whether a name stands right below a public suffix and is none itself."""
    _, dot, parent = name.partition(".")
    return bool(dot) and is_public_suffix(parent) and not is_public_suffix(name)


def registrable_domain(name: str) -> str | None:
    """The longest that is registrable of a name and the domains above it; None without one."""
    suffix = is_public_suffix(name)
    while True:
        _, dot, parent = name.partition(".")
        if not dot:
            return None
        above = is_public_suffix(parent)
        if above and not suffix:
            return name
        name, suffix = parent, above


def public_suffixes_of(names: Sequence[str]) -> list[str]:
    """Those of many names that are public suffixes, as often as they stand there."""
    plain, wildcards, exceptions = _rules()
    return [
        name
        for name in names
        if (name in plain or name.partition(".")[2] in wildcards) and name not in exceptions
    ]
