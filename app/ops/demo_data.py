"""Invented people and real kinds of places for the demo: countries, agencies, the tree of offices, stocks of names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Land:
    """A country of the demo."""

    code: str
    names: dict[str, str]
    zone: str
    languages: tuple[str, ...]
    departments: tuple[tuple[str, dict[str, str]], ...]


def _n(en: str, ru: str, kk: str) -> dict[str, str]:
    return {"en": en, "ru": ru, "kk": kk}


LANDS = (
    Land("KZ", _n("Kazakhstan", "Казахстан", "Қазақстан"), "Asia/Almaty", ("kk", "ru"), (
        ("KZ-ZHAMBYL", _n("Zhambyl region", "Жамбылская область", "Жамбыл облысы")),
        ("KZ-TURKISTAN", _n("Turkistan region", "Туркестанская область", "Түркістан облысы")),
        ("KZ-JETISU", _n("Jetisu region", "Область Жетісу", "Жетісу облысы")),
        ("KZ-MANGYSTAU", _n("Mangystau region", "Мангистауская область", "Маңғыстау облысы")),
    )),
    Land("KG", _n("Kyrgyzstan", "Кыргызстан", "Қырғызстан"), "Asia/Bishkek", ("ky", "ru"), (
        ("KG-CHUY", _n("Chuy region", "Чуйская область", "Шу облысы")),
        ("KG-OSH", _n("Osh region", "Ошская область", "Ош облысы")),
    )),
    Land("UZ", _n("Uzbekistan", "Узбекистан", "Өзбекстан"), "Asia/Tashkent", ("uz", "ru"), (
        ("UZ-TASHKENT", _n("Tashkent region", "Ташкентская область", "Ташкент облысы")),
        ("UZ-SOUTH", _n("Southern regions", "Южные области", "Оңтүстік облыстар")),
    )),
    Land("TJ", _n("Tajikistan", "Таджикистан", "Тәжікстан"), "Asia/Dushanbe", ("tg", "ru"), (
        ("TJ-SUGHD", _n("Sughd region", "Согдийская область", "Соғды облысы")),
        ("TJ-KHATLON", _n("Khatlon region", "Хатлонская область", "Хатлон облысы")),
    )),
    Land("TM", _n("Turkmenistan", "Туркменистан", "Түрікменстан"), "Asia/Ashgabat", ("tk", "ru"), (
        ("TM-BALKAN", _n("Balkan region", "Балканский велаят", "Балқан уәлаяты")),
        ("TM-LEBAP", _n("Lebap region", "Лебапский велаят", "Лебап уәлаяты")),
    )),
)

# Border offices: code, department, names, kind of crossing, code of the paired office (or "")
POSTS = (
    ("KZ-KORDAY", "KZ-ZHAMBYL", _n("Korday", "Кордай", "Қордай"), "road", "KG-AKZHOL"),
    ("KZ-SYPATAI", "KZ-ZHAMBYL", _n("Sypatai Batyr", "Сыпатай батыр", "Сыпатай батыр"), "road", "KG-CHALDOVAR"),
    ("KZ-KONYSBAEV", "KZ-TURKISTAN", _n("B. Konysbaev", "Б. Конысбаев", "Б. Қонысбаев"), "road", "UZ-YALLAMA"),
    ("KZ-ATAMEKEN", "KZ-TURKISTAN", _n("Atameken", "Атамекен", "Атамекен"), "road", "UZ-GISHTKUPRIK"),
    ("KZ-NURZHOLY", "KZ-JETISU", _n("Nur Zholy", "Нур жолы", "Нұр жолы"), "road", ""),
    ("KZ-TEMIRBABA", "KZ-MANGYSTAU", _n("Temir-Baba", "Темир-Баба", "Темір-Баба"), "road", "TM-GARABOGAZ"),
    ("KG-AKZHOL", "KG-CHUY", _n("Ak-Zhol", "Ак-Жол", "Ақ-Жол"), "road", "KZ-KORDAY"),
    ("KG-CHALDOVAR", "KG-CHUY", _n("Chaldovar", "Чалдовар", "Шалдовар"), "road", "KZ-SYPATAI"),
    ("KG-DOSTUK", "KG-OSH", _n("Dostuk", "Достук", "Достық"), "road", "UZ-DUSTLIK"),
    ("KG-OSHAIR", "KG-OSH", _n("Osh airport", "Аэропорт Ош", "Ош әуежайы"), "air", ""),
    ("KG-BORDOBO", "KG-OSH", _n("Bor-Dobo", "Бор-Добо", "Бор-Дөбө"), "road", "TJ-KIZILART"),
    ("UZ-YALLAMA", "UZ-TASHKENT", _n("Yallama", "Яллама", "Ялама"), "road", "KZ-KONYSBAEV"),
    ("UZ-GISHTKUPRIK", "UZ-TASHKENT", _n("Gisht-Kuprik", "Гишт-Куприк", "Ғишт-Көпір"), "road", "KZ-ATAMEKEN"),
    ("UZ-OYBEK", "UZ-TASHKENT", _n("Oybek", "Ойбек", "Ойбек"), "road", "TJ-FOTEHOBOD"),
    ("UZ-DUSTLIK", "UZ-SOUTH", _n("Dustlik", "Дустлик", "Достық (Өзбекстан)"), "road", "KG-DOSTUK"),
    ("UZ-SARIOSIYO", "UZ-SOUTH", _n("Sariosiyo", "Сариасия", "Сариосиё"), "road", "TJ-DUSTI"),
    ("TJ-FOTEHOBOD", "TJ-SUGHD", _n("Fotehobod", "Фотехобод", "Фотехобод"), "road", "UZ-OYBEK"),
    ("TJ-PATAR", "TJ-SUGHD", _n("Patar", "Патар", "Патар"), "road", ""),
    ("TJ-KIZILART", "TJ-KHATLON", _n("Kizil-Art", "Кызыл-Арт", "Қызыл-Арт"), "road", "KG-BORDOBO"),
    ("TJ-DUSTI", "TJ-KHATLON", _n("Dusti", "Дусти", "Дусти"), "road", "UZ-SARIOSIYO"),
    ("TJ-PANJ", "TJ-KHATLON", _n("Panji Poyon", "Панджи Поён", "Панджи Поён"), "road", ""),
    ("TM-GARABOGAZ", "TM-BALKAN", _n("Garabogaz", "Гарабогаз", "Қарабұғаз"), "road", "KZ-TEMIRBABA"),
    ("TM-FARAP", "TM-LEBAP", _n("Farap", "Фарап", "Фарап"), "road", ""),
    ("TM-TALIMARJAN", "TM-LEBAP", _n("Talimarjan", "Талимарджан", "Талимаржан"), "road", ""),
)

# Offices with a CBT classroom, and its number of seats
CLASSROOMS = {
    "KZ-KORDAY": 12, "KZ-SYPATAI": 10, "KZ-KONYSBAEV": 12, "KZ-ATAMEKEN": 10, "KZ-TEMIRBABA": 10, "KG-AKZHOL": 10, "KG-DOSTUK": 11,
    "KG-OSHAIR": 10, "UZ-YALLAMA": 15, "UZ-GISHTKUPRIK": 11, "UZ-OYBEK": 10, "TJ-FOTEHOBOD": 12, "TJ-DUSTI": 10, "TJ-PANJ": 10,
    "TM-GARABOGAZ": 10, "TM-FARAP": 10,
}

AGENCIES = (
    ("BORDER", _n("Border Service", "Пограничная служба", "Шекара қызметі")),
    ("CUSTOMS", _n("Customs Committee", "Таможенный комитет", "Кеден комитеті")),
    ("INTERIOR", _n("Ministry of Internal Affairs", "Министерство внутренних дел", "Ішкі істер министрлігі")),
)
SERVICE_NUMBER_HINT = _n("8 digits, as on your service card", "8 цифр, как в служебном удостоверении", "8 сан, қызметтік куәліктегідей")

# free text, as a staff list writes it
RANKS = ("сержант", "старший сержант", "лейтенант", "старший лейтенант", "капитан", "майор")
POSTS_HELD = ("инспектор", "старший инспектор", "начальник смены", "контролёр", "кинолог")


@dataclass(frozen=True)
class Stock:
    """Names to choose from: pairs of Cyrillic and Latin; families as (man, woman) pairs of such pairs."""

    men: tuple[tuple[str, str], ...]
    women: tuple[tuple[str, str], ...]
    families: tuple[tuple[tuple[str, str], tuple[str, str]], ...]


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((one.split("/")[0], one.split("/")[1]) for one in text.split())


def _families(text: str, she: tuple[str, str] = ("а", "a")) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """Families given in a man's form; a woman's takes the ending, unless the form has no -в or -н to take one."""
    found = []
    for cyrillic, latin in _pairs(text):
        woman = (cyrillic + she[0], latin + she[1]) if cyrillic[-1] in "вн" else (cyrillic, latin)
        found.append(((cyrillic, latin), woman))
    return tuple(found)


STOCKS = {
    "KZ": Stock(
        _pairs("Асқар/Asqar Болат/Bolat Данияр/Daniyar Ерлан/Yerlan Нұрлан/Nurlan Серік/Serik Тимур/Timur Әділ/Adil Қанат/Qanat Руслан/Ruslan "
               "Мақсат/Maqsat Айдос/Aidos Жандос/Zhandos Олег/Oleg Ғалым/Galym Арман/Arman Бауыржан/Bauyrzhan Дәурен/Dauren Ілияс/Iliyas"),
        _pairs("Айгүл/Aigul Әсел/Asel Гүлнара/Gulnara Динара/Dinara Жанар/Zhanar Мадина/Madina Сәуле/Saule Іңкәр/Inkar Ақбота/Aqbota "
               "Ольга/Olga Назгүл/Nazgul Балнұр/Balnur Ұлжан/Ulzhan Шолпан/Sholpan Камила/Kamila"),
        _families("Әбенов/Abenov Бекмұратов/Bekmuratov Досов/Dosov Ермеков/Yermekov Жақсыбаев/Zhaqsybaev Иманов/Imanov Қасымов/Qasymov Нұрпейісов/Nurpeisov "
                  "Оспанов/Ospanov Сағынов/Sagynov Тоқтаров/Toqtarov Үсенов/Usenov Шаймерденов/Shaimerdenov Ысқақов/Ysqaqov Кравцов/Kravtsov Мельников/Melnikov "
                  "Өтегенов/Otegenov Ғабитов/Gabitov Сұлтанов/Sultanov Байжанов/Baizhanov"),
    ),
    "KG": Stock(
        _pairs("Азамат/Azamat Бакыт/Bakyt Нурбек/Nurbek Эрмек/Ermek Талант/Talant Улан/Ulan Чыңгыз/Chyngyz Өмүрбек/Omurbek Данияр/Daniyar Канат/Kanat Марат/Marat Мирлан/Mirlan"),
        _pairs("Айпери/Aiperi Гүлзат/Gulzat Жылдыз/Zhyldyz Нургүл/Nurgul Чолпон/Cholpon Элмира/Elmira Бермет/Bermet Айсулуу/Aisuluu"),
        _families("Абдыкадыров/Abdykadyrov Бообеков/Boobekov Жээнбаев/Zheenbaev Исаков/Isakov Кадыров/Kadyrov Маматов/Mamatov Осмонов/Osmonov Сыдыков/Sydykov "
                  "Токтогулов/Toktogulov Үсөнов/Usonov Чотбаев/Chotbaev Эсенов/Esenov"),
    ),
    "UZ": Stock(
        _pairs("Алишер/Alisher Бахтиёр/Baxtiyor Достон/Doston Жамшид/Jamshid Отабек/Otabek Рустам/Rustam Улуғбек/Ulugʻbek Ўткир/Oʻtkir Шерзод/Sherzod Ғайрат/Gʻayrat Нодир/Nodir Фарход/Farhod"),
        _pairs("Гулноза/Gulnoza Дилноза/Dilnoza Зулфия/Zulfiya Нигора/Nigora Феруза/Feruza Шаҳноза/Shahnoza Малика/Malika Ўғилой/Oʻgʻiloy"),
        _families("Абдуллаев/Abdullayev Ғаниев/Gʻaniyev Исмоилов/Ismoilov Каримов/Karimov Мирзаев/Mirzayev Раҳимов/Rahimov Саидов/Saidov Тошматов/Toshmatov "
                  "Умаров/Umarov Холматов/Xolmatov Юсупов/Yusupov Ўринов/Oʻrinov"),
    ),
    "TJ": Stock(
        _pairs("Баҳром/Bahrom Далер/Daler Зафар/Zafar Ҷамшед/Jamshed Қодир/Qodir Парвиз/Parviz Рустам/Rustam Сӯҳроб/Suhrob Фаррух/Farrukh Ҳасан/Hasan Шодӣ/Shodi Икром/Ikrom"),
        _pairs("Гулнора/Gulnora Дилафрӯз/Dilafruz Зарина/Zarina Мавзуна/Mavzuna Нигина/Nigina Ситора/Sitora Фарзона/Farzona Шаҳло/Shahlo"),
        _families("Азизов/Azizov Ғафуров/Ghafurov Давлатов/Davlatov Зоиров/Zoirov Қосимов/Qosimov Мирзоев/Mirzoev Назаров/Nazarov Раҳимов/Rahimov "
                  "Сафаров/Safarov Ҳакимов/Hakimov Шарипов/Sharipov Ҷӯраев/Juraev"),
    ),
    "TM": Stock(
        _pairs("Арслан/Arslan Батыр/Batyr Дөвлет/Döwlet Кервен/Kerwen Мерген/Mergen Сердар/Serdar Чары/Çary Шамырат/Şamyrat"),
        _pairs("Айнабат/Aýnabat Бахар/Bahar Гөзел/Gözel Дженнет/Jennet Огулджан/Oguljan Ширин/Şirin"),
        _families("Аннаев/Annaýew Бердиев/Berdiýew Гельдиев/Geldiýew Мырадов/Myradow Оразов/Orazow Чарыев/Çaryýew Ыласов/Ylasow Ханов/Hanow"),
    ),
}

# Staff of the demo: user name, role, office, country of the name, (Cyrillic and Latin) family and given, what they do.
STAFF = (
    ("admin", "administrator", "CA", "KZ", "Ланг/Lang", "Анна/Anna", ("gives roles, keeps offices",)),
    ("situation", "operator", "CA", "KZ", "Нұрпейісов/Nurpeisov", "Ерлан/Yerlan", ("sees every office",)),
    ("regional", "coordinator", "CA", "KG", "Исакова/Isakova", "Бермет/Bermet", ("countries side by side",)),
    ("auditor", "auditor", "CA", "UZ", "Саидов/Saidov", "Рустам/Rustam", ("reads, changes nothing",)),
    ("planner", "training-officer", "KZ", "KZ", "Оспанова/Ospanova", "Динара/Dinara", ("plans runs, accepts nominations",)),
    ("manager", "manager", "KZ", "KZ", "Сағынов/Sagynov", "Бауыржан/Bauyrzhan", ("nominates officers, reads and prints the progress report",)),
    ("registrar", "registrar", "KZ", "KZ", "Досова/Dosova", "Сәуле/Saule", ("issues and checks certificates",)),
    ("author", "author", "KZ", "KZ", "Иманов/Imanov", "Арман/Arman", ("writes courses",)),
    ("reviewer", "reviewer", "KZ", "KZ", "Кравцова/Kravtsova", "Ольга/Olga", ("reviews courses",)),
    ("trainer", "trainer", "KZ", "KZ", "Қасымов/Qasymov", "Данияр/Daniyar", ("teaches the run at Korday",)),
    ("planner-kg", "training-officer", "KG", "KG", "Токтомушев/Toktomushev", "Бакыт/Bakyt", ("plans for Kyrgyzstan, answers requests for its trainers",)),
    ("classmanager", "class-manager", "KZ-KORDAY", "KZ", "Досова/Dosova", "Гүлнара/Gulnara", ("opens the class at Korday, prints slips and papers",)),
)

# Who signs certificates: two a country, as printed, with their titles
_HEAD = _n("Head of the training centre", "Начальник учебного центра", "Оқу орталығының бастығы")
_CHIEF = _n("Head of the Situation Center", "Начальник Ситуационного центра", "Ахуалдық орталықтың бастығы")
SIGNATORIES = {
    "KZ": ((_n("B. Saparbekov", "Б. Сапарбеков", "Б. Сапарбеков"), _CHIEF), (_n("G. Tleuova", "Г. Тлеуова", "Г. Тілеуова"), _HEAD)),
    "KG": ((_n("A. Beishenaliev", "А. Бейшеналиев", "А. Бейшеналиев"), _CHIEF), (_n("N. Osmonova", "Н. Осмонова", "Н. Осмонова"), _HEAD)),
    "UZ": ((_n("S. Rahmonov", "С. Рахмонов", "С. Рахмонов"), _CHIEF), (_n("D. Yoʻldosheva", "Д. Юлдашева", "Д. Юлдашева"), _HEAD)),
    "TJ": ((_n("F. Ghafurov", "Ф. Гафуров", "Ф. Гафуров"), _CHIEF), (_n("Z. Sharipova", "З. Шарипова", "З. Шарипова"), _HEAD)),
    "TM": ((_n("M. Annaýew", "М. Аннаев", "М. Аннаев"), _CHIEF), (_n("B. Myradowa", "Б. Мырадова", "Б. Мырадова"), _HEAD)),
}
