"""What people see: the landing page of each role, lists, everything about one trial, and every form. By noun."""

from flask import Flask

from sandbox.web.pages import (
    adoption,
    allegations,
    annual,
    boards,
    changes,
    citations,
    clocks,
    corrections,
    corrective,
    decisions,
    deputies,
    duty,
    feedback,
    fees,
    files,
    guidance,
    held,
    holds,
    imports,
    incident,
    incidents,
    late_reds,
    links,
    moves,
    no_use,
    panel,
    permits,
    recusals,
    register_entries,
    register_lists,
    register_names,
    registers,
    report_history,
    retractions,
    reviewers,
    reviews,
    scenarios,
    sections,
    timetable,
    trials,
    uploads,
    votes,
    withdrawals,
)
from sandbox.web.pages.shapes import PAGES

NOUNS = (
    adoption, allegations, annual, boards, changes, citations, clocks, corrections, corrective, decisions, deputies,
    duty, feedback, fees, files, guidance, held, holds, imports, incident, incidents, late_reds, links, moves, no_use,
    panel, permits, recusals, register_entries, register_lists, register_names, registers, report_history, retractions,
    reviewers, reviews, scenarios, sections, timetable, trials, uploads, votes, withdrawals,
)
"""Reading a noun's file puts its routes on the blueprint."""


def enter(app: Flask) -> None:
    """The landing page, which anyone may ask for, and every other page behind its guard."""
    app.add_url_rule("/", "home", boards.home)
    app.register_blueprint(PAGES)
