"""May this system be used now? Exit 0: yes. Exit 1: no, and why. Run it every minute, and before the first use.

SANDBOX_URL, TRIAL, TOKEN (scope `permit`) and MODEL_VERSION say what is asked. KEPT names the file of the last word,
which holds until it expires while the sandbox cannot be reached: a permit as well as a refusal.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

URL, TRIAL, TOKEN, VERSION = (os.environ[name] for name in ("SANDBOX_URL", "TRIAL", "TOKEN", "MODEL_VERSION"))
KEPT = Path(os.environ.get("KEPT", "permit.json"))
CLOCK_S = 60  # how far our clock may be from the sandbox's
NO_WORD = (OSError, ValueError, LookupError, StopIteration, InvalidSignature)  # unreachable, unreadable or forged


def ask(path):
    try:
        asked = urllib.request.Request(URL + path, headers={"Authorization": f"Bearer {TOKEN}"})
        return json.load(urllib.request.urlopen(asked, timeout=5))
    except urllib.error.HTTPError as refusal:
        if refusal.code != 409:  # any other is no word about the trial: the last one holds
            raise
        return json.load(refusal)


def claims(token, keys):
    parts = [base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True) for part in token.split(".")]
    header, found = json.loads(parts[0]), json.loads(parts[1])
    key = next(key["x"] for key in keys if key["kid"] == header["kid"] and "retired" not in key)
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key + "="))
    public.verify(parts[2], token.rpartition(".")[0].encode())
    if (header["alg"], header["typ"], found["sub"]) != ("EdDSA", "permit+jwt", TRIAL):
        raise ValueError("not a permit of this trial")
    return found


def why_not(now):
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"serial": 0, "seen": 0}
    try:
        answer, keys = ask(f"/api/v1/trials/{TRIAL}/permit"), ask("/.well-known/jwks.json")["keys"]
        token = answer.get("permit") or answer["statement"]
        if (serial := claims(token, keys)["serial"]) >= kept["serial"]:  # an older one is a replay
            kept |= {"token": token, "keys": keys, "serial": serial}
    except NO_WORD:
        pass
    if "token" not in kept:
        return "no permit"
    fresh = KEPT.with_suffix(".new")
    fresh.write_text(json.dumps(kept | {"seen": max(now, kept["seen"])}))
    fresh.replace(KEPT)
    permit = claims(kept["token"], kept["keys"])
    if not permit["active"]:
        return f"not active: {permit['cause']}"
    if not max(permit["iat"], kept["seen"]) - CLOCK_S <= now < permit["exp"]:
        return "expired, or a clock is wrong"
    if permit["model_version"] not in (None, VERSION):
        return f"the permit is for version {permit['model_version']}"
    return None


if __name__ == "__main__":
    refused = why_not(time.time())
    print(refused or "go")
    sys.exit(1 if refused else 0)
