"""The evidence of one indicator in the form its row names, and that of a trial: shared by acts and reads."""

from collections.abc import Sequence

from sandbox.rules.risk import INDICATORS, Kind, combine, log_e_bernoulli, log_e_up


def log_e(indicator: str, limit: float, events: int, exposures: float) -> float:
    """Log evidence that the indicator runs above its limit; nothing counted is no evidence."""
    row = INDICATORS.get(indicator)
    if row is not None and row.kind in (Kind.DISPARITY, Kind.RULE):
        return 0.0
    if row is not None and row.kind is Kind.BERNOULLI:
        return log_e_bernoulli(min(events, int(exposures)), int(exposures), limit)
    return log_e_up(events, limit * exposures) if exposures or events else 0.0


def combined(weights: Sequence[float], logs: Sequence[float]) -> float:
    """Log evidence of the trial; 0 where no limit was agreed."""
    return combine(weights, logs) if weights else 0.0
