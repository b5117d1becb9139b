import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "ci" / "bench_cache.py"


@pytest.fixture(scope="module")
def bench_cache():
    pytest.importorskip("seqio", reason="SeqIO is not installed: pip install -e '.[beam]'")
    spec = importlib.util.spec_from_file_location("bench_cache", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Each part is a process on a core of its own, and an earlier test may have started JAX in this one.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_every_way_to_read_is_measured_on_the_data_at_hand(bench_cache, monkeypatch):
    monkeypatch.setattr(bench_cache, "VOCABULARIES", {"pocket": "pocket"})
    table = bench_cache.table(examples=200, steps=4)
    assert list(table.columns) == ["what", "value", "unit"]
    assert (table["value"] > 0).all()
    read = table[table["what"].str.contains("read by SeqIO|read from packed|of 1,024 at a time")]
    assert list(read["unit"]) == ["examples/s"] * 3
    assert 5 < table.set_index("unit")["value"]["bytes/example"] < 500
