"""Write the forward pass of rows without each feature in turn, as code for a vector of rows.

Whatever a feature is put to, the rows are embedded once, and what the first LSTM reads of them is
summed once. Without a feature only its part of one step's sums is another: its vector for "missing"
less its own, by its weights. So it takes as long for wide tables as for narrow ones, and where a
feature is missing already, or has weights that are 0, no bit changes.

Arrays are those of `tabular_lstm.network.kernel_code`, but for these:

    numbers   float32 (N, (V + 1)·L), of which the last vector is NaN
    index     int64 (C, (V + 1)·L), of which the last vector is of what is missing
    slots     int64 (2, N + C), each number's slot and each category's, then the steps they are in
    scratch   float32 (scratch_without(sizes) · L,), zeros at first
    logits    float32 (k, N + C, V·L), without each slot's feature
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from tabular_lstm.network.kernel_code import Member, Read, sums
from tabular_lstm.network.kernel_sizes import SIDE_BY_SIDE, Sizes, unit_weights
from tabular_lstm.network.vector_code import Code, Lanes, Place, Whole


def scratch_without(sizes: Sizes) -> int:
    """Vectors of what is kept: as always, the vectors for "missing", the sums."""
    first_reads = (sizes.steps + 1) * _of_step(sizes) + sizes.dimensions
    return sizes.scratch + sizes.steps * sizes.inputs + first_reads


def without_code(sizes: Sizes, lanes: int) -> Code:
    """Write the forward pass without each feature, of so many rows a vector.

    Its arguments are the places of the arrays in their order, and V, which is at least 1.
    """
    code = Code(lanes, pointers=7, wholes=1)
    numbers, index, slots, weights, table, scratch, logits, vectors = code.arguments()
    steps, missing = scratch.after_vectors(sizes.waves), scratch.after_vectors(sizes.scratch)
    features = sizes.numbers + sizes.categories

    def member(k: Whole) -> None:
        own = Member.of(sizes, k, weights, table)
        read = _FirstReads.at(missing.after_vectors(sizes.steps * sizes.inputs), own)

        def vector(v: Whole) -> None:
            own.embed(numbers, index, slots, scratch, steps, v, vectors + 1)
            read.sum_up(steps)

            def without(feature: Whole) -> None:
                slot, step = slots.whole(feature), slots.whole(feature + features)
                read.put(slot, step, steps, missing)
                logits[(k * features + slot) * vectors + v] = own.logit(scratch, read.sums)
                read.put_back(step)

            code.repeat(features, without)

        own.embed(numbers, index, slots, scratch, missing, vectors, vectors + 1)
        code.repeat(vectors, vector)

    code.repeat(sizes.members, member)
    return code


@dataclass(frozen=True)
class _FirstReads:
    """What the first LSTM reads of a vector of rows: sums that are kept, and changed for a while.

    Attributes:
        all: (T, 2, u, 4), for each step, direction and unit.
        before: (2, u, 4), those of one step as they were before they were changed.
        change: (d,), what is added to a feature's vector.
    """

    member: Member
    all: Place
    before: Place
    change: Place

    @classmethod
    def at(cls, place: Place, member: Member) -> Self:
        """Keep them from this place on."""
        before = place.after_vectors(member.sizes.steps * _of_step(member.sizes))
        return cls(member, place, before, before.after_vectors(_of_step(member.sizes)))

    def sums(self, direction: int, step: Whole, unit: Whole) -> list[Lanes]:
        """Give a unit's sums, as `Read` does."""
        own = self._place(direction, step, unit)
        return [own[gate] for gate in range(SIDE_BY_SIDE)]

    def sum_up(self, steps: Place) -> None:
        """Sum up what is read of steps (T, inputs)."""
        read: Read = self.member.first_reads(steps)

        def each(direction: int, step: Whole, unit: Whole) -> None:
            own = self._place(direction, step, unit)
            for gate, one in enumerate(read(direction, step, unit)):
                own[gate] = one

        self.all.code.repeat(self.member.sizes.steps, lambda step: self._units(step, each))

    def put(self, slot: Whole, step: Whole, steps: Place, others: Place) -> None:
        """Put a slot, which is in this step, to its vector among others (T, inputs)."""
        code, sizes = self.all.code, self.member.sizes
        vector = slot * sizes.dimensions
        # Its inputs among those of its step.
        inputs = vector + step * -sizes.inputs
        weights = self.member.recur.after(inputs * SIDE_BY_SIDE)

        def subtract(i: Whole) -> None:
            self.change[i] = others[vector + i] - steps[vector + i]

        def add(direction: int, step: Whole, unit: Whole) -> None:
            own, sums_before = self._place(direction, step, unit), self.sums(direction, step, unit)
            of_unit = unit + direction * sizes.units[0]
            by = weights.after(of_unit * unit_weights(*sizes.layers[0]))
            for gate, one in enumerate(sums(sums_before, self.change, sizes.dimensions, by)):
                self.before[of_unit * SIDE_BY_SIDE + gate] = sums_before[gate]
                own[gate] = one

        code.repeat(sizes.dimensions, subtract)
        self._units(step, add)

    def put_back(self, step: Whole) -> None:
        """Put this step's sums back."""
        own = self._place(0, step, self.all.code.whole(0))

        def one(i: Whole) -> None:
            own[i] = self.before[i]

        self.all.code.repeat(_of_step(self.member.sizes), one)

    def _place(self, direction: int, step: Whole, unit: Whole) -> Place:
        of_unit = (unit + direction * self.member.sizes.units[0]) * SIDE_BY_SIDE
        return self.all.after_vectors(step * _of_step(self.member.sizes) + of_unit)

    def _units(self, step: Whole, body: Callable[[int, Whole, Whole], None]) -> None:
        """Repeat for each unit, forwards and then backwards."""
        code, u = self.all.code, self.member.sizes.units[0]
        code.repeat(u, lambda unit: body(0, step, unit))
        code.repeat(u, lambda unit: body(1, step, unit))


def _of_step(sizes: Sizes) -> int:
    """Sums that the first LSTM makes of a step."""
    return 2 * sizes.units[0] * SIDE_BY_SIDE
