"""The supervised RNN encoder of pytorch-lifestream, the library for sequences of events.

Babaev et al., "CoLES", SIGMOD 2022. Its GRU of 64 units over embedded categories and batch-normed
numbers, a linear head, Adam; a tenth of the train customers says when to stop. PyTorch is heavy, so
it runs in an environment of its own, `make benchmark-torch`, as a program that reads and writes
arrays and imports nothing of the project:

    .venv-torch/bin/python benchmarks/histories_lifestream.py IN.npz OUT.npy
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

UNITS = 64
EMBEDDED = 8
RATE = 0.003
BATCH = 64
EPOCHS = 100
PATIENCE = 10
HELD = 0.1


def events(rows: np.ndarray, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give a history's columns by name: categories from 1, numbers, and which are missing."""
    columns: dict[str, np.ndarray] = {}
    for place, count in enumerate(arrays["categories"]):
        values = rows[:, place]
        if count:
            columns[f"c{place}"] = np.nan_to_num(values + 1, nan=0).astype(np.int64)
        else:
            scaled = (values - arrays["mean"][place]) / arrays["deviation"][place]
            columns[f"n{place}"] = np.clip(np.nan_to_num(scaled), -9, 9).astype(np.float32)
            columns[f"m{place}"] = np.isnan(values).astype(np.int64) + 1
    return columns


def fit(arrays: dict[str, np.ndarray], folder: Path) -> np.ndarray:
    """Train it, and predict the test histories."""
    import pytorch_lightning as pl  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from ptls.frames.supervised import SeqToTargetDataset, SequenceToTarget  # noqa: PLC0415
    from ptls.nn import Head, RnnSeqEncoder, TrxEncoder  # noqa: PLC0415

    pl.seed_everything(0)
    torch.set_num_threads(1)
    classes = int(arrays["classes"])  # 0 of a number
    labels = arrays["labels"].astype(np.float64)
    mean, deviation = (labels.mean(), labels.std()) if not classes else (0.0, 1.0)
    labels = (labels - mean) / deviation

    def data(which: str, labels: np.ndarray) -> list[dict[str, Any]]:
        lines = []
        for rows, label in zip(arrays[which], labels, strict=True):
            columns = events(rows[rows[:, 0] != np.inf], arrays)
            line: dict[str, Any] = {
                name: torch.from_numpy(values) for name, values in columns.items()
            }
            lines.append(line | {"label": label})
        return lines

    customers = np.random.default_rng(0).permutation(arrays["groups"].max() + 1)
    held = np.isin(arrays["groups"], customers[: max(1, round(HELD * len(customers)))])
    target = "long" if classes > 2 else "float"
    train = data("train", labels)

    def loader(lines: list[dict[str, Any]], shuffle: bool = False) -> Any:
        dataset = SeqToTargetDataset(lines, target_col_name="label", target_dtype=target)
        size, collate = BATCH if shuffle else 512, dataset.collate_fn
        return torch.utils.data.DataLoader(dataset, size, shuffle=shuffle, collate_fn=collate)

    numbers = [place for place, count in enumerate(arrays["categories"]) if not count]
    embedded = {
        f"c{place}": {"in": int(count) + 2, "out": EMBEDDED}
        for place, count in enumerate(arrays["categories"])
        if count
    } | {f"m{place}": {"in": 3, "out": 2} for place in numbers}
    encoder = RnnSeqEncoder(
        trx_encoder=TrxEncoder(
            embeddings=embedded,
            numeric_values={f"n{place}": "identity" for place in numbers},
            embeddings_noise=0.003,
            use_batch_norm_with_lens=True,
        ),
        hidden_size=UNITS,
        type="gru",
    )
    losses = {0: torch.nn.MSELoss(), 2: torch.nn.BCELoss()}
    model = SequenceToTarget(
        seq_encoder=encoder,
        head=Head(
            input_size=UNITS,
            objective="classification" if classes else "regression",
            num_classes=classes if classes > 2 else 1,
        ),
        loss=losses.get(classes, torch.nn.NLLLoss()),
        metric_list=[],
        optimizer_partial=partial(torch.optim.Adam, lr=RATE),
        lr_scheduler_partial=partial(torch.optim.lr_scheduler.StepLR, step_size=10, gamma=0.9),
    )
    best = pl.callbacks.ModelCheckpoint(folder, monitor="val_loss", mode="min")
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[best, pl.callbacks.EarlyStopping("val_loss", patience=PATIENCE)],
    )
    learned, watched = (
        [line for line, is_held in zip(train, held, strict=True) if is_held == side]
        for side in (False, True)
    )
    trainer.fit(model, loader(learned, shuffle=True), loader(watched))
    model.load_state_dict(torch.load(best.best_model_path, weights_only=False)["state_dict"])
    model.eval()
    with torch.no_grad():
        test = loader(data("test", np.zeros(len(arrays["test"]))))
        outputs = torch.cat([model(x) for x, _ in test]).double().numpy()
    return np.asarray(np.exp(outputs) if classes > 2 else outputs * deviation + mean)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        np.save(sys.argv[2], fit(dict(np.load(sys.argv[1])), Path(scratch)))
