"""Reads a summary's sentences and tables back, and finds what contradicts the curve or each other.

It shares no code with what wrote them: it knows the words, the curve and the run.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rlviz.report.series.axis import choose
from rlviz.report.series.curves import curve_of
from rlviz.report.series.measures import measure

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
VALUE = rf"(?:that|{NUMBER}(?: ± {NUMBER})?(?: %)?)"
PLACE = rf"(?:step [\d,]+|0 RL FLOPs|[\d.]+ % (?:of the compute )?\({NUMBER}(?: RL FLOPs)?\))"
PACE = r"(?:slowly|steeply|ever faster|ever more slowly)"
MOVE = re.compile(
    rf"(?:(?P<began>began) at (?P<v0>{VALUE})"
    rf"|(?P<verb>rose|fell|jumped|dropped)(?: (?P<pace>{PACE}))?(?: on the whole,)?"
    rf"(?: from (?P<start>{VALUE})(?: at (?P<at>{PLACE}))?)? to (?P<v1>{VALUE})"
    rf"|then (?P<on>faster|more slowly|{PACE}) to (?P<v2>{VALUE})"
    rf"|(?P<level>stayed near|rose only to|fell only to) (?P<v3>{VALUE}))"
    rf"(?: (?:at|until|by) (?P<place>{PLACE}))?"
)
DIRECTION = {"rose": 1, "jumped": 1, "fell": -1, "dropped": -1}
KINDS = {1: "rises", -1: "falls", 0: "level"}


@dataclass
class Move:
    """A move as the words have it."""

    direction: int
    pace: str
    value: str
    place: str | None


def number_of(text):
    return float(re.match(NUMBER, text)[0])


def scale_of(text):
    return 0.01 if text.endswith("%") else 1.0


def unit_of(text):
    """The last digit of a number as written."""
    written = re.match(NUMBER, text)[0]
    digits, _, power = written.partition("e")
    decimals = len(digits.partition(".")[2])
    return 10.0 ** (int(power or 0) - decimals)


def is_written(text, value):
    """Whether a text is that value, but for its rounding."""
    scale = scale_of(text)
    return abs(number_of(text) - value / scale) <= 0.501 * unit_of(text) + 1e-9 * abs(value / scale)


def error_written(text):
    found = re.search(rf"± ({NUMBER})", text)
    return None if found is None else (float(found[1]), unit_of(found[1]))


class Checker:
    """All that is said of one metric, against its curve and its segments."""

    def __init__(self, history, summary, claim, x_of_run):
        self.found = []
        self.claim, self.summary = claim, summary
        self.segments = summary.segments[claim.name]
        what = measure(claim.name, [history])
        axis = choose("flops", [history])
        values = what.values(history)
        x = axis.positions(history)
        known = np.isfinite(x) & np.isfinite(values)
        self.x, self.y = x[known], values[known]
        self.ends_of_run = x_of_run
        self.curve = curve_of(history, what, axis)
        self.said = {}  # x -> text
        self.seen = {}  # the name of a place -> the value told there

    def wrong(self, what):
        self.found.append(f"{self.claim.name}: {what} | {self.claim.sentence}")

    def check(self):
        if not self.segments:
            return self.found
        self.check_segments()
        self.check_words()
        self.check_values()
        self.check_findings()
        return self.found

    # --- the segments against the curve

    def check_segments(self):
        parts = self.segments
        if (parts[0].x_start, parts[-1].x_end) != (self.x[0], self.x[-1]):
            self.wrong("the segments do not span the series")
        for before, after in pairwise(parts):
            if (before.x_end, before.y_end) != (after.x_start, after.y_start):
                self.wrong(f"a gap at {before.x_end}")
        extent = np.ptp(self.curve.y)
        for part in parts:
            if not part.x_start < part.x_end:
                self.wrong(f"a segment from {part.x_start} to {part.x_end}")
            for x, y in ((part.x_start, part.y_start), (part.x_end, part.y_end)):
                if not np.isclose(y, self.curve.at(x).value, rtol=1e-9, atol=1e-12 * extent):
                    self.wrong(f"{y} at {x}, where the curve is {self.curve.at(x).value}")
            change = part.y_end - part.y_start
            if part.kind != "level" and KINDS[np.sign(change)] != part.kind:
                self.wrong(f"{part.kind} by {change}")
            error = max(part.y_start_error or 0.0, part.y_end_error or 0.0)
            if part.kind == "level" and part.certain and abs(change) > 0.1 * extent + error:
                self.wrong(f"level, but changes by {change} of {extent}")

    # --- the words against the segments

    def moves(self):
        """(start as told, moves as told)."""
        start, moves, direction = None, [], None
        story = self.claim.sentence.partition(" Single steps")[0]
        for found in MOVE.finditer(story):
            value = next(found[f"v{i}"] for i in range(4) if found[f"v{i}"])
            if found["began"]:
                start = value
                continue
            if found["verb"]:
                direction = DIRECTION[found["verb"]]
                start = found["start"] or start
            elif found["level"]:
                direction = 0
            pace = found["pace"] or found["on"] or ""
            pace = "jump" if found["verb"] in ("jumped", "dropped") else pace
            pace = found["level"] or pace
            moves.append(Move(direction, pace, value, found["place"]))
        return start, moves

    def check_words(self):
        text, parts = self.claim.sentence, self.segments
        if text.endswith("throughout."):
            if np.ptp(self.y) > 0 or parts[0].pace != "constant":
                self.wrong("not constant")
            self.say(parts[0].x_start, re.search(rf" stayed at ({VALUE}) throughout", text)[1])
            return
        if "is certain" in text:
            self.check_uncertain(text, parts)
            return
        start, moves = self.moves()
        if start is None or len(moves) != len(parts):
            self.wrong(f"{len(moves)} moves told of {len(parts)}")
            return
        self.say(parts[0].x_start, start)
        told = start
        for i, (move, part) in enumerate(zip(moves, parts, strict=True)):
            if KINDS[move.direction] != part.kind:
                self.wrong(f"{part.kind} is told as {KINDS[move.direction]}")
            paces = {"ever more slowly": "ever slower", "faster": "", "more slowly": ""}
            if part.kind != "level" and paces.get(move.pace, move.pace) != part.pace:
                self.wrong(f"{part.pace!r} is told as {move.pace!r}")
            if move.pace in ("faster", "more slowly"):
                self.check_slopes(move.pace, part, parts[i - 1])
            value = told if move.value == "that" else move.value
            difference = number_of(value) - number_of(told)
            if move.direction and not difference * move.direction > 0:
                self.wrong(f"{KINDS[move.direction]} from {told} to {value}")
            word = move.pace.partition(" only")[0]
            if word in DIRECTION and not difference * DIRECTION[word] > 0:
                self.wrong(f"{move.pace} {value} after {told}")
            if move.value == "that":
                error = max(part.y_start_error or 0.0, part.y_end_error or 0.0)
                if abs(part.y_end - part.y_start) > error:
                    self.wrong(f"stayed near {told}, and ends at {part.y_end}")
            else:
                self.say(part.x_end, value)
            self.check_place(i, move, part)
            told = value

    def check_slopes(self, pace, part, before):
        now, then = (abs(p.y_end - p.y_start) / (p.x_end - p.x_start) for p in (part, before))
        if (now > then) != (pace == "faster"):
            self.wrong(f"{now} after {then} is not {pace}")

    def check_place(self, i, move, part):
        if move.place is not None:
            self.named(move.place, part.x_end)
            self.see(move.place, self.said.get(part.x_end))
        elif i + 1 < len(self.segments) and self.segments[i + 1].pace != "jump":
            self.wrong(f"no place for the end of move {i}")
        elif i + 1 == len(self.segments):
            first, last = self.ends_of_run
            if part.x_end < last - 0.02 * (last - first):
                self.wrong("ends before the run and does not say so")

    def check_uncertain(self, text, parts):
        if len(parts) != 1 or parts[0].certain or parts[0].kind != "level":
            self.wrong("told as uncertain")
        if [claim for claim, _ in self.claim.findings if "scatter" not in claim]:
            self.wrong("claims about what is told as uncertain")
        both = re.search(rf"went from ({VALUE}) to ({VALUE})", text)
        one = re.search(rf"began and ended at ({VALUE})", text)
        start, end = both.groups() if both else (one[1], one[1])
        self.say(parts[0].x_start, start)
        self.say(parts[-1].x_end, end)
        extreme = re.search(rf"was (lowest|highest) at ({PLACE}), ({VALUE})", text)
        if extreme:
            at = self.curve.x[(np.argmin if extreme[1] == "lowest" else np.argmax)(self.curve.y)]
            self.named(extreme[2], at)
            self.say(at, extreme[3])

    # --- the tables

    def check_values(self):
        first, last = self.x[0], self.x[-1]
        for when, x in (("start", first), ("middle", first + 0.5 * (last - first)), ("end", last)):
            told, curve = self.claim.values[when], self.curve.at(x)
            if not np.isclose(told.value, curve.value, rtol=1e-9, atol=1e-12):
                self.wrong(f"{when} is {told.value} in the table, {curve.value} on the curve")

    def check_findings(self):
        parts = self.segments
        certain = any(part.certain and part.kind != "level" for part in parts)
        levels = [part for part in parts if part.kind == "level"] if certain else []
        jumps = [part for part in parts if part.pace == "jump"]
        told = []
        for claim, finding in self.claim.findings:
            kind = claim.rpartition(": ")[2]
            told.append(kind)
            if kind == "trend":
                word, start, end = re.fullmatch(
                    rf"(rises|falls), ({VALUE}) to ({VALUE})", finding
                ).groups()
                self.say(parts[0].x_start, start)
                self.say(parts[-1].x_end, end)
                if (parts[-1].y_end > parts[0].y_start) != (word == "rises"):
                    self.wrong(finding)
            elif kind == "dip":
                depth, value, place = re.fullmatch(
                    rf"({VALUE}) deep; lowest, ({VALUE}), at ({PLACE})", finding
                ).groups()
                self.check_dip(depth, value, place)
            elif kind == "plateau":
                start, end, place = re.fullmatch(rf"({VALUE}) to ({VALUE}), (.*)", finding).groups()
                part = levels.pop(0)
                self.say(part.x_start, start)
                self.say(part.x_end, end)
                self.between(place, part)
            elif kind == "acceleration":
                self.check_acceleration(re.fullmatch(rf"from ({PLACE}) on", finding)[1])
            elif kind == "jump":
                start, end, place = re.fullmatch(
                    rf"({VALUE}) to ({VALUE}) at ({PLACE})", finding
                ).groups()
                part = jumps.pop(0)
                self.say(part.x_start, start)
                self.say(part.x_end, end)
                self.named(place, part.x_end)
            else:
                self.check_scatter(finding)
        if levels or jumps:
            self.wrong(f"not in the table: {levels + jumps}")
        if not certain and set(told) - {"growing scatter"}:
            self.wrong(f"{told}, but nothing is certain")
        if ("growing scatter" in told) != ("Single steps scattered" in self.claim.sentence):
            self.wrong("the scatter grows in one place only")

    def check_dip(self, depth, value, place):
        ends = [part.x_end for part in self.segments if part.kind == "falls"]
        matching = [x for x in ends if self.is_named(place, x)]
        if not matching:
            self.wrong(f"a dip at {place}, where no fall ends")
            return
        (x,) = matching[:1]
        self.say(x, value)
        before = [part.y_start for part in self.segments if part.x_start < x]
        after = [part for part in self.segments if part.x_start >= x]
        if not any(part.kind == "rises" for part in after):
            self.wrong("a dip after which nothing rises")
        if not is_written(depth, max(before) - self.curve.at(x).value):
            highest = max(before)
            if not any(is_written(depth, y - self.curve.at(x).value) for y in before):
                self.wrong(f"a dip of {depth} from {highest}")

    def check_acceleration(self, place):
        starts = [part for part in self.segments[1:] if self.is_named(place, part.x_start)]
        if not starts or starts[0].kind == "level":
            self.wrong(f"an acceleration at {place}, where no rise or fall begins")
            return
        part = starts[0]
        before = [p for p in self.segments if p.x_end <= part.x_start]
        slope = abs(part.y_end - part.y_start) / (part.x_end - part.x_start)
        way = sum(abs(p.y_end - p.y_start) for p in before)
        if slope < 1.99 * way / (part.x_start - self.segments[0].x_start):
            self.wrong(f"an acceleration at {place} to less than twice the slope")

    def check_scatter(self, finding):
        told = re.search(rf"by ({VALUE}) in the first third of them, by ({VALUE}) in the last",
                         self.claim.sentence)  # fmt: skip
        if told is None or finding != " to ".join(told.groups()):
            self.wrong(f"scatter {finding} in the table")
        elif number_of(told[1]) > number_of(told[2]):
            self.wrong("a growing scatter that falls")

    # --- places and values

    def say(self, x, text):
        """A value was told at a place: it must be the curve's, and the same each time."""
        if self.said.setdefault(x, text) != text:
            self.wrong(f"{text} and {self.said[x]} at {x}")
        value = self.curve.at(x)
        if not is_written(text, value.value):
            self.wrong(f"{text} at {x}, where the curve is {value.value}")
        error = error_written(text)
        if error is not None:
            expected = value.error / scale_of(text)
            if abs(error[0] - expected) > 0.501 * error[1] + 1e-9 * expected:
                self.wrong(f"{text} at {x}, whose band is ± {expected}")

    def see(self, place, value):
        """No two values for one place, as a reader sees the places."""
        place = place.replace(" of the compute", "").replace(" RL FLOPs", "")
        if value is not None and self.seen.setdefault(place, value) != value:
            self.wrong(f"{value} and {self.seen[place]} at {place}")

    def is_named(self, place, x):
        if place.startswith("step"):
            return abs(int(place[5:].replace(",", "")) - x) <= 0.501
        if place == "0 RL FLOPs":
            return x == 0
        share = float(re.match(NUMBER, place)[0])
        flops = float(re.search(rf"\(({NUMBER})", place)[1])
        last = self.ends_of_run[1]
        rounded = abs(flops - x) <= 0.006 * max(x, 1.0) if x >= 1000 else abs(flops - x) <= 1
        return rounded and abs(share - 100 * x / last) <= 0.501

    def named(self, place, x):
        if not self.is_named(place, x):
            self.wrong(f"{place} is not {x} of {self.ends_of_run[1]}")

    def between(self, text, part):
        if text.startswith("steps"):
            ends = [f"step {end}" for end in text[6:].split(" to ")]
        else:
            shares = re.findall(NUMBER + "(?= %)", text)
            flops = re.search(rf"\(({NUMBER}) to ({NUMBER}) RL FLOPs\)", text)
            if flops is None:
                return
            ends = [f"{s} % ({f})" for s, f in zip(shares, flops.groups(), strict=True)]
        for place, x in zip(ends, (part.x_start, part.x_end), strict=True):
            self.named(place, x)


def contradictions(history, summary):
    """What is wrong with a summary, one text each; empty if nothing is."""
    x = choose("flops", [history]).positions(history)
    x = x[np.isfinite(x)]
    found = []
    for claim in summary.claims:
        if claim.name in summary.segments:
            found += Checker(history, summary, claim, (x[0], x[-1])).check()
    plain = summary.to_dict()
    for name, segments in summary.segments.items():
        if [part.kind for part in segments] != [part["kind"] for part in plain["segments"][name]]:
            found.append(f"{name}: other segments in the plain data")
    text = summary.markdown()
    for claim in summary.claims:
        for _, finding in claim.findings:
            if finding not in text:
                found.append(f"{claim.name}: {finding!r} is not in the text")
    return found
