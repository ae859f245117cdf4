"""`catalogue update` against a real HTTPS server with its own authority: what is taken, held, refused."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from monitor.errors import CUT_OFF, WHOLE, CommandEnd
from monitor.lists.update import update

START = datetime(2020, 1, 1, tzinfo=UTC)


class Server:
    """Serves what `content` holds by path; notes what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.content: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.cut_off = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("If-None-Match")))
                if self.path in outer.redirects:
                    self.send_response(302)
                    self.send_header("Location", outer.redirects[self.path])
                    self.end_headers()
                    return
                body = outer.content.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                etag = f'"{sha256(body).hexdigest()[:16]}"'
                if self.headers.get("If-None-Match") == etag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if outer.cut_off else body)

            def log_message(self, *_: Any) -> None:
                pass

        self.authority = folder / "ca.pem"
        chain = certificate(folder, self.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def certificate(folder: Path, authority: Path) -> Path:
    """An authority's certificate at `authority`; the path of a server's key and certificate."""
    top, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")])

    def built(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(START).not_valid_after(START + timedelta(days=36_500))

    own = built(issuer, top.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    authority.write_bytes(own.sign(top, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = built(name, key.public_key()).add_extension(names, False).sign(top, hashes.SHA256())
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = Server(tmp_path)
    yield made
    made.close()


class Campus:
    """A configuration with one list `ads` from the server."""

    def __init__(self, folder: Path, server: Server, capsys: pytest.CaptureFixture[str], **more: Any) -> None:
        self._capsys = capsys
        bound = {
            "id": "ads",
            "format": "plain",
            "category": "advertising",
            "url": f"{server.url}/ads.txt",
            "ca_file": str(server.authority),
            **more,
        }
        self.folder = folder / "state" / "lists" / "ads"
        self.config = folder / "c.yaml"
        settings = {"state": {"directory": str(folder / "state")}, "catalogue": {"lists": [bound]}}
        self.config.write_text(json.dumps(settings))

    def update(self, confirm: bool = False) -> tuple[int, dict[str, Any]]:
        code = update([], ["ads"] if confirm else [], self.config, as_json=True)
        return code, json.loads(self._capsys.readouterr().out)

    @property
    def current(self) -> bytes | None:
        path = self.folder / "current"
        return path.read_bytes() if path.exists() else None


def names(*numbers: int) -> bytes:
    return "".join(f"a{number}.example\n" for number in numbers).encode()


FULL = names(*range(100))


def test_a_list_is_fetched_then_asked_for_by_its_etag(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    campus = Campus(tmp_path, server, capsys)
    server.content["/ads.txt"] = FULL
    code, told = campus.update()
    assert (code, told["state"], told["entries"], told["added"]) == (WHOLE, "updated", 100, 100)
    assert campus.current == FULL
    code, told = campus.update()
    assert (code, told["state"], told["entries"]) == (WHOLE, "unchanged", 100)
    assert server.asked[-1][1] is not None
    server.content["/ads.txt"] = names(*range(1, 103))
    code, told = campus.update()
    assert (told["state"], told["added"], told["removed"]) == ("updated", 3, 1)
    assert told["removed_names"] == ["a0.example"]
    assert (campus.folder / "previous").read_bytes() == FULL


def test_a_current_list_that_someone_changed_is_fetched_whole(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    campus = Campus(tmp_path, server, capsys)
    server.content["/ads.txt"] = FULL
    campus.update()
    (campus.folder / "current").write_bytes(b"other.example\n")
    campus.update()
    assert server.asked[-1][1] is None
    assert campus.current == FULL


def test_a_list_that_shrinks_is_held_until_confirmed(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    campus = Campus(tmp_path, server, capsys, max_shrink_share=0.3)
    server.content["/ads.txt"] = FULL
    campus.update()
    server.content["/ads.txt"] = names(*range(71))
    assert campus.update()[1]["state"] == "updated"
    server.content["/ads.txt"] = names(*range(20))
    code, told = campus.update()
    assert (code, told["state"], told["entries"], told["removed"]) == (CUT_OFF, "held", 20, 51)
    assert campus.current == names(*range(71))
    code, told = campus.update(confirm=True)
    assert (code, told["state"]) == (WHOLE, "confirmed")
    assert campus.current == names(*range(20))
    assert campus.update(confirm=True)[1]["errors"] == ["ads: nothing is held"]


BAD = {
    "web_page": (b"<!doctype html><title>login</title>", "a web page, not a list"),
    "empty": (b"", "holds no name"),
    "compressed": (b"\x1f\x8b" + FULL, "binary or compressed"),
    "other_format": (FULL.replace(b"a", b"0.0.0.0 a"), "cannot be read as `plain`"),
    "too_large": (FULL * 1000, "more than the limit of 104857"),
}


@pytest.mark.parametrize(("body", "error"), BAD.values(), ids=BAD.keys())
def test_a_bad_answer_leaves_the_last_good_list(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], body: bytes, error: str
) -> None:
    campus = Campus(tmp_path, server, capsys, max_mib=0.1)
    server.content["/ads.txt"] = FULL
    campus.update()
    server.content["/ads.txt"] = body
    code, told = campus.update()
    assert (code, told["state"]) == (CUT_OFF, "failed")
    assert error in " ".join(told["errors"])
    assert campus.current == FULL
    assert not (campus.folder / "new").exists()


def test_what_the_network_does_leaves_the_last_good_list(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    campus = Campus(tmp_path, server, capsys)
    server.content["/ads.txt"] = FULL
    campus.update()
    server.content["/ads.txt"] = names(*range(90))
    server.cut_off = True
    assert "broke off after" in campus.update()[1]["errors"][0]
    server.cut_off = False
    server.redirects["/ads.txt"] = "http://127.0.0.1/ads.txt"
    assert "which is not https" in campus.update()[1]["errors"][0]
    server.redirects["/ads.txt"] = f"{server.url}/moved.txt"
    assert "answered 404" in campus.update()[1]["errors"][0]
    assert campus.current == FULL
    server.content["/moved.txt"] = names(*range(90))
    assert campus.update()[1]["state"] == "updated"


def test_a_certificate_of_nobody_is_refused(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.content["/ads.txt"] = FULL
    _, told = Campus(tmp_path, server, capsys, ca_file=None).update()
    assert "CERTIFICATE_VERIFY_FAILED" in told["errors"][0]


def test_pins(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.content["/ads.txt"] = FULL
    assert Campus(tmp_path, server, capsys, sha256=sha256(FULL).hexdigest()).update()[1]["state"] == "updated"
    _, told = Campus(tmp_path, server, capsys, sha256="0" * 64).update()
    assert told["state"] == "unchanged"  # nothing new was offered
    server.content["/ads.txt"] = names(*range(99))
    _, told = Campus(tmp_path, server, capsys, sha256="0" * 64).update()
    assert "pinned is 000" in told["errors"][0]
    key = ed25519.Ed25519PrivateKey.generate()
    public = tmp_path / "key.pem"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    signed = Campus(tmp_path, server, capsys, public_key=str(public))
    assert "404" in signed.update()[1]["errors"][0]
    server.content["/ads.txt.sig"] = key.sign(b"other")
    assert "signature at .sig does not fit" in signed.update()[1]["errors"][0]
    assert signed.current == FULL
    server.content["/ads.txt.sig"] = base64.b64encode(key.sign(names(*range(99)))) + b"\n"
    assert signed.update()[1]["state"] == "updated"


def test_a_list_that_is_not_there(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    campus = Campus(tmp_path, server, capsys)
    with pytest.raises(CommandEnd, match="no list `other`"):
        update(["other"], [], campus.config, as_json=True)
