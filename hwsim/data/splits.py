"""Splits that the publishers did not make, by rules that depend on the texts alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from hwsim.data.formats import Example


def key(example: Example) -> str:
    """SHA-256 of a text in lower case without white space: copies that differ in spacing share it."""
    return hashlib.sha256("".join(example.text.lower().split()).encode()).hexdigest()


def without(examples: Iterable[Example], other: Iterable[Example]) -> list[Example]:
    """The examples whose text does not occur in `other`."""
    taken = {key(example) for example in other}
    return [example for example in examples if key(example) not in taken]


def held_out(examples: Sequence[Example], count: int) -> list[Example]:
    """`count` different texts, each class by its share: those of a class whose keys come first.

    The rule looks at the texts and not at their order, so that copies of a data set in another order are
    split alike. Shares are rounded to the largest remainder, the lower label first among equals.
    """
    classes: dict[float, dict[str, Example]] = defaultdict(dict)
    for example in examples:
        classes[example.label].setdefault(key(example), example)
    total = sum(len(members) for members in classes.values())
    share = {label: len(members) * count / total for label, members in classes.items()}
    number = {label: int(wanted) for label, wanted in share.items()}
    for label in sorted(share, key=lambda one: (number[one] - share[one], one))[
        : count - sum(number.values())
    ]:
        number[label] += 1
    return [classes[label][k] for label in sorted(classes) for k in sorted(classes[label])[: number[label]]]
