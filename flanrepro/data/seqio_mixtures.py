"""Registers the paper's mixtures with SeqIO when it is imported, for programs that import modules.

    FLANREPRO_SEQIO="flan2022 niv2" seqio_cache_tasks \\
        --tasks=flanrepro_flan2022_2048_512,flanrepro_niv2_2048_512 \\
        --module_import=flanrepro.data.seqio_mixtures --output_cache_dir=CACHE

Beam spreads over a cluster. A cache is complete when it has `COMPLETED`, which is written last, and
a complete one is passed over; a job that was killed begins anew with all of its shards. On one
machine `flanrepro cache`, which needs no Beam, goes on with the missing shards.

Environment variables: `FLANREPRO_SEQIO` has the names of the mixtures, `FLANREPRO_SEQIO_EXAMPLES`
the number of prompts of each (100,000), `FLANREPRO_SEQIO_LENGTHS` the most input and target tokens
of one (`2048 512`, Flan 2022's), `FLANREPRO_SEQIO_COLLECTION` the collection (flan2022) and
`FLANREPRO_SEQIO_VOCABULARY` the vocabulary (the collection's). Nothing else in the package imports
this module.
"""

import os

from flanrepro.data.seqio_tasks import register_named
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

_names = os.environ.get("FLANREPRO_SEQIO", "").replace(",", " ").split()
if not _names:
    raise InputError(
        "FLANREPRO_SEQIO names no mixture to register: set it to names such as 'flan2022 niv2'"
    )
_collection = os.environ.get("FLANREPRO_SEQIO_COLLECTION", "flan2022")
_examples = os.environ.get("FLANREPRO_SEQIO_EXAMPLES", "100000")
if not _examples.isdigit():
    raise InputError(f"FLANREPRO_SEQIO_EXAMPLES is '{_examples}': expected a whole number")
_said = os.environ.get("FLANREPRO_SEQIO_LENGTHS", "2048 512")
_lengths = [int(part) for part in _said.replace(",", " ").split() if part.isdigit()]
if len(_lengths) != 2 or min(_lengths) < 2:
    raise InputError(
        f"FLANREPRO_SEQIO_LENGTHS is '{_said}': expected two whole numbers of at least 2, the most "
        "input and target tokens of a prompt, e.g. '2048 512'"
    )
_vocabulary = load_vocabulary(
    os.environ.get("FLANREPRO_SEQIO_VOCABULARY") or load_collection(_collection).vocabulary
)
# SeqIO's command imports a module and passes it nothing: parameters come by the environment.
for _name in _names:
    register_named(_name, _vocabulary, int(_examples), *_lengths, _collection)
