"""Arithmetic that accurate functions share: roundings known, overflow avoided.

How a function is dressed (`_precision`), sums in two words (`_words`), one exponential
for all (`_exp`), logarithms beside 1 (`_log`), rows of exponentials (`_rows`), random
bits (`_threefry`), and where XLA's fusion is to stop (`_unfused`).
"""

from assay._numerics._blocks import by_rows as by_rows
from assay._numerics._exp import LIFT as LIFT
from assay._numerics._exp import decay as decay
from assay._numerics._exp import decay2 as decay2
from assay._numerics._exp import decay_less_1 as decay_less_1
from assay._numerics._exp import exp as exp
from assay._numerics._exp import expm1_of_negative as expm1_of_negative
from assay._numerics._exp import expm1_over as expm1_over
from assay._numerics._exp import fall as fall
from assay._numerics._exp import lifted as lifted
from assay._numerics._log import log1p_of_share as log1p_of_share
from assay._numerics._precision import compiled as compiled
from assay._numerics._precision import derivative as derivative
from assay._numerics._precision import derivatives as derivatives
from assay._numerics._precision import is_double as is_double
from assay._numerics._precision import narrow as narrow
from assay._numerics._precision import rounded_once as rounded_once
from assay._numerics._precision import slope_of as slope_of
from assay._numerics._precision import wide as wide
from assay._numerics._precision import widest as widest
from assay._numerics._rows import beside_top as beside_top
from assay._numerics._rows import from_top as from_top
from assay._numerics._rows import mass as mass
from assay._numerics._threefry import random_bits as random_bits
from assay._numerics._threefry import random_normal as random_normal
from assay._numerics._threefry import threefry as threefry
from assay._numerics._unfused import unfused as unfused
from assay._numerics._words import at_least as at_least
from assay._numerics._words import at_most as at_most
from assay._numerics._words import difference as difference
from assay._numerics._words import magnitude as magnitude
from assay._numerics._words import minus as minus
from assay._numerics._words import polynomial as polynomial
from assay._numerics._words import rest_above as rest_above
from assay._numerics._words import rounded as rounded
from assay._numerics._words import scaled as scaled
from assay._numerics._words import short as short
from assay._numerics._words import signed as signed
from assay._numerics._words import split as split
from assay._numerics._words import times as times
