"""smtplib: one message from another server, one that a user submits."""

import email.message
import os
import smtplib
import ssl
import sys

HOST = "localhost"
context = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])


def connect(transport, protocol):
    if transport == "tls":
        port = int(os.environ[f"{protocol}S_PORT"])
        return smtplib.SMTP_SSL(HOST, port, local_hostname="client.test", context=context)
    smtp = smtplib.SMTP(HOST, int(os.environ[f"{protocol}_PORT"]), local_hostname="client.test")
    if transport == "starttls":
        smtp.starttls(context=context)
    return smtp


def read(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


login = os.environ["LOGIN"]
with connect(sys.argv[1], "SMTP") as smtp:
    smtp.ehlo()
    assert smtp.has_extn("8bitmime") and smtp.has_extn("size"), smtp.esmtp_features
    options = ["BODY=8BITMIME"]
    refused = smtp.sendmail("carol@elsewhere.test", [login], read("MESSAGE"), options)
    assert refused == {}, refused
    try:
        smtp.sendmail("carol@elsewhere.test", ["nobody@example.test"], read("SHORT"))
        raise SystemExit("an unknown recipient was taken")
    except smtplib.SMTPRecipientsRefused as error:
        assert error.recipients["nobody@example.test"][0] == 550, error

with connect(sys.argv[1], "SUBMISSION") as smtp:
    try:
        smtp.login(login, "wrong")
        raise SystemExit("a wrong password was taken")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error
    smtp.login(login, os.environ["PASSWORD"])
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = login, login, "submitted"
    message.set_content("only this\n")
    assert smtp.send_message(message) == {}
