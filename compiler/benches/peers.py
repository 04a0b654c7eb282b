"""Qiskit's transpiler on the ten rows of `translate.rs`: two-qubit gates and milliseconds of levels 1 and 3.

python3 -m venv v && v/bin/pip install qiskit==2.6.2 && v/bin/python compiler/benches/peers.py
"""

import pathlib
import statistics
import time

from qiskit import qasm2, transpile
from qiskit.transpiler import CouplingMap

DATA = pathlib.Path(__file__).parent / "../../tests/data/translate"
MAPS = {"line": CouplingMap.from_line(16), "heavy-hex": CouplingMap.from_heavy_hex(3)}
total = {1: 0.0, 3: 0.0}
for name in ["qft_16", "qpeexact_12", "qaoa_12", "graphstate_16", "randomcircuit_8"]:
    circuit = qasm2.load(DATA / f"{name}.qasm", custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    for label, coupling in MAPS.items():
        for level in (1, 3):
            counts, times = [], []
            for seed in range(6):
                begun = time.perf_counter()
                out = transpile(
                    circuit,
                    basis_gates=["cz", "rz", "sx", "x"],
                    coupling_map=coupling,
                    optimization_level=level,
                    seed_transpiler=seed,
                )
                # The first run warms up.
                if seed:
                    times.append(1e3 * (time.perf_counter() - begun))
                    counts.append(out.num_nonlocal_gates())
            total[level] += statistics.median(times)
            print(
                f"{name} on {label}, level {level}: {statistics.median(counts):.0f} gates, "
                f"{statistics.median(times):.1f} ms (least {min(times):.1f})"
            )
print(f"sum of medians: level 1 {total[1]:.0f} ms, level 3 {total[3]:.0f} ms")
