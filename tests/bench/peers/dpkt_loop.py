"""The plain Python way: dpkt decodes each frame, a dict counts packets and bytes a flow. Names nothing."""

import sys

import dpkt

if __name__ == "__main__":
    flows: dict[tuple[bytes, bytes, int, int, int], list[int]] = {}
    with open(sys.argv[1], "rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            packet = dpkt.ethernet.Ethernet(data).data
            if not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
                continue
            segment = packet.data
            if not isinstance(segment, dpkt.tcp.TCP | dpkt.udp.UDP):
                continue
            here, there = (packet.src, segment.sport), (packet.dst, segment.dport)
            if here > there:
                here, there = there, here
            counters = flows.setdefault((here[0], there[0], here[1], there[1], packet.p), [0, 0])
            counters[0] += 1
            counters[1] += len(data)
    print(f"flows={len(flows)} named=0")
