"""tanh, cosine and sine of a vector of rows, as code: no branch, no table.

The coefficients are the best for an even absolute error, found by weighted least squares (Lawson's
algorithm), from the highest power of x² down.
"""

from collections.abc import Sequence
from math import pi

from tabular_lstm.network.vector_code import Lanes

# tanh is x times this ratio within 9e-9 on ±8.3; beyond that it is within 1.3e-7 of ±1.
BOUND = 8.3
ABOVE = (1.4478659e-8, 2.13821726e-5, 3.54126918e-3, 0.134191271, 0.999999957)
BELOW = (8.22463025e-7, 3.36119829e-4, 2.60496225e-2, 0.467524428, 1.0)
# On ±π/2, within 5e-9 and 3e-10; the sine is x times its polynomial.
SINE = (2.60002413e-6, -1.98066014e-4, 8.3330171e-3, -0.166666571, 1.0)
COSINE = (-2.60768141e-7, 2.47618705e-5, -1.38884032e-3, 4.16666407e-2, -0.499999995, 1.0)
# π in two float32, and what rounds to a whole number where it is added and subtracted again.
HALF_TURN, REST = 3.1415927410125732, pi - 3.1415927410125732
ROUNDING = 1.5 * 2.0**23


def tanh(x: Lanes) -> tuple[Lanes, Lanes]:
    """Hyperbolic tangent as numerator and denominator, whose ratio is within 4e-7.

    An odd polynomial over an even one, of the degrees that Eigen has for float32.
    """
    x = x.clip(-BOUND, BOUND)
    square = x * x
    return x * _polynomial(square, ABOVE), _polynomial(square, BELOW)


def cosine_and_sine(x: Lanes) -> tuple[Lanes, Lanes]:
    """Cosine and sine within 3e-7, of what is at most 10^6 in size.

    Half turns are taken off; where their number is odd, both signs change.
    """
    half_turns = x.fma(1 / pi, ROUNDING) - ROUNDING
    rest = half_turns.fma(-REST, half_turns.fma(-HALF_TURN, x))
    odd = (half_turns.fma(0.5, ROUNDING) - ROUNDING).fma(-2.0, half_turns)
    sign = (odd * odd).fma(-2.0, 1.0)
    square = rest * rest
    return sign * _polynomial(square, COSINE), sign * rest * _polynomial(square, SINE)


def _polynomial(square: Lanes, coefficients: Sequence[float]) -> Lanes:
    value = square.code.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        value = value.fma(square, coefficient)
    return value
