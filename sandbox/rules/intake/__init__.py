"""Intake (导入): somebody's list in, a proposal out. Bytes become a table, a mapping says what its columns mean, and
nothing is written: what to add is decided by the act that reads the proposal."""

from sandbox.rules.intake.mapping import BadMapping, Mapping, delivered_mapping, delivered_mappings, read_mapping
from sandbox.rules.intake.matching import tables_for
from sandbox.rules.intake.proposal import Event, Period, Proposal, Trial
from sandbox.rules.intake.proposing import propose
from sandbox.rules.intake.reading import read_rows
from sandbox.rules.intake.register import Change, Entry, ListProposal, propose_list
from sandbox.rules.intake.table import Remark, Row, Table

__all__ = [
    "BadMapping", "Change", "Entry", "Event", "ListProposal", "Mapping", "Period", "Proposal", "Remark", "Row", "Table",
    "Trial", "delivered_mapping", "delivered_mappings", "propose", "propose_list", "read_mapping", "read_rows",
    "tables_for",
]
