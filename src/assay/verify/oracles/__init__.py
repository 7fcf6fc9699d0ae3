"""Float64 oracles: value, first and second derivative of functions of one array.

Keys are the activations' names, with "gelu" by tanh and "gelu_exact" as it says, and
"losses.NAME" for a loss along its first argument. What they are worth: docs/oracles.md.
"""

from assay.verify.oracles._gelu import GELUS
from assay.verify.oracles._losses import LOSSES
from assay.verify.oracles._oracle import Oracle as Oracle
from assay.verify.oracles._piecewise import PIECES
from assay.verify.oracles._rational import RATIONALS
from assay.verify.oracles._sigmoid import SIGMOIDS

ORACLES: dict[str, Oracle] = {**SIGMOIDS, **GELUS, **RATIONALS, **PIECES, **LOSSES}
