"""Rules of names: how they are shown, found and sorted in the scripts and alphabets of the region. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Name:
    """A name as entered, in one script. The patronymic may be empty; nothing is guessed from an ending."""

    family: str
    given: str
    patronymic: str = ""

    @property
    def full(self) -> str:
        """Family, given, patronymic: the order of forms here."""
        return " ".join(part for part in (self.family, self.given, self.patronymic) if part)

    @property
    def short(self) -> str:
        """Family name and initial: "Bekova A."."""
        return f"{self.family} {self.given[:1]}." if self.given else self.family


def tidy(text: str) -> str:
    """A name as it is stored: NFC, single blanks, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


# ---- finding ---------------------------------------------------------------------------------------------------------

# Cyrillic letters of Russian, Kazakh, Kyrgyz, Tajik and Uzbek to a common Latin skeleton. Letters that two ways of
# writing a name mix up fall together: finding too much is a glance, finding too little is a second record.
_LATIN = {
    **dict(zip("абвгғдеёжзийіїкқлмнңоөпрстуұүўфхҳһыэәӣӯҷґ", "abvggdeejziiiikklmnnooprstuuuofhhhieaiujg", strict=True)),
    "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ь": "", "ю": "iu", "я": "ia",
    # Latin letters of Turkmen, Kazakh and Azerbaijani whose bare form would be another sound
    "ş": "sh", "ç": "ch", "ž": "j", "ý": "i", "ı": "i", "ğ": "g", "ŋ": "n", "ə": "a",
    # Arabic letters that keyboards exchange
    "ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه", "أ": "ا", "إ": "ا", "آ": "ا",
}
_APOSTROPHES = "ʻʼ‘’'`´ʹ"
_SPELLINGS = (("shch", "sh"), ("dzh", "j"), ("zh", "j"), ("kh", "h"), ("yu", "iu"), ("ya", "ia"), ("ye", "e"), ("x", "h"), ("q", "k"), ("w", "v"), ("y", "i"))


def fold(text: str) -> str:
    """A text as it is searched for: case, ё/е, the apostrophes of Uzbek, composed or not, Cyrillic or Latin are equal.

    Used on what is stored and on what is asked, so that both databases answer the same.
    """
    words = []
    for word in unicodedata.normalize("NFC", text).casefold().split():
        latin = "".join(_LATIN.get(letter, letter) for letter in word if letter not in _APOSTROPHES)
        bare = "".join(c for c in unicodedata.normalize("NFKD", latin) if not unicodedata.combining(c))
        while (plainer := _plainer(bare)) != bare:  # one spelling may uncover another: қx -> kh -> h
            bare = plainer
        if bare:
            words.append(bare)
    return " ".join(words)


def _plainer(word: str) -> str:
    for spelling, plain in _SPELLINGS:
        word = word.replace(spelling, plain)
    return "".join(letter for i, letter in enumerate(word) if letter.isdigit() or i == 0 or letter != word[i - 1])


def search_key(names: Iterable[Name], service_number: str) -> str:
    """What a person is found by: every name ever held, in every script, and the service number."""
    words = dict.fromkeys(word for name in names for word in fold(name.full).split())
    return " ".join([*words, service_number.casefold()])


# ---- sorting ---------------------------------------------------------------------------------------------------------

_LATIN_ALPHABET = "a ä b c ç d e f g h i ı j ž k l m n ň o ö p q r s ş t u ü v w x y ý z".split()
_CYRILLIC = "а ә б в г ғ д е ё ж з и ӣ й к қ л м н ң о ө п р с т у ұ ү ӯ ў ф х ҳ һ ц ч ҷ ш щ ъ ы і ь э ю я".split()
_ARABIC = "آ ا ب پ ت ټ ث ج ځ چ څ ح خ د ډ ذ ر ړ ز ژ ږ س ش ښ ص ض ط ظ ع غ ف ق ک ګ گ ل م ن ڼ و ه ی ې ۍ ئ".split()
ALPHABETS: dict[str, list[str]] = {
    # Turkmen and Uzbek order their Latin letters in their own way; elsewhere the usual one, with extra letters after their base.
    "tk": "a b ç d e ä f g h i j ž k l m n ň o ö p r s ş t u ü w y ý z".split() + _CYRILLIC,
    "uz": "a b c d e f g h i j k l m n o p q r s t u v w x y z oʻ gʻ sh ch".split()
    + "а б в г д е ё ж з и й к л м н о п р с т у ф х ц ч ш щ ъ ы ь э ю я ў қ ғ ҳ".split(),
    "kk": _LATIN_ALPHABET + _CYRILLIC,
}


@lru_cache
def _places(language: str) -> dict[str, int]:
    letters = [*ALPHABETS.get(language, ALPHABETS["kk"]), *_ARABIC]
    return {letter: place for place, letter in enumerate(letters, 16)}


def sort_key(name: Name, language: str) -> str:
    """Where a name stands in a list, by the alphabet of a language: Latin script, then Cyrillic, then Arabic.

    Hexadecimal digits only, so that every database puts keys in the same order whatever its own collation is.
    A blank sorts before every letter; letters of no known alphabet come last.
    """
    places = _places(language)
    text = unicodedata.normalize("NFC", name.full).lower()
    for mark in _APOSTROPHES:
        text = text.replace(mark, "ʻ")
    key, at = [], 0
    while at < len(text):
        pair, letter = text[at : at + 2], text[at]
        if len(pair) == 2 and pair in places:
            key.append(places[pair])
            at += 2
            continue
        if letter in places:
            key.append(places[letter])
        elif letter == " ":
            key.append(1)
        elif letter == "-":
            key.append(2)
        elif letter.isalnum():
            bare = unicodedata.normalize("NFKD", letter)[0]
            key.append(places.get(bare, 254))
        at += 1
    return "".join(f"{place:02x}" for place in key)
