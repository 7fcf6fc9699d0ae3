"""The networks of the papers: their sizes, that they learn, and what torch computes."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from assay import models, weights
from tests.networks import drawn, learns

# Published counts: torchvision's; of Mixer, GPT-2 and BERT those of their
# authors' weights; U-Net's is the sum over figure 1.
COUNTS = {
    "resnet18": (models.resnet18, 11_689_512),
    "resnet50": (models.resnet50, 25_557_032),
    "mobilenet_v2": (models.MobileNetV2, 3_504_872),
    "mixer_b16": (models.mixer_b16, 59_880_472),
    "unet": (models.UNet, 31_030_658),
    "convnext_tiny": (models.convnext_tiny, 28_589_128),
    "vit_b16": (models.vit_b16, 86_567_656),
    "gpt2_small": (models.gpt2_small, 124_439_808),
    "bert_base": (models.bert_base, 109_482_240),
}


def numbers(params):
    return sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts(name):
    """As published; nothing is drawn, and no memory taken."""
    make, expected = COUNTS[name]
    model = nnx.eval_shape(lambda: make(rngs=nnx.Rngs(0)))
    assert numbers(nnx.state(model, nnx.Param)) == expected


# Small ones of every kind: (make, input).
IMAGES = np.random.default_rng(0).standard_normal((4, 9, 12, 3)).astype(np.float32)
SMALL = {"channels": 3, "classes": 5}
NEXT = {"depths": (1, 1), "widths": (4, 6), "patch": 3, "scale": 0.5}
VIT = {"patch": 3, "features": 6, "depth": 1, "heads": 2, "size": 9, "rate": 0.1}
MOBILE = {"width": 0.25, "stages": ((1, 8, 1, 1), (2, 16, 1, 2)), "rate": 0.1}
MIXER = {"patch": 3, "features": 6, "hidden": (4, 7), "depth": 1, "size": 9}
TINY = {
    "resnet18": (partial(models.ResNet, (1, 1), width=4, small=True), IMAGES),
    "resnet50": (
        partial(models.ResNet, (1,), block=models.BottleneckBlock, width=2),
        IMAGES,
    ),
    "mobilenet_v2": (partial(models.MobileNetV2, **MOBILE), IMAGES),
    "unet": (partial(models.UNet, depth=1, width=3, padding="SAME"), IMAGES),
    "convnext": (partial(models.ConvNeXt, **NEXT), IMAGES),
    "vit": (partial(models.ViT, **VIT), IMAGES[:, :, :9]),
    "mixer": (partial(models.Mixer, rate=0.1, **MIXER), IMAGES[:, :, :9]),
}


@pytest.mark.parametrize("name", TINY)
def test_learns(name):
    """Two steps lower the loss, every parameter has a gradient, state comes back."""
    make, x = TINY[name]
    learns(partial(make, **SMALL), x)


# torch's networks of the same parts ---------------------------------------------


def torch_net(block, torch):
    """Stem, two stages of one block each, mean, logits: written with torch.nn."""
    from torch import nn

    def conv(i, o, k, s=1):
        conv = nn.Conv2d(i, o, k, s, (k - 1) // 2, bias=False)
        norm = nn.BatchNorm2d(o)
        return nn.ModuleDict({"conv": conv, "norm": norm})

    def run(pair, x):
        return pair["norm"](pair["conv"](x))

    class Block(nn.Module):
        def __init__(self, i, w, s):
            super().__init__()
            if block is models.BasicBlock:
                self.convs, o = [conv(i, w, 3, s), conv(w, w, 3)], w
            else:
                o = 4 * w
                self.convs = [conv(i, w, 1), conv(w, w, 3, s), conv(w, o, 1)]
            for n, pair in enumerate(self.convs):
                self.add_module(f"conv{n + 1}", pair)
            self.shortcut = conv(i, o, 1, s) if i != o or s > 1 else None

        def forward(self, x):
            y = x
            for pair in self.convs[:-1]:
                y = torch.relu(run(pair, y))
            y = run(self.convs[-1], y)
            return torch.relu(y + (run(self.shortcut, x) if self.shortcut else x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, e = conv(3, 4, 7, 2), block.expansion
            one, two = Block(4, 4, 1), Block(4 * e, 8, 2)
            stages = [nn.ModuleList([one]), nn.ModuleList([two])]
            self.stages, self.out = nn.ModuleList(stages), nn.Linear(8 * e, 5)

        def forward(self, x):
            x = torch.relu(run(self.stem, x))
            x = nn.functional.max_pool2d(x, 3, 2, 1)
            for stage in self.stages:
                x = stage[0](x)
            return self.out(x.mean((2, 3)))

    return Net().double()


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("block", [models.BasicBlock, models.BottleneckBlock])
def test_residual_networks_equal_torch(block):
    """Logits in training and at rest, running means, all gradients: 1e-10."""
    torch = pytest.importorskip("torch")
    make = partial(models.ResNet, (1, 1), block=block, width=4, **SMALL)
    apply, params, state = drawn(make, np.float64)
    rng = np.random.default_rng(2)
    x, g = rng.standard_normal((3, 21, 18, 3)), rng.standard_normal((3, 5))

    @jax.jit
    def ours(params):
        def run(params):
            return apply(params, state, x, train=True)

        y, pull, after = jax.vjp(run, params, has_aux=True)
        return y, pull(g)[0], after, apply(params, state, x)[0]

    y, grads, after, rest = ours(params)
    net = torch_net(block, torch)
    both = {**weights.unmatch(params), **weights.unmatch(state)}
    loose = net.load_state_dict(
        {n: torch.tensor(v) for n, v in both.items()}, strict=False
    )
    assert not loose.unexpected_keys
    assert all("num_batches" in name for name in loose.missing_keys)

    images = torch.tensor(x).permute(0, 3, 1, 2)
    expected = net.eval()(images).detach()
    close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10)
    close(rest, expected)
    logits = net.train()(images)
    close(y, logits.detach())
    logits.backward(torch.tensor(g))
    found = weights.unmatch(grads)
    for name, parameter in net.named_parameters():
        close(found.pop(name), parameter.grad)
    assert not found
    means = {n: v for n, v in weights.unmatch(after).items() if n.endswith("mean")}
    for name, value in means.items():
        close(value, net.state_dict()[name])
    assert len(means) == len(jax.tree.leaves(state)) // 2
