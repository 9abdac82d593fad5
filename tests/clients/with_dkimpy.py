"""dkimpy: verifies what we signed, and signs what we verify.

RECORDS names a file with lines of a name and a TXT record; MESSAGE one with the message.
"""

import base64
import os
import sys

import dkim


def records():
    with open(os.environ["RECORDS"], encoding="ascii") as file:
        return dict(line.rstrip("\n").split(" ", 1) for line in file)


def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    value = records().get(name.rstrip("."))
    return value.encode() if value else None


def read(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


def verify():
    """Every signature, one by one."""
    message = read("MESSAGE")
    verifier = dkim.DKIM(message, logger=None)
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    assert count == int(os.environ["COUNT"]), f"{count} signatures"
    for index in range(count):
        assert verifier.verify(idx=index, dnsfunc=txt), f"signature {index} does not verify"


def verify_arc():
    result, sets, reason = dkim.arc_verify(read("MESSAGE"), dnsfunc=txt)
    assert result == dkim.CV_Pass, (result, sets, reason)
    assert len(sets) == int(os.environ["COUNT"]), sets


def sign():
    """By RSA and by Ed25519, in two forms each; the signed message goes to standard output."""
    message = read("MESSAGE")
    with open(os.environ["ED25519_SEED"], "rb") as file:
        seed = base64.b64encode(file.read())
    keys = [(b"r", read("RSA_KEY"), b"rsa-sha256"), (b"e", seed, b"ed25519-sha256")]
    forms = [(b"relaxed", b"relaxed"), (b"simple", b"simple")]
    for selector, key, algorithm in keys:
        for form in forms:
            message = dkim.sign(
                message, selector, b"elsewhere.test", key, canonicalize=form, signature_algorithm=algorithm
            ) + message
    sys.stdout.buffer.write(message)


{"verify": verify, "verify_arc": verify_arc, "sign": sign}[sys.argv[1]]()
