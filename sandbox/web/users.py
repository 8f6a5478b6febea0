"""Accounts as the sign-in library sees them: plain objects, read through `reads` and changed by the act alone."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from flask import session
from flask_security import MailUtil, RoleMixin, Totp, UserDatastore, UserMixin
from flask_security.mail_util import EmailValidateException
from flask_security.utils import get_message

from sandbox.jobs.program import Program
from sandbox.reads.accounts import account
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.ids import new_secret

METHOD = "authenticator"


class User(UserMixin):
    """One account's credentials. `kept` is what the account row says; `put` sends what differs from it."""

    fs_uniquifier = ""
    tf_phone_number = None
    roles: list[RoleMixin] = []

    def __init__(self, row: dict[str, Any]) -> None:
        self.account = row
        self.id, self.email, self.active = row["id"], row["email"], bool(row["active"])
        self.password, self.fs_uniquifier = row["password"], row["fs_uniquifier"]
        self.tf_totp_secret = row["auth"].get("totp")
        self.tf_primary_method = METHOD if self.tf_totp_secret else None
        self.mf_recovery_codes = list(row["auth"].get("recovery", ()))
        self.last_counter = row["auth"].get("counter")
        self.kept = self.credentials()

    def credentials(self) -> dict[str, Any]:
        """The columns of the account that sign-in may change."""
        auth = {"totp": self.tf_totp_secret, "recovery": list(self.mf_recovery_codes or ()),
                "counter": self.last_counter}
        return {"password": self.password, "fs_uniquifier": self.fs_uniquifier,
                "auth": {name: value for name, value in auth.items() if value}}


class Accounts(UserDatastore):
    """The library's datastore. It writes nothing itself: `put` is the act `change_account`.

    `commit` is empty: the library calls it after the answer is made, where a storage fault could no longer be told."""

    def __init__(self, program: Program) -> None:
        super().__init__(User, RoleMixin)
        self.program = program

    def find_user(self, case_insensitive: bool = False, **by: Any) -> User | None:
        """By `email`, `fs_uniquifier` or `id`. The signed-in account was read with the session."""
        known = getattr(session, "account", None) if session else None
        if known and by == {"fs_uniquifier": known["fs_uniquifier"]}:
            return User(known)
        names = {"email": "email", "fs_uniquifier": "uniquifier", "id": "account_id"}
        with self.program.reading() as connection:
            row = account(connection, **{names[name]: value for name, value in by.items()})
        return User(row) if row else None

    def find_role(self, role: str) -> None:
        """Roles are ours, not the library's."""

    def put(self, user: Any) -> Any:
        """Do the act with what differs. A new password ends every session of the account."""
        now = user.credentials()
        changed = {name: value for name, value in now.items() if value != user.kept[name]}
        if changed:
            self.program.acts.do("change_account", SYSTEM_ACTOR, {"account_id": user.id, **changed}, on=user.id)
            user.kept = now
        return user

    def commit(self) -> None:
        pass

    def set_uniquifier(self, user: Any, uniquifier: str | None = None) -> None:
        """Kept by the `put` that follows, together with the password: one act."""
        user.fs_uniquifier = uniquifier or new_secret()

    def tf_set(self, user: Any, primary_method: str, totp_secret: str | None = None, phone: str | None = None) -> None:
        """Keep the secret, and the counter of the code just used: no code works twice."""
        user.tf_primary_method, user.tf_totp_secret = primary_method, totp_secret or user.tf_totp_secret
        self.put(user)


class Codes(Totp):
    """Six-digit codes by the program's clock; a code that was used is not taken again."""

    def __init__(self, secrets: dict[str, str], issuer: str, clock: Callable[[], datetime]) -> None:
        super().__init__(secrets, issuer)
        self._totp = self._totp.using(now=lambda: clock().timestamp())

    def get_last_counter(self, user: Any) -> int | None:
        return cast("int | None", user.last_counter)

    def set_last_counter(self, user: Any, tmatch: Any) -> None:
        """Kept by the `put` that follows."""
        user.last_counter = tmatch.counter

    def generate_qrcode(self, username: str, totp: str) -> str:
        """Black on white, in dark mode too."""
        import qrcode  # type: ignore[import-untyped]
        from qrcode.image.svg import SvgPathFillImage  # type: ignore[import-untyped]

        drawn = qrcode.make(self.get_totp_uri(username, totp), image_factory=SvgPathFillImage)
        return f"data:image/svg+xml;base64,{b64encode(drawn.to_string()).decode()}"


class Addresses(MailUtil):
    """An address as it is kept: the program sends no mail to find out whether it exists."""

    def normalize(self, email: str) -> str:
        if "@" not in email:
            raise EmailValidateException(get_message("GENERIC_AUTHN_FAILED")[0])
        return email.strip().lower()

    validate = normalize
