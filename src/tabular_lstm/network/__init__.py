"""The network: Keras on TensorFlow, and nothing of Kedro.

`build` makes it from a schema, `fit` trains it and predicts with it. What the rest of the
project relies on is their three functions alone, so another network can take their place:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → probabilities

Importing this package does not import TensorFlow; importing its modules does.
"""
