"""Images and other grids: resampled, taken apart, put together, filtered.

``x`` is (*batch, *spatial, channels), channels last, with any number of batch axes:
one image (h, w, c), a batch (n, h, w, c), a volume (d, h, w, c). Coordinates are
torch's: x (along the last spatial axis) first, −1 … 1 from edge to edge.
"""

from assay.images._grid import affine_grid as affine_grid
from assay.images._grid import grid_sample as grid_sample
from assay.images._interpolate import interpolate as interpolate
