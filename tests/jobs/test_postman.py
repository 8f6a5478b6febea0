"""The postman delivers until told to stop, whatever happens to one pass, and a slow channel keeps no other waiting."""

import threading
from typing import Any

import pytest

from sandbox.jobs.postman import LONGEST_GOODBYE_S, Postman
from sandbox.jobs.program import Program
from sandbox.store.channels import ChannelKind
from sandbox.store.settings import Settings

PATIENCE_S = 10
pytestmark = pytest.mark.only_on("sqlite")


def quick(program: Program) -> Program:
    return Program(**{**vars(program), "settings": Settings(**{**vars(program.settings), "tick_seconds": 1})})


def test_a_channel_that_hangs_keeps_no_other_waiting_and_no_goodbye(program: Program) -> None:
    others, hangs = threading.Event(), threading.Event()
    seen: set[ChannelKind] = set()

    def delivering(_program: Program, kinds: tuple[ChannelKind]) -> None:
        if kinds[0] is ChannelKind.MAIL:
            hangs.wait(PATIENCE_S)
            return
        seen.add(kinds[0])
        if len(seen) == len(ChannelKind) - 1:
            others.set()

    postman = Postman(program, delivering)
    postman.start()
    assert others.wait(PATIENCE_S)
    stopping = threading.Thread(target=postman.stop)
    stopping.start()
    stopping.join(LONGEST_GOODBYE_S + 1)
    assert not stopping.is_alive()
    hangs.set()


def test_a_pass_that_fails_is_not_the_last(program: Program) -> None:
    passes: list[Any] = []
    again = threading.Event()

    def delivering(_program: Program, kinds: tuple[ChannelKind]) -> None:
        passes.append(kinds)
        if passes.count(kinds) == 2:
            again.set()
        raise OSError("the network is down")

    postman = Postman(quick(program), delivering)
    postman.start()
    assert again.wait(PATIENCE_S)
    postman.stop()


def test_nothing_begins_after_the_end(program: Program) -> None:
    passes: list[Any] = []
    postman = Postman(program, lambda _program, kinds: passes.append(kinds))
    postman.stop()
    postman.start()
    for thread in postman._threads:
        thread.join(PATIENCE_S)
    assert passes == []
