"""The five questions of a risk check (风险评审), chosen by risk tier and by what kind of use the scenario is.

TEMPLATES                    kinds of use that a scenario can be of
BY_TIER                      what is asked in each tier whatever is tried, and what besides where no kind is named
OF_USE                       what is asked of a kind of use
asked(tier, template)        the five, in the order in which they are put

Each question has its words `question.<code>` and a hint `question.<code>.hint`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class TierQuestions:
    """Three that every check of the tier asks, and the two more of a scenario that is of no kind in particular."""

    always: tuple[str, str, str]
    otherwise: tuple[str, str]


BY_TIER: Mapping[str, TierQuestions] = MappingProxyType({
    "R1": TierQuestions(("within_limits", "harm_signs", "changed_since"), ("people_told", "still_useful")),
    "R2": TierQuestions(("within_limits", "harm_signs", "human_in_charge"), ("changed_since", "people_told")),
    "R3": TierQuestions(("harm_signs", "human_in_charge", "safeguards_work"), ("groups_alike", "changed_since")),
    "R4": TierQuestions(("harm_signs", "safeguards_work", "stop_ready"), ("groups_alike", "own_evidence")),
})

OF_USE: Mapping[str, tuple[str, str]] = MappingProxyType({
    "office_tool": ("answers_checked", "secrets_kept"),
    "public_answers": ("answers_right", "person_reached"),
    "medical_reading": ("findings_missed", "out_of_treatment"),
    "medical_advice": ("advice_followed", "patients_suitable"),
    "inspection": ("defects_missed", "conditions_same"),
    "credit_check": ("refusals_explained", "stand_ins"),
    "delivery_vehicle": ("near_misses", "routes_kept"),
    "education_recruiting": ("decided_by_people", "groups_worse_off"),
})
"""The eight kinds of use to start with; further ones are rows."""

TEMPLATES = tuple(OF_USE)


def asked(tier: str, template: str | None = None) -> tuple[str, ...]:
    """The five questions of a check in this tier of a use of this kind."""
    row = BY_TIER[tier]
    return (*row.always, *(OF_USE[template] if template else row.otherwise))
