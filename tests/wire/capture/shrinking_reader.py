"""Reads a capture while it is truncated; run by test_capture_errors: PATH BYTES WHEN."""

import os
import sys
import threading

import numpy as np

from wire.capture.files import open_captures
from wire.kernel import kernel


@kernel
def total(buffer):
    value = np.int64(0)
    for i in range(len(buffer)):
        value += buffer[i]
    return value


path, left, when = sys.argv[1], int(sys.argv[2]), sys.argv[3]
reader = open_captures([path])
blocks = iter(reader)
first = next(blocks)
total(first.buffer[:1])
if when == "meanwhile":
    threading.Timer(0.02, os.truncate, (path, left)).start()
    for _ in range(40):
        total(first.buffer)
else:
    os.truncate(path, left)
    total(first.buffer)
frames = len(first) + sum(len(block) for block in blocks)
reader.close()
sys.stdout.write(f"{frames} {reader.complete} {reader.problems}")
