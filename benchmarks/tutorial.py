"""The tutorial's own program: an LSTM on raw values, evaluated on the rows it was trained on.

    python benchmarks/tutorial.py

It prints the accuracy. `kedro run --env tutorial` is the same through the project's nodes.
"""

from pathlib import Path

import numpy as np
from tensorflow.keras.layers import LSTM, BatchNormalization, Dense
from tensorflow.keras.models import Sequential

DATA = Path(__file__).resolve().parents[1] / "data/01_raw/diabetes.csv"


def main() -> None:
    """Load, reshape, fit, evaluate."""
    rows = np.loadtxt(DATA, delimiter=",", skiprows=1)
    x = rows[:, :8].reshape(-1, 4, 2)
    y = rows[:, 8]
    model = Sequential(
        [
            LSTM(1, activation="relu", input_shape=(4, 2), dropout=0.4, return_sequences=True),
            BatchNormalization(),
            LSTM(1),
            BatchNormalization(),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(x, y, epochs=20, batch_size=8, verbose=2)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    print(f"accuracy on the train rows: {100 * accuracy:.2f} %, loss {loss:.4f}")


if __name__ == "__main__":
    main()
