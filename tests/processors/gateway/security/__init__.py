"""What an attacker of the edge tries, and where each attempt is held.

Here: ``test_wire`` (a real server: framing, request lines, heads, hosts), ``test_bodies`` (what a body brings along,
how long it is), ``test_echoes`` (line breaks into whatever is given back), ``test_replays`` (everything signed, again).

Beside what they belong to, one folder up:

- ``test_tokens``: algorithms, key ids, audiences, times of access tokens
- ``test_sessions``: refresh tokens spent twice, what a login costs whoever asks
- ``test_every_route``: every route for every scope, for none, and for another tenant
- ``test_service_calls``: signed calls changed on the way
- ``test_headers``: paths of two readings, other origins; ``test_live``: pages of other sites at a socket
- ``test_limits``: slow bodies; ``tests/infra/test_patience``: slow heads
- ``test_replicas``: guesses over several gateways
- ``tests/connectors/webhooks``: signatures of providers
"""
