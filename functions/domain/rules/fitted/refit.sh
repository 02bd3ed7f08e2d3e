#!/bin/sh
# Fits weights, n-grams and levels again, builds with them, and renews the figures in docs/detection.md.
#
#   functions/domain/rules/fitted/refit.sh DATA [SEEN]
#
# DATA has inputs.jsonl, labels.jsonl and evaluate.py. SEEN has the ids of events that rule authors looked at, one
# {"id": ...} a line. BUILD overrides how cargo builds (default --release).
set -eu
data=$(cd "$1" && pwd)
seen=${2:-}
[ -z "$seen" ] || seen=$(realpath "$seen")
cd "$(dirname "$0")/../../../.."
fitted=functions/domain/rules/fitted
scores=$(mktemp -d)
trap 'rm -r "$scores"' EXIT
vyroxctl() { cargo run -q -p vyroxctl ${BUILD:---release} -- "$@"; }

vyroxctl rules fit --inputs "$data/inputs.jsonl" --labels "$data/labels.jsonl" --exclude-source TellinaTool/nl2bash \
    --also "$fitted/known.jsonl" ${seen:+--seen "$seen"} --out "$fitted" --plots docs/images --predictions "$scores/unseen.jsonl" >/dev/null
vyroxctl rules score "$data/inputs.jsonl" >"$scores/fitted.jsonl"
for kind in fitted; do
    for threshold in 0.92 0.75 0.2501; do
        python3 "$data/evaluate.py" "$data/labels.jsonl" "$scores/$kind.jsonl" $threshold
    done >"$scores/$kind.txt"
done
python3 - "$fitted/report.txt" "$scores" docs/detection.md <<'PYTHON'
import pathlib, re, sys
report, scores, page = map(pathlib.Path, sys.argv[1:])
text = page.read_text()
for name, block in [("report", report), ("fitted", scores / "fitted.txt")]:
    new = f"<!-- {name} -->\n```text\n{block.read_text().rstrip()}\n```\n<!-- /{name} -->"
    text = re.sub(f"<!-- {name} -->.*?<!-- /{name} -->", lambda _: new, text, flags=re.S)
page.write_text(text)
PYTHON
