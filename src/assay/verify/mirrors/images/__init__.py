"""References for images: dense sums over padded arrays in NumPy."""

from assay.verify.mirrors.images._colours import hsv_to_rgb as hsv_to_rgb
from assay.verify.mirrors.images._colours import rgb_to_grayscale as rgb_to_grayscale
from assay.verify.mirrors.images._colours import rgb_to_hsv as rgb_to_hsv
from assay.verify.mirrors.images._filters import gaussian_blur as gaussian_blur
from assay.verify.mirrors.images._filters import sobel_edges as sobel_edges
from assay.verify.mirrors.images._grid import affine_grid as affine_grid
from assay.verify.mirrors.images._grid import grid_sample as grid_sample
from assay.verify.mirrors.images._interpolate import interpolate as interpolate
from assay.verify.mirrors.images._pad import center_crop as center_crop
from assay.verify.mirrors.images._pad import crop as crop
from assay.verify.mirrors.images._pad import insert_zeros as insert_zeros
from assay.verify.mirrors.images._pad import pad as pad
from assay.verify.mirrors.images._patches import fold as fold
from assay.verify.mirrors.images._patches import unfold as unfold
from assay.verify.mirrors.images._rearrange import channel_shuffle as channel_shuffle
from assay.verify.mirrors.images._rearrange import pixel_shuffle as pixel_shuffle
from assay.verify.mirrors.images._rearrange import pixel_unshuffle as pixel_unshuffle
