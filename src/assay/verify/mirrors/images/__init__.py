"""References for images: dense sums over padded arrays in NumPy."""

from assay.verify.mirrors.images._grid import affine_grid as affine_grid
from assay.verify.mirrors.images._grid import grid_sample as grid_sample
from assay.verify.mirrors.images._interpolate import interpolate as interpolate
