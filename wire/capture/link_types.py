"""Link types: the LINKTYPE_ numbers of capture files, and those that are decoded.

Numbers and names are those of the tcpdump group's registry of link-layer header types.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LINKTYPE_NULL = 0
LINKTYPE_ETHERNET = 1
LINKTYPE_PPP = 9
#: DLT_RAW has three numbers: the registry's, and two that old systems wrote into files.
LINKTYPE_RAW = 101
DLT_RAW = 12
DLT_RAW_OPENBSD = 14
LINKTYPE_PPP_HDLC = 50
LINKTYPE_IEEE802_11 = 105
LINKTYPE_LOOP = 108
LINKTYPE_LINUX_SLL = 113
LINKTYPE_IEEE802_11_RADIOTAP = 127
LINKTYPE_IPV4 = 228
LINKTYPE_IPV6 = 229
LINKTYPE_NFLOG = 239
LINKTYPE_LINUX_SLL2 = 276

#: What flows can decode, by number.
SUPPORTED = {
    LINKTYPE_NULL: "NULL",
    LINKTYPE_ETHERNET: "ETHERNET",
    LINKTYPE_PPP: "PPP",
    DLT_RAW: "RAW",
    DLT_RAW_OPENBSD: "RAW",
    LINKTYPE_PPP_HDLC: "PPP_HDLC",
    LINKTYPE_RAW: "RAW",
    LINKTYPE_IEEE802_11: "IEEE802_11",
    LINKTYPE_LOOP: "LOOP",
    LINKTYPE_LINUX_SLL: "LINUX_SLL",
    LINKTYPE_IEEE802_11_RADIOTAP: "IEEE802_11_RADIOTAP",
    LINKTYPE_IPV4: "IPV4",
    LINKTYPE_IPV6: "IPV6",
    LINKTYPE_NFLOG: "NFLOG",
    LINKTYPE_LINUX_SLL2: "LINUX_SLL2",
}

#: Names of some that are refused, so that the line can say what the capture is of.
_REFUSED = {
    3: "AX25",
    6: "IEEE802_5",
    7: "ARCNET_BSD",
    8: "SLIP",
    10: "FDDI",
    51: "PPP_ETHER",
    100: "ATM_RFC1483",
    104: "C_HDLC",
    107: "FRELAY",
    117: "PFLOG",
    119: "IEEE802_11_PRISM",
    122: "IP_OVER_FC",
    123: "SUNATM",
    138: "APPLE_IP_OVER_IEEE1394",
    139: "MTP2_WITH_PHDR",
    140: "MTP2",
    141: "MTP3",
    142: "SCCP",
    143: "DOCSIS",
    147: "USER0",
    163: "IEEE802_11_AVS",
    187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX",
    192: "PPI",
    195: "IEEE802_15_4_WITHFCS",
    197: "ERF",
    201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    209: "IPMB_LINUX",
    220: "USB_LINUX_MMAPPED",
    226: "IPNET",
    227: "CAN_SOCKETCAN",
    230: "IEEE802_15_4_NOFCS",
    231: "DBUS",
    240: "NETANALYZER",
    242: "IPOIB",
    247: "INFINIBAND",
    248: "SCTP",
    249: "USBPCAP",
    251: "BLUETOOTH_LE_LL",
    252: "WIRESHARK_UPPER_PDU",
    253: "NETLINK",
    254: "BLUETOOTH_LINUX_MONITOR",
    256: "BLUETOOTH_LE_LL_WITH_PHDR",
    258: "PKTAP",
    262: "ZWAVE_R3",
    266: "USB_DARWIN",
    268: "SDLC",
    272: "NORDIC_BLE",
    278: "DSA_TAG_BRCM",
}

_SHOWN = "Ethernet, Linux SLL and SLL2, raw IP, NULL/LOOP, PPP, NFLOG, 802.11"


def name(number: int) -> str:
    """The registry's name of a link type, "unnamed" where this table has none."""
    return SUPPORTED.get(number) or _REFUSED.get(number, "unnamed")


def refusal(number: int) -> str:
    """The clause that refuses a link type: its number, its name, and what is read instead."""
    return f"link type {number} ({name(number)}) is not supported; captures of {_SHOWN} are"


class LinkTypeTable:
    """The interfaces of a whole run, whatever their file: index to link type, only growing."""

    def __init__(self, max_interfaces: int) -> None:
        self._numbers: list[int] = []
        self._max_interfaces = max_interfaces
        self._array = np.zeros(0, np.int32)

    @property
    def full(self) -> bool:
        """No further interface can be added."""
        return len(self._numbers) >= self._max_interfaces

    def add(self, link_type: int) -> int:
        """Add an interface and return its index. Raises OverflowError when full."""
        if self.full:
            raise OverflowError(f"more than {self._max_interfaces} interfaces")
        self._numbers.append(link_type)
        return len(self._numbers) - 1

    def snapshot(self) -> NDArray[np.int32]:
        """The table so far, shape (interfaces,); the same array until an interface is added."""
        if len(self._array) != len(self._numbers):
            self._array = np.array(self._numbers, np.int32)
        return self._array
