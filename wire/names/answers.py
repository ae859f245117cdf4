"""Which name an address was answered for: to one client, and to anybody.

    answers = answer_map(AnswerSettings())                                  flat arrays for kernels
    remember(answers, client_hi, client_lo, address_hi, address_lo, name, chain_end, now_ns, ttl_seconds)
    remember_ech(answers, client_hi, client_lo, name, offered, now_ns, ttl_seconds)
    remember_message(answers, message, client_hi, client_lo, now_ns) -> addresses kept
        (all of the above from a DnsMessage; does nothing unless it is a good answer for a host name)
    look_up(answers, client_hi, client_lo, server_hi, server_lo, now_ns, out) -> FOUND_*
        (out: int64, LOOK_FIELDS)
    ech_offered(answers, client_hi, client_lo, name, now_ns) -> 1: an HTTPS record for that name
        carried an ECH configuration to that client

All but the first are kernels. A response is the client's own only when it came from the server
of a DNS flow to its client: the caller knows the direction and must hold to it.
"""
