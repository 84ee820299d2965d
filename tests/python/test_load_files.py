"""Files that `make load` refuses, and files that it accepts: a table of each, on both engines.

Refused: one line that names file, line and reason, and every table is as it was. Accepted: the
table holds exactly these rows. The rules are in scripts/load_raw.py, the checks in raw_csv.py.
"""

import gzip
from datetime import datetime

import load_raw
import pytest
from test_load_raw import Loader
from warehouse import Warehouse

USERS, TIMES, PAID, CHANNELS = (
    "user_session_channel",
    "session_timestamp",
    "session_transaction",
    "channel",
)


def times(value):
    """A file whose line 3 has the value as a time."""
    return f"sessionid,ts\na,2019-01-01\nb,{value}\n"


def refunds(value):
    """A file whose line 3 has the value for refunded."""
    return f"sessionid,refunded,amount\na,true,1\nb,{value},1\n"


def amounts(value):
    """A file whose line 3 has the value as an amount."""
    return f"sessionid,refunded,amount\na,true,1\nb,true,{value}\n"


def damaged(content):
    """The bytes with one bit changed in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


PACKED = gzip.compress(("channelname\n" + "".join(f"{i}\n" for i in range(100_000))).encode())
UMLAUTS = "\u00e4" * 32
WRONG_CRC = PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]
HEADER = "the header must be"
NO_NUMBER = "column amount: not a whole number"
NO_TIME = "column ts: not a time"
NO_BOOLEAN = "column refunded: neither true"
CUT = "the file may be cut off"

# What it is, table, content, line, reason.
REFUSED = [
    # Numbers.
    ("thousands, English", PAID, amounts("1,000"), 3, "3 fields wanted, 4 found"),
    ("thousands, English, quoted", PAID, amounts('"1,000"'), 3, NO_NUMBER),
    ("thousands, German", PAID, amounts('"1.000,50"'), 3, NO_NUMBER),
    ("thousands, German, bare", PAID, amounts("1.000,50"), 3, "3 fields wanted, 4 found"),
    ("thousands, Swiss", PAID, amounts("1'000"), 3, NO_NUMBER),
    ("thousands, blank", PAID, amounts("1 000"), 3, NO_NUMBER),
    ("thousands, Python", PAID, amounts("1_000"), 3, NO_NUMBER),
    ("decimals", PAID, amounts("12.7"), 3, NO_NUMBER),
    ("decimals of nothing", PAID, amounts("12.0"), 3, NO_NUMBER),
    ("decimals too small to see", PAID, amounts("12.0000000001"), 3, NO_NUMBER),
    ("exponent", PAID, amounts("1e3"), 3, NO_NUMBER),
    ("hexadecimal", PAID, amounts("0x10"), 3, NO_NUMBER),
    ("currency", PAID, amounts("\u20ac5"), 3, NO_NUMBER),
    ("other digits", PAID, amounts("\u0663"), 3, NO_NUMBER),
    ("minus behind", PAID, amounts("5-"), 3, NO_NUMBER),
    ("not a number", PAID, amounts("nan"), 3, NO_NUMBER),
    ("infinite number", PAID, amounts("infinity"), 3, NO_NUMBER),
    ("word in a number", PAID, amounts("abc"), 3, NO_NUMBER),
    ("null as a word", PAID, amounts("NULL"), 3, NO_NUMBER),
    ("one too large", PAID, amounts("2147483648"), 3, "column amount: not from -2147483648"),
    ("one too small", PAID, amounts("-2147483649"), 3, "column amount: not from -2147483648"),
    ("huge", PAID, amounts("9" * 4000), 3, "column amount: not from -2147483648"),
    ("user in decimals", USERS, "channel,sessionid,userid\nx,a,1.0\n", 2, "column userid: not a"),
    # Times.
    ("infinity", TIMES, times("infinity"), 3, NO_TIME),
    ("minus infinity", TIMES, times("-infinity"), 3, NO_TIME),
    ("now", TIMES, times("now"), 3, NO_TIME),
    ("tomorrow", TIMES, times("tomorrow"), 3, NO_TIME),
    ("epoch", TIMES, times("epoch"), 3, NO_TIME),
    ("seconds since 1970", TIMES, times("1556668800"), 3, NO_TIME),
    ("year 9999", TIMES, times("9999-12-31"), 3, "column ts: not a year from 1000 to 9998"),
    ("year 1", TIMES, times("0001-01-01"), 3, "column ts: not a year from 1000 to 9998"),
    ("year 0", TIMES, times("0000-01-01"), 3, "column ts: there is no such day"),
    ("year 10000", TIMES, times("10000-01-01"), 3, NO_TIME),
    ("before Christ", TIMES, times("2019-05-01 BC"), 3, NO_TIME),
    ("no leap day", TIMES, times("2019-02-29"), 3, "column ts: there is no such day: '2019-02-29'"),
    ("no leap day, century", TIMES, times("1900-02-29"), 3, "column ts: there is no such day"),
    ("31 April", TIMES, times("2019-04-31"), 3, "column ts: there is no such day"),
    ("month 13", TIMES, times("2019-13-01"), 3, "column ts: there is no such day"),
    ("hour 24", TIMES, times("2019-05-01 24:00:00"), 3, NO_TIME),
    ("leap second", TIMES, times("2019-05-01 23:59:60"), 3, NO_TIME),
    ("nanoseconds", TIMES, times("2019-05-01 10:00:00.123456789"), 3, NO_TIME),
    ("American day", TIMES, times("05/01/2019"), 3, NO_TIME),
    ("European day", TIMES, times("1.5.2019"), 3, NO_TIME),
    ("day without hyphens", TIMES, times("20190501"), 3, NO_TIME),
    ("afternoon", TIMES, times("2019-05-01 10:00:00 PM"), 3, NO_TIME),
    ("zone by name", TIMES, times("2019-05-01 10:00:00 EST"), 3, NO_TIME),
    ("blanks around a time", TIMES, times(" 2019-05-01 "), 3, NO_TIME),
    # True and false.
    ("on", PAID, refunds("on"), 3, NO_BOOLEAN),
    ("off", PAID, refunds("off"), 3, NO_BOOLEAN),
    ("half a word", PAID, refunds("fal"), 3, NO_BOOLEAN),
    ("German", PAID, refunds("wahr"), 3, NO_BOOLEAN),
    ("2", PAID, refunds("2"), 3, NO_BOOLEAN),
    ("blanks around true", PAID, refunds(" true "), 3, NO_BOOLEAN),
    # Text.
    ("id of 33", USERS, f"userid,sessionid,channel\n1,{'x' * 33},y\n", 2, "longer than 32"),
    ("id of 32 and a blank", TIMES, f"sessionid,ts\n{'x' * 32} ,\n", 2, "longer than 32"),
    ("endless line", CHANNELS, "channelname\nA\n" + "x" * 3_000_000 + "\n", 3, "more than 4096"),
    ("zero byte", CHANNELS, "channelname\nA\nB\0\n", 3, "a zero byte in 'B\\x00'"),
    # Rows.
    ("row too short", PAID, amounts("1\nc,true"), 4, "3 fields wanted, 2 found"),
    ("row too long", PAID, amounts("1,2"), 3, "3 fields wanted, 4 found"),
    ("comma behind each row", PAID, "sessionid,refunded,amount\na,true,1,\n", 2, "4 found"),
    ("semicolons below", USERS, "userid,sessionid,channel\n1;a;x\n", 2, "3 fields wanted, 1 found"),
    ("empty line within", TIMES, times("\n\nc,"), 4, "empty line"),
    ("empty line at the end", TIMES, times("\n"), 4, "empty line"),
    ("empty line, one column", CHANNELS, "channelname\nA\n\nB\n", 3, "empty line"),
    ("line of blanks", TIMES, times("\n   "), 4, "2 fields wanted, 1 found"),
    ("header once more", PAID, amounts("1\nsessionid,refunded,amount"), 4, NO_BOOLEAN),
    ("end mark of COPY", CHANNELS, "channelname\nA\n\\.\nB\n", 3, "ends the data for PostgreSQL"),
    # Quotes.
    ("open quote", USERS, 'userid,sessionid,channel\n1,"a,b\n2,c,d\n', 2, "not closed"),
    ("open quote, one column", CHANNELS, 'channelname\nA\n"B\nC\n', 3, "not closed"),
    ("open quote, long file", CHANNELS, 'channelname\n"' + "A\n" * 99_999, 2, "not closed"),
    ("quote within", CHANNELS, 'channelname\nA"B\n', 2, "a quote within a field"),
    ("quotes within", CHANNELS, 'channelname\nA"B"C\n', 2, "a quote within a field"),
    ("text behind a quote", CHANNELS, 'channelname\n"A"B\n', 2, "text behind a closing quote"),
    ("bad below a quoted line end", PAID, amounts('1\n"c\nd",,\ne,,x'), 6, NO_NUMBER),
    # Line ends, cut files.
    ("cut within a row", PAID, amounts("1\nc,tr")[:-1], 4, CUT),
    ("cut within a number", PAID, amounts("12")[:-1], 3, CUT),
    ("cut within a quote", USERS, 'userid,sessionid,channel\n1,a,"Goo', 2, "not closed"),
    ("cut within the header", CHANNELS, "channelname", 1, CUT),
    ("other line end than above", CHANNELS, "channelname\nA\r\nB\n", 2, "ends in '\\r\\n', the"),
    ("return within", CHANNELS, "channelname\r\nA\rB\r\n", 2, "ends in '\\r', the header in"),
    # Encodings.
    ("Latin-1", CHANNELS, b"channelname\nA\nN\xe4ver\n", 3, "byte 0xe4 is not UTF-8"),
    ("overlong bytes", CHANNELS, b"channelname\n\xc0\x80\n", 2, "byte 0xc0 is not UTF-8"),
    ("character cut at the end", CHANNELS, b"channelname\nA\xc3", 2, "byte 0xc3 is not UTF-8"),
    ("UTF-16", CHANNELS, "channelname\nA\n".encode("utf-16"), 1, "iconv -f UTF-16"),
    ("UTF-16 without mark", CHANNELS, "channelname\n".encode("utf-16-be"), 1, "iconv -f UTF-16"),
    ("two byte order marks", CHANNELS, "\ufeff\ufeffchannelname\n", 1, "'\\ufeffchannelname'"),
    # Headers.
    ("column missing", TIMES, "sessionid\n", 1, f"{HEADER} sessionid,ts, in any order; missing ts"),
    ("column too many", TIMES, "sessionid,ts,loaded_at\n", 1, "unexpected loaded_at"),
    ("column twice", TIMES, "sessionid,sessionid,ts\n", 1, "repeated sessionid"),
    ("column without name", TIMES, "sessionid,ts,\n", 1, "unexpected ''"),
    ("capitals", TIMES, "SESSIONID,ts\n", 1, "missing sessionid; unexpected SESSIONID"),
    ("blank in the header", TIMES, "sessionid, ts\n", 1, "missing ts; unexpected ' ts'"),
    ("no header", TIMES, "a,2019-05-01\n", 1, "missing sessionid, ts; unexpected a, 2019-05-01"),
    ("comment above", CHANNELS, "# by me\nchannelname\n", 1, "unexpected # by me"),
    ("semicolons", USERS, "userid;sessionid;channel\n", 1, "unexpected userid;sessionid;channel"),
    ("tabs", USERS, "userid\tsessionid\tchannel\n", 1, "'userid\\tsessionid\\tchannel'"),
    ("a web page", CHANNELS, "<html>404</html>\n", 1, f"{HEADER} channelname"),
    ("empty line above", CHANNELS, "\nchannelname\n", 1, "missing channelname"),
    ("empty file", CHANNELS, "", 1, "missing channelname"),
    ("byte order mark alone", CHANNELS, "\ufeff", 1, "missing channelname"),
    # Keys.
    ("session twice", TIMES, "sessionid,ts\na,\nb,\na,\n", 2, "'a' on line 2 and line 4"),
    ("no session", TIMES, "ts,sessionid\n,a\n2019-01-01,\n", 3, "1 row without sessionid"),
]

# Those of .gz, where a line makes no sense while it cannot be unpacked.
REFUSED_PACKED = [
    ("cut off", PACKED[:-500], "the file is damaged or cut off"),
    ("cut off just before the end", PACKED[:-4], "the file is damaged or cut off"),
    ("cut off at the beginning", PACKED[:5], "the file is damaged or cut off"),
    ("damaged", damaged(PACKED), "the file is damaged or cut off"),
    ("wrong checksum", WRONG_CRC, "the file is damaged or cut off"),
    ("something behind", PACKED + b"x", "the file is damaged or cut off"),
    ("not packed", b"channelname\nA\n", "the file is damaged or cut off"),
    ("packed twice", gzip.compress(PACKED), "line 1: not UTF-8"),
    ("empty", b"", "line 1: the header must be"),
    ("nothing packed", gzip.compress(b""), "line 1: the header must be"),
    ("bad row", gzip.compress(b"channelname\nA\n\n"), "line 3: empty line"),
]


def at(*parts):
    """Row b of a file of times(), and the row above it."""
    return [("a", datetime(2019, 1, 1)), ("b", datetime(*parts))]


def paid(refunded, amount):
    """Row b of a file of amounts() or refunds(), and the row above it."""
    return [("a", True, 1), ("b", refunded, amount)]


# What it is, table, content, rows.
ACCEPTED = [
    ("blanks around a number", PAID, amounts(" 5 "), paid(True, 5)),
    ("plus", PAID, amounts("+5"), paid(True, 5)),
    ("zeros in front", PAID, amounts("0" * 20 + "5"), paid(True, 5)),
    ("largest", PAID, amounts("2147483647"), paid(True, 2147483647)),
    ("smallest", PAID, amounts("-2147483648"), paid(True, -2147483648)),
    ("quoted number", PAID, amounts('"5"'), paid(True, 5)),
    ("no number", PAID, amounts('""'), paid(True, None)),
    *[(text, PAID, refunds(text), paid(True, 1)) for text in ("T", "tRuE", "Yes", "y", "1")],
    *[(text, PAID, refunds(text), paid(False, 1)) for text in ("f", "FALSE", "no", "N", "0")],
    ("neither true nor false", PAID, refunds(""), paid(None, 1)),
    ("leap day", TIMES, times("2020-02-29"), at(2020, 2, 29)),
    ("leap day, century", TIMES, times("2000-02-29 23:59:59"), at(2000, 2, 29, 23, 59, 59)),
    ("microseconds", TIMES, times("2019-05-01 10:00:00.123456"), at(2019, 5, 1, 10, 0, 0, 123456)),
    ("long ago", TIMES, times("1900-01-01 00:00:00"), at(1900, 1, 1)),
    ("year 1000", TIMES, times("1000-01-01"), at(1000, 1, 1)),
    ("year 9998", TIMES, times("9998-12-31"), at(9998, 12, 31)),
    ("minutes", TIMES, times("2019-05-31 10:59"), at(2019, 5, 31, 10, 59)),
    ("T", TIMES, times("2019-05-01T10:00:00.5"), at(2019, 5, 1, 10, 0, 0, 500000)),
    ("Z", TIMES, times("2019-05-01T10:00Z"), at(2019, 5, 1, 10)),
    ("UTC", TIMES, times("2019-05-01 10:00:00 UTC"), at(2019, 5, 1, 10)),
    ("offset in hours", TIMES, times("2019-05-01 05:00:00+09"), at(2019, 4, 30, 20)),
    ("offset with minutes", TIMES, times("2019-05-01T10:00+0530"), at(2019, 5, 1, 4, 30)),
    ("offset, west", TIMES, times("2019-12-31 23:00-05:00"), at(2020, 1, 1, 4)),
    ("id of 32", TIMES, f"sessionid,ts\n{'x' * 32},\n", [("x" * 32, None)]),
    ("32 characters, 64 bytes", CHANNELS, f"channelname\n{UMLAUTS}\n", [(UMLAUTS,)]),
    ("four bytes a character", CHANNELS, "channelname\n\U0001f600\n", [("\U0001f600",)]),
    ("blanks around text", CHANNELS, "channelname\n A \n", [(" A ",)]),
    ("backslashes", CHANNELS, "channelname\n\\N\n\\\\\n", [("\\N",), ("\\\\",)]),
    ("null as text", CHANNELS, "channelname\nNULL\n", [("NULL",)]),
    ("single quotes", CHANNELS, "channelname\n'A'\nO'B\n", [("'A'",), ("O'B",)]),
    ("quoted line end", CHANNELS, 'channelname\n"A\nB"\nC\n', [("A\nB",), ("C",)]),
    ("quoted return", CHANNELS, 'channelname\n"A\r\nB"\nC\n', [("A\r\nB",), ("C",)]),
    ("quoted comma and quotes", CHANNELS, 'channelname\n"A,""B"""\n', [('A,"B"',)]),
    ("all quoted", USERS, '"userid","sessionid","channel"\n"1","a",""\n', [(1, "a", None)]),
    ("other order", USERS, "channel,userid,sessionid\nx,1,a\n", [(1, "a", "x")]),
    ("header alone", PAID, "sessionid,refunded,amount\n", []),
    ("byte order mark", CHANNELS, "\ufeffchannelname\nA\n", [("A",)]),
    ("byte order mark, quotes", TIMES, '\ufeff"ts","sessionid"\n,a\n', [("a", None)]),
    ("returns and line feeds", CHANNELS, "channelname\r\nA\r\nB\r\n", [("A",), ("B",)]),
    ("returns", TIMES, "sessionid,ts\ra,\rb,\r", [("a", None), ("b", None)]),
    ("identical rows", PAID, "sessionid,refunded,amount\na,,5\na,,5\n", [("a", None, 5)] * 2),
]
ACCEPTED_PACKED = [
    ("packed", gzip.compress(b"channelname\nA\n"), [("A",)]),
    ("in two parts", gzip.compress(b"channelname\n") + gzip.compress(b"A\n"), [("A",)]),
]


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def loaded_warehouse(request, tmp_path_factory):
    """A Warehouse of each engine, for all cases."""
    engine = request.param
    server = request.getfixturevalue("postgres_environment") if engine == "postgres" else None
    warehouse = Warehouse(engine, tmp_path_factory.mktemp(engine), server)
    yield warehouse
    warehouse.drop()


@pytest.fixture
def loader(loaded_warehouse, tmp_path, monkeypatch, capsys):
    """A Loader with good files, on a warehouse that holds the rows of good files or of a case."""
    loader = Loader(loaded_warehouse, tmp_path / "files", monkeypatch, capsys)
    if not loader.tables():
        loader.loads()
        assert len(all_rows(loader)) == 11
    return loader


def refused(loader, name, *expected):
    """Load, expecting a refusal that names the file and says all this, and unchanged tables."""
    before = all_rows(loader)
    error = loader.refuses("--replace")
    for text in (name, *expected):
        assert text in error, error
    assert all_rows(loader) == before


def all_rows(loader):
    """Rows of all tables, as text."""
    schema = loader.warehouse.raw_schema
    queries = []
    for table, definition in load_raw.TABLES.items():
        row = ", ".join(f"coalesce(cast({name} as varchar), '-')" for name in definition.columns)
        queries.append(f"select '{table}', concat_ws('|', {row}) from {schema}.{table}")
    return sorted(loader.warehouse.query(" union all ".join(queries)))


def names(cases):
    return [case[0] for case in cases]


@pytest.mark.parametrize(("_", "table", "content", "line", "reason"), REFUSED, ids=names(REFUSED))
def test_refused(loader, _, table, content, line, reason):
    """Guards against: values changed or dropped on the way in, on one engine or on both; a file
    loaded in part; an error that names no line."""
    loader.write(**{table: content})
    refused(loader, f"{table}.csv", f"line {line}", reason)


@pytest.mark.parametrize(("_", "content", "reason"), REFUSED_PACKED, ids=names(REFUSED_PACKED))
def test_refused_packed(loader, _, content, reason):
    """Guards against: the readable half of a download that broke off, or bytes that changed."""
    (loader.folder / "channel.csv").unlink()
    (loader.folder / "channel.csv.gz").write_bytes(content)
    refused(loader, "channel.csv.gz", reason)


@pytest.mark.parametrize(("_", "table", "content", "rows"), ACCEPTED, ids=names(ACCEPTED))
def test_accepted(loader, _, table, content, rows):
    """Guards against: a good file refused, or its rows changed; engines that read it otherwise."""
    loader.write(**{table: content})
    loader.loads("--replace")
    assert loader.rows(table) == rows


@pytest.mark.parametrize(("_", "content", "rows"), ACCEPTED_PACKED, ids=names(ACCEPTED_PACKED))
def test_accepted_packed(loader, _, content, rows):
    """Guards against: a packed file read differently from a plain one."""
    (loader.folder / "channel.csv").unlink()
    (loader.folder / "channel.csv.gz").write_bytes(content)
    loader.loads("--replace")
    assert loader.rows("channel") == rows


# --- what stands in the folder -------------------------------------------------------------------


def both(folder):
    (folder / "channel.csv.gz").write_bytes(PACKED)


def missing(folder):
    (folder / "channel.csv").unlink()
    (folder / "session_timestamp.csv").unlink()


def folder_instead(folder):
    (folder / "channel.csv").unlink()
    (folder / "channel.csv").mkdir()


def folder_packed(folder):
    (folder / "channel.csv.gz").mkdir()


def dangling_link(folder):
    (folder / "channel.csv").unlink()
    (folder / "channel.csv").symlink_to("nowhere.csv")


def no_folder(folder):
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def file_instead(folder):
    no_folder(folder)
    folder.write_text("channelname\n")


FOLDERS = [
    (both, "has both channel.csv and channel.csv.gz; remove one"),
    (missing, "lacks session_timestamp.csv, channel.csv (or the same with .gz)"),
    (folder_instead, "channel.csv is a folder"),
    (folder_packed, "channel.csv.gz is a folder"),
    (dangling_link, "lacks channel.csv"),
    (no_folder, "there is no folder"),
    (file_instead, "there is no folder"),
]


@pytest.mark.parametrize(("change", "reason"), FOLDERS, ids=[case[0].__name__ for case in FOLDERS])
def test_refused_folder(loader, change, reason):
    """Guards against: some of the tables loaded, the older of two exports, a traceback."""
    change(loader.folder)
    refused(loader, str(loader.folder), reason)


def test_refused_unreadable(loader, monkeypatch):
    """Guards against: a traceback, and tables without one, where a file may not be read."""

    def denied(path):
        if path.name == "channel.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return path.open("rb")

    monkeypatch.setattr(load_raw, "open_bytes", denied)
    refused(loader, "channel.csv", "Permission denied")


def test_long_files_are_checked_to_the_end(loader):
    """Guards against: a fault behind the first block of a long file, or a line number that drifts
    where lines are long, quoted or cut by the end of a block."""
    rows = [f'{n},"s\n{n}","\u00e4{"x" * (n % 31)}"\n' for n in range(60_000)]
    text = "userid,sessionid,channel\n" + "".join(rows)
    loader.write(user_session_channel=text + "1,last,\n")
    loader.loads("--replace")
    assert len(loader.rows("user_session_channel")) == 60_001
    for end in ("x,last,\n", "1,last,\nx,after,\n"):
        loader.write(user_session_channel=text + end)
        line = text.count("\n") + end.count("\n")
        refused(loader, "user_session_channel.csv", f"line {line}, column userid")
