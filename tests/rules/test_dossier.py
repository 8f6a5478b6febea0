"""What an application must hold, and which dimensions of exposure have neither a limit nor a reason."""

import pytest

from sandbox.rules.dossier import (
    DIMENSIONS,
    MANDATORY_SAFEGUARDS,
    ORDINARY,
    SIMPLIFIED,
    dimensions_missing,
    required_sections,
)
from sandbox.store.dossier import ExposureFields, SafeguardsFields
from sandbox.store.sections import SECTIONS


def test_the_simplified_procedure_asks_for_a_part_of_the_ordinary_one():
    assert required_sections(simplified=False) == ORDINARY
    assert required_sections(simplified=True) == SIMPLIFIED
    assert set(SIMPLIFIED) < set(ORDINARY)


@pytest.mark.parametrize("kind", ORDINARY)
def test_a_firm_can_file_each_required_section_while_it_applies_and_when_it_corrects(kind):
    assert {"draft", "correction"} <= set(SECTIONS[kind].states)
    assert "owner" in SECTIONS[kind].by


def test_every_dimension_and_every_mandatory_safeguard_is_a_declared_field():
    assert set(DIMENSIONS) <= set(ExposureFields.model_fields)
    assert set(MANDATORY_SAFEGUARDS) <= set(SafeguardsFields.model_fields)


def test_an_empty_section_lacks_every_dimension_in_the_declared_order():
    assert dimensions_missing({}) == DIMENSIONS


@pytest.mark.parametrize("blank", [None, "", []])
def test_a_blank_is_no_value_and_zero_is_one(blank):
    whole = dict.fromkeys(DIMENSIONS, 1)
    assert dimensions_missing({**whole, "people": blank}) == ("people",)
    assert dimensions_missing({**whole, "people": 0}) == ()


@pytest.mark.parametrize("reason", ["", None])
def test_a_dimension_excused_without_a_reason_is_not_excused(reason):
    excused = {"not_applicable": [{"dimension": "money", "reason": reason}]}
    assert "money" in dimensions_missing(excused)
    assert "money" not in dimensions_missing({"not_applicable": [{"dimension": "money", "reason": "None is paid"}]})
