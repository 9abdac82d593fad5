"""imaplib: store two messages, read, search, flag, copy one away and remove it."""

import imaplib
import os
import ssl
import sys

HOST = "localhost"
context = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])


def connect(transport):
    if transport == "tls":
        return imaplib.IMAP4_SSL(HOST, int(os.environ["IMAPS_PORT"]), ssl_context=context)
    imap = imaplib.IMAP4(HOST, int(os.environ["IMAP_PORT"]))
    if transport == "starttls":
        ok(imap.starttls(context))
    return imap


def ok(answer):
    status, lines = answer
    assert status == "OK", answer
    return lines


def read(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


message, short = read("MESSAGE"), read("SHORT")
imap = connect(sys.argv[1])
if sys.argv[1] == "plain":
    ok(imap.login(os.environ["LOGIN"], os.environ["PASSWORD"]))
else:
    secret = "\0{LOGIN}\0{PASSWORD}".format(**os.environ)
    ok(imap.authenticate("PLAIN", lambda _: secret.encode()))

names = b" ".join(ok(imap.list()))
assert all(name in names for name in (b"INBOX", b"Drafts", b"Sent", b"Trash", b"Archive")), names
ok(imap.append("INBOX", "(\\Seen)", '"12-Jul-2026 09:30:00 +0200"', message))
ok(imap.append("INBOX", None, None, short))
assert ok(imap.select("INBOX")) == [b"2"]
fetched = ok(imap.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))[0]
assert fetched[1] == message, fetched
for item in (b"\\Seen", b'"12-Jul-2026 09:30:00 +0200"', b"RFC822.SIZE %d" % len(message)):
    assert item in fetched[0], (item, fetched[0])
assert ok(imap.uid("SEARCH", "UNSEEN")) == [b"2"]
assert ok(imap.uid("SEARCH", "SUBJECT", "short")) == [b"2"]
header = ok(imap.fetch("2", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))[0][1]
assert header == b"Subject: short\r\n\r\n", header
ok(imap.copy("1", "Archive"))
ok(imap.store("1", "+FLAGS", "(\\Deleted)"))
assert ok(imap.expunge()) == [b"1"]
assert ok(imap.status("INBOX", "(MESSAGES UNSEEN)"))[0].endswith(b"(MESSAGES 1 UNSEEN 1)")
ok(imap.create("Projects/2026"))
ok(imap.rename("Projects/2026", "Projects/2027"))
ok(imap.subscribe("Projects/2027"))
assert any(b"Projects/2027" in line for line in ok(imap.lsub()))
ok(imap.delete("Projects/2027"))
ok(imap.close())
assert imap.logout()[0] == "BYE"
