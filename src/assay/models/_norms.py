"""Shells of the normalizations.

Batch norm's mode is named as Flax names it (`use_running_average`), so that
``model.train()`` and ``model.eval()`` reach it as they reach Flax's own.
"""

import jax.numpy as jnp
from flax import nnx

from assay import layers
from assay.typing import Array


class BatchNorm(nnx.Module):
    """`layers.batch_norm` in training, `layers.batch_norm_inference` at rest."""

    def __init__(
        self,
        channels: int,
        *,
        momentum: float = 0.99,
        eps: float = 1e-5,
        scale: float = 1.0,
    ):
        self.scale = nnx.Param(jnp.full(channels, scale))  # 0: starts as nothing
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.var = nnx.BatchStat(jnp.ones(channels))
        self.momentum, self.eps = momentum, eps
        self.use_running_average = False

    def __call__(self, x: Array) -> Array:
        stats = layers.BatchStats(self.mean[...], self.var[...])
        args = (x, self.scale[...], self.bias[...], stats)
        if self.use_running_average:
            return layers.batch_norm_inference(*args, eps=self.eps)
        y, stats = layers.batch_norm(*args, momentum=self.momentum, eps=self.eps)
        self.mean[...], self.var[...] = stats.mean, stats.var
        return y


class LayerNorm(nnx.Module):
    """`layers.layer_norm` over the last axis."""

    def __init__(self, features: int, *, eps: float = 1e-6):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.eps = eps

    def __call__(self, x: Array) -> Array:
        return layers.layer_norm(x, self.scale[...], self.bias[...], eps=self.eps)


class RMSNorm(nnx.Module):
    """`layers.rms_norm` over the last axis."""

    def __init__(self, features: int, *, eps: float = 1e-6):
        self.scale = nnx.Param(jnp.ones(features))
        self.eps = eps

    def __call__(self, x: Array) -> Array:
        return layers.rms_norm(x, self.scale[...], eps=self.eps)


class GroupNorm(nnx.Module):
    """`layers.group_norm`: groups of channels over all places of an image."""

    def __init__(
        self, channels: int, groups: int, *, spatial: int = 2, eps: float = 1e-6
    ):
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.groups, self.spatial, self.eps = groups, spatial, eps

    def __call__(self, x: Array) -> Array:
        how = {"groups": self.groups, "spatial": self.spatial, "eps": self.eps}
        return layers.group_norm(x, self.scale[...], self.bias[...], **how)


class LayerScale(nnx.Module):
    """`layers.layer_scale`, small at first: a branch grows from nothing."""

    def __init__(self, channels: int, *, start: float = 1e-6):
        self.scale = nnx.Param(jnp.full(channels, start))

    def __call__(self, x: Array) -> Array:
        return layers.layer_scale(x, self.scale[...])
