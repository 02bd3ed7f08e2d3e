#!/usr/bin/env python3
"""A second, independent verifier of Vyrox audit logs. Standard library only.

  verify.py PATH...|-            directories with audit-*.jsonl, files or standard input, as one stream
  verify.py --partial PATH...    chains may begin anywhere

Exit codes: 0 sound, 1 something is wrong (file:line: problem is printed), 2 usage, nothing to verify, or unreadable.
Entries removed from a chain's end cannot be seen in a log alone; `vyrox-audit verify --expect-head` is for that.
"""
import hashlib, json, pathlib, sys  # noqa: E401

GENESIS = "0" * 64
MAX_LINE = 1024 * 1024
FIELDS = dict(tenant_id=str, action_type=str, host=str, approved_by=str, timestamp=int, dry_run=bool, hash=str, previous_hash=str)
NUMBERED = dict(schema_version=int, chain=str, seq=int)


class Problem(Exception):
    pass


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def number(text):
    if text == "-0" or any(c in text for c in ".eE") or not -(2**63) <= int(text) < 2**64:
        raise Problem("float")
    return int(text)


def without_duplicates(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Problem("duplicate_key")
    return dict(pairs)


def parse(line):
    try:
        # Python would take NaN and Infinity for JSON; int() of them is a ValueError.
        entry = json.loads(line.decode(), object_pairs_hook=without_duplicates, parse_int=number,
                           parse_float=number, parse_constant=int)
        canonical(entry)  # refuses lone surrogates
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise Problem("not_json")
    return entry


def check(line, chains, partial):
    """One line, without its newline. `chains` maps a chain's name to the number and hash of its last entry."""
    entry = parse(line)
    numbered = any(field in entry for field in NUMBERED)  # else the published format, which has one unnamed chain
    if numbered and entry.get("schema_version", 2) != 2:
        raise Problem("unknown_schema")
    for field, kind in (FIELDS | NUMBERED if numbered else FIELDS).items():
        if type(entry.get(field)) is not kind:
            raise Problem("missing_field")
    if entry["timestamp"] >= 2**63 or entry.get("seq", 0) < 0:
        raise Problem("missing_field")
    if numbered and canonical(entry) != line:
        raise Problem("not_canonical")
    found, previous = entry.pop("hash"), entry["previous_hash"]
    if hashlib.sha256(previous.encode() + b"|" + canonical(entry)).hexdigest() != found:
        raise Problem("hash_mismatch")
    name = entry.get("chain", "")
    last, link = chains.get(name, (-1, GENESIS))
    if partial and name not in chains:
        last = entry.get("seq", 0) - 1
        link = GENESIS if entry.get("seq") == 0 else previous
    seq = entry.get("seq", last + 1)
    if seq != last + 1:
        raise Problem("sequence_gap")
    if previous != link:
        raise Problem("broken_link")
    chains[name] = (seq, found)


def streams(paths):
    for path in paths:
        if path == "-":
            yield "stdin", sys.stdin.buffer
            continue
        path = pathlib.Path(path)
        for file in sorted(path.glob("audit-*.jsonl")) if path.is_dir() else [path]:
            with file.open("rb") as stream:
                yield str(file), stream


def verify(paths, partial):
    chains, entries = {}, 0
    for name, stream in streams(paths):
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
            try:
                if len(line) > MAX_LINE:
                    raise Problem("too_long")
                if not line.endswith(b"\n"):
                    raise Problem("torn_line")
                check(line[:-1], chains, partial)
            except Problem as problem:
                print(f"FAILED  {name}:{number}: {problem}")
                return 1
            entries += 1
    for name, (seq, head) in sorted(chains.items()):
        print(f"ok  chain {ascii(name)}: head {seq}:{head}")
    print(f"OK  {entries} entries in {len(chains)} chains" if entries else "no entries found, nothing was verified")
    return 0 if entries else 2


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--partial"]
    if not given or any(argument.startswith("-") and argument != "-" for argument in given):
        sys.exit(print(__doc__) or 2)
    try:
        sys.exit(verify(given, "--partial" in sys.argv[1:]))
    except OSError as error:
        sys.exit(print(error) or 2)
