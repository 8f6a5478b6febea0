"""What is declared is built at its first use, also where many threads come first at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sandbox.acts.act import Done
from sandbox.store.fields import Fields
from sandbox.web.api.shapes import Shape

THREADS, KINDS = 16, 20


def test_many_threads_may_be_the_first_to_use_what_is_declared() -> None:
    declared = [type(f"{base.__name__}{number}", (base,), {"__annotations__": {"n": int, "words": list[str]}})
                for base in (Fields, Shape, Done) for number in range(KINDS)]
    start = Barrier(THREADS)

    def use(_thread: int) -> list[int]:
        start.wait()
        return [kind.model_validate({"n": place, "words": ["a"]}).n for place, kind in enumerate(declared)]

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(use, range(THREADS))) == [list(range(len(declared)))] * THREADS
    assert all(kind.__pydantic_complete__ for kind in declared)
