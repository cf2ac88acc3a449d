"""The network: an ensemble of LSTMs over the features of a row; Keras, and nothing of Kedro.

Read it in this order:

1. `layers`: embed each feature of a step, recur over the steps, read out a logit
2. `build`: k members of that as one model, from raw sequence to probability
3. `fit`: train all members at once, each held out from its own fold
4. `calibration`: temperature and decision threshold from the out-of-fold logits
5. `score`: the same forward pass for many rows

What the rest of the project relies on is three functions, so another network can take its place:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → probabilities

Importing this package does not import TensorFlow; importing its modules does, but for
`calibration`.
"""
