"""Who is on the campus: devices, their addresses, and how they say hello."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.simulate.scenario import Devices

#: Kinds of device; each has its own TLS hellos.
ANDROID, IPHONE, CHROME, FIREFOX = range(4)

RESOLVER = 0x0A000035  # 10.0.0.53
SERVERS = 0x0A010000  # 10.1.0.0/16
_PHONES, _LAPTOPS, _ROUTERS = 0x0A0A0000, 0x0A140000, 0x0A1E0000  # 10.10, 10.20 and 10.30 .0.0
_DENSE = 250  # addresses used of each 256


@dataclass(frozen=True, slots=True)
class People:
    """Devices by number: phones, then laptops, then the dormitory room by room.

    address uint32[n]: as the tap sees it, one for a whole dormitory room. kind uint8[n]. dual bool[n]:
    speaks IPv6, too.
    servers uint32[m]: addresses of the campus's own servers.
    """

    address: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    dual: NDArray[np.bool_]
    servers: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.address)


def people_of(devices: Devices, generator: np.random.Generator) -> People:
    """The devices that a scenario asks for."""
    rooms, each = devices.dormitory.rooms, devices.dormitory.devices_each
    address = np.concatenate(
        [
            _spread(_PHONES, devices.phones),
            _spread(_LAPTOPS, devices.laptops),
            np.repeat(_spread(_ROUTERS, rooms), each),
        ]
    )
    kind = np.where(generator.random(len(address)) < 0.55, ANDROID, IPHONE).astype(np.uint8)
    laptop = np.arange(devices.phones, devices.phones + devices.laptops)
    kind[laptop] = np.where(generator.random(len(laptop)) < 0.8, CHROME, FIREFOX)
    dual = np.zeros(len(address), np.bool_)
    if devices.ipv6:  # drawn last, and only then: what was without it stays as it was
        alone = devices.phones + devices.laptops
        dual[:alone] = generator.random(alone) < devices.ipv6
    return People(address, kind, dual, _spread(SERVERS, devices.servers))


def _spread(base: int, count: int) -> NDArray[np.uint32]:
    number = np.arange(count)
    return (base + number // _DENSE * 256 + number % _DENSE + 2).astype(np.uint32)
