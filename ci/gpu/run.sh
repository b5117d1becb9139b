#!/usr/bin/env bash
# All that there is to do on a borrowed accelerator, in the minutes that there are:
#
#     MINUTES=9 OUT=FOLDER bash ci/gpu/run.sh [--tiny]
#
# 1. the variants of the train step, in five minutes, 2. the tests that need an accelerator, 3. the
# other benchmarks, 4. the standing job of ci/gpu, whose packed files lie in .gpu/1, .gpu/2, ... What
# is done is kept in .gpu-work: started again, it goes on. $OUT gets at most five files:
# outcome.zip.* for `python -m ci.gpu take`, and logs.tar.gz, in whose logs/bench the tables are.
# With --tiny it is all at a size for a CPU, in .gpu-tiny and .gpu-tiny-work.
set -u
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
minutes=${MINUTES:-9}
root=${FLANREPRO_OUT:-$PWD}
work=$root/.gpu-work tiny=()
bench=(--model "small,base" --dtype bfloat16 --data synthetic --optimizer adafactor --rounds 3
  --rows 64 --inputs-length 512 --targets-length 128)
variants=(--model "base,small" --dtype bfloat16 --rows 64 --inputs-length 512 --targets-length 128
  --seconds 3 --minutes 5)
decode=(--model "base,small" --dtype bfloat16 --rows 64 --inputs-length 512 --targets-length 128)
many=(--at-once 1,4,16,64)
if [ "${1:-}" = --tiny ]; then
  work=$root/.gpu-tiny-work tiny=(--tiny)
  bench=(--model nano --data synthetic --optimizer adamw --rounds 1 --seconds 1 --batches 2)
  variants=(--rows 2 --inputs-length 64 --targets-length 32 --seconds 0 --batches 2)
  decode=(--rounds 1)
  many=(--model nano --at-once 1,2 --rounds 1 --seconds 1)
fi
export OUT=${OUT:-$work/out}
export FLANREPRO_CACHE=${FLANREPRO_CACHE:-$work/cache}  # compiled programs, kept between starts
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
mkdir -p "$OUT" "$work/logs"

# once NAME COMMAND...: unless it has come to its end before. What failed is not tried again: the
# minutes are short, and its log says why.
once() {
  local name=$1
  shift
  if [ ! -e "$work/logs/$name.done" ]; then
    echo "== $name: $*"
    "$@" > "$work/logs/$name.log" 2>&1
    echo "== $name: exit status $?, after $SECONDS s" >> "$work/logs/$name.log"
    touch "$work/logs/$name.done"
    tail -n 15 "$work/logs/$name.log"
  fi
}

once variants "$python" -m ci.bench variants "${variants[@]}" --out "$work/logs/bench"
once tests "$python" -m pytest -q -rs -p no:cacheprovider tests/training/test_accelerator.py
once bench "$python" -m ci.bench train "${bench[@]}" --no-hugging-face --no-t5x --out "$work/logs/bench"
once decode "$python" -m ci.bench decode "${decode[@]}" --out "$work/logs/bench"
once many "$python" -m ci.bench many "${many[@]}" --data synthetic --out "$work/logs/bench"

left=$(awk "BEGIN { left = $minutes - $SECONDS / 60; printf \"%.1f\", (left > 0 ? left : 0) }")
echo "== work: $left minutes are left"
"$python" -m ci.gpu work --minutes "$left" "${tiny[@]}" 2>&1 | tee -a "$work/logs/work.log"
status=${PIPESTATUS[0]}
tar czf "$OUT/logs.tar.gz" -C "$work" logs
exit "$status"
