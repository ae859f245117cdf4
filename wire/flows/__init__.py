"""Link, network and transport decoding; the flow table; expiry."""
