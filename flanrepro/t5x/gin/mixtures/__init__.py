"""A file per mixture of the paper, see `flanrepro.t5x.gin_files`."""
