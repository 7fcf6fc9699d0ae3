"""fit, evaluate and predict over any (apply, params, state), loss and transform.

This room knows neither Flax nor layers. It compiles, because that is its job: one
dispatch an epoch where that is faster, else one a step.
"""

from assay.training._checkpoint import load_params as load_params
from assay.training._checkpoint import save_params as save_params
from assay.training._loop import evaluate as evaluate
from assay.training._loop import fit as fit
from assay.training._loop import predict as predict
from assay.training._online import online as online
from assay.training._options import Fitted as Fitted
from assay.training._options import Options as Options
from assay.training._options import StepView as StepView
from assay.training._options import Stop as Stop
from assay.training._stopping import EarlyStopping as EarlyStopping
from assay.training._stopping import early_stopping as early_stopping
