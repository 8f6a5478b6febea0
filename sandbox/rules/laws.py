"""The laws that the table of clocks cites, and which place each binds.

cited(source) -> (law, article)   "CAC 2025 Art 4" -> ("CAC 2025", "4"); the law's full name is the word `law.<code>`
binds(law, profile) -> bool       whether it is law there; elsewhere the same number is our own practice after it
"""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.rules.jurisdiction import Profile

LAWS: Mapping[str, tuple[str, Profile]] = MappingProxyType({
    "CAC 2025": ("cn_security_incidents", Profile.CN_CITY), "CAC": ("cn_algorithms", Profile.CN_CITY),
    "CN 2023": ("cn_ethics_review", Profile.CN_CITY), "PIPL": ("cn_personal_information", Profile.CN_CITY),
    "EU": ("eu_ai_act", Profile.EU_AUTHORITY), "GDPR": ("eu_data_protection", Profile.EU_AUTHORITY),
})
"""By how the table cites it, the longer before its beginning: the end of the key of its name, and where it binds."""


def cited(source: str) -> tuple[str, str]:
    """The law that a source names, and the article ("" where it names none)."""
    law = next(one for one in LAWS if source == one or source.startswith(f"{one} "))
    return law, source[len(law):].strip().removeprefix("Art ").strip()


def binds(law: str, profile: Profile) -> bool:
    """Whether a law holds under a profile."""
    return LAWS[law][1] is profile
