"""Which verifier stands behind a provider's name."""

from collections.abc import Callable, Mapping, Sequence

from connectors.webhooks.ebay import Ebay, EbayKeys
from connectors.webhooks.generic import Generic
from connectors.webhooks.mailgun import Mailgun
from connectors.webhooks.port import Verifier
from connectors.webhooks.sendgrid import SendGrid
from connectors.webhooks.slack import Slack
from connectors.webhooks.stripe import Stripe
from connectors.webhooks.twilio import Twilio

_VENDORS: Mapping[str, Callable[[tuple[str, ...]], Verifier]] = {
    "stripe": Stripe,
    "twilio": Twilio,
    "sendgrid": SendGrid,
    "mailgun": Mailgun,
    "slack": Slack,
}


def verifiers(secrets: Mapping[str, Sequence[str]], ebay_keys: EbayKeys | None = None) -> dict[str, Verifier]:
    """Return a verifier for each provider that has a secret; a name that is no vendor's signs our own way.

    eBay needs its public keys beside the token: without ``ebay_keys`` it is left out.

    Raises:
        Misconfigured: a secret cannot be one.
    """
    found: dict[str, Verifier] = {}
    for provider, given in secrets.items():
        if provider == "ebay":
            if ebay_keys is not None:
                found[provider] = Ebay(tuple(given), ebay_keys)
        else:
            found[provider] = _VENDORS.get(provider, Generic)(tuple(given))
    return found
