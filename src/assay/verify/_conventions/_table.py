"""Conventions are data: which arguments of ours make which library's optimizer.

Verification, the documentation and `assay verify optim` read this one table.
"""

from assay.optim import MuonDimensionNumbers
from assay.verify._conventions._row import OPTAX, TORCH, keras, optax, paper, tf1, torch

M = ("momentum", "momentum")
ADAM = "m̂ / (√v̂ + eps)"
HAT = "m̂ / (√v̂ + eps/√(1−b2ᵗ))"
DECAY = " + weight_decay · p"
BELIEF = "m̂ / (√ŝ + eps), s ← b2 s + (1−b2)(g−m)²"
AHEAD = "(μₜ₊₁ m/(1−Πᵗ⁺¹μ) + (1−μₜ) g/(1−Πᵗμ)) / (√v̂ + eps), "
DELTA = "√(x + eps)/√(a + eps) · g"
RMS = "b, b ← momentum · b + rate · g/√(v + eps)"
RMS_LAST = "b, b ← momentum · b + g/(√v + eps)"
HEAVY = "b, b ← momentum · b + g"
TRUST = "‖p‖/‖u‖ · u, u = m̂ / (√v̂ + eps)"
FACTORED = "max(1e-3, rms(p)) · u, u = g/√(r cᵀ/mean(r)) clipped to rms 1"
FREE = "z ← z − rate · u, x ← (1−c) x + c z, p = b1 x + (1−b1) z"
FADING = "u · b2 rounded at every step"
ENLARGED = "roundings enlarged up to 3.4⁵ times"
LAST_RMS = {"decay": 0.99, "eps_in_sqrt": False, "rate_last": True}
# Five steps of Newton and Schulz enlarge what is small, roundings too, by up to this.
GROWTH = 3.4445**5
MOVES = {"params": True, "moves": True, "constant": True}
ROWS = MuonDimensionNumbers(reduction_axis=1, output_axis=0)
AXES = {"min_dim_size_to_factor": 1, "last_axes": True, "rate_cap": True}

ADAMS = (
    optax("adam", ADAM),
    torch("adam", "Adam", ADAM),
    keras(
        *("adam", "Adam", HAT),
        ours={"eps_hat": True},
        note="eps beside the uncorrected √v: 31.6 times larger at the first step",
        thread=f"{OPTAX}/issues/571",
    ),
    tf1("adam", HAT, ours={"eps_hat": True}, thread=f"{OPTAX}/issues/571"),
    paper("adam", ADAM, note="algorithm 1; the end of section 2 has TensorFlow 1's"),
    optax("adamw", ADAM + DECAY, ours={"weight_decay": 1e-4}, params=True),
    torch("adamw", "AdamW", ADAM + DECAY, ours={"weight_decay": 1e-2}, params=True),
    keras(
        *("adamw", "AdamW", HAT + DECAY),
        ours={"weight_decay": 4e-3, "eps_hat": True},
        params=True,
    ),
    paper(
        *("adamw", ADAM + ", and −weight_decay · p apart"),
        ours={"weight_decay": 1e-2, "decay_scaled": False},
        note="the decay takes the schedule's factor, not the rate",
        thread=f"{OPTAX}/issues/292",
        params=True,
    ),
    optax(
        *("amsgrad", "m̂ / (√max v̂ + eps)"),
        note="Optax alone takes the greatest after the correction",
        thread=f"{OPTAX}/issues/1389",
    ),
    torch(
        *("amsgrad", "Adam", "m̂ / (√(max v/(1−b2ᵗ)) + eps)"),
        ours={"max_before_correction": True},
        theirs={"amsgrad": True},
        thread=f"{OPTAX}/issues/1389",
    ),
    keras(
        *("amsgrad", "Adam", "m̂ / (√(max v/(1−b2ᵗ)) + eps/√(1−b2ᵗ))"),
        ours={"max_before_correction": True, "eps_hat": True},
        theirs={"amsgrad": True},
    ),
    paper(
        *("amsgrad", "m / (√max v + eps)"),
        ours={"bias_correction_mu": False, "bias_correction_nu": False},
        note="corrects neither mean, and has no eps",
    ),
    optax("adamax", "m̂/u, u ← max(b2 u, |g| + eps)", rounding=FADING),
    torch("adamax", "Adamax", "m̂/u, u ← max(b2 u, |g| + eps)", rounding=FADING),
    keras(
        *("adamax", "Adamax", "m̂/(u + eps), u ← max(b2 u, |g|)"),
        ours={"eps_in_max": False},
        rounding=FADING,
    ),
    optax(
        *("adamaxw", "m̂/u" + DECAY),
        ours={"weight_decay": 1e-4},
        params=True,
        rounding=FADING,
    ),
    optax(
        *("nadam", "(b1 m/(1−b1ᵗ⁺¹) + (1−b1) g/(1−b1ᵗ)) / (√v̂ + eps)"),
        note="Optax alone keeps b1 as it is",
        thread=f"{OPTAX}/pull/719",
    ),
    torch(
        *("nadam", "NAdam", AHEAD + "μₜ = b1 (1 − 0.96^(0.004 t)/2)"),
        ours={"momentum_decay": 0.004},
        low="keeps the product of the μ in float32",
        slack=1e-6,
    ),
    keras(
        *("nadam", "Nadam", AHEAD + "μₜ = b1 (1 − 0.96ᵗ/2)"),
        ours={"momentum_decay": 1.0},
    ),
    optax("nadamw", "nadam" + DECAY, ours={"weight_decay": 1e-4}, params=True),
    torch(
        *("nadamw", "NAdam", "nadam" + DECAY),
        ours={"momentum_decay": 0.004, "weight_decay": 1e-2},
        theirs={"weight_decay": 1e-2, "decoupled_weight_decay": True},
        params=True,
        low="keeps the product of the μ in float32",
        slack=1e-6,
    ),
    optax(
        *("radam", "r · " + ADAM + " where ρ ≥ 5, else m̂"),
        rounding="ρ and 1−bᵗ in float32",
    ),
    torch(
        *("radam", "RAdam", "r · " + HAT + " where ρ > 5, else m̂"),
        ours={"eps_hat": True},
        note="eps beside the uncorrected √v",
    ),
    optax("adabelief", BELIEF + " + eps_root", thread=f"{OPTAX}/issues/440"),
    paper(
        *("adabelief", BELIEF + " + eps"),
        ours={"eps": 1e-16, "eps_root": 1e-16},
        eps=("eps eps_root", ""),
        single=200 * 2**-25,  # eps = 1 gathers in s, which is rounded 200 times
        note="one eps in both places",
    ),
    optax(
        *("yogi", ADAM + ", v ← v − (1−b2) sign(v−g²) g²"),
        note="both means start at 1e-6, as in the authors' code",
    ),
    optax(
        *("adan", "(m̂ + (1−b2) v̂) / (√(n̂ + eps_root) + eps)"),
        note="Optax alone weighs the difference by 0.08, the paper by 0.92",
        thread=f"{OPTAX}/pull/1715",
    ),
    paper(
        *("adan", "(m̂ + b2 v̂) / (√n̂ + eps)"),
        ours={"b2_ahead": True, "eps_root": 0.0},
        note="its own β₂ is our 1−b2; the authors' code has b2",
        thread=f"{OPTAX}/pull/1715",
    ),
)

SQUARES = (
    optax("adadelta", DELTA),
    torch("adadelta", "Adadelta", DELTA),
    keras("adadelta", "Adadelta", DELTA, ours={"rho": 0.95}),
    optax("adagrad", "g/√(a + eps), a from 0.1"),
    torch(
        *("adagrad", "Adagrad", "g/(√a + eps), a from 0"),
        ours={"initial_accumulator_value": 0.0, "eps": 1e-10, "eps_in_sqrt": False},
    ),
    keras("adagrad", "Adagrad", "g/√(a + eps), a from 0.1"),
    tf1("adagrad", "g/√a, a from 0.1", ours={"eps": 0.0}, eps=None),
    optax(
        *("rmsprop", RMS),
        note="the rate is inside the momentum's buffer",
        momentum=M,
    ),
    torch(
        *("rmsprop", "RMSprop", RMS_LAST),
        ours=LAST_RMS,
        note="the rate is outside the momentum's buffer",
        thread=f"{TORCH}/issues/23796",
        momentum=M,
    ),
    keras("rmsprop", "RMSprop", RMS, momentum=M),
    tf1(
        *("rmsprop", RMS + ", v from 1"),
        ours={"eps": 1e-10, "initial_scale": 1.0},
        thread=f"{OPTAX}/issues/532",
        momentum=M,
    ),
    torch(
        *("rmsprop", "RMSprop", RMS_LAST.replace("√v", "√(v−m²)")),
        ours={**LAST_RMS, "centered": True},
        theirs={"centered": True},
        momentum=M,
    ),
    keras(
        *("rmsprop", "RMSprop", RMS.replace("(v", "(v − m²")),
        ours={"centered": True},
        theirs={"centered": True},
        momentum=M,
    ),
)

MOMENTA = (
    optax("sgd", HEAVY, eps=None, momentum=M),
    torch("sgd", "SGD", HEAVY, eps=None, momentum=M),
    torch(
        *("sgd", "SGD", "b, b ← 0.9 b + 0.7 g, at first g"),
        ours={"momentum": 0.9, "dampening": 0.3, "maximize": True},
        theirs={"momentum": 0.9, "dampening": 0.3, "maximize": True},
        eps=None,
    ),
    torch(
        *("sgd", "SGD", "g + 0.9 b, b ← 0.9 b + g"),
        ours={"momentum": 0.9, "nesterov": True},
        theirs={"momentum": 0.9, "nesterov": True},
        eps=None,
    ),
    keras(
        *("momentum", "SGD", "b, b ← beta · b + rate · g"),
        note="the rate is inside the buffer: differs from torch under a schedule",
        eps=None,
        momentum=("beta", "momentum"),
    ),
    keras(
        *("momentum", "SGD", "beta · b + rate · g"),
        ours={"nesterov": True},
        theirs={"nesterov": True},
        eps=None,
        momentum=("beta", "momentum"),
    ),
    torch(
        *("rprop", "Rprop", "step · sign(g), 0 where it turned"),
        eps=None,
        constant=True,
    ),
    optax(
        *("rprop", "what torch has, one step late"),
        rule="late_rprop",
        note="Optax 0.2.8 is wrong: it gives the last step's update, 0 at first",
        thread=f"{OPTAX}/pull/1725",
        eps=None,
        constant=True,
    ),
    optax("sign_sgd", "sign(g)", eps=None),
    optax("signum", "sign(m)", eps=None),
    optax("lion", "sign(b1 m + (1−b1) g)" + DECAY, eps=None, params=True),
    keras(
        *("lion", "Lion", "sign(b1 m + (1−b1) g)"),
        ours={"weight_decay": 0.0},
        eps=None,
    ),
    optax("novograd", "m, m ← b1 m + g/(√v + eps)" + DECAY, params=True),
    optax("sm3", "m, the mean of g/√v by covers", eps=None, constant=True),
    optax(
        *("optimistic_gradient_descent", "(α + β) g − β · the last g"),
        eps=None,
    ),
    optax("optimistic_adam_v2", "nadam, then optimism"),
)

LAYERS = (
    optax("lamb", TRUST, params=True),
    keras("lamb", "Lamb", TRUST, params=True),
    optax(
        *("lars", "v ← momentum · v + rate · 0.001 ‖p‖/‖g‖ · g"),
        eps=None,
        momentum=M,
        params=True,
    ),
    optax("fromage", "(p − rate ‖p‖/‖g‖ g)/√(1 + rate²) − p", eps=None, params=True),
    optax(
        *("adafactor", FACTORED),
        ours={"min_dim_size_to_factor": 1},
        theirs={"min_dim_size_to_factor": 1},
        note="factors from 128 entries a side on; here from 1",
        eps=None,
        params=True,
        low="computes the decay t^−0.8 in float32",
        slack=1e-6,
    ),
    torch(
        *("adafactor", "Adafactor", FACTORED + ", rate at most 1/√t"),
        ours={**AXES, "eps": 1e-6, "eps_clamp": True},
        theirs={"eps": (1e-3, 1e-3), "weight_decay": 0.0},
        note="its eps is squared under the root: max(v, eps²)",
        eps=None,
        params=True,
        times=16.0,
    ),
    keras(
        *("adafactor", "Adafactor", FACTORED + ", rate at most 1/√t"),
        ours=AXES,
        eps=None,
        params=True,
        times=16.0,
        low="keras.ops.mean runs in float32",
        slack=1e-6,
    ),
    optax(
        *("muon", "√max(1, out/in) · orthogonal(m̂)"),
        rounding=ENLARGED,
        single=GROWTH * 2**-24,
    ),
    torch(
        *("muon", "Muon", "√max(1, rows/columns) · orthogonal(m)"),
        ours={
            "bias_correction": False,
            "eps_clamp": True,
            "eps": 1e-7,
            "muon_weight_dimension_numbers": ROWS,
        },
        theirs={"weight_decay": 0.0},
        note="rows are outputs; with bfloat16 as ns_dtype ours does as torch",
        low="orthogonalises in bfloat16",
        eps=None,
        rounding="orthogonalises in bfloat16",
        slack=0.3,  # that is 2⁻⁹ enlarged: few digits are left
        single=GROWTH * 2**-24,
    ),
    keras(
        *("muon", "Muon", "0.2 √max(rows, columns) · orthogonal(m)"),
        ours={"bias_correction": False, "consistent_rms": 0.2, "eps": 5e-9},
        theirs={"weight_decay": None},
        note="its m is 1/(1−β) times ours, and so is its eps",
        eps=None,
        low="keras.ops.norm runs in float32",
        rounding=ENLARGED,
        slack=1e-4,
        single=GROWTH * 2**-24,
    ),
    optax("schedule_free_sgd", FREE, **MOVES, eps=None),
    optax("schedule_free_adamw", FREE, **MOVES),
    keras(
        *("schedule_free_adamw", "ScheduleFreeAdamW", FREE),
        ours={"eps": 1e-8},
        **MOVES,
    ),
)

CONVENTIONS = (*ADAMS, *SQUARES, *MOMENTA, *LAYERS)
