"""A row that was trained on is known again by its fingerprint, and no other row is."""

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.rows.fingerprints import Fingerprints, of_keys, of_sequences

SEQUENCES = np.random.default_rng(0).normal(size=(1000, 4, 2)).astype(np.float32)
KEYS = pd.Series([f"P{place}" for place in range(1000)], name="patient")


def test_rows_that_were_trained_on_are_known_and_no_others() -> None:
    kept = Fingerprints.of_rows(SEQUENCES[::2], KEYS[::2])
    expected = np.arange(1000) % 2 == 0
    np.testing.assert_array_equal(kept.hold(SEQUENCES), expected)
    np.testing.assert_array_equal(kept.hold(SEQUENCES[::-1], KEYS), expected)
    # Keys of another column are other keys.
    np.testing.assert_array_equal(kept.hold(SEQUENCES, KEYS[::-1].rename("visit")), expected)


def test_a_fingerprint_is_that_of_the_row_alone() -> None:
    order = np.random.default_rng(1).permutation(len(SEQUENCES))
    np.testing.assert_array_equal(of_sequences(SEQUENCES[order]), of_sequences(SEQUENCES)[order])
    # Written down: a champion's fingerprints are compared with those of later versions.
    assert of_sequences(np.ones((1, 2, 2), np.float32)).tolist() == [5149200979559279256]
    assert of_keys(pd.Series(["ключ"])).tolist() == [2362285139686184012]


def test_each_way_to_hold_a_zero_or_a_missing_value_is_the_same_row() -> None:
    other_nan = np.array([0x7FC00001], np.uint32).view(np.float32)[0]
    alike = np.array([[0.0, np.nan], [-0.0, np.nan], [0.0, other_nan], [0.0, -np.nan]], np.float32)
    assert len(set(of_sequences(alike[:, None]).tolist())) == 1
    assert len(set(of_sequences(np.eye(3, dtype=np.float32)[:, None]).tolist())) == 3


def test_other_fingerprints_have_another_hash() -> None:
    kept = Fingerprints.of_rows(SEQUENCES, KEYS)
    assert Fingerprints.of_rows(SEQUENCES[::-1], KEYS[::-1]).sha256 == kept.sha256
    for other in (
        Fingerprints.of_rows(SEQUENCES[1:], KEYS),
        Fingerprints.of_rows(SEQUENCES, KEYS[1:]),
        Fingerprints.of_rows(SEQUENCES, KEYS.rename("visit")),
        Fingerprints.of_rows(SEQUENCES, None),
    ):
        assert other.sha256 != kept.sha256


def test_fingerprints_of_no_row_prove_nothing_and_are_refused() -> None:
    none = np.array([], np.uint64)
    with pytest.raises(ValueError, match="at least one row"):
        Fingerprints(none, none)
    with pytest.raises(ValueError, match="at least one row"):
        Fingerprints(np.array([1], np.uint64), none, "patient")
    with pytest.raises(ValueError, match="uint64"):
        Fingerprints(np.array([1.5]), none)


GROUPS = pd.Series([f"G{place // 4}" for place in range(1000)], name="ward")


def test_rows_of_a_group_that_was_trained_on_are_known_with_those_that_were_not() -> None:
    kept = Fingerprints.of_rows(SEQUENCES[:500:2], KEYS[:500:2], GROUPS[:500:2])
    expected = np.arange(1000) < 500
    np.testing.assert_array_equal(kept.hold(SEQUENCES, KEYS, GROUPS), expected)
    np.testing.assert_array_equal(kept.hold(SEQUENCES, None, GROUPS), expected)
    # A key that was trained on is known in whatever group it is.
    np.testing.assert_array_equal(
        kept.hold(SEQUENCES, KEYS, GROUPS + "new"), expected & (np.arange(1000) % 2 == 0)
    )
    # Groups of another column are other groups.
    assert kept.hold(SEQUENCES, None, GROUPS.rename("city")).sum() == 250
