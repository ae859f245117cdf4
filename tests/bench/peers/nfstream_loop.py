"""nfstream with one meter and its default dissection, flows iterated. Runs in nfstream's own environment."""

import sys

from nfstream import NFStreamer

if __name__ == "__main__":
    flows = named = 0
    for flow in NFStreamer(source=sys.argv[1], n_meters=1):
        flows += 1
        named += bool(flow.requested_server_name)
    print(f"flows={flows} named={named}")
