"""The RL FLOPs page in TensorBoard: a plugin that reads runs through the data provider."""
