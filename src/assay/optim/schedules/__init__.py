"""Learning rates as functions of the number of updates done: an int, or a traced one.

Values are float32 (float64 under x64), and right at the ends and beyond them.
"""

from assay.optim.schedules._compose import join_schedules as join_schedules
from assay.optim.schedules._compose import multiply_schedules as multiply_schedules
from assay.optim.schedules._cyclic import cyclic_schedule as cyclic_schedule
from assay.optim.schedules._cyclic import sgdr_schedule as sgdr_schedule
from assay.optim.schedules._decay import constant_schedule as constant_schedule
from assay.optim.schedules._decay import cosine_decay_schedule as cosine_decay_schedule
from assay.optim.schedules._decay import exponential_decay as exponential_decay
from assay.optim.schedules._decay import inverse_time_decay as inverse_time_decay
from assay.optim.schedules._decay import linear_schedule as linear_schedule
from assay.optim.schedules._decay import (
    piecewise_constant_schedule as piecewise_constant_schedule,
)
from assay.optim.schedules._decay import polynomial_schedule as polynomial_schedule
from assay.optim.schedules._interpolate import (
    cosine_onecycle_schedule as cosine_onecycle_schedule,
)
from assay.optim.schedules._interpolate import (
    linear_onecycle_schedule as linear_onecycle_schedule,
)
from assay.optim.schedules._interpolate import (
    piecewise_interpolate_schedule as piecewise_interpolate_schedule,
)
from assay.optim.schedules._range import RangeTest as RangeTest
from assay.optim.schedules._range import lr_range_schedule as lr_range_schedule
from assay.optim.schedules._range import lr_range_test as lr_range_test
from assay.optim.schedules._warmup import (
    inverse_sqrt_schedule as inverse_sqrt_schedule,
)
from assay.optim.schedules._warmup import (
    warmup_constant_schedule as warmup_constant_schedule,
)
from assay.optim.schedules._warmup import (
    warmup_cosine_decay_schedule as warmup_cosine_decay_schedule,
)
from assay.optim.schedules._warmup import (
    warmup_exponential_decay_schedule as warmup_exponential_decay_schedule,
)
from assay.optim.schedules._warmup import (
    warmup_stable_decay_schedule as warmup_stable_decay_schedule,
)
