"""Arrays in: the lectures' tables, digits, IDX folders, CSV tables, texts.

Everything is NumPy on the host, float32 inputs and int32 labels, ready for
``training.fit(model, loss, tx, dataset.train, validation=dataset.test, ...)``.
Nothing is downloaded.
"""

from assay.data._sets import FOOTBALL as FOOTBALL
from assay.data._sets import HEART as HEART
from assay.data._sets import IDX_FILES as IDX_FILES
from assay.data._sets import LMS as LMS
from assay.data._sets import LOGIC as LOGIC
from assay.data._sets import STUDENTS as STUDENTS
from assay.data._sets import STUDENTS_TEST as STUDENTS_TEST
from assay.data._sets import STUDENTS_TRAIN as STUDENTS_TRAIN
from assay.data._sets import Dataset as Dataset
from assay.data._sets import Pair as Pair
from assay.data._sets import csv as csv
from assay.data._sets import digits as digits
from assay.data._sets import enlarge as enlarge
from assay.data._sets import football as football
from assay.data._sets import heart as heart
from assay.data._sets import idx as idx
from assay.data._sets import lms_rows as lms_rows
from assay.data._sets import logic as logic
from assay.data._sets import pad_sequences as pad_sequences
from assay.data._sets import read_idx as read_idx
from assay.data._sets import split as split
from assay.data._sets import students as students
from assay.data._sets import unpad_sequences as unpad_sequences
from assay.data._text import documentation as documentation
from assay.data._text import held_out as held_out
from assay.data._text import random_windows as random_windows
from assay.data._text import text as text
from assay.data._text import windows as windows
