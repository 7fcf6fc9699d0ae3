"""Groups of rows, a row at a time."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark

sizes = Draw(lambda rng: np.array([3, 0, 2], np.int32), differentiable=False)


@mark(batch=False, why="the rows are shared out among the groups")
@given(x=(7, 5), kernels=(3, 5, 4), sizes=sizes)
def grouped_dense(x, kernels, sizes):
    group = np.repeat(np.arange(len(sizes)), sizes)
    y = np.zeros((len(x), kernels.shape[2]))
    for n, g in enumerate(group):
        y[n] = (x[n][:, None] * kernels[g]).sum(0)
    return y
