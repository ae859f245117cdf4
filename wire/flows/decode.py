"""From a frame to one decoded packet: the layers walked one by one, innermost flow last."""

from __future__ import annotations

from wire.flows.fragments import recall_fragment, remember_fragment
from wire.flows.link import enter_link, ethernet, ethertype_layer, llc, mpls, ppp, pppoe
from wire.flows.network import ip_by_version, ipv4, ipv6
from wire.flows.packet import (
    FRAGMENT_FIRST,
    FRAGMENT_LATER,
    FRAGMENT_NONE,
    LAST_ORDINARY_LAYER,
    LAYER_DONE,
    LAYER_ERSPAN,
    LAYER_ETHERNET,
    LAYER_ETHERTYPE,
    LAYER_GENEVE,
    LAYER_GRE,
    LAYER_GTPU,
    LAYER_IP,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_LLC,
    LAYER_MPLS,
    LAYER_PPP,
    LAYER_PPPOE,
    LAYER_TEREDO,
    LAYER_TRANSPORT,
    LAYER_VXLAN,
    OK,
    TRUNCATED_FRAME,
    TUNNEL_NONE,
    TUNNEL_TOO_DEEP,
)
from wire.flows.transport import transport
from wire.flows.tunnels import erspan, geneve, gre, gtpu, teredo, vxlan
from wire.kernel import kernel

#: A frame of ordinary depth takes four steps; a chain longer than this is hostile.
_MAX_STEPS = 40


@kernel(inline=True)
def decode_frame(  # type: ignore[no-untyped-def]
    buffer, start, captured, wire, link_type, vlan, timestamp_ns, max_depth, fragments, scratch
):
    """Decode one frame into scratch[0]; returns OK or a reject status (REJECT_REASONS).

    A frame that lies outside the buffer is TRUNCATED_FRAME. `vlan` is the tag from the
    capture's metadata, negative without. Later fragments take the flow of their first.
    """
    if start < 0 or captured < 0 or captured > len(buffer) or start > len(buffer) - captured:
        return TRUNCATED_FRAME
    packet = scratch[0]
    packet.position = start
    packet.end = start + captured
    packet.wire_end = start + max(wire, captured)
    packet.depth = 0
    packet.vlan = (vlan & 0x0FFF) if vlan >= 0 else -1
    packet.vlan_inner = -1
    packet.tunnel = TUNNEL_NONE
    packet.fragment = FRAGMENT_NONE
    packet.fragment_offset = 0
    packet.flags = 0
    packet.window = 0
    packet.reply = 0
    status = enter_link(buffer, packet, link_type)
    fragmented = False
    steps = 0
    while status == OK and packet.layer != LAYER_DONE:
        steps += 1
        if steps > _MAX_STEPS:
            return TUNNEL_TOO_DEEP
        # In the order of an ordinary frame, so that one turn of the loop decodes it.
        if packet.layer == LAYER_ETHERNET:
            status = ethernet(buffer, packet)
        if status == OK and packet.layer == LAYER_ETHERTYPE:
            status = ethertype_layer(buffer, packet)
        if status == OK and (packet.layer == LAYER_IPV4 or packet.layer == LAYER_IPV6):
            if packet.layer == LAYER_IPV4:
                status = ipv4(buffer, packet, max_depth)
            else:
                status = ipv6(buffer, packet, max_depth)
            if status == OK and packet.fragment != FRAGMENT_NONE:
                if packet.fragment == FRAGMENT_LATER:
                    return recall_fragment(fragments, packet, timestamp_ns)
                if not fragmented:
                    fragmented = True
                    _copy_header(scratch[1], packet)
        if status == OK and packet.layer == LAYER_TRANSPORT:
            status = transport(buffer, packet, max_depth)
        if status == OK and packet.layer > LAST_ORDINARY_LAYER and packet.layer != LAYER_DONE:
            status = _rare_layer(buffer, packet, packet.layer)
    if status == OK and fragmented:
        packet.fragment = FRAGMENT_FIRST
        remember_fragment(fragments, scratch[1], packet, timestamp_ns)
    return status


@kernel
def _copy_header(outer, packet):  # type: ignore[no-untyped-def]
    outer.src_hi = packet.src_hi
    outer.src_lo = packet.src_lo
    outer.dst_hi = packet.dst_hi
    outer.dst_lo = packet.dst_lo
    outer.fragment_id = packet.fragment_id
    outer.outer_protocol = packet.outer_protocol


@kernel
def _rare_layer(buffer, packet, layer):  # type: ignore[no-untyped-def]
    if layer == LAYER_LLC:
        return llc(buffer, packet)
    if layer == LAYER_IP:
        return ip_by_version(buffer, packet)
    if layer == LAYER_MPLS:
        return mpls(buffer, packet)
    if layer == LAYER_PPPOE:
        return pppoe(buffer, packet)
    if layer == LAYER_PPP:
        return ppp(buffer, packet)
    if layer == LAYER_GRE:
        return gre(buffer, packet)
    if layer == LAYER_ERSPAN:
        return erspan(buffer, packet)
    if layer == LAYER_VXLAN:
        return vxlan(buffer, packet)
    if layer == LAYER_GENEVE:
        return geneve(buffer, packet)
    if layer == LAYER_GTPU:
        return gtpu(buffer, packet)
    if layer == LAYER_TEREDO:
        return teredo(buffer, packet)
    return TUNNEL_TOO_DEEP
