"""imapclient: store, read, search, flag, move, and wait for a change by IDLE."""

import datetime
import os
import ssl
import sys

from imapclient import IMAPClient

HOST = "localhost"
context = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])


def connect(transport):
    if transport == "tls":
        return IMAPClient(HOST, int(os.environ["IMAPS_PORT"]), ssl=True, ssl_context=context)
    imap = IMAPClient(HOST, int(os.environ["IMAP_PORT"]), ssl=False)
    if transport == "starttls":
        imap.starttls(context)
    return imap


def read(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


message, short = read("MESSAGE"), read("SHORT")
imap = connect(sys.argv[1])
imap.login(os.environ["LOGIN"], os.environ["PASSWORD"])
for capability in ("IMAP4REV1", "IDLE", "MOVE", "UIDPLUS", "NAMESPACE", "SPECIAL-USE"):
    assert imap.has_capability(capability), (capability, imap.capabilities())
assert imap.namespace().personal[0][1] == "/"
assert imap.find_special_folder(b"\\Sent") == "Sent"
when = datetime.datetime(2026, 7, 2, 9, 30, tzinfo=datetime.timezone.utc)
assert b"APPENDUID" in imap.append("INBOX", message, msg_time=when)
selected = imap.select_folder("INBOX")
assert selected[b"EXISTS"] == 1 and selected[b"UIDNEXT"] == 2, selected

other = connect(sys.argv[1])
other.login(os.environ["LOGIN"], os.environ["PASSWORD"])
imap.idle()
other.append("INBOX", short)
assert (2, b"EXISTS") in imap.idle_check(timeout=30)
imap.idle_done()

row = imap.fetch([1], ["BODY.PEEK[]", "ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "INTERNALDATE"])[1]
assert row[b"BODY[]"] == message, row
assert row[b"RFC822.SIZE"] == len(message)
assert row[b"ENVELOPE"].message_id == b"<dots@elsewhere.test>", row
assert row[b"ENVELOPE"].from_[0].host == b"elsewhere.test", row
assert row[b"BODYSTRUCTURE"][:2] == (b"text", b"plain"), row
assert imap.search(["FROM", "dave"]) == [2]
assert imap.search(["BODY", "\u00c4pfel"], charset="UTF-8") == [1]
imap.add_flags([1], [b"\\Flagged", b"Later"])
assert set(imap.get_flags([1])[1]) >= {b"\\Flagged", b"Later"}
imap.move([2], "Archive")
assert imap.search("ALL") == [1]
assert imap.folder_status("Archive", ["MESSAGES", "UIDNEXT"])[b"MESSAGES"] == 1
other.logout()
imap.logout()
