"""Make nfstream_facts.json.gz: what nfstream says of the flows in the shared captures.

nfstream pins its own libraries, so it is no dependency of the tests: install it in an environment
of its own and run `python tests/wire/flows/nfstream_facts.py ../shared/pcaps`. The committed
file was made with nfstream 6.6.0. A flow is written as a list, in the order of COLUMNS.
"""

import gzip
import json
import sys
from pathlib import Path

#: The same for both sides of the comparison (tests/wire/flows/test_counters_nfstream.py).
IDLE_SECONDS, ACTIVE_SECONDS = 120, 1800

COLUMNS = (
    "protocol",
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "bidirectional_first_seen_ms",
    "src2dst_packets",
    "src2dst_bytes",
    "dst2src_packets",
    "dst2src_bytes",
    "src2dst_min_ps",
    "src2dst_mean_ps",
    "src2dst_stddev_ps",
    "src2dst_max_ps",
    "dst2src_min_ps",
    "dst2src_mean_ps",
    "dst2src_stddev_ps",
    "dst2src_max_ps",
    "src2dst_mean_piat_ms",
    "dst2src_mean_piat_ms",
)


def flows_of(capture: Path) -> list[list]:
    from nfstream import NFStreamer

    streamer = NFStreamer(
        source=str(capture),
        idle_timeout=IDLE_SECONDS,
        active_timeout=ACTIVE_SECONDS,
        statistical_analysis=True,
        accounting_mode=0,
        decode_tunnels=True,
        n_dissections=0,
        n_meters=1,
    )
    flows = []
    for flow in streamer:
        values = [getattr(flow, name) for name in COLUMNS]
        flows.append([round(value, 3) if isinstance(value, float) else value for value in values])
    return sorted(flows, key=lambda flow: [str(value) for value in flow])


def main() -> None:
    folder = Path(sys.argv[1])
    facts = {}
    for capture in sorted(folder.glob("*.pcap*")):
        try:
            facts[capture.name] = flows_of(capture)
        except Exception as error:  # what nfstream refuses is a fact too
            facts[capture.name] = str(error).splitlines()[0].replace(str(capture), capture.name)
    target = Path(__file__).with_name("nfstream_facts.json.gz")
    text = json.dumps({"columns": COLUMNS, "captures": facts}, separators=(",", ":"))
    with open(target, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as out:
        out.write(text.encode())


if __name__ == "__main__":
    main()
