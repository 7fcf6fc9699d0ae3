"""Prove a function or an optimizer right, in front of the user.

`rows` compares every public function of the house with its mirror (the same name,
written by someone else) and `table` prints them; `optimizer` walks two optimizers
side by side. The only room that imports Optax.
"""

from assay.verify._discover import discover as discover
from assay.verify._discover import mirrored_rooms as mirrored_rooms
from assay.verify._discover import public_functions as public_functions
from assay.verify._report import summary as summary
from assay.verify._report import table as table
from assay.verify._rooms import Row as Row
from assay.verify._rooms import rows as rows
