"""The T5X engine: gin files, and what T5X's own train.py (Roberts et al., 2022) needs of ours.

`make t5x` installs T5X at a pinned commit. Then `engine=t5x` trains a notebook's runs under T5X, on
one host, see `flanrepro.t5x.engine`; `t5x/run.gin` in a run's folder says with what. Only runs that
are evaluated while they train, as in finetuning on a single task, are the local engine's alone.

A lab trains on a TPU or GPU cluster without a run store. Render the mixture once, in parallel,

    flanrepro cache flan2022 --examples 50000000 --workers 64 --out cache
    # or on Beam: FLANREPRO_SEQIO=flan2022 seqio_cache_tasks --tasks=flanrepro_flan2022 \\
    #   --module_import=flanrepro.data.seqio_mixtures --output_cache_dir=gs://bucket/cache

and start T5X on every host, with a size, the paper's recipe and a mixture, in this order:

    python -m t5x.train \\
      --gin_file=flanrepro/t5x/gin/sizes/xl.gin \\
      --gin_file=flanrepro/t5x/gin/paper.gin \\
      --gin_file=flanrepro/t5x/gin/mixtures/flan2022.gin \\
      --gin.MODEL_DIR="'gs://bucket/flan_xl'" \\
      --gin.INITIAL_CHECKPOINT_PATH="'gs://t5-data/pretrained_models/t5x/t5_1_1_lm100k_xl/checkpoint_1100000'" \\
      --gin.USE_CACHED_TASKS=True --seqio_additional_cache_dirs=gs://bucket/cache \\
      --gin.NUM_PARTITIONS=4

Gin finds the files wherever the package is installed. All that is set in them can be set again with
`--gin.NAME=VALUE`. A checkpoint is evaluated by its folder's name, as any other model
(`flanrepro evaluate`).
"""  # noqa: E501
