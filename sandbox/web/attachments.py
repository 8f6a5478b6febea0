"""Files on their way out: saved under their name, whatever a browser would make of them."""

from flask import Response, send_file

from sandbox.jobs.evidence import folder
from sandbox.store.door import Busy
from sandbox.web.reader import program

BYTES = "application/octet-stream"


def as_attachment(blob: str, name: str) -> Response:
    """A file to be saved: no type of its own, no script, no frame. Raises Busy when its bytes cannot be read."""
    try:
        response = send_file(folder(program()).of(blob).absolute(), BYTES, as_attachment=True, download_name=name,
                             conditional=False, etag=False)
    except OSError as error:
        raise Busy from error
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    response.headers["Cache-Control"] = "no-store"
    for needless in ("Last-Modified", "Expires"):
        response.headers.pop(needless, None)
    return response
