"""What a CSV file of raw rows may hold, in one place for every engine.

PostgreSQL and DuckDB read CSV differently. `1e3`, `0x10`, `12.0`, `on`, `now`, rows too long or
empty, quotes within a field, a damaged .gz: a value to the one, an error or another value to the
other. So load_raw.py gives a file to an engine only after check_rows has read it to its end.
"""

import codecs
import re
from datetime import date

ID = "character varying(32)"
ID_LENGTH = 32
INTEGER = "integer"
BOOLEAN = "boolean"
TIME = "timestamp without time zone"

BLOCK_BYTES = 1 << 20
# Far more than four fields can have, and fewer digits than Python refuses to read as a number. Who
# looks for the end of a quote looks no further.
LONGEST_RECORD = 4096
INTEGERS = range(-(2**31), 2**31)
# Four digits on every engine; and dbt, which is Python, cannot count past 9999.
YEARS = range(1000, 9999)
BOOLEANS = "true t yes y 1 false f no n 0".split()

INTEGER_PATTERN = re.compile(r" *([+-]?[0-9]+) *")
TIME_PATTERN = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z| UTC|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?"
)
# No possessive quantifiers here: Python before 3.11.4 gets them wrong.
FIELD_PATTERN = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"(?!")|(?P<bare>[^",\r\n]*)')
LINE_END_PATTERN = re.compile(r"\r\n|\n|\r")

# Almost all values look like this, and a block of such lines is passed at once. Whatever does not
# is looked at one by one.
PLAIN = {
    ID: r'[^",\r\n\0\\]{0,%d}' % ID_LENGTH,
    INTEGER: r"(?:-?[0-9]{1,9})?",
    BOOLEAN: r"(?:true|false|t|f|TRUE|FALSE|True|False|1|0)?",
    TIME: (
        r"(?:(?:19|2[0-9])[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
        r"(?:[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?)?)?"
    ),
}


class Fault(Exception):
    """The first thing in a file that is wrong.

    Args:
        line: number of the line on which the row begins, the header being line 1.
        reason: what is wrong, and what to do where that is not plain.
        column: its name; None: the row is.
    """

    def __init__(self, line, reason, column=None):
        place = f"line {line}, column {column}" if column else f"line {line}"
        super().__init__(f"{place}: {reason}")


def check_rows(file, columns, on_rows):
    """Read a file to its end and stop at the first thing that is wrong.

    Args:
        file: opened for reading bytes; its header has been checked.
        columns: SQL types by column name, in the order of the file.
        on_rows: function that is told the number of lines so far.

    Raises:
        Fault: where and what. Or an error of the file itself, as one of gzip.
    """
    text, line, plain_lines, line_end = "", 1, None, None
    for block, undecodable in decoded_blocks(file):
        text += block or ""
        position = 0
        while position < len(text):
            if plain_lines:
                end = plain_lines.match(text, position).end()
                line += text.count(line_end[-1], position, end)
                position = end
            if position == len(text) or (
                block is not None and len(text) - position < LONGEST_RECORD
            ):
                break
            fields, ended_by, end = read_record(text, position, line)
            if plain_lines is None:
                line_end = ended_by or "\n"
                plain_lines = plain_lines_pattern(columns, line_end)
            elif ended_by == line_end:
                check_fields(fields, columns, line)
            if ended_by != line_end:
                raise Fault(line, describe_line_end(ended_by, line_end))
            line += text.count(line_end[-1], position, end)
            position = end
        text = text[position:]
        if undecodable:
            line += text.count((line_end or "\n")[-1])
            hint = f"if the file is Latin-1: {convert('LATIN1')}"
            raise Fault(line, f"byte {undecodable} is not UTF-8; {hint}")
        on_rows(line - 1)


def convert(encoding):
    """Command that makes a UTF-8 file of another one."""
    return f"iconv -f {encoding} -t UTF-8 old.csv > new.csv"


def decoded_blocks(file):
    """Pairs of a block of text and the byte that ends it because it is no UTF-8, usually None; at
    the end of the file both are None."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    while True:
        block = file.read(BLOCK_BYTES)
        try:
            yield decoder.decode(block, final=not block), None
        except UnicodeDecodeError as error:
            yield error.object[: error.start].decode(), hex(error.object[error.start])
            return
        if not block:
            yield None, None
            return


def plain_lines_pattern(columns, line_end):
    """Pattern of as many lines as look as almost all do."""
    fields = ",".join(f'(?:"{PLAIN[kind]}"|{PLAIN[kind]})' for kind in columns.values())
    return re.compile(f"(?:(?!{line_end}){fields}{line_end})*")


def read_record(text, position, line):
    """Values of the fields of one row, the line end behind it, and the position behind that.

    Raises:
        Fault: it has no fields, or a quote where none may be.
    """
    if LINE_END_PATTERN.match(text, position):
        raise Fault(line, "empty line; remove it")
    fields = []
    while True:
        field = FIELD_PATTERN.match(text, position, position + LONGEST_RECORD)
        position = field.end()
        bare = field["bare"]
        fields.append(field["quoted"].replace('""', '"') if bare is None else bare)
        following = text[position : position + 1]
        if len(field.group()) == LONGEST_RECORD:
            raise Fault(line, f"a field of more than {LONGEST_RECORD} characters")
        if following == '"' and not field.group():
            raise Fault(line, "a field begins with a quote that is not closed")
        if following == '"':
            raise Fault(line, 'a quote within a field; quote the field and double it: "a""b"')
        if following == ",":
            position += 1
            continue
        end = LINE_END_PATTERN.match(text, position)
        if following and not end:
            raise Fault(line, "text behind a closing quote")
        return fields, end.group() if end else "", end.end() if end else position


def describe_line_end(line_end, expected):
    """What is wrong about the end of a line."""
    if not line_end:
        return (
            "the last line has no line end, so the file may be cut off; if it is whole, add one:"
            " echo >> file.csv"
        )
    return f"ends in {line_end!r}, the header in {expected!r}; a field with a line end needs quotes"


def check_fields(fields, columns, line):
    """Raise Fault if these are not values for these columns."""
    if len(fields) != len(columns):
        hint = "; a field with a comma in it needs quotes" if len(fields) > len(columns) else ""
        raise Fault(line, f"{len(columns)} fields wanted, {len(fields)} found{hint}")
    if fields == ["\\."]:
        raise Fault(line, r"\. alone ends the data for PostgreSQL before version 18")
    for (column, kind), value in zip(columns.items(), fields, strict=True):
        problem = describe_value(kind, value) if value else None
        if problem:
            raise Fault(line, problem, column)


def describe_value(kind, value):
    """Why the text is no value of the SQL type; None if it is one."""
    shown = repr(value if len(value) <= 60 else value[:60] + "...")
    if "\0" in value:
        return f"a zero byte in {shown}"
    if kind == ID:
        if len(value) > ID_LENGTH:
            return f"longer than {ID_LENGTH} characters: {shown}"
    elif kind == INTEGER:
        number = INTEGER_PATTERN.fullmatch(value)
        if not number:
            return f"not a whole number in digits, without separators: {shown}"
        if int(number[1]) not in INTEGERS:
            return f"not from {INTEGERS[0]} to {INTEGERS[-1]}: {shown}"
    elif kind == BOOLEAN:
        if value.lower() not in BOOLEANS:
            return f"neither true, t, yes, y, 1 nor false, f, no, n, 0: {shown}"
    elif kind == TIME:
        time = TIME_PATTERN.fullmatch(value)
        if not time:
            return f"not a time as 2019-05-01 23:59:59.123456 or with offset +09:00: {shown}"
        try:
            year = date.fromisoformat(time[1]).year
        except ValueError:
            return f"there is no such day: {shown}"
        if year not in YEARS:
            return f"not a year from {YEARS[0]} to {YEARS[-1]}: {shown}"
    return None
