"""How numbers look in tables."""

from __future__ import annotations

from hwsim.models.science.intervals import Interval
from hwsim.models.science.matching import Difference


def percent(value: float | None) -> str:
    """A fraction as 20.97 %."""
    return "-" if value is None else f"{100 * value:.2f} %"


def spread(value: tuple[float, float | None] | None) -> str:
    """(mean, standard deviation) of fractions as 80.1 ± 0.5, in percent."""
    return _spread(value, 100, 1)


def spread_of_nats(value: tuple[float, float | None] | None) -> str:
    """The same of losses, as 0.463 ± 0.020."""
    return _spread(value, 1, 3)


def _spread(value: tuple[float, float | None] | None, factor: float, digits: int) -> str:
    if value is None:
        return "-"
    mean, deviation = value
    return f"{factor * mean:.{digits}f}" + (
        "" if deviation is None else f" ± {factor * deviation:.{digits}f}"
    )


def points(value: Interval | None) -> str:
    """A difference of fractions as +1.20 [0.30, 2.10], in percentage points."""
    return _interval(value, 100, 2)


def nats(value: Interval | None) -> str:
    """A difference of losses as -0.012 [-0.020, -0.004]."""
    return _interval(value, 1, 3)


def _interval(value: Interval | None, factor: float, digits: int) -> str:
    if value is None:
        return "-"
    mean = f"{factor * value.mean:+.{digits}f}"
    if value.low is None or value.high is None:
        return mean
    return f"{mean} [{factor * value.low:.{digits}f}, {factor * value.high:.{digits}f}]"


def p(value: float | None) -> str:
    """A p value: three digits, and never 0."""
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def yes(value: bool | None) -> str:
    """yes, no, or - where it was not asked."""
    return "-" if value is None else "yes" if value else "no"


def verdict(value: Difference, least: bool = False) -> str:
    """What the first is: better, worse, or - where they are not separated; `least` if small is good."""
    if not value.separated:
        return "-"
    return "worse" if (value.interval.mean > 0) == least else "better"


def count(value: float | None) -> str:
    """A number of things."""
    return "-" if value is None else f"{value:,.0f}"


def kibibytes(value: float | None) -> str:
    """Bits as KiB."""
    return "-" if value is None else f"{value / 8192:,.1f}"


def three(value: float | None) -> str:
    """A number with three decimals."""
    return "-" if value is None else f"{value:.3f}"
