"""SCRAM in IMAP, POP3 and SMTP (RFC 5802, RFC 7677), bound to the server's certificate where there is TLS
(RFC 5929, 4); by what Python brings along. A server that does not know the password is noticed."""

import base64
import hashlib
import hmac
import imaplib
import os
import poplib
import smtplib
import ssl
import sys

HOST = "localhost"
LOGIN, PASSWORD = os.environ["LOGIN"], os.environ["PASSWORD"]
context = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])


class Scram:
    """A client; called with each challenge it returns the answer."""

    def __init__(self, hash, password, binding=None, header="n,,"):
        self.hash, self.password, self.step = hash, password, 0
        self.header = b"p=tls-server-end-point,," if binding else header.encode()
        self.bound = self.header + (binding or b"")
        self.first = f"n={LOGIN},r=" + base64.b64encode(os.urandom(12)).decode()

    def sign(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def __call__(self, challenge=None):
        self.step += 1
        if self.step == 1:
            assert not challenge, challenge
            return self.header + self.first.encode()
        if self.step == 2:
            return self.prove(challenge)
        assert challenge == self.expected, "the server does not know the password"
        return b""

    def prove(self, challenge):
        fields = dict(field.split("=", 1) for field in challenge.decode().split(","))
        assert fields["r"].startswith(self.first.rsplit("r=")[1]) and int(fields["i"]) >= 4096
        salt = base64.b64decode(fields["s"])
        salted = hashlib.pbkdf2_hmac(self.hash, self.password.encode(), salt, int(fields["i"]))
        last = b"c=" + base64.b64encode(self.bound) + b",r=" + fields["r"].encode()
        said = b",".join([self.first.encode(), challenge, last])
        client = self.sign(salted, b"Client Key")
        signature = self.sign(hashlib.new(self.hash, client).digest(), said)
        proof = bytes(a ^ b for a, b in zip(client, signature))
        server = self.sign(self.sign(salted, b"Server Key"), said)
        self.expected = b"v=" + base64.b64encode(server)
        return last + b",p=" + base64.b64encode(proof)


def end_point(sock):
    """The certificates of the tests are signed with ECDSA and SHA-256."""
    return hashlib.sha256(sock.getpeercert(True)).digest()


def imap(transport):
    if transport == "tls":
        return imaplib.IMAP4_SSL(HOST, int(os.environ["IMAPS_PORT"]), ssl_context=context)
    client = imaplib.IMAP4(HOST, int(os.environ["IMAP_PORT"]))
    if transport == "starttls":
        assert client.starttls(context)[0] == "OK"
    return client


def log_in_by_imap(transport, mechanism, scram):
    client = imap(transport)
    assert f"AUTH={mechanism}" in client.capabilities, client.capabilities
    try:
        client.authenticate(mechanism, scram(client.sock))
        assert client.select()[0] == "OK"
    finally:
        client.shutdown()


def log_in_by_smtp(transport, mechanism, scram):
    if transport == "tls":
        client = smtplib.SMTP_SSL(HOST, int(os.environ["SUBMISSIONS_PORT"]), context=context)
    else:
        client = smtplib.SMTP(HOST, int(os.environ["SUBMISSION_PORT"]))
        if transport == "starttls":
            client.starttls(context=context)
    with client:
        client.ehlo()
        assert mechanism in client.esmtp_features["auth"].split(), client.esmtp_features
        scram = scram(client.sock)
        # smtplib would encode the octets of a binding as text.
        code, said = client.docmd("AUTH", mechanism + " " + base64.b64encode(scram(None)).decode())
        while code == 334:
            code, said = client.docmd(base64.b64encode(scram(base64.b64decode(said))).decode())
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, said)
        assert client.mail(LOGIN)[0] == 250


def log_in_by_pop3(transport, mechanism, scram):
    if transport == "tls":
        client = poplib.POP3_SSL(HOST, int(os.environ["POP3S_PORT"]), context=context)
    else:
        client = poplib.POP3(HOST, int(os.environ["POP3_PORT"]))
        if transport == "starttls":
            client.stls(context)
    try:
        assert mechanism in client.capa()["SASL"], client.capa()
        scram = scram(client.sock)
        client._putcmd("AUTH " + mechanism)
        answer, _ = client._getline()
        while answer.startswith(b"+ "):
            client._putcmd(base64.b64encode(scram(base64.b64decode(answer[2:]))).decode())
            answer, _ = client._getline()
        if not answer.startswith(b"+OK"):
            raise poplib.error_proto(answer)
        client.stat()
    finally:
        client.close()


def refused(log_in, *arguments):
    try:
        log_in(*arguments)
    except (imaplib.IMAP4.error, smtplib.SMTPAuthenticationError, poplib.error_proto):
        return
    raise AssertionError(f"{arguments} should have been refused")


transport = sys.argv[1]
for log_in in (log_in_by_imap, log_in_by_smtp, log_in_by_pop3):
    for name, hash in (("SCRAM-SHA-1", "sha1"), ("SCRAM-SHA-256", "sha256")):
        log_in(transport, name, lambda sock: Scram(hash, PASSWORD))
        refused(log_in, transport, name, lambda sock: Scram(hash, "wrong"))
        # "I could bind, and you could not": right without TLS, else somebody has left out -PLUS.
        could = lambda sock: Scram(hash, PASSWORD, header="y,,")
        if transport == "plain":
            log_in(transport, name, could)
            continue
        refused(log_in, transport, name, could)
        name += "-PLUS"
        log_in(transport, name, lambda sock: Scram(hash, PASSWORD, end_point(sock)))
        refused(log_in, transport, name, lambda sock: Scram(hash, PASSWORD, b"x" * 32))
        refused(log_in, transport, name, lambda sock: Scram(hash, PASSWORD))
