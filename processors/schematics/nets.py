"""Collects pins by net while a file is read, and makes the design of them."""

from collections import Counter
from collections.abc import Sequence

from processors.schematics.model import Design, Line, Net, Part, Probe, Remark
from processors.schematics.order import natural

_GENERATED = ("Net-(", "unconnected-(", "N$")
"""What KiCad and Eagle call nets that nobody named."""


class NetTable:
    """The nets of a file: names and pins. A net without a name is no net."""

    def __init__(self) -> None:
        self._nets: dict[str, set[tuple[str, str]]] = {}
        self._net_of: dict[tuple[str, str], str] = {}
        self.remarks: list[Remark] = []

    def add(self, net: str, ref: str, number: str) -> None:
        """Put a pin on a net. A pin that is on another net already stays on both and is remarked on."""
        if not net or not ref:
            return
        pin = (ref, number)
        before = self._net_of.setdefault(pin, net)
        if before != net:
            self.remarks.append(Remark("pin_on_two_nets", f"{ref} pin {number} is on {before} and on {net}"))
        self._nets.setdefault(net, set()).add(pin)

    def nets(self) -> tuple[Net, ...]:
        """Return the nets by name."""
        return tuple(
            Net(
                name, tuple(sorted(self._nets[name], key=lambda pin: (natural(pin[0]), natural(pin[1])))),
                named=not name.startswith(_GENERATED),
            )
            for name in sorted(self._nets, key=natural)
        )  # fmt: skip

    def design(
        self, name: str, kind: str, parts: Sequence[Part], outline: Sequence[Line] = (), remarks: Sequence[Remark] = (),
        probes: Sequence[Probe] = (),
    ) -> Design:  # fmt: skip
        """Return the design. Parts that share a reference are told of; parts without one are left out."""
        kept = sorted((part for part in parts if part.ref), key=lambda part: natural(part.ref))
        twice = [
            Remark("duplicate_reference", f"{name}: {ref} is there {count} times; nets cannot tell them apart")
            for ref, count in Counter(part.ref for part in kept).items() if count > 1
        ]  # fmt: skip
        return Design(
            name, kind, tuple(kept), self.nets(), probes=tuple(probes), outline=tuple(outline),
            remarks=(*remarks, *twice, *self.remarks),
        )  # fmt: skip
