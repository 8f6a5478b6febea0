"""Links that open one review to one reviewer without a password: signed, for that review alone, used up by the opinion.

Nothing is stored: the link is good while the review is open, the reviewer holds their seat and has given no opinion.
"""

from itsdangerous import BadSignature, URLSafeSerializer

SALT = "review-link"


def review_link(secret: str, base: str, review: str, account: str) -> str:
    """The address under which this reviewer may give their opinion on this review."""
    return f"{base}/r/{URLSafeSerializer(secret, SALT).dumps([review, account])}"


def opened(secret: str, token: str) -> tuple[str, str] | None:
    """The review and the account that a link was made for; None for one that this program did not sign."""
    try:
        review, account = URLSafeSerializer(secret, SALT).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(review), str(account)
