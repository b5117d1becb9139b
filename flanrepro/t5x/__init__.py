"""The T5X engine trains runs with T5X's own train.py (Roberts et al., 2022) and our gin files.

`make t5x` installs T5X at a pinned commit. Then `engine=t5x` trains a notebook's runs under T5X, on
one host, see `flanrepro.t5x.engine`; `t5x/run.gin` in a run's folder is what T5X was started with.
Runs that are evaluated while they train, as in finetuning on a single task, need engine `local`.

A lab trains on a TPU or GPU cluster without a run store. Render the mixture once, in parallel,

    flanrepro cache flan2022 --vocabulary t5 --examples 50000000 --workers 64 --out cache
    # or on Beam: FLANREPRO_SEQIO=flan2022 FLANREPRO_SEQIO_VOCABULARY=t5 seqio_cache_tasks \\
    #   --tasks=flanrepro_flan2022_2048_512 --module_import=flanrepro.data.seqio_mixtures --output_cache_dir=gs://bucket/cache

and start T5X on every host, with a size, the paper's recipe and a mixture, in this order:

    python -m t5x.train \\
      --gin_file=t5x/examples/t5/t5_1_1/xl.gin \\
      --gin_file=flanrepro/t5x/gin/paper.gin \\
      --gin_file=flanrepro/t5x/gin/mixture.gin \\
      --gin.MIXTURE="'flan2022'" \\
      --gin.MODEL_DIR="'gs://bucket/flan_xl'" \\
      --gin.INITIAL_CHECKPOINT_PATH="'gs://t5-data/pretrained_models/t5x/t5_1_1_lm100k_xl/checkpoint_1100000'" \\
      --gin.USE_CACHED_TASKS=True --seqio_additional_cache_dirs=gs://bucket/cache \\
      --gin.NUM_PARTITIONS=4

Sizes `small` to `xxl` are T5X's own files; `flanrepro/t5x/gin/sizes/` adds `nano`, `micro` and
`mini`, and the decoder-only `lm-nano` to `lm-xl`. These are prefix language models: with
`--gin.INPUTS_BIDIRECTIONAL_ATTENTION=False` they read their inputs from left to right, too. Gin
finds all of them wherever the two packages are installed. `--gin.NAME=VALUE` sets anew whatever a
file sets. Evaluate a checkpoint by its folder's name, as any other model (`flanrepro evaluate`).
"""  # noqa: E501
