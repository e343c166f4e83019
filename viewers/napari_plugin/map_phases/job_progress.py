"""How far a run in another process is, from its messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

JobEnd = Literal["finished", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """What is known of a run."""

    stage: str = "Start"
    done: int = 0
    total: int = 0
    """Steps of the stage; 0 while not known."""
    began_s: float = 0.0
    """When the run began, seconds of any clock."""
    stage_began_s: float = 0.0
    end: JobEnd | None = None
    """None while it runs."""
    text: str = ""
    """What to tell when it ended without a result."""
    path: str = ""
    """The result."""
    notes: tuple[str, ...] = ()
    """What the run warned of."""

    @property
    def share(self) -> float:
        """Part of the stage that is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0


def after_message(state: JobState, line: str, *, now_s: float) -> JobState:
    """State after a message.

    Parameters
    ----------
    state
        Before it.
    line
        The message as `job_process` writes it; what cannot be read leaves the state as it is.
    now_s
        The present time, by the clock of `began_s`.
    """
    try:
        message: dict[str, Any] = json.loads(line)
        kind = message["kind"]
    except (ValueError, TypeError, KeyError):
        return state
    if kind == "progress":
        began = state.stage_began_s if message["stage"] == state.stage else now_s
        return replace(state, stage=message["stage"], done=message["done"], total=message["total"], stage_began_s=began)
    if kind == "finished":
        return replace(state, end="finished", path=message["path"], notes=tuple(message["notes"]))
    if kind == "failed":
        return replace(state, end="failed", text=message["text"])
    return replace(state, end="stopped", text="Stopped: no result was written, and an earlier one is as it was.")


def after_process_ended(state: JobState, *, exit_code: int, was_stopped: bool) -> JobState:
    """State when the process is gone, whether or not it said why.

    Parameters
    ----------
    state
        After its last message.
    exit_code
        Of the process.
    was_stopped
        Whether the user stopped it.
    """
    if was_stopped and state.end != "finished":
        return replace(state, end="stopped", text="Stopped: no result was written, and an earlier one is as it was.")
    if state.end is not None:
        return state
    text = (
        f"Error: the run ended without a word (exit code {exit_code}). The computer may have run out of memory: give a "
        "smaller memory, or do not keep the attenuation."
    )
    return replace(state, end="failed", text=text)


def progress_text(state: JobState, *, now_s: float) -> str:
    """Stage, steps, time taken and time left of the stage, in words."""
    steps = f" {state.done} of {state.total}" if state.total else ""
    left = seconds_left(state, now_s=now_s)
    estimate = "" if left is None else f", {time_text(left)} left of this stage"
    return f"{state.stage}{steps}: {time_text(now_s - state.began_s)} so far{estimate}"


def seconds_left(state: JobState, *, now_s: float) -> float | None:
    """Seconds until the stage is done, were its steps alike; None where nothing is done yet, or all is."""
    if not 0 < state.done < state.total:
        return None
    return (now_s - state.stage_began_s) / state.done * (state.total - state.done)


def time_text(seconds: float) -> str:
    """Time as minutes and seconds, of long ones as hours and minutes."""
    whole = round(max(seconds, 0))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60}:{whole % 60:02d} min" if whole >= 60 else f"{whole} s"
