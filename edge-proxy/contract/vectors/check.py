#!/usr/bin/env python3
"""Checks the canonical JSON, DSSE encoding and key id vectors beside it. Standard library only, which has no ECDSA and
no Ed25519: of envelopes.json it checks the payload and the key ids, not the signatures.

Exit codes: 0 all agree, 1 some do not (they are named), 2 there is nothing to check.
"""
import base64
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def load(name):
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def number(text):
    if any(c in text for c in ".eE") or text == "-0" or not -(2**63) <= int(text) < 2**64:
        raise ValueError
    return int(text)


def canonical(text):
    try:
        value = json.loads(text, parse_int=number, parse_float=number, parse_constant=int)
    except ValueError:
        return None
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def encoding(kind, payload):
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def keyid(spki):
    return hashlib.sha256(base64.b64decode(spki)).hexdigest()


def results():
    for v in load("canonical"):
        yield "canonical", v["name"], canonical(v["json"]) == v["canonical"]
        digest = v["canonical"] and hashlib.sha256(v["canonical"].encode()).hexdigest()
        yield "canonical digest", v["name"], digest == v["sha256"]
    for v in load("encodings"):
        yield "encoding", v["name"], encoding(v["type"], base64.b64decode(v["payload"])).hex() == v["encoded"]
    for v in load("keys"):
        yield "key", v["name"], keyid(v["spki"]) == v["keyid"]
    keys = {v["name"]: keyid(v["spki"]) for v in load("keys")}
    for v in load("envelopes"):
        if v["expected"] == "sound":
            known = any(s["keyid"] in [keys[k] for k in v["trusted"]] for s in v["envelope"]["signatures"])
            same = json.loads(base64.b64decode(v["envelope"]["payload"])) == v["payload"]
            yield "envelope", v["name"], known and same


checked = list(results())
for kind, name, agrees in checked:
    if not agrees:
        print(f"FAILED  {kind}: {name}")
print(f"{sum(agrees for *_, agrees in checked)} of {len(checked)} agree")
sys.exit(2 if not checked else not all(agrees for *_, agrees in checked))
