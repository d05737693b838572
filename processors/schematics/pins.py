"""What the name of a pin says: supply, output of a supply, enable, feedback. Markup and bars are taken off first."""

import re

_MARKUP = re.compile(r"[~^_]\{|[{}]|^[/!~]|[_#]")
_SUPPLY = re.compile(r"^(?:[ADP]?V(?:CC|DD|IN|BUS|BAT|IO|S|SYS|I|REF|EE|AA|PP|CORE|DDIO)[A-Z]?\d*|V[+-]|BAT[T+]?|IN)$")
_INPUT = re.compile(r"^(?:P?VIN|VI|IN|INPUT)(?:\d|LDO)*$")
_OUTPUT = re.compile(r"^(?:P?V?OUT(?:\d|LDO)*|VO|VREG\w*|VLDO\d?|SW\d?|LX\d?|OUTPUT)$")
_ENABLE = re.compile(r"^N?(?:EN\d?|ENABLE|SHDN|SHUTDOWN|SD|CE|ON|ONOFF|OE|STBY|STANDBY)N?$")
_FEEDBACK = re.compile(r"^(?:V?FB\d?|ADJ|SENSE|VSENSE|VOS|SNS|SET)$")


def names(pin: str) -> list[str]:
    """Return the names of a pin in capitals, plain: ``~{SHDN}`` is SHDN, ``LSIN1/VINLDO1`` both."""
    return [plain for one in pin.split("/") if (plain := _MARKUP.sub("", one).upper())]


def is_supply(pin: str) -> bool:
    """Say whether a pin's name asks for a supply."""
    return any(_SUPPLY.match(one) for one in names(pin))


def is_input(pin: str) -> bool:
    """Say whether a pin's name is that of a regulator's input."""
    return any(_INPUT.match(one) for one in names(pin))


def is_output(pin: str) -> bool:
    """Say whether a pin's name is that of a regulator's output, or of the node before its coil."""
    return any(_OUTPUT.match(one) for one in names(pin))


def is_enable(pin: str) -> bool:
    """Say whether a pin switches its part on or off."""
    return any(_ENABLE.match(one) for one in names(pin))


def is_feedback(pin: str) -> bool:
    """Say whether a pin sets the output of its regulator."""
    return any(_FEEDBACK.match(one) for one in names(pin))
