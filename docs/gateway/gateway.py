"""May this system be used now? Exit 0: yes. Exit 1: no, and why. Exit 2: it was not said of which. Run it every minute,
and before the first use.

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

ASKED = ("SANDBOX_URL", "TRIAL", "TOKEN", "MODEL_VERSION")
if not all(map(os.environ.get, ASKED)):
    print("usage:", " ".join(f"{name}=..." for name in ASKED), "python gateway.py", file=sys.stderr)
    sys.exit(2)
URL, TRIAL, TOKEN, VERSION = map(os.environ.__getitem__, ASKED)
KEPT, CLOCK_S = Path(os.environ.get("KEPT", "permit.json")), 60  # how far our clock may be from the sandbox's
NO_WORD = (OSError, ValueError, LookupError, StopIteration, InvalidSignature)  # nothing new, unreachable or forged


def ask(path, etag=""):
    asked = urllib.request.Request(URL + path, headers={"Authorization": f"Bearer {TOKEN}", "If-None-Match": etag})
    try:
        answer = urllib.request.urlopen(asked, timeout=5)
    except urllib.error.HTTPError as refusal:
        if refusal.code != 409:  # 304: nothing new; any other is no word about the trial: the last one holds
            raise
        answer = refusal
    with answer:
        return json.load(answer), answer.headers["ETag"] or ""


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
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"serial": 0, "seen": 0, "etag": ""}
    try:
        answer, etag = ask(f"/api/v1/trials/{TRIAL}/permit", kept["etag"])
        token, keys = answer.get("permit") or answer["statement"], ask("/.well-known/jwks.json")[0]["keys"]
        if (serial := claims(token, keys)["serial"]) >= kept["serial"]:  # an older one is a replay
            kept |= {"token": token, "keys": keys, "serial": serial, "etag": etag}
    except NO_WORD:
        pass
    if "token" not in kept:
        return "no permit"
    KEPT.with_suffix(".new").write_text(json.dumps(kept | {"seen": max(now, kept["seen"])}))
    KEPT.with_suffix(".new").replace(KEPT)
    permit = claims(kept["token"], kept["keys"])
    fresh = max(permit["iat"], kept["seen"]) - CLOCK_S <= now < permit["exp"]
    former = (one["version"] for one in permit.get("former_versions", ()) if now < one["until"])
    reasons = ((not permit["active"], f"not active: {permit['cause']}"), (not fresh, "expired, or a clock is wrong"),
               (permit["model_version"] is not None and VERSION not in (permit["model_version"], *former),
                f"the permit is for version {permit['model_version']}"))
    return next((why for holds, why in reasons if holds), None)


if __name__ == "__main__":
    refused = why_not(time.time())
    print(refused or "go")
    sys.exit(1 if refused else 0)
