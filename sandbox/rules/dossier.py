"""Which sections an application must have, and which dimensions of exposure must be limited."""

from collections.abc import Mapping
from typing import Any

ORDINARY = ("parties", "system", "risks", "plan", "exposure", "protection", "governance", "commitment")
SIMPLIFIED = ("parties", "system", "plan", "exposure", "governance", "commitment")
MANDATORY_SAFEGUARDS = ("human_override", "output_reversal", "kill_switch", "complaint_channel")
DIMENSIONS = (
    "people", "volume", "regions", "sites", "starts_on", "days", "autonomy", "data_classes", "vulnerable_groups",
    "money", "model_version",
)
"""Each has a value, or stands in `not_applicable` with a reason (使用规模上限)."""


def required_sections(simplified: bool) -> tuple[str, ...]:
    """The sections that `submit` asks for; the simplified procedure (简易程序) asks for fewer."""
    return SIMPLIFIED if simplified else ORDINARY


def dimensions_missing(exposure: Mapping[str, Any]) -> tuple[str, ...]:
    """Dimensions with neither a value nor a reason, in the declared order."""
    excused = {row["dimension"] for row in exposure.get("not_applicable", ()) if row.get("reason")}
    return tuple(d for d in DIMENSIONS if exposure.get(d) in (None, "", []) and d not in excused)


def bars_simplified(tier: str | None, *, listed: bool | None, exposure: Mapping[str, Any],
                    data: Mapping[str, Any]) -> bool:
    """Whether anything speaks against the simplified procedure: it is for R1, and for R2 without sensitive data,
    minors, a listed item, money at risk or a system that no human can stop."""
    sensitive = data.get("sensitive_data") or data.get("minors")
    risky = sensitive or exposure.get("money") or exposure.get("autonomy") == "no_human"
    return tier not in ("R1", "R2") or listed is True or (tier == "R2" and bool(risky))
