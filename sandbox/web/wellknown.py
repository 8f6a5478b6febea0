"""What machines find at an address that is known beforehand: the keys that permits are checked with."""

import json

from flask import Flask, Response, request

from sandbox.papers.signing import jwks, key_of
from sandbox.reads.permits import published_keys
from sandbox.store.keys import KeyUse
from sandbox.web.reader import program

KEPT_S = 300
"""How long the set may be kept unasked: a rotation is known everywhere after that."""


def enter(app: Flask) -> None:
    """Register the address."""
    app.add_url_rule("/.well-known/jwks.json", "jwks", key_set)


def key_set() -> Response:
    """The public halves of every signing key, those retired among them."""
    running = program()
    with running.reading() as connection:
        key_of(connection, running.acts, running.settings.key_folder, KeyUse.PERMIT)  # the first to look makes it
    with running.reading() as connection:
        body = json.dumps(jwks(published_keys(connection)))
    response = Response(body, mimetype="application/jwk-set+json")
    response.headers["Cache-Control"] = f"public, max-age={KEPT_S}"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.add_etag()
    response.make_conditional(request)
    return response
