"""The words of which made-up people, companies and places are put together. All lists are our own."""

from __future__ import annotations

Names = tuple[tuple[str, ...], tuple[str, ...]]


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LATIN: Names = (
    _split("""Anna Ben Clara David Emma Felix Grace Henry Ida Jonas Karen Liam Maria Noah Olga Peter Quinn Rosa Simon
        Tara Ulric Vera Walter Xenia Yvonne Zoe Alice Bruno Celia Derek Edith Frank Greta Hugo Irene Jack Lena Marcus
        Nadia Oscar Paula Ralph Sonia Tobias Ursula Victor Wanda Adrian Bianca Conrad Daphne Elias Fiona Gavin Hazel
        Ivan Judith Kevin Lydia Martin Nora Owen Pia Ruben Stella Theo Una Vincent"""),
    _split("""Abbott Barlow Calder Draper Ellis Farrow Gable Harker Irwin Jessop Kerr Lomax Marsh Norris Oakley Pascoe
        Quill Rusk Sayer Tolley Upton Vance Webb Yardley Ansel Brandt Correa Dietz Engel Fabbri Grosso Holm Ibsen
        Jansen Keller Lund Moretti Nagel Ortega Pereira Ritter Silva Thorn Ueland Vidal Werner Zeller Becker Castro
        Dahl Esposito Fischer Garnier Hoffman Iversen Kruger Lambert Meyer Novak Olsen Petit Rossi Schmidt Torres
        Urban Vogel Wagner Young Ziegler Baker Cooper Dixon Fletcher Granger Hunter Mason Potter Sawyer Turner"""),
)
ACCENTED: Names = (
    _split(
        "André Björn Chloé Désirée Émile François Göran Håkan Inês José Łukasz Márta Nuño Øyvind Renée Søren Þóra Zoë Ağa Šimon"
    ),
    _split(
        "Åkesson Brûlé Çelik Dvořák Étienne Fürst Gómez Hørup Íñiguez Jürgens Kovács Łoś Müller Núñez Öztürk Péché Řehoř Šťastný Þorvalds Žižka"
    ),
)
CJK: Names = (_split("伟 芳 娜 秀英 敏 静 丽 强 磊 军 陽翔 結衣 蓮 美咲 민준 서연 지훈 하은"), _split("王 李 张 刘 陈 杨 佐藤 鈴木 高橋 田中 김 이 박 최"))  # fmt: skip
RTL: Names = (_split("أحمد فاطمة محمد ليلى خالد נועה דוד יעל مریم رضا"), _split("الحسن السيد منصور حداد כהן לוי מזרחי حسینی کریمی"))  # fmt: skip
OTHER: Names = (_split("Алексей Ольга Дмитрий Наталья Ελένη Γιώργος Νίκος अर्जुन प्रिया สมชาย Nguyễn Trần"), _split("Иванов Петрова Смирнов Παππάς Γεωργίου शर्मा सिंह ใจดี Đặng Hoàng"))  # fmt: skip
ODD: Names = (
    ("Jo\u0308rg", "Ame\u0301lie", "D'Arcy", "Mary-Jane", "Anna Lena", "Lou 🌻", "X Æ", "J.", "O'Shea", "None"),
    ("O'Brien", "van der Berg", "de la Cruz", "Mc\u00a0Adam", "Null", "NA", "Smith-Jones", "Nu\u0303ez", "Li", "d'Ávila Jr.", "Test 👩‍👩‍👧"),
)  # fmt: skip
"""Combining marks, apostrophes, emoji, a joined family emoji, a no-break space, and the names that are nulls
to careless readers."""

NAME_GROUPS: tuple[tuple[float, Names], ...] = (
    (0.72, LATIN),
    (0.84, ACCENTED),
    (0.90, CJK),
    (0.935, RTL),
    (0.965, OTHER),
    (1.0, ODD),
)
"""Cumulative share of each group."""

COMPANY_FIRST = _split("""Amber Birch Copper Delta Ember Falcon Granite Harbor Indigo Juniper Kestrel Lantern Meadow Northgate Orchard
    Pinnacle Quartz Riverside Summit Timber Umbra Vertex Willow Yellowtail Zephyr Atlas Beacon Cedar Drift Evergreen
    Foundry Glacier Hollow Ironwood Jasper Keystone Lakeside Mistral Nimbus Opal""")
COMPANY_SECOND = _split("""Analytics Bakery Cargo Dental Energy Freight Gardens Holdings Instruments Joinery Kitchens Logistics Media
    Networks Optics Packaging Robotics Software Textiles Utilities Ventures Works Biotech Ceramics Design Foods""")
COMPANY_END = ("Inc.", "LLC", "Ltd", "GmbH", "AG", "S.A.", "AB", "BV", "& Sons", "Group", "Co., Ltd.", "")
COMPANY_ODD = ('Brown, "Big" & Sons', "NULL", "NA", "東京機械株式会社", "شركة النور", "Ünïcode Çorp™", "A", "N/A Systems", "Tab\tCo", "O'Neil; Partners, Ltd.")  # fmt: skip

CITIES: tuple[tuple[str, str, str, str], ...] = (
    ("Springfield", "IL", "62701", "USA"),
    ("Portland", "Oregon", "97201", "United States"),
    ("Austin", "TX", "78701", "US"),
    ("Boston", "MA", "02108", "USA"),
    ("Newark", "NJ", "07102", "USA"),
    ("Berlin", "", "10115", "Germany"),
    ("München", "Bayern", "80331", "Deutschland"),
    ("Zürich", "ZH", "8001", "Switzerland"),
    ("Paris", "", "75001", "France"),
    ("Lyon", "Rhône", "69001", "France"),
    ("London", "", "SW1A 1AA", "UK"),
    ("Leeds", "West Yorkshire", "LS1 4AP", "United Kingdom"),
    ("Dublin", "", "D02 AF30", "Ireland"),
    ("Stockholm", "", "111 20", "Sweden"),
    ("Kraków", "małopolskie", "31-042", "Poland"),
    ("São Paulo", "SP", "01000-000", "Brasil"),
    ("Toronto", "ON", "M5H 2N2", "Canada"),
    ("東京", "東京都", "100-0001", "日本"),
    ("上海", "", "200000", "中国"),
    ("دبي", "", "", "الإمارات"),
    ("Windhoek", "", "10001", "NA"),
)
STREETS = ("High Street", "Station Road", "Main St.", "Mill Lane", "Hauptstr.", "rue de la Paix", "Park Ave", "Kungsgatan", "Via Roma", "Elm St")  # fmt: skip
STREET_EXTRA = ("", "", "", "", "\nSuite 400", "\r\n2nd floor", "\nc/o Reception", ", Building \"B\"", "\nP.O. Box 12\nBack door")  # fmt: skip

TITLES = ("CEO", "CTO", "VP Marketing", "Marketing Manager", "Sales Director", "Buyer", "Engineer", "Head of IT", "Owner", "Assistant", "Intern", "NA", "Geschäftsführer", "Directeur général", "Sr. Director, \"Growth\"", "部長", "")  # fmt: skip
SALUTATIONS = ("", "", "Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
DEPARTMENTS = ("Marketing", "Sales", "IT", "Finance", "R&D", "Operations", "None", "")
LEAD_SOURCES = (
    "Web",
    "Web",
    "Phone Inquiry",
    "Partner Referral",
    "Purchased List",
    "Other",
    "Trade Show (old)",
    "",
)
LEAD_STATUS = ("Open - Not Contacted", "Open - Not Contacted", "Working - Contacted", "Working - Contacted", "Closed - Not Converted", "Nurture")  # fmt: skip
INDUSTRIES = ("Agriculture", "Banking", "Biotechnology", "Chemicals", "Construction", "Consulting", "Education", "Electronics", "Energy", "Finance", "")  # fmt: skip
RATINGS = ("Hot", "Warm", "Cold", "")
ACCOUNT_TYPES = ("Prospect", "Customer - Direct", "Customer - Channel", "Technology Partner", "Other", "")

SENTENCES = (
    "Met at the trade fair, wants a call back.",
    'Said: "not before summer", then hung up.',
    "Prefers e-mail, phone only in the morning, never on Fridays.",
    "Uses a competitor's product; contract ends next year.",
    "=1+1 in the notes field of the old system.",
    "Éléonore a dit que le budget est épuisé.",
    "Привет, жду прайс-лист.",
    "価格表を送ってください。",
    "Line one,\nline two,\r\n\r\nline four.",
    "Semicolon; tab\there; backslash \\ and percent %.",
    "Very interested 🚀🚀, but <b>no</b> budget & no time.",
    "Null",
    "#N/A",
    "Imported from list 2019-03, source unknown.",
    "Do not call before the 15th.",
)
LITERAL_NULLS = ("NA", "NULL", "None", "#N/A", "N/A", "null", "nan", "-")
COLORS = ("Red", "Green", "Blue", "Black", "White", "Purple")
LANGUAGES = ("English", "German", "French", "Spanish", "Japanese")
REGIONS = ("EMEA", "AMER", "APAC", "NA", "None", "")
INTERESTS = ("Pricing", "Security", "Support", "Integrations", "Reporting")
PROGRAMS = ("Webinar 2024-05", "Spring newsletter", "Trade fair, Hall 3", "Google \"brand\" ads", "Whitepaper: 10 traps", "None")  # fmt: skip
BANDS = ("1-10", "11-50", "51-200", "201-1000", "1000+")
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "test.example.org")
