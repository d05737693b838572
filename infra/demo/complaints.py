"""What customers of the demo say, in their own words and languages. Written for this project."""

from dataclasses import dataclass

from schemas.devices import DeviceCategory


@dataclass(frozen=True, slots=True)
class Complaint:
    """A device and what is wrong with it, as its owner tells it."""

    category: DeviceCategory
    brand: str
    text: str
    language: str
    name: str


COMPLAINTS: tuple[Complaint, ...] = (
    Complaint(
        "laptop", "Lumen", "The battery is empty after ten minutes and it only runs on the charger.", "en", "Ada"
    ),
    Complaint("mobile", "Fjord", "Der Ladeanschluss wackelt, es lädt nur noch, wenn ich das Kabel halte.", "de", "Jan"),
    Complaint("tablet", "Lumen", "L'écran est fissuré et le tactile ne répond plus en bas.", "fr", "Inès"),
    Complaint(
        "laptop", "Karst", "I spilled tea over the keyboard last night, now it does not turn on at all.", "en", "Tom"
    ),
    Complaint("audio", "Vesper", "Versterker doet niets meer, de zekering springt telkens weer.", "nl", "Sanne"),
    Complaint("mobile", "Fjord", "Skærmen er gået i stykker efter et fald, resten virker fint.", "da", "Mads"),
    Complaint(
        "desktop", "Karst", "It gets very hot, the fan is loud and then it switches off while gaming.", "en", "Noor"
    ),
    Complaint("printer", "Quill", "Papier wird nicht eingezogen, es kommt immer Papierstau.", "de", "Uwe"),
    Complaint("laptop", "Lumen", "Ne démarre plus, il reste bloqué sur le logo au démarrage.", "fr", "Luc"),
    Complaint(
        "console",
        "Orbit",
        "No picture on the TV since the power cut, the light is on but nothing happens.",
        "en",
        "Kai",
    ),
    Complaint("vacuum", "Gale", "De motor maakt veel lawaai en de zuigkracht is weg.", "nl", "Fenna"),
    Complaint("mobile", "Orbit", "Kein Ton beim Telefonieren, der Lautsprecher knistert nur noch.", "de", "Lena"),
    Complaint("laptop", "Karst", "Harddisken laver mærkelige lyde, og den finder ikke styresystemet.", "da", "Freja"),
    Complaint("tablet", "Fjord", "Does not charge any more, the socket looks bent inside.", "en", "Omar"),
    Complaint("audio", "Vesper", "One channel is silent, and it smells burnt near the transformer.", "en", "Ruth"),
    Complaint("laptop", "Lumen", "Mehrere Tasten reagieren nicht, nachdem Kaffee darüber gelaufen ist.", "de", "Emre"),
)
