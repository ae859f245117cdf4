"""Is the cache of compiled kernels filled, so that capturing starts at once?"""

from __future__ import annotations

from pathlib import Path

from monitor.doctor.check import GOOD, WARN, Check
from wire.kernel_cache import cache_directory

#: A kernel at the end of every packet's way through each room.
_SOURCES = (
    *("wire/capture/ring_block.py", "wire/flows/track.py"),
    *("wire/names/tls.py", "wire/names/dns.py", "wire/names/quic_rounds.py"),
)


def kernels() -> Check:
    """Whether this version's kernels, for this CPU and these libraries, are on the disk."""
    missing = [source for source in _SOURCES if not _filled(cache_directory(source))]
    seen = {"directory": str(cache_directory(_SOURCES[0]).parent), "missing": missing}
    if missing:
        return Check(
            "kernels",
            WARN,
            "编译缓存未填：启动要多等一两分钟",
            "the kernel cache is not filled: starting takes minutes",
            "以 root 运行一次 campuswatch warm",
            "run campuswatch warm once, as root",
            seen,
        )
    return Check("kernels", GOOD, "编译缓存已就绪", "the kernel cache is filled", seen=seen)


def _filled(directory: Path) -> bool:
    return directory.is_dir() and any(directory.glob("*.nbc"))
