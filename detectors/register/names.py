"""How an app is named in lists, made comparable: filing numbers, hosts, names."""

from __future__ import annotations

import re
import unicodedata

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_QUOTES = re.compile(r"[\s《》“”\"'「」『』·•‧・.,，。_\-—–]+")
_APP_SUFFIX = re.compile(r"(?<=.)(app|客户端|手机版|安卓版|ios版|android版|软件)$")
_BRACKETS = re.compile(r"[(\[【]([^)\]】]*)[)\]】]")


def filing_number(text: str) -> str:
    """A filing number without spaces and case: 教APP备1100001号 is 教app备1100001号."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


def host_of(text: str) -> str | None:
    """The host of a name or of a page's address, lower case, IDN as xn--; None for anything else."""
    plain = _SCHEME.sub("", unicodedata.normalize("NFKC", text).strip().lower())
    plain = plain.split("/", 1)[0].split("?", 1)[0].rpartition("@")[2]
    host, _, port = plain.partition(":")
    host = host.removeprefix("*.").rstrip(".").replace("。", ".")
    if port and not port.isdecimal():
        return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    labels = host.split(".")
    whole = len(labels) >= 2 and len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    return host if whole and not labels[-1].isdecimal() else None


def plain_name(text: str) -> str:
    """A name without case, spaces, quotes and a trailing `APP`; brackets stay part of it."""
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = _QUOTES.sub("", plain)
    return _APP_SUFFIX.sub("", plain)


def names_within(text: str) -> list[str]:
    """The names that a catalogue name holds: `智慧树/知到` two, `学信网(中国高等教育学生信息网)` as well."""
    plain = unicodedata.normalize("NFKC", text)
    found = [plain]
    for part in plain.split("/"):
        inner = _BRACKETS.findall(part)
        found.extend([_BRACKETS.sub("", part), *inner])
    return [each for each in dict.fromkeys(plain_name(name) for name in found) if len(each) >= 2]
