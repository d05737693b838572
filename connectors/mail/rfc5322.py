"""A mail's text form."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from connectors.mail.port import OutgoingMail


def composed(mail: OutgoingMail, sender: str, sender_name: str, date: datetime) -> EmailMessage:
    """Return the message (RFC 5322, MIME): plain text first, HTML as its alternative.

    ``Auto-Submitted`` (RFC 3834) keeps holiday responders quiet; ``date`` is when it is handed over.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(sender_name, addr_spec=sender)
    message["To"] = Address(mail.to_name or "", addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = date
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    return message
