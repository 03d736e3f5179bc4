"""Drive a verilated module from NumPy: one C++ call a transaction, far faster than per-cycle Python.

    model = build("requantize", sources("requantize"), {"InWidth": 32})
    out = model.vectors({"acc_i": acc[:, None], "shift_i": shift[:, None]})["y_o"]

Ports are flat vectors; a value is a row of lanes, lane 0 in the low bits (`hwsim.rtl.lanes`). A module with a
clock has `clk_i` and `rst_ni`; its streams have the AXI-Stream names (`s_axis_tdata`, `m_axis_tvalid`, ...).
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from hwsim.errors import HwsimError
from hwsim.rtl.build import Model, Port, compile_model
from hwsim.rtl.lanes import pack

PATIENCE = 100_000
"""Cycles without a transfer on any stream after which a transaction has failed."""

SETTLE = 4
"""Cycles after the last transfer in which nothing more may come."""

MASTER = "m_axis"
_FIELDS = ("tdata", "tuser", "tlast")
_DONE, _TIMEOUT, _LEFTOVER, _FAULT, _UNSTABLE = range(5)


class _Channel(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("tvalid", "tready", "tdata", "tuser", "tlast", "row_bytes")),
        ("beats", ctypes.c_int64),
        ("rows", ctypes.c_void_p),
    )


class _Monitor(ctypes.Structure):
    _fields_ = (("valid", ctypes.c_int32), ("data", ctypes.c_int32))


class _Request(ctypes.Structure):
    _fields_ = (
        ("slaves", ctypes.c_int32),
        ("monitors", ctypes.c_int32),
        ("slave", ctypes.POINTER(_Channel)),
        ("master", ctypes.POINTER(_Channel)),
        ("monitor", ctypes.POINTER(_Monitor)),
        ("outputs", ctypes.c_int64),
        ("patience", ctypes.c_int64),
        ("settle", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("fault", ctypes.c_int32),
    )


@dataclass(frozen=True)
class Record:
    """Values seen on a stream or a monitor, one a row, with the clock cycle of each."""

    rows: np.ndarray
    """uint8 [values, bytes]; `hwsim.rtl.lanes.unpack` reads it."""
    cycle: np.ndarray
    """int64 [values], counted from the start of the simulation (a waveform's time is 10 times that)."""


@dataclass(frozen=True)
class Transaction:
    """What a stream module did with one call."""

    data: Record
    """tdata of the master stream, a row a beat."""
    user: np.ndarray
    """uint8 [beats, bytes] of its tuser; no bytes if it has none."""
    last: np.ndarray
    """bool [beats]: its tlast; all False if it has none."""
    monitors: dict[str, Record]
    """By the name of the monitored data port."""
    start: int
    """The cycle in which the first input was offered."""

    @property
    def cycles(self) -> int:
        """Clock cycles from the first input offered to the last output taken, both included."""
        return int(self.data.cycle[-1]) - self.start + 1 if len(self.data.cycle) else 0


def build(
    toplevel: str,
    sources: Sequence[Path],
    parameters: Mapping[str, int] | None = None,
    waves: Path | None = None,
    seed: int = 1,
) -> Simulation:
    """Compile (or fetch from the cache) and start a simulation of module `toplevel`.

    parameters: of the top module; waves: write every signal into this VCD file; seed: of the values that
    registers have before reset. Raises as `hwsim.rtl.build.compile_model` does.
    """
    return Simulation(toplevel, compile_model(toplevel, sources, parameters, waves is not None), waves, seed)


class Simulation:
    """A running model. State persists from call to call; use one instance from one thread only."""

    _running: ClassVar[weakref.WeakSet[Simulation]] = weakref.WeakSet()

    def __init__(self, name: str, model: Model, waves: Path | None = None, seed: int = 1) -> None:
        self.name = name
        self.ports: dict[str, Port] = {port.name: port for port in model.ports}
        self._index = {port.name: i for i, port in enumerate(model.ports)}
        self._library = ctypes.CDLL(str(model.library))
        self._library.hwsim_new.restype = ctypes.c_void_p
        self._library.hwsim_cycle.restype = ctypes.c_int64
        self._library.hwsim_record.restype = ctypes.c_int64
        self._handle = ctypes.c_void_p(self._library.hwsim_new(ctypes.c_uint64(seed)))
        self._running.add(self)
        if waves is not None:
            self._library.hwsim_open_waves(self._handle, str(waves).encode())

    def close(self) -> None:
        """End the simulation and complete its waveform."""
        if self._handle:
            self._library.hwsim_delete(self._handle)
            self._handle = ctypes.c_void_p()

    @classmethod
    def close_all(cls) -> None:
        """End all simulations of this process, so that what they measured is written."""
        for simulation in list(cls._running):
            simulation.close()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self.close()

    @property
    def cycle(self) -> int:
        """The clock cycle that comes next."""
        return self._library.hwsim_cycle(self._handle)

    def set(self, **values: int) -> None:
        """Drive input ports that are not part of a stream (configuration)."""
        for name, value in values.items():
            index, port = self._port(name), self.ports[name]
            if not -(1 << port.width >> 1) <= value < 1 << port.width:
                raise HwsimError(f"{self.name}: {value} does not fit {name} of {port.width} bits")
            octets = (int(value) % (1 << port.width)).to_bytes(port.bytes, "little")
            self._library.hwsim_set(self._handle, index, octets)

    def reset(self, cycles: int = 2) -> None:
        """Hold rst_ni low for some clock cycles."""
        self._library.hwsim_reset(self._handle, self._index["clk_i"], self._index["rst_ni"], cycles)

    def vectors(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run a combinational module over rows of inputs.

        inputs: by port, integers [rows] (the whole port) or [rows, lanes].
        Returns every output port as uint8 [rows, bytes], for `hwsim.rtl.lanes.unpack`.
        """
        missing = [n for n, p in self.ports.items() if p.is_input and n not in inputs]
        if missing:
            raise HwsimError(f"{self.name}: no values for the input port {missing[0]}")
        packed = np.hstack([self._rows(name, values) for name, values in inputs.items()])
        outputs = [port for port in self.ports.values() if not port.is_input]
        out = np.empty((len(packed), sum(port.bytes for port in outputs)), np.uint8)
        self._library.hwsim_vectors(
            self._handle,
            *self._indices(list(inputs)),
            *self._indices([port.name for port in outputs]),
            ctypes.c_int64(len(packed)),
            packed.ctypes.data_as(ctypes.c_void_p),
            out.ctypes.data_as(ctypes.c_void_p),
        )
        edges = np.cumsum([port.bytes for port in outputs])[:-1]
        return {port.name: part for port, part in zip(outputs, np.split(out, edges, axis=1), strict=True)}

    def stream(
        self,
        inputs: Mapping[str, Mapping[str, np.ndarray]],
        outputs: int,
        monitors: Mapping[str, str] | None = None,
        stalls: int | None = None,
        patience: int = PATIENCE,
        settle: int = SETTLE,
    ) -> Transaction:
        """Send beats into the slave streams and collect what the master stream `m_axis` gives back.

        inputs: by stream (`s_axis`), by field (`tdata`, `tuser`, `tlast`), a row a beat as in `vectors`; a
        channel of AXI-Lite (`s_axil_aw`, `s_axil_w`) is a stream, too, its address or data the `tdata`;
        outputs: how many packets to wait for (beats, if `m_axis` has no tlast); monitors: data port to the
        valid port that says when to look at it; stalls: seed of random stalls on every stream, both sides;
        patience: cycles without a transfer before giving up; settle: cycles after the last transfer in which
        monitors are still watched and nothing more may come.
        Raises HwsimError if the module stops (naming what was pending), breaks the protocol, raises
        `error_o`, or gives more than was asked for.
        """
        monitors = dict(monitors or {})
        keep = [self._rows_of_stream(name, fields) for name, fields in inputs.items()]
        slaves = (_Channel * len(keep))(
            *(self._channel(name, rows) for name, rows in zip(inputs, keep, strict=True))
        )
        master = self._channel(MASTER)
        watched = (_Monitor * len(monitors))(
            *(_Monitor(self._port(valid), self._port(data)) for data, valid in monitors.items())
        )
        fault = self._index.get("error_o", -1)
        request = _Request(
            len(keep),
            len(monitors),
            slaves,
            ctypes.pointer(master),
            watched,
            outputs,
            patience,
            settle,
            0 if stalls is None else stalls + 1,
            fault,
        )
        start = self.cycle
        outcome = self._library.hwsim_stream(self._handle, ctypes.byref(request), self._index["clk_i"])
        rows, cycle = self._record(-1, master.row_bytes)
        if outcome != _DONE:
            raise HwsimError(self._failure(outcome, inputs, slaves, rows, outputs, patience))
        data, user = (self._bytes(f"{MASTER}_{field}") for field in _FIELDS[:2])
        has_last = f"{MASTER}_tlast" in self.ports
        return Transaction(
            Record(rows[:, :data], cycle),
            rows[:, data : data + user],
            rows[:, -1].astype(bool) if has_last else np.zeros(len(rows), bool),
            {name: Record(*self._record(i, self._bytes(name))) for i, name in enumerate(monitors)},
            start,
        )

    def _failure(
        self,
        outcome: int,
        names: Mapping[str, object],
        slaves: ctypes.Array[_Channel],
        rows: np.ndarray,
        outputs: int,
        patience: int,
    ) -> str:
        sent = (ctypes.c_int64 * len(slaves))()
        self._library.hwsim_sent(self._handle, sent)
        has_last = f"{MASTER}_tlast" in self.ports
        done, unit = (int(rows[:, -1].sum()), "packets") if has_last else (len(rows), "beats")
        state = ", ".join(
            [
                f"{name} took {n} of {channel.beats} beats"
                for name, n, channel in zip(names, sent, slaves, strict=True)
            ]
            + [f"{MASTER} gave {done} of {outputs} {unit} ({len(rows)} beats)"]
        )
        what = {
            _TIMEOUT: f"nothing moved for {patience} cycles",
            _LEFTOVER: f"{MASTER} offers a beat after the last one expected",
            _FAULT: "error_o went high",
            _UNSTABLE: f"{MASTER} changed or withdrew a beat that waited for tready",
        }[outcome]
        return f"{self.name}, cycle {self.cycle}: {what}; {state}"

    def _record(self, channel: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        rows, cycles = ctypes.POINTER(ctypes.c_uint8)(), ctypes.POINTER(ctypes.c_int64)()
        n = self._library.hwsim_record(self._handle, channel, ctypes.byref(rows), ctypes.byref(cycles))
        if not n:
            return np.zeros((0, size), np.uint8), np.zeros(0, np.int64)
        return (
            np.ctypeslib.as_array(rows, (n, size)).copy() if size else np.zeros((n, 0), np.uint8),
            np.ctypeslib.as_array(cycles, (n,)).copy(),
        )

    def _channel(self, name: str, rows: np.ndarray | None = None) -> _Channel:
        names = [self._name(name, field) for field in _FIELDS]
        fields = [self._index.get(port, -1) for port in names]
        size = sum(map(self._bytes, names))
        beats, address = (0, 0) if rows is None else (len(rows), rows.ctypes.data)
        handshake = (self._port(self._name(name, field)) for field in ("tvalid", "tready"))
        return _Channel(*handshake, *fields, size, beats, address)

    def _name(self, stream: str, field: str) -> str:
        """The port of a field of an AXI-Stream, or of a channel of AXI-Lite, which spells them otherwise."""
        if f"{stream}_tvalid" in self.ports or f"{stream}valid" not in self.ports:
            return f"{stream}_{field}"
        data = "addr" if f"{stream}addr" in self.ports else "data"
        return stream + {"tdata": data, "tvalid": "valid", "tready": "ready"}.get(field, field)

    def _rows_of_stream(self, name: str, fields: Mapping[str, np.ndarray]) -> np.ndarray:
        ports = [field for field in _FIELDS if self._name(name, field) in self.ports]
        if sorted(ports) != sorted(fields):
            raise HwsimError(
                f"{self.name}: stream {name} has the fields {ports}; values came for {sorted(fields)}"
            )
        return np.ascontiguousarray(
            np.hstack([self._rows(self._name(name, field), fields[field]) for field in ports])
        )

    def _rows(self, name: str, values: np.ndarray) -> np.ndarray:
        self._port(name)
        port, values = self.ports[name], np.asarray(values)
        if values.ndim == 1:
            values = values[:, None]
        lanes = values.shape[-1]
        if lanes == 0 or port.width % lanes:
            raise HwsimError(f"{self.name}: {name} of {port.width} bits does not divide into {lanes} lanes")
        return pack(values, port.width // lanes, port.bytes)

    def _bytes(self, name: str) -> int:
        return self.ports[name].bytes if name in self.ports else 0

    def _port(self, name: str) -> int:
        if name not in self._index:
            raise HwsimError(f"{self.name} has no port {name}; its ports are {', '.join(self._index)}")
        return self._index[name]

    def _indices(self, names: list[str]) -> tuple[ctypes.Array[ctypes.c_int32], int]:
        return (ctypes.c_int32 * len(names))(*map(self._port, names)), len(names)
