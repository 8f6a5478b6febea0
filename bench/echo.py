"""The limit: a bare Flask application that reads JSON and gives it back, on the server and threads that ours runs on:
`python -m bench.echo PORT THREADS`."""

import sys

from flask import Flask, Response, request


def echoing() -> Flask:
    """POST /echo."""
    app = Flask("echo")

    def echo() -> Response:
        return app.json.response(request.get_json())

    app.add_url_rule("/echo", "echo", echo, methods=["POST"])
    return app


if __name__ == "__main__":
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server("echo", "127.0.0.1", int(sys.argv[1]), interface=Interfaces.WSGI, blocking_threads=int(sys.argv[2]),
           log_level=LogLevels.error).serve(target_loader=lambda: echoing(), wrap_loader=False)
