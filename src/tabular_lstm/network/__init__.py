"""The network: an ensemble of LSTMs over the features of a row; it uses Keras, not Kedro.

Read in this order: `outputs`, which has what differs by task; `scorer` and `build`; then `plan`,
`members`, `member_training`, `calibration` and `fit`; then `keras_file`, `score`, `forward` and the
kernel. Scoring, `outputs` and `calibration` do not use TensorFlow.

The rest of the project calls only four functions, so another network can replace this one:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → predictions
- `keras_file.read_keras_file(content, file)` → the network in a file, for `score.score`
"""
