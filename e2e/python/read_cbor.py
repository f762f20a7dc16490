"""Decodes CBOR with cbor2, which Writ does not use.

Reads one hex string a line and writes the typed value a line as JSON ({"uint": "1"}, {"map": [[k, v], ...]} and so
on, as in test-vectors/README.md), or null for bytes that cbor2 cannot decode.
"""

import json
import sys

import cbor2


def typed(value):
    if value is None:
        return {"null": None}
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"uint" if value >= 0 else "nint": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, (list, tuple)):
        return {"array": [typed(item) for item in value]}
    if isinstance(value, dict):
        return {"map": [[typed(key), typed(item)] for key, item in value.items()]}
    raise ValueError(f"no name for {type(value)}")


def decode(text):
    try:
        return typed(cbor2.loads(bytes.fromhex(text)))
    except (ValueError, cbor2.CBORDecodeError):
        return None


for line in sys.stdin:
    print(json.dumps(decode(line.strip())))
