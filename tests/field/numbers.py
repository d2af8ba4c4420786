"""Numbers as people write them into a field for one number."""

from __future__ import annotations

from dataclasses import dataclass

GERMAN, MOBILE = "+4917612345678", "+491713920012"
BRITISH, AMERICAN = "+447911123456", "+12065550100"
AUSTRIAN, INDONESIAN = "+436641234567", "+628123456789"
MEXICAN, ARGENTINE, CORDOBA = "+525512345678", "+5491123456789", "+5493512345678"


@dataclass(frozen=True, slots=True)
class Case:
    """A text, the region that decides ('' = none), the number that is read, None for none."""

    kind: str
    text: str
    region: str
    number: str | None


def _of(kind: str, *rows: tuple[str, str, str | None]) -> list[Case]:
    return [Case(kind, *row) for row in rows]


CASES = [
    *_of(
        "notes",
        ("0171 3920012 m", "DE", MOBILE),
        ("0171 3920012 (privat)", "DE", MOBILE),
        ("0171 3920012 - Anna", "DE", MOBILE),
        ("Anna Muster 0171/3920012", "DE", MOBILE),
        ("Handy: 0171 3920012", "DE", MOBILE),
        ("2x 0171 3920012", "DE", MOBILE),
        ("0171 3920012 📱", "DE", MOBILE),
        ("0664 1234567 Max", "AT", AUSTRIAN),
        ("0812-3456-789 (WA)", "ID", INDONESIAN),
        ("+62 812-3456-789 [WhatsApp]", "", INDONESIAN),
        ("+44 7911 123456 (mob)", "", BRITISH),
        ("(206) 555-0100 cell", "US", AMERICAN),
        ("206 555 0100 home or work", "US", AMERICAN),
        ("0171 3920012 oder 0172 3920013", "DE", None),
        ("0171 3920012 / 0172 3920013", "DE", None),
        ("0171 3920012 oder 0171-3920012", "DE", MOBILE),
        ("0664 123456 / 7", "AT", None),
        ("0171 3920012 (2)", "DE", None),
        ("+49 DE 171 3920012", "US", None),
        ("0171a3920012", "DE", None),
        ("206 555 010 m", "US", None),
        ("07911 123 Max", "GB", None),
    ),
    *_of(
        "extensions",
        ("017612345678*9", "DE", GERMAN),
        ("017612345678w123", "DE", GERMAN),
        ("017612345678,,123", "DE", GERMAN),
        ("017612345678;ext=9", "DE", GERMAN),
        ("017612345678 #12", "DE", GERMAN),
        ("017612345678 ext.", "DE", GERMAN),
        ("017612345678 x", "DE", GERMAN),
        ("017612345678 Durchwahl 12", "DE", GERMAN),
        ("+1 206 555 0100 p12", "", AMERICAN),
    ),
    *_of(
        "letters for digits",
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("1-800-GOT-JUNK", "US", "+18004685865"),
        ("+1 206 555 HELP", "", "+12065554357"),
        ("0800 FLOWERS", "GB", "+448003569377"),
        ("0664 12345 Maximilian", "AT", "+4366412345"),
    ),
    *_of(
        "dialled abroad",
        ("0011 44 7911 123456", "AU", BRITISH),
        ("0044 7911 123456", "AU", BRITISH),
        ("001 44 7911 123456", "SG", BRITISH),
        ("008 44 7911 123456", "ID", BRITISH),
        ("002 44 7911 123456", "KR", BRITISH),
        ("00700 44 7911 123456", "KR", BRITISH),
        ("0014 44 7911 123456", "BR", BRITISH),
        ("009 44 7911 123456", "NG", BRITISH),
        ("000 44 7911 123456", "KE", BRITISH),
        ("010 44 7911 123456", "JP", BRITISH),
        ("011 44 7911 123456", "US", BRITISH),
        ("8~10 44 7911 123456", "RU", BRITISH),
        ("810 44 7911 123456", "KZ", BRITISH),
        ("119 44 7911 123456", "CU", BRITISH),
        ("012 44 7911 123456", "IL", BRITISH),
        ("009 1 206 555 0100", "CO", AMERICAN),
        ("009 1 234 567 8901", "CO", "+12345678901"),
        ("009 1 98765 4321", "CO", None),  # by 00 a mobile in India
    ),
    *_of(
        "Mexico",
        ("+52 1 55 1234 5678", "", MEXICAN),
        ("5215512345678", "MX", MEXICAN),
        ("044 55 1234 5678", "MX", MEXICAN),
        ("045 55 1234 5678", "MX", MEXICAN),
        ("01 55 1234 5678", "MX", MEXICAN),
        ("+52 044 55 1234 5678", "", MEXICAN),
        ("00 52 1 55 1234 5678", "DE", MEXICAN),
        ("55 1234 5678", "MX", MEXICAN),
    ),
    *_of(
        "Argentina",
        ("+54 9 11 2345-6789", "", ARGENTINE),
        ("+54 11 15 2345-6789", "", ARGENTINE),
        ("+54 9 11 15 2345-6789", "", ARGENTINE),
        ("+54 9 011 15 2345-6789", "", ARGENTINE),
        ("+54 0 9 11 2345 6789", "", ARGENTINE),
        ("011 15 2345-6789", "AR", ARGENTINE),
        ("11 15 2345-6789", "AR", ARGENTINE),
        ("9 011 2345 6789", "AR", ARGENTINE),
        ("0 9 11 15 2345 6789", "AR", ARGENTINE),
        ("0351 15 234-5678", "AR", CORDOBA),
        ("+54 9 351 15 234 5678", "", CORDOBA),
    ),
    *_of(
        "renumbered",
        ("+55 11 8765-4321", "", "+5511987654321"),
        ("+229 97 12 34 56", "", "+2290197123456"),
        ("+241 06 12 34 56", "", "+24166123456"),
        ("+241 7 12 34 56", "", "+24177123456"),
        ("066 12 34 56", "GA", "+24166123456"),
        ("+225 07 12 34 56", "", "+2250707123456"),
        ("+84 120 123 4567", "", "+84701234567"),
        ("0163 123 4567", "VN", "+84331234567"),
    ),
    *_of(
        "code twice",
        ("+49 +49 171 3920012", "", MOBILE),
        ("0049 0049 171 3920012", "DE", MOBILE),
        ("+49 0049 171 3920012", "", MOBILE),
        ("+44 44 7911 123456", "", BRITISH),
        ("+1 +1 206 555 0100", "", AMERICAN),
        ("+49 49 171 3920012", "", None),  # or a land line in Leer
        ("+91 91234 56789", "", "+919123456789"),
        ("+55 55 99123 4567", "", "+5555991234567"),
        ("+49 4921 12345", "", "+49492112345"),
    ),
    *_of(
        "written from right to left",
        ("171 3920012 49+", "DE", MOBILE),
        ("1713920012+49", "DE", MOBILE),
        ("4917612345678+", "US", GERMAN),
        ("49+ 171 3920012", "DE", MOBILE),
        ("0171 3920012 (49+)", "DE", MOBILE),
        ("\u200f0171 3920012\u200e", "DE", MOBILE),
    ),
    *_of(
        "nought in brackets",
        ("+49 (0) 171 3920012", "", MOBILE),
        ("+351 (0) 912 345 678", "", "+351912345678"),
        ("+1 (0) 206 555 0100", "", AMERICAN),
        ("0044 (0)7911 123456", "DE", BRITISH),
        ("+39 (0) 348 1234567", "", "+393481234567"),
    ),
    *_of(
        "links",
        ("sms:+4917612345678?body=call%20me%20at%205", "US", GERMAN),
        ("smsto:+4917612345678", "US", GERMAN),
        ("sip:+4917612345678@example.com", "US", GERMAN),
        ("sips:+4917612345678;user=phone", "US", GERMAN),
        ("tel:+49-176-12345678;ext=12", "US", GERMAN),
        ("whatsapp:+4917612345678", "US", GERMAN),
        ("whatsapp://send?phone=4917612345678&text=1", "US", GERMAN),
        ("https://wa.me/4917612345678?text=12", "US", GERMAN),
        ("wa.me/4917612345678", "US", GERMAN),
        ("https://api.whatsapp.com/send?phone=%2B4917612345678", "US", GERMAN),
        ("https://t.me/+4917612345678", "US", GERMAN),
        ("sms:017612345678", "DE", GERMAN),
    ),
    *_of(
        "encoded twice",
        ("%2B4917612345678", "US", GERMAN),
        ("%2B49%20176%2012345678", "US", GERMAN),
    ),
    *_of(
        "codes of countries",
        ("07911 123456", "UK", BRITISH),
        ("694 123 4567", "EL", "+306941234567"),
        ("612 34 56 78", "IC", "+34612345678"),
    ),
]
