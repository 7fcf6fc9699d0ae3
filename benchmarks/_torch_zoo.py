"""MiniLM in torch, by the transformers package, in a process of its own.

It answers one JSON line a question, as `benchmarks._torch_layers` does: its version,
its embeddings of a batch, and the seconds that a call on that batch took.
"""

import json
import os
import sys
import time

import numpy as np


def batch(rows: int, time_: int) -> tuple[np.ndarray, np.ndarray]:
    """(token numbers, which take part): lengths from a half to all of `time_`."""
    ids = np.random.default_rng(0).integers(1000, 30000, (rows, time_))
    lengths = time_ - np.arange(rows) * time_ // (2 * rows)
    return ids, np.arange(time_) < lengths[:, None]


def main(folder: str, rows: int, time_: int) -> None:
    """Load the network once, then answer until the pipe ends."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    ids, mask = (torch.tensor(a, dtype=torch.long) for a in batch(rows, time_))
    takes_part = mask[..., None].float()

    def embed() -> torch.Tensor:
        x = model(input_ids=ids, attention_mask=mask).last_hidden_state
        return torch.nn.functional.normalize((x * takes_part).sum(1))

    with torch.no_grad():
        for line in sys.stdin:
            question = json.loads(line)
            start = time.perf_counter()
            for _ in range(question["calls"]):
                y = embed()
            seconds = (time.perf_counter() - start) / max(1, question["calls"])
            answer = {"seconds": seconds, "version": torch.__version__}
            if question.get("value"):
                answer["value"] = y.tolist()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
