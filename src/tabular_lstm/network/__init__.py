"""The network: an ensemble of LSTMs over the features of a row; it uses Keras, not Kedro.

Read in this order: `outputs`, which has what differs by task; `scorer` and `build`; then `plan`,
`members`, `member_training` and `fit`; then `keras_file`, `forward`, `score` and the kernel.
Scoring and `outputs` do not use TensorFlow.

The rest of the project calls only these functions, so another network can replace this one:

- `build.build(schema, network, seed)` → an untrained `keras.Model`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → predictions; `fit.predict_changed`, with a slot changed
- `fit.fingerprint_network(candidate)` → a hash of what it learned
- `keras_file.read_keras_file(content, file)` → the network in a file, for `score.score`,
  `score.score_changed` and `reasons.reasons_of`
"""
