"""Acts whose outcomes are counted for Prometheus, whoever does them: a page, the API, a command or the clock."""

from typing import Any

import sqlalchemy as sa
from prometheus_client import Counter

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotFound, Refused
from sandbox.store.door import Busy, Unknown

ACTS_DONE = Counter("sandbox_acts", "Acts, by outcome: done, refused, invalid, not_found, storage, bug.",
                    ["act", "outcome"])
OUTCOMES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (NotFound, "not_found"), (Refused, "refused"), ((Invalid, ValueError), "invalid"),
    ((Busy, Unknown, sa.exc.DBAPIError), "storage"),
)


class CountedActs(Acts):
    """Acts whose outcomes are counted."""

    def do(self, name: str, *arguments: Any, **more: Any) -> Any:
        try:
            done = super().do(name, *arguments, **more)
        except Exception as error:
            ACTS_DONE.labels(name, next((said for kinds, said in OUTCOMES if isinstance(error, kinds)), "bug")).inc()
            raise
        ACTS_DONE.labels(name, "done").inc()
        return done
