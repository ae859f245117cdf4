"""Fetching a list over HTTPS: conditional, bounded in size and time, never to another scheme."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from monitor import __version__
from monitor.config.catalogue import ListSource

_BLOCK_BYTES = 1 << 16
_MOST_SIGNATURE_BYTES = 1_024
_SILENCE_SECONDS = 20.0  # without a byte
_NOT_MODIFIED = 304


class FetchError(Exception):
    """A list could not be fetched; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`told`: what the server said of the content; `signature`: the detached one, when a key is pinned."""

    told: Mapping[str, str]
    signature: bytes | None


class _HttpsOnly(HTTPRedirectHandler):
    """Follows redirects to https alone."""

    max_redirections = 5

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != "https":
            raise FetchError(f"{req.full_url}: redirected to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(source: ListSource, known: Mapping[str, str], into: Path) -> Fetched | None:
    """Fetch a list to `into`; None when it is what is known already. Raises FetchError, OSError."""
    url = source.url or ""
    deadline = time.monotonic() + source.timeout_seconds
    opener = _opener(source)
    asked = {"User-Agent": f"campuswatch/{__version__}", "Accept-Encoding": "identity"}
    if known.get("url") == url:
        asked |= {
            header: known[key]
            for key, header in (("etag", "If-None-Match"), ("last_modified", "If-Modified-Since"))
            if key in known
        }
    with _open(opener, Request(url, headers=asked), deadline) as response:
        if response.status == _NOT_MODIFIED:
            return None
        most = int(source.max_mib * (1 << 20))
        with into.open("wb") as file:
            for block in _blocks(response, url, most, deadline):
                file.write(block)
        told = {"url": url} | {
            key: value[:1_024]
            for key, header in (("etag", "ETag"), ("last_modified", "Last-Modified"), ("date", "Date"))
            if (value := response.headers.get(header))
        }
    signature = None
    if source.public_key is not None:
        with _open(opener, Request(url + ".sig", headers=asked), deadline) as response:
            signature = b"".join(_blocks(response, url + ".sig", _MOST_SIGNATURE_BYTES, deadline))
    return Fetched(told, signature)


def _opener(source: ListSource) -> OpenerDirector:
    try:
        context = ssl.create_default_context(cafile=source.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise FetchError(f"{source.id}: ca_file {source.ca_file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return build_opener(ProxyHandler(), HTTPSHandler(context=context), _HttpsOnly())


def _open(opener: OpenerDirector, request: Request, deadline: float) -> HTTPResponse | HTTPError:
    try:
        response = opener.open(request, timeout=_patience(request.full_url, deadline))
    except HTTPError as error:
        if error.code == _NOT_MODIFIED:
            return error  # an answer without a body, which the library takes for an error
        error.close()
        raise FetchError(f"{request.full_url}: the server answered {error.code} {error.reason}") from error
    except URLError as error:
        raise FetchError(f"{request.full_url}: {error.reason}") from error
    except (HTTPException, OSError) as error:
        raise FetchError(f"{request.full_url}: {error or type(error).__name__}") from error
    assert isinstance(response, HTTPResponse)
    return response


def _blocks(response: Any, url: str, most: int, deadline: float) -> Any:
    """The body in blocks, whole, or FetchError."""
    declared = response.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > most:
        raise FetchError(f"{url}: {declared} bytes, more than the limit of {most}")
    got = 0
    while True:
        _patience(url, deadline)
        try:
            block = response.read1(_BLOCK_BYTES)
        except (HTTPException, OSError) as error:
            raise FetchError(
                f"{url}: broke off after {got} bytes: {error or type(error).__name__}"
            ) from error
        if not block:
            break
        got += len(block)
        if got > most:
            raise FetchError(f"{url}: more than the limit of {most} bytes")
        yield block
    if declared.isdigit() and got < int(declared):
        raise FetchError(f"{url}: broke off after {got} of {declared} bytes")


def _patience(url: str, deadline: float) -> float:
    """Seconds that a single wait may last; raises FetchError when the time is up."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise FetchError(f"{url}: took longer than timeout_seconds allows")
    return min(left, _SILENCE_SECONDS)
