"""resemblyzer's speaker encoder: three LSTMs from its own .pt file, torch's numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations, layers, weights
from tests import zoo

MELS, FRAMES, CHUNK = 40, 160, 37


@pytest.fixture(scope="module")
def tensors():
    """The trained state; the optimizer's beside it is not used."""
    found = weights.read(zoo.folder_of("resemblyzer") / "pretrained.pt")
    state = ((n.partition("model_state."), a) for n, a in found.items())
    return {name[2]: array for name, array in state if name[1]}


def speech(seed, frames=FRAMES):
    """Mel frames like recorded ones: a pitch, three moving formants, pauses, noise.

    resemblyzer's are powers of a mel spectrogram, small numbers above 0.
    """
    rng = np.random.default_rng(seed)
    t, mel = np.arange(frames)[:, None], np.arange(MELS)
    power = 0.01 * rng.gamma(1.0, 1.0, (frames, MELS))
    for centre, width in ((6, 1.5), (15, 2.5), (26, 3.0)):
        sway = centre + rng.normal() + 2 * np.sin(t / (5 + 20 * rng.random()))
        power += 0.3 * np.exp(-(((mel - sway) / width) ** 2)) / centre
    ridges = 1 + 0.5 * np.cos(mel * (1.0 + 0.3 * rng.random()))
    voiced = np.sin(t / 11 + rng.random()) > -0.4
    return (power * ridges * np.where(voiced, 1.0, 0.02)).astype(np.float32)


def start(stack, x):
    return tuple(layers.zero_carry(params, x[..., 0, :]) for (params,) in stack)


def step(stack, carry, x):
    """One chunk of frames through all three layers: (carry, the last outputs)."""
    after = []
    for (params,), before in zip(stack, carry, strict=True):
        last, x = layers.recurrent(layers.lstm_cell, params, before, x)
        after.append(last)
    return tuple(after), x[..., -1, :]


def embedding(stack, out, h):
    """relu(h W + b) at length 1."""
    return activations.normalize(activations.relu(layers.dense(h, *out)))


def read(tensors):
    """(the three layers, the last layer's kernel and bias)."""
    stack = weights.stack_from_torch(weights.lstm_from_torch, tensors, prefix="lstm.")
    kernel = weights.dense_from_torch(tensors["linear.weight"])
    out = kernel, tensors["linear.bias"]
    return jax.tree.map(jnp.asarray, (stack, out))


def utterances():
    """Synthetic noise, silence, and five speakers."""
    rng = np.random.default_rng(9)
    noise = rng.gamma(0.5, 0.1, (FRAMES, MELS)).astype(np.float32)
    return np.stack([noise, 0 * noise, *(speech(seed) for seed in range(5))])


def theirs(tensors, mels):
    """resemblyzer's VoiceEncoder, in torch."""
    torch = pytest.importorskip("torch", reason="the peer is torch")
    lstm = torch.nn.LSTM(MELS, 256, 3, batch_first=True)
    linear = torch.nn.Linear(256, 256)
    for layer, prefix in ((lstm, "lstm."), (linear, "linear.")):
        named = {n: torch.tensor(tensors[prefix + n]) for n in layer.state_dict()}
        layer.load_state_dict(named)
    with torch.no_grad():
        _, (h, _) = lstm(torch.tensor(mels))
        raw = torch.relu(linear(h[-1]))
        return (raw / torch.norm(raw, dim=1, keepdim=True)).numpy()


def test_embeddings_are_torchs(tensors):
    """Noise, silence and speech-like frames, whole and in chunks of 37, to 1e-5."""
    stack, out = read(tensors)
    mels = utterances()
    expected = theirs(tensors, mels)
    run = jax.jit(step)
    _, h = run(stack, start(stack, mels), mels)
    whole = embedding(stack, out, h)
    carry = start(stack, mels)
    for first in range(0, FRAMES, CHUNK):
        carry, h = run(stack, carry, mels[:, first : first + CHUNK])
    streamed = embedding(stack, out, h)
    assert np.abs(whole - expected).max() <= 1e-5
    assert np.abs(streamed - expected).max() <= 1e-5
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-6)
    # Utterances that differ are told apart: the test could fail.
    assert np.abs(whole[2] - whole[3]).max() > 1e-2


def test_the_tensors_go_back(tensors):
    """torch's two biases come back as their sum and zeros, all else bit for bit."""
    stack, _ = read(tensors)
    back = weights.stack_to_torch(weights.lstm_to_torch, stack, prefix="lstm.")
    assert set(back) == {name for name in tensors if name.startswith("lstm.")}
    for name, array in back.items():
        if "weight" in name:
            np.testing.assert_array_equal(array, tensors[name])
        elif "bias_ih" in name:
            both = tensors[name] + tensors[name.replace("_ih", "_hh")]
            np.testing.assert_array_equal(array, both)
        else:
            assert not np.any(array)
