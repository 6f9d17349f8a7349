"""The callback that a training script adds: it assembles the parts and computes nothing itself."""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, SupportsIndex, cast

from typing_extensions import Self, Unpack

from rlviz import conventions, wording
from rlviz.conventions import ConventionName
from rlviz.given import flag
from rlviz.parallelism.units import check_unit
from rlviz.record import deliveries, events, options
from rlviz.record.account import Account
from rlviz.record.arrivals import Arrivals
from rlviz.record.assembly import Assembly
from rlviz.record.compute import Watched, utilization, watched_anew
from rlviz.record.deliveries import Deliveries
from rlviz.record.endings import Ending
from rlviz.record.error_log import ErrorLog, logger
from rlviz.record.eventfile import EventFile
from rlviz.record.figure_client import FigureClient
from rlviz.record.items import Item
from rlviz.record.late import LateSums
from rlviz.record.mailbox import Inbox, Outbox
from rlviz.record.measurement import Recorded, RecordedBesideMetrics
from rlviz.record.meeting import Meeting, rank_and_world
from rlviz.record.ranks import FirstRank, OtherRank
from rlviz.record.recorder import Recorder
from rlviz.record.rows import RowBuilder
from rlviz.record.sender import Sender, nowhere, opened
from rlviz.record.shared_process import FIGURE_PROCESS, shared
from rlviz.record.sink import Sink, SinkRun
from rlviz.record.values import (
    Answers,
    Episodes,
    Flops,
    HostNumber,
    Metrics,
    Number,
    ParallelismValues,
    Seconds,
    Settled,
    check_step,
    check_wall_time,
)
from rlviz.record.worker import Worker
from rlviz.schema import WorkUnit


@dataclass(frozen=True, slots=True)
class Health:
    """What happened to the steps, each counted on its own:
    ``logged == written + dropped + queued``."""

    logged: int
    """Steps that were closed. A last row that is built again at the end, with what came late,
    counts again, here and in the next three."""
    written: int
    """Steps that the operating system took."""
    dropped: int
    """Steps that were given up for want of memory: the disk refused them for too long, or the loop
    was faster than the writer. The log says why."""
    queued: int
    """Steps that still wait to be written."""
    errors: int
    """Failures in the background; the run survived each."""
    behind: int = 0
    """Steps that the latest `state_dict()` lacks, since the disk had not taken them in time."""
    late: int = 0
    """Sums of a sender or of another rank that came after the row of their step was built: they are
    in the next row, so totals are exact."""
    unbound: int = 0
    """Episodes that senders named and `record(episodes=…)` did not bind to a step before the end,
    or before memory was full: what they recorded is in a later row, at the end in the last one."""
    unsent: int = 0
    """Steps that the sinks of `also` did not take, since they failed or were too slow, counted for
    each sink; the run on the disk has them."""


class Callback:
    """Records a training run: accuracy, average parallelism and RL FLOPs of every step.

    Args:
        logdir: the run directory, as for TensorBoard; created if missing. A directory that already
            holds a run gets another session of that run.
        config: hyperparameters for TensorBoard's HParams and Text tabs; may be nested.
        ema: memory of the online averages, in [0, 1), as in TensorBoard's smoothing slider.
        flush_seconds: how long a step may wait before it is written, > 0.
        figure_seconds: least seconds between two live figures, > 0; from the second figure on, they
            also stay under 1 % of the run's wall time. None draws no figure, not even at the end.
        device: the accelerator, for the model FLOPs utilization (MFU) of phases that come with
            seconds: its name as `torch.cuda.get_device_name()` gives it, or its peak rate in
            FLOP/s. A name that `rlviz.flops.peak` does not know gives one warning and no MFU.
        devices: how many devices the FLOPs and seconds cover.
        convention: how the FLOPs that you record are counted: "exact", "6N" or "6N-tokens", as the
            model that counts them says, `convention=model.convention`. The run, figures and
            comparisons name it. By default "exact" where only `watch` counts, else not said.
        parallelism_unit: in what the work and span of your episodes are, "steps" (of agents),
            "tokens" or "seconds", where they don't say it themselves, as `critical_steps` and
            `Trace` do; averages that you pass as numbers never do. Figures and the summary name it.
            Of several ranks each says it of its own episodes, or leaves it to rank 0.
        process_group: for a run of several processes, a `torch.distributed` group of any backend;
            make the Callback on each of its ranks. All ranks record; rank 0 adds up and writes. No
            rank ever waits for another: rank 0 names one that is silent for `patience` seconds and
            writes steps without it. Without a group, ranks other than 0 write nothing and say so.
        patience: the most seconds, > 0, that the row of a step waits for other ranks and for
            senders; the training never does. What comes later goes into the next row.
        also: sinks, such as `rlviz.sinks.WandB()`, which take the written steps, the figure and its
            curves to other trackers, each in a thread of its own. None delays the run: `close`
            gives them what is left of its time, and what one lost counts in `health.unsent`.
        strict: raise failures of the background from the next call, those of sinks and what these
            were too slow for included. By default nothing disturbs training: failures are counted
            in `health` and logged once a minute.

    Raises:
        ValueError: an argument is out of range, or `logdir` is a file or the URL of another
            place (`file:///…` is a path).
        TypeError: `logdir` is not a path, `config` is not a mapping, `strict` is no bool, or `also`
            holds no sinks.
        RuntimeError: with `process_group`: it is not initialized, or this process is not in it.

    Example:
        >>> import tempfile
        >>> with Callback(tempfile.mkdtemp(), figure_seconds=None) as viz:
        ...     for step in range(1, 4):
        ...         viz.record(correct=[1, 0, 1], parallelism=[8.0, 7.5], flops={"rollout": 10**15})
        ...         viz.on_step_end(step, metrics={"loss": 0.5})
        >>> viz.health.logged, viz.health.written, viz.health.dropped
        (3, 3, 0)
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        config: Mapping[str, Any] | None = None,
        ema: float = 0.9,
        flush_seconds: float = 1.0,
        figure_seconds: float | None = 60.0,
        device: str | float | None = None,
        devices: int = 1,
        convention: ConventionName | None = None,
        parallelism_unit: WorkUnit | None = None,
        process_group: Any = None,
        patience: float = 5.0,
        also: Iterable[Sink] = (),
        strict: bool = False,
    ) -> None:
        path = options.run_directory(logdir)
        ema, flush_seconds, figure_seconds = options.check(
            config, ema, flush_seconds, figure_seconds
        )
        self._patience = options.seconds("patience", patience)
        self._convention = "" if convention is None else conventions.check(convention)
        self._before = ""  # the convention of the state that was loaded
        strict = flag("strict", strict)
        check_unit(parallelism_unit)
        sinks = deliveries.check(also)
        queue: deque[Item] = deque()
        self._behind = 0
        self._error_log, self._state_log = ErrorLog(), ErrorLog()
        self._account = Account()
        rank, world_size = rank_and_world(process_group)
        meeting = None if process_group is None or world_size == 1 else Meeting(process_group)
        self._late = LateSums()
        self._opening = threading.Lock()  # of the port for senders; no other call takes it
        ranks = self._ranks(meeting, parallelism_unit)
        self._sender: Sender | None = None
        self._silent = process_group is None and rank > 0
        self._watched: list[Watched] = []
        self._builder = RowBuilder(
            ema_weight=ema,
            on_error=self._error_log.note,
            utilization=utilization(device, devices),
            parallelism_unit=parallelism_unit,
        )
        self._deliveries = Deliveries(
            () if rank > 0 else sinks,
            SinkRun(path, events.flattened(config or {})),
            say=self._error_log.say,
            count=self._error_log.count,
            opened=lambda: self._ending.close_before_others(),
        )
        figure_client = None
        if figure_seconds is not None and rank <= 0:
            figure_client = FigureClient(
                path,
                figure_seconds=figure_seconds,
                on_error=self._error_log.note,
                process=shared(FIGURE_PROCESS),
                with_curves=bool(self._deliveries),
            )
        opening = [] if config is None or rank else events.config(time.time(), path.name, config)
        self._assembly = Assembly(
            queue,
            self._builder,
            ranks,
            self._account,
            self._late,
            opening=opening,
            deliver=self._deliveries.offer,
        )
        self._worker = Worker(
            self._assembly,
            EventFile(path),
            self._account,
            figure_client=figure_client,
            has_config=bool(opening),
            flush_seconds=flush_seconds,
            error_log=self._error_log,
            convention=self._convention_so_far,
            show=self._deliveries.show,
        )
        self._recorder = Recorder(
            queue, self._account, on_error=self._error_log.note, wake=self._worker.wake
        )
        self._ending = Ending(
            self._recorder,
            self._worker,
            self._deliveries,
            self._account,
            self._watched,
            self._error_log,
            strict=strict,
        )
        if self._silent:
            self._recorder.close()
            logger.warning(
                "rlviz: this is rank %d of %d: it records nothing, for rank 0 writes the run. Pass "
                "process_group= on every rank to add them all up.",
                rank,
                world_size,
            )
            return
        self._worker.start()
        self._ending.expect()

    def _ranks(self, meeting: Meeting | None, unit: WorkUnit | None) -> FirstRank | OtherRank:
        if meeting is not None and meeting.rank:
            return OtherRank(Outbox(meeting), parallelism_unit=unit)
        note, inbox = self._error_log.note, None
        if meeting is not None:
            inbox = Inbox(meeting, on_error=note, wake=lambda: self._worker.wake())
        return FirstRank(inbox, note, self._late, patience=self._patience)

    def record(
        self,
        *,
        correct: Answers | None = None,
        accuracy: Number | None = None,
        graded: HostNumber | None = None,
        flops: Flops | None = None,
        parallelism: ParallelismValues | None = None,
        metrics: Metrics | None = None,
        group: str | None = None,
        seconds: Seconds | None = None,
        settled: Settled | None = None,
        episodes: Episodes | None = None,
    ) -> None:
        """Add to the open step, any number of times, from any thread.

        Values may be numbers, NumPy values and tensors, on any device, with or without grad. Values
        on a device are cloned there; the writer thread reads them later.

        Args:
            correct: graded answers, bool or 0/1, any shape; NaN for an ungraded one.
            accuracy: instead of `correct`, a mean over `graded` answers, in [0, 1]. Several calls
                in a step are weighted by `graded`, by 1 each where it is missing; then the accuracy
                has no interval.
            graded: number of answers behind `accuracy`, a number on the host.
            flops: FLOPs spent since the last call, a whole number in [0, 2**106), or one for each
                phase.
                Usual phases (docs/definitions.md): rollout, rollout_discarded, rollout_draft,
                rollout_subagents, reward_model, old_logprob, ref_logprob, critic_values, update,
                critic_update; you may add others. `evaluation` stays out of the total.
            parallelism: work / span of each episode, in [0, inf), as numbers or
                `rlviz.parallelism` values.
            metrics: further scalars by name; several values in a step are averaged.
            group: task family of these answers, such as "math"; they count in the accuracy of the
                step and in the family's own series, `rlviz/accuracy/math`.
            seconds: wall seconds of each phase, in [0, inf), by phase; with them and `device` a
                phase gets its MFU, `rlviz/mfu/update`. Several calls in a step add up.
            settled: FLOPs that `flops` brought before, in this step or an earlier one, as a number
                without a phase: the phase that they turned out to have, which gets them now. The
                total, which has them, stays. For rollouts that run ahead of the update: `rollout`
                once one uses them, `rollout_discarded` once none will. Numbers on the host.
            episodes: names of episodes that belong to this step, the first that names them: what
                senders record under these names, before or after, counts in it. See `sender`.

        Raises:
            ValueError, TypeError: a value is not what it should be; the message says what came,
                what was expected and what to do. The whole call then records nothing.
        """
        others: Recorded | None = None
        if not (
            correct is None
            and group is None
            and seconds is None
            and settled is None
            and episodes is None
        ):
            others = {
                "correct": correct,
                "group": group,
                "seconds": seconds,
                "settled": settled,
                "episodes": episodes,
            }
        self._recorder.record(accuracy, graded, flops, parallelism, metrics, others)
        if self._ending.is_odd:
            self._ending.say_what_is_odd()

    def watch(self, module: Any, *, phase: str = "update") -> None:
        """Count the FLOPs of a module's forward and backward passes, in a phase of every step.

        For loops that don't count FLOPs themselves: `rlviz.flops.Watch` says what is counted; don't
        also pass those FLOPs to `record`. Operations that can't be counted give one warning.
        Everything that the module does counts in this one phase, even rollouts and evaluation. To
        tell those apart, make a `rlviz.flops.Watch` instead, and `record` what it took after each.

        Args:
            module: the outermost `nn.Module`; a compiled one as `torch.compile` returned it. If it
                has no forward pass of its own, the passes of its parts count. Watch it once more,
                in the same phase and between two steps, after layers were frozen or replaced.
            phase: the phase that its FLOPs belong to.

        Raises:
            TypeError, ValueError: the module can't be watched, or passes of it, of a part of it or
                of what it is a part of are counted already; `phase` can't name a phase; or the
                run's convention, or that of the state it goes on from, is another one than "exact",
                which is how passes are counted.
        """
        if self._convention not in ("", conventions.EXACT):
            raise ValueError(
                "watch() counts products as they run, which is the convention 'exact', but this "
                f"Callback has convention={self._convention!r}. Leave that out, or record the "
                f"FLOPs of rlviz.flops.from_config(config, convention={self._convention!r})."
            )
        if self._before not in ("", conventions.EXACT):
            raise _goes_on_as_another(self._before, conventions.EXACT)
        made, before = watched_anew(self._watched, module, phase)
        if before is not None:
            self._watched.remove(before)
            self._recorder.record_flops(phase, before.take())
        self._watched.append(made)

    def _convention_so_far(self) -> str:
        only_watched = self._watched and not self._recorder.was_given_flops
        return self._convention or (conventions.EXACT if only_watched else "")

    def sender(self, *, host: str | None = None, port: int = 0) -> Sender:
        """A small object that records into this run from other processes, threads and nodes.

        Hand it to Ray actors, subprocesses or threads; it pickles. It reaches this process over
        TCP: the first call opens the port, and later calls give the same sender. Who connects must
        prove that it holds this run's key, which is in the sender; nothing is encrypted.

        A step's row waits until every sender has brought what it recorded before the step was
        closed: milliseconds, and no longer than `patience`. What comes later goes into the next row
        and counts in `health.late`, and into the last row at the end; totals are exact either way.

        Args:
            host: the name or address, IPv4 or IPv6, under which other nodes reach this one; by
                default as Ray knows it, or as the system does. Name it where the node has several
                networks. "localhost" lets no other node in.
            port: the port to listen on, in [0, 65535]; 0 for any that is free.

        Raises:
            ValueError, TypeError: `host` or `port` is not what it should be.
            OSError: nothing can listen there.
            RuntimeError: the system has no thread left.
        """
        if self._sender is not None:
            return self._sender
        host, port = options.listening(host, port)
        if self._silent or self._ending.is_forked or self._ending.is_closing:
            return nowhere()  # before the lock, which a forked child may find held
        with self._opening:
            if self._sender is None:
                share = self._account.byte_limit // 4
                sender, receiver = opened(
                    host,
                    port,
                    on_error=self._error_log.note,
                    wake=self._worker.wake,
                    byte_limit=share,
                )
                self._assembly.arrivals = Arrivals(
                    receiver,
                    self._late,
                    patience=self._patience,
                    on_error=self._error_log.note,
                    byte_limit=share,
                )
                self._sender = sender
            return self._sender

    def on_train_start(self) -> None:
        """Do nothing; this exists for loops that call every hook."""

    def on_step_end(
        self,
        step: SupportsIndex | None = None,
        *,
        metrics: Metrics | None = None,
        wall_time: HostNumber | None = None,
        **record: Unpack[RecordedBesideMetrics],
    ) -> None:
        """Close the step; also takes the arguments of `record`.

        Args:
            step: the training step, a whole number in [0, 2**53); by default one more than the
                last.
            metrics: further scalars by name, as in `record`.
            wall_time: when the step ended, seconds since 1970, > 0; by default now. Give it for
                steps that are recorded later than they were trained.

        Raises:
            ValueError, TypeError: as in `record`, or `step` or `wall_time` is out of range. The
                whole call then records nothing.
        """
        if record:
            if step is not None:
                check_step(step)  # before anything of this call is queued
            if wall_time is not None:
                check_wall_time(wall_time)
            self.record(metrics=metrics, **record)
            metrics = None
        if self._ending.is_odd:
            self._ending.say_what_is_odd()
        for watched in self._watched:
            self._recorder.record_flops(watched.phase, watched.take())
            watched.end_step()
        self._recorder.end_step(step, metrics, wall_time)

    def on_train_end(self) -> None:
        """End the run: write everything, with the last figure and summary."""
        self.close()

    def flush(self, timeout: float | None = 5.0) -> bool:
        """Write what was recorded so far; returns whether `timeout` seconds were enough.

        None waits as long as the disk takes to answer; if the disk refuses, the result is False.

        Raises:
            ValueError, TypeError: `timeout` is not a number of seconds.
        """
        timeout = options.waiting_time(timeout)
        written = self._silent or (not self._ending.is_forked and self._worker.flush(timeout))
        self._ending.raise_if_strict()
        return written

    def close(self, timeout: float | None = 5.0) -> bool:
        """End the run: write everything, with the last figure and summary.

        Calling it again does nothing and gives the same answer.

        Args:
            timeout: how many seconds to wait for the disk and the figure; None waits as long as
                they take to answer.

        Returns:
            Whether everything was written in time, the last figure included. The log says what was
            not.

        Raises:
            ValueError, TypeError: `timeout` is not a number of seconds.
        """
        return self._close(timeout, success=True)

    def __enter__(self) -> Self:
        self.on_train_start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._close(5.0, success=kind is None)
        except Exception:
            if kind is None:  # the script's own error tells more than ours
                raise

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to continue from here, in plain numbers and strings.

        Put it into the checkpoint beside the model. It covers the closed steps, which it lets the
        writer bring to the disk first: a killed run that goes on from it lacks none of them. For
        that it waits at most two seconds, what other ranks recorded of these steps included. If the
        disk has not answered by then, it is the state of the last step that the disk has; the log
        says so, and `health.behind` by how many steps. In a forked child it does not wait.

        With a `process_group`, save that of rank 0.
        """
        logged, closed = self._account.logged, self._recorder.last_step
        state = self._worker.state(_STATE_SECONDS)
        if not self._silent and closed != state["step"]:
            state["closed"] = closed
        if self._assembly.ranks.writes:
            _, written, dropped, _ = self._account.counts
            self._behind = max(0, logged - written - dropped)
        if convention := self._convention_so_far():
            state["convention"] = convention
        if sinks := self._deliveries.state_dict():
            state["sinks"] = sinks
        if self._behind:
            late = wording.counted(self._behind, "step")
            self._state_log.note(
                TimeoutError(
                    f"state_dict() is of step {state['step']}, {late} behind the last closed one, "
                    f"{closed}: the disk has not taken these yet. If it never does, a run that "
                    "goes on from this state lacks them"
                )
            )
        self._ending.raise_if_strict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the step at which `state_dict` was taken; call it before the first step.

        Raises:
            RuntimeError: steps were already logged.
            ValueError: `state` is not what `state_dict` gave, or its FLOPs are counted by another
                convention; nothing is loaded.
        """
        if self._account.logged:
            raise RuntimeError(
                "load_state_dict() must come before the first step of this session, "
                f"but {self._account.logged} steps were already logged."
            )
        before = state.get("convention", "") if isinstance(state, dict) else ""
        own = self._convention or (conventions.EXACT if self._watched else "")
        if own and before and before != own:
            raise _goes_on_as_another(before, own)
        closed = self._recorder.last_step = self._builder.load_state_dict(state)
        self._deliveries.load_state_dict(state.get("sinks"))
        self._worker.resume(int(state["step"]), self._builder.flops_total, closed)
        self._before = before

    @property
    def convention(self) -> ConventionName | None:
        """How the recorded FLOPs are counted, as far as it was said; None where it was not."""
        return cast(ConventionName | None, self._convention or None)

    @property
    def health(self) -> Health:
        """What happened to the steps so far; with several processes, to those of this rank."""
        if self._silent:
            return Health(0, 0, 0, 0, 0, 0)
        arrivals = self._assembly.arrivals
        return Health(
            *self._account.counts,
            self._error_log.errors,
            self._behind,
            self._late.count,
            0 if arrivals is None else arrivals.unbound,
            self._deliveries.lost,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Callback can't be pickled or sent to another process: it owns a thread and a file. "
            "Make it in the process that trains, and give others its sender(), which pickles."
        )

    def _close(self, timeout: float | None, *, success: bool) -> bool:
        timeout = options.waiting_time(timeout)
        if self._sender is not None and not self._ending.is_closing:
            began = time.monotonic()
            self._sender.flush_here(min(_SHARE_OF_SENDERS * timeout, _FLUSH_HERE_SECONDS))
            timeout = max(0.0, timeout - (time.monotonic() - began))
        return self._silent or self._ending.close(timeout, success=success)


def _goes_on_as_another(before: object, own: str) -> ValueError:
    return ValueError(
        f"the state's RL FLOPs are counted by the convention {before!r:.80}, those of this "
        f"Callback by {own!r}: one count can't go on as the other. Make the Callback with "
        f"convention={before!r:.80}, or begin another run."
    )


_STATE_SECONDS = 2.0
"""How long a state waits for the disk and for the other ranks' sums."""
_FLUSH_HERE_SECONDS, _SHARE_OF_SENDERS = 1.0, 0.2
"""How long the end waits for senders in this very process."""
