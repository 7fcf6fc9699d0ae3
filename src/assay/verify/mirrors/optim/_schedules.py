"""The schedules beside Optax's."""

import optax

from assay.verify.mirrors.optim._walks import schedule

constant_schedule = schedule(optax.constant_schedule, {"value": 0.3})
piecewise_constant_schedule = schedule(
    optax.piecewise_constant_schedule,
    {"init_value": 0.3, "boundaries_and_scales": {7: 0.1, 3: 0.5, 20: 2.0}},
    {"init_value": 0.3},
)
exponential_decay = schedule(
    optax.exponential_decay,
    {"init_value": 0.3, "transition_steps": 7, "decay_rate": 0.9},
    {
        "init_value": 0.3,
        "transition_steps": 7,
        "decay_rate": 0.9,
        "transition_begin": 3,
        "staircase": True,
        "end_value": 0.1,
    },
)
cosine_decay_schedule = schedule(
    optax.cosine_decay_schedule,
    {"init_value": 0.3, "decay_steps": 20},
    {"init_value": 0.3, "decay_steps": 20, "alpha": 0.1, "exponent": 1.5},
)
