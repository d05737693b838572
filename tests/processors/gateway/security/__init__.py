"""What an attacker of the edge tries, and where each attempt is held.

Here: ``test_wire`` (a real server: framing, request lines, heads, hosts), ``test_bodies`` (what a body brings along,
how long it is), ``test_echoes`` (line breaks into whatever is given back), ``test_replays`` (everything signed, again),
``test_login_work`` (what a login costs, whoever asks).

Beside what they belong to, one folder up: access tokens, algorithms, key ids (``test_tokens``); refresh tokens spent
twice (``test_sessions``); every route for every scope, for none, and for another tenant (``test_every_route``); signed
calls changed on the way (``test_service_calls``); paths of two readings, CORS (``test_headers``); slow bodies
(``test_limits``), slow heads (``tests/infra/test_patience``); pages of other sites at a socket (``test_live``); guesses
over several replicas (``test_replicas``); signatures of providers (``tests/connectors/webhooks``).
"""
