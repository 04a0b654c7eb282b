"""Writes qiskit-gates.json: the matrices of Qiskit's gates, to which hal/tests/gates.rs holds the table of gates.

    python3 -m venv venv && venv/bin/pip install qiskit==2.6.2 && venv/bin/python qiskit-gates.py > qiskit-gates.json

"library" has the matrices that Qiskit's gate classes give. "qelib1" has the matrices that come out when Qiskit
parses its own qelib1.inc as text, gate by gate, down to the built-in U and CX; they are up to a global phase.
Elements are row by row, real part then imaginary part; the first qubit is the lowest bit of row and column.
"""

import json
import pathlib
import re

import qiskit
import qiskit.qasm
from qiskit import qasm2
from qiskit.circuit import library as lib
from qiskit.quantum_info import Operator

ANGLES = [
    [0.7, -1.1, 2.3, 0.4],
    [-2.9, 0.3, -0.8, 5.1],
    [3.141592653589793, 1.5707963267948966, -0.7853981633974483, 1.0],
]

# Name in our table, Qiskit's gate, number of angles.
GATES = [
    ("gphase", lib.GlobalPhaseGate, 1), ("id", lib.IGate, 0), ("x", lib.XGate, 0), ("y", lib.YGate, 0),
    ("z", lib.ZGate, 0), ("h", lib.HGate, 0), ("s", lib.SGate, 0), ("sdg", lib.SdgGate, 0), ("t", lib.TGate, 0),
    ("tdg", lib.TdgGate, 0), ("sx", lib.SXGate, 0), ("sxdg", lib.SXdgGate, 0), ("p", lib.PhaseGate, 1),
    ("u1", lib.U1Gate, 1), ("rx", lib.RXGate, 1), ("ry", lib.RYGate, 1), ("rz", lib.RZGate, 1),
    ("r", lib.RGate, 2), ("u2", lib.U2Gate, 2), ("u3", lib.U3Gate, 3), ("u", lib.UGate, 3), ("cx", lib.CXGate, 0),
    ("cy", lib.CYGate, 0), ("cz", lib.CZGate, 0), ("ch", lib.CHGate, 0), ("cs", lib.CSGate, 0),
    ("csdg", lib.CSdgGate, 0), ("csx", lib.CSXGate, 0), ("csxdg", lambda: lib.CSXGate().inverse(), 0),
    ("cp", lib.CPhaseGate, 1), ("cu1", lib.CU1Gate, 1), ("crx", lib.CRXGate, 1), ("cry", lib.CRYGate, 1),
    ("crz", lib.CRZGate, 1), ("cu3", lib.CU3Gate, 3), ("cu", lib.CUGate, 4), ("swap", lib.SwapGate, 0),
    ("iswap", lib.iSwapGate, 0), ("iswapdg", lambda: lib.iSwapGate().inverse(), 0), ("ecr", lib.ECRGate, 0),
    ("rxx", lib.RXXGate, 1), ("ryy", lib.RYYGate, 1), ("rzz", lib.RZZGate, 1), ("rzx", lib.RZXGate, 1),
    ("ccx", lib.CCXGate, 0), ("ccz", lib.CCZGate, 0), ("cswap", lib.CSwapGate, 0), ("rccx", lib.RCCXGate, 0),
    ("c3x", lib.C3XGate, 0), ("c3sqrtx", lib.C3SXGate, 0), ("c3sqrtxdg", lambda: lib.C3SXGate().inverse(), 0),
    ("rc3x", lib.RC3XGate, 0), ("rc3xdg", lambda: lib.RC3XGate().inverse(), 0), ("c4x", lib.C4XGate, 0),
]


def row(name, angles, operator):
    elements = [figure for element in operator.data.flatten() for figure in (element.real, element.imag)]
    return {"name": name, "angles": angles, "elements": [0.0 if figure == 0 else figure for figure in elements]}


def from_library():
    for name, make, count in GATES:
        for angles in ANGLES[: 3 if count else 1]:
            yield row(name, angles[:count], Operator(make(*angles[:count])))


def from_qelib1():
    folder = pathlib.Path(list(qiskit.qasm.__path__)[0]) / "libs"
    text = (folder / "qelib1.inc").read_text()
    for name, params, qubits in re.findall(r"^gate (\w+)(?:\(([^)]*)\))? ([\w, ]+)", text, re.M):
        count = len(params.split(",")) if params else 0
        operands = ",".join(f"q[{index}]" for index in range(len(qubits.split(","))))
        for angles in ANGLES[: 3 if count else 1]:
            call = f"{name}({','.join(map(repr, angles[:count]))})" if count else name
            # The text itself and not an include: for that, the parser would take Qiskit's own classes.
            program = f"OPENQASM 2.0; {text} qreg q[{len(qubits.split(','))}]; {call} {operands};"
            circuit = qasm2.loads(program)
            yield row(name, angles[:count], Operator(circuit))


def lines(rows):
    return ",\n".join(json.dumps(row) for row in rows)


print(f'{{"qiskit": "{qiskit.__version__}",\n"library": [\n{lines(from_library())}\n],')
print(f'"qelib1": [\n{lines(from_qelib1())}\n]}}')
