"""The network: an ensemble of LSTMs over the features of a row; Keras, and nothing of Kedro.

Read `slots`, `layers` and `build`; then `plan`, `members`, `member_training`, `calibration` and
`fit`; then `scorer`, `keras_file`, `score`, `forward` and the kernel, which need no TensorFlow.

What the rest of the project relies on is four functions, so another network can take its place:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → probabilities
- `keras_file.read_keras_file(content, file)` → what a file holds, for `score.score`
"""
