"""The formulas of the schedules, in plain Python floats: their second source."""

import math
from bisect import bisect_right

import numpy as np


def piecewise(init_value, boundaries_and_scales=None):
    steps = (boundaries_and_scales or {}).items()
    return lambda t: init_value * math.prod(s for b, s in steps if b <= t)


def exponential(
    init_value, transition_steps, decay_rate, transition_begin=0, staircase=False,
    end_value=None,
):  # fmt: skip
    def f(t):
        x = max(t - transition_begin, 0) / transition_steps
        value = init_value * decay_rate ** (math.floor(x) if staircase else x)
        if end_value is None:
            return value
        return max(value, end_value) if decay_rate < 1 else min(value, end_value)

    return f


def cosine(init_value, decay_steps, alpha=0.0, exponent=1.0):
    def f(t):
        if t >= decay_steps:
            return init_value * alpha
        wave = (1 + math.cos(math.pi * t / decay_steps)) / 2
        return init_value * ((1 - alpha) * wave**exponent + alpha)

    return f


def polynomial(init_value, end_value, power, transition_steps, transition_begin=0):
    def f(t):
        x = min(max(t - transition_begin, 0) / transition_steps, 1)
        return end_value + (init_value - end_value) * (1 - x) ** power

    return f


def linear(init_value, end_value, transition_steps, transition_begin=0):
    ends = transition_begin, transition_begin + transition_steps
    return lambda t: np.interp(t, ends, (init_value, end_value))


def join(schedules, boundaries):
    def f(t):
        last = bisect_right(boundaries, t)
        return schedules[last](t - ([0, *boundaries][last]))

    return f


def warmup_cosine(
    init_value, peak_value, warmup_steps, decay_steps, end_value=0.0, exponent=1.0
):
    alpha = end_value / peak_value
    down = cosine(peak_value, decay_steps - warmup_steps, alpha, exponent)
    up = linear(init_value, peak_value, warmup_steps)
    return lambda t: up(t) if t < warmup_steps else down(t - warmup_steps)


def warmup_exponential(init_value, peak_value, warmup_steps, *rest, **more):
    down = exponential(peak_value, *rest, **more)
    up = linear(init_value, peak_value, warmup_steps)
    return lambda t: up(t) if t < warmup_steps else down(t - warmup_steps)


def sgdr(cosine_kwargs):
    ends = np.cumsum([k["decay_steps"] for k in cosine_kwargs])[:-1]
    return join([warmup_cosine(**k) for k in cosine_kwargs], ends.tolist())


def through(kind, points):
    """Through the (step, value) points: np.interp, of 0 to 1 by half a cosine."""
    steps, heights = zip(*sorted(points), strict=True)

    def f(t):
        if kind == "linear" or t >= steps[-1]:
            return np.interp(t, steps, heights)
        i = bisect_right(steps, t) - 1
        x = (t - steps[i]) / (steps[i + 1] - steps[i])
        share = (1 - math.cos(math.pi * x)) / 2
        return heights[i] + (heights[i + 1] - heights[i]) * share

    return f


def interpolate(interpolate_type, init_value, boundaries_and_scales=None):
    scales = boundaries_and_scales or {}
    value = piecewise(init_value, scales)
    return through(interpolate_type, [(b, value(b)) for b in {0, *scales}])


def linear_onecycle(
    transition_steps, peak_value, pct_start=0.3, pct_final=0.85, div_factor=25.0,
    final_div_factor=1e4,
):  # fmt: skip
    low = peak_value / div_factor
    ends = int(pct_start * transition_steps), int(pct_final * transition_steps)
    last = (transition_steps, low / final_div_factor)
    return through("linear", [(0, low), (ends[0], peak_value), (ends[1], low), last])


def cosine_onecycle(
    transition_steps, peak_value, pct_start=0.3, div_factor=25.0, final_div_factor=1e4
):
    low, top = peak_value / div_factor, int(pct_start * transition_steps)
    last = (transition_steps, low / final_div_factor)
    return through("cosine", [(0, low), (top, peak_value), last])


def inverse_time(
    init_value, transition_steps, decay_rate, transition_begin=0, staircase=False
):
    def f(t):
        x = max(t - transition_begin, 0) / transition_steps
        return init_value / (1 + decay_rate * (math.floor(x) if staircase else x))

    return f


def inverse_sqrt(init_value, peak_value, warmup_steps, timescale=None):
    tau = timescale or warmup_steps
    up = linear(init_value, peak_value, warmup_steps)

    def f(t):
        return up(t) if t < warmup_steps else peak_value * math.sqrt(tau / shifted(t))

    def shifted(t):
        return tau + t - warmup_steps

    return f


def stable(
    peak_value, warmup_steps, stable_steps, decay_steps, end_value=0.0, power=1.0
):
    begin = warmup_steps + stable_steps

    def f(t):
        if t < begin:
            return peak_value * min(t / warmup_steps, 1)
        x = min((t - begin) / decay_steps, 1) ** power
        return peak_value * (1 - x) + end_value * x

    return f


def triangle(
    init_value, peak_value, steps_up, steps_down=None, cycle_factor=1.0, step_factor=1.0
):
    length = steps_up + (steps_down or steps_up)

    def f(t):
        x = np.interp(t % length, (0, steps_up, length), (0.0, 1.0, 0.0))
        x = x * cycle_factor ** (t // length) * step_factor**t
        return init_value + (peak_value - init_value) * x

    return f


def geometric(init_value, end_value, transition_steps, linear=False):
    space = np.linspace if linear else np.geomspace
    table = space(init_value, end_value, transition_steps + 1)
    return lambda t: table[min(t, transition_steps)]
