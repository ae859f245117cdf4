"""The names that a DNS flow asked for: short linked lists in one bounded pool.

    pool = query_pool(max_nodes)
    head = append_query(pool, head, name_id)     kernel; -1 is the empty list
    free_queries(pool, head)                     kernel; the list's nodes become free
    offsets, ids = gather_queries(pool, heads)   list i is ids[offsets[i]:offsets[i + 1]]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wire.kernel import kernel

NO_QUERIES = -1
#: A tunnel asks for a new name in every packet; a flow's list ends here and the rest is counted.
MAX_QUERIES_PER_FLOW = 64

#: Places in `header`.
POOL_FREE, POOL_USED, POOL_OVERFLOW, POOL_REFUSED = 0, 1, 2, 3


class QueryPool(NamedTuple):
    """header: first free node, nodes in use, names dropped by a full list, and by a full pool."""

    header: NDArray[np.int64]
    name: NDArray[np.int32]  # string id of each node
    following: NDArray[np.int32]  # next node of the list, or of the free list; -1 ends it


def query_pool(max_nodes: int) -> QueryPool:
    """An empty pool of `max_nodes` nodes, 8 bytes each."""
    if max_nodes < 1:
        raise ValueError("a query pool needs at least one node")
    following = np.arange(1, max_nodes + 1, dtype=np.int32)
    following[-1] = NO_QUERIES
    return QueryPool(np.zeros(4, np.int64), np.zeros(max_nodes, np.int32), following)


@kernel
def append_query(pool, head, name_id):  # type: ignore[no-untyped-def]
    """Add `name_id` to the end of the list unless it is there. Returns the list's head."""
    last = np.int64(-1)
    node = np.int64(head)
    count = 0
    while node >= 0 and count < MAX_QUERIES_PER_FLOW:
        if pool.name[node] == name_id:
            return np.int64(head)
        last = node
        node = np.int64(pool.following[node])
        count += 1
    if count >= MAX_QUERIES_PER_FLOW:
        pool.header[POOL_OVERFLOW] += 1
        return np.int64(head)
    free = pool.header[POOL_FREE]
    if free < 0:
        pool.header[POOL_REFUSED] += 1
        return np.int64(head)
    pool.header[POOL_FREE] = np.int64(pool.following[free])
    pool.header[POOL_USED] += 1
    pool.name[free] = name_id
    pool.following[free] = NO_QUERIES
    if last < 0:
        return np.int64(free)
    pool.following[last] = free
    return np.int64(head)


@kernel
def free_queries(pool, head):  # type: ignore[no-untyped-def]
    """Give the nodes of a list back. The caller must forget the head."""
    node = np.int64(head)
    count = 0
    while node >= 0 and count < MAX_QUERIES_PER_FLOW:
        following = np.int64(pool.following[node])
        pool.following[node] = pool.header[POOL_FREE]
        pool.header[POOL_FREE] = node
        pool.header[POOL_USED] -= 1
        node = following
        count += 1


@kernel
def _count_queries(pool, heads, offsets):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(len(heads)):
        offsets[i] = total
        node = np.int64(heads[i])
        count = 0
        while node >= 0 and count < MAX_QUERIES_PER_FLOW:
            node = np.int64(pool.following[node])
            count += 1
        total += count
    offsets[len(heads)] = total


@kernel
def _copy_queries(pool, heads, offsets, ids):  # type: ignore[no-untyped-def]
    for i in range(len(heads)):
        node = np.int64(heads[i])
        for at in range(offsets[i], offsets[i + 1]):
            ids[at] = pool.name[node]
            node = np.int64(pool.following[node])


def gather_queries(
    pool: QueryPool, heads: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The lists of many flows, one after the other: offsets (n + 1,) int64, string ids int32."""
    heads = np.ascontiguousarray(heads, np.int32)
    offsets = np.zeros(len(heads) + 1, np.int64)
    _count_queries(pool, heads, offsets)
    ids = np.zeros(int(offsets[-1]), np.int32)
    _copy_queries(pool, heads, offsets, ids)
    return offsets, ids
