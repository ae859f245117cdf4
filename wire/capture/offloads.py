"""What a network card or its driver merges and splits: sizes on a tap are then not those of the wire.

Standard library alone. Source: linux/ethtool.h.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import socket
import struct

from wire.capture.errors import CaptureError

_SIOCETHTOOL = 0x8946
#: Asked for one by one: a value that is 0 or 1.
_COMMANDS = {"gro": 0x2B, "gso": 0x23, "tso": 0x1E}
#: LRO is one bit of the flags that have a command of their own.
_GET_FLAGS, _LRO_FLAG = 0x25, 1 << 15
#: Those that change what a capture sees of frames that come in. The others change what goes out.
RECEIVE_OFFLOADS = ("gro", "lro")


def offloads(interface: str) -> dict[str, bool]:
    """Whether `gro`, `lro`, `tso` and `gso` are on; what the driver does not know is off.

    Raises CaptureError when there is no such interface.
    """
    if not 0 < len(interface.encode()) < 16:
        raise CaptureError(f"{interface}: no such interface")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        found = {name: bool(_ask(sock, interface, command)) for name, command in _COMMANDS.items()}
        found["lro"] = bool(_ask(sock, interface, _GET_FLAGS) & _LRO_FLAG)
    return found


def _ask(sock: socket.socket, interface: str, command: int) -> int:
    """The data of a struct ethtool_value."""
    value = ctypes.create_string_buffer(struct.pack("II", command, 0), 8)
    try:
        fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), ctypes.addressof(value)))
    except OSError as error:
        if error.errno == errno.ENODEV:
            raise CaptureError(f"{interface}: no such interface") from error
        return 0
    return int(struct.unpack("II", value.raw)[1])
