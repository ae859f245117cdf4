"""What the kernel says of an interface, by netdevice(7): in a namespace, /sys may show another's."""

from __future__ import annotations

import fcntl
import socket
import struct

IFF_UP, IFF_RUNNING = 0x1, 0x40
_SIOCGIFFLAGS, _SIOCGIFMTU, _SIOCGIFHWADDR = 0x8913, 0x8921, 0x8927
_NAME_BYTES = 15


def names() -> list[str]:
    """All interfaces."""
    return sorted(name for _, name in socket.if_nameindex())


def flags(name: str) -> int:
    """IFF_* of an interface. Raises OSError where there is none."""
    return int(struct.unpack_from("H", _ask(name, _SIOCGIFFLAGS), 16)[0])


def mtu(name: str) -> int:
    """Bytes. Raises OSError where there is none."""
    return int(struct.unpack_from("i", _ask(name, _SIOCGIFMTU), 16)[0])


def address(name: str) -> bytes:
    """Its MAC address. Raises OSError where there is none."""
    return _ask(name, _SIOCGIFHWADDR)[18:24]


def _ask(name: str, what: int) -> bytes:
    raw = name.encode()
    if not 0 < len(raw) <= _NAME_BYTES:
        raise OSError(f"{name}: no such interface")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return fcntl.ioctl(sock, what, struct.pack("40s", raw))
