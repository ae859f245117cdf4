"""Is the cache of compiled kernels filled, so that capturing starts at once?"""

from __future__ import annotations

from monitor.doctor.check import GOOD, WARN, Check
from monitor.kernels import kernel_folder
from wire.kernel_cache import cache_directory


def kernels() -> Check:
    """Whether a warm of this program, for this CPU and these libraries, left its kernels on the disk."""
    base = cache_directory("wire/flows/track.py").parent
    seen = {"directory": str(base)}
    if kernel_folder.is_whole(base):
        return Check("kernels", GOOD, "编译缓存已就绪", "the kernel cache is filled", seen=seen)
    return Check(
        "kernels",
        WARN,
        "编译缓存未填满：启动可能要多等一两分钟",
        "the kernel cache is not filled: starting may take minutes",
        "以 root 运行一次 campuswatch warm",
        "run campuswatch warm once, as root",
        seen,
    )
