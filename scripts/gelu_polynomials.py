"""The polynomials and roots in `assay.activations`, from 60 digits. Needs mpmath.

With t = |x|, z = (t − 2)/(t + 2), and Mills' ratio M(t) = (1 − Φ(t))/φ(t):
TAIL(z) = (t + 2) M(t)/√(2π) and SLOPE(z) = (M(t) − t)/(t − t₀)/√(2π), M(t₀) = t₀.
Interpolated at Chebyshev's points of z in [−1, 3/4], which is t in [0, 14].
"""

import mpmath as mp

mp.mp.dps = 60
LOW, HIGH = mp.mpf(-1), mp.mpf(3) / 4


def mills(t):
    return mp.sqrt(mp.pi / 2) * mp.exp(t * t / 2) * mp.erfc(t / mp.sqrt(2))


def chebyshev(f, degree):
    """Coefficients of the interpolant in powers of z, lowest first."""
    n = degree + 1
    points = [mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    points = [(LOW + HIGH) / 2 + (HIGH - LOW) / 2 * p for p in points]
    rows = mp.matrix([[z**k for k in range(n)] for z in points])
    return list(
        mp.lu_solve(rows, mp.matrix([f(2 * (1 + z) / (1 - z)) for z in points]))
    )


def worst(f, coefficients):
    """The greatest relative error, in units of 2⁻²⁴."""
    grid = [LOW + (HIGH - LOW) * k / 1000 for k in range(1001)]
    true = [f(2 * (1 + z) / (1 - z)) for z in grid]
    got = [mp.polyval([float(c) for c in reversed(coefficients)], z) for z in grid]
    return float(max(abs(g / t - 1) for g, t in zip(got, true, strict=True)) * 2**24)


def main():
    root = mp.findroot(lambda t: mills(t) - t, 0.75)
    print("_GELU_ROOT =", float(root))
    for name, f in {
        "_TAIL": lambda t: (t + 2) * mills(t) / mp.sqrt(2 * mp.pi),
        "_SLOPE": lambda t: (mills(t) - t) / (t - root) / mp.sqrt(2 * mp.pi),
    }.items():
        degree = next(d for d in range(6, 20) if worst(f, chebyshev(f, d)) < 0.1)
        coefficients = chebyshev(f, degree)
        print(f"{name} = (  # error {worst(f, coefficients):.2f} · 2⁻²⁴")
        print(*(f"    {float(c):.10g}," for c in coefficients), ")", sep="\n")
    print("_SILU_ROOT =", float(mp.findroot(lambda x: 1 + mp.exp(x) + x, -1.278)))
    a = mp.sqrt(8 / mp.pi)
    b = a * mp.mpf("0.044715")

    def slope(x):
        return 1 + mp.exp(x * (a + b * x * x)) + x * (a + 3 * b * x * x)

    print("_TANH_ROOT =", float(mp.findroot(slope, -0.7525)))


if __name__ == "__main__":
    main()
