"""Sessions kept on the server: the cookie is a random secret, the table has its hash and the session's content.

A visitor who is not signed in has no row: language and form token stand in a signed cookie. Rows are housekeeping, no
act. A page view writes nothing, but for `seen_at` once a minute, and
not even that when the page asked by itself; and what cannot be written never fails a page: reading
and signing in go on when the disk is full, with the session in memory until it can be kept.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, session_json_serializer
from itsdangerous import BadSignature

from sandbox.jobs.program import Program
from sandbox.reads.accounts import account, session_row
from sandbox.store.accounts import SESSIONS
from sandbox.store.door import Job, Transaction
from sandbox.store.ids import hash_secret, new_secret
from sandbox.web.problems import STORAGE

log = structlog.get_logger()
IDLE, LONGEST, SEEN_EVERY = timedelta(minutes=30), timedelta(hours=12), timedelta(minutes=1)
LIGHT = frozenset(("csrf_token", "locale", "_flashes"))
"""What a cookie may carry; anything else makes a row."""
LEFT_OUT = "fs_cc"
"""The sign-in library's mark for a cookie that is not used here."""
ROW_MARK = "s-"
STILL = ("/static/", "/bootstrap/static/", "/healthz", "/readyz", "/metrics")
"""Paths that ask nobody who they are."""
MOST_UNWRITTEN = 1000
BY_ITSELF, LIVE = "Sandbox-Live", "/live"
"""What a page asks by itself, with this header or at an address that ends so, is no use of a session by a person."""


class Kept(SecureCookieSession):
    """One request's session. `renew` asks for a new secret; `account` is the signed-in account as read at the start."""

    def __init__(self, content: dict[str, Any] | None = None, row: dict[str, Any] | None = None) -> None:
        super().__init__(content or {})
        self.row = row
        self.before = dumps(self)
        self.account: dict[str, Any] | None = None
        self.renew = False
        self.still = False
        self.by_itself = False
        self.fault: Exception | None = None


def dumps(content: Kept | dict[str, Any]) -> str:
    """The session's content as it is kept."""
    return str(session_json_serializer.dumps({name: value for name, value in content.items() if name != LEFT_OUT}))


class Sessions(SecureCookieSessionInterface):
    """Flask's session interface over the table. Safe from any number of threads; the last of two writes stays."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.unwritten: dict[str, dict[str, Any]] = {}

    def open_session(self, app: Flask, request: Request) -> Kept:
        """The session of this cookie; an empty one when there is none, it is forged, too old or its account gone."""
        still = request.path.startswith(STILL) or "Authorization" in request.headers  # who bears a token has no session
        value = None if still else request.cookies.get(self.get_cookie_name(app))
        if not value:
            found = Kept()
            found.still = still
            return found
        if not value.startswith(ROW_MARK):
            return Kept(self._signed(app, value))
        try:
            found = self._from_table(hash_secret(value.removeprefix(ROW_MARK)))
        except STORAGE as fault:
            found = Kept()
            found.fault = fault
        found.by_itself = BY_ITSELF in request.headers or request.path.endswith(LIVE)
        return found

    def _signed(self, app: Flask, value: str) -> dict[str, Any]:
        signer = self.get_signing_serializer(app)
        try:
            content = signer.loads(value) if signer else {}
        except BadSignature:
            return {}
        return {name: kept for name, kept in content.items() if name in LIGHT}

    def _from_table(self, hashed: str) -> Kept:
        now = self.program.clock()
        with self.program.reading() as connection:
            row = session_row(connection, hashed) or self.unwritten.get(hashed)
            if row is None:
                return Kept()
            content = session_json_serializer.loads(row["content"])
            holder = account(connection, uniquifier=content["_user_id"]) if "_user_id" in content else None
        gone = "_user_id" in content and not (holder and holder["active"])
        if gone or too_old(row, now):
            return Kept({name: content[name] for name in ("locale",) if name in content}, row)
        found = Kept(content, row)
        found.account = holder
        return found

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Keep what changed: a row for the signed-in, a signed cookie for the rest. Never raises for the storage."""
        if session.still or session.fault:
            return
        text = dumps(session)
        if set(session) - LIGHT - {LEFT_OUT}:
            self._keep_row(app, session, response, text)
        elif session.row:
            self._drop(session.row["hash"])
            self._sign(app, session, response)
        elif text != session.before:
            self._sign(app, session, response)

    def _keep_row(self, app: Flask, session: Kept, response: Response, text: str) -> None:
        now, row = self.program.clock(), session.row
        if row is None or session.renew:
            secret = new_secret()
            holder = session.account["id"] if session.account else None
            self._insert({"hash": hash_secret(secret), "account_id": holder, "content": text, "created_at": now,
                          "seen_at": now}, row["hash"] if row else None)
            self._set_cookie(app, response, f"{ROW_MARK}{secret}")
        elif text != session.before or (not session.by_itself and now - row["seen_at"] >= SEEN_EVERY):
            self._update({**row, "content": text, "seen_at": row["seen_at"] if session.by_itself else now})

    def _insert(self, row: dict[str, Any], instead_of: str | None = None) -> None:
        def job(transaction: Transaction) -> None:
            old = sa.or_(SESSIONS.c.seen_at < row["seen_at"] - IDLE, SESSIONS.c.hash == instead_of)
            transaction.connection.execute(sa.delete(SESSIONS).where(old))
            transaction.connection.execute(sa.insert(SESSIONS).values(row))

        if self._written(job):
            self.unwritten.pop(row["hash"], None)
        else:
            self.unwritten[row["hash"]] = row
            if len(self.unwritten) > MOST_UNWRITTEN:
                self.unwritten.pop(next(iter(self.unwritten)))

    def _update(self, row: dict[str, Any]) -> None:
        """A row that has been deleted meanwhile stays deleted."""
        if row["hash"] in self.unwritten:
            self._insert(row)
        else:
            values = {name: row[name] for name in ("content", "seen_at")}
            self._written(lambda transaction: transaction.connection.execute(
                sa.update(SESSIONS).where(SESSIONS.c.hash == row["hash"]).values(values)).rowcount)

    def _drop(self, hashed: str) -> None:
        self.unwritten.pop(hashed, None)
        self._written(lambda transaction: transaction.connection.execute(
            sa.delete(SESSIONS).where(SESSIONS.c.hash == hashed)).rowcount)

    def _written(self, job: Job) -> bool:
        try:
            self.program.door.submit(job)
        except STORAGE as fault:
            log.warning("session_not_written", cause=repr(fault))
            return False
        return True

    def _sign(self, app: Flask, session: Kept, response: Response) -> None:
        content = {name: value for name, value in session.items() if name in LIGHT}
        signer = self.get_signing_serializer(app)
        if content and signer:
            self._set_cookie(app, response, str(signer.dumps(content)))
        else:
            response.delete_cookie(self.get_cookie_name(app), path=self.get_cookie_path(app),
                                   secure=self.get_cookie_secure(app), httponly=True,
                                   samesite=self.get_cookie_samesite(app))

    def _set_cookie(self, app: Flask, response: Response, value: str) -> None:
        response.set_cookie(self.get_cookie_name(app), value, path=self.get_cookie_path(app),
                            secure=self.get_cookie_secure(app), httponly=True,
                            samesite=self.get_cookie_samesite(app))


def too_old(row: dict[str, Any], now: datetime) -> bool:
    """Not used for half an hour, or begun twelve hours ago."""
    return bool(now - row["seen_at"] >= IDLE or now - row["created_at"] >= LONGEST)
