"""A board with a fault that nobody sees: the physics behind the readings of an honest score.

It is another model than that of the diagnosis. Here, and not there: every resistor, LED and diode of the netlist with
its tolerance; loads that draw constant current and let go at low voltage; loads of sockets; protection diodes between
rails; regulators with foldback, body diodes and quiescent current; supplies that hiccup; capacitors still charging
under the meter; lines that chips pull up inside, or that talk; slips of the hand. And all of its numbers are drawn
from other distributions. Both know converters that the netlist hides.
"""

from dataclasses import replace

import numpy as np

from processors.schematics.faults.hypotheses import Hypothesis
from processors.schematics.faults.readings import OVER_LIMIT_DIODE, OVER_LIMIT_OHM, Floats, Measured, Spot
from processors.schematics.faults.simulated_dc import Circuit, Converter, Hold, Load, Source, Wire, impedance, powered
from processors.schematics.faults.supply import Line, Supply, domains
from processors.schematics.faults.symptoms import Complaint, Symptom
from processors.schematics.index import Index
from processors.schematics.parts import value_of

_SLIP = 0.01
_TRIES = 8
_UNKNOWN_VOLTS = (1.1, 1.5, 1.8, 2.5, 3.3, 3.3, 3.3, 5.0, 5.0, 9.0, 12.0)


class SimulatedBoard:
    """One board: its parts drawn once, its fault built in, solved with and without power."""

    def __init__(self, index: Index, supply: Supply, fault: Hypothesis, rng: np.random.Generator) -> None:
        self.index, self.supply, self.fault, self._rng = index, supply, fault, rng
        self._nets = self._places()
        self._at = {net: number for number, net in enumerate(self._nets)}
        self._lost_line = ""
        self.amps: dict[int, float] = {}
        for _ in range(_TRIES):
            self._draw()
            if self._works():
                break
        self._healthy_amps = sum(self.amps.values())
        self._build_in()
        self.volts, self.amps = powered(self._circuit())
        self._impedance = impedance([*self._wires, *self._idle], len(self._nets))

    def _draw(self) -> None:
        """Draw the parts of a board without a fault."""
        self._nominal = self._voltages()
        self._levels = {line.net: self._line_level(line) for line in self.supply.lines}
        self._wires = [*self._two_pin_parts(), *self._sneaks()]
        self._idle = self._idle_chips()
        self._loads = self._drawn_loads()
        self._sources = self._made_sources()
        self._makers = self._made_makers()

    def _circuit(self) -> Circuit:
        fresh = [replace(one) for one in self._makers]
        return Circuit(
            self._nominal, self._wires, self._loads, self._holds(), [replace(one) for one in self._sources], fresh
        )  # fmt: skip

    def _works(self) -> bool:
        """Say whether the board without its fault works: it did when it left its factory."""
        self.volts, self.amps = powered(self._circuit())
        most = np.abs(self.volts[: len(self.supply.nets)]) <= 1.15 * np.abs(self._nominal[: len(self.supply.nets)])
        return not self._down() and bool(most.all())

    def measure(self, spot: Spot) -> Measured:
        """Return what a meter of 3 to 5 % shows, slips of the hand included."""
        if self._rng.random() < _SLIP:
            nets = [net for net in self.supply.nets if net != spot.net]
            wrong = str(self._rng.choice(nets)) if nets else spot.net
            return Measured(spot, self._reading(Spot(spot.quantity, wrong) if spot.quantity != "amp" else spot))
        return Measured(spot, self._reading(spot))

    def complaint(self) -> Complaint:
        """Return what a customer says and a first look shows: mostly true, sometimes beside the point, often little."""
        down = self._down()
        everyone = sorted(self.supply.consumers)
        if not down and sum(self.amps.values()) > 2 * self._healthy_amps + 0.05:
            symptom = self._pick(("draws_too_much", "hot", "intermittent", "works"), (0.4, 0.3, 0.2, 0.1))
        elif not down:
            symptom = self._pick(("works", "intermittent", "partly_dead", "dead"), (0.65, 0.2, 0.1, 0.05))
        elif len(down) > 0.5 * len(everyone):
            symptom = self._pick(("dead", "no_boot", "partly_dead"), (0.7, 0.2, 0.1))
        elif self.fault.kind == "no_pull_up":
            symptom = self._pick(("bus_silent", "partly_dead", "no_boot"), (0.6, 0.25, 0.15))
        else:
            symptom = self._pick(("partly_dead", "no_boot", "dead", "bus_silent"), (0.6, 0.2, 0.12, 0.08))
        fails = self._named(sorted(down), everyone, int(self._rng.choice(3, p=(0.25, 0.5, 0.25))))
        works = self._named(sorted(set(everyone) - down), everyone, int(self._rng.choice(2, p=(0.45, 0.55))))
        return Complaint(symptom, fails, works)

    def _named(self, true: list[str], everyone: list[str], count: int) -> tuple[str, ...]:
        """Return some chips; one in eight is named by mistake."""
        found = [everyone if self._rng.random() < 0.125 else true for _ in range(count)]
        return tuple(dict.fromkeys(str(self._rng.choice(some)) for some in found if some))

    def _pick(self, words: tuple[Symptom, ...], chances: tuple[float, ...]) -> Symptom:
        return words[int(self._rng.choice(len(words), p=np.array(chances) / sum(chances)))]

    def _down(self) -> set[str]:
        """Return the chips that do not work, by the true voltages."""
        found: set[str] = set()
        for ref, needs in self.supply.consumers.items():
            for net in needs:
                wanted = self._nominal[self._at[net]] if net not in self._levels else self._level_wanted(net)
                if abs(self.volts[self._at[net]]) < 0.72 * abs(wanted):
                    found.add(ref)
        return found

    def _level_wanted(self, net: str) -> float:
        line = next(one for one in self.supply.lines if one.net == net)
        return float(self._nominal[self._at[line.feeder]]) if line.feeder else 3.3

    def _wide(self, low: float, high: float) -> float:
        """Return a number between two, evenly on a logarithmic scale."""
        return float(np.exp(self._rng.uniform(np.log(low), np.log(high))))

    def _places(self) -> tuple[str, ...]:
        """Return the nets that current can reach: supplies, lines, and every net of a two-pin part that conducts."""
        nets = dict.fromkeys([*self.supply.nets, *(line.net for line in self.supply.lines)])
        for ref, kind in self.index.kinds.items():
            if kind in {"resistor", "diode", "inductor", "bead", "fuse"} and len(self.index.numbers(ref)) == 2:
                nets |= dict.fromkeys(self.index.nets_of(ref).values())
        return tuple(net for net in nets if net not in self.index.grounds)

    def _voltages(self) -> Floats:
        group = domains(self.supply.nets, self.supply.series)
        guess = {name: float(self._rng.choice(_UNKNOWN_VOLTS)) for name in dict.fromkeys(group.values())}
        for maker in self.supply.makers:  # most regulators make less than they get
            feed, out = (self.supply.volts.get(net) for net in (*maker.inputs[:1], maker.output))
            if maker.through and out is None:
                guess[group[maker.output]] = self._volts_between(feed or guess[group[maker.inputs[0]]], 99.0)
            elif maker.through and feed is None and out is not None:
                guess[group[maker.inputs[0]]] = self._volts_between(0.0, out)
            elif feed is not None and out is None and self._rng.random() < 0.9:
                guess[group[maker.output]] = self._volts_between(0.0, feed)
            elif feed is None and out is not None:
                guess[group[maker.inputs[0]]] = self._volts_between(out, 99.0)
        volts = np.zeros(len(self._nets))
        for net in self.supply.nets:
            volts[self._at[net]] = self.supply.volts.get(net, guess[group[net]]) * self._rng.uniform(0.975, 1.025)
        return volts

    def _volts_between(self, low: float, high: float) -> float:
        return float(self._rng.choice([volts for volts in _UNKNOWN_VOLTS if low < volts < high] or [low + 1.0]))

    def _two_pin_parts(self) -> list[Wire]:
        wires: list[Wire] = []
        for ref, kind in self.index.kinds.items():
            ends = list(dict.fromkeys(self.index.nets_of(ref).values()))
            if len(ends) != 2 or not all(net in self._at or net in self.index.grounds for net in ends):
                continue
            one, other = (self._at.get(net, -1) for net in ends)
            text = self.index.parts[ref].value
            if kind == "resistor":
                ohm = value_of(text)
                ohm = self._wide(1e3, 1e5) if ohm is None else ohm
                wires.append(Wire(one, other, 1 / max(ohm * self._rng.normal(1, 0.015), self._wide(0.005, 0.05))))
            elif kind in {"inductor", "bead", "fuse"} or (kind == "jumper" and self._is_series(ref)):
                wires.append(Wire(one, other, 1 / self._wide(0.02, 0.6)))
            elif kind == "diode":
                wires += self._diode(ref)
            elif kind == "capacitor":
                wires.append(Wire(one, other, self._wide(1e-9, 3e-7)))
        return wires

    def _is_series(self, ref: str) -> bool:
        return any(part.ref == ref for part in self.supply.series)

    def _diode(self, ref: str) -> list[Wire]:
        part = self.index.parts[ref]
        ends = {pin.name.upper() or pin.number: self.index.net_of.get((ref, pin.number)) for pin in part.pins}
        anode, cathode = ends.get("A"), ends.get("K")
        if anode is None or cathode is None:
            return []
        light = "led" in f"{part.library} {part.value} {ref}".lower()
        drop = self._rng.uniform(1.7, 2.9) if light else self._rng.uniform(0.25, 0.7)
        return [Wire(self._at.get(anode, -1), self._at.get(cathode, -1), 1 / self._wide(0.1, 1.5), float(drop))]

    def _sneaks(self) -> list[Wire]:
        """Return protection diodes between rails of one chip, and leakage over dirt."""
        wires: list[Wire] = []
        makers = {maker.ref for maker in self.supply.makers}
        for ref, needs in self.supply.consumers.items():
            rails = [net for net in needs if net in self.supply.nets]
            if len(rails) > 1 and ref not in makers and self._rng.random() < 0.3:
                chosen = [self._at[str(net)] for net in self._rng.choice(rails, 2, replace=False)]
                low, high = sorted(chosen, key=lambda at: abs(self._nominal[at]))
                wires.append(Wire(low, high, 1 / self._wide(100, 5000), 0.55))  # conducts when the higher one is down
        if len(self.supply.nets) > 1 and self._rng.random() < 0.3:
            one, other = (self._at[str(net)] for net in self._rng.choice(self.supply.nets, 2, replace=False))
            wires.append(Wire(one, other, 1 / self._wide(3e4, 1e7)))
        return wires

    def _idle_chips(self) -> list[Wire]:
        wires = [Wire(at, -1, self._wide(1e-8, 1e-6)) for at in range(len(self._nets))]
        for ref, needs in self.supply.consumers.items():
            size = len(self.index.parts[ref].pins)
            for net in needs:
                low = 2e5 if net in self._levels else max(150.0, 2e4 / size)
                wires.append(Wire(self._at[net], -1, 1 / self._wide(low, low * 300)))
        return wires

    def _drawn_loads(self) -> list[Load]:
        """Return what chips draw while their rail is up, and now and then what is plugged in."""
        loads: list[Load] = []
        for ref, needs in self.supply.consumers.items():
            size = len(self.index.parts[ref].pins)
            rails = [net for net in needs if net in self.supply.nets]
            loads += [Load(self._at[net], self._wide(2e-4, 2e-3 * max(2, size) ** 0.8)) for net in rails]
        for net in self.supply.sockets:
            if net not in self.supply.roots and self._rng.random() < 0.15:
                loads.append(Load(self._at[net], self._wide(0.005, 0.15)))
        return loads

    def _made_sources(self) -> list[Source]:
        """Return the supplies: what comes in at sockets, and converters that the netlist does not show."""
        visible = [self._at[net] for net in self.supply.roots if net in self.supply.sockets]
        made = []
        for net in self.supply.roots:
            hidden = net not in self.supply.sockets and visible and self._rng.random() < 0.25
            feeder = int(self._rng.choice(visible)) if hidden else -1
            fold = self._wide(0.05, 0.4) if self._rng.random() < 0.3 else 1.0
            made.append(Source(self._at[net], self._wide(0.03, 0.4), self._wide(0.5, 3.0), fold, feeder))
        return made

    def _made_makers(self) -> list[Converter]:
        made = []
        for maker in self.supply.makers:
            source = self._at[maker.inputs[0]] if maker.inputs else -1
            enables = tuple(self._at[net] for net in maker.enables if net in self._levels)
            fold = self._wide(0.15, 0.6) if self._rng.random() < 0.4 else 1.0
            node = self._at[maker.output]
            room = self._nominal[source] - self._nominal[node] if source >= 0 else 2.0
            drop = float(self._rng.uniform(0.3, 0.95) * min(1.3, room)) if room > 0 else 0.1  # the designer left room
            made.append(Converter(source, node, self._wide(0.2, 1.5), drop, fold, enables))
        return made

    def _holds(self) -> list[Hold]:
        """Return what holds lines beside their pull-ups: drivers, chips that talk, leakage."""
        found = []
        for line in self.supply.lines:
            share, siemens = self._levels[line.net]
            if not (line.pull_ups and line.net != self._lost_line and share > 0.96):
                found.append(Hold(self._at[line.net], self._at.get(line.feeder, -1), share, siemens))
        return found

    def _line_level(self, line: Line) -> tuple[float, float]:
        """Return how a line is held without its fault: (share of its feeder's voltage, siemens of the hold)."""
        talks = not line.enables and self._rng.random() < 0.3
        share = self._rng.uniform(0.6, 0.95) if talks else self._rng.uniform(0.97, 1.0)
        return float(share), 1 / self._wide(30, 2e5 if line.pull_ups else 300)

    def _build_in(self) -> None:
        """Put the fault in."""
        fault = self.fault
        if fault.kind == "short":
            ohm = self._wide(0.05, 8.0)
            self._wires.append(Wire(self._at[fault.key], -1, 1 / ohm))
        elif fault.kind == "open":
            one, other = (self._at[net] for net in dict.fromkeys(self.index.nets_of(fault.key).values()))
            kept = [wire for wire in self._wires if {wire.one, wire.other} != {one, other} or wire.siemens < 0.1]
            self._wires = [*kept, Wire(one, other, 1 / self._wide(2e4, 3e8))]
            for maker, made in zip(self.supply.makers, self._makers, strict=True):
                made.dead |= fault.key in maker.through
        elif fault.kind == "dead_regulator":
            names = [f"{maker.ref}:{maker.output}" for maker in self.supply.makers]
            self._makers[names.index(fault.key)].dead = True
        elif fault.kind in {"no_enable", "no_pull_up"}:
            self._lose_line()

    def _lose_line(self) -> None:
        """Take the pull-up away; what then holds the line is a chip that pulls it low, leakage, or a weak resistor."""
        self._lost_line = self.fault.key
        line = next(one for one in self.supply.lines if one.net == self.fault.key)
        node = self._at[line.net]
        for ref in line.pull_ups:
            nodes = {self._at.get(net, -1) for net in self.index.nets_of(ref).values()}
            self._wires = [wire for wire in self._wires if {wire.one, wire.other} != nodes]
        if line.drivers and self._rng.random() < 0.5:
            self._levels[line.net] = (0.0, 1 / self._wide(20, 300))
        elif line.pull_ups and not line.enables and self._rng.random() < 0.15:
            self._levels[line.net] = (1.0, 1 / self._wide(2e4, 1e5))
        else:
            self._levels[line.net] = (float(self._rng.uniform(0, 0.4)), 1 / self._wide(1e5, 1e6))
            self._idle.append(Wire(node, -1, 1 / self._wide(1e5, 3e6)))

    def _reading(self, spot: Spot) -> float:
        at, other = self._at[spot.net], self._at.get(spot.other, -1)
        noise = float(self._rng.normal(1, self._rng.uniform(0.015, 0.05)))
        if spot.quantity == "amp":
            return max(0.0, self.amps.get(at, 0.0) * noise + float(self._rng.normal(0, 0.002)))
        if spot.quantity == "volt":
            return float(self.volts[at] * noise + self._rng.normal(0, 0.01))
        ohm = self._impedance[at, at]
        if other >= 0:
            ohm += self._impedance[other, other] - 2 * self._impedance[at, other]
        if spot.quantity == "diode":
            volt = noise * (
                self._forward(at, other, float(ohm)) if spot.other else self._diode_volt(spot.net, float(ohm))
            )
            return float("inf") if volt > OVER_LIMIT_DIODE else volt
        charging = self._rng.uniform(0.4, 0.9) if self._rng.random() < 0.06 else 1.0
        shown = float(ohm * noise * charging + self._rng.uniform(0.05, 0.35))
        return float("inf") if shown > OVER_LIMIT_OHM else shown

    def _forward(self, one: int, other: int, ohm: float) -> float:
        """Return what 1 mA makes from one net to another: over a diode between them, or over what else joins them."""
        drops = [wire.drop for wire in self._wires if (wire.one, wire.other) == (one, other) and wire.drop is not None]
        return min(ohm * 0.001, 3.0, *(drop * self._rng.uniform(0.8, 1.0) for drop in drops))

    def _diode_volt(self, net: str, ohm: float) -> float:
        """Return what 1 mA makes across the resistance and an exponential junction of a chip, by bisection."""
        chip = any(self.index.kinds.get(ref) == "chip" for ref in self.index.refs_on(net))
        scale = self._wide(1e-12, 1e-7) if chip else 1e-30
        low, high = 0.0, 3.0
        for _ in range(40):
            middle = (low + high) / 2
            too_much = middle / ohm + scale * np.expm1(min(middle / 0.04, 200.0)) > 0.001
            low, high = (low, middle) if too_much else (middle, high)
        return low
