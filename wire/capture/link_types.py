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
    99: "SYMANTEC_FIREWALL",
    100: "ATM_RFC1483",
    104: "C_HDLC",
    107: "FRELAY",
    109: "ENC",
    114: "LTALK",
    115: "ECONET",
    116: "IPFILTER",
    117: "PFLOG",
    118: "CISCO_IOS",
    119: "IEEE802_11_PRISM",
    120: "IEEE802_11_AIRONET",
    121: "HHDLC",
    122: "IP_OVER_FC",
    123: "SUNATM",
    124: "RIO",
    125: "PCI_EXP",
    126: "AURORA",
    128: "TZSP",
    129: "ARCNET_LINUX",
    130: "JUNIPER_MLPPP",
    131: "JUNIPER_MLFR",
    132: "JUNIPER_ES",
    133: "JUNIPER_GGSN",
    134: "JUNIPER_MFR",
    135: "JUNIPER_ATM2",
    136: "JUNIPER_SERVICES",
    137: "JUNIPER_ATM1",
    138: "APPLE_IP_OVER_IEEE1394",
    139: "MTP2_WITH_PHDR",
    140: "MTP2",
    141: "MTP3",
    142: "SCCP",
    143: "DOCSIS",
    144: "LINUX_IRDA",
    145: "IBM_SP",
    146: "IBM_SN",
    163: "IEEE802_11_AVS",
    164: "JUNIPER_MONITOR",
    165: "BACNET_MS_TP",
    166: "PPP_PPPD",
    167: "JUNIPER_PPPOE",
    168: "JUNIPER_PPPOE_ATM",
    169: "GPRS_LLC",
    170: "GPF_T",
    171: "GPF_F",
    174: "JUNIPER_PIC_PEER",
    177: "LINUX_LAPD",
    178: "JUNIPER_ETHER",
    179: "JUNIPER_PPP",
    180: "JUNIPER_FRELAY",
    181: "JUNIPER_CHDLC",
    182: "MFR",
    183: "JUNIPER_VP",
    186: "USB_FREEBSD",
    187: "BLUETOOTH_HCI_H4",
    188: "IEEE802_16_MAC_CPS",
    189: "USB_LINUX",
    190: "CAN20B",
    191: "IEEE802_15_4_LINUX",
    192: "PPI",
    193: "IEEE802_16_MAC_CPS_RADIO",
    194: "JUNIPER_ISM",
    195: "IEEE802_15_4_WITHFCS",
    196: "SITA",
    197: "ERF",
    199: "IPMB_KONTRON",
    200: "JUNIPER_ST",
    201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    202: "AX25_KISS",
    203: "LAPD",
    204: "PPP_WITH_DIR",
    205: "C_HDLC_WITH_DIR",
    206: "FRELAY_WITH_DIR",
    207: "LAPB_WITH_DIR",
    209: "IPMB_LINUX",
    210: "FLEXRAY",
    211: "MOST",
    212: "LIN",
    215: "IEEE802_15_4_NONASK_PHY",
    216: "LINUX_EVDEV",
    217: "GSMTAP_UM",
    218: "GSMTAP_ABIS",
    219: "MPLS",
    220: "USB_LINUX_MMAPPED",
    221: "DECT",
    224: "FC_2",
    225: "FC_2_WITH_FRAME_DELIMS",
    226: "IPNET",
    227: "CAN_SOCKETCAN",
    230: "IEEE802_15_4_NOFCS",
    231: "DBUS",
    235: "DVB_CI",
    236: "MUX27010",
    240: "NETANALYZER",
    241: "NETANALYZER_TRANSPARENT",
    242: "IPOIB",
    243: "MPEG_2_TS",
    244: "NG40",
    245: "NFC_LLCP",
    246: "PFSYNC",
    247: "INFINIBAND",
    248: "SCTP",
    249: "USBPCAP",
    250: "RTAC_SERIAL",
    251: "BLUETOOTH_LE_LL",
    252: "WIRESHARK_UPPER_PDU",
    253: "NETLINK",
    254: "BLUETOOTH_LINUX_MONITOR",
    255: "BLUETOOTH_BREDR_BB",
    256: "BLUETOOTH_LE_LL_WITH_PHDR",
    257: "PROFIBUS_DL",
    258: "PKTAP",
    259: "EPON",
    260: "IPMI_HPM_2",
    261: "ZWAVE_R1_R2",
    262: "ZWAVE_R3",
    263: "WATTSTOPPER_DLM",
    264: "ISO_14443",
    265: "RDS",
    266: "USB_DARWIN",
    267: "OPENFLOW",
    268: "SDLC",
    270: "LORATAP",
    271: "VSOCK",
    272: "NORDIC_BLE",
    273: "DOCSIS31_XRA31",
    274: "ETHERNET_MPACKET",
    275: "DISPLAYPORT_AUX",
    278: "DSA_TAG_BRCM",
    **{147 + n: f"USER{n}" for n in range(16)},
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
