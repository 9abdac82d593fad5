"""poplib: read two messages whole and in part, delete the first."""

import os
import poplib
import ssl
import sys

HOST = "localhost"
context = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])


def connect(transport):
    if transport == "tls":
        return poplib.POP3_SSL(HOST, int(os.environ["POP3S_PORT"]), context=context)
    pop = poplib.POP3(HOST, int(os.environ["POP3_PORT"]))
    if transport == "starttls":
        assert "STLS" in pop.capa()
        pop.stls(context)
    return pop


def read(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


def whole(answer):
    return b"".join(line + b"\r\n" for line in answer[1])


def log_in(pop):
    pop.user(os.environ["LOGIN"])
    pop.pass_(os.environ["PASSWORD"])
    return pop


message, short = read("MESSAGE"), read("SHORT")
pop = log_in(connect(sys.argv[1]))
assert pop.stat() == (2, len(message) + len(short)), pop.stat()
assert whole(pop.retr(1)) == message
assert whole(pop.retr(2)) == short
head = message.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
assert whole(pop.top(1, 0)) == head
assert whole(pop.top(1, 2)) == head + b"first line\r\n.\r\n"
uidls = pop.uidl()[1]
assert len({line.split()[1] for line in uidls}) == 2, uidls
pop.dele(1)
pop.rset()
pop.dele(1)
pop.quit()

pop = log_in(connect(sys.argv[1]))
assert pop.stat() == (1, len(short))
assert pop.uidl()[1][0].split()[1] == uidls[1].split()[1]
pop.quit()
