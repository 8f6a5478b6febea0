"""Webhooks signed as Standard Webhooks asks, so that the other side can check who calls and drop what it has had.

Anyone may give an address here, so the server must not be led into its own network: https alone, an address of the
public internet unless the operator lists the host, connected to as it was looked up, no redirect followed, no answer
read.
"""

import http.client
import ipaddress
import json
import socket
import ssl
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sandbox.jobs.carriers.carrying import TIMEOUT_S, Again, Carried, Never, Parcel, answered
from sandbox.papers.letters import Letter
from sandbox.store.settings import LOOPBACK, Settings

PORTS = {"http": 80, "https": 443}


class NotAllowed(Exception):
    """An address inside, which strangers may not make us call."""


def carry_by_webhook(parcel: Parcel, settings: Settings, now: datetime) -> Carried:
    """Post the letter as JSON; any 2xx is a receipt."""
    body = json.dumps(payload(parcel.letter, now), ensure_ascii=False)
    try:
        connection, path = opened(parcel.address, settings)
        try:
            connection.request("POST", path, body.encode(), signed(parcel, body, now))
            answer = connection.getresponse()
            return answered(answer.status, answer.headers.get("Retry-After"), now)
        finally:
            connection.close()
    except NotAllowed:
        return Never("not_allowed")
    except TimeoutError:
        return Again("timeout")
    except ssl.SSLError:
        return Again("tls")
    except (OSError, http.client.HTTPException):
        return Again("unreachable")


def payload(letter: Letter, now: datetime) -> dict[str, Any]:
    """The body: what, when, and each notice with its words and where to look."""
    items = [{"id": item.id, "kind": item.kind, "trial_id": item.trial_id, "at": item.at.isoformat(),
              "text": item.text, "url": item.url} for item in letter.items]
    return {"type": "notices", "timestamp": now.isoformat(), "data": {"id": letter.reference, "notices": items}}


def signed(parcel: Parcel, body: str, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks. The id stays the same when a letter is sent again."""
    from standardwebhooks.webhooks import Webhook

    whole = now.replace(microsecond=0)
    return {"Content-Type": "application/json", "User-Agent": "ethics-sandbox", "webhook-id": parcel.letter.reference,
            "webhook-timestamp": str(int(whole.timestamp())),
            "webhook-signature": Webhook(parcel.secret or "").sign(parcel.letter.reference, whole, body)}


def opened(address: str, settings: Settings) -> tuple[http.client.HTTPConnection, str]:
    """A connection to the very address that was found allowed (a second look-up could find another), and the path."""
    parts = urlsplit(address)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    plain = parts.scheme == "http"
    if plain and not (settings.testing and host in LOOPBACK):
        raise NotAllowed(host)
    where = allowed(host, port, settings)
    if plain:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        connection.sock = socket.create_connection((where, port), TIMEOUT_S)
    else:
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
        connection.sock = context.wrap_socket(socket.create_connection((where, port), TIMEOUT_S), server_hostname=host)
    return connection, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def allowed(host: str, port: int, settings: Settings) -> str:
    """The host's first address, if all it has may be called. Raises NotAllowed, and OSError when it has none."""
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    listed = {one.strip().lower() for one in settings.webhook_hosts.split(",") if one.strip()}
    if not all(map(_public, found)) and host.lower() not in listed and not (settings.testing and host in LOOPBACK):
        raise NotAllowed(host)
    return found[0]


def _public(address: str) -> bool:
    """Whether it is on the public internet; an IPv4 address written as IPv6 is what it stands for."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).is_global
