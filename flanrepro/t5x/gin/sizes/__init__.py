"""A file per size of the model, see `flanrepro.t5x.gin_files`."""
