"""A comparison in words, tables, plain data and HTML."""

import base64
import html as escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlviz.report import words

if TYPE_CHECKING:
    from rlviz.report.compare import Comparison
    from rlviz.report.comparing.contenders import Estimate

Floats = NDArray[np.float64]
Rows = list[list[str]]
"""A table, its head first."""

_NOTEBOOK_DPI = 80


def table(found: "Comparison") -> dict[str, Floats]:
    rows = found.at_accuracy
    columns = {"level": np.array([row.level for row in rows])}
    for kind, names in (("flops", found.names), ("multiplier", tuple(found.multipliers))):
        for name in names:
            cells = [(row.flops if kind == "flops" else row.multipliers)[name] for row in rows]
            for part in ("value", "low", "high"):
                suffix = "" if part == "value" else f"_{part}"
                column = [np.nan if cell is None else getattr(cell, part) for cell in cells]
                columns[f"{kind}{suffix}/{name}"] = np.array(column)
    return columns


def to_dict(found: "Comparison") -> dict[str, Any]:
    leader = found.leader
    return {
        "metric": found.measure.name,
        "lower_is_better": found.lower_is_better,
        "reference": found.reference,
        "seeds": dict(found.seeds),
        "leader": None if leader is None else {"name": leader.name, "since": leader.since_flops},
        "multipliers": _plain(found.multipliers),
        "at_compute": [
            {
                "flops": row.flops,
                "values": _plain(row.values),
                "differences": _plain(row.differences),
            }
            for row in found.at_compute
        ],
        "at_accuracy": [
            {
                "level": row.level,
                "flops": _plain(row.flops),
                "multipliers": _plain(row.multipliers),
            }
            for row in found.at_accuracy
        ],
        "notes": list(found.notes),
    }


def _plain(estimates: "dict[str, Estimate] | dict[str, Estimate | None]") -> dict[str, Any]:
    return {
        name: None if e is None else {"value": e.value, "low": e.low, "high": e.high}
        for name, e in estimates.items()
    }


def markdown(found: "Comparison") -> str:
    parts = [f"# {_title(found)}", " ".join(_sentences(found))]
    for heading, rows in _tables(found):
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        lines.insert(1, "|" + "---:|" * len(rows[0]))
        parts += [f"## {heading}", "\n".join(lines)]
    parts += [f"**Note:** {note}" for note in found.notes]
    parts.append(f"*{_definitions(found)}*")
    return "\n\n".join(parts) + "\n"


def html(found: "Comparison") -> str:
    """With the figure, for a notebook."""
    picture = base64.b64encode(found.figure().png(dpi=_NOTEBOOK_DPI)).decode()
    parts = [f"<h3>{escape.escape(_title(found))}</h3>"]
    parts.append(f"<p>{escape.escape(' '.join(_sentences(found)))}</p>")
    parts.append(f'<img alt="curves of the runs" src="data:image/png;base64,{picture}">')
    for heading, (head, *body) in _tables(found):
        rows = [_row(head, "th"), *(_row(row, "td") for row in body)]
        parts.append(f"<h4>{escape.escape(heading)}</h4><table>{''.join(rows)}</table>")
    parts += [f"<p>Note: {escape.escape(note)}</p>" for note in found.notes]
    parts.append(f"<p><small>{escape.escape(_definitions(found))}</small></p>")
    return "\n".join(parts)


def _row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape.escape(c)}</{tag}>" for c in cells) + "</tr>"


def _title(found: "Comparison") -> str:
    return "Comparison of " + words.joined(found.names)


def _sentences(found: "Comparison") -> list[str]:
    what = found.measure.label.lower() if found.measure.scale != "number" else found.measure.name
    if found.lower_is_better:
        what += " (lower is better)"
    parts = []
    if found.at_compute:
        end = found.at_compute[-1]
        spent = words.flops(round(end.flops))
        if found.leader is None:
            parts.append(f"At {spent} RL FLOPs, the most that all spent, no run surely leads.")
        else:
            since = words.flops(round(found.leader.since_flops))
            parts.append(
                f"{found.leader.name} leads in {what} from {since} RL FLOPs on to {spent}, the "
                "most that all spent."
            )
        parts += [
            f"There {name} is at {_value(found, end.values[name])}, {found.reference} at "
            f"{_value(found, end.values[found.reference])}: a difference of "
            f"{_difference(found, difference)}."
            for name, difference in end.differences.items()
        ]
    parts += [_multiplier_sentence(found, name) for name in found.multipliers]
    return parts


def _multiplier_sentence(found: "Comparison", name: str) -> str:
    multiplier = found.multipliers[name]
    if multiplier is None:
        return f"There is no level that both {name} and {found.reference} surely reached."
    levels = [row.level for row in found.at_accuracy if row.multipliers[name] is not None]
    over = f"{_level(found, levels[0])} to {_level(found, levels[-1])}"
    if multiplier.low > 1:
        verdict = f"{name} needed less compute for the same"
    elif multiplier.high < 1:
        verdict = f"{name} needed more compute for the same"
    else:
        verdict = f"Neither {name} nor {found.reference} surely needed less compute for the same"
    return (
        f"{verdict}: its compute multiplier over {found.reference} is {_times(multiplier)} "
        f"({words.counted(len(levels), 'level')}, {over})."
    )


def _tables(found: "Comparison") -> list[tuple[str, Rows]]:
    tables = []
    others = list(found.multipliers)
    if found.at_compute:
        head = ["RL FLOPs", *found.names, *(f"{o} − {found.reference}" for o in others)]
        rows = [
            [
                words.flops(round(row.flops)),
                *(_value(found, row.values[name]) for name in found.names),
                *(_difference(found, row.differences[name]) for name in others),
            ]
            for row in found.at_compute
        ]
        tables.append(("At equal compute", [head, *rows]))
    if found.at_accuracy:
        head = [found.measure.label, *(f"FLOPs of {name}" for name in found.names)]
        head += [f"multiplier of {name}" for name in others]
        rows = [
            [
                _level(found, row.level),
                *(_flops(row.flops[name]) for name in found.names),
                *(_times(row.multipliers[name]) for name in others),
            ]
            for row in found.at_accuracy
        ]
        tables.append((f"At equal {found.measure.name}", [head, *rows]))
    return tables


def _value(found: "Comparison", e: "Estimate") -> str:
    if found.measure.scale == "percent":  # a curve and its interval may pass what a share can be
        value, low, high = (100 * min(max(part, 0.0), 1.0) for part in (e.value, e.low, e.high))
        return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
    return f"{e.value:.3g} [{e.low:.3g}, {e.high:.3g}]"


def _difference(found: "Comparison", e: "Estimate") -> str:
    """Of two shares in percentage points, else in the unit of the metric."""
    if found.measure.scale == "percent":
        return f"{100 * e.value:+.1f} points [{100 * e.low:+.1f}, {100 * e.high:+.1f}]"
    return f"{e.value:+.3g} [{e.low:+.3g}, {e.high:+.3g}]"


def _level(found: "Comparison", level: float) -> str:
    return f"{100 * level:.4g} %" if found.measure.scale == "percent" else f"{level:.6g}"


def _flops(e: "Estimate | None") -> str:
    if e is None:
        return "–"
    value, low, high = (words.flops(round(part)) for part in (e.value, e.low, e.high))
    return f"{value} [{low}, {high}]"


def _times(e: "Estimate | None") -> str:
    return "–" if e is None else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def _definitions(found: "Comparison") -> str:
    text = (
        "Values are read off local-quadratic curves over cumulative RL FLOPs. A level is reached "
        "at the first compute at which the curve is there; – where a run did not surely come to "
        f"it, or started beyond. Compute multiplier: FLOPs that {found.reference} needed / FLOPs "
        "that the other needed, the geometric mean over the levels that both reached. A run leads "
        "from where it is ahead of every other in 99.5 % of the draws on to the end. In "
        "brackets: 95 % intervals"
    )
    several = max(found.seeds.values()) > 1
    single = min(found.seeds.values()) == 1
    ways = ["of a sieve bootstrap of the noise of the steps"] if single else []
    ways += ["of Student's t over the seeds"] if several else []
    return f"{text}, {' or '.join(ways)}."
