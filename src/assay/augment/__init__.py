"""Augmentation of one image (h, w, c): pure functions of an image and a key.

And of one spectrogram (time, features): `spec_augment`.

Floating images have values in [0, 1], integer images in [0, the dtype's largest]; what
changes colours computes in floating point and rounds integers to the nearest. For a
batch: ``jax.vmap(lambda image, key: random_flip(image, key=key))(images, keys)``.
"""

from assay.augment._aug_mix import aug_mix as aug_mix
from assay.augment._auto_augment import auto_augment as auto_augment
from assay.augment._blend import adjust_brightness as adjust_brightness
from assay.augment._blend import adjust_contrast as adjust_contrast
from assay.augment._blend import adjust_saturation as adjust_saturation
from assay.augment._blend import adjust_sharpness as adjust_sharpness
from assay.augment._blend import grayscale as grayscale
from assay.augment._clahe import clahe as clahe
from assay.augment._deform import random_elastic as random_elastic
from assay.augment._deform import random_gaussian_blur as random_gaussian_blur
from assay.augment._erase import cutout as cutout
from assay.augment._erase import random_erasing as random_erasing
from assay.augment._hue import adjust_hue as adjust_hue
from assay.augment._jitter import color_jitter as color_jitter
from assay.augment._jitter import random_apply as random_apply
from assay.augment._levels import auto_contrast as auto_contrast
from assay.augment._levels import equalize as equalize
from assay.augment._levels import invert as invert
from assay.augment._levels import posterize as posterize
from assay.augment._levels import solarize as solarize
from assay.augment._mix import cutmix as cutmix
from assay.augment._mix import mixup as mixup
from assay.augment._moves import random_crop as random_crop
from assay.augment._moves import random_flip as random_flip
from assay.augment._moves import random_shift as random_shift
from assay.augment._rand_augment import rand_augment as rand_augment
from assay.augment._rand_augment import trivial_augment as trivial_augment
from assay.augment._random_affine import random_affine as random_affine
from assay.augment._random_affine import random_rotation as random_rotation
from assay.augment._random_affine import random_shear as random_shear
from assay.augment._random_affine import random_translation as random_translation
from assay.augment._random_affine import random_zoom as random_zoom
from assay.augment._random_perspective import random_perspective as random_perspective
from assay.augment._resized import random_resized_crop as random_resized_crop
from assay.augment._spectrogram import random_frequency_mask as random_frequency_mask
from assay.augment._spectrogram import random_time_mask as random_time_mask
from assay.augment._spectrogram import spec_augment as spec_augment
from assay.augment._warp import warp_affine as warp_affine
from assay.augment._warp import warp_perspective as warp_perspective
