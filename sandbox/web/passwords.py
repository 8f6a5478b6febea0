"""Which passwords are taken: long enough, not one of the common ones, not made of the person's own address."""

import re
from typing import Any

from flask_security import PasswordUtil

from sandbox.store.passwords import LONGEST, SHORTEST, normal
from sandbox.web.reader import said
from sandbox.words import Word, word

FEWEST_KINDS = 5
"""Fewer different characters than this is a pattern, not a password."""
CORES = frozenset((
    "1234567890", "abcdefghijkl", "abcdefghijklmn", "abcd1234abcd", "admin", "administrator", "administrators",
    "changeme", "changemenow", "chinachina", "correcthorsebatterystaple", "default", "dragondragon",
    "ethicssandbox", "football", "iloveyou", "iloveyouforever", "letmein", "letmeinplease", "loveyou",
    "mypassword", "newpassword", "p@ssw0rd", "p@ssword", "pa$$word", "pass", "passpass", "passw0rd", "password",
    "passwordpassword", "passwort", "princess", "qazwsxedc", "qazwsxedcrfv", "qwer", "qwerasdf", "qwerasdfzxcv",
    "qwerqwer", "qwerty", "qwertyqwerty", "qwertyuiop", "qwertyuiopasdf", "qwe123qwe123", "q1w2e3r4t5y6",
    "q1w2e3r4t5y6u7", "1q2w3e4r5t6y", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "1qazxsw23edc", "sandbox", "secret",
    "secretpassword", "superman", "sunshine", "test", "testtest", "testtesttest", "trustno1", "welcome",
    "welcomewelcome", "woaini", "woaini1314", "woaiwojia", "woaizhongguo", "zaq12wsx", "zxcvbnm",
    "zxcvbnmzxcvbnm", "shaxiang", "lunlishaxiang", "monkeymonkey", "masterpassword", "5201314",
))
"""Common passwords; one of them with digits and signs around it is no better."""
RUNS = ("01234567890123456789012345678901234567890", "98765432109876543210987654321098765432109",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm")


def weaknesses(password: str, email: str = "") -> list[Word]:
    """What speaks against a new password; nothing when it may be taken."""
    text = normal(password).strip()
    if len(text) < SHORTEST:
        return [word("error.password_short", n=SHORTEST)]
    if len(text) > LONGEST:
        return [word("error.password_long", n=LONGEST)]
    if is_common(text.lower()):
        return [word("error.password_common")]
    if email and (name := email.lower().split("@")[0]) and len(name) > 3 and name in text.lower():
        return [word("error.password_address")]
    return []


def is_common(text: str) -> bool:
    """Few different characters, a run of keys, or a common word with digits and signs around it."""
    core = re.sub(r"^[\d\W_]+|[\d\W_]+$", "", text)
    return len(set(text)) < FEWEST_KINDS or any(text in run for run in RUNS) or text in CORES or core in CORES


class NewPasswords(PasswordUtil):
    """The same rule for the library's form of changing a password."""

    def normalize(self, password: str) -> str:
        return normal(password)

    def validate(self, password: str, is_register: bool, **known: Any) -> tuple[list[str] | None, str]:
        """Sentences against it, or None; and the password as it is hashed."""
        found = weaknesses(password, getattr(known.get("user"), "email", ""))
        return [said(one) for one in found] or None, normal(password)
