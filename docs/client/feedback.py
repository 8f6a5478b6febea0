"""Filing feedback from a program: one file, standard library only. Copy it beside your own code.

    client = Client("https://sandbox.example", token)
    filed = client.file("ES-0017", {"period_start": "2026-11-25T00:00:00+08:00", ...})
    batch = client.file_batch("ES-0017", reports)          # any number of reports, or none of them
    receipt = client.receipt(filed["id"])
    verify(receipt)                                        # raises Unproven; needs no network

Every call has a key. When the server is busy, or the answer is lost on the way, the call is repeated with the same key,
so that a report is kept once however often it is sent. As a command: `python feedback.py FILE.ndjson TRIAL` with the
address in SANDBOX_URL and the token in SANDBOX_TOKEN; `python feedback.py verify RECEIPT.json`.
"""

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

TRIES = 8
LONGEST_WAIT_S = 60
AGAIN = (429, 502, 503, 504)
USAGE = """usage: SANDBOX_URL=https://... SANDBOX_TOKEN=es_... python feedback.py FILE.ndjson|FILE.csv TRIAL
       python feedback.py verify RECEIPT.json"""


class Refused(Exception):
    """The server said no: `status`, and its problem document with `code`, `title` and `errors` by field and line."""

    def __init__(self, status, problem):
        self.status, self.problem = status, problem
        super().__init__(f"{status} {problem.get('code')}: {problem.get('title')}")


class Unproven(Exception):
    """A receipt that does not prove what it says."""


class Client:
    """One account's token at one server. `wait` is called with the seconds before a call is repeated."""

    def __init__(self, base, token, language="en", wait=time.sleep, timeout_s=120):
        self.base, self.wait, self.timeout_s = f"{base.rstrip('/')}/api/v1", wait, timeout_s
        self.headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}

    def file(self, trial, report, key=None):
        """File one report; the answer has its id, receipt, the light and when the next report is due."""
        return self._post(f"/trials/{trial}/feedback", json.dumps(report).encode(), "application/json", key)

    def file_batch(self, trial, reports, partial=False, key=None):
        """File many reports as one act: all of them, or with `partial` those that are good. Give each a `key` of its
        own to be able to send the same lines again in another batch."""
        body = "".join(json.dumps(report) + "\n" for report in reports).encode()
        return self.send(trial, body, "application/x-ndjson", partial, key)

    def send(self, trial, body, kind, partial=False, key=None):
        """Send a batch that is written already: NDJSON, or CSV (`text/csv`) with field names as its heading."""
        return self._post(f"/trials/{trial}/feedback{'?partial=1' if partial else ''}", body, kind, key)

    def receipt(self, filing):
        """The receipt of a report, of a line of a batch, or of a batch, by its id."""
        return self._call(urllib.request.Request(f"{self.base}/receipts/{filing}", headers=self.headers))

    def _post(self, path, body, kind, key):
        headers = {**self.headers, "Content-Type": kind, "Idempotency-Key": key or str(uuid.uuid4())}
        return self._call(urllib.request.Request(f"{self.base}{path}", body, headers, method="POST"))

    def _call(self, request):
        """The answer; repeated while the server is busy or cannot be reached. The request keeps its key."""
        for trial in range(TRIES):
            last = trial == TRIES - 1
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in AGAIN or last:
                    raise Refused(error.code, _problem(error)) from error
                pause = _seconds(error.headers.get("Retry-After"), trial)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if last:
                    raise
                pause = _seconds(None, trial)
            self.wait(pause)
        raise AssertionError("unreachable")


def _problem(error):
    try:
        return json.load(error)
    except ValueError:
        return {"code": "unreadable", "title": str(error)}


def _seconds(told, trial):
    """What the server asked for, else twice as long each time."""
    return min(float(told) if told and told.isdigit() else 2.0**trial, LONGEST_WAIT_S)


# Checking a receipt, offline (RFC 6962 and RFC 9162)


def verify(receipt):
    """Check a receipt by itself: every hash and path in it. Returns the log's root that it leads to, in hex, which is
    to be compared with one that you kept, or that someone else did. Raises Unproven."""
    entry, line = receipt["entry"], receipt.get("line")
    leaf = json.loads(entry["leaf"])
    _same(_leaf_hash(entry["leaf"]), entry["hash"], "the entry's hash")
    _same(leaf["seq"], entry["seq"], "the entry's number")
    head = entry["head"]
    _same(root_of(entry["seq"], head["size"], entry["leaf"], entry["proof"]), head["root"], "the log's root")
    if line is None:
        return head["root"]
    _same(leaf.get("lines"), {"root": line["root"], "size": line["size"]}, "the root in the batch's entry")
    _same(_leaf_hash(line["leaf"]), line["hash"], "the line's hash")
    _same(root_of(line["place"], line["size"], line["leaf"], line["proof"]), line["root"], "the batch's root")
    said = json.loads(line["leaf"])
    _same((said["report"], said["line"], said["batch"]), (receipt["id"], line["line"], receipt["batch_id"]), "the line")
    digest = hashlib.sha256((said["salt"] + line["report"]).encode()).hexdigest()
    _same(said["digest"], digest, "the digest of the report")
    return head["root"]


def root_of(place, size, leaf, proof):
    """The root that a leaf at a place of so many and its path lead to (RFC 9162 §2.1.3.2)."""
    if not 0 <= place < size:
        raise Unproven("the leaf lies outside the tree")
    found, last = bytes.fromhex(_leaf_hash(leaf)), size - 1
    for step in map(_hash, proof):
        if last == 0:
            raise Unproven("the path is too long")
        if place & 1 or place == last:
            found = hashlib.sha256(b"\x01" + step + found).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + step).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise Unproven("the path is too short")
    return found.hex()


def _hash(text):
    """32 bytes, written in exactly one way."""
    if len(text) != 64 or text != text.lower():
        raise Unproven("a hash is 64 hexadecimal digits")
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Unproven("a hash is 64 hexadecimal digits") from error


def _leaf_hash(leaf):
    return hashlib.sha256(b"\x00" + leaf.encode()).hexdigest()


def _same(found, said, what):
    if found != said:
        raise Unproven(f"{what} does not match")


def main(arguments):
    """The command line: file a file of lines, or verify a receipt."""
    settings = [] if arguments[:1] == ["verify"] else ["SANDBOX_URL", "SANDBOX_TOKEN"]
    if len(arguments) != 2 or not all(map(os.environ.get, settings)):
        print(USAGE, file=sys.stderr)
        sys.exit(2)
    if not settings:
        with open(arguments[1], encoding="utf-8") as file:
            print("proven, in the log with root", verify(json.load(file)))
        return
    path, trial = arguments
    kind = "text/csv" if path.endswith(".csv") else "application/x-ndjson"
    with open(path, "rb") as file:
        body = file.read()
    client = Client(os.environ["SANDBOX_URL"], os.environ["SANDBOX_TOKEN"])
    done = client.send(trial, body, kind, key=f"{trial}:{hashlib.sha256(body).hexdigest()}")
    print(f"{done['kept']} of {done['lines']} lines kept in {done['id']}; next report due {done['next_due_at']}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Refused, Unproven, OSError) as error:
        sys.exit(str(error))
