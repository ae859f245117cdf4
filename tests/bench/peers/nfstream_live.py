"""nfstream on an interface, one meter, flows iterated, until SIGTERM. Runs in nfstream's own environment.

Once a second it tells by itself how many packets it processed and how many the kernel dropped.
"""

import sys

from nfstream import NFStreamer

if __name__ == "__main__":
    buffer_bytes = int(sys.argv[2])
    streamer = NFStreamer(
        source=sys.argv[1],
        n_meters=1,
        socket_buffer_size=buffer_bytes,
        idle_timeout=10,
        performance_report=1,
    )
    for _ in streamer:
        pass
