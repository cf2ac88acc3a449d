"""The network: an ensemble of LSTMs over the features of a row; Keras, and nothing of Kedro.

Read it in this order:

1. `slots`: what the schema says of each feature, in arrays
2. `layers`: embed each feature of a step, recur over the steps, read out a logit
3. `build`: k members of that as one model, from raw sequence to probability
4. `plan`: which fold each member is held out from, in what batches it trains and for how long
5. `members`: train them, all in one graph
6. `calibration`: temperature and decision threshold from the out-of-fold logits
7. `fit`: all of that as one function, and predict
8. `keras_file`: read a saved network safely, without Keras
9. `scorer`: what scoring needs of it
10. `score`: the forward pass in NumPy
11. `saved`: load it into Keras

`tutorial` builds and trains the tutorial's network; `progress` logs how far a training is.

What the rest of the project relies on is four functions, so another network can take its place:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → probabilities
- `saved.load_network(content, file)` → the candidate that a file holds

Importing this package does not import TensorFlow. Nor does importing `calibration`, `keras_file`,
`plan`, `saved`, `score`, `scorer` or `slots`; the other modules import it.
"""
