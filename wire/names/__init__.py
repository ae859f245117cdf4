"""The first payload bytes of a flow: TLS, QUIC, HTTP, DNS; a server name and fingerprints."""
