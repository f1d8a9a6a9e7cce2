"""What redaction takes out, what it leaves, and that nothing but speed depends on Hyperscan."""

import re

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aligntax.errors import UsageError
from aligntax.traffic import redaction
from aligntax.traffic.redaction import Redactor
from timing import ratio_within

REDACTOR = Redactor(key=b"fixed, so that a failure repeats")
PLACEHOLDER = re.compile(r"\[([a-z]+):[0-9a-f]{6}\]")
NBSP, HYPHEN = "\u00a0", "\u2011"  # both non-breaking, as word processors and models write them

FOUND = {
    "email": [
        ("Write to ann@example.com.", "Write to [email]."),
        ("<Ann.Lee+news@mail.example.co.uk>", "<[email]>"),
        ("a@example.com,b@example.org;c@example.net", "[email],[email];[email]"),
        ("josé@exämple.com", "[email]"),
        ("ü@é.de", "[email]"),  # the shortest of a form shows that its gate is not too narrow
        ("mailto:ann@example.com?subject=x", "mailto:[email]?subject=x"),
        ("ann_lee%x@sub-domain.example.museum!", "[email]!"),
    ],
    "phone": [
        ("+1 (415) 555-0123", "[phone]"),
        ("+14155550123 or +1.415.555.0123", "[phone] or [phone]"),
        ("+44 20 7946 0958, +44 (0)20 7946 0958", "[phone], [phone]"),
        (f"+33{NBSP}1{NBSP}23{NBSP}45{NBSP}67{NBSP}89", "[phone]"),
        ("0044 20 7946 0958", "[phone]"),
        ("+49 30 901820 2024", "[phone] 2024"),
        ("030 901820", "[phone]"),
        (f"+3{HYPHEN * 2}725551{HYPHEN * 2}23", "[phone]"),
        ("tel 5550123", "tel [phone]"),
        ("(212) 555-0123 and 212-555-0123 and 212.555.0123", "[phone] and [phone] and [phone]"),
        (f"212{HYPHEN}555{HYPHEN}0123", "[phone]"),
        ("415 555 0123 works, 1-800-555-0199 too", "[phone] works, [phone] too"),
        ("01 23 45 67 89 or 01.23.45.67.89", "[phone] or [phone]"),
        ("030 901820, 030/901820, 0170 1234567, (030) 23125 000", "[phone], [phone], [phone], [phone]"),
        ("020 7946 0958 or (020) 7946 0958 or 07700 900123", "[phone] or [phone] or [phone]"),
        ("0170 1234567 2024", "[phone] 2024"),
        ("03-1234-5678 and (11) 91234-5678", "[phone] and [phone]"),
        ("138 0013 8000", "[phone]"),
        ("call me at 555-0123", "call me at [phone]"),
        ("Tel.: 98765 43210", "Tel.: [phone]"),
        ("my phone number is 5550100199", "my phone number is [phone]"),
    ],
    "card": [
        ("4111 1111 1111 1111", "[card]"),
        ("4111-1111-1111-1111, 12/26, 123", "[card], 12/26, 123"),
        ("pay 4111111111111111 123 now", "pay [card] 123 now"),
        ("3782 822463 10005 and 378282246310005", "[card] and [card]"),
        ("5555555555554444,2223003122003222", "[card],[card]"),
        ("6011111111111117 6011000990139424", "[card] [card]"),
        ("4222222222222", "[card]"),
        (f"4111{NBSP}1111{NBSP}1111{NBSP}1111.", "[card]."),
    ],
    "iban": [
        ("DE89370400440532013000", "[iban]"),
        ("DE89 3704 0044 0532 0130 00 is mine", "[iban] is mine"),
        ("gb82 west 1234 5698 7654 32", "[iban]"),
        ("to NO93 8601 1117 947, please", "to [iban], please"),
        ("FR1420041010050500013M02606", "[iban]"),
        ("AB12 DE89 3704 0044 0532 0130 00", "AB12 [iban]"),
    ],
    "ip": [
        ("192.0.2.1", "[ip]"),
        ("http://198.51.100.7:8080/x and 203.0.113.0/24.", "http://[ip]:8080/x and [ip]/24."),
        ("from 2001:db8::1: refused", "from [ip]: refused"),
        ("[2001:db8:0:0:0:0:0:1]:443 2001:db8::/32", "[[ip]]:443 [ip]/32"),
        ("fe80::1ff:fe23:4567:890a%eth0", "[ip]%eth0"),
    ],
    "key": [
        ("sk-proj-abcdEFGH1234abcdEFGH1234", "[key]"),
        ("sk-abcdefgh_1234567", "[key]"),
        ("Bearer\tabcdefg1", "Bearer\t[key]"),
        ("pwd=abc1", "pwd=[key]"),
        ("sk_test_4eC39HqLyjWDarjtT1zdp7dc", "[key]"),
        ("use ghp_0123456789abcdefghijABCDEFGHIJ012345!", "use [key]!"),
        ("github_pat_11ABCDEFG0123456789_abcdefghij", "[key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("xoxb-123456789012-abcdefABCDEF", "[key]"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[key]"),
        ("glpat-abcdefghij0123456789", "[key]"),
        ("hf_abcdefghijklmnopqrstuvwxyz01234567", "[key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dGhpc2lzZmFrZQ", "[key]"),
        ("Authorization: Bearer abcdef1234567890", "Authorization: Bearer [key]"),
        ('api_key="abc123def456"', 'api_key="[key]"'),
        ('{"client_secret": "s3cr3t-value"}', '{"client_secret": "[key]"}'),
        ("OPENAI_API_KEY=abc123def456", "OPENAI_API_KEY=[key]"),
        ("**Password:** hunter2.", "**Password:** [key]."),
        ("my password is Tr0ub4dor", "my password is [key]"),
        ('password: "letmein"', 'password: "[key]"'),
        ("postgres://app:s3cret@db.example.com/x", "postgres://app:[key]@db.example.com/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\nbye", "[key]\nbye"),
        ("cut: -----BEGIN PRIVATE KEY-----\nMIIBVAIBADANBgkqhkiG9w0BAQEF", "cut: [key]"),
    ],
    "name": [
        ("My name is Ann Lee and I live here", "My name is [name] and I live here"),
        ("my name is bob", "my name is [name]"),
        ("My name\u2019s J. R. Smith.", "My name\u2019s [name]."),
        ("I am called Ludwig van Beethoven", "I am called [name]"),
        ("this is Dr. Jane Doe speaking", "this is Dr. [name] speaking"),
        ("This is Bob Jones calling about it", "This is [name] calling about it"),
        ("I'm Professor O'Neill-Díaz", "I'm Professor [name]"),
        ("MY NAME IS 王小明", "MY NAME IS [name]"),
    ],
}

LEFT_ALONE = {
    "email": [
        "@property",
        "user@localhost",
        "foo@1.2.3",
        "a @ b.com",
        "5@10",
        "x = y@z",
        "@ann on example.com",
    ],
    "phone": [
        "2019-2020, 2019 2020 2021, 1984",
        "2024-01-31, 2024-01-31 10:30:45, 31.12.2024, 01/02/2023 10:30, 05-12-2023",
        "2024-01-31T10:30:45+0100",
        "$1,250,000.00, 1 250 000 EUR, +1.250.000.000, 99.99",
        "v1.2.3, 10.15.7, 3.14159265358979",
        "line 12345, lines 1200-1350, error 0x80004005",
        "id 5550100199, order 123456789012, 00123456789",
        "123e4567-e89b-12d3-a456-426614174000",
        "128 256 512 1024 2048",
        "01 02 03 04 05 06 07",
        "0.123 0.456 0.789, 1700000000",
        "x+1234567890, 12 + 34",
        "+1 2 3 4 5 6 7 8 9 10",
        "001 010 011 100",
        "J. Stat. 45 (12) 1234-1245",
        "call 911, phone 2024-01-31, tel 2023-2024",
    ],
    "card": [
        "4111 1111 1111 1112",
        "4111111111111112",
        "0.4111111111111111",
        "a4111111111111111f",
        "1700000000000 and 1700000000000000000",
        "41111111111111111111111111",
    ],
    "iban": ["DE89370400440532013001", "DE8937040044053201300", "XX89370400440532013000", "GB82 WEST 1234"],
    "ip": [
        "1.2.3, v1.2.3.4, version 1.2.3.4, Chrome/120.0.0.0",
        "256.1.1.1, 1.2.3.4.5, 1.2.3.400",
        "std::vector, a::b, x[10::2], x[::-1], 12:30:45, aa:bb:cc:dd:ee:ff",
    ],
    "key": [
        "sk-learn-something-with-a-long-name",
        "a risk-free task-oriented plan, hf_hub_download",
        "bearer of good news, the bearer certificates",
        "max_tokens: 4096, eos_token_id: 128001, token: 128001",
        "password: must be at least 12 characters",
        "a password is required, the secret: patience",
        "token = tokenizer.encode2(text), api_key=os.environ1['X']",
        "-----BEGIN PUBLIC KEY-----",
    ],
    "name": [
        "my name is not important",
        "My name is on the list",
        "this is important, this is a doctor speaking",
        "I am called upon to help",
        "The name is unknown",
    ],
}


def _kinds_only(text: str) -> str:
    return PLACEHOLDER.sub(r"[\1]", text)


def _cases(table: dict[str, list]) -> list:
    return [
        pytest.param(case, id=f"{kind}-{place}") for kind in table for place, case in enumerate(table[kind])
    ]


@pytest.mark.parametrize("case", _cases(FOUND))
def test_personal_data_becomes_a_placeholder_of_its_kind(case: tuple[str, str]) -> None:
    """Every form in the table is replaced, whole, and the text around it stays."""
    text, expected = case
    assert _kinds_only(REDACTOR.text(text)) == expected


@pytest.mark.parametrize("text", _cases(LEFT_ALONE))
def test_near_misses_stay(text: str) -> None:
    """Years, prices, versions, ids, code and invalid check digits are no personal data."""
    assert REDACTOR.text(text) == text


def test_one_value_has_one_placeholder_however_it_is_written() -> None:
    """Case, spaces and the short form of an address do not change whose placeholder it is."""
    for first, second in [
        ("Ann@Example.com", "ann@example.COM"),
        ("DE89370400440532013000", "de89 3704 0044 0532 0130 00"),
        ("4111111111111111", "4111-1111 1111-1111"),
        ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1"),
        ("212-555-0123", "(212) 555 0123"),
    ]:
        assert REDACTOR.text(first) == REDACTOR.text(second)
    assert REDACTOR.text("ann@example.com") != REDACTOR.text("bob@example.com")


def test_names_the_caller_passes_are_hidden_as_whole_words() -> None:
    """Case is ignored, parts of words stay, short names stay, and e-mail addresses keep their kind."""
    text = "Ann told ANN: annual, al, x.ann@example.com, Ann-Lee"
    redacted = REDACTOR.text(text, names=["ann", "al", " "])
    assert _kinds_only(redacted) == "[name] told [name]: annual, al, [email], [name]-Lee"
    assert len(set(PLACEHOLDER.findall(redacted))) == 2


@pytest.mark.parametrize(
    "name", ["email", "key", "name", "d96222", "(.*)+", "[email:3fa9c1]", "\\", "\u017ftraße"]
)
def test_a_hostile_name_breaks_no_placeholder(name: str) -> None:
    """A user may be called like a kind, a digest or a pattern; the second pass still changes nothing."""
    once = REDACTOR.text(f"ann@example.com {name} {name}", names=[name])
    assert REDACTOR.text(once, names=[name]) == once
    assert PLACEHOLDER.match(once)


def test_a_key_is_one_run() -> None:
    """The same key gives the same pseudonyms; without one, two redactors share none."""
    text = "ann@example.com"
    assert Redactor(b"k").text(text) == Redactor(b"k").text(text)
    assert len({Redactor().text(text), Redactor().text(text), Redactor(b"k").text(text)}) == 3
    assert Redactor(b"k").pseudonym("user", "ann") != Redactor(b"l").pseudonym("user", "ann")


def test_a_redactor_does_not_show_its_key() -> None:
    """Neither repr nor str of a redactor betray the secret of the run."""
    assert "s3cret" not in repr(Redactor(b"s3cret")) + str(Redactor(b"s3cret"))


def test_a_column_without_finds_comes_back_itself() -> None:
    """No copy is made when nothing changes, be the column empty, null or merely suspect."""
    for rows in ([], [None], ["", ""], ["plain", None], ["order 123456789012", "@property"]):
        texts = pa.array(rows, pa.string())
        assert REDACTOR.column(texts) is texts


def test_a_column_keeps_nulls_slices_and_neighbours_apart() -> None:
    """Rows whose bytes touch are not read together, and only the slice is looked at."""
    rows = ["b@example.com", None, "ann@exam", "ple.com", "", "c@example.com", "4111 1111", " 1111 1111", "x"]
    texts = pa.array(rows)
    for start in range(len(rows)):
        for stop in range(start, len(rows) + 1):
            part = texts[start:stop]
            expected = [None if row is None else REDACTOR.text(row) for row in rows[start:stop]]
            assert REDACTOR.column(part).to_pylist() == expected


def test_a_null_over_old_bytes_stays_null() -> None:
    """A row marked null is not read, though its bytes may still be in the buffer."""
    texts = pa.array(["a@example.com", "b@example.com"])
    validity = pa.py_buffer(bytes([0b10]))
    hidden = pa.StringArray.from_buffers(2, texts.buffers()[1], texts.buffers()[2], validity, 1, 0)
    assert REDACTOR.column(hidden).to_pylist() == [None, REDACTOR.text("b@example.com")]


def test_a_column_of_another_type_is_refused() -> None:
    """Offsets of another width would be misread, and personal data slip through."""
    with pytest.raises(UsageError, match="large_string"):
        REDACTOR.column(pa.array(["a"], pa.large_string()))


FRAGMENTS = [
    *(text for table in FOUND.values() for text, _ in table),
    *(text for texts in LEFT_ALONE.values() for text in texts),
    *(
        "a@b.co ",
        "@",
        ".",
        ":",
        "::",
        "-",
        "+",
        "(",
        ")",
        "/",
        "[",
        "]",
        "[email:abcdef]",
        "[key:",
        "0",
        "1",
        "12",
    ),
    *("012", "555", "4111", "1111", "DE89", "2001:", "db8::", "1.2.", "sk-", "eyJ"),
    *(
        "token=",
        "password: ",
        "Bearer ",
        "my name is ",
        "this is ",
        " speaking",
        "call ",
        "-----BEGIN PRIVATE KEY-----",
    ),
    *(
        " ",
        NBSP,
        HYPHEN,
        "\u202f",
        "\u2013",
        "\n",
        "é",
        "ß",
        "\u017f",
        "\u212a",
        "\x00",
        "٣",
        "I",
        "Bob",
        "von ",
    ),
]
PIECES = st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6), st.text("0123456789 .-:@+aA", max_size=8))
TEXTS = st.lists(PIECES, max_size=8).map("".join)
MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(st.lists(st.none() | TEXTS, max_size=5), st.integers(0, 2))
def test_a_column_is_text_row_by_row(rows: list[str | None], skip: int) -> None:
    """The one pass over the bytes overlooks no row that `text` would change."""
    rows = [None if row is None else row.encode("utf-8", "replace").decode() for row in rows]
    expected = [None if row is None else REDACTOR.text(row) for row in rows[skip:]]
    assert REDACTOR.column(pa.array(rows, pa.string())[skip:]).to_pylist() == expected


@MANY
@given(TEXTS)
def test_no_gate_hides_a_find_from_its_rule(text: str) -> None:
    """Trying every rule on every text, gate or no gate, finds nothing more."""
    exhaustive, swept = text, REDACTOR._sweep(text, list(redaction._RULES))
    while swept != exhaustive:
        exhaustive, swept = swept, REDACTOR._sweep(swept, list(redaction._RULES))
    assert REDACTOR.text(text) == exhaustive


@MANY
@given(TEXTS, st.lists(st.sampled_from(["Bob", "email", "abcdef", "1.2."]), max_size=2))
def test_a_second_time_changes_nothing(text: str, names: list[str]) -> None:
    """Redaction is idempotent, with names and without, whatever touches what."""
    once = REDACTOR.text(text, names=names)
    assert REDACTOR.text(once, names=names) == once


@MANY
@given(st.text(st.characters(codec=None), max_size=60) | TEXTS)
def test_no_string_raises(text: str) -> None:
    """Any str will do, lone surrogates and control characters included."""
    assert isinstance(REDACTOR.text(text + "\ud800", names=[text]), str)


def _luhn(digits: str) -> bool:
    return sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(reversed(digits))) % 10 == 0


@MANY
@given(TEXTS)
def test_no_address_and_no_card_is_left(text: str) -> None:
    """Plain patterns, written apart from the module, find neither in the output."""
    left = REDACTOR.text(text)
    assert not re.search(r"[A-Za-z0-9_]@[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*\.[A-Za-z]{2,}", left)
    for card in re.finditer(
        r"(?<![0-9A-Za-z.])[3-6][0-9]{3}([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?![0-9A-Za-z.])", left
    ):
        assert not _luhn(re.sub("[^0-9]", "", card.group()))


ADVERSARIAL = [
    *(
        "a",
        "a.",
        "@",
        "a@a",
        "a@b.",
        "a@b.b.",
        "a@b.co1 ",
        "1",
        "4111 ",
        "01 ",
        "+1",
        "+14155550123",
        "(1",
        "1.",
    ),
    *("1.2.3.4", "a:", "2001:", "abc:", "DE89 ", "sk-a", "eyJaaaaaaaaaa.", "bearer a", "token=", "token=a"),
    *(
        "password=(",
        "password: ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- a",
        "my name is A ",
    ),
    *(
        "this is A",
        "i am dr ",
        "phone: 1",
        "call me at ",
        "://a:b",
        "[email:abcdef]",
        "a@b.co+14155550123",
        "é@é.é",
    ),
]


@pytest.mark.parametrize("unit", ADVERSARIAL)
def test_time_is_linear_on_adversarial_text(unit: str) -> None:
    """Eight times the text takes about eight times as long, not 32; quadratic matching would take 64."""
    text = unit * (20_000 // len(unit))
    longer = text * 8
    assert ratio_within(32, lambda: REDACTOR.text(longer), lambda: REDACTOR.text(text))


@pytest.mark.slow
@pytest.mark.parametrize("unit", ADVERSARIAL)
def test_a_megabyte_of_adversarial_text_stays_linear(unit: str) -> None:
    """1 MB takes about ten times as long as 100 kB, not forty; quadratic matching would take a hundred."""
    text = unit * (100_000 // len(unit))
    longer = text * 10
    assert ratio_within(40, lambda: REDACTOR.text(longer), lambda: REDACTOR.text(text))


def test_a_column_without_personal_data_is_read_faster_than_row_by_row() -> None:
    """The pass over the bytes is worth having: at least five times the speed of `text` on every row."""
    rows = [f"Certainly! Here is a plan, part {n}: walk, read, and rest by the sea." for n in range(20_000)]
    texts = pa.array(rows)
    REDACTOR.column(texts)
    five_times = lambda: [REDACTOR.column(texts) for _ in range(5)]  # noqa: E731
    assert ratio_within(1, five_times, lambda: [REDACTOR.text(row) for row in rows], tries=3)
