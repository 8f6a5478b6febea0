"""What a panel must be made of, by kind and tier, and what it still lacks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.cadence import TIERS
from sandbox.rules.panels import CONSTITUENCIES, KNOWN, Member, knowing, lacking, required, said
from sandbox.words import say

AI, TRADE = Member("research", ("ai",)), Member("industry", ("trade",))
LAW, ETHICS = Member("market", ("law",), external=True), Member("market", ("ethics",), external=True)
PANELS = ("review", "rereview", "running")
members = st.lists(st.builds(
    Member, st.sampled_from(CONSTITUENCIES),
    st.lists(st.sampled_from(("ai", "trade", "law", "ethics")), max_size=3).map(tuple), st.booleans(),
    st.sampled_from(("", "guild", "users"))), max_size=8)


def names(panel: str, tier: str | None, *there: Member) -> list[str]:
    return [one.key.removeprefix("lack.") for one in lacking(panel, tier, there)]


@pytest.mark.parametrize(("panel", "tier", "there", "lacks"), [
    ("running", "R1", (AI, TRADE), ["market"]),
    ("running", "R2", (AI, TRADE, LAW), []),
    ("running", "R3", (AI, TRADE, LAW), ["members"]),
    ("running", "R3", (AI, AI, TRADE, TRADE, Member("market", ())), ["law_or_ethics"]),
    ("running", "R4", (AI, AI, TRADE, TRADE, LAW), ["ethics"]),
    ("running", "R4", (AI, AI, TRADE, LAW, ETHICS), []),
    ("review", "R2", (AI, TRADE, TRADE), ["external"]),
    ("review", None, (ETHICS,), ["members", "ai", "trade", "law"]),
    ("rereview", "R4", (AI, TRADE, LAW, ETHICS), ["members"]),
    ("rereview", "R4", tuple(replace(one, body="guild") for one in (AI, TRADE, LAW, ETHICS, AI)), ["bodies"]),
])
def test_a_panel_lacks_what_its_kind_and_tier_ask(panel: str, tier: str | None, there: tuple[Member, ...],
                                                  lacks: list[str]) -> None:
    assert names(panel, tier, *there) == lacks


def test_ai_and_the_trade_are_on_every_panel_and_a_graver_tier_never_asks_for_less() -> None:
    assert all(KNOWN[tier][:2] == (("ai",), ("trade",)) for tier in TIERS)
    for panel in PANELS:
        asked = [required(panel, tier) for tier in sorted(TIERS)]
        assert [one.members for one in asked] == sorted(one.members for one in asked)
        assert [len(one.known) for one in asked] == sorted(len(one.known) for one in asked)


def test_what_is_missing_is_one_sentence_in_each_language() -> None:
    lacks = lacking("running", "R4", [TRADE, TRADE, TRADE, TRADE])
    assert say(said(lacks), "en") == ("Still missing: 1 more member, a member from a research institute, a member from "
                                      "the market and user side, an expert in AI, an expert in law and an expert in "
                                      "ethics.")
    assert say(said(lacks), "zh_Hans").startswith("尚缺\uff1a还差 1 名成员、")


@given(st.sampled_from(PANELS), st.sampled_from(sorted(TIERS)), members, members)
def test_more_members_never_make_a_panel_lack_more(panel: str, tier: str, there: list[Member],
                                                   more: list[Member]) -> None:
    fewer, before = ({name.replace("bodies", "members") for name in names(panel, tier, *those)}
                     for those in ([*there, *more], there))
    assert fewer <= before
    assert knowing(tier, there) <= knowing(tier, [*there, *more])
