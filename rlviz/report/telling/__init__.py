"""The parts of the summary: facts, values, sentences, and their texts."""
