"""Which language a complaint is written in: function words, typical letters, and the words of our own phrases."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from processors.brain.cues import phrases
from processors.brain.text import words_of

SUPPORTED = ("da", "de", "en", "fr", "nl")

_FUNCTION_WORDS: Mapping[str, str] = {
    "da": "den det der som og er ikke jeg min mit på af til en et har med kan når men fra bliver efter kun",
    "de": "der die das und ist nicht ich mein meine auf mit ein eine wenn aber sich noch mehr nur geht hat nach kein",
    "en": "the and is it not my when but with does will won can on off after only has have doesn no very this keeps no",
    "fr": "le la les et est pas ne je mon ma mes sur avec un une quand mais plus elle il se des du apres fait",
    "nl": "de het een en is niet ik mijn op met als maar wel nog meer gaat doet heeft van na alleen geen te zit wordt",
    "es": "el los las y no se mi con cuando pero esta una del por muy enciende funciona pantalla",
    "it": "il lo gli e non si mio con quando ma una del per molto accende funziona schermo piu",
    "pt": "o os as e nao se meu minha com quando mas uma do da por muito liga funciona tela",
    "pl": "nie sie i na z po jest do ale moj moja kiedy dziala wlacza ekran",
    "sv": "och inte jag min mitt pa av till en ett har med kan nar men fran blir efter bara ar gar",
}
_LETTERS: Mapping[str, str] = {"da": "æø", "de": "ßäü", "fr": "éèêçàùœ", "es": "ñ¿¡", "pl": "łżśąęćź", "pt": "ãõ"}
_SCRIPTS: tuple[tuple[str, str], ...] = (
    ("HIRAGANA", "ja"), ("KATAKANA", "ja"), ("HANGUL", "ko"), ("CJK", "zh"), ("CYRILLIC", "ru"), ("ARABIC", "ar"),
    ("GREEK", "el"), ("HEBREW", "he"), ("DEVANAGARI", "hi"), ("BENGALI", "bn"), ("THAI", "th"),
)  # fmt: skip
"""Start of a letter's Unicode name -> the commonest language written with it. Only "not ours" follows from it."""


@dataclass(frozen=True, slots=True)
class Language:
    """A guess. ``code`` is ISO 639-1, None when nothing speaks for a language; an unknown one counts as supported,
    because brand names and single nouns are read in any language."""

    code: str | None

    @property
    def supported(self) -> bool:
        """Whether the words can count as evidence."""
        return self.code is None or self.code in SUPPORTED


def guess(text: str) -> Language:
    """Return the likeliest language of a complaint.

    More than half of the letters in another script decide at once. Else each function word counts one, shared among
    the languages that have it, each word that only one language's phrases use counts one, each typical letter one
    and a half; a tie stays unknown.
    """
    script = _foreign_script(text)
    if script is not None:
        return Language(script)
    scores: defaultdict[str, float] = defaultdict(float)
    for word in dict.fromkeys(words_of(text[:_READ_CHARACTERS])):
        owners = _WORDS.get(word, ())
        for language in owners:
            scores[language] += 1 / len(owners)
    for language, letters in _LETTERS.items():
        scores[language] += 1.5 * len(set(letters) & set(text.casefold()))
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    if not ranked or ranked[0][1] < _LEAST or (len(ranked) > 1 and ranked[0][1] - ranked[1][1] < _MARGIN):
        return Language(None)
    return Language(ranked[0][0])


_LEAST, _MARGIN = 0.5, 0.2
_READ_CHARACTERS = 1_000


def _foreign_script(text: str) -> str | None:
    letters = [character for character in text[:600] if character.isalpha()]
    found: defaultdict[str, int] = defaultdict(int)
    for character in letters:
        if ord(character) > 0x36F:  # below are the Latin letters and their accents
            name = unicodedata.name(character, "")
            found[next((code for start, code in _SCRIPTS if name.startswith(start)), "")] += 1
    found.pop("", None)
    if 2 * sum(found.values()) <= len(letters):
        return None
    # Japanese mixes kana with Chinese characters: kana decide.
    return "ja" if found.get("ja") else max(sorted(found), key=found.__getitem__)


def _vocabulary() -> Mapping[str, tuple[str, ...]]:
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for _, language, text in phrases():
        for word in words_of(text):
            owners[word].add(language)
    for language, joined in _FUNCTION_WORDS.items():
        for word in words_of(joined):
            owners[word].add(language)
    return {word: tuple(sorted(languages)) for word, languages in owners.items()}


_WORDS = _vocabulary()
FUNCTION_WORDS = frozenset(word for language in SUPPORTED for word in words_of(_FUNCTION_WORDS[language]))
"""Words of grammar in the supported languages, normalised: no reason to quote them as evidence."""
