"""Prove a function or an optimizer right, in front of the user.

`rows` compares every public function of the house with its mirror (the same name,
written by someone else) and `table` prints them; `optimizer` walks two optimizers
side by side and says why they part, `shadow` does it while one of them trains. The only
room with Optax.
"""

from assay.verify._adapters import keras_optimizer as keras_optimizer
from assay.verify._adapters import torch_optimizer as torch_optimizer
from assay.verify._beside import curves as curves
from assay.verify._contract import Contract as Contract
from assay.verify._contract import contract as contract
from assay.verify._conventions._check import conventions as conventions
from assay.verify._conventions._report import (
    conventions_markdown as conventions_markdown,
)
from assay.verify._conventions._report import conventions_summary as conventions_summary
from assay.verify._conventions._report import conventions_table as conventions_table
from assay.verify._conventions._row import Convention as Convention
from assay.verify._conventions._table import CONVENTIONS as CONVENTIONS
from assay.verify._convergence import Convergence as Convergence
from assay.verify._convergence import Problem as Problem
from assay.verify._convergence import convergence as convergence
from assay.verify._convergence import logistic_regression as logistic_regression
from assay.verify._convergence import quadratic as quadratic
from assay.verify._convergence import rosenbrock as rosenbrock
from assay.verify._convergence import small_network as small_network
from assay.verify._diagnosis._diagnose import Diagnosis as Diagnosis
from assay.verify._diagnosis._diagnose import diagnose as diagnose
from assay.verify._discover import discover as discover
from assay.verify._discover import mirrored_rooms as mirrored_rooms
from assay.verify._discover import public_functions as public_functions
from assay.verify._function_checks import Check as Check
from assay.verify._function_report import FunctionReport as FunctionReport
from assay.verify._function_report import function as function
from assay.verify._named import named as named
from assay.verify._named import named_transform as named_transform
from assay.verify._optimizer import Report as Report
from assay.verify._optimizer import optimizer as optimizer
from assay.verify._record import Difference as Difference
from assay.verify._report import accuracy_table as accuracy_table
from assay.verify._report import record as record
from assay.verify._report import summary as summary
from assay.verify._report import table as table
from assay.verify._rooms import Row as Row
from assay.verify._rooms import rows as rows
from assay.verify._sections import oracles_of as oracles_of
from assay.verify._shadow import Rule64 as Rule64
from assay.verify._shadow import difference as difference
from assay.verify._shadow import rule64 as rule64
from assay.verify._shadow import rule_distances as rule_distances
from assay.verify._shadow import shadow as shadow
