# ruff: noqa: E501  one language's phrases a line: breaking its lines would hide its shape
"""Phrases customers use for each fault family, in the supported languages, separated by ``;``.

They are extra training rows (families without labelled records are learned from them alone) and they help to guess
the language of a short complaint.
"""

from collections.abc import Mapping

CUES: Mapping[str, Mapping[str, str]] = {
    "power": {
        "da": "tænder ikke; ingen strøm; helt død; strømforsyningen er defekt; starter slet ikke op; sikringen er sprunget",
        "de": "geht nicht mehr an; lässt sich nicht einschalten; kein Strom; Netzteil defekt; komplett tot; Sicherung durchgebrannt",
        "en": "does not turn on; no power at all; completely dead; power supply failed; no lights when I press power; blown fuse",
        "fr": "ne s'allume plus; pas de courant; alimentation en panne; complètement mort; aucun voyant; fusible grillé",
        "nl": "gaat niet aan; geen stroom; voeding defect; helemaal dood; start niet meer op; zekering kapot",
    },
    "battery": {
        "da": "batteriet holder ikke strøm; batteriet aflades hurtigt; batteriet er slidt; opsvulmet batteri; virker kun med oplader",
        "de": "Akku hält nicht mehr; Akku schnell leer; Akku ist leer; Akku entlädt sich; Akku defekt; aufgeblähter Akku; läuft nur am Netzteil; Batterie lädt nicht",
        "en": "battery drains fast; battery does not hold charge; swollen battery; only works when plugged in; battery dead; battery lasts an hour",
        "fr": "la batterie se décharge vite; batterie ne tient plus la charge; batterie gonflée; fonctionne seulement sur secteur; batterie morte",
        "nl": "accu snel leeg; accu is leeg; batterij loopt leeg; batterij houdt geen lading vast; opgezwollen accu; werkt alleen aan de lader; batterij kapot; accu versleten",
    },
    "charging_port": {
        "da": "ladestikket er løst; oplader kun når stikket holdes; usb porten virker ikke; ladeporten er i stykker",
        "de": "Ladebuchse wackelt; lädt nur wenn man das Kabel hält; USB Anschluss defekt; Ladeanschluss locker; Buchse ausgebrochen",
        "en": "charging port loose; only charges when I hold the cable; usb port broken; charger does not stay in; dc jack broken; hdmi port damaged",
        "fr": "prise de charge abîmée; charge seulement si je tiens le câble; port usb cassé; connecteur de charge desserré",
        "nl": "oplaadpoort zit los; laadt alleen als ik de kabel vasthoud; usb poort kapot; laadconnector defect",
    },
    "cable": {
        "da": "ledningen er knækket; stikket er i stykker; strømkablet er flosset; adapteren er gået i stykker",
        "de": "Kabelbruch; Stecker defekt; Netzkabel beschädigt; Kabel aufgescheuert; Ladegerät kaputt; Kabeleinzug defekt",
        "en": "power cord frayed; broken plug; cable break; cord does not retract; charger broken; adapter lost its wire",
        "fr": "câble coupé; fiche cassée; cordon abîmé; le chargeur ne marche plus; enrouleur bloqué",
        "nl": "snoer kapot; stekker defect; kabelbreuk; snoer rolt niet op; lader kapot; adapter defect",
    },
    "screen": {
        "da": "skærmen er knust; revnet skærm; skærmen er sort men der er lyd; touch virker ikke; striber på skærmen",
        "de": "Display gesprungen; Bildschirm schwarz aber Ton; Touchscreen reagiert nicht; Streifen im Bild; Bildschirm flackert; kein Bild",
        "en": "cracked screen; black screen but sound works; touch does not respond; lines on the display; screen flickers; no picture",
        "fr": "écran cassé; écran noir mais il y a le son; tactile ne répond pas; lignes sur l'écran; pas d'image; écran fissuré",
        "nl": "scherm gebarsten; zwart scherm maar wel geluid; touchscreen reageert niet; strepen in beeld; geen beeld; beeldscherm kapot",
    },
    "storage": {
        "da": "harddisken klikker; disken er fuld; harddisk defekt; kan ikke læse filerne; mistede data",
        "de": "Festplatte klackert; Speicher voll; Festplatte defekt; Daten retten; SSD wird nicht erkannt",
        "en": "hard drive clicking; disk full; hard disk failure; need data recovery; ssd not detected; storage full",
        "fr": "le disque dur claque; mémoire pleine; disque dur en panne; récupérer les données; disque non détecté",
        "nl": "harde schijf tikt; opslag vol; harddisk kapot; gegevens redden; ssd wordt niet herkend",
    },
    "boot": {
        "da": "sidder fast på logoet; genstarter hele tiden; kan ikke starte windows; går i stå under opstart",
        "de": "bleibt beim Logo hängen; Bootschleife; startet immer neu; fährt nicht hoch; hängt beim Hochfahren; bluescreen beim Start",
        "en": "stuck on the logo; boot loop; keeps restarting; does not boot; no bootable device; hangs at startup",
        "fr": "bloqué sur le logo; redémarre en boucle; ne démarre pas windows; reste bloqué au démarrage",
        "nl": "blijft hangen op het logo; herstart steeds; start windows niet op; loopt vast bij opstarten; opstartprobleem",
    },
    "software": {
        "da": "glemt adgangskode; virus; opdateringen fejlede; appen går ned; windows fejl; kan ikke logge ind",
        "de": "Passwort vergessen; Virus; Update fehlgeschlagen; App stürzt ab; Windows Fehler; Treiber fehlt; neu installieren",
        "en": "forgot password; virus pop-ups; update failed; app crashes; windows error; locked account; reinstall; driver missing",
        "fr": "mot de passe oublié; virus; mise à jour échouée; l'application plante; erreur windows; compte bloqué; réinstaller",
        "nl": "wachtwoord vergeten; virus; update mislukt; app crasht; windows fout; kan niet inloggen; opnieuw installeren",
    },
    "performance": {
        "da": "meget langsom; fryser ofte; langsom computer; går i stå hele tiden",
        "de": "sehr langsam; friert oft ein; wird immer langsamer; braucht ewig; stürzt oft ab",
        "en": "very slow; freezes often; takes ages; sluggish; keeps crashing when many programs are open",
        "fr": "très lent; se fige souvent; rame; de plus en plus lent; plante souvent",
        "nl": "erg traag; loopt vaak vast; wordt steeds langzamer; heel langzaam; bevriest",
    },
    "overheating": {
        "da": "bliver meget varm; blæseren larmer; overopheder; slukker når den bliver varm; ventilatoren støjer",
        "de": "wird sehr heiß; Lüfter laut; überhitzt; schaltet sich wegen Hitze ab; Lüfter dreht nicht",
        "en": "gets very hot; fan is loud; overheats; shuts down when hot; fan does not spin",
        "fr": "chauffe beaucoup; ventilateur bruyant; surchauffe; s'éteint quand il est chaud; ventilateur bloqué",
        "nl": "wordt erg heet; ventilator maakt lawaai; oververhit; valt uit door warmte; ventilator draait niet",
    },
    "liquid": {
        "da": "spildt vand; faldet i vandet; kaffe i tastaturet; vandskade; blevet våd",
        "de": "Wasser verschüttet; ins Wasser gefallen; Kaffee über die Tastatur; Wasserschaden; nass geworden",
        "en": "spilled water; dropped in water; coffee over the keyboard; liquid damage; got wet; fell in the toilet",
        "fr": "eau renversée; tombé dans l'eau; café sur le clavier; dégât des eaux; a pris l'eau",
        "nl": "water over gemorst; in het water gevallen; koffie over toetsenbord; waterschade; nat geworden",
    },
    "system_board": {
        "da": "bundkortet er defekt; kortslutning på printet; elektronikken er brændt af; loddefejl; grafikkort defekt",
        "de": "Mainboard defekt; Kurzschluss auf der Platine; Elektronik durchgebrannt; Kondensatoren ausgelaufen; Grafikkarte defekt; kalte Lötstelle",
        "en": "motherboard failed; short on the board; burnt component; leaking capacitors; graphics card failed; bad solder joint",
        "fr": "carte mère en panne; court-circuit sur la carte; composant brûlé; condensateurs gonflés; carte graphique en panne; soudure",
        "nl": "moederbord kapot; kortsluiting op de print; onderdeel verbrand; lekkende condensatoren; videokaart defect; soldering los",
    },
    "keyboard": {
        "da": "taster virker ikke; tastaturet skriver forkert; musepladen virker ikke; tangenter er døde",
        "de": "Tasten gehen nicht; Tastatur defekt; Touchpad reagiert nicht; Taste klemmt auf der Tastatur; einige Tasten stumm",
        "en": "keys do not work; keyboard types wrong letters; trackpad does not click; key missing; dead keys on the keyboard",
        "fr": "des touches ne marchent pas; clavier en panne; pavé tactile ne répond pas; touche manquante",
        "nl": "toetsen werken niet; toetsenbord defect; touchpad reageert niet; toets ontbreekt",
    },
    "speaker": {
        "da": "ingen lyd; højttaleren skratter; lyden er forvrænget; forstærkeren er defekt; kun lyd i den ene side",
        "de": "kein Ton; Lautsprecher krächzt; Ton verzerrt; Verstärker defekt; ein Kanal fehlt; brummt laut",
        "en": "no sound; speaker crackles; distorted sound; amplifier has no output; one channel dead; loud hum",
        "fr": "pas de son; haut-parleur grésille; son déformé; amplificateur en panne; un canal muet; ronflement",
        "nl": "geen geluid; luidspreker kraakt; vervormd geluid; versterker defect; één kanaal weg; brom in de speaker",
    },
    "audio_jack": {
        "da": "hovedtelefonstikket virker ikke; lyd kun i den ene side af hovedtelefonen; jackstikket er løst",
        "de": "Kopfhörerbuchse defekt; Klinkenbuchse wackelt; Kopfhöreranschluss geht nicht; Stecker in der Buchse abgebrochen",
        "en": "headphone jack broken; headphones only on one side; audio jack loose; plug snapped off in the headphone socket; jack input crackles",
        "fr": "prise casque cassée; son d'un seul côté au casque; jack desserré; entrée jack",
        "nl": "koptelefoonaansluiting kapot; koptelefoon maar aan één kant; jack plug los; audio aansluiting defect",
    },
    "microphone": {
        "da": "mikrofonen virker ikke; de kan ikke høre mig; lyden er svag for modtageren",
        "de": "Mikrofon defekt; mein Gesprächspartner hört mich nicht; Mikro geht nicht; Aufnahme ohne Ton",
        "en": "microphone does not work; people cannot hear me; mic is muffled; callers hear nothing",
        "fr": "micro en panne; on ne m'entend pas; microphone ne fonctionne pas; mes correspondants n'entendent rien",
        "nl": "microfoon werkt niet; ze horen mij niet; microfoon kapot; gesprekspartner hoort niets",
    },
    "camera": {
        "da": "kameraet virker ikke; billederne er slørede; objektivet sidder fast; linsen er revnet",
        "de": "Kamera geht nicht; Fotos unscharf; Objektiv klemmt; Linse zerkratzt; Objektivfehler; Autofokus defekt",
        "en": "camera does not work; blurry photos; lens stuck; lens error; camera glass broken; autofocus hunts",
        "fr": "appareil photo ne marche pas; photos floues; objectif bloqué; lentille cassée; autofocus en panne",
        "nl": "camera werkt niet; onscherpe foto's; lens zit vast; lensfout; autofocus defect",
    },
    "button": {
        "da": "knappen sidder fast; tænd knappen virker ikke; volumenknappen er løs; kontakten er defekt; joystick driver",
        "de": "Knopf klemmt; Schalter defekt; Einschaltknopf geht nicht; Drehknopf kratzt; Stick driftet; Lautstärketaste defekt",
        "en": "button stuck; power button does not click; switch broken; volume knob crackles; stick drift; joystick drifts; scratchy pot",
        "fr": "bouton bloqué; interrupteur cassé; bouton marche ne répond pas; potentiomètre crachote; joystick dérive",
        "nl": "knop zit vast; schakelaar kapot; aan-uitknop werkt niet; volumeknop kraakt; joystick drift",
    },
    "network": {
        "da": "ingen wifi; kan ikke forbinde til netværket; bluetooth virker ikke; dårlig modtagelse; intet signal",
        "de": "kein WLAN; verbindet nicht mit dem Netzwerk; Bluetooth geht nicht; schlechter Empfang; kein Netz; Radio empfängt nichts",
        "en": "no wifi; does not connect to the network; bluetooth does not pair; bad reception; no signal; wifi drops; radio has no stations",
        "fr": "pas de wifi; ne se connecte pas au réseau; bluetooth ne marche pas; mauvaise réception; pas de réseau",
        "nl": "geen wifi; maakt geen verbinding met netwerk; bluetooth werkt niet; slechte ontvangst; geen bereik",
    },
    "card_slot": {
        "da": "simkortet læses ikke; sim holderen sidder fast; hukommelseskortet genkendes ikke",
        "de": "SIM Karte wird nicht erkannt; SIM Fach klemmt; Speicherkarte wird nicht gelesen; Kartenleser defekt",
        "en": "sim card not detected; sim tray stuck; memory card not read; card reader broken; sd card error",
        "fr": "carte sim non reconnue; tiroir sim bloqué; carte mémoire non lue; lecteur de carte cassé",
        "nl": "simkaart wordt niet herkend; simhouder zit vast; geheugenkaart wordt niet gelezen; kaartlezer kapot",
    },
    "optical_drive": {
        "da": "cd'en springer; skuffen åbner ikke; læser ikke discs; dvd drevet virker ikke",
        "de": "CD springt; Schublade öffnet nicht; liest keine Discs; DVD Laufwerk defekt; CD wird nicht erkannt",
        "en": "cd skips; tray does not open; does not read discs; dvd drive broken; disc error; disc spins but is not recognised",
        "fr": "le cd saute; le tiroir ne s'ouvre pas; ne lit pas les disques; lecteur dvd en panne",
        "nl": "cd slaat over; lade gaat niet open; leest geen schijven; dvd speler leest niet; cd wordt niet herkend",
    },
    "housing": {
        "da": "hængslet er knækket; kabinettet er revnet; låget er i stykker; tabt på gulvet og bulet; hjulet er knækket",
        "de": "Scharnier gebrochen; Gehäuse gerissen; Deckel kaputt; heruntergefallen und verbeult; Griff abgebrochen; Rad gebrochen",
        "en": "hinge broken; cracked case; lid broken; dropped and dented; handle snapped; wheel broken; foot missing",
        "fr": "charnière cassée; boîtier fissuré; couvercle cassé; tombé et cabossé; poignée cassée; roue cassée",
        "nl": "scharnier gebroken; behuizing gescheurd; deksel kapot; gevallen en gedeukt; handvat afgebroken; wiel kapot",
    },
    "paper_feed": {
        "da": "trækker ikke papir; papirstop; papiret krøller; tager flere ark ad gangen",
        "de": "zieht kein Papier ein; Papierstau; Papier wird zerknittert; zieht mehrere Blätter",
        "en": "paper jam; does not pick up paper; paper creases; feeds several sheets; paper stuck",
        "fr": "bourrage papier; ne prend pas le papier; papier froissé; prend plusieurs feuilles",
        "nl": "papier zit vast; pakt geen papier; papierstoring; papier kreukt; pakt meerdere vellen",
    },
    "ink_supply": {
        "da": "blækpatronen genkendes ikke; toner er tom; blækket lækker; spildbeholder fuld",
        "de": "Patrone wird nicht erkannt; Toner leer; Tinte läuft aus; Resttintenbehälter voll; Tintenpatrone",
        "en": "ink cartridge not recognised; toner empty; ink leaks; waste ink pad full; cartridge error",
        "fr": "cartouche non reconnue; toner vide; encre fuit; tampon d'encre plein",
        "nl": "inktpatroon niet herkend; toner leeg; inkt lekt; afvalinkt vol; cartridge fout",
    },
    "print_head": {
        "da": "striber i udskriften; mangler farve på papiret; printhovedet er tilstoppet; blege udskrifter",
        "de": "Streifen im Druck; Farbe fehlt beim Drucken; Druckkopf verstopft; druckt blass; druckt kein Schwarz",
        "en": "streaks in the print; one colour missing when printing; print head clogged; faded prints; prints blank pages",
        "fr": "traces sur l'impression; une couleur manque; tête d'impression bouchée; imprime pâle; pages blanches",
        "nl": "strepen in de afdruk; kleur ontbreekt bij printen; printkop verstopt; drukt vaag af; print blanco",
    },
    "motor": {
        "da": "motoren brummer; motoren kører ikke; remmen er sprunget; kulbørster slidte; pladen drejer ikke rundt",
        "de": "Motor brummt; Motor dreht nicht; Riemen gerissen; Kohlebürsten abgenutzt; Plattenteller dreht sich nicht; Kassette wird nicht transportiert",
        "en": "motor hums; motor does not spin; belt snapped; carbon brushes worn; turntable does not spin; tape does not move; grinding gears",
        "fr": "moteur ronfle; moteur ne tourne pas; courroie cassée; charbons usés; platine ne tourne pas",
        "nl": "motor bromt; motor draait niet; riem gebroken; koolborstels versleten; draaitafel draait niet",
    },
    "blockage": {
        "da": "suger ikke; tilstoppet slange; filteret er tilstoppet; ingen sugeevne",
        "de": "saugt nicht mehr; Schlauch verstopft; Filter verstopft; keine Saugkraft",
        "en": "no suction; blocked hose; clogged filter; lost suction; something stuck in the pipe",
        "fr": "n'aspire plus; tuyau bouché; filtre encrassé; perte d'aspiration",
        "nl": "zuigt niet meer; slang verstopt; filter verstopt; geen zuigkracht",
    },
    "attachment": {
        "da": "slangen er revnet; børsten drejer ikke; posen sidder ikke fast; mundstykket er i stykker",
        "de": "Schlauch gerissen; Bürste dreht nicht; Staubbeutel hält nicht; Düse kaputt; Teleskoprohr klemmt",
        "en": "hose split; brush does not turn; bag compartment does not close; nozzle broken; tube does not lock",
        "fr": "tuyau fendu; brosse ne tourne pas; bac à poussière ne ferme pas; embout cassé",
        "nl": "slang gescheurd; borstel draait niet; stofzak sluit niet; mondstuk kapot; telescoopbuis klemt",
    },
    "heating": {
        "da": "bliver ikke varm; varmer ikke; vandet løber ikke igennem; kaffemaskinen lækker; termostaten er defekt",
        "de": "heizt nicht; wird nicht warm; Wasser läuft nicht durch; Kaffeemaschine leckt; Thermostat defekt; Pumpe pumpt nicht",
        "en": "does not heat; does not get warm; water does not run through; coffee machine leaks; thermostat failed; pump makes no pressure",
        "fr": "ne chauffe pas; ne chauffe plus; l'eau ne passe pas; la machine à café fuit; thermostat en panne; pompe",
        "nl": "wordt niet warm; verwarmt niet; water loopt niet door; koffiezetapparaat lekt; thermostaat defect; pomp",
    },
}  # fmt: skip


VAGUE: Mapping[str, str] = {
    "da": "virker ikke; i stykker; defekt; kan I kigge på den; den er gået i stykker; ved ikke hvad der er galt; hej",
    "de": "geht nicht; kaputt; defekt; bitte einmal anschauen; funktioniert nicht mehr; weiß nicht was es ist; hallo",
    "en": "not working; broken; it is broken; please have a look; does not work any more; no idea what is wrong; hello; "
    "can you repair it; fault unknown",
    "fr": "ne marche pas; cassé; en panne; pouvez-vous regarder; ne fonctionne plus; je ne sais pas ce qu'il a; bonjour",
    "nl": "werkt niet; kapot; stuk; doet het niet meer; kunnen jullie ernaar kijken; weet niet wat er mis is; hallo",
}  # fmt: skip
"""Phrases that name no fault."""


def vague_phrases() -> list[tuple[str, str]]:
    """Return every phrase that names no fault, as (language, text)."""
    return [(language, text.strip()) for language, joined in VAGUE.items() for text in joined.split(";")]


def phrases() -> list[tuple[str, str, str]]:
    """Return every phrase as (family, language, text), in the order of the catalogue above."""
    return [
        (family, language, text.strip())
        for family, by_language in CUES.items()
        for language, joined in by_language.items()
        for text in joined.split(";")
    ]
