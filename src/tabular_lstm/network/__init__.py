"""The network: an ensemble of LSTMs over the features of a row; Keras, and nothing of Kedro.

Read it in this order:

1. `layers`: embed each feature of a step, recur over the steps, read out a logit
2. `build`: k members of that as one model, from raw sequence to probability
3. `plan`: which fold each member is held out from, in what batches it trains and for how long
4. `members`: train them, all in one graph
5. `calibration`: temperature and decision threshold from the out-of-fold logits
6. `fit`: all of that as one function, and predict
7. `score`: the forward pass in NumPy
8. `saved`: load a saved network safely

`tutorial` builds and trains the tutorial's network; `progress` logs how far a training is.

What the rest of the project relies on is four functions, so another network can take its place:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → probabilities
- `saved.load_network(content, file)` → the candidate that a file holds

Importing this package does not import TensorFlow; importing its modules does, but for
`calibration`, `plan`, `progress` and `saved`.
"""
