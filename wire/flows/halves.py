"""Halves of a flow put together: DELTAs and FLOW_ROWs of one flow that different tables counted.

Counters are sums; what belongs to one direction comes from whoever saw it. Where two tables saw
packets of the same direction, means and deviations are pooled, without the gaps between the two.
The caller zeroes what is added to, and says which halves took the client for the server.
"""

from __future__ import annotations

import numpy as np

from wire.flows.records import (
    END_FIN,
    END_NONE,
    END_RST,
    FIRST_PACKETS,
    TCP,
)
from wire.kernel import kernel

_FIN, _SYN, _ACK = 1, 2, 16


@kernel
def add_delta(into, delta, flipped):  # type: ignore[no-untyped-def]
    """Add what one half did in a minute. The caller has written the key of `into`."""
    if flipped:
        into.bytes_c2s += delta.bytes_s2c
        into.bytes_s2c += delta.bytes_c2s
        into.payload_bytes_c2s += delta.payload_bytes_s2c
        into.payload_bytes_s2c += delta.payload_bytes_c2s
        into.packets_c2s += delta.packets_s2c
        into.packets_s2c += delta.packets_c2s
        into.flags_c2s |= delta.flags_s2c
        into.flags_s2c |= delta.flags_c2s
    else:
        into.bytes_c2s += delta.bytes_c2s
        into.bytes_s2c += delta.bytes_s2c
        into.payload_bytes_c2s += delta.payload_bytes_c2s
        into.payload_bytes_s2c += delta.payload_bytes_s2c
        into.packets_c2s += delta.packets_c2s
        into.packets_s2c += delta.packets_s2c
        into.flags_c2s |= delta.flags_c2s
        into.flags_s2c |= delta.flags_s2c
        into.answered |= delta.answered
    into.established |= delta.established
    into.over &= delta.over
    into.ended = max(into.ended, delta.ended)


@kernel
def settle_delta(into, flags_c2s, flags_s2c):  # type: ignore[no-untyped-def]
    """What both halves together say by now; flags_*: TCP flags of each side since the flow opened."""
    if into.packets_s2c > 0:
        into.answered = 1
    if into.protocol == TCP and (flags_c2s & _ACK) != 0 and (flags_s2c & _SYN) != 0:
        into.established = 1


@kernel
def add_row(into, row, flipped):  # type: ignore[no-untyped-def]
    """Add a half's row; `into` bears a row already (the head's key, tunnel, times ... are kept)."""
    into.ts_start_ns = min(into.ts_start_ns, row.ts_start_ns)
    into.ts_end_ns = max(into.ts_end_ns, row.ts_end_ns)
    into.fragments |= row.fragments
    if np.isnan(into.rtt_ms):
        into.rtt_ms = row.rtt_ms
    for side in range(2):
        _add_side(into, side, row, 1 - side if flipped else side)


@kernel
def _add_side(into, side, row, theirs):  # type: ignore[no-untyped-def]
    """Add one direction of a row to one of another."""
    more = np.int64(row.packets[theirs])
    have = np.int64(into.packets[side])
    into.tcp_flags[side] |= row.tcp_flags[theirs]
    into.retransmissions[side] += row.retransmissions[theirs]
    into.zero_windows[side] += row.zero_windows[theirs]
    if more == 0:
        return
    if have == 0:
        into.size_mean[side] = row.size_mean[theirs]
        into.size_std[side] = row.size_std[theirs]
        into.size_min[side] = row.size_min[theirs]
        into.size_max[side] = row.size_max[theirs]
        into.ttl_min[side] = row.ttl_min[theirs]
        into.ttl_max[side] = row.ttl_max[theirs]
    else:
        into.size_std[side] = _pooled(
            have, into.size_mean[side], into.size_std[side], more, row.size_mean[theirs], row.size_std[theirs]
        )
        into.size_mean[side] = (into.bytes[side] + row.bytes[theirs]) / (have + more)
        into.size_min[side] = min(into.size_min[side], row.size_min[theirs])
        into.size_max[side] = max(into.size_max[side], row.size_max[theirs])
        into.ttl_min[side] = min(into.ttl_min[side], row.ttl_min[theirs])
        into.ttl_max[side] = max(into.ttl_max[side], row.ttl_max[theirs])
    _add_gaps(into, side, max(have - 1, 0), row, theirs, more - 1)
    into.packets[side] = have + more
    into.bytes[side] += row.bytes[theirs]
    into.payload_bytes[side] += row.payload_bytes[theirs]


@kernel
def _add_gaps(into, side, have, row, theirs, more):  # type: ignore[no-untyped-def]
    """Pool the gaps of a direction: `have` and `more` of them."""
    if more == 0:
        return
    if have == 0:
        into.iat_mean_ms[side] = row.iat_mean_ms[theirs]
        into.iat_std_ms[side] = row.iat_std_ms[theirs]
        into.iat_min_ms[side] = row.iat_min_ms[theirs]
        into.iat_max_ms[side] = row.iat_max_ms[theirs]
        return
    mean, their_mean = np.float64(into.iat_mean_ms[side]), np.float64(row.iat_mean_ms[theirs])
    into.iat_std_ms[side] = _pooled(
        have, mean, into.iat_std_ms[side], more, their_mean, row.iat_std_ms[theirs]
    )
    into.iat_mean_ms[side] = (have * mean + more * their_mean) / (have + more)
    into.iat_min_ms[side] = min(into.iat_min_ms[side], row.iat_min_ms[theirs])
    into.iat_max_ms[side] = max(into.iat_max_ms[side], row.iat_max_ms[theirs])


@kernel
def _pooled(n, mean, deviation, m, their_mean, their_deviation):  # type: ignore[no-untyped-def]
    """Sample standard deviation of two samples of n and m values; NaN where one is not known."""
    squares = 0.0
    if n > 1:
        squares += (n - 1) * np.float64(deviation) * np.float64(deviation)
    if m > 1:
        squares += (m - 1) * np.float64(their_deviation) * np.float64(their_deviation)
    apart = np.float64(mean) - np.float64(their_mean)
    squares += apart * apart * n * m / (n + m)
    return np.sqrt(squares / (n + m - 1))


@kernel
def tcp_end_of_halves(end, ts_end_ns, their_end, their_ts_end_ns, both_fins):  # type: ignore[no-untyped-def]
    """How a connection ended whose halves say these ends, with the time of each one's last packet.

    Both FINs before any RST close it (as in one table), however its halves saw it end; a reset is
    the last that its sender says.
    """
    if end == END_FIN or their_end == END_FIN:
        return END_FIN
    if end == END_RST or their_end == END_RST:
        reset_ns = max(ts_end_ns if end == END_RST else 0, their_ts_end_ns if their_end == END_RST else 0)
        if both_fins and max(ts_end_ns, their_ts_end_ns) <= reset_ns:
            return END_FIN
        return END_RST
    if both_fins:
        return END_FIN
    if end == END_NONE or their_ts_end_ns > ts_end_ns:
        return their_end
    return end


@kernel
def first_packets_of_halves(into, row, their_row, flipped):  # type: ignore[no-untyped-def]
    """The first packets of both halves in order of time; ties go to `row`, which opened the flow.

    row, their_row: FLOW_ROWs whose first packets are those since each one's `flow_start_ns`.
    """
    mine, theirs = 0, 0
    my_us = row.flow_start_ns // 1000
    their_us = their_row.flow_start_ns // 1000
    before_us = min(my_us, their_us)
    count = np.int64(row.first_count) + np.int64(their_row.first_count)
    sign = -1 if flipped else 1
    for k in range(FIRST_PACKETS):
        if k >= count:
            break
        use_mine = mine < row.first_count and (theirs >= their_row.first_count or my_us <= their_us)
        if use_mine:
            at_us = my_us
            into.first_sizes[k] = row.first_sizes[mine]
            mine += 1
            if mine < row.first_count:
                my_us += np.int64(row.first_gaps_us[mine])
        else:
            at_us = their_us
            into.first_sizes[k] = sign * their_row.first_sizes[theirs]
            theirs += 1
            if theirs < their_row.first_count:
                their_us += np.int64(their_row.first_gaps_us[theirs])
        into.first_gaps_us[k] = min(at_us - before_us, 0x7FFFFFFF)
        before_us = at_us
    into.first_count = min(count, FIRST_PACKETS)
