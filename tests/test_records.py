"""Records: reading, checking, selecting; every violation named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emergence import Record, Records, read_records, simulate
from emergence.errors import DataError, DataWarning, MethodRefused, RecordsError
from emergence.records.as_points import as_points

GOOD = {
    "model": "m",
    "run": "r1",
    "params": 1e8,
    "tokens": 1e9,
    "loss": 3.0,
    "task": "t",
    "metric": "acc",
    "value": 0.25,
    "n_items": 100,
    "chance": 0.25,
}


def frame(**changes: object) -> pd.DataFrame:
    """Three good rows at different tokens; a changed column takes three values."""
    table = pd.DataFrame([GOOD | {"tokens": t} for t in (1e9, 2e9, 3e9)])
    return table.assign(**changes)


def written(tmp_path: Path, text: str, name: str = "runs.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("changes", "row", "column", "text"),
    [
        ({"loss": [3.0, np.nan, 3.0]}, 3, "loss", "NaN"),
        ({"loss": [3.0, np.inf, 3.0]}, 3, "loss", "infinite"),
        ({"loss": [3.0, 3.0, 0.0]}, 4, "loss", "positive"),
        ({"loss": ["3.0", "three", "3.0"]}, 3, "loss", "'three': is not a number"),
        ({"tokens": [1e9, 2e9, -1.0]}, 4, "tokens", "positive"),
        ({"params": [0.0, 1e8, 1e8]}, 2, "params", "positive"),
        ({"value": [0.25, 1.25, 0.25]}, 3, "value", r"outside \[0, 1\]"),
        ({"value": [0.25, 25, 0.25]}, 3, "value", "not percent"),
        ({"n_items": [100, 0, 100]}, 3, "n_items", "at least 1"),
        ({"tokens": [1e9, 2e9, 2e9]}, 4, "tokens", "already in row 3"),
        ({"run": ["a", "", "b"]}, 3, "run", "blank"),
    ],
)
def test_each_violation_names_row_column_and_value(
    tmp_path: Path, changes: dict[str, object], row: int, column: str, text: str
) -> None:
    path = tmp_path / "runs.csv"
    frame(**changes).to_csv(path, index=False)
    with pytest.raises(RecordsError, match=text) as caught:
        read_records(path)
    hit = [v for v in caught.value.violations if v.column == column]
    assert [v.row for v in hit] == [row]
    assert "runs.csv, row" in str(caught.value)


def test_all_violations_are_listed_and_twenty_shown() -> None:
    table = pd.concat([frame()] * 10, ignore_index=True).assign(
        tokens=np.arange(30) + 1.0, loss=-1.0
    )
    with pytest.raises(RecordsError) as caught:
        Records(table)
    assert len(caught.value.violations) == 30
    assert str(caught.value).count("must be positive") == 20
    assert "... and 10 more" in str(caught.value)


def test_missing_columns_are_named_with_a_guess(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="rename 'Loss' to 'loss'"):
        Records(frame().rename(columns={"loss": "Loss"}))
    with pytest.raises(RecordsError, match="separator"):
        read_records(written(tmp_path, "model;run;loss\nm;r;3\n"))


def test_unknown_chance_and_unknown_metric() -> None:
    with pytest.raises(RecordsError, match=r"task 't': its chance level is unknown"):
        Records(frame().drop(columns="chance"))
    with pytest.raises(RecordsError, match="'bleu' is not known: give its best value"):
        Records(frame(metric="bleu"))
    assert Records(frame(metric="exact_match").drop(columns="chance")).select().chance == 0.0


def test_chance_can_be_given_when_reading(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    frame().drop(columns="chance").to_csv(path, index=False)
    assert read_records(path, chance={"t": 0.2}).select().chance == 0.2


def test_families_are_never_pooled_silently() -> None:
    table = frame(run=["a", "b", "c"], family=["x", "x", "y"])
    with pytest.raises(DataError, match="not comparable"):
        Records(table).select("t")
    assert Records(table).select("t", family="x").size == 2
    with pytest.raises(RecordsError, match="mixes the families 'x', 'y'"):
        Records(frame(family=["x", "x", "y"]))
    with pytest.raises(RecordsError, match="1 rows have none"):
        Records(frame(run=["a", "b", "c"], family=["x", "x", ""]))


def test_counts_that_are_no_counts_warn_and_lose_their_binomial_noise() -> None:
    with pytest.warns(DataWarning, match="no whole number"):
        records = Records(frame(value=[0.25, 0.255, 0.25]))
    assert len(records.warnings) == 1
    assert not records.select().counted
    assert Records(frame()).select().counted


@pytest.mark.parametrize(
    ("encoding", "ends"), [("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("utf-16", "\n")]
)
def test_encodings_marks_and_line_ends(tmp_path: Path, encoding: str, ends: str) -> None:
    text = frame(model='large, "étude"').to_csv(index=False, lineterminator=ends)
    records = read_records(written(tmp_path, text, encoding=encoding))
    assert records.to_frame()["model"].tolist() == ['large, "étude"'] * 3


def test_a_wrong_encoding_says_what_to_do(tmp_path: Path) -> None:
    text = frame(model="étude").to_csv(index=False)
    path = written(tmp_path, text, encoding="latin-1")
    with pytest.raises(RecordsError, match="encoding='latin-1'"):
        read_records(path)
    assert len(read_records(path, encoding="latin-1")) == 3


def test_empty_files_and_no_rows(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="file is empty"):
        read_records(written(tmp_path, ""))
    header = ",".join(GOOD) + "\n"
    assert len(read_records(written(tmp_path, header))) == 0
    with pytest.raises(RecordsError, match="suffix"):
        read_records(written(tmp_path, header, "runs.xlsx"))
    with pytest.raises(RecordsError, match="twice"):
        read_records(written(tmp_path, "loss," + header))
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_records(tmp_path / "none.csv")


def test_column_order_and_unknown_columns_are_kept(tmp_path: Path) -> None:
    table = frame(note=["x", "y", "z"])
    path = tmp_path / "runs.csv"
    table[table.columns[::-1]].to_csv(path, index=False)
    assert read_records(path).to_frame()["note"].tolist() == ["x", "y", "z"]


def test_names_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    frame(run="007", task="null").to_csv(path, index=False)
    read = read_records(path).to_frame()
    assert set(read["run"]) == {"007"}
    assert set(read["task"]) == {"null"}


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_all_formats_agree(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"runs.{suffix}"
    table = frame(run=["1", "2", "3"])
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in table.to_dict("records")))
    elif suffix == "parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="," if suffix == "csv" else "\t")
    read = read_records(path).to_frame()
    pd.testing.assert_frame_equal(read, Records(table).to_frame(), check_dtype=False)


def test_a_bad_json_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"row 2.*no JSON"):
        read_records(written(tmp_path, json.dumps(GOOD) + "\n{bad\n", "runs.jsonl"))


def test_csv_round_trip_to_the_bit(tmp_path: Path) -> None:
    records = simulate("power", n=50, rng=3)
    records.to_csv(tmp_path / "runs.csv")
    again = read_records(tmp_path / "runs.csv").to_frame()
    pd.testing.assert_frame_equal(again, records.to_frame(), check_exact=True, check_dtype=False)


def test_record_and_records_agree() -> None:
    records = Records.from_records([Record(**GOOD)])  # type: ignore[arg-type]
    assert next(iter(records)).loss == 3.0
    with pytest.raises(ValueError, match="greater than 0"):
        Record(**(GOOD | {"loss": 0.0}))  # type: ignore[arg-type]


def test_select_names_the_choices() -> None:
    table = pd.concat([frame(), frame(task="u", run="r2")])
    with pytest.raises(DataError, match="choose one: t, u"):
        Records(table).select()
    with pytest.raises(DataError, match="no task 'v'; there is t, u"):
        Records(table).select("v")


def test_perplexity_is_kept_but_never_fitted() -> None:
    table = pd.concat([frame(), frame(metric="perplexity", value=12.0)])
    records = Records(table)
    assert len(records) == 6
    with pytest.raises(MethodRefused, match="no measure of ability"):
        records.select("t", "perplexity")
    assert [g.metric for g in records.groups()] == ["acc"]
    assert [(t, m) for t, m, _ in records.refused] == [("t", "perplexity")]


def test_final_takes_the_last_checkpoint_of_each_run() -> None:
    assert Records(frame(run=["a", "a", "b"])).final().to_frame()["tokens"].tolist() == [2e9, 3e9]


@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        ("m,r,1e8,1e9,-inf,t,acc,0.2,100,0.25", 2, "infinite"),
        ("m,r,1e8,1e9,25.5,t,acc,0.2,100,0.25", 2, "perplexity"),
        ("m,r,1e8,1e9,3,t,acc,0.2,100,25", 2, "outside"),
        ("m,r,1e8,1e9,3,t,acc,0.2,100,0.25\nm,r,1e8,2e9,3,t,acc,0.2,100,0.5", 3, "another chance"),
        ("m,r,1e8,1e9,3,t,acc,0,2,100,0.25", 2, "more fields"),
        ("\n\nm,r,1e8,1e9,x,t,acc,0.2,100,0.25", 4, "not a number"),
        ('"m\nm",r,1e8,1e9,x,t,acc,0.2,100,0.25', 3, "not a number"),
        ('m,"  ",1e8,1e9,3,t,acc,0.2,100,0.25', 2, "blank"),
    ],
)
def test_rows_are_counted_as_the_file_counts_them(
    tmp_path: Path, text: str, row: int, problem: str
) -> None:
    header = "model,run,params,tokens,loss,task,metric,value,n_items,chance\n"
    with pytest.raises(RecordsError, match=problem) as caught:
        read_records(written(tmp_path, header + text + "\n"))
    assert [v.row for v in caught.value.violations] == [row]


@pytest.mark.parametrize("header", ['"loss', 'loss,"note'])
@pytest.mark.parametrize("close", ['"acc"', 'acc"', '"3.1'])
def test_a_quote_in_the_header_swallows_no_rows(tmp_path: Path, header: str, close: str) -> None:
    text = f"task,metric,value,{header}\nt,acc,.3,3.3\nt,acc,.3,3.2\nt,{close},.3,3.1\nt,acc,.3,3\n"
    with pytest.raises(RecordsError) as caught:
        read_records(written(tmp_path, text), chance=0.25)
    assert [v.row for v in caught.value.violations] == [1]


def test_names_of_columns_may_span_lines(tmp_path: Path) -> None:
    table = frame().assign(**{"seen, by\nus": "a\nb"})
    table.to_csv(tmp_path / "runs.csv", index=False)
    assert len(read_records(tmp_path / "runs.csv")) == len(table)


def test_names_lose_the_blanks_around_them(tmp_path: Path) -> None:
    table = frame(task=["t", "t ", " t"])
    table.to_csv(tmp_path / "runs.csv", index=False)
    assert read_records(tmp_path / "runs.csv").tasks == ["t"]


def test_compressed_files(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "runs.csv.gz", index=False)
    assert len(read_records(tmp_path / "runs.csv.gz")) == 3
    with pytest.raises(RecordsError, match="cannot be unpacked"):
        read_records(written(tmp_path, "loss\n1\n", "bad.csv.gz"))


def test_given_chance_fits_the_metric(tmp_path: Path) -> None:
    table = pd.concat([frame(), frame(metric="brier", value=0.7)]).drop(columns="chance")
    table.to_csv(tmp_path / "runs.csv", index=False)
    records = read_records(tmp_path / "runs.csv", chance={"t": 0.25})
    assert records.select("t", "acc").chance == 0.25
    assert records.select("t", "brier").chance == 0.75


def test_a_run_is_of_one_model_of_one_size() -> None:
    for column, values in (("model", ["a", "b", "a"]), ("params", [1e8, 2e8, 1e8])):
        with pytest.raises(RecordsError, match="give every run a name of its own") as caught:
            Records(frame(**{column: values}), first_row=2)
        assert [(v.row, v.column) for v in caught.value.violations] == [(3, column)]


def test_what_deserves_a_look_is_named_with_the_row_of_the_file(tmp_path: Path) -> None:
    head, *rows = frame(n_items=[100, np.nan, 100]).to_csv(index=False).splitlines()
    path = written(tmp_path, "\n".join([head, "", "", *rows]) + "\n")
    with pytest.warns(DataWarning, match="row 5, column 'n_items'.*blank here and not elsewhere"):
        assert read_records(path).warnings[0].row == 5
    with pytest.warns(DataWarning, match="in millions or billions"):
        Records(frame(params=0.4))


def test_a_chance_for_a_task_is_none_for_answers_to_be_written(tmp_path: Path) -> None:
    both = pd.concat([frame(), frame(metric="exact_match", run="r2")]).drop(columns="chance")
    path = written(tmp_path, both.to_csv(index=False))
    records = read_records(path, chance={"t": 0.25})
    assert {p.metric: p.chance for p in records.groups()} == {"acc": 0.25, "exact_match": 0.0}


def test_a_cell_that_is_no_number_is_reported_once() -> None:
    with pytest.raises(RecordsError) as caught:
        Records(frame(chance=["0.25", "a quarter", "0.25"]), first_row=2)
    assert [v.problem for v in caught.value.violations] == ["is not a number"]


def repeated(**other: object) -> str:
    """What is said of two rows of one run, task and number of tokens."""
    table = {
        "model": "m", "run": "r", "params": 1e8, "tokens": [1e9, 1e9], "loss": 3.0, "task": "t",
        "metric": "acc", "value": [0.3, 0.3], "chance": 0.25,
    }  # fmt: skip
    with pytest.raises(RecordsError) as error:
        Records(pd.DataFrame(table | other))
    return str(error.value)


def test_repeated_rows_are_called_what_they_may_be() -> None:
    assert "all else is the same too: keep one" in repeated()
    assert "another seed is another run" in repeated(seed=[1, 2])
    assert "loss and value differ: several seeds?" in repeated(loss=[3.0, 3.1], value=[0.3, 0.4])


def test_a_score_without_a_loss_is_told_what_could_stand_in() -> None:
    with pytest.raises(RecordsError, match="log perplexity of a language task"):
        Records(pd.DataFrame({"model": ["m"], "run": "r", "params": 1e8, "tokens": 1e9,
                              "task": "t", "metric": "acc", "value": 0.3}))  # fmt: skip


def test_rounded_scores_are_the_counts_that_they_were() -> None:
    right = np.random.default_rng(0).integers(40, 200, 30)
    value = right / 237
    loss = np.linspace(3, 2, 30)
    for shown in (value, value.round(3), value.round(4)):
        assert as_points(loss, shown, n_items=237).counted
    assert not as_points(loss, value + 0.4 / 237, n_items=237).counted  # a mean over groups


def test_a_table_of_another_library_is_taken_as_it_is() -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'parquet'")
    mine = simulate(n=40, rng=1)
    table = pyarrow.Table.from_pandas(mine.to_frame())
    assert Records(table).select().size == mine.select().size


def test_a_file_that_was_cut_off_is_no_table(tmp_path: Path) -> None:
    text = "model,run,params,tokens,loss,task,metric,chance,value,source\n"
    text += "m,r,1e8,1e9,3,t,acc,.25,0.25,x\nm,r,1e8,2e9,3,t,acc,.25,0.2"
    with pytest.raises(RecordsError, match="the row has 9 fields, the header 10") as caught:
        read_records(written(tmp_path, text))
    assert [v.row for v in caught.value.violations] == [3]


@pytest.mark.parametrize("first", ["sep=,", "# my runs"])
def test_a_line_before_the_header_is_named(tmp_path: Path, first: str) -> None:
    with pytest.raises(RecordsError, match=r"the first line, .* is no header; remove it"):
        read_records(written(tmp_path, f"{first}\n" + frame().to_csv(index=False)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "q.csv")
    with pytest.raises(RecordsError, match="is a pipe"):
        read_records(tmp_path / "q.csv")


def test_what_numpy_would_convert_in_silence() -> None:
    with pytest.raises(RecordsError, match="is a complex number"):
        Records(frame(loss=[3 + 2j, 3.1, 3.2]))
    assert Records(frame(task=[b"piqa"] * 3)).tasks == ["piqa"]
    with pytest.raises(DataError, match="True or False"):
        as_points(np.array([True, 3.1, 3.2, 3.3], dtype=object), [0.1, 0.2, 0.3, 0.4])
    with pytest.raises(DataError, match=r"params\[0\] is 0; it must be positive"):
        as_points([3.0, 3.1, 3.2, 3.3], [0.1, 0.2, 0.3, 0.4], params=[0, 1, 2, 3])


def test_items_come_whole() -> None:
    with pytest.raises(RecordsError, match="no whole number of items"):
        Records(frame(n_items=[100, 100.5, 100]))


def test_columns_that_are_there_twice_or_as_an_index() -> None:
    twice = pd.concat([frame(), frame()[["loss"]]], axis=1)
    with pytest.raises(RecordsError, match="'loss': column occurs twice"):
        Records(twice)
    with pytest.raises(RecordsError, match="reset_index"):
        Records(frame().set_index("run"))


def test_what_looks_like_another_unit_or_name_is_said() -> None:
    tokens = [20.0, 40.0, 60.0]
    with pytest.warns(DataWarning, match="tokens at most are few"):
        Records(frame(tokens=tokens))
    both = pd.concat([frame(), frame(task="u", loss=[5.0, 5.1, 5.2])])
    with pytest.warns(DataWarning, match="another loss in other rows"):
        Records(both)
    same = pd.concat([frame(), frame(task="t\u200b")])
    with pytest.warns(DataWarning, match="looks like 't' and is another task"):
        Records(same)
    points = as_points([30.0, 31.0, 32.0, 33.0], [48.0, 40.0, 30.0, 26.0], chance=0.25)
    assert [("perplexity" in n, "percent" in n) for n in points.notes] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("chance", [0.25, {"t": "abc"}])
def test_chance_is_given_by_task(tmp_path: Path, chance: object) -> None:
    frame().to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(DataError, match="chance is"):
        read_records(tmp_path / "runs.csv", chance=chance)  # type: ignore[arg-type]
