"""The distinct cells of a column, and how often each is there: what all else is learned from."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tabular_lstm.rows.cells import EMPTY

# Cells by which most patterns are ruled out before all are looked at.
FIRST = 50
# Distinct cells of pieces that wait to be merged; share of them from which nothing is saved.
MERGED, NEARLY_ALL = 2**16, 0.8


@dataclass(frozen=True)
class Cells:
    """The distinct cells of a column.

    Attributes:
        texts: Without white space around them, in the order in which they first appear.
        counts: int64, how often each is in the column.
        missing: Cells that are empty or hold a word that always means "missing"; not in `texts`.
        words: The words that always mean "missing" which the column holds, with their counts.
        rising: Whether no row has a text that comes before that of the row above it.
    """

    texts: pa.Array
    counts: np.ndarray
    missing: int
    words: dict[str, int]
    rising: bool = False

    @property
    def present(self) -> int:
        """How many cells hold something."""
        return int(self.counts.sum())

    def only(self, chosen: np.ndarray) -> "Cells":
        """Give some of the distinct cells alone, as a mask says."""
        texts = self.texts.filter(pa.array(chosen))
        return Cells(texts, self.counts[chosen], self.missing, self.words, self.rising)

    def first(self, count: int) -> "Cells":
        """Give the first distinct cells alone."""
        texts, counts = self.texts[:count], self.counts[:count]
        return Cells(texts, counts, self.missing, self.words, self.rising)

    def top(self, count: int) -> dict[str, int]:
        """Give the most frequent cells, the first of equally frequent ones first."""
        order = np.argsort(-self.counts, kind="stable")[:count]
        return dict(
            zip(self.texts.take(order).to_pylist(), self.counts[order].tolist(), strict=True)
        )

    def share(self, chosen: np.ndarray) -> float:
        """Give the share of the column's present cells that these distinct cells are."""
        return float(self.counts[chosen].sum()) / max(self.present, 1)

    def all_match(self, pattern: str) -> bool:
        """Tell whether each cell is as the pattern says, from its start to its end."""
        whole = f"^(?:{pattern})$"
        return all(
            pc.all(pc.match_substring_regex(texts, whole)).as_py()
            for texts in (self.texts.slice(0, 1), self.texts.slice(0, FIRST), self.texts)
        )


class Counted:
    """Counts the distinct cells of a column piece by piece; each is in memory once or twice."""

    def __init__(self) -> None:
        # Distinct texts and their counts: those of all pieces that were merged, and of each since.
        self._texts: list[pa.Array] = []
        self._counts: list[np.ndarray] = []
        self._most = MERGED
        self._rising, self._last = True, ""

    def add(self, column: pa.Array | pa.ChunkedArray) -> None:
        """Count the cells of the next piece."""
        if self._rising:
            self._compare(column)
        found = column.value_counts()
        if sum(map(len, self._counts)) > self._most:
            self._merge()
        self._texts.append(found.field("values"))
        self._counts.append(found.field("counts").to_numpy(zero_copy_only=False))

    def take(self, counted: "Counted") -> None:
        """Count the cells that another one has counted, which need not follow upon these."""
        self._rising = not self._texts and counted._rising
        self._texts += counted._texts
        self._counts += counted._counts

    def are_unique(self) -> bool:
        """Tell whether no cell was there twice."""
        self._merge()
        return bool((self._counts[0] == 1).all())

    def cells(self) -> Cells:
        """Give all that were counted."""
        self._merge()
        texts, counts = self._texts[0], self._counts[0]
        trimmed = pc.utf8_trim_whitespace(texts)
        if not trimmed.equals(texts):
            texts, counts = _as_one(trimmed, counts)
        absent = _say_nothing(texts)
        if not absent.any():
            return Cells(texts, counts, 0, {}, self._rising)
        words = texts.filter(pa.array(absent)).to_pylist()
        said = dict(zip(words, counts[absent].tolist(), strict=True))
        return Cells(
            texts.filter(pa.array(~absent)),
            counts[~absent],
            int(counts[absent].sum()),
            {word: count for word, count in said.items() if word},
            self._rising,
        )

    def _compare(self, column: pa.Array | pa.ChunkedArray) -> None:
        """Look whether no cell comes before the one above it."""
        for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            if not len(chunk):
                continue
            texts = pc.utf8_trim_whitespace(chunk)
            later = pc.all(pc.less_equal(texts[:-1], texts[1:]), min_count=0).as_py()
            self._rising = bool(later) and self._last <= texts[0].as_py()
            self._last = texts[-1].as_py()
            if not self._rising:
                return

    def _merge(self) -> None:
        if len(self._texts) > 1:
            texts, counts = pa.concat_arrays(self._texts), np.concatenate(self._counts)
            before = len(texts)
            self._texts.clear()
            self._counts.clear()
            texts, counts = _as_one(texts, counts)
            # The next merge takes time for all: it waits for as many texts, and where this one
            # found hardly any twice, and saved no memory, for more.
            self._most = max(MERGED, len(texts) * (2 if len(texts) < NEARLY_ALL * before else 5))
            self._texts.append(texts)
            self._counts.append(counts)


def _say_nothing(texts: pa.Array) -> np.ndarray:
    """Tell which texts are empty or a word that always means "missing"."""
    found: np.ndarray = np.zeros(len(texts), bool)
    longest = max(map(len, EMPTY))
    short = pc.less_equal(pc.binary_length(texts), longest).to_numpy(zero_copy_only=False)
    lower = pc.utf8_lower(texts.filter(pa.array(short)))
    words = pa.array(sorted(EMPTY), lower.type)
    found[short] = pc.is_in(lower, words).to_numpy(zero_copy_only=False)
    return found


def _as_one(texts: pa.Array, counts: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Count texts that are there twice together."""
    encoded = texts.dictionary_encode()
    together = np.bincount(encoded.indices, counts, minlength=len(encoded.dictionary))
    return encoded.dictionary, together.astype(np.int64)


def cells_of(column: pa.ChunkedArray) -> Cells:
    """Count the distinct cells of a column of text."""
    counted = Counted()
    counted.add(column)
    return counted.cells()
