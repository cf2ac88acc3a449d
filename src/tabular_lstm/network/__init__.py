"""The network: an ensemble of LSTMs over the features of a row, or a custom network; no Kedro.

Read it in the order of docs/network.md: `scorer`, what a row becomes; `build`, what a member is and
how many there are; `outputs`, what they mean for each task; `plan`, `members` and
`member_training`, the folds and the training; `fit`, the kinds and the calibration; `offset`, for
histories. Then `keras_file`, and scoring: `forward`, `score`, `reasons` and the kernel.
Scoring and `outputs` do not use TensorFlow. A custom network, named in conf, replaces the ensemble;
`own_network` and `own_training` build and train it with Keras.

The rest of the project calls only these functions:

- `build.build(schema, network, seed)` → an untrained `LSTMEnsemble` or `OwnNetwork`
- `fit.train(network, sequences, labels, training)` → (candidate, history)
- `fit.predict(candidate, sequences)` → predictions
- `fit.fingerprint_network(candidate)` → a hash of what it learned
- `fit.scorer_of(candidate)`, or `keras_file.read_keras_file(content, file)` → what `score.score`,
  `score.score_changed` and `reasons.reasons_of` take
"""
