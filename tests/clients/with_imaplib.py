"""imaplib: store two messages, read, search, flag, copy one away and remove it; then names in UTF-8.

With FLUSH in the environment the dialogue goes on in DEFLATE after log-in, each command ended by that
flush of zlib: Z_PARTIAL_FLUSH, Z_SYNC_FLUSH or Z_FULL_FLUSH.
"""

import imaplib
import os
import ssl
import sys
import zlib

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


class Deflated:
    """The stream under imaplib, compressed both ways (RFC 4978)."""

    def __init__(self, sock, flush):
        self.sock, self.flush = sock, flush
        self.packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self.unpacking = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        self.came = b""

    def send(self, data):
        self.sock.sendall(self.packing.compress(data) + self.packing.flush(self.flush))

    def fill(self):
        packed = self.sock.recv(4096)
        assert packed, "the server ended the connection"
        self.came += self.unpacking.decompress(packed)

    def take(self, count):
        taken, self.came = self.came[:count], self.came[count:]
        return taken

    def read(self, count):
        while len(self.came) < count:
            self.fill()
        return self.take(count)

    def readline(self):
        while b"\n" not in self.came:
            self.fill()
        return self.take(self.came.index(b"\n") + 1)


def compress(imap, flush):
    imaplib.Commands["COMPRESS"] = ("AUTH", "SELECTED")
    ok(imap._simple_command("COMPRESS", "DEFLATE"))
    deflated = Deflated(imap.sock, flush)
    imap.read, imap.readline, imap.send = deflated.read, deflated.readline, deflated.send
    assert imap._simple_command("COMPRESS", "DEFLATE")[0] == "NO"
    assert b"COMPRESS=DEFLATE" not in ok(imap.capability())[-1]


def log_in():
    imap = connect(sys.argv[1])
    if sys.argv[1] == "plain":
        ok(imap.login(os.environ["LOGIN"], os.environ["PASSWORD"]))
    else:
        secret = "\0{LOGIN}\0{PASSWORD}".format(**os.environ)
        ok(imap.authenticate("PLAIN", lambda _: secret.encode()))
    return imap


message, short = read("MESSAGE"), read("SHORT")
imap = log_in()
if "FLUSH" in os.environ:
    compress(imap, getattr(zlib, os.environ["FLUSH"]))
names = b" ".join(ok(imap.list()))
assert all(name in names for name in (b"INBOX", b"Drafts", b"Sent", b"Trash", b"Archive")), names
ok(imap.append("INBOX", "(\\Seen)", '"12-Jul-2026 09:30:00 +0200"', message))
ok(imap.append("INBOX", None, None, short))
assert ok(imap.select("INBOX")) == [b"2"]
fetched = ok(imap.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))[0]
assert fetched[1] == message, fetched
for item in (b"\\Seen", b'"12-Jul-2026 09:30:00 +0200"', b"RFC822.SIZE %d" % len(message)):
    assert item in fetched[0], (item, fetched[0])
large = os.urandom(100_000).hex().encode() + b"\r\n"
large = b"Subject: large\r\n\r\n" + large + b"again " * 200_000 + b"\r\n" + large
ok(imap.append("Trash", None, None, large))
ok(imap.select("Trash"))
assert ok(imap.fetch("1", "(BODY.PEEK[])"))[0][1] == large
assert ok(imap.select("INBOX")) == [b"2"]
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

# Once UTF8=ACCEPT is enabled, imaplib writes and reads names in UTF-8 (RFC 9755, 3).
imap = log_in()
ok(imap.enable("UTF8=ACCEPT"))
ok(imap.create('"日本語 & more"'))
assert '"日本語 & more"'.encode() in ok(imap.list('""', '"日*"'))[0]
assert ok(imap.select('"日本語 & more"')) == [b"0"]
assert ok(imap.select("INBOX")) == [b"1"]
assert ok(imap.search(None, "SUBJECT", '"short"')) == [b"1"]
assert ok(imap.search(None, "SUBJECT", '"日本"')) == [b""]
ok(imap.close())
ok(imap.delete('"日本語 & more"'))
assert imap.logout()[0] == "BYE"
