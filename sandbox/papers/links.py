"""Links that open one thing to one person without a password: a review to its reviewer, an alarm to a regulator.
Signed, for that thing alone, used up by the opinion or by the acknowledgement.

Nothing is stored: a link is good while its review is open, the reviewer holds their seat and has given no opinion; or
while nobody has acknowledged the alarm.
"""

from itsdangerous import BadSignature, URLSafeSerializer

SALT = "personal-link"


def personal_link(secret: str, base: str, thing: str, account: str) -> str:
    """The address under which this person may give their opinion on a review, or acknowledge an alarm."""
    return f"{base}/r/{URLSafeSerializer(secret, SALT).dumps([thing, account])}"


def opened(secret: str, token: str) -> tuple[str, str] | None:
    """The thing and the account that a link was made for; None for one that this program did not sign."""
    try:
        thing, account = URLSafeSerializer(secret, SALT).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(thing), str(account)
