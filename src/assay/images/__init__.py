"""Images and other grids: resampled, taken apart, put together, filtered.

``x`` is (*batch, *spatial, channels), channels last, with any number of batch axes:
one image (h, w, c), a batch (n, h, w, c), a volume (d, h, w, c). Coordinates are
torch's: x (along the last spatial axis) first, −1 … 1 from edge to edge.
"""

from assay.images._colours import hsv_to_rgb as hsv_to_rgb
from assay.images._colours import rgb_to_grayscale as rgb_to_grayscale
from assay.images._colours import rgb_to_hsv as rgb_to_hsv
from assay.images._filters import gaussian_blur as gaussian_blur
from assay.images._filters import sobel_edges as sobel_edges
from assay.images._grid import affine_grid as affine_grid
from assay.images._grid import grid_sample as grid_sample
from assay.images._interpolate import interpolate as interpolate
from assay.images._pad import center_crop as center_crop
from assay.images._pad import crop as crop
from assay.images._pad import insert_zeros as insert_zeros
from assay.images._pad import pad as pad
from assay.images._patches import fold as fold
from assay.images._patches import unfold as unfold
from assay.images._rearrange import channel_shuffle as channel_shuffle
from assay.images._rearrange import pixel_shuffle as pixel_shuffle
from assay.images._rearrange import pixel_unshuffle as pixel_unshuffle
