"""Reading a source file (CSV, JSON lines or Parquet, also gzipped) as rows of text, with their row numbers."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from csv import reader
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from data.errors import DataError, SettingError

_KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
}


_BLOCK_BYTES = 1 << 24


def read_rows(source: Path, *, header: Sequence[str] | None = None, separator: str | None = None) -> pd.DataFrame:
    """All rows of `source` as text columns, nulls as "", indexed by row number as a spreadsheet shows it.

    `header` names the columns of a CSV file that has no first line of names; `separator` is a comma unless given
    (a tab for .tsv). Raises `SettingError` for a missing file and `DataError`, with the row, for a broken one.
    """
    kind, zipped = _kind(source)
    if kind is None:
        raise DataError(f"{source.name} is neither CSV, JSON lines nor Parquet by its name: save it as one of these")
    with _sound_to_the_end(source):
        if kind == "csv":
            default = "\t" if ".tsv" in [suffix.lower() for suffix in source.suffixes] else ","
            rows = _read_csv(source, header=header, separator=separator or default, zipped=zipped)
        elif kind == "json":
            rows = _read_json_lines(source, zipped=zipped)
        else:
            rows = _read_parquet(source, zipped=zipped)
    if rows.empty:
        raise DataError(f"{source.name} has no rows: there is nothing to ingest")
    return rows


def read_records(source: Path) -> dict[int, dict[str, Any]]:
    """The records of a file of JSON lines or Parquet, nested values and all, by row number.

    Raises as `read_rows` does.
    """
    kind, zipped = _kind(source)
    if kind not in ("json", "parquet"):
        raise DataError(f"{source.name} is neither JSON lines nor Parquet by its name: export it as one of these")
    with _sound_to_the_end(source):
        if kind == "parquet":
            found = dict(enumerate(_parquet_table(source, zipped=zipped).to_pylist(), start=1))
        else:
            found = _json_lines(source, zipped=zipped)
    if not found:
        raise DataError(f"{source.name} has no rows: there is nothing to ingest")
    return found


def _kind(source: Path) -> tuple[str | None, bool]:
    """What a file is by its name (None: nothing that can be read), and whether it is gzipped."""
    if not source.is_file():
        raise SettingError(f"there is no file {source}: check the path")
    suffixes = [suffix.lower() for suffix in source.suffixes]
    zipped = bool(suffixes) and suffixes[-1] == ".gz"
    return _KINDS.get(suffixes[-2] if zipped and len(suffixes) > 1 else (suffixes or [""])[-1]), zipped


@contextmanager
def _sound_to_the_end(source: Path) -> Iterator[None]:
    """Says of a gzip file that is cut off or damaged what to do."""
    try:
        yield
    except EOFError:
        raise DataError(f"{source.name} is cut off after row {_last_whole_row(source)}: fetch the file again") from None
    except (gzip.BadGzipFile, zlib.error):
        raise DataError(f"{source.name} is not a sound gzip file: fetch the file again") from None


def _read_csv(source: Path, *, header: Sequence[str] | None, separator: str, zipped: bool) -> pd.DataFrame:
    try:
        return _parse_csv(source, header, separator, zipped=zipped, encoding="utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return _parse_csv(source, header, separator, zipped=zipped, encoding="cp1252")  # what older spreadsheets write
    except UnicodeDecodeError:
        raise DataError(f"{source.name} is text neither in UTF-8 nor in Windows-1252: save it as UTF-8") from None


def _parse_csv(
    source: Path, header: Sequence[str] | None, separator: str, *, zipped: bool, encoding: str
) -> pd.DataFrame:
    names = list(header) if header else _csv_header(source, separator, zipped=zipped, encoding=encoding)
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise DataError(f"{source.name}, row 1: the column {doubled[0]!r} is there twice; rename one of them")
    wrong: list[csv.InvalidRow] = []

    def stop_at(row: csv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    try:
        with _open_bytes(source, zipped=zipped) as file:
            table = csv.read_csv(
                file,
                csv.ReadOptions(
                    use_threads=False,  # else rows have no numbers
                    block_size=_BLOCK_BYTES,
                    column_names=names,
                    skip_rows=0 if header else 1,
                    encoding=encoding,
                ),
                csv.ParseOptions(
                    delimiter=separator,
                    newlines_in_values=True,
                    ignore_empty_lines=False,  # they count as rows, so that row numbers are right
                    invalid_row_handler=stop_at,
                ),
                csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
            )
    except pa.ArrowInvalid as error:
        if wrong:
            raise DataError(f"{source.name}, {_misfit(wrong[0], names)}: mend it and ingest again") from None
        if "UTF8" in str(error) and encoding == "utf-8":
            raise UnicodeDecodeError("utf-8", b"", 0, 0, "not UTF-8") from None
        if "straddl" in str(error):
            raise DataError(
                f"{source.name}: somewhere a quotation mark is never closed; mend it and ingest again"
            ) from None
        raise DataError(f"{source.name} cannot be read as CSV ({error}): mend it and ingest again") from None
    rows: pd.DataFrame = table.to_pandas()
    first_row = 1 if header else 2
    last = str(rows.iloc[-1, -1]) if len(rows) else ""
    if "\n" in last and last.count(separator) >= len(names) - 1 > 0:  # one cell that holds whole rows
        where = f"row {first_row + len(rows) - 1}, column {names[-1]}"
        raise DataError(f"{source.name}, {where}: a quotation mark is never closed; mend it and ingest again")
    rows.index = pd.RangeIndex(first_row, first_row + len(rows), name="row")
    return rows[(rows != "").any(axis=1)]


def _csv_header(source: Path, separator: str, *, zipped: bool, encoding: str) -> list[str]:
    with _open_bytes(source, zipped=zipped) as file:
        line = file.readline().decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="strict").strip("\r\n")
    if not line:
        raise DataError(f"{source.name} is empty or begins with a blank row: it needs a first row of column names")
    return next(reader([line], delimiter=separator))


def _misfit(row: csv.InvalidRow, names: Sequence[str]) -> str:
    """What is wrong with a row that has too many or too few columns."""
    if row.actual_columns > row.expected_columns:
        return (
            f"row {row.number}, column {row.expected_columns + 1}: {row.actual_columns} columns instead of {len(names)}"
        )
    if row.text.count('"') % 2:
        return f"row {row.number}, column {names[row.actual_columns - 1]}: a quotation mark is never closed"
    return f"row {row.number} ends before column {names[row.actual_columns]}"


def _read_json_lines(source: Path, *, zipped: bool) -> pd.DataFrame:
    records = {number: _flat(source, number, one) for number, one in _json_lines(source, zipped=zipped).items()}
    rows = pd.DataFrame.from_dict(records, orient="index", dtype=object)
    rows.index.name = "row"
    return rows.fillna("")


def _json_lines(source: Path, *, zipped: bool) -> dict[int, dict[str, Any]]:
    records: dict[int, dict[str, Any]] = {}
    with _open(source, zipped=zipped) as file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    records[number] = _record(source, number, line)
        except UnicodeDecodeError:
            raise DataError(
                f"{source.name}, row {len(records) + 1} is no text in UTF-8: save the file as UTF-8"
            ) from None
    return records


def _record(source: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{source.name}, row {number}, column {error.colno}: no sound JSON ({error.msg})") from None
    if not isinstance(record, dict):
        raise DataError(f'{source.name}, row {number} is not an object: each line should look like {{"column": value}}')
    return record


def _flat(source: Path, number: int, record: Mapping[str, Any]) -> dict[str, str]:
    for column, value in record.items():
        if isinstance(value, dict | list):
            raise DataError(
                f"{source.name}, row {number}, column {column}: a nested value; give it as text or a number"
            )
    return {column: "" if value is None else str(value) for column, value in record.items()}


def _parquet_table(source: Path, *, zipped: bool) -> pa.Table:
    try:
        if zipped:
            with gzip.open(source) as file:
                return pq.read_table(pa.BufferReader(file.read()))
        return pq.read_table(source)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, gzip.BadGzipFile):
            raise
        raise DataError(f"{source.name} is not a sound Parquet file: fetch or write it again") from None


def _read_parquet(source: Path, *, zipped: bool) -> pd.DataFrame:
    table = _parquet_table(source, zipped=zipped)
    columns: dict[str, pd.Series] = {}
    for name in table.column_names:
        try:
            columns[name] = table[name].cast(pa.string()).to_pandas().fillna("").astype(str)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise DataError(f"{source.name}, row 1, column {name}: nested or binary values cannot be used") from None
    rows = pd.DataFrame(columns)
    rows.index = pd.RangeIndex(1, len(rows) + 1, name="row")
    return rows


def _open(source: Path, *, zipped: bool) -> IO[str]:
    if zipped:
        return gzip.open(source, "rt", encoding="utf-8-sig")
    return open(source, encoding="utf-8-sig")


def _open_bytes(source: Path, *, zipped: bool) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(source)) if zipped else open(source, "rb")


def _last_whole_row(source: Path) -> int:
    return sum(1 for _ in _lines_until_the_break(source))


def _lines_until_the_break(source: Path) -> Iterator[bytes]:
    with gzip.open(source) as file:
        try:
            yield from file
        except (EOFError, zlib.error):
            return
