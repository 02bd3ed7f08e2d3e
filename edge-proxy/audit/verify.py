#!/usr/bin/env python3
"""A second, independent verifier of Vyrox audit logs. Standard library and p256.py beside it; the format: docs/audit-chain.md.

  verify.py [--partial] [--key FILE] PATH...|-    directories with audit-*.jsonl, files (.gz too), or standard input, as one stream
                                                 --partial: chains may begin anywhere; --key: the key that signs checkpoints
Exit codes: 0 sound, 1 something is wrong (file:line: problem is printed), 2 usage, nothing to verify, or unreadable.
"""
import base64, gzip, hashlib, json, pathlib, sys, time, zlib  # noqa: E401
from p256 import has_signed

GENESIS, MAX_LINE = "0" * 64, 1024 * 1024
FIELDS = dict(tenant_id=str, action_type=str, host=str, approved_by=str, timestamp=int, dry_run=bool, hash=str, previous_hash=str)
NUMBERED, LANE, SIGNATURE = dict(schema_version=int, chain=str, seq=int), dict(chain=str, seq=int, hash=str), dict(keyid=str, sig=str)
class Problem(Exception): """Its text is one of the codes in docs/audit-chain.md."""
def fits(value, fields):
    return isinstance(value, dict) and all(type(value.get(field)) is kind for field, kind in fields.items())
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
    try:  # Python would take NaN and Infinity for JSON; int() of them is a ValueError.
        entry = json.loads(line.decode(), object_pairs_hook=without_duplicates, parse_int=number, parse_float=number, parse_constant=int)
        canonical(entry)  # refuses lone surrogates
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise Problem("not_json")
    return entry
def checkpoint(entry, chains, noted, key):  # `noted`: a lane's name -> heads still to be met, its last noted number, its expiry
    detail = entry["detail"] if isinstance(entry.get("detail"), dict) else {}
    signature, lanes = detail.pop("signature", None), detail.get("lanes")
    if entry["action_type"] != "CHECKPOINT" or entry["chain"] != "checkpoints-" + entry["tenant_id"] or not fits(signature, SIGNATURE):
        raise Problem("bad_checkpoint")
    content = canonical(entry)  # without `hash` and without the signature
    message = b"DSSEv1 37 application/vnd.vyrox.checkpoint+json %d %s" % (len(content), content)
    if key and not (signature["keyid"] == hashlib.sha256(key).hexdigest() and has_signed(key, message, signature["sig"])):
        raise Problem("bad_signature")
    if not isinstance(lanes, list) or not all(fits(lane, LANE) for lane in lanes):
        raise Problem("bad_checkpoint")
    for lane in lanes:
        heads, last, kept = noted.get(lane["chain"], ({}, -1, None))
        read, head = chains.get(lane["chain"], (-1, ""))[:2]
        if lane["seq"] <= last or read > lane["seq"] or (read == lane["seq"] and head != lane["hash"]):
            raise Problem("bad_checkpoint" if lane["seq"] <= last else "late_checkpoint" if read > lane["seq"] else "checkpoint_mismatch")
        heads |= {lane["seq"]: lane["hash"]} if read < lane["seq"] else {}
        noted[lane["chain"]] = heads, lane["seq"], lane.get("kept_until") if lane.get("closed") else kept
def check(line, chains, noted, key, partial):
    """One line, without its newline. `chains` maps a chain's name to its last entry's number and hash, and whether it is closed."""
    entry = parse(line)
    numbered = any(field in entry for field in NUMBERED)  # else the published format, which has one unnamed chain
    if numbered and entry.get("schema_version", 2) != 2:
        raise Problem("unknown_schema")
    if not fits(entry, FIELDS | NUMBERED if numbered else FIELDS) or entry["timestamp"] >= 2**63 or entry.get("seq", 0) < 0:
        raise Problem("missing_field")
    if numbered and canonical(entry) != line:
        raise Problem("not_canonical")
    found, previous = entry.pop("hash"), entry["previous_hash"]
    if hashlib.sha256(previous.encode() + b"|" + canonical(entry)).hexdigest() != found:
        raise Problem("hash_mismatch")
    name = entry.get("chain", "")
    last, link, closed = chains.get(name, (-1, GENESIS, False))
    if partial and name not in chains:
        last, link = entry.get("seq", 0) - 1, GENESIS if entry.get("seq") == 0 else previous
    seq = entry.get("seq", last + 1)
    if seq != last + 1 or previous != link or closed:
        raise Problem("sequence_gap" if seq != last + 1 else "broken_link" if previous != link else "closed_lane")
    chains[name] = seq, found, numbered and entry["action_type"] == "LANE_CLOSED"
    if numbered and noted.get(name, ({},))[0].pop(seq, found) != found:
        raise Problem("checkpoint_mismatch")
    if numbered and (name.startswith("checkpoints-") or entry["action_type"] == "CHECKPOINT"):
        checkpoint(entry, chains, noted, key)
def streams(paths):
    for path in paths:
        if path == "-":
            yield "stdin", sys.stdin.buffer
            continue
        path = pathlib.Path(path)
        days = {f.name.removesuffix(".gz"): f for end in (".gz", "") for f in path.glob("audit-*.jsonl" + end)}  # a plain one goes before
        for file in [days[day] for day in sorted(days)] if path.is_dir() else [path]:
            with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
                yield str(file), stream
def verify(paths, partial, key):
    chains, noted, entries = {}, {}, 0
    for name, stream in streams(paths):
        for line_number, line in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), 1):
            try:
                if len(line) > MAX_LINE or not line.endswith(b"\n"):
                    raise Problem("too_long" if len(line) > MAX_LINE else "torn_line")
                check(line[:-1], chains, noted, key, partial)
            except Problem as problem:
                return print(f"FAILED  {name}:{line_number}: {problem}") or 1
            entries += 1
    for name, (heads, _, kept) in sorted(noted.items()):  # a lane that is gone as a whole is fine once its retention has ended
        if heads and not partial and (name in chains or kept is None or kept > time.time()):
            return print(f"FAILED  chain {ascii(name)}: entry {min(heads)}: head_missing") or 1
    for name, (seq, head, _) in sorted(chains.items()):
        print(f"ok  chain {ascii(name)}: head {seq}:{head}")
    print(f"OK  {entries} entries in {len(chains)} chains" if entries else "no entries found, nothing was verified")
    return 0 if entries else 2

if __name__ == "__main__":
    given, key = [argument for argument in sys.argv[1:] if argument != "--partial"], b""
    try:
        if "--key" in given[:-1]:
            pem = pathlib.Path(given.pop(given.index("--key") + 1)).read_text().splitlines()
            key = base64.b64decode("".join(line for line in pem if "-----" not in line))
            given.remove("--key")
        if not given or any(argument.startswith("-") and argument != "-" for argument in given):
            sys.exit(print(__doc__) or 2)
        sys.exit(verify(given, "--partial" in sys.argv[1:], key))
    except (OSError, ValueError, EOFError, zlib.error) as error:
        sys.exit(print(error) or 2)
