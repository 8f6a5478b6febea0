"""Leaves, roots and paths of a batch's lines: the same as RFC 6962 and our own log's tree."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.store.fields import canonical
from sandbox.store.lines import SALT, SLICE, leaf_of, matches, path_of, root_of, salts, seal_of
from sandbox.store.log import Tree, leaf_hash, root_from_proof

KEYS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))


@given(st.integers(1, 200_000), KEYS, st.binary(min_size=1, max_size=80))
def test_a_leaf_is_canonical_json(line: int, key: str | None, report: bytes):
    seal = seal_of(salts(1)[0], report)
    leaf = leaf_of("ba_1", line, "fb_1", key, seal)
    assert canonical(json.loads(leaf)) == leaf
    assert json.loads(leaf)["key"] == key


def test_a_seal_tells_its_report_from_another():
    seal = seal_of(bytes(SALT), b"report")
    assert matches(seal, b"report")
    assert not matches(seal, b"another") and not matches(None, b"report")


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 13, 64, 100])
def test_every_path_leads_to_the_root_of_the_logs_own_tree(number: int):
    leaves = [f"line {place}".encode() for place in range(number)]
    hashes, tree = [leaf_hash(leaf) for leaf in leaves], Tree()
    for hashed in hashes:
        list(tree.append(hashed))
    assert root_of(hashes) == tree.root()
    for place, leaf in enumerate(leaves):
        path = [step.hex() for step in path_of(place, hashes)]
        assert root_from_proof(place, number, leaf, path) == tree.root()


@pytest.mark.parametrize("number", [SLICE - 1, SLICE, SLICE + 1, 3 * SLICE + 5])
def test_a_path_inside_a_slice_and_one_over_the_slices_are_one_path(number: int):
    leaves = [b"%d" % place for place in range(number)]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    slices = [hashes[at:at + SLICE] for at in range(0, number, SLICE)]
    roots = [root_of(one) for one in slices]
    assert root_of(roots) == root_of(hashes)
    for place in (0, number // 2, number - 1):
        inside = path_of(place % SLICE, slices[place // SLICE])
        path = [step.hex() for step in (*inside, *path_of(place // SLICE, roots))]
        assert root_from_proof(place, number, leaves[place], path) == root_of(hashes)
