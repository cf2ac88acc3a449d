"""The network: an ensemble of LSTMs over the features of a row; Keras, and nothing of Kedro.

Read it in this order:

1. `slots`: what the schema says of each feature, in arrays
2. `layers`: embed each feature of a step, recur over the steps, read out a logit
3. `build`: k members of that as one model, from raw sequence to probability
4. `plan`: which fold each member is held out from, in what batches it trains and for how long
5. `members`: a step of all members in one graph
6. `member_training`: train members until each stops
7. `calibration`: weights of both kinds, temperature and decision threshold from out-of-fold logits
8. `fit`: all of that as one function, and predict
9. `keras_file`: read a saved network safely, without Keras
10. `scorer`: what scoring needs of it
11. `score`: the forward pass of many rows, and why a row's probability is what it is
12. `forward`: the forward pass in NumPy; `kernel` compiles it from what `kernel_code` writes
13. `saved`: load it into Keras

What the rest of the project relies on is four functions, so another network can take its place:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → probabilities
- `saved.load_network(content, file)` → the candidate that a file holds

Importing this package does not import TensorFlow. Nor does importing `calibration`, `keras_file`,
`plan`, `saved`, `score`, `scorer` or `slots`; the other modules import it.
"""
