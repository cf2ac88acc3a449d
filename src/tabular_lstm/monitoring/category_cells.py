"""The cells in which rows are counted by category, and which rows count as unknown."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

CELLS = 200


def categories_of(categories: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the categories of each cell, without the cells of missing and unknown values.

    At most 200 categories have a cell each, in the schema's order. More categories are distributed
    over 200 cells by a hash of their text; empty cells are left out. So the cells do not depend on
    counts that are compared later, and a rare category that becomes common changes its cell's
    share.
    """
    if len(categories) <= CELLS:
        return tuple((category,) for category in categories)
    cells: dict[int, list[str]] = {}
    for category in categories:
        digest = blake2b(category.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        cells.setdefault(int.from_bytes(digest, "big") % CELLS, []).append(category)
    return tuple(tuple(cells[cell]) for cell in sorted(cells))


def cells_of(categories: Sequence[str]) -> np.ndarray:
    """Return the cell in `Profile.counts` for each place in the schema's list: int64 (places + 2,).

    The last two cells are for a category that the schema does not know, and a missing value.
    """
    named = categories_of(categories)
    cells = {category: cell for cell, some in enumerate(named, 1) for category in some}
    return np.array([*(cells[c] for c in categories), len(named) + 1, 0], np.int64)


def count_categories(places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Count categories in the order of `Profile.counts`, by `cells_of`: int64."""
    which = np.where(np.isnan(places), len(cells) - 1, places).astype(np.int64)
    rows = np.bincount(which, minlength=len(cells))
    counts = np.zeros(cells.max() + 1, np.int64)
    np.add.at(counts, cells, rows)
    return counts


def would_be_unknown(places: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return which train rows have a category that no row outside their group has, bool (rows,).

    The schema knows all categories of the train rows, but not all categories of new rows. Leaving
    out each train row in turn estimates the unknown share. So these rows count as unknown.

    Source: Good, "The population frequencies of species and the estimation of population
    parameters", Biometrika 40, 1953.
    """
    known = ~np.isnan(places)
    some = places[known].astype(np.int64)
    if groups is not None and len(some):
        codes = np.unique(groups[known], return_inverse=True)[1]
        pairs = np.unique(some * len(places) + codes)
        having = np.bincount(pairs // len(places))
    else:
        having = np.bincount(some)
    alone = np.zeros(len(places), bool)
    alone[known] = having[some] == 1
    return alone
