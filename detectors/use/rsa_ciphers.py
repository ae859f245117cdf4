"""Cipher suites whose key exchange is static RSA: TLS_RSA_WITH_* of the IANA registry (RFC 5246 A.5)."""

from __future__ import annotations

import numpy as np

#: NULL, RC4, IDEA, DES, 3DES, AES-CBC, Camellia, SEED, AES-GCM, ARIA and AES-CCM suites of that name.
RSA_KEY_EXCHANGE = np.array(
    [
        *range(0x0001, 0x000B),
        *(0x002F, 0x0035, 0x003B, 0x003C, 0x003D, 0x0041, 0x0084, 0x0096),
        *(0x009C, 0x009D, 0x00BA, 0x00C0),
        *(0xC03C, 0xC03D, 0xC050, 0xC051, 0xC07A, 0xC07B),
        *(0xC09C, 0xC09D, 0xC0A0, 0xC0A1),
        *(0x0062, 0x0064),  # export
    ],
    np.uint16,
)
