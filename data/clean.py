"""Cleaning: rows of a source file on their way to canonical tables; none is dropped without a kept reason.

Two kinds of trouble are told apart. A cell that cannot be read (a word where a number belongs) means that the
file is broken: one `DataError` names row and column, and nothing is ingested. A row that can be read but cannot be
true or used (a price below zero, postage among the products) is rejected, and kept with its reason.
"""

import re
from collections.abc import Sequence
from typing import Literal

import duckdb
import numpy as np
import pandas as pd

from data.errors import DataError, SettingError
from data.store import REJECTS

TimeUnit = Literal["s", "ms", "us", "ns"]
ISO = "ISO8601"
_OFFSET = r"\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$"
_ID_COLUMNS = (
    "at",
    "customer_id",
    "session_id",
    "kind",
    "product_id",
    "quantity",
    "unit_price",
    "order_id",
    "text",
    "channel",
    "campaign_id",
)


class Cleaner:
    """The rows of one file (text columns, indexed by row number as a spreadsheet shows it) and which are rejected."""

    def __init__(self, source: str, rows: pd.DataFrame) -> None:
        self.source = source
        self.rows = rows
        self._why = pd.DataFrame({"column": None, "reason": None}, index=rows.index, dtype=object)

    @property
    def kept(self) -> pd.Series:
        """True for each row that was not rejected so far."""
        return self._why["reason"].isna()

    def reject(self, bad: pd.Series, column: str, reason: str) -> None:
        """Turns the rows where `bad` away because of `column`; the first reason given for a row stands."""
        self._why.loc[bad.fillna(False).astype(bool) & self.kept, ["column", "reason"]] = [column, reason]

    def rejects(self) -> pd.DataFrame:
        """The rejected rows with the columns of `REJECTS`; the row itself as one line of JSON."""
        turned_away = self._why["reason"].notna().to_numpy()  # one row of a file may be several here
        why, rows = self._why[turned_away], self.rows[turned_away]
        records = rows.to_json(orient="records", lines=True, force_ascii=False).split("\n")[: len(rows)]
        found = why.assign(source=self.source, row=why.index.astype("int64"), record=records)
        return found[list(REJECTS)].astype({name: "string" for name in REJECTS if name != "row"}).reset_index(drop=True)

    def require(self, columns: Sequence[str]) -> None:
        """Raises `DataError` when one of `columns` is absent."""
        for column in columns:
            if column not in self.rows:
                raise DataError(
                    f"{self.source} has no column {column!r}: its columns are {', '.join(map(str, self.rows.columns))}"
                )

    def text(self, column: str) -> pd.Series:
        """The column as tidy text; blank becomes null."""
        tidy = self.rows[column].astype("string").str.strip()
        return tidy.mask(tidy == "")

    def ids(self, column: str) -> pd.Series:
        """The column as ids; a number that went through a spreadsheet (17850.0) loses its tail, blank is null."""
        return self.text(column).str.replace(r"^(\d+)\.0+$", r"\1", regex=True)

    def numbers(self, column: str) -> pd.Series:
        """The column as float64; blank becomes null, what is no finite number raises `DataError`."""
        text = self.text(column)
        numbers = pd.to_numeric(text, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
        self._all_read(text, numbers, column, "a number")
        return numbers

    def times(
        self, column: str, *, formats: Sequence[str] = (ISO,), unit: TimeUnit | None = None, zone: str | None = None
    ) -> pd.Series:
        """The column as naive UTC times; blank, or a number out of the calendar's range, becomes null.

        With `unit` (s, ms, us, ns) the column counts from 1970; otherwise all rows follow the one of `formats`
        that reads the first of them. Times without an offset are of `zone`, or UTC. Raises `DataError`.
        """
        if unit is not None:
            counts = self.numbers(column)
            return pd.to_datetime(counts, unit=unit, errors="coerce").astype("datetime64[us]")
        text = self.text(column)
        first = text.dropna().head(1)
        fitting = [f for f in formats if _parse(first, f).notna().all()]
        chosen = fitting[0] if fitting else formats[0]
        aware = text.str.contains(_OFFSET, na=False) if chosen == ISO else pd.Series("%z" in chosen, index=text.index)
        # read apart: in one call pandas 2.3 lends a time without an offset the offset of the row before
        local, absolute = _parse(text.mask(aware), chosen), _parse(text.where(aware), chosen)
        self._all_read(
            text, local.fillna(absolute), column, "a time" if chosen == ISO else f"a time of the form {chosen}"
        )
        if zone is not None:
            local = _to_utc(local, zone)
        return local.fillna(absolute).astype("datetime64[us]")

    def _all_read(self, text: pd.Series, values: pd.Series, column: str, what: str) -> None:
        bad = text.notna() & values.isna()
        if bad.any():
            place = int(bad.to_numpy().argmax())
            row, shown = text.index[place], str(text.iloc[place])[:40]
            raise DataError(
                f"{self.source}, row {row}, column {column}: {shown!r} is not {what}; mend it and ingest again"
            )


def _parse(text: pd.Series, form: str) -> pd.Series:
    """Times as they stand, or in UTC where they carry an offset; null where `form` does not read them."""
    parsed: pd.Series = pd.to_datetime(text, format=form, errors="coerce", utc=True).dt.tz_localize(None)
    return parsed


def _to_utc(times: pd.Series, zone: str) -> pd.Series:
    try:
        local = times.dt.tz_localize(zone, ambiguous=np.zeros(len(times), dtype=bool), nonexistent="shift_forward")
    except (KeyError, ValueError, LookupError) as error:
        raise SettingError(f"there is no time zone {zone!r}; names look like Europe/London") from error
    naive: pd.Series = local.dt.tz_convert("UTC").dt.tz_localize(None)
    return naive


def far_from_the_rest(times: pd.Series) -> pd.Series:
    """True for the few times that a long silence parts from all others, before or after them: a broken clock.

    Few is one in a thousand (one at least); long is half a year. Where fewer than a thousand times are known, and one
    late order may be true, the silence must last five spans (from the first decile to the last, a month at least).
    Fewer than twenty times are not judged.
    """
    far = pd.Series(False, index=times.index)
    known = times.dropna().sort_values()
    if len(known) < 20:
        return far
    few, silence = max(1, len(known) // 1000), pd.Timedelta(days=180)
    if len(known) < 1000:
        low, high = (pd.Timestamp(str(known.quantile(share))) for share in (0.1, 0.9))
        silence = max(silence, 5 * max(high - low, pd.Timedelta(days=30)))
    gaps = known.diff().iloc[1:].to_numpy() > silence
    early = np.flatnonzero(gaps[:few])
    late = np.flatnonzero(gaps[::-1][:few])
    if len(early):
        far[known.index[: early[-1] + 1]] = True
    if len(late):
        far[known.index[len(known) - 1 - late[-1] :]] = True
    return far


def event_ids(events: pd.DataFrame) -> pd.Series:
    """An id for each event, from its content and its occurrence among identical ones in `events`.

    So a second reading of the same rows gives the same ids, and a line that a file repeats stays two events:
    the repeat's id ends in "-1", "-2" … The content is every canonical column but the id itself.
    """
    columns = pd.DataFrame({name: events.get(name) for name in _ID_COLUMNS}, index=events.index)
    for name in _ID_COLUMNS[1:]:
        numeric = name in ("quantity", "unit_price")
        columns[name] = columns[name].astype("float64") if numeric else columns[name].astype("string")
    content = ", ".join(f'coalesce(cast("{name}" as varchar), chr(2))' for name in _ID_COLUMNS)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("events", columns)
        hashed = connection.execute(f"select left(md5(concat_ws(chr(1), {content})), 20) as id from events").df()["id"]
    nth = hashed.groupby(hashed).cumcount()
    ids = hashed.where(nth == 0, hashed + "-" + nth.astype(str))
    return pd.Series(ids.to_numpy(), index=events.index, dtype="string")


_SMALL_WORDS = frozenset(["a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])
_CAPITALS = frozenset(["led", "uk", "usa", "tv", "cd", "dvd", "usb", "diy", "bbq", "xl", "xxl", "3d", "ny"])


def tidy_title(text: str) -> str:
    """A product title in title case, without stray spaces and dangling punctuation.

    >>> tidy_title("  SET OF 3  CAKE TINS, PANTRY DESIGN ,")
    'Set of 3 Cake Tins, Pantry Design'
    """
    words = re.sub(r"\s+([,;])", r"\1", " ".join(text.split())).strip(" ,;:*-").lower().split(" ")
    return " ".join(_title_word(word, first=index == 0) for index, word in enumerate(words))


def _title_word(word: str, *, first: bool) -> str:
    if word in _CAPITALS:
        return word.upper()
    if word in _SMALL_WORDS and not first:
        return word
    # a letter after an apostrophe or a digit stays small: Children's, 50's, 12cm
    return re.sub(r"(^|[^\w'’])([^\W\d_])", lambda match: match.group(1) + match.group(2).upper(), word)
