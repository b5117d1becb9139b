"""T5.1.1 in Flax: sizes, the network, decoding, and checkpoints of it in others' formats."""
