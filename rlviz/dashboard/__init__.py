"""The page RL FLOPs in TensorBoard: a plugin that reads runs as its data provider gives them."""
